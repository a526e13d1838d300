//! The two rings as the registers describe them.

use crate::memory::Memory;
use crate::registers::RegisterFile;
use systole_isa::register;
use systole_isa::ring::{Completion, Submission};
use systole_isa::{Cause, Fault, Unit};

/// Alignment of a ring's base.
const RING_ALIGN: u64 = 64;

/// Both rings, found to be usable.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rings {
    submissions: Ring,
    completions: Ring,
}

#[derive(Clone, Copy, Debug)]
struct Ring {
    base: u64,
    size: u32,
    head: u32,
    tail: u32,
}

const fn fault(cause: Cause, address: u64) -> Fault {
    Fault { unit: Unit::Control, instruction: 0, cause, address }
}

impl Ring {
    /// # Errors
    /// `RingMalformed` with the ring's base.
    fn check(self) -> Result<Self, Fault> {
        let sized = self.size.is_power_of_two() && (2..=1 << 15).contains(&self.size);
        let indexed = self.head < self.size && self.tail < self.size;
        if sized && indexed && self.base.is_multiple_of(RING_ALIGN) {
            Ok(self)
        } else {
            Err(fault(Cause::RingMalformed, self.base))
        }
    }

    const fn next(&self, index: u32) -> u32 {
        (index + 1) & (self.size - 1)
    }

    const fn slot(&self, index: u32, bytes: usize) -> u64 {
        self.base.saturating_add(index as u64 * bytes as u64)
    }
}

impl Rings {
    /// # Errors
    /// `RingMalformed`: size no power of two from 2 to 32768, base not aligned to 64, or an index behind the end.
    pub fn read(registers: &RegisterFile) -> Result<Self, Fault> {
        let submissions = Ring {
            base: registers.pair(register::SQ_BASE_LO, register::SQ_BASE_HI),
            size: registers.get(register::SQ_SIZE),
            head: registers.get(register::SQ_HEAD),
            tail: registers.get(register::SQ_TAIL),
        };
        let completions = Ring {
            base: registers.pair(register::CQ_BASE_LO, register::CQ_BASE_HI),
            size: registers.get(register::CQ_SIZE),
            head: registers.get(register::CQ_HEAD),
            tail: registers.get(register::CQ_TAIL),
        };
        Ok(Self { submissions: submissions.check()?, completions: completions.check()? })
    }

    /// One slot stays free, so that full differs from empty.
    pub const fn completions_full(&self) -> bool {
        self.next_completion() == self.completions.head
    }

    pub const fn next_submission(&self) -> u32 {
        self.submissions.next(self.submissions.head)
    }

    pub const fn next_completion(&self) -> u32 {
        self.completions.next(self.completions.tail)
    }

    const fn submission_slot(&self) -> u64 {
        self.submissions.slot(self.submissions.head, size_of::<Submission>())
    }

    const fn completion_slot(&self) -> u64 {
        self.completions.slot(self.completions.tail, size_of::<Completion>())
    }

    /// The slot at the head is not answered.
    pub const fn hung_slot(&self) -> Fault {
        fault(Cause::BusHung, self.submission_slot())
    }

    /// The completion at the tail is not acknowledged.
    pub const fn hung_completion(&self) -> Fault {
        fault(Cause::BusHung, self.completion_slot())
    }

    /// Reads the submission at the head.
    ///
    /// # Errors
    /// `Bus` with the slot's address when it is not device memory.
    pub fn fetch(&self, memory: &Memory) -> Result<Submission, Fault> {
        let address = self.submission_slot();
        let mut raw = Submission::default();
        memory.copy_from(address, bytemuck::bytes_of_mut(&mut raw)).map_err(|_| fault(Cause::Bus, address))?;
        Ok(Submission {
            id: u64::from_le(raw.id),
            program: u64::from_le(raw.program),
            regions: u64::from_le(raw.regions),
            abi_hash: u64::from_le(raw.abi_hash),
            instructions: u32::from_le(raw.instructions),
            flags: u32::from_le(raw.flags),
            watchdog: u32::from_le(raw.watchdog),
            reserved: raw.reserved.map(u32::from_le),
        })
    }

    /// Writes a completion at the tail.
    ///
    /// # Errors
    /// `Bus` with the slot's address when it is not device memory.
    pub fn complete(&self, memory: &mut Memory, completion: &Completion) -> Result<(), Fault> {
        let address = self.completion_slot();
        let raw = Completion {
            id: completion.id.to_le(),
            cause: completion.cause,
            unit: completion.unit,
            phase: completion.phase.to_le(),
            instruction: completion.instruction.to_le(),
            address: completion.address.to_le(),
            cycles: completion.cycles.to_le(),
        };
        memory.copy_to(address, bytemuck::bytes_of(&raw)).map_err(|_| fault(Cause::Bus, address))
    }
}
