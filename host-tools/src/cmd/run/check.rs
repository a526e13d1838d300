//! `--check`: the same encodings through the fp32 reference, and how checks ended.

use std::fmt;

use anyhow::bail;
use serde::Serialize;
use systole_runtime::checkpoint::{Checkpoint, Encoding};
use systole_runtime::reference::Reference;

use crate::model::{Loaded, checkpoint_directory};
use crate::view::similarity::cosine;

/// The fp32 checkpoint to compare with.
pub struct Fp32(Checkpoint);

impl Fp32 {
    /// The checkpoint the model was made of, or the one given by `--reference`.
    pub fn new(loaded: &Loaded, given: Option<&str>) -> anyhow::Result<Self> {
        let directory = match (given, &loaded.checkpoint) {
            (Some(given), _) => checkpoint_directory(given)?,
            (None, Some(directory)) => directory.clone(),
            (None, None) => bail!(
                "{} has no fp32 weights to check against; give the checkpoint it was made of as --reference DIR",
                loaded.name
            ),
        };
        let mut checkpoint = Checkpoint::open(&directory)?;
        let (shape, config) = (&loaded.model.encoder.shape, &checkpoint.config);
        let ours = [shape.layers, shape.hidden, shape.heads, shape.intermediate].map(|n| n as usize);
        let theirs = [config.layers, config.hidden, config.heads, config.intermediate];
        if ours != theirs || loaded.model.embedding.word.len() != config.vocab * config.hidden {
            bail!("the reference is not the checkpoint that {} was made of: their dimensions differ", loaded.name);
        }
        // Both embed alike, whatever the command line says about dimensions.
        checkpoint.head = loaded.model.head.clone();
        Ok(Self(checkpoint))
    }

    /// The reference's embeddings.
    pub fn embed(&self, encodings: &[Encoding]) -> anyhow::Result<Vec<Vec<f32>>> {
        let _span = tracing::info_span!("check", texts = encodings.len()).entered();
        Ok(Reference::new(&self.0).embed(encodings)?)
    }
}

/// How a comparison with the reference went.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// Smallest cosine that passes.
    pub bound: f64,
    /// Texts compared.
    pub texts: usize,
    /// Texts below the bound.
    pub failed: usize,
    /// Lowest cosine; infinite before the first.
    pub lowest: f64,
    sum: f64,
}

impl Verdict {
    /// Nothing was compared yet.
    pub fn new(bound: f64) -> Self {
        Self { bound, texts: 0, failed: 0, lowest: f64::INFINITY, sum: 0.0 }
    }

    /// Compares an embedding with the exact one and gives the cosine.
    pub fn compare(&mut self, embedding: &[f32], exact: &[f32]) -> f64 {
        let cosine = cosine(embedding, exact);
        self.texts += 1;
        // A cosine that is no number (of a zero vector) does not pass, and is the worst from then on.
        self.failed += usize::from(cosine.is_nan() || cosine < self.bound);
        self.lowest = if cosine.is_nan() || self.lowest.is_nan() { f64::NAN } else { self.lowest.min(cosine) };
        self.sum += cosine;
        cosine
    }

    /// Mean cosine.
    pub fn mean(&self) -> f64 {
        self.sum / self.texts as f64
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bound, texts, failed, lowest, .. } = self;
        write!(
            f,
            "check failed: {failed} of {texts} texts have a cosine to fp32 below {bound} (lowest: {lowest:.5}); \
             try --scales dynamic, or --calibration with texts like these"
        )
    }
}

/// A check that was asked for, as `--json` reports it.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "reference", rename_all = "lowercase")]
pub enum Check {
    /// Against the checkpoint in fp32.
    Fp32 {
        /// No text is below the bound.
        passed: bool,
        /// Texts compared.
        texts: usize,
        /// Texts below the bound.
        failed: usize,
        /// Smallest cosine that passes.
        bound: f64,
        /// Mean cosine; null if it is no number.
        mean_cosine: f64,
        /// Lowest cosine; null if it is no number.
        lowest_cosine: f64,
    },
    /// Against the simulator, to the bit.
    Sim {
        /// No text differs.
        passed: bool,
        /// Texts compared; absent if one differs, which ends the run.
        #[serde(skip_serializing_if = "Option::is_none")]
        texts: Option<usize>,
    },
}

impl From<&Verdict> for Check {
    fn from(verdict: &Verdict) -> Self {
        let &Verdict { bound, texts, failed, lowest, .. } = verdict;
        Self::Fp32 { passed: failed == 0, texts, failed, bound, mean_cosine: verdict.mean(), lowest_cosine: lowest }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_fails() {
        let mut verdict = Verdict::new(0.9);
        verdict.compare(&[1.0, 0.0], &[1.0, 0.0]);
        assert_eq!((verdict.failed, verdict.lowest, verdict.mean()), (0, 1.0, 1.0));
        verdict.compare(&[1.0, 0.0], &[1.0, 1.0]);
        assert_eq!((verdict.failed, verdict.texts), (1, 2));
        verdict.compare(&[0.0, 0.0], &[1.0, 1.0]);
        verdict.compare(&[1.0, 0.0], &[1.0, 0.0]);
        assert_eq!((verdict.failed, verdict.texts), (2, 4));
        assert!(verdict.lowest.is_nan());
    }
}
