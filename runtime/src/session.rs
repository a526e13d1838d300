//! A model on a device: compiles programs on demand, keeps them, and runs texts through them.
//!
//! A device that fails is recovered, and what had not completed is submitted again, as [`Resilience`] says; when nothing
//! helps, the session goes on with its [`Fallback`] or returns a typed error. No request is lost, and none shows twice.

mod card;
mod resilience;

use std::time::{Duration, SystemTime};

use systole_driver::{Device, Engine, EngineError, Pace, Verified};
use systole_isa::{HwConfig, REGIONS};

use crate::Error;
use crate::checkpoint::{Encoding, Matrix};
use crate::compile::residual_pitch;
use crate::quantize::QuantizedModel;
use card::{Answer, Card};

pub use resilience::{Events, Fallback, FellBack, Integrity, Resilience};

/// Submissions of a request that may hang before it is given up: each costs its whole deadline.
const MOST_HANGS: u32 = 2;

/// How to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunOptions {
    /// Most sequences of equal length in one submission, 1 or more.
    pub batch: usize,
    /// Emit a tracing span (target `systole::op`) for every operation the device executed.
    pub trace: bool,
    /// Longest time for one submission, beyond what [`RunOptions::pace`] gives its program.
    pub deadline: Duration,
    /// How fast the device surely is. From it and the program's cycles follow the deadline and the limit of the device's
    /// own watchdog. `None`: the deadline is the same for every program, and there is no watchdog.
    pub pace: Option<Pace>,
}

impl Default for RunOptions {
    /// Up to 8 sequences, no trace, two seconds more than the slowest board needs. The RTL needs a pace of its own.
    fn default() -> Self {
        Self { batch: 8, trace: false, deadline: Duration::from_secs(2), pace: Some(Pace::BOARD) }
    }
}

/// What a session has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    /// Submissions.
    pub submissions: u64,
    /// Sequences.
    pub sequences: u64,
    /// Tokens.
    pub tokens: u64,
    /// Instructions executed.
    pub instructions: u64,
    /// Multiply-accumulates of the array.
    pub macs: u64,
    /// Bytes moved between DRAM and chip.
    pub bytes: u64,
    /// Device cycles; absent on an executor without timing.
    pub cycles: Option<u64>,
    /// Programs compiled.
    pub compiled: u64,
}

/// A model on a device.
pub struct Session {
    model: QuantizedModel,
    card: Card,
    report: Report,
    resilience: Resilience,
    fallback: Option<Fallback>,
    events: Events,
}

impl Session {
    /// Opens the device and copies the model's constants into its memory.
    ///
    /// # Errors
    /// [`Error::Engine`]: the device is not ours, or has not enough memory.
    pub fn new(model: QuantizedModel, device: Box<dyn Device + Send>) -> Result<Self, Error> {
        let card = Card::new(Engine::open(device)?, &model)?;
        let (report, resilience, events) = (Report::default(), Resilience::default(), Events::default());
        Ok(Self { model, card, report, resilience, fallback: None, events })
    }

    /// Says what is done when the device fails; [`Resilience::default`] otherwise.
    #[must_use]
    pub fn with_resilience(mut self, resilience: Resilience) -> Self {
        self.resilience = resilience;
        self
    }

    /// Opens another device when this one cannot be recovered. The request that failed and all later ones complete there,
    /// with the same bytes: they do not depend on the executor. [`Session::events`] says so, and it is logged.
    #[must_use]
    pub fn with_fallback(mut self, fallback: Fallback) -> Self {
        self.fallback = Some(fallback);
        self
    }

    /// The device's configuration.
    pub fn config(&self) -> &'static HwConfig {
        self.card.config()
    }

    /// What went wrong so far, and what was done about it.
    pub fn events(&self) -> Events {
        let mut events = self.events.clone();
        events.recoveries += self.card.recoveries();
        events
    }

    /// The model.
    pub fn model(&self) -> &QuantizedModel {
        &self.model
    }

    /// What was done so far.
    pub fn report(&self) -> Report {
        Report { compiled: self.report.compiled + self.card.compiled(), ..self.report }
    }

    /// One embedding an encoding, in the order given. Encodings of equal length share submissions; the result does
    /// not depend on that.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] for an encoding that does not fit the model, and what compilation or the device refuse.
    pub fn embed(&mut self, encodings: &[Encoding], options: &RunOptions) -> Result<Vec<Vec<f32>>, Error> {
        let integers = self.hidden_integers(encodings, options)?;
        Ok(self.pooled(encodings, integers))
    }

    /// The last hidden states, one `[tokens, hidden]` matrix an encoding, in the order given.
    ///
    /// # Errors
    /// As [`Session::embed`].
    pub fn hidden_states(&mut self, encodings: &[Encoding], options: &RunOptions) -> Result<Vec<Matrix>, Error> {
        let integers = self.hidden_integers(encodings, options)?;
        Ok(self.dequantized(integers))
    }

    pub(crate) fn pooled(&self, encodings: &[Encoding], integers: Vec<Vec<i16>>) -> Vec<Vec<f32>> {
        let states = self.dequantized(integers);
        states.iter().zip(encodings).map(|(states, e)| self.model.head.apply(states, e.skip)).collect()
    }

    pub(crate) fn dequantized(&self, integers: Vec<Vec<i16>>) -> Vec<Matrix> {
        let (scale, hidden) = (self.model.output_scale, self.model.embedding.hidden);
        let dequantize = |values: Vec<i16>| Matrix {
            rows: values.len() / hidden,
            cols: hidden,
            values: values.into_iter().map(|v| f32::from(v) * scale).collect(),
        };
        integers.into_iter().map(dequantize).collect()
    }

    /// The last hidden states as the device wrote them, `[tokens, hidden]` row by row, in units of
    /// [`QuantizedModel::output_scale`].
    ///
    /// # Errors
    /// As [`Session::embed`].
    pub fn hidden_integers(&mut self, encodings: &[Encoding], options: &RunOptions) -> Result<Vec<Vec<i16>>, Error> {
        encodings.iter().try_for_each(|e| self.model.embedding.validate(e))?;
        let mut order: Vec<usize> = (0..encodings.len()).collect();
        order.sort_by_key(|&i| encodings[i].ids.len());
        let mut results = vec![Vec::new(); encodings.len()];
        for equal in order.chunk_by(|&a, &b| encodings[a].ids.len() == encodings[b].ids.len()) {
            for batch in equal.chunks(options.batch.max(1)) {
                let encodings: Vec<&Encoding> = batch.iter().map(|&i| &encodings[i]).collect();
                let states = self.run(&encodings, options)?;
                for (&i, states) in batch.iter().zip(states) {
                    results[i] = states;
                }
            }
        }
        Ok(results)
    }

    /// Runs sequences of equal length in one submission.
    fn run(&mut self, batch: &[&Encoding], options: &RunOptions) -> Result<Vec<Vec<i16>>, Error> {
        let (tokens, hidden) = (batch[0].ids.len(), self.model.embedding.hidden);
        let pitch = self.pitch();
        let rows = self.rows(batch);
        let answer = self.complete((tokens as u32, batch.len() as u32), &rows, options)?;
        self.report.add(&answer, batch.len(), tokens);
        let sequence = |rows: &[i16]| rows.chunks(pitch).flat_map(|r| &r[..hidden]).copied().collect();
        Ok(answer.states.chunks(tokens * pitch).map(sequence).collect())
    }

    /// Values from row to row of the program's input and output.
    fn pitch(&self) -> usize {
        residual_pitch(&self.model.encoder.shape) as usize / 2
    }

    /// The program's input for sequences of equal length.
    fn rows(&self, batch: &[&Encoding]) -> Vec<i16> {
        let (tokens, pitch) = (batch[0].ids.len(), self.pitch());
        let mut rows = vec![0i16; batch.len() * tokens * pitch];
        for (encoding, rows) in batch.iter().zip(rows.chunks_mut(tokens * pitch)) {
            self.model.embedding.sums(encoding, pitch, rows);
        }
        rows
    }

    /// The regions that a program writes, after it ran on the input for one sequence; zeros where it does not write.
    pub(crate) fn contents(
        &mut self,
        encoding: &Encoding,
        program: &Verified,
        options: &RunOptions,
    ) -> Result<[Vec<u8>; REGIONS], Error> {
        let rows = self.rows(&[encoding]);
        let options = RunOptions { trace: false, ..*options };
        self.card.contents(&self.model, program, &rows, options, &self.resilience)
    }

    /// Submits until the device has answered, or nothing is left to try.
    fn complete(&mut self, key: (u32, u32), rows: &[i16], options: &RunOptions) -> Result<Answer, Error> {
        let (mut submitted_again, mut hangs) = (0, 0);
        loop {
            let error = match self.card.attempt(&self.model, key, rows, *options, &self.resilience) {
                Ok(answer) => return Ok(answer),
                Err(error) if error.is_of_device() => error,
                Err(error) => return Err(error),
            };
            self.events.corruptions += u64::from(matches!(error, Error::Corrupted { .. }));
            let dead = matches!(error, Error::Unrecovered { .. });
            hangs += u32::from(error.is_hang());
            if dead || hangs == MOST_HANGS || submitted_again == self.resilience.resubmissions {
                self.fall_back(error)?;
                (submitted_again, hangs) = (0, 0);
            } else {
                tracing::warn!(%error, "submitting again");
                submitted_again += 1;
            }
            self.events.resubmissions += 1;
        }
    }

    /// Goes on elsewhere after `error`, which is returned if there is nowhere to go.
    fn fall_back(&mut self, error: Error) -> Result<(), Error> {
        let Some(open) = self.fallback.take() else { return Err(error) };
        tracing::warn!(%error, "the device is given up; going on with the fallback");
        let device = open(self.card.config()).map_err(EngineError::from)?;
        let before = std::mem::replace(&mut self.card, Card::new(Engine::open(device)?, &self.model)?);
        self.events.recoveries += before.recoveries();
        self.report.compiled += before.compiled();
        let submission = self.report.submissions;
        self.events.fell_back = Some(FellBack { submission, at: SystemTime::now(), reason: error.to_string() });
        Ok(())
    }
}

impl Report {
    fn add(&mut self, Answer { report, work, .. }: &Answer, sequences: usize, tokens: usize) {
        self.submissions += 1;
        self.sequences += sequences as u64;
        self.tokens += (sequences * tokens) as u64;
        self.instructions += u64::from(report.executed);
        self.macs += work.macs;
        self.bytes += work.bytes();
        if let Some(cycles) = report.cycles {
            self.cycles = Some(self.cycles.unwrap_or(0) + cycles);
        }
    }
}
