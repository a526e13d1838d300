//! `systole probe`: which boards there are, and who answers on each.

use std::process::ExitCode;

use serde::Serialize;
use systole_driver::transport::{self, Candidate, Kernel, TransportError, Watched};

use crate::device::{kernel, open_board};
use crate::identity::{Identity, IdentityJson};
use crate::logging;
use crate::output::{Output, plain};
use crate::view::table::table;

const EXAMPLES: &str = "\
Examples:
  systole probe
  systole probe --json | jq -r 'select(.identity.usable) | .location'
  systole run --device auto            takes the first that answers

A card is looked at without being reset; where the kernel refuses a second look (CONFIG_IO_STRICT_DEVMEM), one that no
process holds is opened for a moment, which stops its engine.
--json writes one object a card: {\"location\", \"name\", \"driver\", \"way\", \"owner\", \"in_use\", \"identity\", \"problem\"}, with
identity {\"magic\", \"contract\", \"config\", \"build_id\", \"usable\"} or null. Exit code 0, also when there is none.";

/// List the boards of this machine and who answers on them
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// One JSON object a card instead of a table
    #[arg(long)]
    json: bool,
}

/// A card as `--json` has it.
#[derive(Serialize)]
struct Line {
    location: String,
    name: String,
    driver: Option<String>,
    way: Option<String>,
    owner: Option<u32>,
    in_use: bool,
    identity: Option<IdentityJson>,
    problem: Option<String>,
}

impl Args {
    /// Runs the command.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        logging::install(None)?;
        let kernel = kernel();
        let mut out = Output::new();
        let candidates = transport::probe(&kernel);
        let mut rows = table(&["location", "driver", "way", "who answers", "state"]);
        let none = candidates.is_empty();
        for candidate in candidates {
            let identity = match &candidate.way {
                Ok(_) => identity(&kernel, &candidate),
                Err(_) => Err(anyhow::anyhow!("")),
            };
            let line = line(candidate, identity);
            if self.json {
                out.json(&line.0)?;
            } else {
                let (line, who) = line;
                let driver = line.driver.as_deref().unwrap_or("none");
                let state = match (&line.problem, line.in_use, line.owner) {
                    (Some(problem), _, _) => problem.clone(),
                    (None, true, Some(pid)) => format!("in use by process {pid}"),
                    (None, true, None) => "in use".to_owned(),
                    (None, false, _) => "free".to_owned(),
                };
                let way = line.way.as_deref().unwrap_or("none");
                rows.add_row([&line.location, driver, way, &who, &state].map(|cell| plain(cell).into_owned()));
            }
        }
        if none && !self.json {
            out.line("no board; `systole doctor` says what is missing, `systole virtual-board` serves one to QEMU")?;
        } else if !self.json {
            out.line(rows)?;
        }
        out.flush()?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Reads who answers, beside the owner if there is one.
fn identity(kernel: &Kernel, candidate: &Candidate) -> anyhow::Result<Identity> {
    let watched = Watched::open(kernel, &candidate.location).map_err(anyhow::Error::from);
    let looked = watched.and_then(|mut device| Ok(Identity::read(&mut device)?));
    match looked {
        // A card that sleeps reads as ones until it is opened.
        Ok(identity) if identity.magic == systole_isa::register::MAGIC_VALUE => Ok(identity),
        looked if !candidate.is_free() => looked,
        _ => {
            let mut device = open_board(kernel, &candidate.location, transport::Options::default())?;
            Ok(Identity::read(&mut *device)?)
        }
    }
}

fn line(candidate: Candidate, identity: anyhow::Result<Identity>) -> (Line, String) {
    let in_use = candidate.owner.is_some();
    let (way, unreachable) = match candidate.way {
        Ok(way) => (Some(way.to_string()), None),
        Err(error) => (None, Some(error)),
    };
    let problem = match (&unreachable, &identity) {
        (Some(error), _) => Some(TransportError::to_string(error)),
        (None, Ok(identity)) => identity.usable().err().map(|e| e.to_string()),
        (None, Err(error)) => Some(error.to_string()),
    };
    let who = identity.as_ref().map_or("nobody".to_owned(), ToString::to_string);
    let line = Line {
        location: candidate.location.to_string(),
        name: candidate.name,
        driver: candidate.driver,
        way,
        owner: candidate.owner.flatten(),
        in_use,
        identity: identity.ok().map(|i| i.json()),
        problem,
    };
    (line, who)
}
