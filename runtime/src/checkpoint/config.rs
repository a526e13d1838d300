//! `config.json`: the encoder's dimensions, and the refusal of everything it does not implement.

use std::path::Path;

use serde::Deserialize;

use super::error::{CheckpointError, Result};
use super::files;

/// Every `model_type` that can be read, as transformers spells it.
pub const MODEL_TYPES: &[&str] = &["bert"];

/// The element-wise function between the two matrices of the feed-forward block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Activation {
    /// `x * Phi(x)` with the exact error function (`gelu` of transformers, not its tanh forms).
    Gelu,
    /// `max(x, 0)`.
    Relu,
}

/// Dimensions and constants of a BERT encoder, checked and bounded.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelConfig {
    /// Width of the residual stream; a multiple of `heads`.
    pub hidden: usize,
    /// Encoder layers.
    pub layers: usize,
    /// Attention heads a layer.
    pub heads: usize,
    /// Width of the feed-forward block.
    pub intermediate: usize,
    /// Rows of the word embedding table.
    pub vocab: usize,
    /// Rows of the position embedding table: the longest input in tokens.
    pub max_positions: usize,
    /// Rows of the token type embedding table.
    pub type_vocab: usize,
    /// Added to the variance in every LayerNorm.
    pub layer_norm_eps: f32,
    /// Activation of the feed-forward block.
    pub activation: Activation,
}

impl ModelConfig {
    /// Width of one head.
    pub fn head_dim(&self) -> usize {
        self.hidden / self.heads
    }

    /// Reads and checks a `config.json`.
    ///
    /// # Errors
    /// [`CheckpointError::Io`], [`CheckpointError::FileTooLarge`], and those of [`ModelConfig::from_json`].
    pub fn from_file(path: &Path) -> Result<Self> {
        Self::from_json(&files::read_small(path, files::MAX_JSON)?, path)
    }

    /// Parses and checks the text of a `config.json`; `path` is for messages only.
    ///
    /// Keys that transformers may leave out take its `BertConfig` defaults: `hidden_act` gelu, `layer_norm_eps` 1e-12,
    /// `type_vocab_size` 2, `position_embedding_type` absolute, `is_decoder` and `add_cross_attention` false. The model
    /// type and the sizes are required. The model type comes first: another architecture names its sizes differently, and
    /// that they are missing is not what is wrong with it.
    ///
    /// # Errors
    /// [`CheckpointError::Json`] when it does not parse, [`CheckpointError::Architecture`], [`CheckpointError::Unsupported`],
    /// [`CheckpointError::SizeOutOfRange`] or [`CheckpointError::HeadsDoNotDivide`] when it does.
    pub fn from_json(text: &[u8], path: &Path) -> Result<Self> {
        let ModelType { model_type } = files::parse(text, path)?;
        if !model_type.as_str().is_some_and(|name| MODEL_TYPES.contains(&name)) {
            let found = if model_type.is_null() { "missing".to_owned() } else { shortened(&model_type.to_string()) };
            return Err(CheckpointError::Architecture { found });
        }
        files::parse::<RawConfig>(text, path)?.check()
    }
}

/// The key that says what the others mean.
#[derive(Deserialize)]
struct ModelType {
    #[serde(default)]
    model_type: serde_json::Value,
}

/// The keys of a BERT's `config.json` that matter here, before any check.
#[derive(Deserialize)]
struct RawConfig {
    hidden_size: u64,
    num_hidden_layers: u64,
    num_attention_heads: u64,
    intermediate_size: u64,
    vocab_size: u64,
    max_position_embeddings: u64,
    #[serde(default = "default_type_vocab")]
    type_vocab_size: u64,
    #[serde(default = "default_eps")]
    layer_norm_eps: f64,
    #[serde(default = "default_act")]
    hidden_act: String,
    #[serde(default = "default_position")]
    position_embedding_type: String,
    #[serde(default)]
    is_decoder: bool,
    #[serde(default)]
    add_cross_attention: bool,
}

fn default_type_vocab() -> u64 {
    2
}

fn default_eps() -> f64 {
    1e-12
}

fn default_act() -> String {
    "gelu".to_owned()
}

fn default_position() -> String {
    "absolute".to_owned()
}

impl RawConfig {
    fn check(self) -> Result<ModelConfig> {
        let require = |ok: bool, key, found: String, supported| {
            if ok { Ok(()) } else { Err(CheckpointError::Unsupported { key, found, supported }) }
        };
        let position = &self.position_embedding_type;
        require(position == "absolute", "position_embedding_type", quoted(position), "\"absolute\"")?;
        require(!self.is_decoder, "is_decoder", "true".to_owned(), "false")?;
        require(!self.add_cross_attention, "add_cross_attention", "true".to_owned(), "false")?;
        let eps = self.layer_norm_eps;
        require(eps > 0.0 && eps <= 0.1, "layer_norm_eps", eps.to_string(), "a number in (0, 0.1]")?;
        let activation = match self.hidden_act.as_str() {
            "gelu" => Activation::Gelu,
            "relu" => Activation::Relu,
            other => {
                let supported = "\"gelu\" (exact) or \"relu\"";
                return Err(CheckpointError::Unsupported { key: "hidden_act", found: quoted(other), supported });
            }
        };
        // Twice to eight times the largest BERT-family encoder in each dimension: nothing is allocated from
        // these numbers alone, but shapes computed from them stay far from overflow.
        let config = ModelConfig {
            hidden: size("hidden_size", self.hidden_size, 8192)?,
            layers: size("num_hidden_layers", self.num_hidden_layers, 128)?,
            heads: size("num_attention_heads", self.num_attention_heads, 256)?,
            intermediate: size("intermediate_size", self.intermediate_size, 32_768)?,
            vocab: size("vocab_size", self.vocab_size, 1 << 21)?,
            max_positions: size("max_position_embeddings", self.max_position_embeddings, 32_768)?,
            type_vocab: size("type_vocab_size", self.type_vocab_size, 64)?,
            layer_norm_eps: eps as f32,
            activation,
        };
        if !config.hidden.is_multiple_of(config.heads) {
            return Err(CheckpointError::HeadsDoNotDivide { hidden: config.hidden, heads: config.heads });
        }
        Ok(config)
    }
}

/// A string from the file for a message.
fn quoted(value: &str) -> String {
    format!("{:?}", shortened(value))
}

/// A text from the file, cut to a readable length.
fn shortened(text: &str) -> String {
    text.chars().take(64).collect()
}

fn size(key: &'static str, found: u64, max: u64) -> Result<usize> {
    if (1..=max).contains(&found) {
        Ok(found as usize)
    } else {
        Err(CheckpointError::SizeOutOfRange { key, found, min: 1, max })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"model_type":"bert","hidden_size":24,"num_hidden_layers":2,"num_attention_heads":2,
        "intermediate_size":48,"vocab_size":64,"max_position_embeddings":40}"#;

    fn parse(text: &str) -> std::result::Result<ModelConfig, String> {
        ModelConfig::from_json(text.as_bytes(), Path::new("config.json")).map_err(|e| e.to_string())
    }

    fn refusal(from: &str, to: &str) -> String {
        let text = GOOD.replace(from, to);
        assert_ne!(text, GOOD);
        parse(&text).unwrap_err()
    }

    #[test]
    fn defaults_are_those_of_bert_config() {
        let config = parse(GOOD).unwrap();
        assert_eq!(config.type_vocab, 2);
        assert_eq!(config.layer_norm_eps, 1e-12);
        assert_eq!(config.activation, Activation::Gelu);
        assert_eq!(config.head_dim(), 12);
    }

    #[test]
    fn unsupported_models_are_refused_by_key() {
        let with = |extra: &str| refusal("\"hidden_size\"", &format!("{extra},\"hidden_size\""));
        assert_eq!(
            with(r#""hidden_act":"gelu_new""#),
            "config.json: hidden_act is \"gelu_new\", supported is \"gelu\" (exact) or \"relu\"; \
             use a checkpoint with this property"
        );
        assert!(with(r#""position_embedding_type":"relative_key""#).contains("position_embedding_type is"));
        assert!(with(r#""is_decoder":true"#).contains("is_decoder is true"));
        assert!(with(r#""add_cross_attention":true"#).contains("add_cross_attention is true"));
        assert!(with(r#""layer_norm_eps":-1"#).contains("layer_norm_eps is -1"));
        assert!(with(r#""layer_norm_eps":1e999"#).contains("config.json is not what it should be"));
    }

    #[test]
    fn the_architecture_is_named_before_any_other_key() {
        let remedy = "supported: bert; use a checkpoint of a supported architecture";
        assert_eq!(refusal("\"bert\"", "\"roberta\""), format!("config.json: model_type is \"roberta\", {remedy}"));
        // As published: no hidden_size, no num_hidden_layers.
        let distilbert = r#"{"activation":"gelu","dim":768,"hidden_dim":3072,"model_type":"distilbert","n_heads":12,
            "n_layers":6,"vocab_size":30522}"#;
        assert_eq!(parse(distilbert).unwrap_err(), format!("config.json: model_type is \"distilbert\", {remedy}"));
        assert_eq!(parse("{}").unwrap_err(), format!("config.json: model_type is missing, {remedy}"));
        assert_eq!(
            parse(r#"{"model_type":["bert"]}"#).unwrap_err(),
            format!("config.json: model_type is [\"bert\"], {remedy}")
        );
        let long = parse(&format!(r#"{{"model_type":"{}"}}"#, "x".repeat(1000))).unwrap_err();
        assert!(long.len() < 200, "{long}");
    }

    #[test]
    fn hostile_sizes_are_refused() {
        assert_eq!(
            refusal("\"hidden_size\":24", "\"hidden_size\":18446744073709551615"),
            "config.json: hidden_size is 18446744073709551615, outside 1..=8192; \
             the file is damaged or not a BERT configuration"
        );
        assert!(refusal("\"num_attention_heads\":2", "\"num_attention_heads\":0").contains("outside 1..=256"));
        assert!(refusal("\"vocab_size\":64", "\"vocab_size\":-1").contains("config.json is not what it should be"));
        assert_eq!(
            refusal("\"num_attention_heads\":2", "\"num_attention_heads\":5"),
            "config.json: hidden_size 24 is not a multiple of num_attention_heads 5; one of the two is wrong"
        );
    }

    #[test]
    fn garbage_is_an_error() {
        assert!(parse("").is_err());
        assert!(parse("[]").is_err());
        assert!(parse(&"[".repeat(100_000)).is_err());
        assert!(parse("{\"model_type\":\"bert\"}").unwrap_err().contains("missing field `hidden_size`"));
    }
}
