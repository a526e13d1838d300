//! `systole run`: embeds texts, and without any, demonstrates.

use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{anyhow, bail};
use clap::ValueEnum;
use systole_driver::Device;
use systole_runtime::Session;
use systole_runtime::checkpoint::{CheckpointError, Encoding};
use systole_runtime::crosscheck::CrossCheck;
use systole_runtime::quantize::QuantizedModel;
use systole_sim::faults::{FaultPlan, Faulty};

use crate::device::{self, DeviceSpec, simulator};
use crate::failure::{self, CHECK_FAILED};
use crate::flight::Flight;
use crate::input::{self, Text};
use crate::logging;
use crate::model::{Loaded, ModelArgs};
use crate::output::check_writable;
use crate::timeline::Timeline;
use crate::verilated_args::VerilatedArgs;
use passage::{Passage, Runner};

pub mod check;
mod passage;

/// What the demonstration embeds: four subjects, two sentences each, so that the matrix has something to show.
const DEMO: [&str; 8] = [
    "A kitten is sleeping on the warm sofa.",
    "The cat took a nap on the couch.",
    "The central bank raised interest rates.",
    "Stock prices fell after the decision.",
    "Preheat the oven and butter the dish.",
    "Mix the flour, sugar and eggs in a bowl.",
    "The rocket reached orbit around the moon.",
    "Astronauts repaired the space telescope.",
];

const EXAMPLES: &str = "\
Examples:
  systole run                                  demonstration: built-in model, eight sentences
  systole run --text \"Where is the station?\" --text \"How do I get to the train?\"
  systole run -m ./my-checkpoint --input texts.jsonl --json > embeddings.jsonl
  cat texts.txt | systole run --input - --truncate 128 --json | head -1
  systole run -m ./my-checkpoint --check fp32  what does INT8 cost? also with --scales dynamic
  systole run --trace run.json                 then open run.json in https://ui.perfetto.dev
  systole run --device rtl:n8 --text \"one cat\"   on the SystemVerilog, compiled by Verilator
  systole run --device auto --fallback sim     on a board if there is one; go on without it if it is lost
  systole run --device uio:0 --check sim       board and simulator side by side, to the bit
  systole run --device auto --record run.rec   on a board if there is one; then `systole replay run.rec`

--input reads plain lines, or, if the first line begins with `{`, JSON Lines with a `text` each.
--json writes one object a text: {\"text\": ..., \"tokens\": ..., \"embedding\": [...]}.";

/// Embed texts on a device; without texts, a demonstration
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    model: ModelArgs,

    #[arg(long, short, default_value = "sim", value_name = "DEVICE", help = device::HELP)]
    device: DeviceSpec,

    /// A text; give it several times for several texts
    #[arg(long, short, value_name = "TEXT")]
    text: Vec<String>,

    /// Texts from a file, or from standard input with -
    #[arg(long, short, value_name = "FILE")]
    input: Option<String>,

    /// What to do with the texts
    #[arg(long, value_enum, default_value_t = Task::Embed)]
    task: Task,

    /// Cut texts to this many tokens, special tokens included; otherwise one that is too long is an error
    #[arg(long, value_name = "TOKENS")]
    truncate: Option<usize>,

    /// Most texts of equal length in one submission
    #[arg(long, default_value_t = 8, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    batch: u16,

    /// One JSON object a text instead of tables
    #[arg(long)]
    json: bool,

    /// Write a timeline of host and device for Perfetto or chrome://tracing
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,

    /// Write the last calls between host and device, for `systole replay`; without it, only a failure leaves a recording
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,

    /// Compare with the checkpoint in fp32, or side by side with the simulator; exit code 1 if a cosine is below the bound,
    /// or a bit differs from the simulator's. Give it twice for both
    #[arg(long, value_enum, value_name = "REFERENCE")]
    check: Vec<Reference>,

    /// Where to go on when the device is lost and cannot be recovered: the same results, to the bit
    #[arg(long, value_enum, value_name = "DEVICE")]
    fallback: Option<Fallback>,

    /// Have the device misbehave, to see what happens: seed=7,rate=0.1,kinds=all or unplug@3 (as in `virtual-board`)
    #[arg(long, value_name = "SPEC")]
    faults: Option<FaultPlan>,

    /// Smallest cosine to the reference that passes the check
    #[arg(long, default_value_t = 0.97, value_name = "COSINE", requires = "check")]
    bound: f64,

    /// The checkpoint to check against, when --model is already quantized
    #[arg(long, value_name = "DIR|ID", requires = "check")]
    reference: Option<String>,

    #[command(flatten)]
    rtl: VerilatedArgs,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum Task {
    /// One vector a text, pooled as the model prescribes
    Embed,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Reference {
    /// The same encoder in 32-bit floating point on the CPU
    Fp32,
    /// The simulator, with the device's configuration; names the first operation that differs
    Sim,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum Fallback {
    /// The simulator, with the device's configuration
    Sim,
}

impl Args {
    /// Runs the command.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let Task::Embed = self.task;
        let timeline = self.trace.as_ref().map(|_| Timeline::new());
        logging::install(timeline.clone())?;
        // Files come first: a mistyped name should not cost a quantization.
        let texts = self.texts()?;
        self.rtl.check(&self.device)?;
        self.record.as_deref().map(check_writable).transpose()?;
        let trace_file = self.trace.as_ref().map(create).transpose()?;
        let loaded = self.model.load()?;
        let fp32 = self.check.contains(&Reference::Fp32);
        let reference = fp32.then(|| check::Fp32::new(&loaded, self.reference.as_deref())).transpose()?;
        let encodings = self.encode(&loaded, &texts)?;

        let Loaded { name, model, .. } = loaded;
        let opened = self.device.open(&self.rtl)?;
        opened.tell();
        let spec = opened.spec;
        let device: Box<dyn Device + Send> = match &self.faults {
            Some(plan) => Box::new(Faulty::new(opened.device, plan.clone())),
            None => opened.device,
        };
        let (device, flight) = Flight::begin(device, &spec, self.record.clone());
        let finished = self
            .runner(model, device)
            .and_then(|runner| Passage::new(&self, &spec, runner, reference).run(&name, &texts, &encodings));
        let differs = |e: &anyhow::Error| matches!(e.downcast_ref(), Some(systole_runtime::Error::Differs { .. }));
        let finished = match flight.end(finished) {
            Err(error) if differs(&error) => {
                failure::complain(&format!("check failed: {error}"));
                return Ok(ExitCode::from(CHECK_FAILED));
            }
            finished => finished?,
        };
        finished.tell(&flight, &spec);

        if let (Some(timeline), Some((path, file))) = (timeline, trace_file) {
            timeline
                .write(BufWriter::new(file), &spec.to_string())
                .map_err(|e| anyhow!("cannot write {}: {e}; check the disk", path.display()))?;
        }
        match finished.verdict.filter(|v| v.failed > 0) {
            None => Ok(ExitCode::SUCCESS),
            Some(verdict) => {
                failure::complain(&verdict.to_string());
                Ok(ExitCode::from(CHECK_FAILED))
            }
        }
    }

    /// The session, with what stands in for its device and what it is compared with.
    fn runner(&self, model: QuantizedModel, device: Box<dyn Device + Send>) -> anyhow::Result<Runner> {
        let checked = self.check.contains(&Reference::Sim).then(|| model.clone());
        let session = Session::new(model, device)?;
        let config = session.config();
        let session = match self.fallback {
            Some(Fallback::Sim) => session.with_fallback(Box::new(|config| Ok(simulator(config)))),
            None => session,
        };
        Ok(match checked {
            Some(model) => Runner::Checked(Box::new(CrossCheck::new(session, Session::new(model, simulator(config))?))),
            None => Runner::Alone(Box::new(session)),
        })
    }

    fn texts(&self) -> anyhow::Result<Vec<Text>> {
        let given = self.text.iter().enumerate();
        let given = given.map(|(i, text)| Text { text: text.clone(), origin: format!("--text {}", i + 1) });
        let mut texts: Vec<Text> = given.collect();
        if let Some(source) = &self.input {
            texts.extend(input::read(source)?);
        }
        if texts.is_empty() {
            texts.extend(DEMO.map(|text| Text { text: text.into(), origin: "demonstration".into() }));
        }
        Ok(texts)
    }

    fn is_demo(&self) -> bool {
        self.text.is_empty() && self.input.is_none()
    }

    fn encode(&self, loaded: &Loaded, texts: &[Text]) -> anyhow::Result<Vec<Encoding>> {
        let encode = |Text { text, origin }: &Text| match loaded.model.encode(text, self.truncate) {
            Ok(encoding) => Ok(encoding),
            Err(CheckpointError::TextTooLong { tokens, max }) => {
                bail!("{origin}: the text has {tokens} tokens, the model takes {max}; cut it with --truncate {max}")
            }
            // The fault of --truncate, not of this text.
            Err(error @ CheckpointError::TruncationLength { .. }) => Err(error.into()),
            Err(error) => bail!("{origin}: {error}"),
        };
        let _span = tracing::info_span!("tokenize", texts = texts.len()).entered();
        texts.iter().map(encode).collect()
    }
}

fn create(path: &PathBuf) -> anyhow::Result<(PathBuf, File)> {
    let file = File::create(path).map_err(|e| {
        anyhow!("cannot write {}: {e}; check that its directory exists and is writable", path.display())
    })?;
    Ok((path.clone(), file))
}
