//! Text to token ids. Padding and truncation of the stored tokenizer are switched off: the accelerator takes each text
//! at its own length, and a text is cut only when the caller says so.

use std::path::Path;

use tokenizers::utils::truncation::{TruncationParams, truncate_encodings};
use tokenizers::{Encoding as RawEncoding, PostProcessor};

use super::config::ModelConfig;
use super::error::{CheckpointError, Result};
use super::files;
use super::kind::FileKind;

/// One text, or pair of texts, as the model takes it. Both lists have one element a token, special tokens included.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Encoding {
    /// Rows of the word embedding table.
    pub ids: Vec<u32>,
    /// Rows of the token type table: 0, or 1 for the second text of a pair.
    pub type_ids: Vec<u32>,
    /// Tokens at the start that pooling leaves out: those of a prompt, for models made that way.
    pub skip: usize,
    /// Tokens that the text had more, before it was cut.
    pub cut: usize,
}

impl Encoding {
    /// Of these tokens, all of which count.
    pub fn new(ids: Vec<u32>, type_ids: Vec<u32>) -> Self {
        Self { ids, type_ids, skip: 0, cut: 0 }
    }

    /// Checks that the model can take this encoding.
    ///
    /// # Errors
    /// [`CheckpointError::EncodingShape`], [`CheckpointError::TextTooLong`], [`CheckpointError::IdOutOfRange`].
    pub fn validate(&self, config: &ModelConfig) -> Result<()> {
        self.check(config.vocab, config.type_vocab, config.max_positions)
    }

    /// As [`Encoding::validate`], for tables of these sizes.
    pub(crate) fn check(&self, vocab: usize, type_vocab: usize, max: usize) -> Result<()> {
        let tokens = self.ids.len();
        if tokens == 0 || tokens != self.type_ids.len() {
            return Err(CheckpointError::EncodingShape { ids: tokens, type_ids: self.type_ids.len() });
        }
        if tokens > max {
            return Err(CheckpointError::TextTooLong { tokens, max });
        }
        in_table("token", &self.ids, vocab)?;
        in_table("token type", &self.type_ids, type_vocab)
    }
}

fn in_table(what: &'static str, ids: &[u32], limit: usize) -> Result<()> {
    match ids.iter().position(|&id| id as usize >= limit) {
        Some(position) => Err(CheckpointError::IdOutOfRange { what, id: ids[position], position, limit }),
        None => Ok(()),
    }
}

/// How many tokens an encoding may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Limit {
    /// The most that the model takes, special tokens included.
    pub max: usize,
    /// `None`: a longer text is an error. `Some(n)`: it is cut to `n` tokens, special tokens included and kept.
    pub truncate: Option<usize>,
}

impl Limit {
    /// At most `max` tokens; longer texts are an error.
    pub fn refuse(max: usize) -> Self {
        Self { max, truncate: None }
    }
}

/// A tokenizer together with the bytes it was made of.
#[derive(Debug, Clone)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    source: Vec<u8>,
}

impl Tokenizer {
    /// Reads a `tokenizer.json` of at most 64 MiB.
    ///
    /// # Errors
    /// [`CheckpointError::Io`], [`CheckpointError::FileTooLarge`], [`CheckpointError::WrongKind`],
    /// [`CheckpointError::Tokenizer`].
    pub fn from_file(path: &Path) -> Result<Self> {
        let bytes = files::read_small(path, files::MAX_TOKENIZER)?;
        match FileKind::of(&bytes) {
            kind @ (FileKind::GitLfsPointer | FileKind::Html) => {
                Err(CheckpointError::wrong_kind(path, kind, "a tokenizer"))
            }
            _ => Self::from_bytes(bytes),
        }
    }

    /// Parses the bytes of a `tokenizer.json` and keeps them.
    ///
    /// # Errors
    /// [`CheckpointError::Tokenizer`].
    pub fn from_bytes(source: Vec<u8>) -> Result<Self> {
        // The library panics on some files that are no JSON, on damaged character maps, and when a template names a
        // special token that is not declared (0.23.2): syntax is checked first, the rest is caught.
        serde_json::from_slice::<serde::de::IgnoredAny>(&source)
            .map_err(|e| CheckpointError::Tokenizer { reason: e.to_string() })?;
        match std::panic::catch_unwind(|| parse_and_try(&source)) {
            Ok(inner) => Ok(Self { inner: inner?, source }),
            Err(_) => Err(CheckpointError::Tokenizer { reason: "the tokenizer library failed on it".to_owned() }),
        }
    }

    /// The `tokenizer.json` from which this tokenizer was made, for embedding into a model file.
    pub fn source(&self) -> &[u8] {
        &self.source
    }

    /// This tokenizer with every text in lower case before anything else is done to it.
    ///
    /// # Errors
    /// [`CheckpointError::Tokenizer`].
    pub fn lower_cased(&self) -> Result<Self> {
        let failed = |e: serde_json::Error| CheckpointError::Tokenizer { reason: e.to_string() };
        let mut json: serde_json::Value = serde_json::from_slice(&self.source).map_err(failed)?;
        let lower = serde_json::json!({"type": "Lowercase"});
        json["normalizer"] = match json["normalizer"].take() {
            serde_json::Value::Null => lower,
            before => serde_json::json!({"type": "Sequence", "normalizers": [lower, before]}),
        };
        Self::from_bytes(serde_json::to_vec(&json).map_err(failed)?)
    }

    /// Whether this is the id of a special token.
    pub(super) fn is_special(&self, id: u32) -> bool {
        self.inner.get_added_tokens_decoder().get(&id).is_some_and(|token| token.special)
    }

    /// Checks that every id which the tokenizer can produce is a row of an embedding table of `vocab` rows.
    ///
    /// # Errors
    /// [`CheckpointError::TokenizerVocabulary`].
    pub fn check_vocabulary(&self, vocab: usize) -> Result<()> {
        match self.inner.get_vocab(true).into_values().max() {
            Some(id) if id as usize >= vocab => Err(CheckpointError::TokenizerVocabulary { id, vocab }),
            _ => Ok(()),
        }
    }

    /// Encodes one text, with the special tokens that the tokenizer prescribes. An empty text gives these alone.
    ///
    /// # Errors
    /// [`CheckpointError::TextTooLong`], [`CheckpointError::TruncationLength`], [`CheckpointError::EncodingShape`] when
    /// the tokenizer gives no token at all, [`CheckpointError::Tokenizer`].
    pub fn encode(&self, text: &str, limit: Limit) -> Result<Encoding> {
        let text = self.inner.encode(text, false).map_err(refused)?;
        self.finish(text, None, limit)
    }

    /// Encodes a pair of texts. When cut, the longer one loses tokens first.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`].
    pub fn encode_pair(&self, first: &str, second: &str, limit: Limit) -> Result<Encoding> {
        if self.inner.get_post_processor().is_none() {
            return Err(CheckpointError::Tokenizer { reason: "it has no template for pairs".to_owned() });
        }
        let first = self.inner.encode(first, false).map_err(refused)?;
        let second = self.inner.encode(second, false).map_err(refused)?;
        self.finish(first, Some(second), limit)
    }

    fn finish(&self, first: RawEncoding, second: Option<RawEncoding>, limit: Limit) -> Result<Encoding> {
        let special = self.inner.get_post_processor().map_or(0, |p| p.added_tokens(second.is_some()));
        let words = first.len() + second.as_ref().map_or(0, RawEncoding::len);
        let whole = words + special;
        let (first, second) = match limit.truncate {
            None if whole > limit.max => {
                return Err(CheckpointError::TextTooLong { tokens: whole, max: limit.max });
            }
            None => (first, second),
            Some(length) if length <= special || length > limit.max => {
                return Err(CheckpointError::TruncationLength { length, min: special + 1, max: limit.max });
            }
            Some(length) => {
                let params = TruncationParams { max_length: length - special, ..Default::default() };
                truncate_encodings(first, second, &params).map_err(refused)?
            }
        };
        let done = self.inner.post_process(first, second, true).map_err(refused)?;
        let cut = whole.saturating_sub(done.len());
        let encoding = Encoding { cut, ..Encoding::new(done.get_ids().to_vec(), done.get_type_ids().to_vec()) };
        if encoding.ids.is_empty() || encoding.ids.len() != encoding.type_ids.len() {
            return Err(CheckpointError::EncodingShape { ids: encoding.ids.len(), type_ids: encoding.type_ids.len() });
        }
        Ok(encoding)
    }
}

/// Parses a tokenizer and encodes nothing with it, once as a text and once as a pair.
fn parse_and_try(source: &[u8]) -> Result<tokenizers::Tokenizer> {
    let mut inner = tokenizers::Tokenizer::from_bytes(source).map_err(refused)?;
    inner.with_padding(None);
    inner.with_truncation(None).map_err(refused)?;
    inner.encode("", true).map_err(refused)?;
    if inner.get_post_processor().is_some() {
        inner.encode(("", ""), true).map_err(refused)?;
    }
    Ok(inner)
}

fn refused(error: tokenizers::Error) -> CheckpointError {
    CheckpointError::Tokenizer { reason: error.to_string() }
}

#[cfg(test)]
#[path = "tokenizer_tests.rs"]
mod tests;
