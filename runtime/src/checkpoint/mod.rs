//! A Hugging Face BERT checkpoint: a directory with `config.json`, `model.safetensors` (or its shards), `tokenizer.json` (or
//! `vocab.txt`), and optionally the sentence-transformers description.
//!
//! 1. [`Hub::resolve`] turns a directory or a model id into a directory.
//! 2. [`Checkpoint::open`] reads it: dimensions, weights in fp32, tokenizer, pooling.
//! 3. [`Checkpoint::encode`] turns text into the ids which [`crate::reference::Reference`] and the accelerator take.
//!
//! Every file is treated as hostile: sizes are bounded before anything is allocated, each tensor is mapped, ignored with
//! a reason, or refused, and nothing is replaced by a default in silence.

mod config;
mod error;
mod files;
mod hub;
mod kind;
mod mapping;
mod names;
mod sentence;
mod shards;
mod source;
mod task;
mod tensors;
mod tokenizer;
mod weights;
mod wordpiece;

use std::path::{Path, PathBuf};

pub use config::{Activation, MODEL_TYPES, ModelConfig};
pub use error::{CheckpointError, Result};
pub use hub::Hub;
pub use kind::FileKind;
pub(crate) use mapping::MappedFile;
pub use names::{Fate, INDEX_TABLE};
use sentence::Description;
pub use sentence::{DenseActivation, Length, Pooling, SentenceHead, Step};
pub use source::Source;
pub use task::TrainedFor;
pub use tensors::TensorReport;
pub use tokenizer::{Encoding, Limit, Tokenizer};
pub use weights::{LayerNorm, LayerWeights, Linear, Matrix, Weights};

const CONFIG: &str = "config.json";
const TENSORS: &str = "model.safetensors";
const TOKENIZER: &str = "tokenizer.json";

/// A checkpoint in memory. Invariants: all shapes follow from `config`, every weight is finite, every id of the
/// tokenizer is a row of the word embedding table.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    /// The encoder's dimensions.
    pub config: ModelConfig,
    /// Its parameters in fp32.
    pub weights: Weights,
    /// Its tokenizer.
    pub tokenizer: Tokenizer,
    /// How texts become tokens, and token states an embedding.
    pub head: SentenceHead,
    /// Every tensor of the file, and whether it was used; sorted by name. None is [`Fate::Refused`].
    pub tensors: Vec<TensorReport>,
    /// Where it was read from; `None` if it was made in memory.
    pub directory: Option<PathBuf>,
}

impl Checkpoint {
    /// Reads a checkpoint directory. The files must not be changed meanwhile.
    ///
    /// # Errors
    /// [`CheckpointError::FileMissing`], and those of the single files: see [`ModelConfig::from_file`],
    /// [`Tokenizer::from_file`]; [`CheckpointError::SentenceHead`] and its kin for a description that is not implemented;
    /// tensors by name.
    pub fn open(directory: &Path) -> Result<Self> {
        let span = tracing::info_span!("load", path = %directory.display(), bytes = tracing::field::Empty);
        let _entered = span.enter();
        let Description { encoder, mut head, lower_case, has_modules } = Description::read(directory)?;
        let root = directory;
        let directory = &encoder;
        files::require(directory, CONFIG, "give the directory of a Hugging Face checkpoint")?;
        let config = ModelConfig::from_file(&directory.join(CONFIG))?;
        head.check(config.hidden)?;
        // Files that are missing are named before any is read.
        let (shards, _) = shards::find(directory)?;
        let mut tokenizer = tokenizer(directory)?;
        if lower_case {
            tokenizer = tokenizer.lower_cased()?;
        }
        tokenizer.check_vocabulary(config.vocab)?;
        span.record("bytes", shards.iter().filter_map(|path| path.metadata().ok()).map(|m| m.len()).sum::<u64>());
        let (weights, tensors) = tensors::load(directory, &config)?;
        if !has_modules && head.trained_for.is_none() {
            head.trained_for = task::trained_for(&directory.join(CONFIG), &tensors)?;
        }
        Ok(Self { config, weights, tokenizer, head, tensors, directory: Some(root.to_owned()) })
    }

    /// Encodes a text as the model prescribes: behind its default prompt if it has one, and cut to its length, or to
    /// `truncate` tokens.
    ///
    /// # Errors
    /// As [`SentenceHead::encode`].
    pub fn encode(&self, text: &str, truncate: Option<usize>) -> Result<Encoding> {
        self.encode_prompted(self.head.prompt(None)?, text, truncate.map_or(Length::Model, Length::Tokens))
    }

    /// As [`Checkpoint::encode`], behind this prompt.
    ///
    /// # Errors
    /// As [`SentenceHead::encode`].
    pub fn encode_prompted(&self, prompt: &str, text: &str, length: Length) -> Result<Encoding> {
        self.head.encode(&self.tokenizer, self.config.max_positions, prompt, text, length)
    }
}

/// The files with the encoder's weights of a checkpoint directory.
///
/// # Errors
/// As [`Checkpoint::open`], for the description and for files that are missing.
pub fn weight_files(directory: &Path) -> Result<Vec<PathBuf>> {
    Ok(shards::find(&Description::read(directory)?.encoder)?.0)
}

/// The tokenizer of an encoder's directory: as stored, or else made of its vocabulary.
fn tokenizer(directory: &Path) -> Result<Tokenizer> {
    if !directory.join(TOKENIZER).is_file() && directory.join(wordpiece::VOCABULARY).is_file() {
        return wordpiece::read(directory);
    }
    files::require(directory, TOKENIZER, "save it there with AutoTokenizer.save_pretrained")?;
    Tokenizer::from_file(&directory.join(TOKENIZER))
}
