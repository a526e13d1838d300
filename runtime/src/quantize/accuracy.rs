//! How well a quantized model came out, as measured when it was made: kept in its file, shown by `systole inspect`.

use serde::{Deserialize, Serialize};

use super::TensorError;

/// Cosines between the embeddings of the quantized model and of its checkpoint in fp32, on texts that were held out of
/// the calibration. [`crate::accuracy::measure`] makes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Accuracy {
    /// By length, from short to long.
    pub by_length: Vec<LengthAccuracy>,
    /// The texts are the built-in ones, since the calibration had too few to hold any out.
    pub built_in_texts: bool,
    /// Where it is lost, if that was looked for.
    pub losses: Option<Losses>,
}

/// Cosines at one length.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LengthAccuracy {
    /// About the length of each text in tokens, special tokens included: from half of it to half as much again.
    pub tokens: usize,
    /// Texts measured.
    pub texts: usize,
    /// How many of them were joined from shorter ones, for lack of such long ones.
    pub joined: usize,
    /// The mean.
    pub mean: f64,
    /// The first percentile; of fewer than a hundred texts the lowest.
    pub p1: f64,
    /// The lowest.
    pub min: f64,
}

/// Where a quantized model loses accuracy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Losses {
    /// By layer: root mean square of the difference between its output on the device and in fp32, over that of the
    /// output. Errors of earlier layers are in it.
    pub layers: Vec<f64>,
    /// The tensor whose integers are farthest from its values.
    pub tensor: TensorError,
}

impl Accuracy {
    /// The length with the lowest mean. A mean that is no number is the lowest.
    pub fn worst_length(&self) -> Option<&LengthAccuracy> {
        let rank = |mean: f64| if mean.is_nan() { f64::NEG_INFINITY } else { mean };
        self.by_length.iter().min_by(|a, b| rank(a.mean).total_cmp(&rank(b.mean)))
    }
}

impl Losses {
    /// The layer that adds most to the error.
    pub fn worst_layer(&self) -> usize {
        // Errors of independent origin add up in squares.
        let before = std::iter::once(0.0).chain(self.layers.iter().copied());
        let added = self.layers.iter().zip(before).map(|(after, before)| after * after - before * before);
        added.enumerate().max_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(layer, _)| layer)
    }
}
