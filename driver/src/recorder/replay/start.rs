//! The state in which the window begins.

use std::time::Duration;

use systole_isa::register::{self, Access, REGISTERS};
use systole_isa::ring::{Region, Submission};
use systole_isa::{ABI_HASH, HwConfig, Instruction, REGIONS, instruction::End};

use super::{Placement, ReplayError, await_value};
use crate::recorder::{Action, Recording};
use crate::{DeviceError, power_up, register_name};

/// Bytes for an empty program and its region table.
const SCRATCH_BYTES: u64 = 4096;

/// Refuses a recording that wants too much memory at once.
pub(super) fn check_memory(recording: &Recording, limit: u64) -> Result<(), ReplayError> {
    let mut live: std::collections::BTreeMap<u64, u64> =
        recording.memory.blocks().map(|(address, block)| (address, block.bytes)).collect();
    let mut bytes = live.values().fold(SCRATCH_BYTES, |sum, b| sum.saturating_add(*b));
    let mut most = bytes;
    for event in &recording.events {
        match event.action {
            Action::Allocate { address, bytes: more } => {
                live.insert(address, more);
                bytes = bytes.saturating_add(more);
            }
            Action::Release { address } => bytes = bytes.saturating_sub(live.remove(&address).unwrap_or(0)),
            _ => {}
        }
        most = most.max(bytes);
    }
    if most > limit { Err(ReplayError::Memory { bytes: most, limit }) } else { Ok(()) }
}

/// Brings an executor to where the window begins.
pub(super) fn prepare(
    recording: &Recording,
    device: &mut dyn Placement,
    deadline: Duration,
) -> Result<(), ReplayError> {
    let refused = |source| ReplayError::Device { event: 0, action: "the state before it".to_owned(), source };
    let id = device.read(register::CONFIG_ID.offset).map_err(refused)?;
    if let Some(recorded) = recording.config().filter(|c| c.id != id) {
        let device = HwConfig::by_id(id).map_or_else(|| format!("unknown, {id}"), |c| c.name.to_owned());
        return Err(ReplayError::Configuration { recorded: recorded.name, device });
    }
    power_up(device).map_err(refused)?;
    restore(recording, device).map_err(refused)?;
    turn(recording, device, deadline, &refused)?;
    device.write(register::CONTROL.offset, recording.start.register(register::CONTROL.offset)).map_err(refused)
}

/// Memory, and the registers that the host sets, except those of the engine's progress.
fn restore(recording: &Recording, device: &mut dyn Placement) -> Result<(), DeviceError> {
    for (address, block) in recording.memory.blocks() {
        device.allocate_at(address, block.bytes)?;
        for (offset, bytes) in block.pages() {
            device.copy_to(address + offset, bytes)?;
        }
    }
    let progress = [register::CONTROL, register::SQ_TAIL, register::CQ_HEAD].map(|r| r.offset);
    for declared in REGISTERS.iter().filter(|r| r.access == Access::ReadWrite && !progress.contains(&r.offset)) {
        device.write(declared.offset, recording.start.register(declared.offset))?;
    }
    Ok(())
}

/// Turns both rings to the recorded slot and phase, by as many submissions of a program that does nothing.
fn turn(
    recording: &Recording,
    device: &mut dyn Placement,
    deadline: Duration,
    refused: &dyn Fn(DeviceError) -> ReplayError,
) -> Result<(), ReplayError> {
    let start = &recording.start;
    if start.completed == 0 {
        return Ok(());
    }
    let (sq_size, cq_size) = (register::SQ_SIZE.offset, register::CQ_SIZE.offset);
    let (Some(sq), Some(cq)) = (start.slots(sq_size), start.slots(cq_size)) else {
        return Err(ReplayError::Rings { sq: start.register(sq_size), cq: start.register(cq_size) });
    };
    let scratch = free_address(recording).ok_or(ReplayError::Rings { sq, cq })?;
    device.allocate_at(scratch, SCRATCH_BYTES).map_err(refused)?;
    device.copy_to(scratch, &Instruction::new(End {}).encode()).map_err(refused)?;
    let regions = scratch + SCRATCH_BYTES - (REGIONS * size_of::<Region>()) as u64;
    let empty = Submission { program: scratch, regions, abi_hash: ABI_HASH, instructions: 1, ..Submission::default() };
    let ring = start.pair(register::SQ_BASE_LO.offset, register::SQ_BASE_HI.offset);
    device.write(register::CONTROL.offset, 1).map_err(refused)?;
    // Sizes are powers of two, so the longer period holds the shorter one.
    for index in 0..start.completed % u64::from(sq.max(2 * cq)) {
        let (slot, next) = (index % u64::from(sq), index + 1);
        let at = ring.wrapping_add(slot * size_of::<Submission>() as u64);
        device.copy_to(at, bytemuck::bytes_of(&empty)).map_err(refused)?;
        device.write(register::SQ_TAIL.offset, (next % u64::from(sq)) as u32).map_err(refused)?;
        let done = (next % u64::from(cq)) as u32;
        let tail = register::CQ_TAIL.offset;
        let found = await_value(device, tail, u32::MAX, done, deadline).map_err(refused)?;
        if found != done {
            let register = register_name(tail);
            return Err(ReplayError::Start { register, expected: done, found, waited: deadline });
        }
        device.write(register::CQ_HEAD.offset, done).map_err(refused)?;
    }
    // The next submission may be in its slot already, waiting for the doorbell.
    let mut slots = vec![0; sq as usize * size_of::<Submission>()];
    recording.memory.read(ring, &mut slots);
    device.copy_to(ring, &slots).map_err(refused)?;
    device.release(scratch).map_err(refused)
}

/// An address behind all memory of the recording.
fn free_address(recording: &Recording) -> Option<u64> {
    let before = recording.memory.blocks().map(|(address, block)| address.checked_add(block.bytes));
    let during = recording.events.iter().filter_map(|event| match event.action {
        Action::Allocate { address, bytes } => Some(address.checked_add(bytes)),
        _ => None,
    });
    let end = before.chain(during).try_fold(0, |end: u64, next| next.map(|n| end.max(n)))?;
    let address = end.checked_add(SCRATCH_BYTES)?.checked_next_multiple_of(SCRATCH_BYTES)?;
    address.checked_add(SCRATCH_BYTES).map(|_| address)
}
