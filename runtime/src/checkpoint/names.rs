//! Which tensor of a file is which parameter of the encoder.
//!
//! transformers writes the same encoder under several names: `BertModel` without prefix, every task model under
//! `bert.`, and LayerNorms converted from TensorFlow as `gamma`/`beta` instead of `weight`/`bias`.

use std::collections::BTreeMap;

use super::config::ModelConfig;

/// Prefixes under which an encoder may be stored.
pub(super) const PREFIXES: [&str; 2] = ["bert.", ""];
/// The parameter by which an encoder is recognised.
pub(super) const WORD: &str = "embeddings.word_embeddings.weight";

/// The reason to ignore a tensor that holds no weights at all.
pub const INDEX_TABLE: &str = "a constant table of indices, not a parameter";

/// What becomes of one tensor of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It is this parameter of the encoder (transformers' current name, without prefix).
    Mapped(String),
    /// It does not take part in the encoder's result.
    Ignored(&'static str),
    /// It would change the result and is not implemented: loading fails.
    Refused(&'static str),
}

/// Every parameter of the encoder with its shape, under transformers' current name without prefix.
pub(super) fn parameters(config: &ModelConfig) -> BTreeMap<String, Vec<usize>> {
    let (h, f) = (config.hidden, config.intermediate);
    let mut all = BTreeMap::from([
        (WORD.to_owned(), vec![config.vocab, h]),
        ("embeddings.position_embeddings.weight".to_owned(), vec![config.max_positions, h]),
        ("embeddings.token_type_embeddings.weight".to_owned(), vec![config.type_vocab, h]),
        ("embeddings.LayerNorm.weight".to_owned(), vec![h]),
        ("embeddings.LayerNorm.bias".to_owned(), vec![h]),
    ]);
    for layer in 0..config.layers {
        let linears = [
            ("attention.self.query", h, h),
            ("attention.self.key", h, h),
            ("attention.self.value", h, h),
            ("attention.output.dense", h, h),
            ("intermediate.dense", f, h),
            ("output.dense", h, f),
        ];
        for (part, rows, cols) in linears {
            all.insert(format!("encoder.layer.{layer}.{part}.weight"), vec![rows, cols]);
            all.insert(format!("encoder.layer.{layer}.{part}.bias"), vec![rows]);
        }
        for part in ["attention.output.LayerNorm", "output.LayerNorm"] {
            all.insert(format!("encoder.layer.{layer}.{part}.weight"), vec![h]);
            all.insert(format!("encoder.layer.{layer}.{part}.bias"), vec![h]);
        }
    }
    all
}

/// Decides the fate of the tensor `name` in a file whose encoder stands under `prefix`.
pub(super) fn fate(name: &str, prefix: &str, parameters: &BTreeMap<String, Vec<usize>>) -> Fate {
    let Some(inner) = name.strip_prefix(prefix) else {
        return Fate::Ignored(head_reason(name).unwrap_or("outside the encoder: part of a task head"));
    };
    let current = current_name(inner);
    if parameters.contains_key(&current) {
        return Fate::Mapped(current);
    }
    if inner == "embeddings.position_ids" || inner == "embeddings.token_type_ids" {
        return Fate::Ignored(INDEX_TABLE);
    }
    if inner.starts_with("pooler.") {
        return Fate::Ignored("the pooler feeds task heads; sentence embeddings pool the last layer");
    }
    if let Some(reason) = head_reason(inner) {
        return Fate::Ignored(reason);
    }
    if inner.contains("distance_embedding") {
        return Fate::Refused("relative positions are not implemented");
    }
    if inner.contains("crossattention") {
        return Fate::Refused("cross attention is not implemented");
    }
    if inner.starts_with("encoder.layer.") {
        return Fate::Refused("config.json's layers and transformers' BERT have no such parameter");
    }
    Fate::Refused("it is no parameter of a BERT encoder and no known head")
}

/// The reason to leave out a tensor of one of transformers' task heads.
fn head_reason(name: &str) -> Option<&'static str> {
    match name.split('.').next() {
        Some("cls") => Some("pre-training head (masked language model, next sentence)"),
        Some("classifier") => Some("classification head"),
        Some("qa_outputs") => Some("question answering head"),
        _ => None,
    }
}

/// `LayerNorm.gamma` and `LayerNorm.beta` under their current names; everything else unchanged.
fn current_name(name: &str) -> String {
    if let Some(base) = name.strip_suffix("LayerNorm.gamma") {
        format!("{base}LayerNorm.weight")
    } else if let Some(base) = name.strip_suffix("LayerNorm.beta") {
        format!("{base}LayerNorm.bias")
    } else {
        name.to_owned()
    }
}
