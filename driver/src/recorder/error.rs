//! Why bytes are no recording.

use crate::wire::Malformed;

/// What is wrong with a file of the flight recorder.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordingError {
    /// It begins with something else.
    #[error("this is no recording; make one with `systole run --record FILE`")]
    NotARecording,
    /// It has another format version.
    #[error("the recording has format {found}, supported is {supported}; use the systole that made it")]
    FormatVersion {
        /// Version in the file.
        found: u32,
        /// Version of this crate.
        supported: u32,
    },
    /// It was made under another contract, whose registers may mean something else.
    #[error(
        "the recording is for contract {found:#018x}, this systole has {supported:#018x}; use the one that made it"
    )]
    ForeignAbi {
        /// Hash in the file.
        found: u64,
        /// Hash of this crate's contract.
        supported: u64,
    },
    /// Its bytes are not those that were written.
    #[error("the recording is damaged: checksum {computed:#018x} instead of {stored:#018x}; copy it again")]
    Checksum {
        /// Checksum in the file.
        stored: u64,
        /// Checksum of the file's bytes.
        computed: u64,
    },
    /// It ends early.
    #[error("the recording needs {wanted} bytes at offset {offset} and has {available}; copy it again")]
    Truncated {
        /// Where it was read.
        offset: usize,
        /// Bytes needed there.
        wanted: usize,
        /// Bytes left.
        available: usize,
    },
    /// Something in it makes no sense.
    #[error("the recording has {what} at offset {offset}; it was not made by this systole")]
    Malformed {
        /// What was found.
        what: &'static str,
        /// Behind it.
        offset: usize,
    },
}

impl From<Malformed> for RecordingError {
    fn from(malformed: Malformed) -> Self {
        match malformed {
            Malformed::Truncated { offset, wanted, available } => Self::Truncated { offset, wanted, available },
            Malformed::Text { offset } => Self::Malformed { what: "a text that is not UTF-8", offset },
        }
    }
}
