//! A model on a device: compiles programs on demand, keeps them, and runs texts through them.

use std::collections::HashMap;
use std::time::Duration;

use systole_driver::{Bindings, Buffer, Device, Engine, LoadedProgram, RunReport, Statistics, Verified, verify};
use systole_isa::instruction::Unit;
use systole_isa::ring::TraceRecord;
use systole_isa::{DRAM_ALIGN, HwConfig, Instruction};

use crate::Error;
use crate::checkpoint::{Encoding, Matrix};
use crate::compile::{CONSTANTS, INPUT, OUTPUT, WORKSPACE, compile, residual_pitch};
use crate::quantize::QuantizedModel;
use crate::reference::pool;

/// Bytes of programs that are kept; beyond it, the least recently used go.
const PROGRAM_CACHE: usize = 256 << 20;

/// How to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunOptions {
    /// Most sequences of equal length in one submission, 1 or more.
    pub batch: usize,
    /// Emit a tracing span (target `systole::op`) for every operation the device executed.
    pub trace: bool,
    /// Longest time for one submission.
    pub deadline: Duration,
}

impl Default for RunOptions {
    /// Up to 8 sequences, no trace, ten minutes (a long batch on a simulator takes its time).
    fn default() -> Self {
        Self { batch: 8, trace: false, deadline: Duration::from_secs(600) }
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

struct Compiled {
    program: Verified,
    loaded: LoadedProgram,
    work: Statistics,
    last_use: u64,
}

/// Device buffers that all programs share; each as large as the largest program so far needs.
struct Memory {
    input: Buffer,
    output: Buffer,
    workspace: Buffer,
}

/// A model on a device.
pub struct Session {
    model: QuantizedModel,
    engine: Engine,
    constants: Buffer,
    memory: Memory,
    programs: HashMap<(u32, u32), Compiled>,
    report: Report,
}

impl Session {
    /// Opens the device and copies the model's constants into its memory.
    ///
    /// # Errors
    /// [`Error::Engine`]: the device is not ours, or has not enough memory.
    pub fn new(model: QuantizedModel, device: Box<dyn Device + Send>) -> Result<Self, Error> {
        let mut engine = Engine::open(device)?;
        let constants = engine.allocate(model.image.len() as u64)?;
        engine.write(&constants, 0, &model.image)?;
        let mut empty = || engine.allocate(DRAM_ALIGN.into());
        let memory = Memory { input: empty()?, output: empty()?, workspace: empty()? };
        Ok(Self { model, engine, constants, memory, programs: HashMap::new(), report: Report::default() })
    }

    /// The device's configuration.
    pub fn config(&self) -> &'static HwConfig {
        self.engine.config()
    }

    /// The model.
    pub fn model(&self) -> &QuantizedModel {
        &self.model
    }

    /// What was done so far.
    pub fn report(&self) -> Report {
        self.report
    }

    /// One pooled vector an encoding, in the order given. Encodings of equal length share submissions; the result does
    /// not depend on that.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] for an encoding that does not fit the model, and what compilation or the device refuse.
    pub fn embed(&mut self, encodings: &[Encoding], options: &RunOptions) -> Result<Vec<Vec<f32>>, Error> {
        let states = self.hidden_states(encodings, options)?;
        Ok(states.iter().map(|s| pool(s, self.model.head)).collect())
    }

    /// The last hidden states, one `[tokens, hidden]` matrix an encoding, in the order given.
    ///
    /// # Errors
    /// As [`Session::embed`].
    pub fn hidden_states(&mut self, encodings: &[Encoding], options: &RunOptions) -> Result<Vec<Matrix>, Error> {
        let scale = self.model.output_scale;
        let hidden = self.model.embedding.hidden;
        let integers = self.hidden_integers(encodings, options)?;
        let dequantize = |values: Vec<i16>| Matrix {
            rows: values.len() / hidden,
            cols: hidden,
            values: values.into_iter().map(|v| f32::from(v) * scale).collect(),
        };
        Ok(integers.into_iter().map(dequantize).collect())
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
        let tokens = batch[0].ids.len();
        let key = (tokens as u32, batch.len() as u32);
        // Taken out for the run; a program that fails is compiled again.
        let mut compiled = match self.programs.remove(&key) {
            Some(compiled) => compiled,
            None => self.prepare(key)?,
        };
        let _span = tracing::info_span!("submit", tokens, batch = batch.len(), macs = compiled.work.macs).entered();

        let hidden = self.model.embedding.hidden;
        let pitch = residual_pitch(&self.model.encoder.shape) as usize / 2;
        let mut rows = vec![0i16; batch.len() * tokens * pitch];
        for (encoding, rows) in batch.iter().zip(rows.chunks_mut(tokens * pitch)) {
            self.model.embedding.sums(encoding, pitch, rows);
        }
        to_little_endian(&mut rows);
        self.engine.write(&self.memory.input, 0, bytemuck::cast_slice(&rows))?;
        let bindings = Bindings::new()
            .bind(CONSTANTS.into(), &self.constants)
            .bind(INPUT.into(), &self.memory.input)
            .bind(OUTPUT.into(), &self.memory.output)
            .bind(WORKSPACE.into(), &self.memory.workspace);
        let run = systole_driver::RunOptions { trace: options.trace, deadline: options.deadline };
        let done = self.engine.run(&compiled.loaded, &bindings, run)?;
        self.engine.read(&self.memory.output, 0, bytemuck::cast_slice_mut(&mut rows))?;
        to_little_endian(&mut rows);

        done.trace.iter().for_each(|record| show(record, &compiled.program, done.cycles.is_some()));
        compiled.last_use = self.report.submissions;
        self.report.add(&done, &compiled, batch.len(), tokens);
        self.programs.insert(key, compiled);
        let sequence = |rows: &[i16]| rows.chunks(pitch).flat_map(|r| &r[..hidden]).copied().collect();
        Ok(rows.chunks(tokens * pitch).map(sequence).collect())
    }

    /// Compiles, verifies and uploads the program for (tokens, batch).
    fn prepare(&mut self, key: (u32, u32)) -> Result<Compiled, Error> {
        let program = compile(&self.model.encoder, self.engine.config(), key.0, key.1)?;
        let program = {
            let _span = tracing::info_span!("verify", instructions = program.code.len()).entered();
            verify(program)?
        };
        self.make_room(program.code.len());
        for (buffer, region) in [
            (&mut self.memory.input, INPUT),
            (&mut self.memory.output, OUTPUT),
            (&mut self.memory.workspace, WORKSPACE),
        ] {
            let size = program.regions[usize::from(region)].size.into();
            if buffer.size() < size {
                *buffer = self.engine.allocate(size)?;
            }
        }
        let loaded = self.engine.upload(&program)?;
        let work = program.statistics()?.total;
        self.report.compiled += 1;
        Ok(Compiled { program, loaded, work, last_use: self.report.submissions })
    }

    /// Forgets programs until one more of this length stays inside the cache.
    fn make_room(&mut self, instructions: usize) {
        let size = |c: &Compiled| size_of_val(&c.program.code[..]);
        let mut total = instructions * systole_isa::INSTRUCTION_BYTES + self.programs.values().map(size).sum::<usize>();
        while total > PROGRAM_CACHE {
            let Some((&oldest, _)) = self.programs.iter().min_by_key(|(_, c)| c.last_use) else { return };
            total -= self.programs.remove(&oldest).as_ref().map_or(0, size);
        }
    }
}

impl Report {
    fn add(&mut self, done: &RunReport, compiled: &Compiled, sequences: usize, tokens: usize) {
        self.submissions += 1;
        self.sequences += sequences as u64;
        self.tokens += (sequences * tokens) as u64;
        self.instructions += u64::from(done.executed);
        self.macs += compiled.work.macs;
        self.bytes += compiled.work.bytes();
        if let Some(cycles) = done.cycles {
            self.cycles = Some(self.cycles.unwrap_or(0) + cycles);
        }
    }
}

/// Emits the span of one traced instruction. `start` and `end` are the device's clock: cycles where it has timing, else
/// nanoseconds of host time.
fn show(record: &TraceRecord, program: &Verified, timed: bool) {
    let index = record.instruction as usize;
    let Some(Ok(instruction)) = program.code.get(index).map(Instruction::decode) else { return };
    let Some(tag) = program.tags.get(usize::from(record.tag).wrapping_sub(1)) else { return };
    let work = Statistics::of(&instruction);
    let (macs, bytes) = (work.macs, work.bytes());
    let unit = Unit::QUEUED.into_iter().find(|&u| u as u8 == record.unit).map_or("unknown", Unit::name);
    let cycles = timed.then(|| record.end.saturating_sub(record.start));
    let (layer, op, start, end) = (tag.layer, tag.op.as_str(), record.start, record.end);
    let _span = tracing::info_span!(
        target: "systole::op", "op", unit, layer, op, instruction = instruction.op.mnemonic(), macs, bytes, cycles, start, end
    );
}

/// Device memory is little-endian; this is nothing on a little-endian host.
fn to_little_endian(values: &mut [i16]) {
    if cfg!(target_endian = "big") {
        values.iter_mut().for_each(|v| *v = v.swap_bytes());
    }
}
