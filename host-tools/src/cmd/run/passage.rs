//! The texts' way through the session to the reader.

use std::time::{Duration, Instant};

use serde::Serialize;
use systole_runtime::checkpoint::Encoding;
use systole_runtime::crosscheck::CrossCheck;
use systole_runtime::{Events, RunOptions, Session};

use super::Args;
use super::check::{Fp32, Verdict};
use crate::device::DeviceSpec;
use crate::flight::Flight;
use crate::input::Text;
use crate::model;
use crate::output::{Output, note};
use crate::view::embeddings::{Row, Summary, show};

/// Texts that are embedded before the first of them is printed with `--json`.
const CHUNK: usize = 256;

/// One text's result with `--json`.
#[derive(Serialize)]
struct Line<'a> {
    text: &'a str,
    tokens: usize,
    embedding: &'a [f32],
    #[serde(skip_serializing_if = "Option::is_none")]
    cosine_fp32: Option<f64>,
}

/// A session on the device, alone or beside one on the simulator.
pub enum Runner {
    /// The device alone.
    Alone(Box<Session>),
    /// With every result compared.
    Checked(Box<CrossCheck>),
}

impl Runner {
    /// The session on the device.
    fn session(&self) -> &Session {
        match self {
            Self::Alone(session) => session,
            Self::Checked(both) => both.board(),
        }
    }

    fn embed(&mut self, encodings: &[Encoding], options: &RunOptions) -> Result<Vec<Vec<f32>>, systole_runtime::Error> {
        match self {
            Self::Alone(session) => session.embed(encodings, options),
            Self::Checked(both) => both.embed(encodings, options),
        }
    }
}

/// How a passage ended.
pub struct Finished {
    /// Of the check against fp32, if it was asked for.
    pub verdict: Option<Verdict>,
    /// What went wrong with the device, and was mended.
    events: Events,
}

impl Finished {
    /// Says on stderr what went wrong with the device, and keeps a recording if it was given up.
    pub fn tell(&self, flight: &Flight, spec: &DeviceSpec) {
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

/// A session, what to compare it with, and how it went so far.
pub struct Passage<'a> {
    arguments: &'a Args,
    device: &'a DeviceSpec,
    runner: Runner,
    check: Option<(Fp32, Verdict)>,
    elapsed: Duration,
}

impl<'a> Passage<'a> {
    /// Nothing has passed yet.
    pub fn new(arguments: &'a Args, device: &'a DeviceSpec, runner: Runner, reference: Option<Fp32>) -> Self {
        let check = reference.map(|r| (r, Verdict::new(arguments.bound)));
        Self { arguments, device, runner, check, elapsed: Duration::ZERO }
    }

    /// Embeds everything and prints it.
    pub fn run(mut self, name: &str, texts: &[Text], encodings: &[Encoding]) -> anyhow::Result<Finished> {
        let mut out = Output::new();
        let mut rows = Vec::new();
        let span = tracing::info_span!("embed", texts = texts.len());
        // Nothing is shown for people before the end, and longer chunks make fuller batches.
        let chunk = if self.arguments.json { CHUNK } else { texts.len() };
        for (texts, encodings) in texts.chunks(chunk).zip(encodings.chunks(chunk)) {
            let done = span.in_scope(|| self.embed(texts, encodings))?;
            if self.arguments.json {
                for Row { text, tokens, embedding, cosine } in &done {
                    out.json(&Line { text, tokens: *tokens, embedding, cosine_fp32: *cosine })?;
                }
                out.flush()?;
            } else {
                rows.extend(done);
            }
        }
        // Takes the progress bar away before the report is drawn.
        drop(span);
        let verdict = self.check.as_ref().map(|(_, verdict)| verdict.clone());
        if !self.arguments.json {
            show(&mut out, &rows, &self.summary(name), verdict.as_ref(), self.arguments.is_demo())?;
            out.flush()?;
        }
        Ok(Finished { verdict, events: self.runner.session().events() })
    }

    fn embed(&mut self, texts: &[Text], encodings: &[Encoding]) -> anyhow::Result<Vec<Row>> {
        let Args { batch, trace, .. } = self.arguments;
        let deadline = self.device.deadline();
        let options = RunOptions { batch: (*batch).into(), trace: trace.is_some(), deadline };
        let start = Instant::now();
        let embeddings = self.runner.embed(encodings, &options)?;
        self.elapsed += start.elapsed();
        let mut rows: Vec<Row> = texts
            .iter()
            .zip(encodings)
            .zip(embeddings)
            .map(|((t, e), embedding)| Row { text: t.text.clone(), tokens: e.ids.len(), embedding, cosine: None })
            .collect();
        if let Some((reference, verdict)) = &mut self.check {
            for (row, exact) in rows.iter_mut().zip(reference.embed(encodings)?) {
                row.cosine = Some(verdict.compare(&row.embedding, &exact));
            }
        }
        Ok(rows)
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
