//! `systole virtual-board test`: the driver on a real kernel.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{anyhow, bail};

use super::serve::Backend;
use crate::failure::{self, Kind};
use crate::guest::fetch::Parts;
use crate::guest::run::{self, Guest, Served};
use crate::guest::trial::{PIN_CARD, TRIALS, Trial};
use crate::guest::verdict::judge;
use crate::guest::{initramfs, tool};
use crate::interrupted;
use crate::logging;
use crate::output::Output;
use crate::view::guest::show;

const HELP: &str = "\
QEMU, from 10.1, and a kernel are fetched once by apt-get, by name, into SYSTOLE_CACHE or ~/.cache/systole; the system's own
packages stay as they are. Elsewhere set SYSTOLE_QEMU, SYSTOLE_KERNEL (its image) and SYSTOLE_MODULES (its directory
below /lib/modules). A mirror of Debian other than the system's is named by SYSTOLE_DEBIAN.

Exit codes: 0 all cases passed, 1 some did not, 2 no guest could be started.";

/// Boot Linux with virtual cards behind an IOMMU and try the driver on them, over every transport
///
/// In the guest the conformance suite and the built-in model run over each transport, and every byte is compared with the
/// simulator.
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub struct Args {
    /// What to try: vfio, vfio-card-memory, vfio-intx, resource, resource-card-memory, uio, uio-maps, mem, uio-platform; by
    /// default all but the last two, which need --fixture
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', hide_possible_values = true)]
    transports: Option<Vec<Trial>>,

    /// What computes on the cards, such as sim:n8 or rtl:n8
    #[arg(long, value_name = "NAME", default_value = "sim")]
    backend: Backend,

    /// Have the cards misbehave, as `virtual-board --faults` does
    #[arg(long, value_name = "SPEC")]
    faults: Option<String>,

    /// A module for this kernel that shows the card as a part of the chip; mem and uio-platform need it
    #[arg(long, value_name = "FILE")]
    fixture: Option<PathBuf>,

    /// Keep the guest's console and the logs of the cards
    #[arg(long)]
    keep: bool,

    /// One JSON object instead of a table
    #[arg(long)]
    json: bool,
}

impl Args {
    /// Runs the command.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        logging::install(None)?;
        if cfg!(not(target_arch = "x86_64")) {
            bail!("the guest is an x86-64 machine that runs this very program; use a systole for x86-64");
        }
        let trials = self.trials()?;
        let parts = Parts::find()?;
        parts.emulator.check()?;
        // The RTL is translated and compiled here, once, and not while a guest waits for its cards.
        drop(self.backend.open()?);
        let image = initramfs::build(&parts.modules, self.fixture.as_deref())?;
        let directory = tempfile::Builder::new().prefix("systole-guest-").tempdir();
        let mut directory = directory.map_err(|e| anyhow!("no temporary directory: {e}; set TMPDIR"))?;
        directory.disable_cleanup(self.keep);
        let names: Vec<&str> = trials.iter().map(|t| t.name).collect();
        let arguments = format!("virtual-board guest --transports {}", names.join(","));
        let guest = Guest {
            initramfs: &image,
            cards: &self.cards(&trials),
            reserved: self.fixture.is_some(),
            arguments: &arguments,
        };
        let _hold = interrupted::hold(format!("{} is left behind", directory.path().display()));
        let ended = run::boot(&parts, &guest, directory.path())?;
        let expected: Vec<_> = trials.iter().map(|t| (t.name, t.cases())).collect();
        let verdict = judge(&ended.console, ended.status, &expected);
        let passed = verdict.objections.is_empty();
        directory.disable_cleanup(self.keep || !passed);
        if verdict.kernel.is_none() {
            bail!("the guest did not start: {}", why(directory.path()));
        }
        let mut out = Output::new();
        if self.json {
            let seconds = ended.elapsed.as_secs_f64();
            out.json(&serde_json::json!({ "passed": passed, "seconds": seconds, "verdict": verdict }))?;
        } else {
            show(&mut out, &verdict, &trials, ended.elapsed)?;
        }
        if self.keep && !self.json {
            out.line(format_args!("console and logs are in {}", directory.path().display()))?;
        }
        out.flush()?;
        if passed {
            return Ok(ExitCode::SUCCESS);
        }
        let console = directory.path().join(run::CONSOLE);
        let message = format!("{}; its console is in {}", verdict.objections.join("; "), console.display());
        Ok(failure::report(Kind::Check, &message))
    }

    fn trials(&self) -> anyhow::Result<Vec<Trial>> {
        let fixture = self.fixture.is_some();
        let Some(wanted) = &self.transports else {
            return Ok(TRIALS.into_iter().filter(|t| fixture || !t.fixture).collect());
        };
        if let Some(without) = wanted.iter().find(|t| t.fixture && !fixture) {
            bail!("{} needs a module that shows the card as a part of the chip; name it with --fixture", without.name);
        }
        Ok(wanted.clone())
    }

    /// The cards that the trials need.
    fn cards(&self, trials: &[Trial]) -> Vec<Served> {
        let mut slots: Vec<u8> = trials.iter().map(|t| t.slot).collect();
        slots.sort_unstable();
        slots.dedup();
        let card = |slot| {
            let mut arguments = vec!["--report-faults".to_owned(), "--backend".to_owned(), self.backend.to_string()];
            if slot == PIN_CARD {
                arguments.extend(["--interrupt", "pin", "--memory", "0"].map(str::to_owned));
            }
            if let Some(faults) = &self.faults {
                arguments.extend(["--faults".to_owned(), faults.clone()]);
            }
            Served { slot, arguments }
        };
        slots.into_iter().map(card).collect()
    }
}

/// The ends of the logs that may say why a guest did not start.
fn why(directory: &Path) -> String {
    let ends = [run::CONSOLE, run::QEMU_LOG].map(|name| {
        let log = directory.join(name);
        format!("{} ends: {}", log.display(), tool::last_lines(&log))
    });
    ends.join("; ")
}
