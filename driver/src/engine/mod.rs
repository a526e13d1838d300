//! One device, from identification to the completion of runs, and back to its feet when it failed.
//!
//! 1. [`Closed`], [`Identified`], [`Engine`], [`Poisoned`] are the states of a device; [`Engine::open`] is the short way
//!    to the third: it checks who answers, resets it and hands it empty rings.
//! 2. [`Engine::upload`] copies a verified program into device memory.
//! 3. [`Engine::allocate`], [`Engine::write`] and [`Engine::read`] manage the memory that regions are bound to.
//! 4. [`Engine::run`] submits and waits. In steady state it allocates nothing, on the host or the device.
//! 5. An error in flight poisons the engine: all it can still do is [`Poisoned::recover`].
//!
//! Invariants: nothing but a [`Verified`] program is submitted, over regions no larger than it declares; after an error
//! in flight no memory is released or used again before the device has finished or was reset; every wait has a deadline.

mod buffer;
mod error;
mod identify;
mod memory;
mod recovery;
mod self_test;
mod states;
mod submission;

use std::sync::Arc;
use std::time::Duration;

use bytemuck::Zeroable;
use systole_isa::register;
use systole_isa::ring::{Completion, Region, SUBMIT_INTERRUPT, SUBMIT_TRACE, Submission, TraceRecord};
use systole_isa::{HwConfig, REGIONS};

pub use buffer::{Bindings, Buffer};
pub use error::EngineError;
pub use identify::{Expected, Identity};
pub use recovery::{Recovery, RecoveryCounts, RecoveryPolicy, Rung};
pub use states::{Closed, Failed, Identified, Poisoned};

use crate::{Device, Program, RegionSpec, RegisterAccess, Verified};
use buffer::Dropped;
use submission::{Channel, Pending};

/// A program in device memory. Dropping it frees that memory.
#[derive(Debug)]
pub struct LoadedProgram {
    code: Buffer,
    instructions: u32,
    /// Instructions with a trace tag.
    tagged: u32,
    abi_hash: u64,
    regions: [RegionSpec; REGIONS],
}

impl LoadedProgram {
    /// What the program expects of each region.
    pub fn regions(&self) -> &[RegionSpec; REGIONS] {
        &self.regions
    }
}

/// How to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunOptions {
    /// Return a trace record for each tagged instruction.
    pub trace: bool,
    /// Longest time from the doorbell to the completion.
    pub deadline: Duration,
}

impl Default for RunOptions {
    /// No trace, ten seconds.
    fn default() -> Self {
        Self { trace: false, deadline: Duration::from_secs(10) }
    }
}

/// What a run reports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunReport {
    /// Cycles from fetch to completion; `None` on an executor without timing.
    pub cycles: Option<u64>,
    /// One record for each tagged instruction, in the order in which the device wrote them; empty unless asked for.
    pub trace: Vec<TraceRecord>,
    /// Instructions executed, END included.
    pub executed: u32,
}

/// Cycles of one unit during the last submission, modulo 2^32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnitCounters {
    /// It executed an instruction.
    pub busy: u32,
    /// Its next instruction waited for a semaphore.
    pub wait: u32,
    /// It executed, but a bus or memory port made no progress.
    pub stall: u32,
}

/// Owner of a device that is ready to run programs.
pub struct Engine {
    device: Box<dyn Device + Send>,
    identity: Identity,
    dropped: Arc<Dropped>,
    arena: Buffer,
    trace: Option<Buffer>,
    channel: Channel,
    next_id: u64,
    watchdog: u32,
    /// How often memory was lost.
    generation: u32,
    poison: Option<Poison>,
    recoveries: RecoveryCounts,
}

/// Why an engine does nothing.
#[derive(Debug)]
enum Poison {
    /// The device may still work on this.
    InFlight(Pending),
    /// What was in flight is lost.
    Lost,
}

impl Engine {
    /// Identifies a device, resets it and sets up its rings: the way through [`Closed`] and [`Identified`].
    ///
    /// # Errors
    /// The device is none of ours, implements another contract or configuration, cannot be reset or has no memory.
    #[tracing::instrument(level = "debug", skip_all)]
    pub fn open(device: Box<dyn Device + Send>) -> Result<Self, EngineError> {
        Ok(Closed::new(device).identify(Expected::default())?.start()?)
    }

    fn new(
        device: Box<dyn Device + Send>,
        identity: Identity,
        dropped: Arc<Dropped>,
        arena: Buffer,
        channel: Channel,
    ) -> Self {
        let recoveries = RecoveryCounts::default();
        let (trace, next_id, watchdog, generation, poison) = (None, 1, 0, 0, None);
        Self { device, identity, dropped, arena, trace, channel, next_id, watchdog, generation, poison, recoveries }
    }

    /// The device's configuration.
    pub fn config(&self) -> &'static HwConfig {
        self.identity.config
    }

    /// The device's configuration and build.
    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// Changes whenever device memory was lost; buffers and programs of an earlier generation are refused.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// What was needed so far to keep the device running.
    pub fn recoveries(&self) -> RecoveryCounts {
        self.recoveries
    }

    /// Has the device's watchdog stop each later submission after so many cycles; 0, as in the beginning, is never. Unlike
    /// the deadline of [`RunOptions`] it counts device time, and an executor without timing ignores it.
    pub fn set_watchdog(&mut self, cycles: u32) {
        self.watchdog = cycles;
    }

    /// The engine after an error in flight; `None` while it is ready.
    pub fn poisoned(&mut self) -> Option<Poisoned<'_>> {
        self.poison.is_some().then(|| Poisoned::of(self))
    }

    /// Runs a small program whose result is known.
    ///
    /// # Errors
    /// [`EngineError::SelfTest`] for another result; else as [`Engine::run`].
    pub fn self_test(&mut self, deadline: Duration) -> Result<(), EngineError> {
        self_test::run(self, deadline)
    }

    /// Copies a program into device memory.
    ///
    /// # Errors
    /// It is for another configuration, or the memory is exhausted.
    #[tracing::instrument(level = "debug", skip_all, fields(bytes = program.code.len() * systole_isa::INSTRUCTION_BYTES))]
    pub fn upload(&mut self, program: &Verified) -> Result<LoadedProgram, EngineError> {
        let Program { config, code, regions, abi_hash, .. } = &**program;
        if config.id != self.identity.config.id {
            return Err(EngineError::ProgramConfig { program: config.name, device: self.identity.config.name });
        }
        let bytes = code.as_flattened();
        let buffer = self.allocate(bytes.len() as u64)?;
        self.write(&buffer, 0, bytes)?;
        // Bytes 2 and 3 of every instruction are its tag.
        let tagged = code.iter().filter(|i| (i[2], i[3]) != (0, 0)).count() as u32;
        let regions = regions.clone();
        Ok(LoadedProgram { code: buffer, instructions: code.len() as u32, tagged, abi_hash: *abi_hash, regions })
    }

    /// Runs a program over the bound buffers and waits for its completion.
    ///
    /// # Errors
    /// The bindings do not fit the program; the device faults, does not complete in time or breaks the protocol. These
    /// last poison the engine, see [`Engine::poisoned`], and what the program's writable regions hold is undefined.
    #[tracing::instrument(level = "debug", skip_all, fields(instructions = program.instructions, cycles))]
    pub fn run(
        &mut self,
        program: &LoadedProgram,
        bindings: &Bindings<'_>,
        options: RunOptions,
    ) -> Result<RunReport, EngineError> {
        self.collect()?;
        self.check(&program.code, "program")?;
        let table = bindings.table(&program.regions, |buffer| self.check(buffer, "buffer"))?;
        let traced = options.trace && program.tagged > 0;
        if traced {
            self.prepare_trace(program.tagged)?;
        }
        let id = self.next_id;
        self.next_id += 1;
        let submission = Submission {
            id,
            program: program.code.address,
            abi_hash: program.abi_hash,
            instructions: program.instructions,
            flags: SUBMIT_INTERRUPT | if traced { SUBMIT_TRACE } else { 0 },
            watchdog: self.watchdog,
            ..Submission::zeroed()
        };
        let records = traced.then_some(program.tagged);
        let pending = Pending { id, instructions: program.instructions, records };
        self.submit(&table, submission, pending, options.deadline)
            .inspect(|report| {
                tracing::Span::current().record("cycles", report.cycles);
            })
            .inspect_err(|error| {
                tracing::warn!(%error, id, "a submission failed");
                self.poison = Some(Poison::InFlight(pending));
            })
    }

    /// The counters of the last run, by the order of [`systole_isa::Unit::QUEUED`].
    ///
    /// # Errors
    /// The device cannot be reached.
    pub fn counters(&mut self) -> Result<[UnitCounters; 4], EngineError> {
        use register::*;
        let units = [
            (LOAD_BUSY, LOAD_WAIT, LOAD_STALL),
            (GEMM_BUSY, GEMM_WAIT, GEMM_STALL),
            (VECTOR_BUSY, VECTOR_WAIT, VECTOR_STALL),
            (STORE_BUSY, STORE_WAIT, STORE_STALL),
        ];
        let mut counters = [UnitCounters::default(); 4];
        for (unit, (busy, wait, stall)) in counters.iter_mut().zip(units) {
            let device = &mut *self.device;
            *unit = UnitCounters { busy: device.get(busy)?, wait: device.get(wait)?, stall: device.get(stall)? };
        }
        Ok(counters)
    }

    fn submit(
        &mut self,
        table: &[Region; REGIONS],
        submission: Submission,
        pending: Pending,
        deadline: Duration,
    ) -> Result<RunReport, EngineError> {
        self.channel.submit(&mut *self.device, table, submission)?;
        let entry = self.channel.wait(&mut *self.device, deadline)?;
        self.finish(&entry, pending)
    }

    /// What a completion reports, once it is checked.
    fn finish(&mut self, entry: &Completion, pending: Pending) -> Result<RunReport, EngineError> {
        submission::check_completion(entry, pending.id, pending.instructions)?;
        let trace = match pending.records {
            Some(count) => self.read_trace(count, pending)?,
            None => Vec::new(),
        };
        let cycles = (entry.cycles != 0).then_some(entry.cycles);
        Ok(RunReport { cycles, trace, executed: entry.instruction })
    }

    /// Makes room for `records` and restarts the device's record count.
    fn prepare_trace(&mut self, records: u32) -> Result<(), EngineError> {
        let bytes = u64::from(records) * size_of::<TraceRecord>() as u64;
        if self.trace.as_ref().is_none_or(|t| t.size < bytes) {
            self.trace = None;
            self.trace = Some(self.allocate(bytes)?);
        }
        let base = self.trace.as_ref().map_or(0, |t| t.address);
        self.device.set_pair(register::TRACE_BASE_LO, register::TRACE_BASE_HI, base)?;
        Ok(self.device.set(register::TRACE_SIZE, records)?)
    }

    fn read_trace(&mut self, expected: u32, pending: Pending) -> Result<Vec<TraceRecord>, EngineError> {
        let found = self.device.get(register::TRACE_COUNT)?;
        submission::expect("TRACE_COUNT", expected.into(), found.into())?;
        let mut records = vec![TraceRecord::zeroed(); expected as usize];
        if let Some(buffer) = &self.trace {
            self.device.copy_from(buffer.address, bytemuck::cast_slice_mut(&mut records))?;
        }
        submission::check_trace(&records, pending.id, pending.instructions)?;
        Ok(records)
    }
}

impl Drop for Engine {
    /// Stops the device, which must not keep the addresses of rings that go away.
    fn drop(&mut self) {
        // One that was cancelled is stopped.
        if let Err(error) = identify::reset(&mut *self.device)
            && !error.is_cancelled()
        {
            tracing::warn!(%error, "could not stop the device");
            return;
        }
        self.trace = None;
        self.dropped.lock().push(self.arena.address);
        if let Err(error) = self.drain() {
            tracing::error!(%error, "could not release device memory");
        }
    }
}
