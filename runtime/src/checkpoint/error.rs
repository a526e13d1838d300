//! Everything that can be wrong with a checkpoint, its tokenizer, or a text given to it.

use std::path::PathBuf;

use super::config::MODEL_TYPES;
use super::kind::FileKind;

/// An error of the checkpoint loader. The text ends with what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// A file could not be opened, mapped or read.
    #[error("cannot read {path}: {source}; check that the path is right and readable")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A required file of the checkpoint directory is not there.
    #[error("{directory} has no {file}; {remedy}")]
    FileMissing {
        /// The checkpoint directory.
        directory: PathBuf,
        /// The file's name inside it.
        file: String,
        /// How to obtain the file.
        remedy: &'static str,
    },
    /// A metadata file is larger than any real one; it was not read.
    #[error("{path} has {bytes} bytes, more than the {max} allowed; this is not a file of that kind")]
    FileTooLarge {
        /// The file.
        path: PathBuf,
        /// Its size in bytes.
        bytes: u64,
        /// The largest size accepted in bytes.
        max: u64,
    },
    /// A JSON file does not parse, or lacks a required key.
    #[error("{path} is not what it should be: {source}; download it again or mend it by hand")]
    Json {
        /// The file.
        path: PathBuf,
        /// Where and why parsing stopped.
        source: serde_json::Error,
    },
    /// The checkpoint is of another architecture than the supported ones.
    #[error(
        "config.json: model_type is {found}, supported: {}; use a checkpoint of a supported architecture",
        MODEL_TYPES.join(", ")
    )]
    Architecture {
        /// The value in `config.json`, as JSON, or `missing`.
        found: String,
    },
    /// The configuration asks for something the encoder does not implement.
    #[error("config.json: {key} is {found}, supported is {supported}; use a checkpoint with this property")]
    Unsupported {
        /// The key in `config.json`.
        key: &'static str,
        /// The value found there.
        found: String,
        /// What is implemented.
        supported: &'static str,
    },
    /// A size in the configuration is zero or beyond anything real.
    #[error("config.json: {key} is {found}, outside {min}..={max}; the file is damaged or not a BERT configuration")]
    SizeOutOfRange {
        /// The key in `config.json`.
        key: &'static str,
        /// The value found there.
        found: u64,
        /// The smallest value accepted.
        min: u64,
        /// The largest value accepted.
        max: u64,
    },
    /// The hidden size cannot be divided among the heads.
    #[error(
        "config.json: hidden_size {hidden} is not a multiple of num_attention_heads {heads}; one of the two is wrong"
    )]
    HeadsDoNotDivide {
        /// Width of the residual stream.
        hidden: usize,
        /// Attention heads a layer.
        heads: usize,
    },
    /// The safetensors container itself is damaged.
    #[error("{path} is not a whole safetensors file: {source}; download it again")]
    Container {
        /// The file.
        path: PathBuf,
        /// What the parser found.
        source: safetensors::SafeTensorError,
    },
    /// A file is of another kind than its place or name promises.
    #[error("{path} is {kind}, not {expected}; {}", kind.remedy())]
    WrongKind {
        /// The file.
        path: PathBuf,
        /// What it is.
        kind: FileKind,
        /// What was expected there, with an article.
        expected: &'static str,
    },
    /// The index of the shards names a file that is none in its directory.
    #[error("model.safetensors.index.json names {file:?}, which is no safetensors file beside it; download it again")]
    ShardName {
        /// What it names.
        file: String,
    },
    /// A shard holds a tensor that the index does not have there.
    #[error(
        "tensor {tensor} is in {file}, model.safetensors.index.json has it {}; download the index and its shards together",
        listed.as_ref().map_or("nowhere".to_owned(), |file| format!("in {file}"))
    )]
    TensorMisplaced {
        /// The tensor.
        tensor: String,
        /// The shard that holds it.
        file: String,
        /// Where the index has it.
        listed: Option<String>,
    },
    /// A tensor that the encoder needs is absent.
    #[error(
        "tensor {name} is missing; this is not a complete BERT checkpoint, or config.json belongs to another model"
    )]
    TensorMissing {
        /// The name under which it was looked for, with the checkpoint's prefix.
        name: String,
    },
    /// A tensor has another shape than the configuration says.
    #[error(
        "tensor {name} has shape {found:?}, config.json asks for {expected:?}; the two files belong to different models"
    )]
    TensorShape {
        /// The tensor's name in the file.
        name: String,
        /// The shape in the file.
        found: Vec<usize>,
        /// The shape that follows from `config.json`.
        expected: Vec<usize>,
    },
    /// A tensor's element type is not one of F32, F16 and BF16.
    #[error("tensor {name} has type {found}; save the checkpoint as F32, F16 or BF16")]
    TensorType {
        /// The tensor's name in the file.
        name: String,
        /// The safetensors name of the type.
        found: String,
    },
    /// A weight is NaN or infinite.
    #[error("tensor {name} holds {value} at element {index}; the checkpoint is damaged or diverged in training")]
    TensorNotFinite {
        /// The tensor's name in the file.
        name: String,
        /// Row-major index of the first such element.
        index: usize,
        /// The element.
        value: f32,
    },
    /// Two tensors of the file claim the same place in the model.
    #[error("tensors {first} and {second} are the same parameter; remove one of them from the file")]
    TensorDuplicate {
        /// One name.
        first: String,
        /// The other.
        second: String,
    },
    /// A tensor that would change the result has no place in the encoder.
    #[error("tensor {name} cannot be used: {reason}; use a checkpoint without it")]
    TensorRefused {
        /// The tensor's name in the file.
        name: String,
        /// Why it cannot simply be left out.
        reason: &'static str,
    },
    /// The sentence-transformers description asks for something not implemented.
    #[error(
        "{file}: {found} is not supported; supported are Transformer, Pooling, then Dense, LayerNorm, Dropout and \
         Normalize in their usual settings"
    )]
    SentenceHead {
        /// The file, relative to the checkpoint directory.
        file: String,
        /// The module or setting found.
        found: String,
    },
    /// A module behind the pooling does not fit what comes before it.
    #[error(
        "module {step} behind the pooling takes {expects} values and gets {width}; its files belong to another model"
    )]
    SentenceWidth {
        /// Its place, from 1.
        step: usize,
        /// Elements that it takes; 0 when its own weights disagree.
        expects: usize,
        /// Elements that it gets.
        width: usize,
    },
    /// More dimensions are asked for than the embedding has, or none.
    #[error("cannot keep {kept} dimensions; the model's embeddings have {width}, choose 1 to {width}")]
    Dimensions {
        /// What was asked for.
        kept: usize,
        /// What there are.
        width: usize,
    },
    /// The model has no prompt of this name.
    #[error(
        "the model has no prompt {name:?}; {}",
        if known.is_empty() { "it has none: give the text itself as prompt".to_owned() }
        else { format!("its prompts are {}", known.join(", ")) }
    )]
    PromptName {
        /// The name.
        name: String,
        /// The names that it has.
        known: Vec<String>,
    },
    /// `tokenizer.json` is not understood.
    #[error("tokenizer.json cannot be used: {reason}; save it again with AutoTokenizer.save_pretrained")]
    Tokenizer {
        /// What the tokenizer library said.
        reason: String,
    },
    /// `vocab.txt` makes no tokenizer.
    #[error("vocab.txt cannot be used: {reason}; download it again, or save tokenizer.json beside it")]
    Vocabulary {
        /// What is wrong with it.
        reason: String,
    },
    /// The tokenizer can produce ids that the embedding table does not have.
    #[error(
        "tokenizer.json has token id {id}, the model's vocabulary ends at {vocab}; the two belong to different models"
    )]
    TokenizerVocabulary {
        /// The largest id of the tokenizer.
        id: u32,
        /// Rows of the word embedding table.
        vocab: usize,
    },
    /// A text has more tokens than may be given to the model.
    #[error("the text has {tokens} tokens, the model takes {max}; shorten it or allow truncation")]
    TextTooLong {
        /// Tokens of the text, special tokens included.
        tokens: usize,
        /// The most that are accepted.
        max: usize,
    },
    /// The truncation length leaves no room for a single token of text, or exceeds the model.
    #[error("cannot truncate to {length} tokens; choose {min} to {max}")]
    TruncationLength {
        /// The length asked for.
        length: usize,
        /// The special tokens and one more.
        min: usize,
        /// The most that the model takes.
        max: usize,
    },
    /// An encoding has no tokens, or its two lists differ in length.
    #[error("an encoding has {ids} ids and {type_ids} type ids; both lists must be equally long and not empty")]
    EncodingShape {
        /// Token ids.
        ids: usize,
        /// Token type ids.
        type_ids: usize,
    },
    /// An id of an encoding lies outside its embedding table.
    #[error(
        "{what} id {id} at position {position} is outside 0..{limit}; encode the text with the model's own tokenizer"
    )]
    IdOutOfRange {
        /// `token` or `token type`.
        what: &'static str,
        /// The id.
        id: u32,
        /// Its position in the encoding.
        position: usize,
        /// Rows of the table.
        limit: usize,
    },
    /// The string is neither a directory nor a model id of the hub.
    #[error("{id:?} is neither a directory nor a model id such as sentence-transformers/all-MiniLM-L6-v2")]
    ModelId {
        /// What was given.
        id: String,
    },
    /// The hub has no such file (or no such model).
    #[error("the hub at {endpoint} has no {file} of {id}; check the model id, and HF_TOKEN if the model is private")]
    HubNotFound {
        /// The hub's address.
        endpoint: String,
        /// The model id.
        id: String,
        /// The file asked for.
        file: String,
    },
    /// The hub could not be reached, or answered with an error.
    #[error(
        "cannot get {file} of {id} from {endpoint}: {source}; check the network and HF_ENDPOINT, or give a directory"
    )]
    Hub {
        /// The hub's address.
        endpoint: String,
        /// The model id.
        id: String,
        /// The file asked for.
        file: String,
        /// What the client said.
        source: Box<ureq::Error>,
    },
    /// A download came to a stop, and further requests brought nothing.
    #[error(
        "the download of {file} of {id} from {endpoint} stopped after {received} bytes: {source}; run this again to go on from \
         there, or give a directory"
    )]
    HubStalled {
        /// The hub's address.
        endpoint: String,
        /// The model id.
        id: String,
        /// The file asked for.
        file: String,
        /// Bytes that are kept for the next attempt.
        received: u64,
        /// Why the last request ended.
        source: Box<ureq::Error>,
    },
    /// What came is not what the hub states.
    #[error(
        "{file} of {id} has hash {found}, and the hub states {expected}; it is not kept: run this again, and \
         check the proxy or mirror in between"
    )]
    HubContent {
        /// The model id.
        id: String,
        /// The file asked for.
        file: String,
        /// SHA-256, or for a small file git's name of it, as the hub states it.
        expected: String,
        /// That of what came.
        found: String,
    },
    /// The cache lacks a file, and the hub may not be asked.
    #[error(
        "{} has no {file} of {id}, and HF_HUB_OFFLINE forbids to ask the hub; unset it once, or give a directory",
        cache.display()
    )]
    HubOffline {
        /// The model id.
        id: String,
        /// The file asked for.
        file: String,
        /// The cache directory.
        cache: PathBuf,
    },
    /// The hub's answer does not follow its own protocol.
    #[error("{endpoint} gave a malformed answer for {file} of {id}; check that HF_ENDPOINT is a Hugging Face hub")]
    HubAnswer {
        /// The hub's address.
        endpoint: String,
        /// The model id.
        id: String,
        /// The file asked for.
        file: String,
    },
    /// There is no place to keep downloaded models.
    #[error("no home directory to keep downloaded models in; set HF_HOME or HF_HUB_CACHE")]
    HubCache,
}

impl CheckpointError {
    /// The error of a file that is something else than what was expected there.
    pub(super) fn wrong_kind(path: &std::path::Path, kind: FileKind, expected: &'static str) -> Self {
        Self::WrongKind { path: path.to_owned(), kind, expected }
    }
}

/// The loader's result.
pub type Result<T> = std::result::Result<T, CheckpointError>;
