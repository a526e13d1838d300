//! `systole compile`: a model to the accelerator's program, in a file.

use std::path::PathBuf;
use std::process::ExitCode;

use systole_isa::{HwConfig, config};

use crate::device::{DeviceSpec, parse_config};
use crate::logging;
use crate::model::ModelArgs;
use crate::output::{Output, check_writable, write_file};
use crate::view::program::Summary;

const EXAMPLES: &str = "\
Examples:
  systole compile --tokens 128 -o bert.prog     the built-in model for n16
  systole compile -m my.systole --config n32 --tokens 64 --batch 8 -o bert.prog
  systole inspect bert.prog                     what is in it

A program is for one configuration, one length in tokens (special tokens included) and one
batch. It is verified before it is written: no access out of bounds, no read of anything
unwritten, no race between units, no deadlock.";

/// Compile a model to a program for one length and batch
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    model: ModelArgs,

    /// The accelerator's configuration: n8, n16 or n32 [default: n16]
    #[arg(long, short, value_name = "NAME", value_parser = parse_config)]
    config: Option<&'static HwConfig>,

    /// The device to compile for, instead of a configuration: sim, sim:n8, rtl:n16, or a board, which is asked
    #[arg(long, short, value_name = "DEVICE", conflicts_with = "config")]
    device: Option<DeviceSpec>,

    /// Length of each sequence in tokens
    #[arg(long, short = 'n', value_name = "N")]
    tokens: u32,

    /// Number of sequences
    #[arg(long, short, default_value_t = 1, value_name = "N")]
    batch: u32,

    /// Where to write the program
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,

    /// One JSON object instead of a line
    #[arg(long)]
    json: bool,
}

impl Args {
    /// Runs the command.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        logging::install(None)?;
        check_writable(&self.output)?;
        let device = self.device.as_ref().map(DeviceSpec::config).transpose()?;
        let config = self.config.or(device).unwrap_or(&config::N16);
        let loaded = self.model.load()?;
        let program = systole_runtime::compile::compile(&loaded.model.encoder, config, self.tokens, self.batch)?;
        let program = systole_driver::verify(program).map_err(systole_runtime::Error::from)?;
        let bytes = program.to_bytes();
        write_file(&self.output, &bytes)?;
        let name = self.output.to_string_lossy();
        let summary = Summary::new(&name, bytes.len() as u64, &program, &program.statistics()?);
        let mut out = Output::new();
        if self.json {
            out.json(&summary)?;
        } else {
            out.line(summary.headline())?;
        }
        out.flush()?;
        Ok(ExitCode::SUCCESS)
    }
}
