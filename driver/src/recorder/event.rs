//! What the host asked of the device and what it got.

use std::fmt;
use std::time::Duration;

use systole_isa::ring::{Completion, Submission};

use crate::register_name;

/// Bytes of a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// All of them.
    Whole(Box<[u8]>),
    /// Their number; the recorder had no room for them.
    Omitted(u64),
}

impl Payload {
    /// Bytes that were copied.
    pub fn length(&self) -> u64 {
        match self {
            Self::Whole(bytes) => bytes.len() as u64,
            Self::Omitted(length) => *length,
        }
    }

    /// Bytes of memory that it takes.
    pub(super) fn held(&self) -> u64 {
        match self {
            Self::Whole(bytes) => bytes.len() as u64,
            Self::Omitted(_) => 0,
        }
    }
}

impl From<&[u8]> for Payload {
    fn from(bytes: &[u8]) -> Self {
        Self::Whole(bytes.into())
    }
}

/// One call of [`crate::Device`] with its result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// A register read.
    Read {
        /// Byte offset in the window.
        offset: u32,
        /// What came.
        value: u32,
    },
    /// A register write.
    Write {
        /// Byte offset in the window.
        offset: u32,
        /// What was written.
        value: u32,
    },
    /// Memory was reserved.
    Allocate {
        /// Its bus address.
        address: u64,
        /// Its size.
        bytes: u64,
    },
    /// Memory was given back.
    Release {
        /// Its bus address.
        address: u64,
    },
    /// The host wrote device memory.
    CopyTo {
        /// First bus address.
        address: u64,
        /// What was written.
        bytes: Payload,
    },
    /// The host read device memory.
    CopyFrom {
        /// First bus address.
        address: u64,
        /// What came.
        bytes: Payload,
    },
    /// The host waited for the interrupt.
    Wait {
        /// Whether it came.
        raised: bool,
    },
    /// The whole function was reset.
    ResetLink,
    /// A call failed.
    Failed {
        /// The call and its error.
        what: String,
    },
}

impl Action {
    pub(super) fn payload(&self) -> Option<&Payload> {
        match self {
            Self::CopyTo { bytes, .. } | Self::CopyFrom { bytes, .. } => Some(bytes),
            _ => None,
        }
    }

    pub(super) fn payload_mut(&mut self) -> Option<&mut Payload> {
        match self {
            Self::CopyTo { bytes, .. } | Self::CopyFrom { bytes, .. } => Some(bytes),
            _ => None,
        }
    }

    /// A look that changes nothing, so that many alike in a row are worth one entry.
    pub(super) fn is_look(&self) -> bool {
        matches!(self, Self::Read { .. } | Self::CopyFrom { .. } | Self::Wait { .. })
    }
}

/// An action and when it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Since the recorder began, a monotonic clock; of the first time.
    pub at: Duration,
    /// Of the last time.
    pub until: Duration,
    /// How often it happened, 1 or more: with nothing else between, or in a row of looks that was repeated, by a host that
    /// polls.
    pub times: u32,
    /// What happened.
    pub action: Action,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { offset, value } => write!(f, "read {} = {value:#010x}", register_name(*offset)),
            Self::Write { offset, value } => write!(f, "write {} := {value:#010x}", register_name(*offset)),
            Self::Allocate { address, bytes } => write!(f, "allocate {bytes} bytes at {address:#x}"),
            Self::Release { address } => write!(f, "release {address:#x}"),
            Self::CopyTo { address, bytes } => {
                write!(f, "copy {} bytes to {address:#x}{}", bytes.length(), submission(bytes))
            }
            Self::CopyFrom { address, bytes } => {
                write!(f, "copy {} bytes from {address:#x}{}", bytes.length(), completion(bytes))
            }
            Self::Wait { raised: true } => f.write_str("wait for the interrupt: raised"),
            Self::Wait { raised: false } => f.write_str("wait for the interrupt: not raised"),
            Self::ResetLink => f.write_str("reset the link"),
            Self::Failed { what } => f.write_str(what),
        }
    }
}

/// What 64 bytes to the device mean if they are a submission, as their contract's hash shows.
fn submission(bytes: &Payload) -> String {
    let Payload::Whole(bytes) = bytes else { return String::new() };
    match bytemuck::try_pod_read_unaligned::<Submission>(bytes) {
        Ok(s) if s.abi_hash == systole_isa::ABI_HASH => {
            format!(": submission {} of {} instructions at {:#x}", s.id, s.instructions, s.program)
        }
        _ => String::new(),
    }
}

/// What 32 bytes from the device are likely to mean.
fn completion(bytes: &Payload) -> String {
    let Payload::Whole(bytes) = bytes else { return String::new() };
    match bytemuck::try_pod_read_unaligned::<Completion>(bytes) {
        Ok(c) if c.id != 0 && c.phase <= 1 => {
            format!(": completion {} phase {} cause {}, {} cycles", c.id, c.phase, c.cause, c.cycles)
        }
        _ => String::new(),
    }
}
