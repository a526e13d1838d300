//! One instruction on one chip.

use crate::chip::Chip;
use crate::kernels::{Scratch, gemm, map, row, transfer};
use crate::memory::Memory;
use crate::region::{Regions, Stop};
use systole_isa::access::{self, Accesses};
use systole_isa::{Instruction, Op};

/// Checks an instruction and executes it; semaphores are the sequencer's.
///
/// # Errors
/// What [`access::check`] and [`Regions::resolve`] refuse, before anything is written; and [`systole_isa::Cause::Bus`]
/// with the offset of the first row that is not device memory, after the rows before it were transferred.
pub fn execute(
    instruction: &Instruction,
    chip: &mut Chip,
    memory: &mut Memory,
    regions: &Regions,
    scratch: &mut Scratch,
) -> Result<(), Stop> {
    let accesses =
        access::check(instruction, chip.config()).map_err(|r| Stop { cause: r.cause, address: r.address })?;
    execute_checked(instruction, &accesses, chip, memory, regions, scratch)
}

/// [`execute`] behind a successful [`access::check`].
pub(crate) fn execute_checked(
    instruction: &Instruction,
    accesses: &Accesses,
    chip: &mut Chip,
    memory: &mut Memory,
    regions: &Regions,
    scratch: &mut Scratch,
) -> Result<(), Stop> {
    let base = accesses.dram.as_ref().map_or(Ok(0), |dram| regions.resolve(dram))?;
    match &instruction.op {
        Op::End(_) => {}
        Op::Load(op) => transfer::load(op, base, chip, memory)?,
        Op::Store(op) => transfer::store(op, base, chip, memory)?,
        Op::Gemm(op) => gemm::run(op, chip, scratch),
        Op::Map(op) => map::run(op, chip, scratch),
        Op::Row(op) => row::run(op, chip),
    }
    Ok(())
}
