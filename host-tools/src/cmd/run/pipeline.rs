//! Texts on their way: from the source through the tokenizer and the session to a writer, in the order of the source.
//!
//! A bounded window of texts is looked at. The oldest one without a result is submitted next, together with others of its
//! length, so that no result waits for more than its own submission and those of older texts. While the source has nothing
//! new, what is there is submitted.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use systole_runtime::checkpoint::{CheckpointError, Encoding};
use systole_runtime::{Error, Events, RunOptions};

use super::Args;
use super::check::{Check, Fp32, Verdict};
use super::runner::Runner;
use super::source::{Next, Source};
use super::writer::{Answer, Entry, Writer};
use crate::device::DeviceSpec;
use crate::failure::{self, Kind};
use crate::flight::Flight;
use crate::input::{Origin, Refusal, Text};
use crate::interrupted;
use crate::model;
use crate::output::note;
use crate::view::embeddings::Summary;

/// Most texts in the window.
const TEXTS: usize = 256;
/// Most refused texts that are named one by one on standard error.
const TOLD: usize = 20;
/// Bytes of text from which on no more are taken into the window.
const BYTES: usize = 16 << 20;

/// Texts that were longer than what was embedded of them.
#[derive(Clone, Copy, Debug, Default)]
struct Cut {
    texts: usize,
    /// The length to which they were cut.
    tokens: usize,
}

impl Cut {
    fn count(&mut self, encoding: &Encoding) {
        if encoding.cut > 0 {
            self.texts += 1;
            self.tokens = encoding.ids.len();
        }
    }
}

/// How a run ended.
pub struct Finished {
    /// Of the check against fp32, if it was asked for.
    pub verdict: Option<Verdict>,
    /// All texts.
    pub texts: usize,
    /// Those without a result.
    pub refused: usize,
    /// Elements of a vector; 0 if there is none.
    pub dimensions: usize,
    /// What it was and took.
    pub summary: Summary,
    /// The checks that were asked for.
    pub checks: Vec<Check>,
    /// Those of which only the beginning was embedded.
    cut: Cut,
    /// What went wrong with the device, and was mended.
    events: Events,
}

impl Finished {
    /// Says on stderr how many texts were cut and what went wrong with the device, and keeps a recording if it was given up.
    pub fn tell(&self, flight: &Flight, spec: &DeviceSpec) {
        if self.cut.texts > 0 {
            let Cut { texts, tokens } = self.cut;
            note(&format!(
                "{texts} of {} texts were longer than {tokens} tokens and were cut to these; with --truncate never they are \
                 errors",
                self.texts
            ));
        }
        if let Some(lost) = &self.events.fell_back {
            let reason = &lost.reason;
            let kept = flight.keep_unasked(reason);
            note(&format!(
                "device {spec}: given up after {} submissions ({reason}); the rest ran on the simulator{kept}",
                lost.submission
            ));
        } else if self.events.resubmissions > 0 {
            note(&format!("device {spec}: recovered, {} submissions were repeated", self.events.resubmissions));
        }
    }
}

/// A text in the window, or a line without one.
struct Slot {
    origin: Origin,
    text: Option<Text>,
    state: State,
}

enum State {
    /// To be submitted.
    Waiting(Encoding),
    /// Its result, or why there is none.
    Done(Result<Answer, String>),
}

impl Slot {
    /// Tokens, if it waits.
    fn waiting(&self) -> Option<usize> {
        match &self.state {
            State::Waiting(encoding) => Some(encoding.ids.len()),
            State::Done(_) => None,
        }
    }

    fn bytes(&self) -> usize {
        self.text.as_ref().map_or(0, |t| t.text.len())
    }
}

/// The session, what to compare it with, and the texts in the window.
pub struct Pipeline<'a> {
    arguments: &'a Args,
    device: &'a DeviceSpec,
    runner: Runner,
    check: Option<(Fp32, Verdict)>,
    window: VecDeque<Slot>,
    bytes: usize,
    written: usize,
    refused: usize,
    cut: Cut,
    dimensions: usize,
    elapsed: Duration,
}

impl<'a> Pipeline<'a> {
    /// Nothing has run yet.
    pub fn new(arguments: &'a Args, device: &'a DeviceSpec, runner: Runner, reference: Option<Fp32>) -> Self {
        let check = reference.map(|r| (r, Verdict::new(arguments.bound)));
        let (window, cut, elapsed) = (VecDeque::new(), Cut::default(), Duration::ZERO);
        let (bytes, written, refused, dimensions) = (0, 0, 0, 0);
        Self { arguments, device, runner, check, window, bytes, written, refused, cut, dimensions, elapsed }
    }

    /// Runs all texts. Results that were there when something failed have been written.
    pub fn run(mut self, name: &str, source: &mut Source, writer: &mut dyn Writer) -> anyhow::Result<Finished> {
        let span = tracing::info_span!("embed", texts = source.len());
        let pumped = span.in_scope(|| self.pump(source, writer));
        // Takes the progress bar away before the report is drawn.
        drop(span);
        let verdict = self.check.as_ref().map(|(_, verdict)| verdict.clone());
        let mut checks: Vec<Check> = verdict.iter().map(Check::from).collect();
        if matches!(self.runner, Runner::Checked(_)) {
            checks.push(Check::Sim { passed: true, texts: Some(self.written - self.refused) });
        }
        let summary = self.summary(name);
        // Who interrupts a run may want what it has.
        if pumped.is_ok() || interrupted::check().is_err() {
            writer.finish(&summary, &checks)?;
        }
        pumped?;
        let (texts, refused, dimensions) = (self.written, self.refused, self.dimensions);
        if refused > TOLD && !writer.gives_reasons() {
            let more = refused - TOLD;
            failure::report(Kind::Texts, &format!("{more} more texts were refused; -o FILE.jsonl gives every reason"));
        }
        if refused > 0 && writer.gives_reasons() {
            failure::report(
                Kind::Texts,
                &format!("{refused} of {texts} texts were refused; each says why in its place"),
            );
        }
        let events = self.runner.session().events();
        Ok(Finished { verdict, texts, refused, dimensions, summary, checks, cut: self.cut, events })
    }

    fn pump(&mut self, source: &mut Source, writer: &mut dyn Writer) -> anyhow::Result<()> {
        let mut broken = None;
        loop {
            if broken.is_none() {
                // What was read before the source broke is treated first.
                broken = self.fill(source).err();
            }
            self.submit()?;
            if !self.write(writer)? && self.window.is_empty() {
                return broken.map_or(Ok(()), Err);
            }
        }
    }

    /// Takes texts until the window is full or there is none; waits for one only if the window is empty.
    fn fill(&mut self, source: &mut Source) -> anyhow::Result<()> {
        while self.window.len() < TEXTS && self.bytes < BYTES {
            let Next::Line(line) = source.next(self.window.is_empty())? else { break };
            let slot = match line {
                Ok(text) => self.slot(text),
                Err(Refusal { origin, reason }) => Slot { origin, text: None, state: State::Done(Err(reason)) },
            };
            self.bytes += slot.bytes();
            self.window.push_back(slot);
        }
        Ok(())
    }

    fn slot(&mut self, text: Text) -> Slot {
        let number = self.written + self.window.len() + 1;
        let _span = tracing::info_span!("tokenize", text = number, bytes = text.text.len()).entered();
        let state = match self.encode(&text.text) {
            Ok(encoding) => {
                self.cut.count(&encoding);
                State::Waiting(encoding)
            }
            Err(CheckpointError::TextTooLong { tokens, max }) => State::Done(Err(format!(
                "the text has {tokens} tokens, the model takes {max}; cut it with --truncate {max}"
            ))),
            Err(error) => State::Done(Err(error.to_string())),
        };
        Slot { origin: text.origin.clone(), text: Some(text), state }
    }

    fn encode(&self, text: &str) -> Result<Encoding, CheckpointError> {
        self.arguments.sentence.encode(self.runner.session().model(), text)
    }

    /// Submits the oldest text that waits, and others of its length.
    fn submit(&mut self) -> anyhow::Result<()> {
        let Some(length) = self.window.iter().find_map(Slot::waiting) else { return Ok(()) };
        let batch = usize::from(self.arguments.batch);
        let alike = self.window.iter().enumerate().filter(|(_, slot)| slot.waiting() == Some(length));
        let chosen: Vec<usize> = alike.map(|(index, _)| index).take(batch).collect();
        let encodings: Vec<Encoding> = chosen
            .iter()
            .filter_map(|&i| match &self.window[i].state {
                State::Waiting(encoding) => Some(encoding.clone()),
                State::Done(_) => None,
            })
            .collect();
        let numbers: Vec<String> = chosen.iter().map(|index| (self.written + index + 1).to_string()).collect();
        let _span = tracing::info_span!("batch", texts = numbers.join(",")).entered();
        let answers = self.embed(&encodings).map_err(|error| match error.downcast() {
            // The request is one of this submission; the text's number is of use.
            Ok(Error::Differs { request, at }) => Error::Differs { request: self.written + chosen[request], at }.into(),
            Ok(error) => error.into(),
            Err(error) => error,
        })?;
        for (index, answer) in chosen.into_iter().zip(answers) {
            self.window[index].state = State::Done(Ok(answer));
        }
        Ok(())
    }

    fn embed(&mut self, encodings: &[Encoding]) -> anyhow::Result<Vec<Answer>> {
        let Args { batch, trace, rtl, deadline, .. } = self.arguments;
        let patience = self.device.patience(rtl, *deadline);
        let options = RunOptions { batch: (*batch).into(), trace: trace.is_some(), ..patience };
        let start = Instant::now();
        let embeddings = self.runner.embed(encodings, &options)?;
        self.elapsed += start.elapsed();
        let answer = |(e, embedding): (&Encoding, _)| Answer { tokens: e.ids.len(), embedding, cosine: None };
        let mut answers: Vec<Answer> = encodings.iter().zip(embeddings).map(answer).collect();
        if let Some((reference, verdict)) = &mut self.check {
            for (answer, exact) in answers.iter_mut().zip(reference.embed(encodings)?) {
                answer.cosine = Some(verdict.compare(&answer.embedding, &exact));
            }
        }
        Ok(answers)
    }

    /// Writes the results at the head of the window; says whether there was one.
    fn write(&mut self, writer: &mut dyn Writer) -> anyhow::Result<bool> {
        let mut any = false;
        while self.window.front().is_some_and(|slot| slot.waiting().is_none())
            && let Some(slot) = self.window.pop_front()
        {
            self.bytes -= slot.bytes();
            let Slot { origin, text, state: State::Done(outcome) } = slot else { continue };
            self.written += 1;
            match &outcome {
                Ok(answer) => self.dimensions = answer.embedding.len(),
                Err(reason) => {
                    self.refused += 1;
                    if !writer.gives_reasons() && self.refused <= TOLD {
                        failure::report(Kind::Texts, &format!("{origin}: {reason}"));
                    }
                }
            }
            let (text, keys) = text.map_or((None, Vec::new()), |t| (Some(t.text), t.keys));
            writer.put(Entry { origin, text, keys, outcome })?;
            any = true;
        }
        if any {
            writer.flush()?;
        }
        Ok(any)
    }

    fn summary(&self, name: &str) -> Summary {
        let shape = self.runner.session().model().encoder.shape;
        let scales = model::scales_name(shape.scales);
        Summary {
            device: self.device.to_string(),
            model: format!("{name}: {} layers x {}, INT8, {scales} scales", shape.layers, shape.hidden),
            report: self.runner.session().report(),
            elapsed: self.elapsed,
        }
    }
}
