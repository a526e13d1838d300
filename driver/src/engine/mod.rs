//! One device, from identification to the completion of runs.
//!
//! 1. [`Engine::open`] checks who answers, resets it and hands it empty rings.
//! 2. [`Engine::upload`] copies a verified program into device memory.
//! 3. [`Engine::allocate`], [`Engine::write`] and [`Engine::read`] manage the memory that regions are bound to.
//! 4. [`Engine::run`] submits and waits. In steady state it allocates nothing, on the host or the device.
//!
//! Invariants: nothing but a [`Verified`] program is submitted, over regions no larger than it declares; after an error
//! in flight the device is reset before anything else happens, so no buffer is reused under a running submission.

mod buffer;
mod error;
mod identify;
mod submission;

use std::sync::Arc;
use std::time::Duration;

use bytemuck::Zeroable;
use systole_isa::register;
use systole_isa::ring::{Region, SUBMIT_INTERRUPT, SUBMIT_TRACE, Submission, TraceRecord};
use systole_isa::{HwConfig, REGIONS};

pub use buffer::{Bindings, Buffer};
pub use error::EngineError;
pub use identify::Identity;

use crate::{Device, DeviceError, Program, RegionSpec, RegisterAccess, Verified};
use buffer::Dropped;
use submission::Channel;

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

/// Owner of a device.
pub struct Engine {
    device: Box<dyn Device + Send>,
    identity: Identity,
    dropped: Arc<Dropped>,
    arena: Buffer,
    trace: Option<Buffer>,
    /// `None` after a reset that failed.
    channel: Option<Channel>,
    next_id: u64,
}

impl Engine {
    /// Identifies a device, resets it and sets up its rings.
    ///
    /// # Errors
    /// The device is none of ours, implements another contract or configuration, cannot be reset or has no memory.
    #[tracing::instrument(level = "debug", skip_all)]
    pub fn open(mut device: Box<dyn Device + Send>) -> Result<Self, EngineError> {
        let identity = identify::identify(&mut *device)?;
        let dropped = Arc::new(Dropped::default());
        let arena = allocate(&mut *device, &dropped, submission::ARENA_BYTES)?;
        let channel = Some(Channel::open(&mut *device, arena.address)?);
        tracing::debug!(config = identity.config.name, build_id = identity.build_id, "opened");
        Ok(Self { device, identity, dropped, arena, trace: None, channel, next_id: 1 })
    }

    /// The device's configuration.
    pub fn config(&self) -> &'static HwConfig {
        self.identity.config
    }

    /// The device's configuration and build.
    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// Reserves zeroed device memory.
    ///
    /// # Errors
    /// The memory is exhausted or the engine unusable.
    pub fn allocate(&mut self, bytes: u64) -> Result<Buffer, EngineError> {
        self.collect()?;
        Ok(allocate(&mut *self.device, &self.dropped, bytes)?)
    }

    /// Copies host bytes into a buffer.
    ///
    /// # Errors
    /// The range leaves the buffer, or the buffer belongs to another engine.
    pub fn write(&mut self, buffer: &Buffer, offset: u64, bytes: &[u8]) -> Result<(), EngineError> {
        let address = self.locate(buffer, offset, bytes.len())?;
        Ok(self.device.copy_to(address, bytes)?)
    }

    /// Copies a buffer to host bytes.
    ///
    /// # Errors
    /// The range leaves the buffer, or the buffer belongs to another engine.
    pub fn read(&mut self, buffer: &Buffer, offset: u64, bytes: &mut [u8]) -> Result<(), EngineError> {
        let address = self.locate(buffer, offset, bytes.len())?;
        Ok(self.device.copy_from(address, bytes)?)
    }

    /// Releases a buffer at once, and all that were dropped before; dropping it does the same later.
    ///
    /// # Errors
    /// The device refuses.
    pub fn release(&mut self, buffer: Buffer) -> Result<(), EngineError> {
        drop(buffer);
        self.collect()
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
    /// The bindings do not fit the program; the device faults, does not complete in time or breaks the protocol. In
    /// these last cases it has been reset, and what the program's writable regions hold is undefined.
    #[tracing::instrument(level = "debug", skip_all, fields(instructions = program.instructions, cycles))]
    pub fn run(
        &mut self,
        program: &LoadedProgram,
        bindings: &Bindings<'_>,
        options: RunOptions,
    ) -> Result<RunReport, EngineError> {
        self.collect()?;
        if !Arc::ptr_eq(&program.code.owner, &self.dropped) {
            return Err(EngineError::Foreign { what: "program" });
        }
        let table = bindings.table(&program.regions, &self.dropped)?;
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
            ..Submission::zeroed()
        };
        let report = self.submit(&table, submission, traced.then_some(program.tagged), options.deadline);
        if report.is_err() {
            // Whatever the device still does must not meet memory that is used for something else.
            self.channel = None;
            self.channel = Channel::open(&mut *self.device, self.arena.address)
                .inspect_err(|error| tracing::error!(%error, "reset failed"))
                .ok();
        }
        report.inspect(|report| {
            tracing::Span::current().record("cycles", report.cycles);
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
        records: Option<u32>,
        deadline: Duration,
    ) -> Result<RunReport, EngineError> {
        let channel = self.channel.as_mut().ok_or(EngineError::Unusable)?;
        channel.submit(&mut *self.device, table, submission)?;
        let entry = channel.wait(&mut *self.device, deadline)?;
        submission::check_completion(&entry, submission.id, submission.instructions)?;
        let trace = match records {
            Some(count) => self.read_trace(count, &submission)?,
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

    fn read_trace(&mut self, expected: u32, submission: &Submission) -> Result<Vec<TraceRecord>, EngineError> {
        let found = self.device.get(register::TRACE_COUNT)?;
        submission::expect("TRACE_COUNT", expected.into(), found.into())?;
        let mut records = vec![TraceRecord::zeroed(); expected as usize];
        if let Some(buffer) = &self.trace {
            self.device.copy_from(buffer.address, bytemuck::cast_slice_mut(&mut records))?;
        }
        submission::check_trace(&records, submission.id, submission.instructions)?;
        Ok(records)
    }

    /// Releases what was dropped, unless the device may still be using it.
    fn collect(&mut self) -> Result<(), EngineError> {
        if self.channel.is_none() {
            return Err(EngineError::Unusable);
        }
        Ok(self.drain()?)
    }

    fn drain(&mut self) -> Result<(), DeviceError> {
        let mut dropped = self.dropped.lock();
        while let Some(address) = dropped.pop() {
            self.device.release(address)?;
        }
        Ok(())
    }

    /// The bus address of a range inside a buffer of this engine.
    fn locate(&self, buffer: &Buffer, offset: u64, bytes: usize) -> Result<u64, EngineError> {
        if !Arc::ptr_eq(&buffer.owner, &self.dropped) {
            return Err(EngineError::Foreign { what: "buffer" });
        }
        let bytes = bytes as u64;
        match offset.checked_add(bytes) {
            Some(end) if end <= buffer.size => Ok(buffer.address + offset),
            _ => Err(EngineError::BufferRange { offset, bytes, size: buffer.size }),
        }
    }
}

fn allocate(device: &mut (dyn Device + Send), owner: &Arc<Dropped>, size: u64) -> Result<Buffer, DeviceError> {
    // A buffer of nothing still has an address of its own.
    let address = device.allocate(size.max(1))?;
    Ok(Buffer { address, size, owner: Arc::clone(owner) })
}

impl Drop for Engine {
    /// Stops the device, which must not keep the addresses of rings that go away.
    fn drop(&mut self) {
        if let Err(error) = identify::reset(&mut *self.device) {
            tracing::error!(%error, "could not stop the device");
            return;
        }
        self.trace = None;
        self.dropped.lock().push(self.arena.address);
        if let Err(error) = self.drain() {
            tracing::error!(%error, "could not release device memory");
        }
    }
}
