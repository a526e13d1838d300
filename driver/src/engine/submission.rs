//! The memory shared with the device, one submission's way through it, and the checks of what comes back.

use std::time::{Duration, Instant};

use bytemuck::Zeroable;
use systole_isa::register;
use systole_isa::ring::{Completion, Region, Submission, TraceRecord};
use systole_isa::{Cause, Fault, REGIONS, Unit};

use super::EngineError;
use crate::registers::name;
use crate::ring::{Cursor, SLOTS};
use crate::{Device, RegisterAccess};

const SQ_OFFSET: u64 = 0;
const CQ_OFFSET: u64 = SQ_OFFSET + SLOTS as u64 * size_of::<Submission>() as u64;
const TABLE_OFFSET: u64 = CQ_OFFSET + SLOTS as u64 * size_of::<Completion>() as u64;
/// Bytes of both rings and the region table.
pub(super) const ARENA_BYTES: u64 = TABLE_OFFSET + (REGIONS * size_of::<Region>()) as u64;
const _: () = assert!(CQ_OFFSET.is_multiple_of(64) && TABLE_OFFSET.is_multiple_of(32));

/// Longest time between two looks at the completion ring, for interrupts that get lost.
const POLL_MAX: Duration = Duration::from_millis(10);
const POLL_MIN: Duration = Duration::from_micros(100);
/// Time between two looks at whether the device still knows what it was told.
const CHECK: Duration = Duration::from_millis(10);
/// Both interrupt causes.
const IRQ_ALL: u32 = 3;
/// STATUS: a submission runs.
const BUSY: u32 = 1;
/// STATUS: a fault is latched.
const FAULT: u32 = 2;

/// A submission that has not been answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pending {
    pub id: u64,
    pub instructions: u32,
    /// Trace records that it writes, if it is traced.
    pub records: Option<u32>,
}

/// The rings and the region table of one device.
#[derive(Debug)]
pub(super) struct Channel {
    arena: u64,
    submissions: Cursor,
    completions: Cursor,
    /// What the region table in memory holds; `None` if that is unknown.
    table: Option<[Region; REGIONS]>,
    /// The last submission and its address.
    last: Option<(u64, Submission)>,
}

impl Channel {
    /// Hands a device that was just reset empty rings in `arena`, [`ARENA_BYTES`] of memory.
    pub fn open(device: &mut (dyn Device + Send), arena: u64) -> Result<Self, EngineError> {
        device.copy_to(arena, &[0; ARENA_BYTES as usize])?;
        device.set_pair(register::SQ_BASE_LO, register::SQ_BASE_HI, arena + SQ_OFFSET)?;
        device.set(register::SQ_SIZE, SLOTS)?;
        device.set_pair(register::CQ_BASE_LO, register::CQ_BASE_HI, arena + CQ_OFFSET)?;
        device.set(register::CQ_SIZE, SLOTS)?;
        device.set(register::IRQ_STATUS, IRQ_ALL)?;
        device.set(register::IRQ_ENABLE, IRQ_ALL)?;
        device.set(register::CONTROL, 1)?;
        Ok(Self { arena, submissions: Cursor::START, completions: Cursor::START, table: None, last: None })
    }

    /// Writes the region table and the submission, whose `regions` is filled in, and rings the doorbell.
    pub fn submit(
        &mut self,
        device: &mut (dyn Device + Send),
        table: &[Region; REGIONS],
        mut submission: Submission,
    ) -> Result<(), EngineError> {
        if self.table.as_ref() != Some(table) {
            self.table = None;
            device.copy_to(self.arena + TABLE_OFFSET, bytemuck::bytes_of(table))?;
            self.table = Some(*table);
        }
        submission.regions = self.arena + TABLE_OFFSET;
        let slot = u64::from(self.submissions.index()) * size_of::<Submission>() as u64;
        let address = self.arena + SQ_OFFSET + slot;
        device.copy_to(address, bytemuck::bytes_of(&submission))?;
        self.last = Some((address, submission));
        self.submissions = self.submissions.next();
        device.set(register::SQ_TAIL, self.submissions.index())?;
        Ok(())
    }

    /// Waits for the next completion, by interrupt, and by looking now and then in case interrupts get lost. Now and then
    /// it also asks whether the device still knows of the submission, so that most deaths are found before the deadline.
    pub fn wait(&mut self, device: &mut (dyn Device + Send), deadline: Duration) -> Result<Completion, EngineError> {
        let started = Instant::now();
        let (mut slice, mut checked) = (POLL_MIN, Duration::ZERO);
        loop {
            // The clock is read before the look, so that the last look comes after the deadline.
            let waited = started.elapsed();
            if let Some(completion) = self.take(device)? {
                return Ok(completion);
            }
            let left = deadline.saturating_sub(waited);
            if left.is_zero() {
                let status = device.get(register::STATUS)?;
                let taken = device.get(register::SQ_HEAD)? == self.submissions.index();
                return Err(EngineError::Timeout { waited, status, taken });
            }
            if waited >= checked + CHECK {
                if let Some(completion) = self.examine(device)? {
                    return Ok(completion);
                }
                checked = waited;
            }
            if device.wait_interrupt(left.min(slice))? {
                // Cleared before the look: what completes after the look raises it again.
                device.set(register::IRQ_STATUS, IRQ_ALL)?;
            }
            slice = (2 * slice).min(POLL_MAX);
        }
    }

    /// Stops the ring: the device takes no other submission. What has completed, or does so within `grace`, is returned.
    pub fn abort(
        &mut self,
        device: &mut (dyn Device + Send),
        grace: Duration,
    ) -> Result<Option<Completion>, EngineError> {
        device.set(register::CONTROL, 0)?;
        let started = Instant::now();
        loop {
            let waited = started.elapsed();
            let idle = device.get(register::STATUS)? & BUSY == 0;
            let completion = self.take(device)?;
            if completion.is_some() || idle || waited >= grace {
                return Ok(completion);
            }
            std::thread::sleep(POLL_MIN);
        }
    }

    /// Lets the device go on after an abort, if both rings are where they should be and no fault is latched.
    pub fn resume(&mut self, device: &mut (dyn Device + Send)) -> Result<(), EngineError> {
        expect("SQ_HEAD", self.submissions.index().into(), device.get(register::SQ_HEAD)?.into())?;
        expect("CQ_TAIL", self.completions.index().into(), device.get(register::CQ_TAIL)?.into())?;
        expect("STATUS", 0, device.get(register::STATUS)?.into())?;
        device.set(register::IRQ_STATUS, IRQ_ALL)?;
        Ok(device.set(register::CONTROL, 1)?)
    }

    /// Whether the last submission and the region table are in memory as they were written. A table that is not is written
    /// again with the next submission.
    pub fn intact(&mut self, device: &mut (dyn Device + Send)) -> Result<bool, EngineError> {
        let (Some(table), Some((address, submission))) = (self.table, self.last) else { return Ok(true) };
        let mut read = ([Region::zeroed(); REGIONS], Submission::zeroed());
        device.copy_from(self.arena + TABLE_OFFSET, bytemuck::bytes_of_mut(&mut read.0))?;
        device.copy_from(address, bytemuck::bytes_of_mut(&mut read.1))?;
        let intact = read == (table, submission);
        if !intact {
            self.table = None;
        }
        Ok(intact)
    }

    /// The next completion, whose slot the device then has back.
    fn take(&mut self, device: &mut (dyn Device + Send)) -> Result<Option<Completion>, EngineError> {
        let Some(completion) = self.look(device)? else { return Ok(None) };
        let next = self.completions.next();
        device.set(register::CQ_HEAD, next.index())?;
        self.completions = next;
        Ok(Some(completion))
    }

    /// Asks the registers about a submission that does not complete. A completion may come meanwhile.
    fn examine(&mut self, device: &mut (dyn Device + Send)) -> Result<Option<Completion>, EngineError> {
        let (expected, found) = (self.submissions.index(), device.get(register::SQ_TAIL)?);
        let tail = device.get(register::CQ_TAIL)?;
        let faulted = device.get(register::STATUS)? & FAULT != 0;
        if let Some(completion) = self.take(device)? {
            return Ok(Some(completion));
        }
        if found != expected {
            return Err(EngineError::Forgot { register: name(register::SQ_TAIL.offset), expected, found });
        }
        // It moves when an entry is complete, so that entry is not the one that was waited for.
        expect("CQ_TAIL without a completion", self.completions.index().into(), tail.into())?;
        // A fault of the rings themselves leaves nothing to complete.
        if faulted { Err(latched(device)?) } else { Ok(None) }
    }

    /// The entry at the head of the completion ring, if the device has finished writing it.
    fn look(&mut self, device: &mut (dyn Device + Send)) -> Result<Option<Completion>, EngineError> {
        let slot = u64::from(self.completions.index()) * size_of::<Completion>() as u64;
        let mut entry = Completion::zeroed();
        device.copy_from(self.arena + CQ_OFFSET + slot, bytemuck::bytes_of_mut(&mut entry))?;
        if entry.phase != self.completions.phase() {
            return Ok(None);
        }
        // The phase may become visible before the rest of the entry. CQ_TAIL moves when all of it is written, and a
        // register read does not overtake the writes before it, so a second copy is whole.
        let (tail, next) = (device.get(register::CQ_TAIL)?, self.completions.next().index());
        if tail == self.completions.index() {
            return Ok(None);
        }
        expect("CQ_TAIL", next.into(), tail.into())?;
        device.copy_from(self.arena + CQ_OFFSET + slot, bytemuck::bytes_of_mut(&mut entry))?;
        Ok(Some(entry))
    }
}

/// The fault that the registers hold.
fn latched(device: &mut (dyn Device + Send)) -> Result<EngineError, EngineError> {
    let fault = device.get(register::FAULT)?;
    let unit = unit_of((fault >> 8) as u8, "FAULT unit")?;
    let cause = cause_of(fault as u8, "FAULT cause")?;
    let instruction = device.get(register::FAULT_INSTRUCTION)?;
    let address = device.get_pair(register::FAULT_ADDRESS_LO, register::FAULT_ADDRESS_HI)?;
    Ok(EngineError::Faulted(Fault { unit, instruction, cause, address }))
}

/// Checks a completion entry.
///
/// # Errors
/// [`EngineError::Faulted`] if the device reports a fault, [`EngineError::Protocol`] if the entry makes no sense.
pub(super) fn check_completion(entry: &Completion, phase_id: u64, instructions: u32) -> Result<(), EngineError> {
    expect("completion id", phase_id, entry.id)?;
    let cause = cause_of(entry.cause, "completion cause")?;
    if cause == Cause::None {
        expect("completion unit", 0, entry.unit.into())?;
        return expect("number of executed instructions", instructions.into(), entry.instruction.into());
    }
    let unit = unit_of(entry.unit, "completion unit")?;
    at_most("faulting instruction", u64::from(instructions) - 1, entry.instruction.into())?;
    Err(EngineError::Faulted(Fault { unit, instruction: entry.instruction, cause, address: entry.address }))
}

/// Checks the trace of a run.
pub(super) fn check_trace(records: &[TraceRecord], id: u64, instructions: u32) -> Result<(), EngineError> {
    for record in records {
        expect("trace record id", id, record.id)?;
        at_most("trace record instruction", u64::from(instructions) - 1, record.instruction.into())?;
        at_most("trace record start", record.end, record.start)?;
        unit_of(record.unit, "trace record unit")?;
    }
    Ok(())
}

fn cause_of(code: u8, field: &'static str) -> Result<Cause, EngineError> {
    let expected = Cause::ALL.len() as u64 - 1;
    Cause::from_code(code).ok_or(EngineError::Protocol { field, expected, found: code.into() })
}

fn unit_of(code: u8, field: &'static str) -> Result<Unit, EngineError> {
    let unit = Unit::ALL.iter().copied().find(|u| *u as u8 == code);
    unit.ok_or(EngineError::Protocol { field, expected: Unit::ALL.len() as u64 - 1, found: code.into() })
}

pub(super) fn expect(field: &'static str, expected: u64, found: u64) -> Result<(), EngineError> {
    if found == expected { Ok(()) } else { Err(EngineError::Protocol { field, expected, found }) }
}

fn at_most(field: &'static str, expected: u64, found: u64) -> Result<(), EngineError> {
    if found <= expected { Ok(()) } else { Err(EngineError::Protocol { field, expected, found }) }
}
