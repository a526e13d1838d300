//! Lockstep: the scalar reference, the simulator and the RTL from equal memories through equal instructions, every bit of
//! every memory compared.
//!
//! 1. [`Target`] says how to open an executor whose memories can be set and read ([`Machine`]).
//! 2. A [`Case`] is a program and the [`State`] it starts from; [`generate`] draws random ones.
//! 3. [`Target::compare`] runs one: [`Mode::Serial`] submits each instruction alone and compares after each;
//!    [`Mode::Whole`] submits the program with its semaphores, so that units overlap, compares in the end, and only if
//!    that differs looks for the first prefix that does.
//! 4. [`shrink`] makes a failing case small, and a [`Reproducer`] keeps it as files that a test replays.
//!
//! What is compared: SPAD, ACC, PARAM and ROW to the last word, and both regions of device memory to the last byte, so a
//! write to a wrong place is found as surely as a wrong value.

mod case;
mod compare;
pub mod generate;
mod machine;
mod reproducer;
mod shrink;
mod synchronise;

pub use case::{Case, Place, REGION_SIZE, State};
pub use compare::{Difference, Divergence, Mode, Target};
pub use machine::Machine;
pub use reproducer::Reproducer;
pub use shrink::shrink;
pub use synchronise::synchronise;

/// A case that fails, as small as it gets.
#[derive(Debug)]
pub struct Failure {
    /// What happened in the case as it was drawn.
    pub first: Divergence,
    /// What happens in the small one.
    pub smallest: Divergence,
    /// The small one.
    pub case: Case,
}

/// Runs a case in both modes; a failure is shrunk.
///
/// # Errors
/// The first failure.
pub fn check(target: &Target<'_>, case: &Case) -> Result<(), Box<Failure>> {
    for mode in Mode::ALL {
        if let Err(first) = target.compare(case, mode) {
            let (case, smallest) = shrink(target, case, mode, &first);
            return Err(Box::new(Failure { first: *first, smallest, case }));
        }
    }
    Ok(())
}
