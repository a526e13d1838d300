//! What was hashed, and how the file system described it then: so that 90 MB of weights are not hashed at every start.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::Digest;
use crate::checkpoint::{CheckpointError, Result, Source};

/// Extension of a stamp.
pub(super) const STAMP: &str = "stamp";
/// A file that changed so shortly ago may change again within the same tick of the file system's clock.
pub(super) const SETTLED: Duration = Duration::from_secs(2);

/// The files of a checkpoint directory, as they were when they were hashed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp {
    /// The checkpoint directory.
    pub directory: PathBuf,
    files: BTreeMap<String, Hashed>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Hashed {
    state: State,
    sha256: Digest,
}

/// What cannot stay the same when a file is written to or exchanged: not even with its modification time set back, since
/// the time of change is the kernel's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    device: u64,
    inode: u64,
    bytes: u64,
    /// Seconds and nanoseconds, as the next.
    modified: (i64, i64),
    changed: (i64, i64),
}

impl State {
    fn of(path: &Path) -> Result<Self> {
        let metadata = std::fs::metadata(path);
        metadata.map(|m| Self::from(&m)).map_err(|source| CheckpointError::Io { path: path.to_owned(), source })
    }

    fn is_settled(&self) -> bool {
        let (seconds, nanoseconds) = (u64::try_from(self.changed.0), u32::try_from(self.changed.1));
        let (Ok(seconds), Ok(nanoseconds)) = (seconds, nanoseconds) else { return false };
        let changed = UNIX_EPOCH + Duration::new(seconds, nanoseconds);
        SystemTime::now().duration_since(changed).is_ok_and(|age| age >= SETTLED)
    }
}

impl From<&Metadata> for State {
    fn from(m: &Metadata) -> Self {
        let (modified, changed) = ((m.mtime(), m.mtime_nsec()), (m.ctime(), m.ctime_nsec()));
        Self { device: m.dev(), inode: m.ino(), bytes: m.len(), modified, changed }
    }
}

impl Stamp {
    /// The stamp's name, by the checkpoint's directory.
    pub fn file(directory: &Path) -> String {
        let directory = std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned());
        format!("{}.{STAMP}", &Digest::of(directory.as_os_str().as_encoded_bytes()).to_string()[..32])
    }

    /// A stamp on disk; `None` for anything else and for a damaged one.
    pub fn read(path: &Path) -> Option<Self> {
        let is_stamp = path.extension().is_some_and(|e| e == STAMP);
        is_stamp.then(|| serde_json::from_slice(&std::fs::read(path).ok()?).ok())?
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// What it says the directory held.
    pub fn source(&self) -> Source {
        Source { files: self.files.iter().map(|(name, hashed)| (name.clone(), hashed.sha256)).collect() }
    }
}

/// What a checkpoint directory is, and the stamp for the next time.
pub(super) fn source(directory: &Path, old: Option<&Stamp>) -> Result<(Source, Stamp)> {
    let mut stamp = Stamp {
        directory: std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned()),
        files: BTreeMap::new(),
    };
    let source = Source::read_with(directory, |name, hash| {
        let path = directory.join(name);
        let state = State::of(&path)?;
        let known = old.and_then(|old| old.files.get(name)).filter(|hashed| hashed.state == state);
        let sha256 = known.map_or_else(hash, |hashed| Ok(hashed.sha256))?;
        if state.is_settled() && state == State::of(&path)? {
            stamp.files.insert(name.to_owned(), Hashed { state, sha256 });
        }
        Ok(sha256)
    })?;
    Ok((source, stamp))
}
