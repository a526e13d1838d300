//! Why a virtual board cannot be served.

use std::io;
use std::path::PathBuf;

/// What can go wrong between a virtual board and its host.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No BAR has this size.
    #[error("a card's own memory of {bytes} bytes is not possible; choose 0 or a power of two of at least 4096")]
    MemorySize {
        /// Bytes asked for.
        bytes: u64,
    },
    /// The system has not so much memory.
    #[error("{bytes} bytes for the card's own memory: {source}; ask for less")]
    CardMemory {
        /// Bytes asked for.
        bytes: u64,
        /// The system's answer.
        source: io::Error,
    },
    /// Unix sockets have short names.
    #[error("the socket's path {path} has {bytes} bytes, and Linux takes at most {limit}; choose a shorter one")]
    PathTooLong {
        /// Path.
        path: PathBuf,
        /// Its length.
        bytes: usize,
        /// The longest.
        limit: usize,
    },
    /// Something is there.
    #[error("{path} exists; if no other virtual board is served there, remove it")]
    PathExists {
        /// Path.
        path: PathBuf,
    },
    /// The socket cannot be made.
    #[error("cannot listen on {path}: {source}; choose a path in a directory that exists and may be written")]
    Listen {
        /// Path.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The connection broke.
    #[error("{call} on the connection: {source}; attach the host again")]
    Connection {
        /// What was called.
        call: &'static str,
        /// The system's answer.
        source: io::Error,
    },
    /// The host does not speak vfio-user.
    #[error("the host sent {found} where vfio-user has {expected}; is it QEMU with vfio-user-pci?")]
    Protocol {
        /// What should be there.
        expected: &'static str,
        /// What is there.
        found: u64,
    },
}
