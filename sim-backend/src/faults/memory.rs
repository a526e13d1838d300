//! Faults in memory that the host and the device share. Where it is, the registers and the submission say.

use systole_driver::{Device, DeviceError};
use systole_isa::register::{self, Register, kind::ReadWrite};
use systole_isa::ring::{Completion, Region, Submission};
use systole_isa::{INSTRUCTION_BYTES, REGIONS};

/// A multiple of every alignment, and no device's memory.
const NOWHERE: u64 = u64::MAX << 12;

fn pair<D: Device>(device: &mut D, low: Register<ReadWrite>, high: Register<ReadWrite>) -> Result<u64, DeviceError> {
    Ok(u64::from(device.read(high.offset)?) << 32 | u64::from(device.read(low.offset)?))
}

fn copy<T: bytemuck::Pod, D: Device>(device: &mut D, address: u64) -> Result<T, DeviceError> {
    let mut value = T::zeroed();
    device.copy_from(address, bytemuck::bytes_of_mut(&mut value))?;
    Ok(value)
}

/// Where the newest submission is, `tail` being what the host wrote to SQ_TAIL.
fn submission<D: Device>(device: &mut D, tail: u32) -> Result<u64, DeviceError> {
    let base = pair(device, register::SQ_BASE_LO, register::SQ_BASE_HI)?;
    let last = device.read(register::SQ_SIZE.offset)?.wrapping_sub(1);
    Ok(base.wrapping_add(u64::from(tail.wrapping_sub(1) & last) * size_of::<Submission>() as u64))
}

/// What the device reads first for the newest submission, or writes last.
pub(super) fn slots<D: Device>(device: &mut D, tail: u32) -> Result<(u64, u64), DeviceError> {
    let completions = pair(device, register::CQ_BASE_LO, register::CQ_BASE_HI)?;
    let index = device.read(register::CQ_TAIL.offset)?;
    Ok((submission(device, tail)?, completions.wrapping_add(u64::from(index) * size_of::<Completion>() as u64)))
}

/// What could not be spoilt because the host never set up a ring, or one that leads nowhere, is no failure of the device.
pub(super) fn if_there(spoilt: Result<(), DeviceError>) -> Result<(), DeviceError> {
    match spoilt {
        Err(DeviceError::MemoryRange { .. }) => Ok(()),
        other => other,
    }
}

/// Makes the newest submission's program lie where nothing is.
pub(super) fn lose_program<D: Device>(device: &mut D, tail: u32) -> Result<(), DeviceError> {
    let at = submission(device, tail)? + std::mem::offset_of!(Submission, program) as u64;
    device.copy_to(at, &NOWHERE.to_le_bytes())
}

/// Flips a bit of what the device reads or writes for the newest submission.
pub(super) fn flip<D: Device>(device: &mut D, tail: u32, random: &mut fastrand::Rng) -> Result<(), DeviceError> {
    let at = submission(device, tail)?;
    let entry: Submission = copy(device, at)?;
    let table = u64::from_le(entry.regions);
    let mut places = vec![
        (at, size_of::<Submission>() as u64),
        (table, (REGIONS * size_of::<Region>()) as u64),
        (u64::from_le(entry.program), u64::from(u32::from_le(entry.instructions)) * INSTRUCTION_BYTES as u64),
    ];
    let regions: [Region; REGIONS] = copy(device, table)?;
    places.extend(regions.iter().map(|r| (u64::from_le(r.base), u64::from(u32::from_le(r.size)))));
    places.retain(|(_, bytes)| *bytes > 0);
    let (base, bytes) = places[random.usize(..places.len())];
    flip_bit(device, base + random.u64(..bytes), random)
}

/// Flips a bit of the completion entry in slot `index`.
pub(super) fn corrupt<D: Device>(device: &mut D, index: u32, random: &mut fastrand::Rng) -> Result<(), DeviceError> {
    let base = pair(device, register::CQ_BASE_LO, register::CQ_BASE_HI)?;
    // The number of cycles, behind the rest, is whatever it is.
    let byte = random.u64(..std::mem::offset_of!(Completion, cycles) as u64);
    flip_bit(device, base + u64::from(index) * size_of::<Completion>() as u64 + byte, random)
}

fn flip_bit<D: Device>(device: &mut D, address: u64, random: &mut fastrand::Rng) -> Result<(), DeviceError> {
    let byte: u8 = copy(device, address)?;
    tracing::debug!(address, "a bit flips");
    device.copy_to(address, &[byte ^ 1 << random.u8(..8)])
}
