//! `systole rtl`: the accelerator's SystemVerilog.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::anyhow;
use systole_bitgen::bitstream::self_test;
use systole_bitgen::emit;
use systole_driver::Engine;
use systole_isa::{HwConfig, config};

use crate::device::{DeviceSpec, parse_config};
use crate::failure::Kind;
use crate::logging;
use crate::output::{Output, plain};
use crate::verilated_args::VerilatedArgs;

const EXAMPLES: &str = "\
Examples:
  systole rtl emit --config n8 -o rtl      the files, and systole.f with their order
  systole rtl lint                         Verilator with every warning on; exit code 1 if it warns
  systole rtl sim --config n8              one tile through the Verilated design and the simulator: equal?
  systole rtl sim --config n8 --vcd tile.vcd --cycles 0..2000";

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
        /// The accelerator's configuration, n8, n16 or n32; otherwise all of them
        #[arg(long, short, value_name = "NAME", value_parser = parse_config)]
        config: Option<&'static HwConfig>,
        /// Keep the files that are checked, those of each configuration in a directory of its name below this one
        #[arg(long, short, value_name = "DIR")]
        output: Option<PathBuf>,
        /// One JSON object a configuration instead of text
        #[arg(long)]
        json: bool,
    },
    /// Run the self-test program on the design and on the simulator, and compare
    Sim {
        /// The accelerator's configuration: n8, n16 or n32
        #[arg(long, short, value_name = "NAME", value_parser = parse_config)]
        config: &'static HwConfig,
        /// One JSON object instead of a line
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        rtl: VerilatedArgs,
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
            Action::Lint { config, output, json } => lint(&mut out, config, output.as_deref(), json)?,
            Action::Sim { config, json, rtl } => sim(&mut out, config, &rtl, json)?,
        };
        out.flush()?;
        Ok(if good { ExitCode::SUCCESS } else { ExitCode::from(Kind::Check.code()) })
    }
}

/// Lints one configuration or all, in a directory that is kept or in one that is not.
fn lint(out: &mut Output, one: Option<&HwConfig>, kept: Option<&Path>, json: bool) -> anyhow::Result<bool> {
    let temporary = match kept {
        Some(_) => None,
        None => Some(tempfile::tempdir().map_err(|e| anyhow!("no temporary directory: {e}; set TMPDIR, or give -o"))?),
    };
    let root = kept.or(temporary.as_ref().map(|t| t.path())).unwrap_or(Path::new("."));
    let mut clean = true;
    for config in config::NAMED.into_iter().filter(|c| one.is_none_or(|one| one.id == c.id)) {
        let findings = emit::lint(config, &root.join(config.name))?;
        clean &= findings.is_empty();
        if json {
            out.json(&serde_json::json!({ "config": config.name, "findings": findings }))?;
        } else {
            for finding in &findings {
                out.line(plain(finding))?;
            }
            out.line(format_args!("{}: {} findings", config.name, findings.len()))?;
        }
        // One configuration is checked for many seconds.
        out.flush()?;
    }
    Ok(clean)
}

fn sim(out: &mut Output, config: &'static HwConfig, rtl: &VerilatedArgs, json: bool) -> anyhow::Result<bool> {
    let program = self_test::verified(config).map_err(|e| anyhow!("the self-test program is refused: {e}"))?;
    let device = DeviceSpec::Rtl(config);
    rtl.check(&device)?;
    let mut rtl = Engine::open(device.open(rtl)?.device)?;
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
