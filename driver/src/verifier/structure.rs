//! Checks that need no order: decoding, operands, END, regions, and who uses which semaphore.

use systole_isa::access::{self, DramBlock};
use systole_isa::{ABI_HASH, DRAM_ALIGN, Instruction, Op, SEMAPHORES, Unit};

use super::{MAX_INSTRUCTIONS, MAX_WRITABLE_BYTES, QUEUES, Reason, Refused};
use crate::Program;

/// A program that is sound instruction by instruction.
pub(super) struct Structure {
    /// All instructions, END last.
    pub instructions: Vec<Instruction>,
    /// Indices of each unit's instructions, in order.
    pub queues: [Vec<u32>; QUEUES],
    /// The unit that waits for each semaphore, as an index of `queues`.
    pub waiters: [Option<usize>; SEMAPHORES],
}

/// Index of a unit's queue; `None` for the control unit.
pub(super) fn queue_of(unit: Unit) -> Option<usize> {
    Unit::QUEUED.iter().position(|u| *u == unit)
}

/// A refusal of instruction `index`.
pub(super) fn refuse(instruction: &Instruction, index: usize, reason: Reason) -> Refused {
    Refused::Instruction { index, disassembly: instruction.to_string(), reason }
}

pub(super) fn check(program: &Program) -> Result<Structure, Refused> {
    if program.abi_hash != ABI_HASH {
        return Err(Refused::AbiHash { program: program.abi_hash, driver: ABI_HASH });
    }
    if program.code.is_empty() || program.code.len() > MAX_INSTRUCTIONS {
        return Err(Refused::Length { instructions: program.code.len() });
    }
    check_regions(program)?;

    let last = program.code.len() - 1;
    let mut instructions = Vec::with_capacity(program.code.len());
    let mut queues: [Vec<u32>; QUEUES] = Default::default();
    let mut posters = [None; SEMAPHORES];
    let mut waiters = [None; SEMAPHORES];
    for (index, bytes) in program.code.iter().enumerate() {
        let instruction = Instruction::decode(bytes).map_err(|error| Refused::Instruction {
            index,
            disassembly: bytes.iter().map(|b| format!("{b:02x}")).collect(),
            reason: error.into(),
        })?;
        check_instruction(program, &instruction, index, last)
            .and_then(|()| claim(&mut posters, &instruction, instruction.sync.post, false, index))
            .and_then(|()| claim(&mut waiters, &instruction, instruction.sync.wait, true, index))
            .map_err(|reason| refuse(&instruction, index, reason))?;
        if let Some(queue) = queue_of(instruction.op.unit()) {
            queues[queue].push(index as u32);
        }
        instructions.push(instruction);
    }
    let waiters = waiters.map(|w: Option<(Unit, usize)>| w.and_then(|(unit, _)| queue_of(unit)));
    Ok(Structure { instructions, queues, waiters })
}

fn check_regions(program: &Program) -> Result<(), Refused> {
    for (region, spec) in program.regions.iter().enumerate() {
        if !spec.size.is_multiple_of(DRAM_ALIGN) {
            return Err(Refused::RegionSize { region, name: spec.name.clone(), size: spec.size });
        }
    }
    let bytes = program.regions.iter().filter(|r| r.writable).map(|r| u64::from(r.size)).sum();
    if bytes > MAX_WRITABLE_BYTES { Err(Refused::WritableBytes { bytes }) } else { Ok(()) }
}

fn check_instruction(program: &Program, instruction: &Instruction, index: usize, last: usize) -> Result<(), Reason> {
    match (matches!(instruction.op, Op::End(_)), index == last) {
        (true, false) => return Err(Reason::EndEarly { last }),
        (false, true) => return Err(Reason::EndMissing),
        _ => {}
    }
    let accesses = access::check(instruction, program.config).map_err(|refusal| Reason::Operands {
        cause: refusal.cause,
        address: refusal.address,
        rule: refusal.rule,
        config: program.config.name,
    })?;
    accesses.dram.map_or(Ok(()), |block| check_dram(program, &block))
}

fn check_dram(program: &Program, block: &DramBlock) -> Result<(), Reason> {
    // `access::check` has made sure that the region index is below REGIONS.
    let spec = &program.regions[usize::from(block.region)];
    if block.end() > u64::from(spec.size) {
        let (name, end, size) = (spec.name.clone(), block.end(), spec.size);
        return Err(Reason::RegionBounds { region: block.region, name, end, size });
    }
    if block.write && !spec.writable {
        return Err(Reason::RegionReadOnly { region: block.region, name: spec.name.clone() });
    }
    Ok(())
}

/// Notes the unit that first posts (or waits for) each semaphore of `mask`, and refuses a second unit.
fn claim(
    owners: &mut [Option<(Unit, usize)>; SEMAPHORES],
    instruction: &Instruction,
    mask: u16,
    waits: bool,
    index: usize,
) -> Result<(), Reason> {
    let unit = instruction.op.unit();
    for semaphore in bits(mask) {
        let (other_unit, other) = *owners[semaphore].get_or_insert((unit, index));
        if other_unit != unit {
            return Err(Reason::SemaphoreShared { semaphore: semaphore as u8, waits, unit, other, other_unit });
        }
    }
    Ok(())
}

/// The positions of the bits set in a mask, ascending.
pub(super) fn bits(mut mask: u16) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = mask.trailing_zeros();
        (mask != 0).then(|| {
            mask &= mask - 1;
            bit as usize
        })
    })
}
