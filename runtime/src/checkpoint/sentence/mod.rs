//! What sentence-transformers knows of a model: how a text becomes tokens, and how token states become one embedding.
//!
//! 1. `Description` reads it: `modules.json`, what that names, and the settings beside it.
//! 2. [`SentenceHead::prompt`] and [`SentenceHead::max_tokens`] say how texts are encoded.
//! 3. [`SentenceHead::apply`] is the host's part of a model, in fp32: the same code behind sessions, cross-checks and the
//!    reference.
//!
//! A setting is followed as sentence-transformers 6.2 follows it, or refused by its name.

mod apply;
mod modules;
mod settings;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::error::{CheckpointError, Result};
use super::task::TrainedFor;
use super::tokenizer::{Encoding, Limit, Tokenizer};
use super::weights::Matrix;

pub(super) use modules::{MODULES, Modules};
pub(super) use settings::{Description, MODEL, TOKENIZER, TRANSFORMER};

/// How the token states of a text become one vector. All tokens count, `[CLS]` and `[SEP]` included, but for those of a
/// prompt that is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    /// The state of the first token.
    Cls,
    /// The maximum over the tokens, per dimension.
    Max,
    /// The mean over the tokens.
    Mean,
    /// The sum over the tokens, divided by the square root of their number.
    MeanSqrtLen,
    /// The mean weighted by position: the first token of the text counts once, the second twice.
    WeightedMean,
    /// The state of the last token.
    LastToken,
}

/// The function behind a [`Step::Dense`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DenseActivation {
    /// None.
    Identity,
    /// Hyperbolic tangent.
    Tanh,
    /// `max(x, 0)`.
    Relu,
    /// `x * Phi(x)` with the exact error function.
    Gelu,
}

/// A module behind the pooling. Weights are not part of the serialized form: see [`SentenceHead::tensors`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// `activation(x W^T + b)`.
    Dense {
        /// `[out, in]`.
        #[serde(skip)]
        weight: Matrix,
        /// `[1, out]`; zeros if the module has none.
        #[serde(skip)]
        bias: Matrix,
        /// The function behind it.
        activation: DenseActivation,
    },
    /// PyTorch's LayerNorm, with its epsilon of 1e-5.
    LayerNorm {
        /// Scale, `[1, n]`.
        #[serde(skip)]
        gamma: Matrix,
        /// Shift, `[1, n]`.
        #[serde(skip)]
        beta: Matrix,
    },
    /// To unit length; a zero vector stays zero.
    Normalize,
}

/// How long an encoded text may be, special tokens included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Length {
    /// Cut to [`SentenceHead::max_tokens`], or to the model's positions: what sentence-transformers does.
    #[default]
    Model,
    /// Cut to so many tokens.
    Tokens(usize),
    /// As [`Length::Model`], but a longer text is an error.
    Refuse,
}

/// The settings around an encoder. The serialized form is complete but for the steps' weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SentenceHead {
    /// The poolings, at least one; their results are concatenated.
    pub pooling: Vec<Pooling>,
    /// Whether the tokens of a prompt take part in the pooling.
    pub include_prompt: bool,
    /// What follows the pooling, in order.
    pub steps: Vec<Step>,
    /// Only so many leading elements of the result are kept, not scaled again.
    pub dimensions: Option<usize>,
    /// The length in tokens to which texts are cut, special tokens included; `None`: the model's positions.
    pub max_tokens: Option<usize>,
    /// What may be put before a text, by name.
    pub prompts: BTreeMap<String, String>,
    /// The prompt of a text for which none is chosen.
    pub default_prompt: Option<String>,
    /// What the checkpoint was trained for, if that was not an embedding.
    pub trained_for: Option<TrainedFor>,
}

impl Default for SentenceHead {
    /// Mean pooling and nothing behind it: what sentence-transformers does with a checkpoint that has no description.
    fn default() -> Self {
        Self {
            pooling: vec![Pooling::Mean],
            include_prompt: true,
            steps: Vec::new(),
            dimensions: None,
            max_tokens: None,
            prompts: BTreeMap::new(),
            default_prompt: None,
            trained_for: None,
        }
    }
}

impl SentenceHead {
    /// A head of one pooling, with or without normalisation.
    pub fn of(pooling: Pooling, normalize: bool) -> Self {
        let steps = if normalize { vec![Step::Normalize] } else { Vec::new() };
        Self { pooling: vec![pooling], steps, ..Self::default() }
    }

    /// Whether embeddings have unit length.
    pub fn is_normalized(&self) -> bool {
        self.steps.last() == Some(&Step::Normalize) && self.dimensions.is_none()
    }

    /// The text of the prompt of this name; without a name that of the model's default, which is empty if it has none.
    ///
    /// # Errors
    /// [`CheckpointError::PromptName`].
    pub fn prompt(&self, name: Option<&str>) -> Result<&str> {
        let Some(name) = name.or(self.default_prompt.as_deref()) else { return Ok("") };
        self.prompts.get(name).map(String::as_str).ok_or_else(|| CheckpointError::PromptName {
            name: name.to_owned(),
            known: self.prompts.keys().cloned().collect(),
        })
    }

    /// The texts of all prompts, none being the first.
    pub fn all_prompts(&self) -> Vec<&str> {
        let mut all = vec![""];
        all.extend(self.prompts.values().map(String::as_str).filter(|prompt| !prompt.is_empty()));
        all
    }

    /// Encodes a text behind a prompt, for a model of so many positions; [`Encoding::cut`] says by how much it was cut.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`].
    pub fn encode(
        &self,
        tokenizer: &Tokenizer,
        positions: usize,
        prompt: &str,
        text: &str,
        length: Length,
    ) -> Result<Encoding> {
        let own = self.max_tokens.unwrap_or(positions).min(positions);
        let limit = match length {
            Length::Model => Limit { max: positions, truncate: Some(own) },
            Length::Tokens(tokens) => Limit { max: positions, truncate: Some(tokens) },
            Length::Refuse => Limit::refuse(own),
        };
        if prompt.is_empty() {
            return tokenizer.encode(text, limit);
        }
        let encoding = tokenizer.encode(&format!("{prompt}{text}"), limit)?;
        if self.include_prompt {
            return Ok(encoding);
        }
        // sentence-transformers counts the prompt's own encoding, without the special token at its end.
        let alone = tokenizer.encode(prompt, limit)?;
        let last_is_special = alone.ids.last().is_some_and(|&id| tokenizer.is_special(id));
        Ok(Encoding { skip: alone.ids.len() - usize::from(last_is_special), ..encoding })
    }

    /// Length of an embedding from states of `hidden` columns.
    ///
    /// # Errors
    /// [`CheckpointError::SentenceWidth`] for a module that does not fit the one before it,
    /// [`CheckpointError::Dimensions`] when fewer remain than are to be kept.
    pub fn width(&self, hidden: usize) -> Result<usize> {
        let mut width = hidden * self.pooling.len();
        for (index, step) in self.steps.iter().enumerate() {
            let (expects, gives) = match step {
                Step::Dense { weight, bias, .. } if (bias.rows, bias.cols) == (1, weight.rows) => {
                    (weight.cols, weight.rows)
                }
                Step::LayerNorm { gamma, beta } if (gamma.rows, beta.rows, beta.cols) == (1, 1, gamma.cols) => {
                    (gamma.cols, gamma.cols)
                }
                Step::Normalize => (width, width),
                Step::Dense { .. } | Step::LayerNorm { .. } => (0, 0),
            };
            if expects != width || gives == 0 {
                return Err(CheckpointError::SentenceWidth { step: index + 1, expects, width });
            }
            width = gives;
        }
        match self.dimensions {
            Some(kept) if kept == 0 || kept > width => Err(CheckpointError::Dimensions { kept, width }),
            kept => Ok(kept.unwrap_or(width)),
        }
    }

    /// Checks what a file may say wrongly: no pooling, steps that do not fit, a default prompt that is none.
    ///
    /// # Errors
    /// [`CheckpointError::SentenceHead`], [`CheckpointError::PromptName`], and as [`SentenceHead::width`].
    pub fn check(&self, hidden: usize) -> Result<()> {
        if self.pooling.is_empty() {
            return Err(modules::unsupported(MODULES, "no pooling".to_owned()));
        }
        self.prompt(None)?;
        self.width(hidden).map(drop)
    }

    /// The steps' weights, each with a name of its own.
    pub fn tensors(&self) -> Vec<(String, &Matrix)> {
        let mut all = Vec::new();
        for (index, step) in self.steps.iter().enumerate() {
            match step {
                Step::Dense { weight, bias, .. } => {
                    all.push((format!("head.{index}.weight"), weight));
                    all.push((format!("head.{index}.bias"), bias));
                }
                Step::LayerNorm { gamma, beta } => {
                    all.push((format!("head.{index}.gamma"), gamma));
                    all.push((format!("head.{index}.beta"), beta));
                }
                Step::Normalize => {}
            }
        }
        all
    }

    /// As [`SentenceHead::tensors`], to fill in what the serialized form lacks; [`SentenceHead::check`] then checks it.
    pub fn tensors_mut(&mut self) -> Vec<(String, &mut Matrix)> {
        let mut all = Vec::new();
        for (index, step) in self.steps.iter_mut().enumerate() {
            match step {
                Step::Dense { weight, bias, .. } => {
                    all.push((format!("head.{index}.weight"), weight));
                    all.push((format!("head.{index}.bias"), bias));
                }
                Step::LayerNorm { gamma, beta } => {
                    all.push((format!("head.{index}.gamma"), gamma));
                    all.push((format!("head.{index}.beta"), beta));
                }
                Step::Normalize => {}
            }
        }
        all
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
