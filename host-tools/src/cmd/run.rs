//! `systole run`: embeds texts, and without any, demonstrates.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use clap::ValueEnum;
use systole_driver::Device;
use systole_runtime::crosscheck::CrossCheck;
use systole_runtime::quantize::QuantizedModel;
use systole_runtime::{Session, write_whole};
use systole_sim::faults::{FaultPlan, Faulty};

use crate::accuracy;
use crate::device::{self, DeviceSpec, simulator};
use crate::failure::{self, Kind};
use crate::flight::Flight;
use crate::input::{self, Format};
use crate::interrupted;
use crate::logging;
use crate::model::{Loaded, ModelArgs};
use crate::output::{Output, cannot_write, check_writable, note_check, plain};
use crate::sentence_args::SentenceArgs;
use crate::timeline::Timeline;
use crate::verilated_args::VerilatedArgs;
use crate::view::embeddings::brief;
use crate::view::heading;
use crate::view::units::bytes;
use pipeline::{Finished, Pipeline};
use runner::Runner;
use source::Source;
use writer::{JsonLines, Tables, Writer};

pub mod check;
mod file;
mod npy;
mod parquet;
mod pipeline;
mod runner;
mod source;
pub mod writer;

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
  systole run -m ./my-checkpoint --input texts.txt -o embeddings.npy
  cat texts.txt | systole run --input - --truncate 128 --json | head -1
  systole run -m ./my-checkpoint --check fp32  what does INT8 cost? also with --scales dynamic
  systole run --trace run.json                 then open run.json in https://ui.perfetto.dev
  systole run --device rtl:n8 --text \"one cat\"   on the SystemVerilog, compiled by Verilator
  systole run --device auto --fallback sim     on a board if there is one; go on without it if it is lost
  systole run --device uio:0 --check sim       board and simulator side by side, to the bit
  systole run --device auto --record run.rec   on a board if there is one; then `systole replay run.rec`

--input reads plain lines, or, if the first line begins with `{`, JSON Lines with a `text` each. An empty plain line is an
empty text. With --input - results come while the input goes on.
--json writes one object a line, in order: {\"text\": ..., \"tokens\": ..., \"embedding\": [...]}, with the other keys of a
JSON line. A line that is refused (not UTF-8, no text, too long with --truncate never) has {\"error\": {\"message\": ...,
\"line\": ...}} in its
place; the others are embedded all the same, and the exit code is 2.";

/// Embed texts on a device; without texts, a demonstration
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    model: ModelArgs,

    #[arg(long, short, default_value = "sim", value_name = "DEVICE", help = device::HELP)]
    device: DeviceSpec,

    /// A text; give it several times for several texts
    #[arg(long, short, value_name = "TEXT", allow_hyphen_values = true)]
    text: Vec<String>,

    /// Texts from a file, or from standard input with -
    #[arg(long, short, value_name = "FILE")]
    input: Option<String>,

    /// How the lines of the input are to be understood
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT", requires = "input")]
    input_format: Format,

    /// What to do with the texts [default: embed, if the checkpoint was not trained for something else]
    #[arg(long, value_enum)]
    task: Option<Task>,

    #[command(flatten)]
    sentence: SentenceArgs,

    /// Most texts of equal length in one submission
    #[arg(long, default_value_t = 8, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    batch: u16,

    /// Write the results to a file, which appears when it is whole: .npy (the vectors), .parquet or .jsonl (texts as well)
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,

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

    /// Longest time for a submission; otherwise it follows from the program, with a margin of eight, for a board of 10 MHz.
    /// A virtual board that computes with the RTL needs it
    #[arg(long, value_name = "SECONDS", value_parser = device::parse_deadline)]
    deadline: Option<Duration>,

    /// Have the device misbehave, to see what happens: seed=7,rate=0.1,kinds=all or unplug@3 (as in `virtual-board`)
    #[arg(long, value_name = "SPEC")]
    faults: Option<FaultPlan>,

    /// Smallest cosine to the reference that passes the check
    #[arg(long, default_value_t = 0.97, value_name = "COSINE", requires = "check", value_parser = accuracy::parse_cosine)]
    bound: f64,

    /// The checkpoint to check against, when --model is already quantized
    #[arg(long, value_name = "DIR|ID", requires = "check")]
    reference: Option<String>,

    #[command(flatten)]
    rtl: VerilatedArgs,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
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
        let timeline = self.trace.as_ref().map(|_| Timeline::new());
        logging::install(timeline.clone())?;
        // Files come first: a mistyped name should not cost a quantization.
        let mut source = self.source()?;
        self.rtl.check(&self.device)?;
        self.output.as_deref().map(file::Format::of).transpose()?;
        self.check_outputs()?;
        let mut loaded = self.model.load()?;
        self.check_task(&loaded)?;
        if self.model.model.is_some() {
            loaded.tell_unused();
        }
        self.sentence.apply(&mut loaded.model)?;
        let fp32 = self.check.contains(&Reference::Fp32);
        let reference = fp32.then(|| check::Fp32::new(&loaded, self.reference.as_deref())).transpose()?;

        let Loaded { name, model, .. } = loaded;
        let opened = self.device.open(&self.rtl)?;
        opened.tell();
        let _hold = interrupted::hold("what the run had not written is lost".to_owned());
        let spec = opened.spec;
        let device: Box<dyn Device + Send> = match &self.faults {
            Some(plan) => Box::new(Faulty::new(opened.device, plan.clone())),
            None => opened.device,
        };
        let (device, flight) = Flight::begin(device, &spec, self.record.clone());
        let finished = self.runner(model, device).and_then(|runner| {
            let pipeline = Pipeline::new(&self, &spec, runner, reference);
            match &self.output {
                Some(path) => file::write(path, |writer| pipeline.run(&name, &mut source, writer)),
                None => pipeline.run(&name, &mut source, &mut *self.writer()),
            }
        });
        let finished = flight.end(finished);
        // What led to an error is what a trace is for.
        let finished = match (timeline, &self.trace) {
            (Some(timeline), Some(path)) => {
                let write = write_whole(path, |out| timeline.write(out, &spec.to_string()));
                failure::after(finished, write.map_err(|e| cannot_write(path, e)))
            }
            _ => finished,
        };
        let differs = |e: &anyhow::Error| matches!(e.downcast_ref(), Some(systole_runtime::Error::Differs { .. }));
        let finished = match finished {
            Err(error) if differs(&error) => {
                if self.json {
                    note_check(&check::Check::Sim { passed: false, texts: None });
                }
                return Ok(failure::report(Kind::Check, &format!("check failed: {error}")));
            }
            finished => finished?,
        };
        finished.tell(&flight, &spec);
        self.conclude(&finished)
    }

    /// The files that will be written can be, and are not the same.
    fn check_outputs(&self) -> anyhow::Result<()> {
        let paths: Vec<&Path> = [&self.output, &self.record, &self.trace].into_iter().flatten().map(|p| &**p).collect();
        for (index, path) in paths.iter().enumerate() {
            if paths[..index].contains(path) {
                bail!("{} is given for two outputs; name another file for one of them", path.display());
            }
            check_writable(path)?;
        }
        Ok(())
    }

    /// Says what there is to say behind the results, and how the run ended.
    fn conclude(&self, finished: &Finished) -> anyhow::Result<ExitCode> {
        if let Some(path) = &self.output {
            self.tell_written(path, finished)?;
        }
        if self.json {
            finished.checks.iter().for_each(note_check);
        }

        let failed = finished.verdict.as_ref().filter(|v| v.failed > 0);
        let failed = failed.map(|verdict| failure::report(Kind::Check, &verdict.to_string()));
        if finished.refused == 0 {
            return Ok(failed.unwrap_or(ExitCode::SUCCESS));
        }
        Ok(ExitCode::from(Kind::Texts.code()))
    }

    /// Embeddings of a checkpoint that was trained to answer something else are given only if they are asked for.
    fn check_task(&self, Loaded { name, model, .. }: &Loaded) -> anyhow::Result<()> {
        match (self.task, model.head.trained_for) {
            (None, Some(what)) => {
                bail!(
                    "{name} was trained {what}, which is not supported; give --task embed to have its embeddings all the same"
                )
            }
            (None | Some(Task::Embed), _) => Ok(()),
        }
    }

    /// What `-o` wrote.
    fn tell_written(&self, path: &Path, finished: &Finished) -> anyhow::Result<()> {
        let &Finished { texts, refused, dimensions, .. } = finished;
        let size = path.metadata().map_err(|e| cannot_write(path, e))?.len();
        let mut out = Output::new();
        if self.json {
            out.json(&serde_json::json!({
                "output": path, "texts": texts, "refused": refused, "dimensions": dimensions, "bytes": size,
            }))?;
        } else {
            let name = path.to_string_lossy();
            out.line(format_args!(
                "{}  {texts} texts x {dimensions}, float32, {}",
                heading(&plain(&name)),
                bytes(size)
            ))?;
            brief(&mut out, &finished.summary, &finished.checks)?;
        }
        Ok(out.flush()?)
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

    fn source(&self) -> anyhow::Result<Source> {
        let given = if self.is_demo() { DEMO.map(String::from).to_vec() } else { self.text.clone() };
        let input = self.input.as_ref().map(|source| input::ahead(input::open(source, self.input_format)?));
        Ok(Source::new(given, input.transpose()?))
    }

    fn writer(&self) -> Box<dyn Writer> {
        if self.json { Box::new(JsonLines::new(Output::new())) } else { Box::new(Tables::new(self.is_demo())) }
    }

    fn is_demo(&self) -> bool {
        self.text.is_empty() && self.input.is_none()
    }
}
