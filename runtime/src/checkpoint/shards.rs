//! The files that hold a checkpoint's weights: `model.safetensors`, or the shards that its index lists.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;

use super::error::{CheckpointError, Result};
use super::{TENSORS, files};

/// Lists the shards of a checkpoint that is split.
pub const INDEX: &str = "model.safetensors.index.json";

/// Which tensor is in which file, as `model.safetensors.index.json` says.
#[derive(Debug, Deserialize)]
pub struct Index {
    weight_map: BTreeMap<String, String>,
}

impl Index {
    /// Reads an index. Every file that it names lies in its own directory.
    pub fn read(path: &Path) -> Result<Self> {
        let index: Self = files::read_json(path)?;
        for file in index.files() {
            let mut parts = Path::new(file).components();
            let plain = matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None));
            if !plain || !file.ends_with(".safetensors") {
                return Err(CheckpointError::ShardName { file: file.chars().take(120).collect() });
            }
        }
        Ok(index)
    }

    /// The shards, each once.
    pub fn files(&self) -> BTreeSet<&str> {
        self.weight_map.values().map(String::as_str).collect()
    }

    /// Checks that these are the tensors which the index has in this file.
    pub fn check(&self, path: &Path, tensors: &[&str]) -> Result<()> {
        let file = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        for tensor in tensors {
            let listed = self.weight_map.get(*tensor).map(String::as_str);
            if listed != Some(file) {
                let (tensor, file) = ((*tensor).to_owned(), file.to_owned());
                return Err(CheckpointError::TensorMisplaced { tensor, file, listed: listed.map(str::to_owned) });
            }
        }
        let mut listed = self.weight_map.iter().filter(|(_, of)| *of == file).map(|(name, _)| name);
        match listed.find(|name| !tensors.contains(&name.as_str())) {
            Some(name) => Err(CheckpointError::TensorMissing { name: name.clone() }),
            None => Ok(()),
        }
    }
}

/// The files with the weights of a checkpoint directory, and the index if there are several. A whole file comes first, as
/// for transformers.
pub fn find(directory: &Path) -> Result<(Vec<PathBuf>, Option<Index>)> {
    if directory.join(TENSORS).is_file() || !directory.join(INDEX).is_file() {
        files::require(directory, TENSORS, files::weights_remedy(directory))?;
        return Ok((vec![directory.join(TENSORS)], None));
    }
    let index = Index::read(&directory.join(INDEX))?;
    for file in index.files() {
        files::require(directory, file, "its index lists this shard: download it as well")?;
    }
    Ok((index.files().into_iter().map(|file| directory.join(file)).collect(), Some(index)))
}
