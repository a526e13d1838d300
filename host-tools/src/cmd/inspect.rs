//! `systole inspect`: what a program file holds.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::anyhow;
use systole_driver::Program;
use systole_isa::Unit;

use crate::input::slurp;
use crate::logging;
use crate::output::{Output, plain};
use crate::view::program::{Summary, label};

const EXAMPLES: &str = "\
Examples:
  systole compile --tokens 64 -o bert.prog && systole inspect bert.prog
  systole inspect bert.prog --layers                  every layer by itself
  systole inspect bert.prog --disassemble | less
  systole inspect bert.prog --json | jq '.operations[] | select(.layer == 0)'";

/// Show what a program holds: sizes, regions, and the work of each operation
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// A file of `systole compile`
    #[arg(value_name = "PROGRAM")]
    program: PathBuf,

    /// List each layer's operations instead of their sum over the layers
    #[arg(long)]
    layers: bool,

    /// One JSON object with everything, by layer
    #[arg(long)]
    json: bool,

    /// List the instructions instead
    #[arg(long, conflicts_with_all = ["json", "layers"])]
    disassemble: bool,
}

impl Args {
    /// Runs the command.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        logging::install(None)?;
        let bytes = slurp(&self.program)?;
        let refused = |e: systole_driver::ProgramError| anyhow!("{}: {e}", self.program.display());
        let program = Program::from_bytes(&bytes).map_err(refused)?;
        let statistics = program.statistics().map_err(refused)?;
        let mut out = Output::new();
        if self.disassemble {
            disassemble(&mut out, &program).map_err(|e| match e.downcast() {
                Ok(e) => refused(e),
                Err(other) => other,
            })?;
        } else {
            let name = self.program.to_string_lossy();
            let summary = Summary::new(&name, bytes.len() as u64, &program, &statistics);
            if self.json { out.json(&summary)? } else { summary.show(&mut out, self.layers)? }
        }
        out.flush()?;
        Ok(ExitCode::SUCCESS)
    }
}

fn disassemble(out: &mut Output, program: &Program) -> anyhow::Result<()> {
    for (index, instruction) in program.instructions().enumerate() {
        let instruction = instruction?;
        let unit = instruction.op.unit();
        // Each unit has a column of its own for its mnemonics, so that overlap can be seen.
        let indent = Unit::QUEUED.iter().position(|u| *u == unit).unwrap_or(0) * 2;
        let text = format!("{index:7}  {:indent$}{instruction}", "");
        match usize::from(instruction.sync.tag).checked_sub(1).and_then(|t| program.tags.get(t)) {
            Some(tag) => out.line(format_args!("{text}  ; {}", plain(&label(tag.layer, &tag.op))))?,
            None => out.line(text)?,
        }
    }
    Ok(())
}
