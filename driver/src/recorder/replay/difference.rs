//! What is not as it was recorded.

use std::fmt;
use std::time::Duration;

use systole_isa::Cause;
use systole_isa::ring::Completion;

/// The first event whose result differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Its index in the recording, from 0.
    pub event: usize,
    /// When it was, since the recorder began.
    pub at: Duration,
    /// What was done.
    pub action: String,
    /// How the results differ.
    pub finding: Finding,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "event {} after {:?} ({}): {}", self.event, self.at, self.action, self.finding)
    }
}

/// How results differ.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finding {
    /// A register reads something else.
    Register {
        /// Its name.
        register: &'static str,
        /// In the recording.
        recorded: u32,
        /// On the replay.
        found: u32,
    },
    /// Memory holds something else.
    Memory {
        /// Bus address of the first byte that differs.
        address: u64,
        /// Its offset in the copy.
        offset: u64,
        /// In the recording.
        recorded: u8,
        /// On the replay.
        found: u8,
    },
    /// A completion says something else.
    Completion {
        /// In the recording.
        recorded: Completion,
        /// On the replay.
        found: Completion,
    },
    /// A completion of the recording does not come on the replay.
    NotOnReplay {
        /// Of the submission.
        id: u64,
        /// Time that was waited.
        waited: Duration,
    },
    /// A submission that the recorded device did not complete, completes on the replay.
    NeverCompleted {
        /// On the replay.
        found: Completion,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Register { register, recorded, found } => {
                write!(f, "{register} was {recorded:#x}, the replay has {found:#x}")
            }
            Self::Memory { address, offset, recorded, found } => {
                write!(f, "the byte at {address:#x} (offset {offset}) was {recorded:#04x}, the replay has {found:#04x}")
            }
            Self::Completion { recorded, found } => {
                write!(f, "the completion was {}, the replay has {}", Entry(recorded), Entry(found))
            }
            Self::NotOnReplay { id, waited } => {
                write!(f, "submission {id} completed, and on the replay it does not within {waited:?}")
            }
            Self::NeverCompleted { found } => {
                write!(f, "the host gave up on a submission that completes on the replay: {}", Entry(found))
            }
        }
    }
}

/// A completion in words.
struct Entry<'a>(&'a Completion);

impl fmt::Display for Entry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Completion { id, cause, unit, phase, instruction, address, .. } = self.0;
        match Cause::from_code(*cause) {
            Some(cause) => write!(f, "\"{cause}\"")?,
            None => write!(f, "cause {cause}")?,
        }
        write!(f, " of submission {id} (unit {unit}, phase {phase}, instruction {instruction}, address {address:#x})")
    }
}
