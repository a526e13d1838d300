//! The register file: storage and access kinds as `systole-isa` declares them.

use systole_isa::register::{self, Access, Register, WINDOW_BYTES, kind};
use systole_isa::{ABI_HASH, HwConfig};

/// STATUS: a fault is latched.
pub(crate) const STATUS_FAULT: u32 = 2;
/// STATUS: the completion ring is full and a submission waits.
pub(crate) const STATUS_FULL: u32 = 4;
/// STATUS: the bus hung and owes answers.
pub(crate) const STATUS_HUNG: u32 = 8;
/// IRQ_STATUS and IRQ_ENABLE: completion.
pub(crate) const IRQ_COMPLETION: u32 = 1;
/// IRQ_STATUS and IRQ_ENABLE: fault.
pub(crate) const IRQ_FAULT: u32 = 2;

/// What the engine must do after the host wrote a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    Nothing,
    /// Look for work.
    Run,
    Reset,
    /// Start the trace buffer afresh.
    RestartTrace,
}

/// Values by word of the window. Offsets without a register read 0 and ignore writes.
#[derive(Clone, Debug)]
pub(crate) struct RegisterFile {
    values: Vec<u32>,
}

const fn slot(offset: u32) -> usize {
    offset as usize / 4
}

impl RegisterFile {
    pub fn new(config: &HwConfig) -> Self {
        let mut file = Self { values: vec![0; slot(WINDOW_BYTES)] };
        for declared in register::REGISTERS {
            file.values[slot(declared.offset)] = declared.reset.unwrap_or(0);
        }
        file.set(register::ABI_HASH_LO, ABI_HASH as u32);
        file.set(register::ABI_HASH_HI, (ABI_HASH >> 32) as u32);
        file.set(register::BUILD_ID, 0);
        file.set(register::CONFIG_ID, config.id);
        file.set(register::CONFIG_ARRAY, config.n | config.bus_bytes << 8 | config.queue_depth << 16);
        file.set(register::CONFIG_SPAD, config.spad_words);
        file.set(register::CONFIG_ACC, config.acc_words);
        file.set(register::CONFIG_PARAM_ROW, config.param_words | config.row_entries << 16);
        file
    }

    /// The engine's view of a register.
    pub fn get<K>(&self, register: Register<K>) -> u32 {
        self.values[slot(register.offset)]
    }

    /// The engine's write, whatever the host may do.
    pub fn set<K>(&mut self, register: Register<K>, value: u32) {
        self.values[slot(register.offset)] = value;
    }

    /// Sets or clears bits.
    pub fn put_bits<K: Copy>(&mut self, register: Register<K>, bits: u32, on: bool) {
        let old = self.get(register);
        self.set(register, if on { old | bits } else { old & !bits });
    }

    /// A 64-bit value.
    pub fn pair<K>(&self, low: Register<K>, high: Register<K>) -> u64 {
        u64::from(self.get(high)) << 32 | u64::from(self.get(low))
    }

    /// The host's read, except for the cycle counter. `offset` is inside the window and aligned.
    pub fn host_read(&self, offset: u32) -> u32 {
        match register::by_offset(offset) {
            Some(r) if r.access != Access::Command => self.values[slot(offset)],
            _ => 0,
        }
    }

    /// The host's write. `offset` is inside the window and aligned.
    pub fn host_write(&mut self, offset: u32, value: u32) -> Effect {
        let Some(declared) = register::by_offset(offset) else { return Effect::Nothing };
        let stored = &mut self.values[slot(offset)];
        match declared.access {
            Access::ReadOnly | Access::Command => {}
            Access::ReadWrite => *stored = value & writable_bits(offset),
            Access::WriteOneToClear => *stored &= !value,
        }
        effect(offset, value)
    }
}

/// Bits of a register that exist; the others read 0.
const fn writable_bits(offset: u32) -> u32 {
    if offset == register::CONTROL.offset {
        1
    } else if offset == register::IRQ_ENABLE.offset {
        IRQ_COMPLETION | IRQ_FAULT
    } else {
        u32::MAX
    }
}

fn effect(offset: u32, value: u32) -> Effect {
    const RUN: [Register<kind::ReadWrite>; 3] = [register::SQ_TAIL, register::CONTROL, register::CQ_HEAD];
    if RUN.iter().any(|r| r.offset == offset) {
        Effect::Run
    } else if offset == register::RESET.offset && value & 1 == 1 {
        Effect::Reset
    } else if offset == register::TRACE_SIZE.offset {
        Effect::RestartTrace
    } else {
        Effect::Nothing
    }
}
