//! A look at the chip after every instruction.

use crate::chip::Chip;
use systole_isa::Instruction;
use systole_isa::access::Accesses;

/// An instruction that has just executed; its posts have happened.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// The submission's id.
    pub submission: u64,
    /// Index in the program.
    pub index: u32,
    /// The instruction.
    pub instruction: &'a Instruction,
    /// What it touched; [`Chip::digest`] of a written block is what lockstep compares.
    pub accesses: &'a Accesses,
    /// The memories behind it.
    pub chip: &'a Chip,
}

/// Is told of every executed instruction, in the order of execution. END is not executed by a unit and not told, and
/// neither is the instruction that faults.
pub trait Observer {
    /// Called after each instruction.
    fn executed(&mut self, step: &Step<'_>);
}

impl<F: FnMut(&Step<'_>)> Observer for F {
    fn executed(&mut self, step: &Step<'_>) {
        self(step);
    }
}
