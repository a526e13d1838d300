//! Reading the files of a checkpoint directory with bounds.

use std::io::Read;
use std::path::Path;

use super::error::{CheckpointError, Result};
use super::kind::FileKind;

/// Largest `config.json`, `modules.json` or pooling description that is read, in bytes.
pub(super) const MAX_JSON: u64 = 1 << 20;
/// Largest `tokenizer.json` that is read, in bytes (multilingual vocabularies need about 20 MB).
pub(super) const MAX_TOKENIZER: u64 = 64 << 20;

/// The error of a failed system call on `path`.
pub(super) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> CheckpointError + '_ {
    move |source| CheckpointError::Io { path: path.to_owned(), source }
}

/// Reads a whole file of at most `max` bytes, whatever its metadata says.
pub(super) fn read_small(path: &Path, max: u64) -> Result<Vec<u8>> {
    let file = std::fs::File::open(path).map_err(io(path))?;
    let mut bytes = Vec::new();
    file.take(max + 1).read_to_end(&mut bytes).map_err(io(path))?;
    if bytes.len() as u64 > max {
        let size = std::fs::metadata(path).map_or(bytes.len() as u64, |m| m.len().max(max + 1));
        return Err(CheckpointError::FileTooLarge { path: path.to_owned(), bytes: size, max });
    }
    Ok(bytes)
}

/// Parses a JSON file's text; `path` is for messages only.
pub(super) fn parse<T: serde::de::DeserializeOwned>(text: &[u8], path: &Path) -> Result<T> {
    serde_json::from_slice(text).map_err(|source| match FileKind::of(text) {
        // Other texts may be JSON that somebody mistyped.
        kind @ (FileKind::GitLfsPointer | FileKind::Html) => CheckpointError::wrong_kind(path, kind, "a JSON file"),
        _ => CheckpointError::Json { path: path.to_owned(), source },
    })
}

/// Reads and parses a JSON file of at most [`MAX_JSON`] bytes.
pub(super) fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    parse(&read_small(path, MAX_JSON)?, path)
}

/// Fails with what to do when `directory/file` is absent.
pub(super) fn require(directory: &Path, file: &str, remedy: &'static str) -> Result<()> {
    if directory.join(file).is_file() {
        return Ok(());
    }
    Err(CheckpointError::FileMissing { directory: directory.to_owned(), file: file.to_owned(), remedy })
}

/// What to do about a directory without `model.safetensors`, by what it has instead.
pub(super) fn weights_remedy(directory: &Path) -> &'static str {
    let has = |file: &str| directory.join(file).exists();
    if has("pytorch_model.bin") || has("pytorch_model.bin.index.json") {
        "pytorch_model.bin is a pickle and not read: load it in Python and save it with safe_serialization=True"
    } else if has("tf_model.h5") || has("flax_model.msgpack") || has("model.onnx") || has("onnx") {
        "what it has is for another framework: load it in Python and save it with safe_serialization=True"
    } else {
        "download the model's weights into this directory"
    }
}
