//! `systole quantize`: a checkpoint to the accelerator's integers, in a file.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::bail;
use serde::Serialize;
use systole_runtime::accuracy::Effort;
use systole_runtime::checkpoint::{Checkpoint, Fate, TensorReport, weight_files};
use systole_runtime::quantize::Accuracy;

use crate::accuracy;
use crate::logging;
use crate::model::{QuantizeArgs, checkpoint_directory, scales_name};
use crate::output::{Output, check_writable, drafting, plain};
use crate::view::table::table;
use crate::view::units::{bytes, duration};
use crate::view::{dim, heading};

const EXAMPLES: &str = "\
Examples:
  systole quantize ./my-checkpoint -o my.systole
  systole quantize sentence-transformers/all-MiniLM-L6-v2 -o minilm.systole --scales dynamic
  systole quantize ./my-checkpoint -o my.systole --calibration typical-texts.txt
  systole run --model my.systole --reference ./my-checkpoint --check fp32

A fifth of the calibration texts is held out and shows how close the model comes to fp32; below --accept-accuracy no file
is written. The file is a safetensors container with all that `run` and `compile` need, tokenizer included.";

/// Quantize a checkpoint to a file, and list what became of each tensor
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// A checkpoint directory or a model id of the Hugging Face hub
    #[arg(value_name = "DIR|ID")]
    checkpoint: String,

    /// Where to write the quantized model
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,

    #[command(flatten)]
    how: QuantizeArgs,

    /// One JSON object instead of a table
    #[arg(long)]
    json: bool,
}

/// What `--json` reports.
#[derive(Serialize)]
struct Done<'a> {
    output: &'a str,
    bytes: u64,
    checkpoint_bytes: u64,
    scales: &'static str,
    layers: u32,
    hidden: u32,
    tensors: Vec<Tensor<'a>>,
    accuracy: Option<&'a Accuracy>,
}

#[derive(Serialize)]
struct Tensor<'a> {
    name: &'a str,
    dtype: &'a str,
    shape: &'a [usize],
    /// The encoder's parameter, if it is one.
    parameter: Option<&'a str>,
    /// Why it was left out, if it was.
    ignored: Option<&'static str>,
}

impl<'a> From<&'a TensorReport> for Tensor<'a> {
    fn from(report: &'a TensorReport) -> Self {
        let TensorReport { name, dtype, shape, fate } = report;
        let (parameter, ignored) = match fate {
            Fate::Mapped(parameter) => (Some(parameter.as_str()), None),
            // A checkpoint with a refused tensor does not open.
            Fate::Ignored(reason) | Fate::Refused(reason) => (None, Some(*reason)),
        };
        Self { name, dtype, shape, parameter, ignored }
    }
}

impl Args {
    /// Runs the command.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        logging::install(None)?;
        check_writable(&self.output)?;
        let start = Instant::now();
        let directory = checkpoint_directory(&self.checkpoint)?;
        let split = self.how.split()?;
        let checkpoint = Checkpoint::open(&directory)?;
        let model = self.how.quantize(&checkpoint, &split, Effort::FULL)?;
        self.how.judge(&model, &split)?;
        let hold = drafting(&self.output);
        model.save(&self.output)?;
        drop(hold);
        let Ok(size) = self.output.metadata().map(|m| m.len()) else {
            bail!("{} vanished after it was written; check the disk", self.output.display());
        };

        let shape = model.encoder.shape;
        let done = Done {
            output: &self.output.to_string_lossy(),
            bytes: size,
            checkpoint_bytes: weight_files(&directory)?.iter().filter_map(|f| f.metadata().ok()).map(|m| m.len()).sum(),
            scales: scales_name(shape.scales),
            layers: shape.layers,
            hidden: shape.hidden,
            tensors: checkpoint.tensors.iter().map(Tensor::from).collect(),
            accuracy: model.accuracy.as_ref(),
        };
        let mut out = Output::new();
        if self.json {
            out.json(&done)?;
        } else {
            done.show(&mut out)?;
            out.line(format_args!("in {}", duration(start.elapsed())))?;
        }
        out.flush()?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Done<'_> {
    fn show(&self, out: &mut Output) -> std::io::Result<()> {
        let mut table = table(&["tensor", "type", ">shape", "fate"]);
        for Tensor { name, dtype, shape, parameter, ignored } in &self.tensors {
            let shape = shape.iter().map(usize::to_string).collect::<Vec<_>>().join(" x ");
            let fate = match (parameter, ignored) {
                (Some(parameter), _) if name.ends_with(parameter) => "mapped".to_owned(),
                (Some(parameter), _) => format!("mapped to {parameter}"),
                (None, reason) => format!("ignored: {}", reason.unwrap_or_default()),
            };
            table.add_row([plain(name).into_owned(), (*dtype).to_owned(), shape, plain(&fate).into_owned()]);
        }
        out.line(table.trim_fmt())?;
        let ignored = self.tensors.iter().filter(|t| t.parameter.is_none()).count();
        out.line(dim(&format!("{} tensors mapped, {ignored} ignored", self.tensors.len() - ignored)))?;
        let (from, to) = (bytes(self.checkpoint_bytes), bytes(self.bytes));
        let described = format!("{} layers x {}, INT8, {} scales", self.layers, self.hidden, self.scales);
        out.line(format_args!("\n{}  {described}: {from} became {to}", heading(&plain(self.output))))?;
        self.accuracy.map_or(Ok(()), |accuracy| accuracy::show(accuracy, out))
    }
}
