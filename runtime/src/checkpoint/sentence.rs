//! The sentence-transformers description: how token states become one embedding.

use std::path::{Component, Path};

use serde::Deserialize;

use super::error::{CheckpointError, Result};
use super::files;

/// How the token states of a text become one vector. All tokens count, `[CLS]` and `[SEP]` included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pooling {
    /// The mean over the tokens.
    Mean,
    /// The state of the first token.
    Cls,
    /// The maximum over the tokens, per dimension.
    Max,
}

/// What follows the encoder in a sentence embedding model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct SentenceHead {
    /// The pooling.
    pub pooling: Pooling,
    /// Whether the pooled vector is scaled to unit length.
    pub normalize: bool,
}

impl Default for SentenceHead {
    /// Mean pooling without normalisation: what sentence-transformers does with a checkpoint that has no description.
    fn default() -> Self {
        Self { pooling: Pooling::Mean, normalize: false }
    }
}

#[derive(Deserialize)]
struct Module {
    #[serde(default)]
    path: String,
    #[serde(rename = "type")]
    kind: String,
}

/// `1_Pooling/config.json`: one flag per mode, or (newer releases) one name.
#[derive(Deserialize)]
struct RawPooling {
    pooling_mode: Option<String>,
    #[serde(flatten)]
    others: std::collections::BTreeMap<String, serde_json::Value>,
}

impl SentenceHead {
    /// Reads `modules.json` of a checkpoint directory and the pooling description it points to.
    ///
    /// Without `modules.json` the result is [`SentenceHead::default`]. With it, pooling is mean when the list has no
    /// Pooling module, and the embedding is normalised exactly when the list has a Normalize module.
    ///
    /// # Errors
    /// [`CheckpointError::SentenceHead`] for modules or modes that are not implemented, [`CheckpointError::Json`],
    /// [`CheckpointError::Io`].
    pub fn from_directory(directory: &Path) -> Result<Self> {
        let file = directory.join("modules.json");
        if !file.exists() {
            return Ok(Self::default());
        }
        let mut head = Self::default();
        for module in modules(&file)? {
            match module.kind.rsplit('.').next() {
                Some("Transformer") => {}
                Some("Pooling") => head.pooling = pooling(directory, &pooling_file(&module.path)?)?,
                Some("Normalize") => head.normalize = true,
                _ => return Err(unsupported("modules.json", module.kind)),
            }
        }
        Ok(head)
    }
}

/// The pooling description named by a `modules.json`, relative to its directory; `None` when it names none.
pub(super) fn pooling_path(modules_json: &Path) -> Result<Option<String>> {
    let modules = modules(modules_json)?;
    let pooling = modules.iter().find(|m| m.kind.rsplit('.').next() == Some("Pooling"));
    pooling.map(|m| pooling_file(&m.path)).transpose()
}

fn modules(file: &Path) -> Result<Vec<Module>> {
    parse(&files::read_small(file, files::MAX_JSON)?, file)
}

fn parse<T: serde::de::DeserializeOwned>(text: &[u8], path: &Path) -> Result<T> {
    serde_json::from_slice(text).map_err(|source| CheckpointError::Json { path: path.to_owned(), source })
}

/// `path` comes from a downloaded file: it must stay inside the directory.
fn pooling_file(path: &str) -> Result<String> {
    let inside = !path.is_empty() && Path::new(path).components().all(|c| matches!(c, Component::Normal(_)));
    if inside { Ok(format!("{path}/config.json")) } else { Err(unsupported("modules.json", format!("path {path:?}"))) }
}

fn pooling(directory: &Path, file: &str) -> Result<Pooling> {
    let path = directory.join(file);
    let raw: RawPooling = parse(&files::read_small(&path, files::MAX_JSON)?, &path)?;
    let flags = raw.others.iter().filter(|(_, on)| **on == serde_json::Value::Bool(true));
    let mut modes: Vec<&str> = flags.filter_map(|(key, _)| key.strip_prefix("pooling_mode_")).collect();
    modes.extend(raw.pooling_mode.as_deref());
    match modes[..] {
        ["mean_tokens" | "mean"] => Ok(Pooling::Mean),
        ["cls_token" | "cls"] => Ok(Pooling::Cls),
        ["max_tokens" | "max"] => Ok(Pooling::Max),
        [] => Err(unsupported(file, "no pooling mode".to_owned())),
        _ => Err(unsupported(file, format!("pooling {}", modes.join(" + ")))),
    }
}

fn unsupported(file: &str, found: String) -> CheckpointError {
    CheckpointError::SentenceHead { file: file.to_owned(), found: found.chars().take(120).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(modules: &str, pooling: &str) -> std::result::Result<SentenceHead, String> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("1_Pooling")).unwrap();
        std::fs::write(dir.path().join("modules.json"), modules).unwrap();
        std::fs::write(dir.path().join("1_Pooling/config.json"), pooling).unwrap();
        SentenceHead::from_directory(dir.path()).map_err(|e| e.to_string())
    }

    const TWO: &str = r#"[{"idx":0,"path":"","type":"sentence_transformers.models.Transformer"},
        {"idx":1,"path":"1_Pooling","type":"sentence_transformers.models.Pooling"}]"#;

    #[test]
    fn modes_and_normalize() {
        let three = TWO.replace("}]", r#"},{"path":"2_Normalize","type":"sentence_transformers.models.Normalize"}]"#);
        let mean = r#"{"pooling_mode_mean_tokens":true,"pooling_mode_cls_token":false,"include_prompt":true}"#;
        let cls = r#"{"pooling_mode_cls_token":true}"#;
        assert_eq!(head(&three, mean), Ok(SentenceHead { pooling: Pooling::Mean, normalize: true }));
        assert_eq!(head(TWO, cls), Ok(SentenceHead { pooling: Pooling::Cls, normalize: false }));
        assert_eq!(head(TWO, r#"{"pooling_mode":"max"}"#).unwrap().pooling, Pooling::Max);
    }

    #[test]
    fn no_description_means_plain_mean() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(SentenceHead::from_directory(dir.path()).unwrap(), SentenceHead::default());
    }

    #[test]
    fn what_is_not_implemented_is_refused() {
        assert_eq!(
            head(TWO, r#"{"pooling_mode_weightedmean_tokens":true}"#).unwrap_err(),
            "1_Pooling/config.json: pooling weightedmean_tokens is not supported; \
             supported are Transformer, one Pooling of cls, mean or max, and Normalize"
        );
        let both = r#"{"pooling_mode_mean_tokens":true,"pooling_mode_max_tokens":true}"#;
        assert!(head(TWO, both).unwrap_err().contains("pooling max_tokens + mean_tokens is not supported"));
        assert!(head(TWO, "{}").unwrap_err().contains("no pooling mode is not supported"));
        assert!(head(&TWO.replace("Transformer\"", "Dense\""), "{}").unwrap_err().contains("models.Dense"));
    }

    #[test]
    fn a_path_cannot_leave_the_directory() {
        for path in ["../1_Pooling", "/etc", "", "a/../../b"] {
            let error = head(&TWO.replace("\"1_Pooling\"", &format!("{path:?}")), "{}").unwrap_err();
            assert!(error.starts_with("modules.json: path "), "{error}");
        }
    }
}
