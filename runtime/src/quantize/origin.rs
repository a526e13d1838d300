//! What a quantized model was made of: kept in its file, shown by `systole inspect`.

use serde::{Deserialize, Serialize};

use super::QuantizeError;
use crate::checkpoint::{Checkpoint, Fate, Source};
use crate::digest::Digest;

/// What made a quantized model, and of what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Version of this crate that quantized it, such as `0.1.0`.
    pub version: String,
    /// The checkpoint's files; `None` if it was not read from a directory.
    pub source: Option<Source>,
    /// The texts that gave the activation ranges.
    pub calibration: CalibrationTexts,
    /// Tensors of the checkpoint that are not used, by name.
    pub unused: Vec<UnusedTensor>,
}

/// Calibration texts, by content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalibrationTexts {
    /// How many.
    pub texts: usize,
    /// SHA-256 over the texts in their order, each a JSON string on a line of its own.
    pub sha256: Digest,
}

/// A tensor that was left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnusedTensor {
    /// Its name in the checkpoint.
    pub name: String,
    /// Why.
    pub reason: String,
}

impl Origin {
    /// What a model made of these now comes from. Hashes the checkpoint's files.
    pub(super) fn new(checkpoint: &Checkpoint, calibration: &[String]) -> Result<Self, QuantizeError> {
        let unused = checkpoint.tensors.iter().filter_map(|tensor| match tensor.fate {
            Fate::Ignored(reason) => Some(UnusedTensor { name: tensor.name.clone(), reason: reason.to_owned() }),
            Fate::Mapped(_) | Fate::Refused(_) => None,
        });
        Ok(Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            source: checkpoint.directory.as_deref().map(Source::read).transpose()?,
            calibration: CalibrationTexts::new(calibration),
            unused: unused.collect(),
        })
    }
}

impl CalibrationTexts {
    /// Counts and hashes texts.
    pub fn new(texts: &[String]) -> Self {
        let lines: String = texts.iter().map(|text| format!("{}\n", serde_json::Value::from(text.as_str()))).collect();
        Self { texts: texts.len(), sha256: Digest::of(lines.as_bytes()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_told_apart_by_content_order_and_borders() {
        let of = |texts: &[&str]| CalibrationTexts::new(&texts.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>());
        // printf '"one"\n"two"\n' | sha256sum
        assert_eq!(of(&["one", "two"]).sha256, Digest::of(b"\"one\"\n\"two\"\n"));
        let all = [of(&["one", "two"]), of(&["two", "one"]), of(&["one\ntwo"]), of(&["one\"\n\"two"]), of(&["one"])];
        for (i, a) in all.iter().enumerate() {
            assert!(all[..i].iter().all(|b| a != b), "{a:?}");
        }
    }
}
