//! The register map: 32-bit registers in a 4 KiB window, 64-bit values as two of them with the low half first.

use std::marker::PhantomData;

/// How the host may access a register, and what the generated RTL makes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// Read only; writes are ignored.
    ReadOnly,
    /// Read and write.
    ReadWrite,
    /// Write 1 to a bit to clear it.
    WriteOneToClear,
    /// Write only; reads give 0. Writing has an effect.
    Command,
}

impl Access {
    /// The abbreviation of the reference page.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ReadOnly => "RO",
            Self::ReadWrite => "RW",
            Self::WriteOneToClear => "W1C",
            Self::Command => "WO",
        }
    }
}

/// Type-level access kinds, so that writing an identity register does not compile.
pub mod kind {
    use super::Access;

    /// A type-level access kind.
    pub trait Kind {
        /// The value.
        const ACCESS: Access;
    }
    /// May be read.
    pub trait Readable: Kind {}
    /// May be written.
    pub trait Writable: Kind {}

    macro_rules! kinds { ($($(#[$doc:meta])+ $Name:ident: $($can:ident)+;)+) => { $(
        $(#[$doc])+
        #[derive(Clone, Copy, Debug)]
        pub struct $Name;
        impl Kind for $Name { const ACCESS: Access = Access::$Name; }
        $( impl $can for $Name {} )+
    )+ } }
    kinds! {
        /// Read only.
        ReadOnly: Readable;
        /// Read and write.
        ReadWrite: Readable Writable;
        /// Write 1 to clear.
        WriteOneToClear: Readable Writable;
        /// Write only.
        Command: Writable;
    }
}

/// A register's address, with its access kind in the type.
#[derive(Clone, Copy, Debug)]
pub struct Register<K> {
    /// Byte offset in the window.
    pub offset: u32,
    kind: PhantomData<K>,
}

/// A register as declared.
#[derive(Clone, Copy, Debug)]
pub struct RegisterDecl {
    /// Name in upper case.
    pub name: &'static str,
    /// Byte offset in the window.
    pub offset: u32,
    /// Access kind.
    pub access: Access,
    /// Value after reset; `None` where the build or the configuration decides.
    pub reset: Option<u32>,
    /// Meaning.
    pub doc: &'static str,
}

macro_rules! registers {
    ($( $(#[doc = $doc:literal])+ $NAME:ident @ $offset:literal $Kind:ident $(= $reset:expr)?; )+) => {
        $( $(#[doc = $doc])+ pub const $NAME: Register<kind::$Kind> = Register { offset: $offset, kind: PhantomData }; )+

        /// Every register, in order of its offset.
        pub const REGISTERS: &[RegisterDecl] = &[ $( RegisterDecl {
            name: stringify!($NAME), offset: $offset, access: <kind::$Kind as kind::Kind>::ACCESS,
            reset: reset!($($reset)?), doc: concat!($($doc),+),
        }, )+ ];
    };
}
macro_rules! reset {
    () => {
        None
    };
    ($value:expr) => {
        Some($value)
    };
}

/// Bytes of the register window.
pub const WINDOW_BYTES: u32 = 4096;
/// What MAGIC reads: "SYST" in ASCII, first letter in the low byte.
pub const MAGIC_VALUE: u32 = u32::from_le_bytes(*b"SYST");

registers! {
    /// Identifies the device: 0x54535953.
    MAGIC @ 0x000 ReadOnly = MAGIC_VALUE;
    /// Low half of the ABI hash.
    ABI_HASH_LO @ 0x004 ReadOnly;
    /// High half of the ABI hash.
    ABI_HASH_HI @ 0x008 ReadOnly;
    /// Identifies the build: the first 32 bits of the bundle's content hash, 0 on the simulator.
    BUILD_ID @ 0x00c ReadOnly;
    /// Identifies the named configuration.
    CONFIG_ID @ 0x010 ReadOnly;
    /// Array size N in bits 0..8, bus bytes in bits 8..16, queue depth in bits 16..24.
    CONFIG_ARRAY @ 0x014 ReadOnly;
    /// SPAD words.
    CONFIG_SPAD @ 0x018 ReadOnly;
    /// ACC words.
    CONFIG_ACC @ 0x01c ReadOnly;
    /// PARAM words in bits 0..16, ROW entries in bits 16..32.
    CONFIG_PARAM_ROW @ 0x020 ReadOnly;
    /// Bit 0 enables the engine. Cleared, it finishes the running submission and takes no other.
    CONTROL @ 0x040 ReadWrite = 0;
    /// Bit 0 stops whatever runs, completes it as aborted, and clears queues, semaphores, rings' indices and faults. While
    /// bit 3 of STATUS is set, it is kept until the bus has answered.
    RESET @ 0x044 Command = 0;
    /// Bit 0 a submission runs, bit 1 a fault is latched, bit 2 the completion ring is full and the engine waits, bit 3 the
    /// bus hung and still owes answers: the engine is halted, throws away what comes, and may still write what it began.
    STATUS @ 0x048 ReadOnly = 0;
    /// Bit 0 completion, bit 1 fault.
    IRQ_ENABLE @ 0x04c ReadWrite = 0;
    /// Bit 0 completion, bit 1 fault; the interrupt line is the OR of this AND IRQ_ENABLE.
    IRQ_STATUS @ 0x050 WriteOneToClear = 0;
    /// Default limit in cycles for a submission; 0 is none.
    WATCHDOG @ 0x054 ReadWrite = 0;
    /// Cycles that the engine waits for the bus outside a run (slot, region table, completion, and what is in flight when a
    /// run is stopped), each time; then it halts with `bus hung`. There is no way to wait for ever.
    BUS_TIMEOUT @ 0x058 ReadWrite = 1 << 24;
    /// Cause code of the first fault since the last clear in bits 0..8, unit code in bits 8..16.
    FAULT @ 0x060 ReadOnly = 0;
    /// Instruction index of that fault.
    FAULT_INSTRUCTION @ 0x064 ReadOnly = 0;
    /// Low half of that fault's address.
    FAULT_ADDRESS_LO @ 0x068 ReadOnly = 0;
    /// High half of that fault's address.
    FAULT_ADDRESS_HI @ 0x06c ReadOnly = 0;
    /// Low half of the submission ring's bus address, a multiple of 64.
    SQ_BASE_LO @ 0x080 ReadWrite = 0;
    /// High half.
    SQ_BASE_HI @ 0x084 ReadWrite = 0;
    /// Slots of the submission ring, a power of two from 2 to 32768; 0 while unset.
    SQ_SIZE @ 0x088 ReadWrite = 0;
    /// Next slot the device reads.
    SQ_HEAD @ 0x08c ReadOnly = 0;
    /// The doorbell: next slot the host will write.
    SQ_TAIL @ 0x090 ReadWrite = 0;
    /// Low half of the completion ring's bus address, a multiple of 64.
    CQ_BASE_LO @ 0x0a0 ReadWrite = 0;
    /// High half.
    CQ_BASE_HI @ 0x0a4 ReadWrite = 0;
    /// Slots of the completion ring, a power of two from 2 to 32768; 0 while unset.
    CQ_SIZE @ 0x0a8 ReadWrite = 0;
    /// Next slot the host will read.
    CQ_HEAD @ 0x0ac ReadWrite = 0;
    /// Next slot the device will write.
    CQ_TAIL @ 0x0b0 ReadOnly = 0;
    /// Low half of the trace buffer's bus address, a multiple of 64.
    TRACE_BASE_LO @ 0x0c0 ReadWrite = 0;
    /// High half.
    TRACE_BASE_HI @ 0x0c4 ReadWrite = 0;
    /// Records that fit into the trace buffer; 0 records nothing.
    TRACE_SIZE @ 0x0c8 ReadWrite = 0;
    /// Records written since the last write of TRACE_SIZE; the device stops at the buffer's end.
    TRACE_COUNT @ 0x0cc ReadOnly = 0;
    /// Low half of the free-running cycle counter. Reading it latches the high half.
    CYCLE_LO @ 0x100 ReadOnly = 0;
    /// High half as latched by the last read of CYCLE_LO.
    CYCLE_HI @ 0x104 ReadOnly = 0;
    /// Cycles in which LOAD executed an instruction, low 32 bits; all counters restart with each submission.
    LOAD_BUSY @ 0x110 ReadOnly = 0;
    /// Cycles in which LOAD's next instruction waited for a semaphore.
    LOAD_WAIT @ 0x114 ReadOnly = 0;
    /// Cycles in which LOAD executed but the bus or a memory port made no progress.
    LOAD_STALL @ 0x118 ReadOnly = 0;
    /// Busy cycles of GEMM.
    GEMM_BUSY @ 0x120 ReadOnly = 0;
    /// Semaphore wait cycles of GEMM.
    GEMM_WAIT @ 0x124 ReadOnly = 0;
    /// Stall cycles of GEMM.
    GEMM_STALL @ 0x128 ReadOnly = 0;
    /// Busy cycles of VECTOR.
    VECTOR_BUSY @ 0x130 ReadOnly = 0;
    /// Semaphore wait cycles of VECTOR.
    VECTOR_WAIT @ 0x134 ReadOnly = 0;
    /// Stall cycles of VECTOR.
    VECTOR_STALL @ 0x138 ReadOnly = 0;
    /// Busy cycles of STORE.
    STORE_BUSY @ 0x140 ReadOnly = 0;
    /// Semaphore wait cycles of STORE.
    STORE_WAIT @ 0x144 ReadOnly = 0;
    /// Stall cycles of STORE.
    STORE_STALL @ 0x148 ReadOnly = 0;
}

/// The register at a byte offset.
pub fn by_offset(offset: u32) -> Option<&'static RegisterDecl> {
    REGISTERS.iter().find(|r| r.offset == offset)
}

/// The register of this name, upper case.
pub fn by_name(name: &str) -> Option<&'static RegisterDecl> {
    REGISTERS.iter().find(|r| r.name == name)
}

/// Offsets ascend in steps of 4 inside the window.
const fn map_is_sound(map: &[RegisterDecl]) -> bool {
    let mut i = 0;
    while i < map.len() {
        let ordered = i == 0 || map[i - 1].offset < map[i].offset;
        if !ordered || !map[i].offset.is_multiple_of(4) || map[i].offset >= WINDOW_BYTES {
            return false;
        }
        i += 1;
    }
    true
}
const _: () = assert!(map_is_sound(REGISTERS));
