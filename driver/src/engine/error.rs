//! What can go wrong between the host and a device, from opening to the completion of a run.

use std::time::Duration;

use systole_isa::{ABI_HASH, Cause, Fault, config};

use crate::DeviceError;

/// Why an [`super::Engine`] could not do what it was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The device could not be reached or has no memory left.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// MAGIC reads something else.
    #[error(
        "MAGIC reads {found:#010x} instead of {:#010x}: this is no Systole device; check the address or program the \
         board",
        systole_isa::register::MAGIC_VALUE
    )]
    NotSystole {
        /// The value read.
        found: u32,
    },
    /// The device implements another contract.
    #[error(
        "the device has contract {device:#018x}, this systole has {ABI_HASH:#018x}; program the board with a \
         bitstream of this version, or use the systole that built the board's"
    )]
    AbiMismatch {
        /// Hash in the ID register.
        device: u64,
    },
    /// CONFIG_ID names no supported configuration.
    #[error(
        "CONFIG_ID reads {id}, which names no configuration of this systole ({}); program the board with a \
         bitstream for one of them",
        names()
    )]
    UnknownConfig {
        /// The value read.
        id: u32,
    },
    /// A CONFIG register contradicts the configuration that CONFIG_ID names.
    #[error(
        "{register} reads {found:#x}, but configuration `{config}` has {expected:#x}; build the bitstream \
         again and program the board with it"
    )]
    ConfigRegister {
        /// Name of the register.
        register: &'static str,
        /// Configuration that CONFIG_ID names.
        config: &'static str,
        /// Value of that configuration.
        expected: u32,
        /// The value read.
        found: u32,
    },
    /// The device did not become idle after a reset.
    #[error(
        "{register} reads {found:#x} instead of 0, {waited:?} after a reset; power-cycle or program the board again"
    )]
    Reset {
        /// Name of the register.
        register: &'static str,
        /// The value read.
        found: u32,
        /// Time since the reset.
        waited: Duration,
    },
    /// A reset failed after an earlier error, so the device may still use memory; this engine runs nothing more.
    #[error("the device could not be reset after an earlier error; open it again")]
    Unusable,
    /// The program was compiled for another configuration.
    #[error(
        "the program is for configuration `{program}`, the device has `{device}`; compile it again for \
         `{device}` with `systole compile`"
    )]
    ProgramConfig {
        /// The program's.
        program: &'static str,
        /// The device's.
        device: &'static str,
    },
    /// A buffer or program of another engine.
    #[error("a {what} of another engine was passed; allocate or upload it with the engine that uses it")]
    Foreign {
        /// `buffer` or `program`.
        what: &'static str,
    },
    /// A copy leaves its buffer.
    #[error("{bytes} bytes at offset {offset} do not fit into a buffer of {size} bytes; allocate a larger one")]
    BufferRange {
        /// First byte.
        offset: u64,
        /// Length of the copy.
        bytes: u64,
        /// The buffer's size.
        size: u64,
    },
    /// The program uses a region that no buffer is bound to.
    #[error("region {region} `{name}` is not bound; bind a buffer of {size} bytes")]
    Unbound {
        /// Region index.
        region: usize,
        /// Its name.
        name: String,
        /// Bytes that the program expects.
        size: u32,
    },
    /// A bound buffer is smaller than the program expects.
    #[error("region {region} `{name}` needs {needed} bytes, the bound buffer has {given}; bind a larger one")]
    BufferTooSmall {
        /// Region index.
        region: usize,
        /// Its name.
        name: String,
        /// Bytes that the program expects.
        needed: u32,
        /// The buffer's size.
        given: u64,
    },
    /// The same buffer is bound twice and the program writes it, which its verification excluded.
    #[error("regions {first} and {second} share a buffer that the program writes; bind two buffers")]
    Shared {
        /// Region index.
        first: usize,
        /// Region index.
        second: usize,
    },
    /// The device reported a fault.
    #[error("the device stopped with {0}; {advice}", advice = advice(&.0.cause))]
    Faulted(Fault),
    /// No completion came in time.
    #[error(
        "no completion after {waited:?} (STATUS {status:#x}, submissions taken: {taken}); raise the deadline; if \
         shorter programs hang too, program the board again"
    )]
    Timeout {
        /// Time since the doorbell.
        waited: Duration,
        /// The STATUS register.
        status: u32,
        /// Whether the device has fetched the submission.
        taken: bool,
    },
    /// A completion entry or a register contradicts the protocol.
    #[error("{field} is {found:#x}, expected {expected:#x}: the device broke the protocol; program the board again")]
    Protocol {
        /// What was looked at.
        field: &'static str,
        /// The only legal value, or the largest.
        expected: u64,
        /// The value found.
        found: u64,
    },
}

fn names() -> String {
    config::NAMED.map(|c| c.name).join(", ")
}

fn advice(cause: &Cause) -> &'static str {
    match cause {
        Cause::AbiMismatch => "compile the program again with `systole compile`",
        Cause::Watchdog => "raise the WATCHDOG limit or use a shorter program",
        Cause::Bus => "check that the board's memory window covers the device buffers",
        Cause::Aborted => "something else reset the device; make sure that no other process uses it",
        _ => "the program was verified, so the device or its memory is at fault; compare with the simulator",
    }
}
