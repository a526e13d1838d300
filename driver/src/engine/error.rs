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
    /// The bus did not answer, neither the device in time nor after a reset, which therefore has not taken effect.
    #[error(
        "the bus behind the device still owes it answers, {waited:?} after a reset, so that the device cannot start again; \
         reset the link with `systole reset --level link`, and power-cycle the board if that does not help"
    )]
    BusHung {
        /// Time since the reset.
        waited: Duration,
    },
    /// BUILD_ID reads something else than was asked for.
    #[error(
        "BUILD_ID reads {found:#010x} instead of {expected:#010x}: another bitstream runs on the board; load the right \
         one with `systole program`"
    )]
    BuildMismatch {
        /// Build that was asked for.
        expected: u32,
        /// The value read.
        found: u32,
    },
    /// The device has another configuration than was asked for.
    #[error(
        "the device has configuration `{found}` instead of `{expected}`; load a bitstream for `{expected}` with `systole \
         program`"
    )]
    ConfigMismatch {
        /// Configuration that was asked for.
        expected: &'static str,
        /// The device's.
        found: &'static str,
    },
    /// A run failed and nobody recovered the device.
    #[error("the device failed earlier and was not recovered; recover it, or open it again after `systole reset`")]
    Poisoned,
    /// A register is not as it was left, while a submission was in flight.
    #[error(
        "{register} reads {found:#x} instead of {expected:#x}: something else reset the device; make sure that no other \
         process uses it, and that its power is stable"
    )]
    Forgot {
        /// Name of the register.
        register: &'static str,
        /// What the engine wrote.
        expected: u32,
        /// The value read.
        found: u32,
    },
    /// The self-test's program gave another result.
    #[error(
        "self-test: byte {index} is {found:#04x} instead of {expected:#04x}; load the bitstream again, and if that does \
         not help, `systole validate` shows what is broken"
    )]
    SelfTest {
        /// Index in the output.
        index: usize,
        /// The right value.
        expected: u8,
        /// The value read.
        found: u8,
    },
    /// The self-test's program was refused, which no device can help.
    #[error("the self-test's program was refused: {0}; please report this")]
    Refused(Box<crate::Refused>),
    /// A buffer or program from before device memory was lost.
    #[error(
        "a {what} of generation {generation} was passed, the device is in generation {now}: a reset of the link lost its \
         memory; allocate or upload it again"
    )]
    Stale {
        /// `buffer` or `program`.
        what: &'static str,
        /// Its generation.
        generation: u32,
        /// The engine's.
        now: u32,
    },
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

impl EngineError {
    /// Whether the device was stopped because the process is to end.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Device(DeviceError::Cancelled))
    }

    /// Whether the device did not finish in time, by the host's clock or its own.
    pub fn is_hang(&self) -> bool {
        matches!(self, Self::Timeout { .. } | Self::Faulted(Fault { cause: Cause::Watchdog, .. }))
    }

    /// Whether the device or the way to it is to blame, so that the same request may succeed on a recovered device. The
    /// others are the caller's: they come again.
    pub fn is_of_device(&self) -> bool {
        match self {
            Self::Device(error) => {
                matches!(error, DeviceError::LinkDown { .. } | DeviceError::System { .. } | DeviceError::Stopped { .. })
            }
            Self::NotSystole { .. }
            | Self::AbiMismatch { .. }
            | Self::UnknownConfig { .. }
            | Self::ConfigRegister { .. }
            | Self::BuildMismatch { .. }
            | Self::ConfigMismatch { .. }
            | Self::Reset { .. }
            | Self::BusHung { .. }
            | Self::Poisoned
            | Self::Forgot { .. }
            | Self::SelfTest { .. }
            | Self::Faulted(_)
            | Self::Timeout { .. }
            | Self::Protocol { .. } => true,
            Self::Refused(_)
            | Self::Stale { .. }
            | Self::ProgramConfig { .. }
            | Self::Foreign { .. }
            | Self::BufferRange { .. }
            | Self::Unbound { .. }
            | Self::BufferTooSmall { .. }
            | Self::Shared { .. } => false,
        }
    }
}

fn names() -> String {
    config::NAMED.map(|c| c.name).join(", ")
}

fn advice(cause: &Cause) -> &'static str {
    match cause {
        Cause::AbiMismatch => "compile the program again with `systole compile`",
        Cause::Watchdog => "raise the WATCHDOG limit or use a shorter program",
        Cause::Bus => "check that the board's memory window covers the device buffers",
        Cause::BusHung => {
            "the memory or the bus behind the device does not answer; reset the link with `systole reset --level link`, and \
             power-cycle the board if that does not help"
        }
        Cause::Aborted => "something else reset the device; make sure that no other process uses it",
        _ => "the program was verified, so the device or its memory is at fault; compare with the simulator",
    }
}
