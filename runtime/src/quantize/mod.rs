//! A model in the accelerator's integers.
//!
//! 1. [`QuantizedModel::quantize`] makes one from a checkpoint and calibration texts.
//! 2. [`QuantizedModel::save`] and [`QuantizedModel::open`] keep it in a file, from which it loads without computing.
//! 3. [`crate::compile::compile`] takes its [`Encoder`]; the device takes its image as it is.

mod accuracy;
mod calibrate;
mod corpus;
mod documents;
mod edges;
mod embedding;
mod file;
mod fixed;
mod image;
mod layout;
mod operand;
mod origin;
mod recipe;
mod split;

use std::path::PathBuf;
use std::sync::Arc;

use crate::checkpoint::{Checkpoint, CheckpointError, Encoding, Length, SentenceHead, Tokenizer};
use crate::reference::Reference;

pub use accuracy::{Accuracy, LengthAccuracy, Losses};
pub use corpus::default_calibration;
pub(crate) use documents::join;
pub use edges::{Diagnostics, TensorError};
pub(crate) use edges::{EdgeErrors, relative};
pub use embedding::Embedding;
pub use layout::{LayerLayout, Layout, Records, Scales, Shape, Weight};
pub use origin::{CalibrationTexts, Origin, UnusedTensor};
pub use split::Split;

/// Why a model cannot be quantized, saved or opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QuantizeError {
    /// No calibration text was given.
    #[error("calibration needs at least one text; give some that resemble what the model will see")]
    NoCalibration,
    /// The constants exceed the 4 GiB that an instruction addresses.
    #[error("the quantized weights exceed 4 GiB; use a smaller model")]
    TooLarge,
    /// A factor does not fit a record.
    #[error("{what}: the requantization factor {value:e} is not a number below 32767; check the checkpoint's weights")]
    Scale {
        /// Place in the model.
        what: &'static str,
        /// The factor.
        value: f64,
    },
    /// A bias does not fit a record.
    #[error("{what}: the bias {value:e} exceeds 32 bits in its unit; check the checkpoint's weights")]
    Bias {
        /// Place in the model.
        what: &'static str,
        /// The bias.
        value: f64,
    },
    /// The calibration texts or the tokenizer do not fit the model.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The file is of another format version than this build writes and reads.
    #[error(
        "quantized model {path} has format version {found}, this systole reads {reads}; {}",
        if found < reads {
            format!("make a new one: systole quantize CHECKPOINT -o {}", path.display())
        } else {
            "a newer one made it, so update this one".to_owned()
        },
        path = path.display()
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// This build's.
        reads: u32,
    },
    /// The file is not as it was written.
    #[error(
        "quantized model {path} is damaged: its content does not have the SHA-256 it was written with; copy it again, \
         or make a new one: systole quantize CHECKPOINT -o {path}",
        path = path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be written.
    #[error("cannot write {path}: {source}; check the disk", path = path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The file is no quantized model.
    #[error("quantized model {path}: {reason}; quantize the checkpoint again", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// Epsilon of every LayerNorm, as ROW takes it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct NormEps {
    /// Of the embeddings.
    pub embedding: u32,
    /// By layer: after attention, after the feed-forward block.
    pub layers: Vec<[u32; 2]>,
}

/// What the compiler needs to know of a model: everything but the numbers in the image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoder {
    /// Dimensions.
    pub shape: Shape,
    /// Where the arrays lie.
    pub layout: Layout,
    /// Epsilons.
    pub norm_eps: NormEps,
}

impl Encoder {
    /// The encoder of a shape; `None` if its constants exceed 4 GiB or the epsilons do not match the layers.
    pub fn new(shape: Shape, norm_eps: NormEps) -> Option<Self> {
        let layout = Layout::new(&shape)?;
        (norm_eps.layers.len() == shape.layers as usize).then_some(Self { shape, layout, norm_eps })
    }
}

/// Encodes texts, each cut to the longest that the model's tables take.
fn encode_all(checkpoint: &Checkpoint, texts: &[String]) -> Result<Vec<Encoding>, CheckpointError> {
    let longest = Length::Tokens(checkpoint.config.max_positions);
    // Any of the model's prompts may stand before a text later.
    let prompts = checkpoint.head.all_prompts();
    let pairs = texts.iter().zip(prompts.iter().cycle());
    pairs.map(|(text, prompt)| checkpoint.encode_prompted(prompt, text, longest)).collect()
}

/// A quantized model, ready to be compiled and run.
#[derive(Debug, Clone)]
pub struct QuantizedModel {
    /// What the compiler needs.
    pub encoder: Encoder,
    /// The device's constant region, as [`Encoder::layout`] describes it.
    pub image: Arc<[u8]>,
    /// Embedding tables, for the host.
    pub embedding: Embedding,
    /// Value of one unit of the last hidden states.
    pub output_scale: f32,
    /// How texts become tokens, and token states an embedding.
    pub head: SentenceHead,
    /// Text to tokens.
    pub tokenizer: Tokenizer,
    /// What it was made of.
    pub origin: Origin,
    /// How well it came out, if that was measured.
    pub accuracy: Option<Accuracy>,
}

impl QuantizedModel {
    /// Quantizes a checkpoint with activation ranges from `calibration`; texts beyond the model's length are cut. Long
    /// texts are made of short ones in addition, so that ranges hold at every length.
    ///
    /// # Errors
    /// [`QuantizeError::NoCalibration`], [`QuantizeError::TooLarge`], [`QuantizeError::Scale`],
    /// [`QuantizeError::Bias`], and the tokenizer's.
    pub fn quantize(checkpoint: &Checkpoint, calibration: &[String], scales: Scales) -> Result<Self, QuantizeError> {
        Ok(Self::quantize_diagnosed(checkpoint, calibration, scales)?.0)
    }

    /// As [`QuantizedModel::quantize`], with what [`crate::accuracy::measure`] needs to say where accuracy is lost.
    ///
    /// # Errors
    /// As [`QuantizedModel::quantize`].
    pub fn quantize_diagnosed(
        checkpoint: &Checkpoint,
        calibration: &[String],
        scales: Scales,
    ) -> Result<(Self, Diagnostics), QuantizeError> {
        let config = &checkpoint.config;
        let shape = Shape::new(config, scales);
        let layout = Layout::new(&shape).ok_or(QuantizeError::TooLarge)?;
        if calibration.is_empty() {
            return Err(QuantizeError::NoCalibration);
        }
        let mut texts = encode_all(checkpoint, calibration)?;
        let documents = documents::missing(calibration, &texts, config.max_positions);
        texts.extend(encode_all(checkpoint, &documents)?);
        let _span = tracing::info_span!("quantize", texts = texts.len(), bytes = layout.bytes).entered();
        let mut ranges = calibrate::Calibration::default();
        Reference::new(checkpoint).forward_observed(&texts, &mut ranges)?;
        let recipe = recipe::quantize(config, &checkpoint.weights, &shape, &layout, &ranges)?;
        let output_scale = recipe.diagnostics.layer_scales.last().map_or(0.0, |&scale| scale as f32);
        let model = Self {
            encoder: Encoder { shape, layout, norm_eps: recipe.norm_eps },
            image: recipe.image.0.into(),
            embedding: Embedding::quantize(&checkpoint.weights, recipe.input_scale),
            output_scale,
            head: checkpoint.head.clone(),
            tokenizer: checkpoint.tokenizer.clone(),
            origin: Origin::new(checkpoint, calibration)?,
            accuracy: None,
        };
        Ok((model, recipe.diagnostics))
    }

    /// The first `layers` layers, whose output has units of `scale`. Their numbers are those of the whole model.
    pub(crate) fn first_layers(&self, layers: usize, scale: f64) -> Option<Self> {
        let shape = Shape { layers: layers as u32, ..self.encoder.shape };
        let layers = self.encoder.norm_eps.layers.get(..layers)?.to_vec();
        let encoder = Encoder::new(shape, NormEps { layers, ..self.encoder.norm_eps })?;
        let image = self.image.get(..encoder.layout.bytes as usize)?.into();
        Some(Self { encoder, image, output_scale: scale as f32, ..self.clone() })
    }

    /// Encodes a text as the model prescribes: behind its default prompt if it has one, and cut to its length, or to
    /// `truncate` tokens.
    ///
    /// # Errors
    /// As [`SentenceHead::encode`].
    pub fn encode(&self, text: &str, truncate: Option<usize>) -> Result<Encoding, CheckpointError> {
        self.encode_prompted(self.head.prompt(None)?, text, truncate.map_or(Length::Model, Length::Tokens))
    }

    /// As [`QuantizedModel::encode`], behind this prompt.
    ///
    /// # Errors
    /// As [`SentenceHead::encode`].
    pub fn encode_prompted(&self, prompt: &str, text: &str, length: Length) -> Result<Encoding, CheckpointError> {
        self.head.encode(&self.tokenizer, self.encoder.shape.max_tokens as usize, prompt, text, length)
    }
}
