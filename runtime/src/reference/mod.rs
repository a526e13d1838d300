//! The fp32 reference: a BERT encoder as transformers computes it, for accuracy figures and for calibration.
//!
//! 1. [`Reference::new`] borrows a checkpoint.
//! 2. [`Reference::forward`] gives the last hidden states, [`Reference::embed`] one vector a text.
//! 3. [`Reference::forward_observed`] hands every intermediate activation to an [`Observer`].
//!
//! Sequences are packed one behind the other without padding, so a batch of short texts costs what its tokens cost.
//! The matrix products are `matrixmultiply`'s, through `ndarray`: the only safe interface to a tuned fp32 product that
//! reads the transposed weights in place.

mod attention;
mod observer;
mod ops;

pub use observer::{Observer, Site};

use crate::checkpoint::{Checkpoint, Encoding, LayerWeights, Matrix, ModelConfig, Result, SentenceHead, Weights};
use attention::attention;
use ops::{activate, add, layer_norm, linear};

/// Tokens that are computed together; bounds the memory for activations (50 MB at BERT-Base size).
const BATCH_TOKENS: usize = 4096;

/// An fp32 encoder with its pooling.
#[derive(Debug, Clone, Copy)]
pub struct Reference<'a> {
    config: &'a ModelConfig,
    weights: &'a Weights,
    head: &'a SentenceHead,
}

impl<'a> Reference<'a> {
    /// The encoder of a checkpoint.
    pub fn new(checkpoint: &'a Checkpoint) -> Self {
        Self::from_parts(&checkpoint.config, &checkpoint.weights, &checkpoint.head)
    }

    /// An encoder with other weights than the checkpoint's, say migrated or rounded ones. The shapes must follow from
    /// `config`, as [`Checkpoint::open`] ensures.
    pub fn from_parts(config: &'a ModelConfig, weights: &'a Weights, head: &'a SentenceHead) -> Self {
        Self { config, weights, head }
    }

    /// The last layer's hidden states, one `[tokens, hidden]` matrix an encoding. Independent of the batch: an encoding
    /// gives the same bits alone.
    ///
    /// # Errors
    /// Those of [`Encoding::validate`], before anything is computed.
    pub fn forward(&self, encodings: &[Encoding]) -> Result<Vec<Matrix>> {
        self.forward_observed(encodings, &mut observer::Nobody)
    }

    /// As [`Reference::forward`], showing every activation to `observer`.
    ///
    /// # Errors
    /// Those of [`Encoding::validate`], before anything is computed.
    pub fn forward_observed(&self, encodings: &[Encoding], observer: &mut dyn Observer) -> Result<Vec<Matrix>> {
        encodings.iter().try_for_each(|encoding| encoding.validate(self.config))?;
        let mut states = Vec::with_capacity(encodings.len());
        for batch in batches(encodings) {
            let packed = self.forward_batch(batch, observer);
            let mut rest = &packed.values[..];
            for encoding in batch {
                let rows = encoding.ids.len();
                let (values, tail) = rest.split_at(rows * packed.cols);
                states.push(Matrix { rows, cols: packed.cols, values: values.to_vec() });
                rest = tail;
            }
        }
        Ok(states)
    }

    /// One embedding an encoding, as the model's [`SentenceHead`] makes it.
    ///
    /// # Errors
    /// Those of [`Encoding::validate`], before anything is computed.
    pub fn embed(&self, encodings: &[Encoding]) -> Result<Vec<Vec<f32>>> {
        let states = self.forward(encodings)?;
        Ok(states.iter().zip(encodings).map(|(states, e)| self.head.apply(states, e.skip)).collect())
    }

    fn forward_batch(&self, batch: &[Encoding], observer: &mut dyn Observer) -> Matrix {
        let tokens: usize = batch.iter().map(|e| e.ids.len()).sum();
        let _span = tracing::debug_span!("reference", sequences = batch.len(), tokens).entered();
        let lengths: Vec<usize> = batch.iter().map(|e| e.ids.len()).collect();
        let sum = self.embeddings(batch, tokens);
        show(observer, 0, Site::EmbeddingSum, &sum);
        let mut x = layer_norm(&sum, &self.weights.embedding_norm, self.config.layer_norm_eps);
        show(observer, 0, Site::EmbeddingOut, &x);
        for (index, layer) in self.weights.layers.iter().enumerate() {
            x = self.layer(index, layer, &x, &lengths, observer);
        }
        x
    }

    /// Word plus token type plus position, in transformers' order of addition.
    fn embeddings(&self, batch: &[Encoding], tokens: usize) -> Matrix {
        let hidden = self.config.hidden;
        let mut values = Vec::with_capacity(tokens * hidden);
        for encoding in batch {
            for (position, (&id, &kind)) in encoding.ids.iter().zip(&encoding.type_ids).enumerate() {
                let word = self.weights.word.row(id as usize);
                let kind = self.weights.token_type.row(kind as usize);
                let position = self.weights.position.row(position);
                values.extend(word.iter().zip(kind).zip(position).map(|((w, t), p)| w + t + p));
            }
        }
        Matrix { rows: tokens, cols: hidden, values }
    }

    fn layer(
        &self,
        index: usize,
        layer: &LayerWeights,
        x: &Matrix,
        lengths: &[usize],
        observer: &mut dyn Observer,
    ) -> Matrix {
        let eps = self.config.layer_norm_eps;
        let query = linear(x, &layer.query);
        show(observer, index, Site::Query, &query);
        let key = linear(x, &layer.key);
        show(observer, index, Site::Key, &key);
        let value = linear(x, &layer.value);
        show(observer, index, Site::Value, &value);
        let context = attention([&query, &key, &value], self.config.heads, lengths, index, observer);
        show(observer, index, Site::Context, &context);
        let mut residual = linear(&context, &layer.attention_output);
        add(&mut residual, x);
        show(observer, index, Site::AttentionResidual, &residual);
        let x = layer_norm(&residual, &layer.attention_norm, eps);
        show(observer, index, Site::AttentionOut, &x);
        let pre = linear(&x, &layer.ffn_in);
        show(observer, index, Site::FfnPre, &pre);
        let act = activate(&pre, self.config.activation);
        show(observer, index, Site::FfnAct, &act);
        let mut residual = linear(&act, &layer.ffn_out);
        add(&mut residual, &x);
        show(observer, index, Site::FfnResidual, &residual);
        let out = layer_norm(&residual, &layer.ffn_norm, eps);
        show(observer, index, Site::LayerOut, &out);
        out
    }
}

fn show(observer: &mut dyn Observer, layer: usize, site: Site, x: &Matrix) {
    if observer.wants(layer, site) {
        observer.observe(layer, site, x.rows, x.cols, &x.values);
    }
}

/// Cuts a list into runs of at most [`BATCH_TOKENS`] tokens (a longer single encoding is a run of its own).
fn batches(encodings: &[Encoding]) -> impl Iterator<Item = &[Encoding]> {
    let mut rest = encodings;
    std::iter::from_fn(move || {
        let mut tokens = 0;
        let fits = |e: &&Encoding| {
            tokens += e.ids.len();
            tokens <= BATCH_TOKENS
        };
        let count = rest.iter().take_while(fits).count().max(1).min(rest.len());
        let (batch, tail) = rest.split_at(count);
        rest = tail;
        (!batch.is_empty()).then_some(batch)
    })
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
