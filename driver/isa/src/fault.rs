//! Why the device stopped a submission.

use crate::instruction::{FieldType, Unit};

coded_enum! {
    /// The cause in FAULT_CAUSE and in a completion entry. Zero means success.
    Cause {
        /// The submission completed.
        None = 0 "none",
        /// The bytes are no instruction: unknown opcode, unassigned code or stray bits.
        IllegalInstruction = 1 "illegal instruction",
        /// A reserved feature of the contract that this build does not execute.
        Unimplemented = 2 "unimplemented",
        /// An operand breaks a rule of the instruction set.
        IllegalOperand = 3 "illegal operand",
        /// A word address lies behind the end of SPAD.
        SpadBounds = 4 "scratchpad bounds",
        /// A word address lies behind the end of ACC.
        AccBounds = 5 "accumulator bounds",
        /// A word address lies behind the end of PARAM.
        ParamBounds = 6 "param bounds",
        /// An entry lies behind the end of ROW.
        RowBounds = 7 "row bounds",
        /// A DRAM access lies outside its region.
        RegionBounds = 8 "region bounds",
        /// A store into a region without write permission.
        RegionReadOnly = 9 "region read-only",
        /// A region's base or size is no multiple of 32, or it wraps around the address space.
        RegionMalformed = 10 "region malformed",
        /// A post would lift a semaphore above its maximum.
        SemaphoreOverflow = 11 "semaphore overflow",
        /// No unit can proceed and the program has not ended.
        Deadlock = 12 "deadlock",
        /// The submission took more cycles than the watchdog allows.
        Watchdog = 13 "watchdog",
        /// The bus answered an access with an error.
        Bus = 14 "bus error",
        /// The program's last instruction is no END, or an END came before the last.
        ProgramEnd = 15 "program end",
        /// The submission names another ABI hash than the device's.
        AbiMismatch = 16 "abi mismatch",
        /// A ring's base, size or index is unusable, or an address in a submission is not aligned.
        RingMalformed = 17 "ring malformed",
        /// The host reset the engine while the submission ran.
        Aborted = 18 "aborted",
        /// The bus did not answer the engine within BUS_TIMEOUT cycles. The engine halts without a completion.
        BusHung = 19 "bus hung",
    }
}

impl Cause {
    /// The cause with this code.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::get(&[code], "cause").ok()
    }
}

/// A fault as the registers and the completion ring report it.
///
/// What fetch finds (no instruction, an operand rule, a word behind the end of a memory, END in the wrong place) and what
/// is wrong with a submission or a ring is [`Unit::Control`]'s; what an execution finds (regions, bus errors of its
/// data or trace record, semaphore overflow) is the executing unit's; a deadlock is that of the oldest instruction that
/// waits. Fetch runs ahead, so of two faults in one program either may be the first.
///
/// Address: a word on chip; for a region's causes the offset in the region, of the first byte outside for `RegionBounds`
/// and of the access's first byte for the others; for `Bus` the offset of the transfer in its region, or the bus address
/// where there is no region (program, region table, rings, trace); for `RingMalformed` the ring's base, or the
/// submission's address that is not aligned; for `BusHung` the bus address of the slot, region table or completion, and if
/// the run was stopped and its accesses stay unanswered, the bus address of its last read, or of its last write if all
/// reads were answered; 0 for the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fault {
    /// Unit that met it.
    pub unit: Unit,
    /// Index of the instruction in the program; 0 where there is none.
    pub instruction: u32,
    /// What happened.
    pub cause: Cause,
    /// Where, see above.
    pub address: u64,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} at instruction {} of the {} unit, address {:#x}",
            self.cause, self.instruction, self.unit, self.address
        )
    }
}

impl std::error::Error for Fault {}
