//! [`Simulator`]: registers, rings and interrupt around the chip.

use crate::chip::Chip;
use crate::hang::{Answered, Bus};
use crate::kernels::Scratch;
use crate::memory::Memory;
use crate::observer::Observer;
use crate::order::{Interleaving, Order, Queues};
use crate::registers::{Effect, IRQ_COMPLETION, IRQ_FAULT, RegisterFile, STATUS_FAULT, STATUS_FULL, STATUS_HUNG};
use crate::rings::Rings;
use crate::sequencer::Sequencer;
use crate::trace::{Tracer, nanoseconds};
use std::time::{Duration, Instant};
use systole_driver::bus::BusHang;
use systole_driver::recorder::Placement;
use systole_driver::{BusMaster, Device, DeviceError, Window};
use systole_isa::register::{self, WINDOW_BYTES};
use systole_isa::ring::{Completion, SUBMIT_INTERRUPT, Submission};
use systole_isa::{Cause, Fault, HwConfig};

/// The accelerator as a device in this process.
///
/// Work is done *during* the register write that makes it possible: SQ_TAIL (the doorbell), CONTROL, or CQ_HEAD when the
/// completion ring was full. So the host never sees STATUS bit 0 set, a RESET never finds anything to abort, and
/// [`Device::wait_interrupt`] returns at once. There is no timing: `Completion::cycles` and the busy, wait and stall
/// counters are 0, CYCLE and trace records hold nanoseconds since the simulator was made, and the watchdog, which counts
/// cycles, never bites (every program ends: it has no branches, and a deadlock is found).
///
/// The bus answers at once, so BUS_TIMEOUT never passes, unless the bus is made to hang ([`Simulator::with_bus_hang`]).
///
/// A submission that faults is completed with its fault, and the next one is taken. A fault of the rings themselves
/// (`RingMalformed`, or `Bus` while reading or writing a slot) leaves nothing to complete: the engine halts. Either is
/// latched in the FAULT registers until RESET, which also lets a halted engine go on; the host sets up both rings again,
/// zeroed, since the phase restarts at 1. RESET keeps CONTROL, the interrupt registers, ring bases and sizes, the
/// trace registers and all memories.
pub struct Simulator {
    registers: RegisterFile,
    memory: Memory,
    chip: Chip,
    scratch: Scratch,
    order: Order,
    queues: Queues,
    observer: Option<Box<dyn Observer + Send>>,
    /// Of the completion that is written next.
    phase: u16,
    /// A ring fault stopped the engine until RESET.
    halted: bool,
    bus: Bus,
    epoch: Instant,
}

impl Simulator {
    /// A device of this configuration, as after power-up.
    pub fn new(config: &'static HwConfig) -> Self {
        Self {
            registers: RegisterFile::new(config),
            memory: Memory::default(),
            chip: Chip::new(config),
            scratch: Scratch::default(),
            order: Interleaving::default().into(),
            queues: Queues::default(),
            observer: None,
            phase: 1,
            halted: false,
            bus: Bus::default(),
            epoch: Instant::now(),
        }
    }

    /// Limits device memory, in bytes; [`crate::memory::DEFAULT_LIMIT`] otherwise.
    #[must_use]
    pub fn with_memory_limit(mut self, bytes: u64) -> Self {
        self.memory.set_limit(bytes);
        self
    }

    /// Sets the order of units that could all proceed.
    #[must_use]
    pub fn with_interleaving(mut self, interleaving: Interleaving) -> Self {
        self.order = interleaving.into();
        self
    }

    /// Sets the capacity of the unit queues.
    #[must_use]
    pub fn with_queues(mut self, queues: Queues) -> Self {
        self.queues = queues;
        self
    }

    /// Makes the bus hang, of which BUS_TIMEOUT passes at once. Bursts are counted for the engine alone: its slot, its
    /// region table, one for each instruction with its data, its completion. A program that is not answered is stopped as
    /// if by a watchdog.
    #[must_use]
    pub fn with_bus_hang(mut self, hang: BusHang) -> Self {
        self.bus = Bus::hanging(hang);
        self
    }

    /// Has an observer told of every executed instruction.
    #[must_use]
    pub fn with_observer(mut self, observer: impl Observer + Send + 'static) -> Self {
        self.observer = Some(Box::new(observer));
        self
    }

    /// The memories on chip.
    pub const fn chip(&self) -> &Chip {
        &self.chip
    }

    /// The memories on chip, to set up a test or inject a fault.
    pub const fn chip_mut(&mut self) -> &mut Chip {
        &mut self.chip
    }

    /// Takes submissions until there are none or the completion ring is full.
    fn run(&mut self) {
        loop {
            self.registers.put_bits(register::STATUS, STATUS_FULL, false);
            let enabled = self.registers.get(register::CONTROL) & 1 == 1;
            let pending = self.registers.get(register::SQ_HEAD) != self.registers.get(register::SQ_TAIL);
            if !enabled || !pending || self.halted {
                return;
            }
            match self.take() {
                Ok(true) => {}
                Ok(false) => return self.registers.put_bits(register::STATUS, STATUS_FULL, true),
                Err(fault) => {
                    self.halted = true;
                    self.registers.put_bits(register::STATUS, STATUS_HUNG, fault.cause == Cause::BusHung);
                    return self.latch(&fault);
                }
            }
        }
    }

    /// Runs one submission; false when there is no slot for its completion. An error halts the engine: it is one of the
    /// rings, or the bus hung.
    fn take(&mut self) -> Result<bool, Fault> {
        let rings = Rings::read(&self.registers)?;
        if rings.completions_full() {
            return Ok(false);
        }
        if !self.bus.answers(true) {
            return Err(rings.hung_slot());
        }
        let submission = rings.fetch(&self.memory)?;
        self.registers.set(register::SQ_HEAD, rings.next_submission());
        let outcome = self.execute(&submission);
        let (cause, unit, instruction, address) = match &outcome {
            Ok(executed) => (Cause::None, 0, *executed, 0),
            Err(f) if f.cause == Cause::BusHung => return Err(*f),
            Err(f) => (f.cause, f.unit as u8, f.instruction, f.address),
        };
        let completion = Completion {
            id: submission.id,
            cause: cause as u8,
            unit,
            phase: self.phase,
            instruction,
            address,
            cycles: 0,
        };
        rings.complete(&mut self.memory, &completion)?;
        if !self.bus.answers(false) {
            return Err(rings.hung_completion());
        }
        let next = rings.next_completion();
        self.registers.set(register::CQ_TAIL, next);
        if next == 0 {
            self.phase ^= 1;
        }
        if submission.flags & SUBMIT_INTERRUPT != 0 {
            self.registers.put_bits(register::IRQ_STATUS, IRQ_COMPLETION, true);
        }
        if let Err(fault) = outcome {
            self.latch(&fault);
        }
        Ok(true)
    }

    fn execute(&mut self, submission: &Submission) -> Result<u32, Fault> {
        let span = tracing::debug_span!("simulate", id = submission.id, instructions = submission.instructions);
        let _entered = span.enter();
        let depth = match self.queues {
            Queues::Hardware => self.chip.config().queue_depth as usize,
            Queues::Unbounded => usize::MAX,
        };
        let mut tracer = Tracer {
            base: self.registers.pair(register::TRACE_BASE_LO, register::TRACE_BASE_HI),
            size: self.registers.get(register::TRACE_SIZE),
            count: self.registers.get(register::TRACE_COUNT),
            epoch: self.epoch,
        };
        let outcome = Sequencer {
            chip: &mut self.chip,
            memory: &mut self.memory,
            bus: &mut self.bus,
            scratch: &mut self.scratch,
            order: &mut self.order,
            depth,
            observer: self.observer.as_deref_mut(),
            tracer: &mut tracer,
        }
        .run(submission);
        self.registers.set(register::TRACE_COUNT, tracer.count);
        outcome
    }

    /// Raises the fault interrupt and keeps the first fault since RESET.
    fn latch(&mut self, fault: &Fault) {
        tracing::debug!(%fault, "submission stopped");
        let registers = &mut self.registers;
        registers.put_bits(register::IRQ_STATUS, IRQ_FAULT, true);
        if registers.get(register::STATUS) & STATUS_FAULT != 0 {
            return;
        }
        registers.put_bits(register::STATUS, STATUS_FAULT, true);
        registers.set(register::FAULT, fault.cause as u32 | (fault.unit as u32) << 8);
        registers.set(register::FAULT_INSTRUCTION, fault.instruction);
        registers.set(register::FAULT_ADDRESS_LO, fault.address as u32);
        registers.set(register::FAULT_ADDRESS_HI, (fault.address >> 32) as u32);
    }

    /// RESET, unless it has to wait for the bus.
    fn reset(&mut self) {
        if self.bus.keep_reset() {
            return;
        }
        for indices in [register::SQ_TAIL, register::CQ_HEAD] {
            self.registers.set(indices, 0);
        }
        for cleared in [
            register::SQ_HEAD,
            register::CQ_TAIL,
            register::STATUS,
            register::FAULT,
            register::FAULT_INSTRUCTION,
            register::FAULT_ADDRESS_LO,
            register::FAULT_ADDRESS_HI,
        ] {
            self.registers.set(cleared, 0);
        }
        self.phase = 1;
        self.halted = false;
    }

    /// Lets time pass, which only a bus that hangs notices.
    fn pass(&mut self) {
        if let Some(answered) = self.bus.pass() {
            self.registers.put_bits(register::STATUS, STATUS_HUNG, false);
            if answered == Answered::Reset {
                self.reset();
            }
        }
    }

    /// The level of the interrupt line.
    fn line(&self) -> bool {
        self.registers.get(register::IRQ_STATUS) & self.registers.get(register::IRQ_ENABLE) != 0
    }
}

/// Refuses what is not a register's place in the window.
fn check_offset(offset: u32) -> Result<(), DeviceError> {
    if offset < WINDOW_BYTES && offset.is_multiple_of(4) { Ok(()) } else { Err(DeviceError::RegisterOffset { offset }) }
}

impl Device for Simulator {
    fn read(&mut self, offset: u32) -> Result<u32, DeviceError> {
        check_offset(offset)?;
        self.pass();
        if offset == register::CYCLE_LO.offset {
            let now = nanoseconds(self.epoch);
            self.registers.set(register::CYCLE_HI, (now >> 32) as u32);
            return Ok(now as u32);
        }
        Ok(self.registers.host_read(offset))
    }

    fn write(&mut self, offset: u32, value: u32) -> Result<(), DeviceError> {
        check_offset(offset)?;
        self.pass();
        match self.registers.host_write(offset, value) {
            Effect::Nothing => {}
            Effect::Run => self.run(),
            Effect::Reset => self.reset(),
            Effect::RestartTrace => self.registers.set(register::TRACE_COUNT, 0),
        }
        Ok(())
    }

    fn allocate(&mut self, bytes: u64) -> Result<u64, DeviceError> {
        self.memory.allocate(bytes)
    }

    fn release(&mut self, address: u64) -> Result<(), DeviceError> {
        self.memory.release(address)
    }

    fn copy_to(&mut self, address: u64, bytes: &[u8]) -> Result<(), DeviceError> {
        self.memory.copy_to(address, bytes)
    }

    fn copy_from(&mut self, address: u64, bytes: &mut [u8]) -> Result<(), DeviceError> {
        self.memory.copy_from(address, bytes)
    }

    /// Returns at once: all work is done before any call returns, so waiting could not raise the line.
    fn wait_interrupt(&mut self, _timeout: Duration) -> Result<bool, DeviceError> {
        Ok(self.line())
    }

    /// Power off and on: what memory held is lost, on chip as well.
    fn reset_link(&mut self) -> Result<(), DeviceError> {
        let config = self.chip.config();
        self.registers = RegisterFile::new(config);
        self.chip = Chip::new(config);
        self.memory.lose();
        self.phase = 1;
        self.halted = false;
        self.bus = Bus::default();
        self.epoch = Instant::now();
        Ok(())
    }
}

impl BusMaster for Simulator {
    fn map(&mut self, address: u64, window: Window) {
        self.memory.map(address, window);
    }

    fn unmap(&mut self, address: u64) {
        self.memory.unmap(address);
    }

    fn interrupt(&mut self) -> Result<bool, DeviceError> {
        Ok(self.line())
    }

    fn take_refused(&mut self) -> Option<u64> {
        self.memory.take_refused()
    }

    /// Nothing ever runs between two calls.
    fn advance(&mut self) -> Result<bool, DeviceError> {
        Ok(false)
    }
}

impl Placement for Simulator {
    fn allocate_at(&mut self, address: u64, bytes: u64) -> Result<(), DeviceError> {
        self.memory.allocate_at(address, bytes)
    }
}
