//! What a session keeps on its device: constants, buffers, programs. Any of it may have to be written again.

use std::collections::HashMap;
use std::time::Duration;

use systole_driver::{
    Bindings, Buffer, Engine, EngineError, LoadedProgram, RecoveryCounts, RecoveryPolicy, RunReport, Rung, Statistics,
    Verified, verify,
};
use systole_isa::instruction::Unit;
use systole_isa::ring::TraceRecord;
use systole_isa::{DRAM_ALIGN, HwConfig, Instruction, REGIONS};

use super::{Integrity, Resilience, RunOptions};
use crate::Error;
use crate::compile::{CONSTANTS, INPUT, OUTPUT, WORKSPACE, compile};
use crate::quantize::QuantizedModel;

/// Bytes of programs that are kept; beyond it, the least recently used go.
const PROGRAM_CACHE: usize = 256 << 20;

/// What the device answered.
pub(super) struct Answer {
    pub report: RunReport,
    /// Work of the program.
    pub work: Statistics,
    /// The output region.
    pub states: Vec<i16>,
}

struct Compiled {
    program: Verified,
    /// On the device, unless that was lost.
    loaded: Option<LoadedProgram>,
    work: Statistics,
    /// See [`systole_driver::Program::cycles_at_most`].
    cycles: u64,
    last_use: u64,
}

/// Device buffers that all programs share; each as large as the largest program so far needs.
struct Memory {
    constants: Buffer,
    input: Buffer,
    output: Buffer,
    workspace: Buffer,
}

/// A device with a model on it.
pub(super) struct Card {
    /// `None` once it is lost.
    memory: Option<Memory>,
    programs: HashMap<(u32, u32), Compiled>,
    /// Memory may have suffered since it was last checked.
    suspect: bool,
    compiled: u64,
    runs: u64,
    /// Dropped last: it gives back to the device what the others held.
    engine: Engine,
}

impl Card {
    pub fn new(engine: Engine, model: &QuantizedModel) -> Result<Self, Error> {
        let programs = HashMap::new();
        let mut card = Self { engine, memory: None, programs, suspect: false, compiled: 0, runs: 0 };
        card.restore(model)?;
        Ok(card)
    }

    pub fn config(&self) -> &'static HwConfig {
        self.engine.config()
    }

    pub fn recoveries(&self) -> RecoveryCounts {
        self.engine.recoveries()
    }

    /// Programs compiled so far.
    pub fn compiled(&self) -> u64 {
        self.compiled
    }

    /// Runs the program for (tokens, batch) once, or twice if integrity asks for it. After an error of the device it has
    /// been recovered and another attempt is worthwhile, unless the error is [`Error::Unrecovered`].
    pub fn attempt(
        &mut self,
        model: &QuantizedModel,
        key: (u32, u32),
        rows: &[i16],
        options: RunOptions,
        resilience: &Resilience,
    ) -> Result<Answer, Error> {
        if self.engine.poisoned().is_some() {
            self.recover(EngineError::Poisoned, resilience.recovery.as_ref())?;
        }
        self.restore(model)?;
        // Taken out for the run.
        let mut compiled = match self.programs.remove(&key) {
            Some(compiled) => compiled,
            None => self.compile(model, key)?,
        };
        let (tokens, batch) = key;
        let _span = tracing::info_span!("submit", tokens, batch, macs = compiled.work.macs).entered();
        let answer = self.run(model, &mut compiled, rows, options, resilience);
        self.runs += 1;
        compiled.last_use = self.runs;
        self.programs.insert(key, compiled);
        answer
    }

    fn run(
        &mut self,
        model: &QuantizedModel,
        compiled: &mut Compiled,
        rows: &[i16],
        options: RunOptions,
        resilience: &Resilience,
    ) -> Result<Answer, Error> {
        self.load(compiled)?;
        let mut input = rows.to_vec();
        to_little_endian(&mut input);
        let input: &[u8] = bytemuck::cast_slice(&input);
        let mut states = vec![0; rows.len()];
        let report = self.submit(compiled, input, &mut states, options, resilience)?;
        let mut again = None;
        if resilience.integrity == Integrity::Twice {
            let again = again.insert(vec![0; rows.len()]);
            self.submit(compiled, input, again, options, resilience)?;
        }
        let mut damage = None;
        if resilience.integrity >= Integrity::ReadBack {
            damage = self.damage(model, compiled, input)?;
        }
        if let Some(what) = damage.or_else(|| again.filter(|a| *a != states).map(|_| "workspace or output")) {
            self.suspect = true;
            return Err(Error::Corrupted { what });
        }
        to_little_endian(&mut states);
        report.trace.iter().for_each(|record| show(record, &compiled.program, report.cycles.is_some()));
        Ok(Answer { report, work: compiled.work, states })
    }

    /// One submission. If it fails the device is recovered, which may show that it had completed after all.
    fn submit(
        &mut self,
        compiled: &Compiled,
        input: &[u8],
        states: &mut [i16],
        options: RunOptions,
        resilience: &Resilience,
    ) -> Result<RunReport, Error> {
        // An earlier recovery within this attempt may have lost them; the next attempt restores them.
        let (Some(memory), Some(loaded)) = (&self.memory, &compiled.loaded) else {
            return Err(Error::Corrupted { what: "everything" });
        };
        self.engine.write(&memory.input, 0, input)?;
        let options = set_limits(&mut self.engine, compiled.cycles, options);
        let bindings = Bindings::new()
            .bind(CONSTANTS.into(), &memory.constants)
            .bind(INPUT.into(), &memory.input)
            .bind(OUTPUT.into(), &memory.output)
            .bind(WORKSPACE.into(), &memory.workspace);
        let report = match self.engine.run(loaded, &bindings, options) {
            Ok(report) => report,
            Err(error) => self.recover(error, resilience.recovery.as_ref())?,
        };
        if let Some(memory) = &self.memory {
            self.engine.read(&memory.output, 0, bytemuck::cast_slice_mut(states))?;
        }
        Ok(report)
    }

    /// Runs a program once on constants and input, and reads back the regions that it writes, which were zero before.
    pub fn contents(
        &mut self,
        model: &QuantizedModel,
        program: &Verified,
        rows: &[i16],
        options: RunOptions,
        resilience: &Resilience,
    ) -> Result<[Vec<u8>; REGIONS], Error> {
        self.restore(model)?;
        let mut contents: [Vec<u8>; REGIONS] = Default::default();
        let mut buffers: [Option<Buffer>; REGIONS] = Default::default();
        for (region, spec) in program.regions.iter().enumerate() {
            if spec.writable || region == usize::from(INPUT) {
                contents[region].resize(spec.size as usize, 0);
                buffers[region] = Some(self.engine.allocate(spec.size.into())?);
            }
        }
        let mut input = rows.to_vec();
        to_little_endian(&mut input);
        contents[usize::from(INPUT)] = bytemuck::cast_slice(&input).to_vec();
        for (bytes, buffer) in contents.iter().zip(&buffers) {
            if let Some(buffer) = buffer {
                self.engine.write(buffer, 0, bytes)?;
            }
        }
        let mut bindings = Bindings::new();
        if let Some(memory) = &self.memory {
            bindings = bindings.bind(CONSTANTS.into(), &memory.constants);
        }
        for (region, buffer) in buffers.iter().enumerate() {
            if let Some(buffer) = buffer {
                bindings = bindings.bind(region, buffer);
            }
        }
        let loaded = self.engine.upload(program)?;
        let options = set_limits(&mut self.engine, program.cycles_at_most()?, options);
        if let Err(error) = self.engine.run(&loaded, &bindings, options) {
            self.recover(error, resilience.recovery.as_ref())?;
        }
        for (bytes, buffer) in contents.iter_mut().zip(&buffers) {
            if let Some(buffer) = buffer {
                self.engine.read(buffer, 0, bytes)?;
            }
        }
        Ok(contents)
    }

    /// Recovers the device from an error in flight. The error is returned, unless the submission had completed.
    fn recover(&mut self, error: EngineError, policy: Option<&RecoveryPolicy>) -> Result<RunReport, Error> {
        let Some(poisoned) = self.engine.poisoned().filter(|_| !error.is_cancelled()) else { return Err(error.into()) };
        let Some(policy) = policy else { return Err(Error::Unrecovered { first: error, last: EngineError::Poisoned }) };
        match poisoned.recover(policy) {
            Ok(recovery) => {
                self.suspect |= recovery.rung > Rung::Abort;
                recovery.finished.ok_or(Error::Engine(error))
            }
            Err(last) if last.is_cancelled() => Err(last.into()),
            Err(last) => Err(Error::Unrecovered { first: error, last }),
        }
    }

    /// Brings back what may have been lost on the device.
    fn restore(&mut self, model: &QuantizedModel) -> Result<(), Error> {
        let lost = |b: &Buffer, engine: &Engine| b.generation() != engine.generation();
        if self.memory.as_ref().is_none_or(|m| lost(&m.constants, &self.engine)) {
            self.programs.values_mut().for_each(|c| c.loaded = None);
            self.memory = None;
            let mut allocate = |bytes: u64| self.engine.allocate(bytes);
            let memory = Memory {
                constants: allocate(model.image.len() as u64)?,
                input: allocate(DRAM_ALIGN.into())?,
                output: allocate(DRAM_ALIGN.into())?,
                workspace: allocate(DRAM_ALIGN.into())?,
            };
            self.engine.write(&memory.constants, 0, &model.image)?;
            self.memory = Some(memory);
        } else if let Some(memory) = self.memory.as_ref().filter(|_| self.suspect) {
            self.programs.values_mut().for_each(|c| c.loaded = None);
            if !self.engine.holds(&memory.constants, 0, &model.image)? {
                tracing::warn!("the constants in device memory were damaged; writing them again");
                self.engine.write(&memory.constants, 0, &model.image)?;
            }
        }
        self.suspect = false;
        Ok(())
    }

    /// What device memory no longer holds as the host wrote it.
    fn damage(
        &mut self,
        model: &QuantizedModel,
        compiled: &Compiled,
        input: &[u8],
    ) -> Result<Option<&'static str>, Error> {
        let (Some(memory), Some(loaded)) = (&self.memory, &compiled.loaded) else { return Ok(Some("everything")) };
        Ok(if !self.engine.intact(loaded, &compiled.program)? {
            Some("the submission or its program")
        } else if !self.engine.holds(&memory.input, 0, input)? {
            Some("the input")
        } else if !self.engine.holds(&memory.constants, 0, &model.image)? {
            Some("the constants")
        } else {
            None
        })
    }

    /// Compiles and verifies the program for (tokens, batch).
    fn compile(&mut self, model: &QuantizedModel, key: (u32, u32)) -> Result<Compiled, Error> {
        let program = compile(&model.encoder, self.engine.config(), key.0, key.1)?;
        let program = {
            let _span = tracing::info_span!("verify", instructions = program.code.len()).entered();
            verify(program)?
        };
        self.make_room(program.code.len());
        let (work, cycles) = (program.statistics()?.total, program.cycles_at_most()?);
        self.compiled += 1;
        Ok(Compiled { program, loaded: None, work, cycles, last_use: self.runs })
    }

    /// Makes the buffers large enough and uploads the program, where that has not been done.
    fn load(&mut self, compiled: &mut Compiled) -> Result<(), Error> {
        if compiled.loaded.is_some() {
            return Ok(());
        }
        if let Some(memory) = &mut self.memory {
            for (buffer, region) in
                [(&mut memory.input, INPUT), (&mut memory.output, OUTPUT), (&mut memory.workspace, WORKSPACE)]
            {
                let size = compiled.program.regions[usize::from(region)].size.into();
                if buffer.size() < size {
                    *buffer = self.engine.allocate(size)?;
                }
            }
        }
        compiled.loaded = Some(self.engine.upload(&compiled.program)?);
        Ok(())
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

/// Sets the watchdog for a program, and gives the deadline.
fn set_limits(engine: &mut Engine, cycles: u64, options: RunOptions) -> systole_driver::RunOptions {
    let RunOptions { trace, deadline, pace, .. } = options;
    engine.set_watchdog(pace.map_or(0, |pace| pace.watchdog(cycles)));
    let expected = pace.map_or(Duration::ZERO, |pace| pace.longest(cycles));
    systole_driver::RunOptions { trace, deadline: deadline.saturating_add(expected) }
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
