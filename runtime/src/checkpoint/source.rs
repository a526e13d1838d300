//! What a checkpoint is by content: the SHA-256 of every file that can have a say in it.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use super::error::Result;
use super::files::{self, io};
use super::mapping::MappedFile;
use crate::digest::Digest;

/// The files of a checkpoint directory with their SHA-256, by their path within it.
///
/// Whether a file has a say is not guessed from its content: all JSON files, safetensors files and vocabularies count
/// that lie in the directory itself or in that of a sentence-transformers module.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Source {
    /// SHA-256 by path, `/` between its parts.
    pub files: BTreeMap<String, Digest>,
}

impl Source {
    /// Hashes the files of a checkpoint directory. They must not be changed meanwhile.
    ///
    /// # Errors
    /// [`super::CheckpointError::Io`].
    pub fn read(directory: &Path) -> Result<Self> {
        Self::read_with(directory, |_, hash| hash())
    }

    /// As [`Source::read`]; `digest` is given each file's name and what hashes it.
    pub(crate) fn read_with(
        directory: &Path,
        mut digest: impl FnMut(&str, &dyn Fn() -> Result<Digest>) -> Result<Digest>,
    ) -> Result<Self> {
        let mut files = BTreeMap::new();
        for name in names(directory)? {
            let hash = || Ok(Digest::of(&MappedFile::open(&directory.join(&name))?));
            let digest = digest(&name, &hash)?;
            files.insert(name, digest);
        }
        Ok(Self { files })
    }

    /// One digest for all: that of the list which `sha256sum` prints for the files in the order of their names.
    pub fn digest(&self) -> Digest {
        let list: String = self.files.iter().map(|(file, digest)| format!("{digest}  {file}\n")).collect();
        Digest::of(list.as_bytes())
    }
}

/// The paths, within the directory, of the files that count.
///
/// # Errors
/// [`super::CheckpointError::Io`] if the directory cannot be listed.
pub fn names(directory: &Path) -> Result<Vec<String>> {
    let mut names = list(directory, "")?;
    for module in modules(directory) {
        // A description that names a directory which is not there is the loader's to refuse.
        names.extend(list(directory, &module).unwrap_or_default());
    }
    Ok(names)
}

fn list(root: &Path, inside: &str) -> Result<Vec<String>> {
    let directory = root.join(inside);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&directory).map_err(io(&directory))? {
        let entry = entry.map_err(io(&directory))?;
        // A name that is not UTF-8 is none that a loader asks for.
        let Ok(name) = entry.file_name().into_string() else { continue };
        if counts(&name) && entry.path().is_file() {
            names.push(if inside.is_empty() { name } else { format!("{inside}/{name}") });
        }
    }
    Ok(names)
}

fn counts(name: &str) -> bool {
    let extension = Path::new(name).extension().and_then(|e| e.to_str());
    matches!(extension, Some("json" | "safetensors")) || matches!(name, "vocab.txt" | "merges.txt")
}

/// Directories of the sentence-transformers modules, as far as they lie in the checkpoint's own.
fn modules(directory: &Path) -> Vec<String> {
    #[derive(serde::Deserialize)]
    struct Module {
        #[serde(default)]
        path: String,
    }
    let text = files::read_small(&directory.join("modules.json"), files::MAX_JSON).unwrap_or_default();
    let modules: Vec<Module> = serde_json::from_slice(&text).unwrap_or_default();
    let inside = |p: &str| !p.is_empty() && Path::new(p).components().all(|c| matches!(c, Component::Normal(_)));
    modules.into_iter().map(|m| m.path).filter(|p| inside(p)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_can_change_the_model_counts() {
        let root = tempfile::tempdir().unwrap();
        let write = |file: &str, text: &str| {
            let path = root.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        for file in ["config.json", "model.safetensors", "vocab.txt", "1_Pooling/config.json", "README.md"] {
            write(file, file);
        }
        write("checkpoint-500/model.safetensors", "of another time");
        write("modules.json", r#"[{"path":""},{"path":"1_Pooling"},{"path":"../elsewhere"},{"path":"2_Gone"}]"#);
        let source = Source::read(root.path()).unwrap();
        let names: Vec<&str> = source.files.keys().map(String::as_str).collect();
        assert_eq!(names, ["1_Pooling/config.json", "config.json", "model.safetensors", "modules.json", "vocab.txt"]);
        assert_eq!(source.files["vocab.txt"], Digest::of(b"vocab.txt"));
        for file in names {
            let before = std::fs::read_to_string(root.path().join(file)).unwrap();
            write(file, &format!("{before} "));
            assert_ne!(Source::read(root.path()).unwrap().digest(), source.digest(), "{file}");
            write(file, &before);
        }
        write("README.md", "of no consequence");
        assert_eq!(Source::read(root.path()).unwrap().digest(), source.digest());
    }
}
