//! A Hugging Face BERT checkpoint: a directory with `config.json`, `model.safetensors` and `tokenizer.json`, and
//! optionally the sentence-transformers description.
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
mod mapping;
mod names;
mod sentence;
mod source;
mod tensors;
mod tokenizer;
mod weights;

use std::path::{Path, PathBuf};

pub use config::{Activation, MODEL_TYPES, ModelConfig};
pub use error::{CheckpointError, Result};
pub use hub::Hub;
pub(crate) use mapping::MappedFile;
pub use names::Fate;
pub use sentence::{Pooling, SentenceHead};
pub use source::Source;
pub use tensors::{TensorReport, survey};
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
    /// How token states become an embedding.
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
    /// [`Tokenizer::from_file`], [`SentenceHead::from_directory`]; tensors by name.
    pub fn open(directory: &Path) -> Result<Self> {
        let span = tracing::info_span!("load", path = %directory.display(), bytes = tracing::field::Empty);
        let _entered = span.enter();
        files::require(directory, CONFIG, "give the directory of a Hugging Face checkpoint")?;
        let config = ModelConfig::from_file(&directory.join(CONFIG))?;
        files::require(directory, TENSORS, safetensors_remedy(directory))?;
        files::require(directory, TOKENIZER, "save it there with AutoTokenizer.save_pretrained")?;
        let tokenizer = Tokenizer::from_file(&directory.join(TOKENIZER))?;
        tokenizer.check_vocabulary(config.vocab)?;
        let head = SentenceHead::from_directory(directory)?;
        let path = directory.join(TENSORS);
        span.record("bytes", std::fs::metadata(&path).map_or(0, |m| m.len()));
        let (weights, tensors) = tensors::load(&path, &config)?;
        Ok(Self { config, weights, tokenizer, head, tensors, directory: Some(directory.to_owned()) })
    }

    /// Encodes a text of at most `config.max_positions` tokens, or cuts it to `truncate` tokens.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`].
    pub fn encode(&self, text: &str, truncate: Option<usize>) -> Result<Encoding> {
        self.tokenizer.encode(text, Limit { max: self.config.max_positions, truncate })
    }
}

/// What to do about a directory without `model.safetensors`, by what it has instead.
fn safetensors_remedy(directory: &Path) -> &'static str {
    if directory.join("model.safetensors.index.json").exists() {
        "it is split into shards: load it with transformers and save it with max_shard_size=\"100GB\""
    } else if directory.join("pytorch_model.bin").exists() {
        "pytorch_model.bin is a pickle and not read: load it with transformers and call save_pretrained"
    } else {
        "download the model's weights into this directory"
    }
}
