//! Proves a program safe before it is submitted.
//!
//! A program has no data-dependent branch, so what it may do is known without running it; what is not known is how the
//! four units interleave. The proof covers *every* interleaving:
//!
//! 1. `structure` decodes, checks operands and bounds ([`systole_isa::access::check`]), the END, the regions, and that
//!    each semaphore has one posting and one waiting unit. The k-th wait then takes the k-th post whatever the timing,
//!    so *happens before* is a property of the program: order inside a unit's queue, and post before wait.
//! 2. `schedule` executes symbolically, greedily, with one vector clock for each unit. With such semaphores the order
//!    of execution cannot decide whether the program finishes, so one order decides about deadlock. The clocks tell,
//!    for each post, how many waits have surely happened: the rest is the largest count the semaphore can reach.
//! 3. `on_chip` and `dram` remember for every word, and every 32 bytes of a writable region, the last access of each
//!    unit. Two accesses of which one writes must be ordered by the clocks, and what is read must have been written.
//!    Comparing with the last access is enough, since earlier ones of the same unit happen before it.
//!
//! Conventions that the proof relies on: an instruction takes its semaphores before it reads, and posts when all it
//! wrote is visible; a unit's next instruction sees what its predecessors wrote; a submission starts with every
//! semaphore at zero and with on-chip memory of unknown content. Counts left over at the end are therefore allowed. Two
//! regions are two disjoint pieces of memory (`Engine::run` refuses bindings that are not).

mod dram;
mod on_chip;
mod refusal;
mod schedule;
mod structure;

pub use refusal::{Blocked, Deadlock, Place, Reason, Refused};

use crate::Program;

/// Most instructions of a program (128 MiB of code).
pub const MAX_INSTRUCTIONS: usize = 1 << 22;

/// Most bytes of a program's writable regions together. It bounds the verifier's own memory.
pub const MAX_WRITABLE_BYTES: u64 = 1 << 30;

/// A program that [`verify`] has accepted. There is no other way to make one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified(Program);

impl Verified {
    /// Gives up the proof, for instance to edit the program.
    pub fn into_program(self) -> Program {
        self.0
    }
}

impl std::ops::Deref for Verified {
    type Target = Program;
    fn deref(&self) -> &Program {
        &self.0
    }
}

/// Clock of a unit: how many instructions of each queue are known to be complete.
type Clock = [Position; QUEUES];
/// Position in a unit's queue, counted from 1; 0 stands for none. Signed since compilers vectorise that comparison.
type Position = i32;
/// Number of queues, in the order of [`systole_isa::Unit::QUEUED`].
const QUEUES: usize = systole_isa::Unit::QUEUED.len();

/// Proves that on a device of the program's configuration no interleaving of its units faults, deadlocks, reads what
/// was not written, or gives a result that depends on timing.
///
/// Time is proportional to the words the program touches; see the crate's benchmark for figures.
///
/// # Errors
/// The first fault found, with the instruction and the reason.
#[tracing::instrument(level = "debug", skip_all, fields(instructions = program.code.len()))]
pub fn verify(program: Program) -> Result<Verified, Refused> {
    let structure = structure::check(&program)?;
    schedule::check(&program, &structure)?;
    Ok(Verified(program))
}
