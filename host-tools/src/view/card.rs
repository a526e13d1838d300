//! A model's card, for people and as JSON.

use std::fmt::Display;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;
use systole_runtime::Digest;
use systole_runtime::checkpoint::{Activation, Checkpoint, Fate, ModelConfig, SentenceHead, Source};
use systole_runtime::quantize::{
    Accuracy, CalibrationTexts, Origin, QuantizedModel, UnusedTensor, default_calibration,
};

use crate::accuracy;
use crate::model::scales_name;
use crate::output::{Output, plain};
use crate::view::dim;
use crate::view::table::table;
use crate::view::units::{bytes, grouped, scaled};

/// Columns of the names.
const NAMES: usize = 16;

/// What `inspect` reports of a model.
#[derive(Serialize)]
pub struct Card {
    model: String,
    /// `quantized` or `checkpoint`.
    kind: &'static str,
    supported: bool,
    /// Why it is not supported.
    refused: Option<String>,
    /// Size of the file, or of the checkpoint's.
    bytes: u64,
    architecture: Architecture,
    /// Only of a quantized model.
    quantized: Option<Quantized>,
    /// How token states become an embedding, prompts, lengths, labels.
    sentence: Option<Value>,
    source: Option<Hashes>,
    tensors_used: Option<usize>,
    tensors_unused: Vec<UnusedTensor>,
}

/// What is not known of a refused model is null.
#[derive(Serialize)]
struct Architecture {
    model_type: Option<String>,
    layers: Option<u64>,
    hidden: Option<u64>,
    heads: Option<u64>,
    intermediate: Option<u64>,
    activation: Option<String>,
    vocabulary: Option<u64>,
    positions: Option<u64>,
    token_types: Option<u64>,
    /// Of the encoder, embeddings included.
    parameters: Option<u64>,
}

#[derive(Serialize)]
struct Quantized {
    scales: &'static str,
    /// Of systole, that made it.
    version: String,
    calibration: CalibrationTexts,
    /// Calibrated with the texts that this systole has built in.
    calibration_built_in: bool,
    accuracy: Option<Accuracy>,
}

/// The checkpoint by content.
#[derive(Serialize)]
struct Hashes {
    /// Of the list that `sha256sum` prints for the files in the order of their names.
    sha256: Digest,
    #[serde(flatten)]
    source: Source,
}

impl From<Source> for Hashes {
    fn from(source: Source) -> Self {
        Self { sha256: source.digest(), source }
    }
}

impl Card {
    /// Of a quantized model, in a file of `size` bytes.
    pub fn quantized(name: &str, size: u64, model: &QuantizedModel) -> Self {
        let (shape, e) = (&model.encoder.shape, &model.embedding);
        let Origin { version, source, calibration, unused } = model.origin.clone();
        Self {
            model: name.to_owned(),
            kind: "quantized",
            supported: true,
            refused: None,
            bytes: size,
            architecture: Architecture::new(
                [shape.layers, shape.hidden, shape.heads, shape.intermediate].map(u64::from),
                [e.word.len(), e.position.len(), e.token_type.len()].map(|n| (n / e.hidden) as u64),
                if shape.relu { Activation::Relu } else { Activation::Gelu },
            ),
            quantized: Some(Quantized {
                scales: scales_name(shape.scales),
                version,
                calibration_built_in: calibration == CalibrationTexts::new(&default_calibration()),
                calibration,
                accuracy: model.accuracy.clone(),
            }),
            sentence: settings(&model.head),
            source: source.map(Hashes::from),
            tensors_used: None,
            tensors_unused: unused,
        }
    }

    /// Of a checkpoint directory, also of one that is not supported.
    pub fn checkpoint(name: &str, directory: &Path) -> anyhow::Result<Self> {
        let opened = Checkpoint::open(directory);
        let config: Option<Value> =
            std::fs::read(directory.join("config.json")).ok().and_then(|text| serde_json::from_slice(&text).ok());
        let (architecture, refused) = match (&opened, config) {
            (Ok(checkpoint), _) => (Architecture::of(&checkpoint.config), None),
            (Err(error), Some(config)) => (Architecture::refused(&config), Some(error.to_string())),
            (Err(_), None) => (Architecture::refused(&Value::Null), None),
        };
        let opened = match opened {
            // What has no description is no checkpoint.
            Err(error) if refused.is_none() => return Err(error.into()),
            opened => opened.ok(),
        };
        let source = Source::read(directory)?;
        let size = |file: &String| directory.join(file).metadata().map_or(0, |m| m.len());
        let tensors = opened.as_ref().map_or(&[][..], |c| &c.tensors);
        let unused = tensors.iter().filter_map(|t| match t.fate {
            Fate::Ignored(reason) => Some(UnusedTensor { name: t.name.clone(), reason: reason.to_owned() }),
            Fate::Mapped(_) | Fate::Refused(_) => None,
        });
        let tensors_unused: Vec<_> = unused.collect();
        Ok(Self {
            model: name.to_owned(),
            kind: "checkpoint",
            supported: refused.is_none(),
            refused,
            bytes: source.files.keys().map(size).sum(),
            architecture,
            quantized: None,
            sentence: opened.as_ref().and_then(|c| settings(&c.head)),
            source: Some(source.into()),
            tensors_used: opened.as_ref().map(|c| c.tensors.len() - tensors_unused.len()),
            tensors_unused,
        })
    }

    /// Writes the card for people.
    pub fn show(&self, out: &mut Output) -> std::io::Result<()> {
        let mut row = |name: &str, value: &dyn Display| {
            out.line(format_args!("{}{}", dim(&format!("{name:NAMES$}")), plain(&value.to_string())))
        };
        row("model", &self.model)?;
        row("architecture", &self.architecture)?;
        if let Some(reason) = &self.refused {
            row("not supported", reason)?;
        }
        match &self.quantized {
            Some(q) => {
                row("quantized", &format!("INT8, {} scales, {}", q.scales, bytes(self.bytes)))?;
                row("made by", &format!("systole {}", q.version))?;
                let texts = if q.calibration_built_in { "built-in texts" } else { "texts" };
                row("calibration", &format!("{} {texts}, sha256 {}", q.calibration.texts, q.calibration.sha256))?;
            }
            None => row("checkpoint", &bytes(self.bytes))?,
        }
        for (name, value) in self.sentence.iter().filter_map(Value::as_object).flatten() {
            if let Some(value) = words(value) {
                row(&name.replace('_', " "), &value)?;
            }
        }
        if let Some(used) = self.tensors_used {
            row("tensors", &format!("{used} used, {} not used", self.tensors_unused.len()))?;
        }
        if let Some(accuracy) = self.quantized.as_ref().and_then(|q| q.accuracy.as_ref()) {
            accuracy::show(accuracy, out)?;
        }
        self.show_tensors(out)?;
        self.show_source(out)
    }

    fn show_tensors(&self, out: &mut Output) -> std::io::Result<()> {
        if self.tensors_unused.is_empty() {
            return Ok(());
        }
        out.line("")?;
        let mut table = table(&["tensor that is not used", "why"]);
        for UnusedTensor { name, reason } in &self.tensors_unused {
            table.add_row([plain(name), plain(reason)]);
        }
        out.line(table.trim_fmt())
    }

    fn show_source(&self, out: &mut Output) -> std::io::Result<()> {
        let Some(Hashes { sha256, source }) = &self.source else { return Ok(()) };
        out.line("")?;
        let mut table = table(&["file of the checkpoint", "sha256"]);
        for (file, digest) in &source.files {
            table.add_row([plain(file).into_owned(), digest.to_string()]);
        }
        table.add_row(["all of them".to_owned(), sha256.to_string()]);
        out.line(table.trim_fmt())
    }
}

impl Architecture {
    fn new([layers, hidden, heads, intermediate]: [u64; 4], tables: [u64; 3], activation: Activation) -> Self {
        let [vocabulary, positions, token_types] = tables;
        let linear = |rows: u64, cols: u64| rows * cols + rows;
        let norm = 2 * hidden;
        let layer = 4 * linear(hidden, hidden) + linear(intermediate, hidden) + linear(hidden, intermediate) + 2 * norm;
        let parameters = (vocabulary + positions + token_types) * hidden + norm + layers * layer;
        let activation = match activation {
            Activation::Gelu => "gelu",
            Activation::Relu => "relu",
        };
        Self {
            model_type: Some("bert".to_owned()),
            layers: Some(layers),
            hidden: Some(hidden),
            heads: Some(heads),
            intermediate: Some(intermediate),
            activation: Some(activation.to_owned()),
            vocabulary: Some(vocabulary),
            positions: Some(positions),
            token_types: Some(token_types),
            parameters: Some(parameters),
        }
    }

    fn of(config: &ModelConfig) -> Self {
        Self::new(
            [config.layers, config.hidden, config.heads, config.intermediate].map(|n| n as u64),
            [config.vocab, config.max_positions, config.type_vocab].map(|n| n as u64),
            config.activation,
        )
    }

    /// What a `config.json` says that is not supported.
    fn refused(config: &Value) -> Self {
        let number = |key: &str| config.get(key).and_then(Value::as_u64);
        let text = |key: &str| config.get(key).and_then(Value::as_str).map(str::to_owned);
        Self {
            model_type: text("model_type"),
            layers: number("num_hidden_layers"),
            hidden: number("hidden_size"),
            heads: number("num_attention_heads"),
            intermediate: number("intermediate_size"),
            activation: text("hidden_act"),
            vocabulary: number("vocab_size"),
            positions: number("max_position_embeddings"),
            token_types: number("type_vocab_size"),
            parameters: None,
        }
    }
}

impl Display for Architecture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let size = |n: &Option<u64>, words: &str| n.map(|n| format!("{} {words}", grouped(n)));
        let dimensions = self.layers.zip(self.hidden).map(|(layers, hidden)| format!("{layers} layers x {hidden}"));
        let parts = [
            self.model_type.clone(),
            dimensions,
            size(&self.heads, "heads"),
            size(&self.intermediate, "feed-forward"),
            self.activation.clone(),
            size(&self.vocabulary, "words"),
            size(&self.positions, "positions"),
            self.parameters.map(|n| format!("{} parameters", scaled(n))),
        ];
        f.write_str(&parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
    }
}

/// All settings of the sentence embedding, as a model's file has them.
fn settings(head: &SentenceHead) -> Option<Value> {
    serde_json::to_value(head).ok()
}

/// A setting in words; `None` if it says nothing.
fn words(value: &Value) -> Option<String> {
    match value {
        Value::Null | Value::Bool(false) => None,
        Value::Bool(true) => Some("yes".to_owned()),
        Value::String(text) => Some(text.clone()),
        Value::Array(all) if all.is_empty() => None,
        Value::Array(all) => Some(all.iter().filter_map(words).collect::<Vec<_>>().join(", ")),
        Value::Object(all) if all.is_empty() => None,
        other => Some(other.to_string()),
    }
}
