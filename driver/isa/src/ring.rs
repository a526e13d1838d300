//! Layouts in memory shared with the device, all little-endian: region table, submission and completion rings, trace.
//!
//! The host writes a [`Submission`] at the tail of the submission ring and then the new tail to SQ_TAIL (the doorbell).
//! The device writes a [`Completion`] for each and flips `phase` on every turn around the ring, starting with 1, so a
//! host that zeroed the ring can poll without reading a register. Ring indices count modulo the ring's size; a ring is
//! full when one slot is left.

use bytemuck::{Pod, Zeroable};

/// Which DRAM the region index `i` of an instruction means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Region {
    /// Bus address of the first byte, a multiple of 32.
    pub base: u64,
    /// Bytes, a multiple of 32; 0 refuses every access.
    pub size: u32,
    /// Bit 0 permits stores; the others are zero.
    pub flags: u32,
}

/// [`Region::flags`]: stores are permitted.
pub const REGION_WRITE: u32 = 1;

/// One entry of the submission ring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Submission {
    /// Echoed in the completion.
    pub id: u64,
    /// Bus address of the first instruction, a multiple of 32.
    pub program: u64,
    /// Bus address of the region table ([`crate::REGIONS`] entries), a multiple of 32.
    pub regions: u64,
    /// ABI hash the program was made for.
    pub abi_hash: u64,
    /// Number of instructions, END included.
    pub instructions: u32,
    /// Bit 0 raises the interrupt on completion, bit 1 writes trace records; the others are zero.
    pub flags: u32,
    /// Cycles until the watchdog stops it; 0 takes the WATCHDOG register.
    pub watchdog: u32,
    /// Zero.
    pub reserved: [u32; 5],
}

/// [`Submission::flags`]: raise the completion interrupt.
pub const SUBMIT_INTERRUPT: u32 = 1;
/// [`Submission::flags`]: write trace records.
pub const SUBMIT_TRACE: u32 = 2;

/// One entry of the completion ring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Completion {
    /// The submission's id.
    pub id: u64,
    /// A [`crate::Cause`] code; 0 is success.
    pub cause: u8,
    /// A [`crate::Unit`] code; 0 on success.
    pub unit: u8,
    /// 1 on the first turn around the ring, 0 on the second, and so on.
    pub phase: u16,
    /// Index of the faulting instruction; on success the number of instructions executed.
    pub instruction: u32,
    /// The fault's address.
    pub address: u64,
    /// Cycles from fetch to completion; 0 on an executor without timing.
    pub cycles: u64,
}

/// One trace record, written for every instruction with a non-zero tag when the submission asks for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct TraceRecord {
    /// The instruction's tag.
    pub tag: u16,
    /// A [`crate::Unit`] code.
    pub unit: u8,
    /// Zero.
    pub reserved: u8,
    /// Index of the instruction.
    pub instruction: u32,
    /// The submission's id.
    pub id: u64,
    /// Free-running cycle in which the instruction started (its semaphores were taken). An executor without timing
    /// (BUILD_ID 0 and `Completion::cycles` 0) gives nanoseconds of host time here and in `end`.
    pub start: u64,
    /// Cycle in which all it wrote was visible.
    pub end: u64,
}

const _: () = assert!(size_of::<Region>() == 16 && size_of::<Submission>() == 64);
const _: () = assert!(size_of::<Completion>() == 32 && size_of::<TraceRecord>() == 32);

/// A structure's field for the generated pages: name, byte offset, bytes.
pub type RingField = (&'static str, usize, usize);

macro_rules! layout {
    ($Name:ident { $($field:ident: $ty:ty),+ $(,)? }) => {
        (stringify!($Name), size_of::<$Name>(), &[
            $( (stringify!($field), std::mem::offset_of!($Name, $field), size_of::<$ty>()) ),+
        ])
    };
}

/// Name, size and fields of each structure, for the generators and the ABI hash.
pub const LAYOUTS: &[(&str, usize, &[RingField])] = &[
    layout!(Region { base: u64, size: u32, flags: u32 }),
    layout!(Submission {
        id: u64,
        program: u64,
        regions: u64,
        abi_hash: u64,
        instructions: u32,
        flags: u32,
        watchdog: u32,
        reserved: [u32; 5]
    }),
    layout!(Completion { id: u64, cause: u8, unit: u8, phase: u16, instruction: u32, address: u64, cycles: u64 }),
    layout!(TraceRecord { tag: u16, unit: u8, reserved: u8, instruction: u32, id: u64, start: u64, end: u64 }),
];
