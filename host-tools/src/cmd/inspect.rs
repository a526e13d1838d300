//! `systole inspect`: what a program file holds, or a model.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{anyhow, bail};
use systole_driver::Program;
use systole_isa::Unit;
use systole_runtime::checkpoint::FileKind;
use systole_runtime::quantize::QuantizedModel;

use crate::input::slurp;
use crate::logging;
use crate::model::{self, Source};
use crate::output::{Output, plain};
use crate::view::card::Card;
use crate::view::program::{Summary, label};

const EXAMPLES: &str = "\
Examples:
  systole compile --tokens 64 -o bert.prog && systole inspect bert.prog
  systole inspect bert.prog --layers                  every layer by itself
  systole inspect bert.prog --disassemble | less
  systole inspect bert.prog --json | jq '.operations[] | select(.layer == 0)'
  systole inspect my.systole                          the model's card: what made it, of what, how accurate it is
  systole inspect sentence-transformers/all-MiniLM-L6-v2 --json | jq .supported";

/// Show what a program holds: sizes, regions, work; or a model's card: dimensions, origin, accuracy, settings
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// A file of `systole compile` or `systole quantize`, a checkpoint directory, or a model id of the Hugging Face hub
    ///
    /// Without it, the model inside this program.
    #[arg(value_name = "FILE|DIR|ID")]
    subject: Option<String>,

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
        // A pipe, or what else can be read and is no file.
        let stream = self.subject.as_deref().map(Path::new).filter(|p| p.exists() && !p.is_dir() && !p.is_file());
        if let Some(path) = stream {
            return self.file(path);
        }
        match model::source(self.subject.as_deref())? {
            Source::BuiltIn => {
                let size = model::BUILT_IN.len() as u64;
                self.card(&Card::quantized(model::BUILT_IN_NAME, size, &model::built_in()?))
            }
            Source::Checkpoint(directory) => {
                let name = self.subject.clone().unwrap_or_default();
                self.card(&Card::checkpoint(&name, &directory)?)
            }
            Source::Quantized(path) => self.file(&path),
        }
    }

    fn file(&self, path: &Path) -> anyhow::Result<ExitCode> {
        let bytes = slurp(path)?;
        if !QuantizedModel::is_quantized(&bytes) {
            return match FileKind::of(&bytes) {
                kind if kind.is_another() && kind != FileKind::Program => {
                    bail!("{} is {kind}; {}", path.display(), kind.remedy())
                }
                _ => self.program(path, &bytes),
            };
        }
        let model = QuantizedModel::from_bytes(&bytes, path)?;
        self.card(&Card::quantized(&path.to_string_lossy(), bytes.len() as u64, &model))
    }

    fn card(&self, card: &Card) -> anyhow::Result<ExitCode> {
        if self.layers || self.disassemble {
            bail!(
                "this is a model; --layers and --disassemble are for the programs that `systole compile` makes of it"
            );
        }
        let mut out = Output::new();
        if self.json {
            out.json(card)?
        } else {
            card.show(&mut out)?
        }
        out.flush()?;
        Ok(ExitCode::SUCCESS)
    }

    fn program(&self, path: &Path, bytes: &[u8]) -> anyhow::Result<ExitCode> {
        let refused = |e: systole_driver::ProgramError| anyhow!("{}: {e}", path.display());
        let program = Program::from_bytes(bytes).map_err(refused)?;
        let statistics = program.statistics().map_err(refused)?;
        let mut out = Output::new();
        if self.disassemble {
            disassemble(&mut out, &program).map_err(|e| match e.downcast() {
                Ok(e) => refused(e),
                Err(other) => other,
            })?;
        } else {
            let name = path.to_string_lossy();
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
