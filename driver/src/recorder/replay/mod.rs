//! Doing it again on another executor, and the first difference.
//!
//! 1. [`Placement`] is what an executor needs beyond [`Device`]: memory at the recorded bus addresses.
//! 2. [`replay()`] brings it to the state in which the window begins (registers, memory, and the rings turned to the same
//!    slot by empty programs), then repeats every call.
//!
//! What is compared is what the contract determines: identity, what the host wrote to registers, faults, completions but
//! for their cycles, and memory while nothing is in flight. When a look found nothing *yet* is a matter of time and is not
//! compared; that a completion never came, although the replay has it, is a difference. Cycle counters, trace records,
//! STATUS and interrupts are not compared.

mod difference;
mod start;

use std::time::{Duration, Instant};

use bytemuck::Zeroable;
use systole_isa::register::{self, Access, by_offset};
use systole_isa::ring::{Completion, TraceRecord};

use super::{Action, Gap, Payload, Position, Recording};
use crate::{Device, DeviceError, power_up, register_name};

pub use difference::{Difference, Finding};

/// An executor whose memory can be where a recording has it.
pub trait Placement: Device {
    /// Reserves zeroed memory at a bus address, a multiple of 64.
    ///
    /// # Errors
    /// The memory is exhausted, or the range overlaps an allocation ([`DeviceError::MemoryRange`]).
    fn allocate_at(&mut self, address: u64, bytes: u64) -> Result<(), DeviceError>;
}

/// How to replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Longest wait for what the recorded device did.
    pub deadline: Duration,
    /// Most bytes of device memory at a time; a hostile file may ask for any number.
    pub memory: u64,
}

impl Default for Options {
    /// Ten minutes, 1 GiB.
    fn default() -> Self {
        Self { deadline: Duration::from_secs(600), memory: 1 << 30 }
    }
}

/// How a replay went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Events that were repeated, in order; all of the recording's unless there is a difference.
    pub events: usize,
    /// Results that were compared.
    pub compared: u64,
    /// Completions among them.
    pub completions: u64,
    /// Submissions that had not completed when the recording ends.
    pub in_flight: u64,
    /// The first difference.
    pub difference: Option<Difference>,
}

/// Why a recording cannot be replayed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The recorder could not keep what is needed.
    #[error("the recording can be read but not replayed: {0}")]
    Gap(Gap),
    /// The executor has another configuration.
    #[error("the recorded device has configuration `{recorded}`, this one `{device}`; replay on one with `{recorded}`")]
    Configuration {
        /// The recording's.
        recorded: &'static str,
        /// The executor's.
        device: String,
    },
    /// It wants more memory than is allowed.
    #[error("the recording has {bytes} bytes of device memory allocated, and {limit} are allowed; raise the limit")]
    Memory {
        /// At one time.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// The rings cannot be brought to where the window begins.
    #[error(
        "the recording begins with rings of {sq} and {cq} slots, which no device has; it was not made by this systole"
    )]
    Rings {
        /// SQ_SIZE.
        sq: u32,
        /// CQ_SIZE.
        cq: u32,
    },
    /// The executor did not follow while it was brought to where the window begins.
    #[error("{register} is {found} instead of {expected} after {waited:?} of preparation; try another executor")]
    Start {
        /// Register that was waited for.
        register: &'static str,
        /// Value wanted.
        expected: u32,
        /// Value read last.
        found: u32,
        /// Time that was waited.
        waited: Duration,
    },
    /// The executor refuses what the recorded device did.
    #[error("event {event} ({action}): {source}")]
    Device {
        /// Index of the event, or where the start is prepared, the number of events.
        event: usize,
        /// What was repeated.
        action: String,
        /// Its answer.
        source: DeviceError,
    },
}

/// Replays a recording on an executor that is as after power-up.
///
/// # Errors
/// [`ReplayError`]; a difference is none, but in the [`Outcome`].
pub fn replay(recording: &Recording, device: &mut dyn Placement, options: &Options) -> Result<Outcome, ReplayError> {
    if let Some(gap) = recording.gap {
        return Err(ReplayError::Gap(gap));
    }
    start::check_memory(recording, options.memory)?;
    start::prepare(recording, device, options.deadline)?;
    let mut replay =
        Replay { device, options, position: recording.start.clone(), tail: None, outcome: Outcome::default() };
    for (index, event) in recording.events.iter().enumerate() {
        let finding = replay.repeat(&event.action).map_err(|source| ReplayError::Device {
            event: index,
            action: event.action.to_string(),
            source,
        })?;
        replay.outcome.events = index + 1;
        if let Some(finding) = finding {
            let action = event.action.to_string();
            replay.outcome.difference = Some(Difference { event: index, at: event.at, action, finding });
            break;
        }
        replay.position.apply(&event.action);
    }
    replay.outcome.in_flight = replay.position.submitted.saturating_sub(replay.position.completed);
    Ok(replay.outcome)
}

struct Replay<'a> {
    device: &'a mut dyn Placement,
    options: &'a Options,
    /// Of the recorded host, before the present event.
    position: Position,
    /// CQ_TAIL as the recorded host read it last since it took a completion.
    tail: Option<u32>,
    outcome: Outcome,
}

impl Replay<'_> {
    fn repeat(&mut self, action: &Action) -> Result<Option<Finding>, DeviceError> {
        match action {
            Action::Read { offset, value } => self.read(*offset, *value),
            Action::Write { offset, value } => {
                let resets = *offset == register::RESET.offset && value & 1 == 1;
                if resets && let Some(finding) = self.never_completed()? {
                    return Ok(Some(finding));
                }
                if resets || *offset == register::CQ_HEAD.offset {
                    self.tail = None;
                }
                self.device.write(*offset, *value).map(|()| None)
            }
            Action::Allocate { address, bytes } => self.device.allocate_at(*address, *bytes).map(|()| None),
            Action::Release { address } => self.device.release(*address).map(|()| None),
            Action::CopyTo { address, bytes: Payload::Whole(bytes) } => {
                self.device.copy_to(*address, bytes).map(|()| None)
            }
            Action::CopyFrom { address, bytes: Payload::Whole(bytes) } => self.copy_from(*address, bytes),
            Action::Wait { .. } => self.device.wait_interrupt(Duration::ZERO).map(|_| None),
            Action::ResetLink => {
                let finding = self.never_completed()?;
                self.tail = None;
                power_up(self.device)?;
                Ok(finding)
            }
            // What failed had no effect, and a payload is omitted in no recording that can be replayed.
            Action::Failed { .. } | Action::CopyTo { .. } | Action::CopyFrom { .. } => Ok(None),
        }
    }

    fn read(&mut self, offset: u32, recorded: u32) -> Result<Option<Finding>, DeviceError> {
        let idle = !self.position.in_flight();
        if offset == register::CQ_TAIL.offset {
            self.tail = Some(recorded);
            // Everything that was submitted was done, or nothing was since a reset.
            if self.position.last_tail().unwrap_or(0) == recorded {
                return self.eventually(offset, u32::MAX, recorded);
            }
        } else if offset == register::SQ_HEAD.offset && recorded == self.position.register(register::SQ_TAIL.offset) {
            return self.eventually(offset, u32::MAX, recorded);
        } else if offset == register::STATUS.offset && self.position.submitted == 0 && recorded & 1 == 0 {
            return self.eventually(offset, 1, 0);
        }
        let found = self.device.read(offset)?;
        let fault = (register::FAULT.offset..=register::FAULT_ADDRESS_HI.offset).contains(&offset);
        let determined = match by_offset(offset) {
            Some(_) if offset == register::BUILD_ID.offset => false,
            Some(_) if offset < register::CONTROL.offset => true,
            Some(_) if fault || offset == register::TRACE_COUNT.offset => idle,
            Some(declared) => declared.access == Access::ReadWrite,
            None => false,
        };
        Ok(if determined { self.compare(offset, recorded, found) } else { None })
    }

    fn compare(&mut self, offset: u32, recorded: u32, found: u32) -> Option<Finding> {
        self.outcome.compared += 1;
        (recorded != found).then(|| Finding::Register { register: register_name(offset), recorded, found })
    }

    /// Waits until a register has the recorded value.
    fn eventually(&mut self, offset: u32, mask: u32, recorded: u32) -> Result<Option<Finding>, DeviceError> {
        let found = await_value(self.device, offset, mask, recorded, self.options.deadline)?;
        Ok(self.compare(offset, recorded, found))
    }

    fn copy_from(&mut self, address: u64, recorded: &[u8]) -> Result<Option<Finding>, DeviceError> {
        let length = recorded.len() as u64;
        let within = |low, high, size: u64| {
            let base = self.position.pair(low, high);
            address < base.saturating_add(size) && address.saturating_add(length) > base
        };
        let completions = u64::from(self.position.register(register::CQ_SIZE.offset)) * size_of::<Completion>() as u64;
        if within(register::CQ_BASE_LO.offset, register::CQ_BASE_HI.offset, completions) {
            return self.completion(address, recorded);
        }
        let mut found = vec![0; recorded.len()];
        self.device.copy_from(address, &mut found)?;
        let records = u64::from(self.position.register(register::TRACE_SIZE.offset)) * size_of::<TraceRecord>() as u64;
        if self.position.in_flight() || within(register::TRACE_BASE_LO.offset, register::TRACE_BASE_HI.offset, records)
        {
            return Ok(None);
        }
        self.outcome.compared += 1;
        let differs = recorded.iter().zip(&found).position(|(a, b)| a != b);
        Ok(differs.map(|at| Finding::Memory {
            address: address + at as u64,
            offset: at as u64,
            recorded: recorded[at],
            found: found[at],
        }))
    }

    /// A look at the completion ring. It counts when the recorded host knew from CQ_TAIL that the entry is whole.
    fn completion(&mut self, address: u64, recorded: &[u8]) -> Result<Option<Finding>, DeviceError> {
        let Some((slot, phase)) = self.position.next_completion() else { return Ok(None) };
        let base = self.position.pair(register::CQ_BASE_LO.offset, register::CQ_BASE_HI.offset);
        let at = base.wrapping_add(u64::from(slot) * size_of::<Completion>() as u64);
        let announced = self.tail.is_some_and(|tail| tail != slot);
        let entry = bytemuck::try_pod_read_unaligned::<Completion>(recorded);
        let (Ok(entry), true) = (entry, announced && address == at) else { return Ok(None) };
        let Some(found) = self.await_completion(at, phase)? else {
            return Ok(Some(Finding::NotOnReplay { id: entry.id, waited: self.options.deadline }));
        };
        self.outcome.compared += 1;
        self.outcome.completions += 1;
        let timeless = |entry: &Completion| Completion { cycles: 0, ..*entry };
        Ok((timeless(&entry) != timeless(&found)).then_some(Finding::Completion { recorded: entry, found }))
    }

    /// The completion that comes next, if it comes in time.
    fn await_completion(&mut self, address: u64, phase: u16) -> Result<Option<Completion>, DeviceError> {
        let started = Instant::now();
        loop {
            let late = started.elapsed() >= self.options.deadline;
            let mut entry = Completion::zeroed();
            self.device.copy_from(address, bytemuck::bytes_of_mut(&mut entry))?;
            if entry.phase == phase && self.device.read(register::CQ_TAIL.offset)? != self.slot() {
                self.device.copy_from(address, bytemuck::bytes_of_mut(&mut entry))?;
                return Ok(Some(entry));
            }
            if late {
                return Ok(None);
            }
            self.device.wait_interrupt(Duration::from_millis(1))?;
        }
    }

    fn slot(&self) -> u32 {
        self.position.next_completion().map_or(0, |(slot, _)| slot)
    }

    /// The host gave up on a submission: does it complete here?
    fn never_completed(&mut self) -> Result<Option<Finding>, DeviceError> {
        let Some((slot, phase)) = self.position.next_completion().filter(|_| self.position.in_flight()) else {
            return Ok(None);
        };
        // It was there, and the host gave up on what it said.
        if self.tail.is_some_and(|tail| tail != slot) {
            return Ok(None);
        }
        let base = self.position.pair(register::CQ_BASE_LO.offset, register::CQ_BASE_HI.offset);
        let at = base.wrapping_add(u64::from(slot) * size_of::<Completion>() as u64);
        self.outcome.compared += 1;
        Ok(self.await_completion(at, phase)?.map(|found| Finding::NeverCompleted { found }))
    }
}

/// Waits until the masked register has a value, and returns what it had last.
fn await_value(
    device: &mut dyn Placement,
    offset: u32,
    mask: u32,
    expected: u32,
    deadline: Duration,
) -> Result<u32, DeviceError> {
    let started = Instant::now();
    loop {
        let late = started.elapsed() >= deadline;
        let found = device.read(offset)? & mask;
        if found == expected || late {
            return Ok(found);
        }
        device.wait_interrupt(Duration::from_millis(1))?;
    }
}
