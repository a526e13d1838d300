//! `systole program`: loads a bitstream, after judging it, and tests what answers then.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::bail;
use systole_bitgen::bitstream::{self, Bundle, self_test};
use systole_driver::{Engine, transport};
use systole_isa::HwConfig;

use crate::device::{self, DeviceSpec, kernel};
use crate::failure::{self, Kind};
use crate::identity::Identity;
use crate::loader::{self, Plan, Via};
use crate::logging;
use crate::output::{Output, plain};
use crate::verilated_args::VerilatedArgs;

const EXAMPLES: &str = "\
Examples:
  systole program n8-ecp5-85k --dry-run           judge it, and show the command
  systole program n8-ecp5-85k                     load it with openFPGALoader
  systole program ./bundle --device uio:0         load it, then identify the board there and run the self-test

Before: the bitstream's SHA-256, the part, the contract, the slack, and that the self-test is this program's. After, with
--device: the build that answers is the bundle's, and the self-test gives the simulator's bytes. ULX3S and ECPIX-5
are reached over a serial line, which is none of the driver's ways: nothing is checked there afterwards.
--json writes {\"bundle\", \"command\", \"loaded\", \"identified\", \"self_test\"}; the last two are null without --device.
Exit code 2 when it must not or cannot be loaded, 1 when it was and the wrong thing answers.";

/// Load a bitstream onto a board, checked before and after
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// A bundle's directory, the beginning of its name, or of its key
    #[arg(value_name = "BUNDLE")]
    bundle: String,
    /// How to load it; otherwise as its part is loaded
    #[arg(long, value_enum, value_name = "WAY")]
    via: Option<Via>,
    /// openFPGALoader's name of the board, if not the bundle's: ecpix5_r03 for an ECPIX-5 of the third revision
    #[arg(long, value_name = "NAME", value_parser = loader::parse_board)]
    board: Option<String>,
    /// Where the board answers once it is loaded
    #[arg(long, short, value_name = "DEVICE", help = device::HELP)]
    device: Option<DeviceSpec>,
    /// Judge it and show the command, but load nothing
    #[arg(long)]
    dry_run: bool,
    /// One JSON object instead of text
    #[arg(long)]
    json: bool,
}

impl Args {
    /// Runs the command.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        logging::install(None)?;
        let bundle = bitstream::verify(&self.bundle)?;
        check_self_test(&bundle)?;
        let plan = Plan::new(&kernel(), &bundle, self.via, self.board.as_deref())?;
        if let Some(DeviceSpec::Board(location)) = &self.device {
            // Not after loading: whoever mistyped the address should learn it while nothing has changed.
            transport::refuse_foreign(&kernel(), location)?;
        }
        let mut out = Output::new();
        let started = Instant::now();
        if !self.dry_run {
            plan.execute()?;
        }
        let device = self.device.as_ref().filter(|_| !self.dry_run);
        let answer = device.map(|device| answers(device, &bundle)).transpose()?;
        if self.json {
            out.json(&serde_json::json!({
                "bundle": bundle.directory, "command": plan.to_string(), "loaded": !self.dry_run,
                "identified": answer.as_ref().map(|a| a.identified), "self_test": answer.as_ref().and_then(|a| a.self_test),
            }))?;
        } else {
            let directory = bundle.directory.to_string_lossy();
            out.line(format_args!("{} may be loaded: content, part, contract, slack, self-test", plain(&directory)))?;
            out.line(plain(&plan.to_string()))?;
            match (self.dry_run, device, &answer) {
                (true, ..) => out.line("not loaded: --dry-run")?,
                (false, Some(device), Some(Answer { problem: None, .. })) => {
                    let build = bundle.manifest.build_id;
                    out.line(format_args!("loaded; {device} is build {build:08x} and passes its self-test"))?;
                }
                (false, Some(_), _) => out.line("loaded")?,
                (false, None, _) => out.line(format_args!(
                    "loaded in {:.1} s, not identified: give --device to have it tested",
                    started.elapsed().as_secs_f64()
                ))?,
            }
        }
        out.flush()?;
        match answer.and_then(|a| a.problem) {
            None => Ok(ExitCode::SUCCESS),
            Some(problem) => Ok(failure::report(Kind::Check, &problem)),
        }
    }
}

/// A bundle whose self-test is another program's says nothing about this one.
fn check_self_test(bundle: &Bundle) -> anyhow::Result<()> {
    let name = &bundle.manifest.config;
    let Some(config) = HwConfig::by_name(name) else {
        bail!("{}: no configuration is called {name}; build it again", bundle.directory.display());
    };
    let expected = self_test::digest(config);
    if bundle.manifest.self_test != expected {
        bail!(
            "{}: its self-test is SHA-256 {}, that of this systole {expected}; build it again: systole bitstream build \
             --config {name} --target {}",
            bundle.directory.display(),
            bundle.manifest.self_test,
            bundle.manifest.target
        );
    }
    Ok(())
}

/// Who answers after loading, and whether it works.
struct Answer {
    identified: bool,
    /// `None` when the wrong one answers, which is not tested.
    self_test: Option<bool>,
    problem: Option<String>,
}

fn answers(device: &DeviceSpec, bundle: &Bundle) -> anyhow::Result<Answer> {
    let mut opened = device.open(&VerilatedArgs::default())?;
    opened.tell();
    let identity = Identity::read(&mut *opened.device)?;
    if identity.build_id != bundle.manifest.build_id || opened.config.name != bundle.manifest.config {
        let problem = Some(format!(
            "{device} answers as {identity}, and the bundle is {}, build {:08x}; check that this is the board that was loaded",
            bundle.manifest.config, bundle.manifest.build_id
        ));
        return Ok(Answer { identified: false, self_test: None, problem });
    }
    let program = self_test::verified(opened.config)?;
    let mut simulator = Engine::open(Box::new(systole_sim::Simulator::new(opened.config)))?;
    let (expected, _) = self_test::run(&mut simulator, &program)?;
    let (found, _) = self_test::run(&mut Engine::open(opened.device)?, &program)?;
    let (wrong, of) = (expected.iter().zip(&found).filter(|(a, b)| a != b).count(), expected.len());
    let problem = (wrong > 0).then(|| {
        format!("{device} fails its self-test: {wrong} of {of} bytes are wrong; check its clock and memory, or load it again")
    });
    Ok(Answer { identified: true, self_test: Some(wrong == 0), problem })
}
