//! A device whose bus hangs, as its registers show it.

use std::time::Instant;

use systole_isa::register::{
    CQ_TAIL, FAULT, FAULT_ADDRESS_HI, FAULT_ADDRESS_LO, FAULT_INSTRUCTION, IRQ_STATUS, STATUS,
};
use systole_isa::{Cause, Unit};

/// STATUS and IRQ_STATUS: a fault.
const FAULTED: u32 = 2;
/// STATUS: answers are owed.
const OWES: u32 = 8;

/// A halted device whose bus owes it answers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hung {
    /// What was asked.
    pub address: u64,
    /// When it is answered; `None` is never.
    pub due: Option<Instant>,
    /// What CQ_TAIL keeps reading.
    pub completions: u32,
    /// The host has asked for a reset.
    pub reset: bool,
    /// The fault interrupt, until the host clears it.
    pub interrupt: bool,
}

impl Hung {
    /// Whether everything has been answered.
    pub fn answered(&self) -> bool {
        self.due.is_some_and(|due| Instant::now() >= due)
    }

    /// What a register reads that reads `value` without this.
    pub fn read(&self, offset: u32, value: u32) -> u32 {
        let read_only = [
            (STATUS, value | FAULTED | if self.answered() { 0 } else { OWES }),
            (FAULT, Cause::BusHung as u32 | (Unit::Control as u32) << 8),
            (FAULT_INSTRUCTION, 0),
            (FAULT_ADDRESS_LO, self.address as u32),
            (FAULT_ADDRESS_HI, (self.address >> 32) as u32),
            (CQ_TAIL, self.completions),
        ];
        if offset == IRQ_STATUS.offset {
            return if self.interrupt { FAULTED } else { 0 };
        }
        read_only.into_iter().find(|(register, _)| register.offset == offset).map_or(value, |(_, value)| value)
    }
}
