//! Why a program is refused, in words that name the instruction and what to change.

use std::fmt;

use systole_isa::access::Space;
use systole_isa::{Cause, DecodeError, Unit};

/// Why [`super::verify`] refuses a program.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// The program was made for another contract.
    #[error(
        "the program is for contract {program:#018x}, but this systole has contract {driver:#018x}; compile the program again"
    )]
    AbiHash {
        /// Hash in the program.
        program: u64,
        /// Hash of this crate's contract.
        driver: u64,
    },
    /// No instruction, or too many.
    #[error("the program has {instructions} instructions; 1 to {max} are supported, so split it", max = super::MAX_INSTRUCTIONS)]
    Length {
        /// Number found.
        instructions: usize,
    },
    /// A region's size cannot be submitted.
    #[error("region {region} `{name}` has {size} bytes; make its size a multiple of 32")]
    RegionSize {
        /// Region index.
        region: usize,
        /// Its name.
        name: String,
        /// Its declared size.
        size: u32,
    },
    /// The writable regions are larger than the verifier supports.
    #[error("the writable regions have {bytes} bytes together, at most {max} are supported; use a smaller batch", max = super::MAX_WRITABLE_BYTES)]
    WritableBytes {
        /// Their sizes' sum.
        bytes: u64,
    },
    /// One instruction is at fault.
    #[error("instruction {index} `{disassembly}`: {reason}")]
    Instruction {
        /// Index in the program.
        index: usize,
        /// Its text, or its bytes in hexadecimal when it does not decode.
        disassembly: String,
        /// What is wrong with it.
        reason: Reason,
    },
    /// The program cannot finish.
    #[error(transparent)]
    Deadlock(#[from] Deadlock),
}

/// What is wrong with an instruction.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// The bytes are no instruction.
    #[error("{0}; compile the program again")]
    Decode(#[from] DecodeError),
    /// The configuration cannot execute it; the device would report `cause`.
    #[error(
        "{rule} ({cause} on `{config}`, address {address:#x}); change the operands or compile for a larger configuration"
    )]
    Operands {
        /// The device's fault.
        cause: Cause,
        /// First offending word, else 0.
        address: u64,
        /// The rule that is broken.
        rule: &'static str,
        /// Name of the configuration.
        config: &'static str,
    },
    /// The last instruction is not END.
    #[error("the last instruction is no end; append one")]
    EndMissing,
    /// An END stands before the last instruction.
    #[error("end stands before the last instruction ({last}); remove it or what follows")]
    EndEarly {
        /// Index of the last instruction.
        last: usize,
    },
    /// A DRAM access leaves its region.
    #[error("reaches byte {end} of region {region} `{name}`, which has {size}; declare it larger or move the block")]
    RegionBounds {
        /// Region index.
        region: u8,
        /// Its name.
        name: String,
        /// One past the last byte of the access.
        end: u64,
        /// The region's size.
        size: u32,
    },
    /// A store into a region that is not writable.
    #[error("stores into region {region} `{name}`, which is not writable; declare it writable or store elsewhere")]
    RegionReadOnly {
        /// Region index.
        region: u8,
        /// Its name.
        name: String,
    },
    /// Two units post, or two units wait for, the same semaphore: the outcome would depend on timing.
    #[error(
        "unit {unit} {verb} semaphore {semaphore}, but so does unit {other_unit} at instruction {other}; use one semaphore for each pair of units",
        verb = if *.waits { "waits for" } else { "posts" }
    )]
    SemaphoreShared {
        /// The semaphore.
        semaphore: u8,
        /// True if they wait, false if they post.
        waits: bool,
        /// This instruction's unit.
        unit: Unit,
        /// Index of the other unit's first such instruction.
        other: usize,
        /// Its unit.
        other_unit: Unit,
    },
    /// A post can lift a semaphore above its maximum.
    #[error(
        "can lift semaphore {semaphore} to {count}, above its maximum of {max}; post less often or let this unit wait for the other",
        max = systole_isa::SEMAPHORE_MAX
    )]
    SemaphoreOverflow {
        /// The semaphore.
        semaphore: u8,
        /// The count it reaches when its waiting unit is slow.
        count: u64,
    },
    /// A read of a place that nothing has written before.
    #[error("reads {place}, which nothing has written before; write it first")]
    Unwritten {
        /// First such word or byte.
        place: Place,
    },
    /// Two accesses, one of them a write, are in no fixed order.
    #[error(
        "{} {place} in no fixed order with instruction {other} `{other_disassembly}`, which {} it; let one wait for a semaphore that the other posts",
        if *.writes { "writes" } else { "reads" },
        if *.other_writes { "writes" } else { "reads" }
    )]
    Race {
        /// First word or byte concerned.
        place: Place,
        /// This instruction writes it.
        writes: bool,
        /// Index of the other instruction.
        other: usize,
        /// The other's text.
        other_disassembly: String,
        /// The other writes it.
        other_writes: bool,
    },
}

/// A word on chip or a byte in DRAM.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// On chip.
    Word {
        /// The memory.
        space: Space,
        /// Word address.
        word: u32,
    },
    /// In DRAM.
    Byte {
        /// Region index.
        region: u8,
        /// The region's name.
        name: String,
        /// Byte offset in it.
        offset: u32,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word { space, word } => {
                let name = match space {
                    Space::Spad => "spad word",
                    Space::Acc => "acc word",
                    Space::Param => "param word",
                    Space::Row => "row entry",
                };
                write!(f, "{name} {word}")
            }
            Self::Byte { region, name, offset } => write!(f, "byte {offset} of region {region} `{name}`"),
        }
    }
}

/// No unit can proceed and the program has not ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Deadlock {
    /// The instruction each unit stands at; units that finished their queue are left out.
    pub blocked: Vec<Blocked>,
    /// The instruction that the fetcher cannot dispatch because its unit's queue is full, with the queue's depth. The
    /// program might end on a device with deeper queues.
    pub held: Option<(usize, Unit, u32)>,
}

/// A unit that waits for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocked {
    /// The unit.
    pub unit: Unit,
    /// Index of its next instruction.
    pub index: usize,
    /// The semaphores that stay at zero, as a mask.
    pub semaphores: u16,
    /// Its text.
    pub disassembly: String,
}

impl fmt::Display for Deadlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("deadlock: ")?;
        for blocked in &self.blocked {
            let list: Vec<String> =
                (0..16).filter(|s| blocked.semaphores >> s & 1 == 1).map(|s: u32| s.to_string()).collect();
            let Blocked { unit, index, disassembly, .. } = blocked;
            write!(f, "{unit} waits for semaphore {} at instruction {index} `{disassembly}`; ", list.join(", "))?;
        }
        if let Some((index, unit, depth)) = self.held {
            write!(f, "instruction {index} does not fit into the queue of {unit} ({depth} instructions); ")?;
        }
        f.write_str("post these semaphores from instructions that come earlier")
    }
}
