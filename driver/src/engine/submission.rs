//! The memory shared with the device, one submission's way through it, and the checks of what comes back.

use std::time::{Duration, Instant};

use bytemuck::Zeroable;
use systole_isa::register;
use systole_isa::ring::{Completion, Region, Submission, TraceRecord};
use systole_isa::{Cause, Fault, REGIONS, Unit};

use super::{EngineError, identify};
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
/// Both interrupt causes.
const IRQ_ALL: u32 = 3;

/// The rings and the region table of one device.
#[derive(Debug)]
pub(super) struct Channel {
    arena: u64,
    submissions: Cursor,
    completions: Cursor,
    /// What the region table in memory holds.
    table: [Region; REGIONS],
}

impl Channel {
    /// Resets the device and hands it empty rings in `arena`, [`ARENA_BYTES`] of memory.
    pub fn open(device: &mut (dyn Device + Send), arena: u64) -> Result<Self, EngineError> {
        identify::reset(device)?;
        device.copy_to(arena, &[0; ARENA_BYTES as usize])?;
        device.set_pair(register::SQ_BASE_LO, register::SQ_BASE_HI, arena + SQ_OFFSET)?;
        device.set(register::SQ_SIZE, SLOTS)?;
        device.set_pair(register::CQ_BASE_LO, register::CQ_BASE_HI, arena + CQ_OFFSET)?;
        device.set(register::CQ_SIZE, SLOTS)?;
        device.set(register::IRQ_STATUS, IRQ_ALL)?;
        device.set(register::IRQ_ENABLE, IRQ_ALL)?;
        device.set(register::CONTROL, 1)?;
        let table = [Region::zeroed(); REGIONS];
        Ok(Self { arena, submissions: Cursor::START, completions: Cursor::START, table })
    }

    /// Writes the region table and the submission, whose `regions` is filled in, and rings the doorbell.
    pub fn submit(
        &mut self,
        device: &mut (dyn Device + Send),
        table: &[Region; REGIONS],
        mut submission: Submission,
    ) -> Result<(), EngineError> {
        if self.table != *table {
            device.copy_to(self.arena + TABLE_OFFSET, bytemuck::bytes_of(table))?;
            self.table = *table;
        }
        submission.regions = self.arena + TABLE_OFFSET;
        let slot = u64::from(self.submissions.index()) * size_of::<Submission>() as u64;
        device.copy_to(self.arena + SQ_OFFSET + slot, bytemuck::bytes_of(&submission))?;
        self.submissions = self.submissions.next();
        device.set(register::SQ_TAIL, self.submissions.index())?;
        Ok(())
    }

    /// Waits for the next completion, by interrupt, and by looking now and then in case interrupts get lost.
    pub fn wait(&mut self, device: &mut (dyn Device + Send), deadline: Duration) -> Result<Completion, EngineError> {
        let started = Instant::now();
        let mut slice = POLL_MIN;
        loop {
            // The clock is read before the look, so that the last look comes after the deadline.
            let waited = started.elapsed();
            if let Some(completion) = self.look(device)? {
                self.completions = self.completions.next();
                device.set(register::CQ_HEAD, self.completions.index())?;
                return Ok(completion);
            }
            let left = deadline.saturating_sub(waited);
            if left.is_zero() {
                let status = device.get(register::STATUS)?;
                let taken = device.get(register::SQ_HEAD)? == self.submissions.index();
                return Err(EngineError::Timeout { waited, status, taken });
            }
            if device.wait_interrupt(left.min(slice))? {
                // Cleared before the look: what completes after the look raises it again.
                device.set(register::IRQ_STATUS, IRQ_ALL)?;
            }
            slice = (2 * slice).min(POLL_MAX);
        }
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

/// Checks a completion entry.
///
/// # Errors
/// [`EngineError::Faulted`] if the device reports a fault, [`EngineError::Protocol`] if the entry makes no sense.
pub(super) fn check_completion(entry: &Completion, phase_id: u64, instructions: u32) -> Result<(), EngineError> {
    expect("completion id", phase_id, entry.id)?;
    let cause = Cause::from_code(entry.cause);
    let cause = cause.ok_or(EngineError::Protocol {
        field: "completion cause",
        expected: Cause::ALL.len() as u64 - 1,
        found: entry.cause.into(),
    })?;
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
