//! `systole rtl`: the accelerator's SystemVerilog.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::anyhow;
use systole_bitgen::bitstream::self_test;
use systole_bitgen::emit;
use systole_bitgen::verilated::{self, Options, Waveform};
use systole_driver::Engine;
use systole_isa::HwConfig;

use crate::device::parse_config;
use crate::failure::CHECK_FAILED;
use crate::logging;
use crate::output::{Output, plain};

const EXAMPLES: &str = "\
Examples:
  systole rtl emit --config n8 -o rtl      the files, and systole.f with their order
  systole rtl lint --config n16            Verilator with every warning on; exit code 1 if it warns
  systole rtl sim --config n8              one tile through the Verilated design and the simulator: equal?
  systole rtl sim --config n8 --wave tile.vcd";

/// Write, check and simulate the accelerator's SystemVerilog
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Write the files of a configuration
    Emit {
        /// The accelerator's configuration: n8, n16 or n32
        #[arg(long, short, value_name = "NAME", value_parser = parse_config)]
        config: &'static HwConfig,
        /// Directory to write to
        #[arg(long, short, value_name = "DIR")]
        output: PathBuf,
        /// One JSON object instead of a line
        #[arg(long)]
        json: bool,
    },
    /// Check the files with Verilator
    Lint {
        /// The accelerator's configuration: n8, n16 or n32
        #[arg(long, short, value_name = "NAME", value_parser = parse_config)]
        config: &'static HwConfig,
        /// Where to write the files that are checked
        #[arg(long, short, value_name = "DIR", default_value = "systole-rtl")]
        output: PathBuf,
        /// One JSON object instead of text
        #[arg(long)]
        json: bool,
    },
    /// Run the self-test program on the design and on the simulator, and compare
    Sim {
        /// The accelerator's configuration: n8, n16 or n32
        #[arg(long, short, value_name = "NAME", value_parser = parse_config)]
        config: &'static HwConfig,
        /// Record the waveform: .vcd or .fst
        #[arg(long, value_name = "FILE")]
        wave: Option<PathBuf>,
        /// One JSON object instead of a line
        #[arg(long)]
        json: bool,
    },
}

impl Args {
    /// Runs the command.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        logging::install(None)?;
        let mut out = Output::new();
        let good = match self.action {
            Action::Emit { config, output, json } => {
                let files = emit::emit(config, &output)?;
                if json {
                    out.json(&serde_json::json!({ "config": config.name, "directory": output, "files": files }))?;
                } else {
                    let directory = output.to_string_lossy();
                    out.line(format_args!(
                        "{} files in {}, listed in {}",
                        files.len(),
                        plain(&directory),
                        emit::FILE_LIST
                    ))?;
                }
                true
            }
            Action::Lint { config, output, json } => {
                let findings = emit::lint(config, &output)?;
                if json {
                    out.json(&serde_json::json!({ "config": config.name, "findings": findings }))?;
                } else {
                    for finding in &findings {
                        out.line(plain(finding))?;
                    }
                    out.line(format_args!("{}: {} findings", config.name, findings.len()))?;
                }
                findings.is_empty()
            }
            Action::Sim { config, wave, json } => sim(&mut out, config, wave, json)?,
        };
        out.flush()?;
        Ok(if good { ExitCode::SUCCESS } else { ExitCode::from(CHECK_FAILED) })
    }
}

fn sim(out: &mut Output, config: &'static HwConfig, wave: Option<PathBuf>, json: bool) -> anyhow::Result<bool> {
    let program = self_test::verified(config).map_err(|e| anyhow!("the self-test program is refused: {e}"))?;
    let waveform = wave.map(|path| Waveform { path, cycles: 0..1_000_000 });
    let options = Options { waveform, ..Options::default() };
    let mut rtl = Engine::open(verilated::open(config, &options)?)?;
    let mut simulator = Engine::open(Box::new(systole_sim::Simulator::new(config)))?;
    let (got, report) = self_test::run(&mut rtl, &program)?;
    let (expected, _) = self_test::run(&mut simulator, &program)?;
    let (equal, cycles) = (got == expected, report.cycles.unwrap_or_default());
    if json {
        let digest = self_test::digest(config);
        out.json(&serde_json::json!({ "config": config.name, "program": digest, "cycles": cycles, "equal": equal }))?;
    } else {
        let verdict = if equal { "equal to the simulator" } else { "DIFFERENT from the simulator" };
        out.line(format_args!("{}: one tile in {cycles} cycles, {} bytes {verdict}", config.name, got.len()))?;
    }
    Ok(equal)
}
