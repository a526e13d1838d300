//! How well a quantized model came out, as measured when it was made: kept in its file, shown by `systole inspect`.

use serde::{Deserialize, Serialize};

/// Cosines between the embeddings of the quantized model and of its checkpoint in fp32, on texts that were held out of
/// the calibration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Accuracy {
    /// By length, from short to long.
    pub by_length: Vec<LengthAccuracy>,
    /// Where most is lost, if that was looked for.
    pub worst: Option<WorstTensor>,
}

/// Cosines at one length.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LengthAccuracy {
    /// Length of each text in tokens, special tokens included.
    pub tokens: usize,
    /// Texts measured.
    pub texts: usize,
    /// Their mean.
    pub mean: f64,
    /// Their first percentile.
    pub p1: f64,
    /// The lowest.
    pub min: f64,
}

/// The tensor whose quantization costs most.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorstTensor {
    /// Its layer; `None` in the embeddings.
    pub layer: Option<usize>,
    /// Its name, as the quantizer calls it.
    pub tensor: String,
    /// Mean cosine between its values and those in fp32.
    pub cosine: f64,
}
