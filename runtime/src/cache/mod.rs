//! Quantized models that are kept, so that a checkpoint is quantized once and not at every start.
//!
//! 1. [`ModelCache::source`] says what a checkpoint directory is by content, without reading again what did not change.
//! 2. [`Key::new`] adds how it is to be quantized, and this build.
//! 3. [`ModelCache::get`] and [`ModelCache::put`] are for models, [`ModelCache::entries`] and [`ModelCache::clear`] for
//!    people.
//!
//! Invariants: what is got has the SHA-256 it was put with; files appear whole, so that processes need no lock. Nobody
//! depends on the cache: whatever fails in it costs the time to quantize.

mod stamp;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Serialize;

use crate::Digest;
use crate::checkpoint::{Result as CheckpointResult, Source};
use crate::quantize::{QuantizeError, QuantizedModel};
use stamp::Stamp;

/// The build: models of another one are not found.
const BUILD: &str = env!("SYSTOLE_RUNTIME_SOURCES");
/// Extension of a model.
const MODEL: &str = "systole";

/// Where a model is in the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// What is asked for, by content.
    identity: String,
    /// The checkpoint's part of it.
    source: Digest,
}

impl Key {
    /// The place of the model that is made of a checkpoint in this way; `how` is everything else that the result depends
    /// on.
    ///
    /// # Panics
    /// If `how` is no JSON, such as a map with keys that are no texts.
    pub fn new(source: &Source, how: &impl Serialize) -> Self {
        let what = serde_json::json!({ "source": source, "how": how }).to_string();
        // Half of the digits: names that people can look at, and still no two alike.
        Self { identity: Digest::of(what.as_bytes()).to_string()[..32].to_owned(), source: source.digest() }
    }

    fn file(&self) -> String {
        format!("{}-{BUILD}.{MODEL}", self.identity)
    }
}

/// A model in the cache.
#[derive(Debug)]
pub struct Entry {
    /// Its file.
    pub path: PathBuf,
    /// Size in bytes.
    pub bytes: u64,
    /// When it was made.
    pub written: Option<SystemTime>,
    /// The directories that it was made of and that are still the same, as far as known.
    pub directories: Vec<PathBuf>,
    /// Whether this build uses it.
    pub current: bool,
    /// The model, or what is wrong with the file.
    pub model: Result<QuantizedModel, QuantizeError>,
}

/// A directory with quantized models.
#[derive(Debug, Clone)]
pub struct ModelCache {
    directory: PathBuf,
}

impl ModelCache {
    /// The cache in a directory, which is made when it is needed.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into() }
    }

    /// Where it is.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// What a checkpoint directory is by content. A file is read when its size, its inode or one of its times is not what
    /// it was when it was read last: see [`Source::read`] for the same without trust in these.
    ///
    /// # Errors
    /// [`crate::checkpoint::CheckpointError::Io`] of the checkpoint's files.
    pub fn source(&self, checkpoint: &Path) -> CheckpointResult<Source> {
        let path = self.directory.join(Stamp::file(checkpoint));
        let old = Stamp::read(&path);
        let (source, new) = stamp::source(checkpoint, old.as_ref())?;
        if old.as_ref() != Some(&new)
            && !new.is_empty()
            && let Err(error) = self.write(&path, |out| serde_json::to_writer(out, &new).map_err(io::Error::from))
        {
            tracing::debug!(%error, path = %path.display(), "what was hashed is not remembered");
        }
        Ok(source)
    }

    /// The model that was put there; `None` if there is none.
    ///
    /// # Errors
    /// Those of [`QuantizedModel::open`]: the entry is damaged, and the next [`ModelCache::put`] mends it.
    pub fn get(&self, key: &Key) -> Result<Option<QuantizedModel>, QuantizeError> {
        let path = self.directory.join(key.file());
        if !path.exists() {
            return Ok(None);
        }
        QuantizedModel::open(&path).map(Some)
    }

    /// Keeps a model, in place of what other builds made of the same. A model of another checkpoint than the key's is not
    /// kept: then the files have changed between the look at them and their use.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn put(&self, key: &Key, model: &QuantizedModel) -> io::Result<()> {
        if model.origin.source.as_ref().is_none_or(|source| source.digest() != key.source) {
            return Ok(());
        }
        let bytes = model.to_bytes()?;
        self.write(&self.directory.join(key.file()), |out| out.write_all(&bytes))?;
        self.tidy(key);
        Ok(())
    }

    /// All models, by file name.
    ///
    /// # Errors
    /// What the operating system says of the directory; one that is not there is empty.
    pub fn entries(&self) -> io::Result<Vec<Entry>> {
        let files = self.files()?;
        let stamps: Vec<Stamp> = files.iter().filter_map(|path| Stamp::read(path)).collect();
        let entry = |path: PathBuf| {
            let metadata = fs::metadata(&path).ok();
            let model = QuantizedModel::open(&path);
            let source = model.as_ref().ok().and_then(|model| model.origin.source.clone());
            let of = |source: &Source| {
                stamps.iter().filter(|s| s.source() == *source).map(|s| s.directory.clone()).collect()
            };
            Entry {
                bytes: metadata.as_ref().map_or(0, fs::Metadata::len),
                written: metadata.and_then(|m| m.modified().ok()),
                directories: source.as_ref().map(of).unwrap_or_default(),
                current: path.to_string_lossy().ends_with(&format!("-{BUILD}.{MODEL}")),
                model,
                path,
            }
        };
        Ok(files.into_iter().filter(|path| path.extension().is_some_and(|e| e == MODEL)).map(entry).collect())
    }

    /// Removes everything of the cache, drafts of processes that were killed included; gives the number of models and of
    /// bytes that went.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn clear(&self) -> io::Result<(usize, u64)> {
        let (mut models, mut bytes) = (0, 0);
        for path in self.files()? {
            bytes += fs::metadata(&path).map_or(0, |m| m.len());
            models += usize::from(path.extension().is_some_and(|e| e == MODEL));
            fs::remove_file(&path)?;
        }
        Ok((models, bytes))
    }

    fn write(&self, path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
        fs::create_dir_all(&self.directory)?;
        crate::write_whole(path, |out| write(out))
    }

    /// Removes what is not found any more: the same model by other builds, stamps of directories that are gone.
    fn tidy(&self, key: &Key) {
        for path in self.files().unwrap_or_default() {
            let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
            let superseded = name.starts_with(&format!("{}-", key.identity)) && name != key.file();
            if superseded || Stamp::read(&path).is_some_and(|stamp| !stamp.directory.is_dir()) {
                // What cannot be removed costs space.
                let _ = fs::remove_file(&path);
            }
        }
    }

    /// The files of the cache, sorted.
    fn files(&self) -> io::Result<Vec<PathBuf>> {
        let entries = match fs::read_dir(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let ours =
            |path: &PathBuf| path.extension().is_some_and(|e| [MODEL, stamp::STAMP, "draft"].iter().any(|o| e == *o));
        let mut files = entries.map(|e| Ok(e?.path())).collect::<io::Result<Vec<_>>>()?;
        files.retain(ours);
        files.sort();
        Ok(files)
    }
}

#[cfg(test)]
mod tests;
