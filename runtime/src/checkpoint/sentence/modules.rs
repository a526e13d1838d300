//! `modules.json` and the directories of its modules.

use std::path::{Component, Path};

use serde::Deserialize;
use serde_json::Value;

use super::{DenseActivation, Pooling, SentenceHead, Step};
use crate::checkpoint::error::{CheckpointError, Result};
use crate::checkpoint::weights::Matrix;
use crate::checkpoint::{CONFIG, TENSORS, files, tensors};

/// The list itself, relative to the checkpoint directory.
pub const MODULES: &str = "modules.json";
/// Widest module that is believed before anything is allocated.
const MAX_WIDTH: usize = 1 << 16;

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    path: String,
    #[serde(rename = "type")]
    class: String,
}

/// The modules that are understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Transformer,
    Pooling,
    Dense,
    LayerNorm,
    Dropout,
    Normalize,
}

#[derive(Debug)]
struct Module {
    kind: Kind,
    /// Directory of its files, relative to the checkpoint's; empty or within it.
    path: String,
}

/// The parsed and checked list: a Transformer, then a Pooling, then whatever follows.
#[derive(Debug)]
pub struct Modules(Vec<Module>);

impl Modules {
    /// Reads the list of a checkpoint directory; `None` when it has none.
    pub fn read(directory: &Path) -> Result<Option<Self>> {
        let file = directory.join(MODULES);
        if !file.exists() {
            return Ok(None);
        }
        let entries: Vec<Entry> = files::read_json(&file)?;
        let modules = entries.into_iter().map(Entry::check).collect::<Result<Vec<_>>>()?;
        // Dropout does nothing when no training goes on.
        let modules: Vec<Module> = modules.into_iter().filter(|m| m.kind != Kind::Dropout).collect();
        let once = |kind| modules.iter().filter(|m| m.kind == kind).count() == 1;
        let starts = modules.iter().map(|m| m.kind).take(2).eq([Kind::Transformer, Kind::Pooling]);
        if starts && once(Kind::Transformer) && once(Kind::Pooling) {
            return Ok(Some(Self(modules)));
        }
        let kinds: Vec<String> = modules.iter().map(|m| format!("{:?}", m.kind)).collect();
        Err(unsupported(MODULES, format!("the order {}", kinds.join(", "))))
    }

    /// Directory of the encoder's files, relative to the checkpoint's: empty, or `0_Transformer` in old layouts.
    pub fn encoder(&self) -> &str {
        &self.0[0].path
    }

    /// The files that the other modules consist of, relative to the checkpoint directory, with whether each must be there.
    pub fn files(&self) -> Vec<(String, bool)> {
        let mut files = Vec::new();
        for Module { kind, path } in &self.0[1..] {
            // Older releases write no file for Normalize.
            files.push((format!("{path}/{CONFIG}"), *kind != Kind::Normalize));
            if matches!(kind, Kind::Dense | Kind::LayerNorm) {
                files.push((format!("{path}/{TENSORS}"), true));
            }
        }
        files
    }

    /// Pooling and what follows it.
    pub fn read_into(&self, directory: &Path, head: &mut SentenceHead) -> Result<()> {
        (head.pooling, head.include_prompt) = pooling(directory, &self.0[1].path)?;
        head.steps = self.0[2..].iter().map(|m| m.step(directory)).collect::<Result<_>>()?;
        Ok(())
    }
}

impl Entry {
    fn check(self) -> Result<Module> {
        let Self { path, class } = self;
        // Modules have moved within the package over the releases; their names stayed. Other packages' are other code.
        let kind = match class.strip_prefix("sentence_transformers.").and_then(|name| name.rsplit('.').next()) {
            Some("Transformer") => Kind::Transformer,
            Some("Pooling") => Kind::Pooling,
            Some("Dense") => Kind::Dense,
            Some("LayerNorm") => Kind::LayerNorm,
            Some("Dropout") => Kind::Dropout,
            Some("Normalize") => Kind::Normalize,
            _ => return Err(unsupported(MODULES, format!("module {class}"))),
        };
        // The path comes from a downloaded file: it must stay inside the directory.
        let inside = Path::new(&path).components().all(|c| matches!(c, Component::Normal(_)));
        let has_own = !path.is_empty() || kind == Kind::Transformer;
        if inside && has_own { Ok(Module { kind, path }) } else { Err(unsupported(MODULES, format!("path {path:?}"))) }
    }
}

impl Module {
    fn step(&self, directory: &Path) -> Result<Step> {
        let path = directory.join(&self.path);
        let config = path.join(CONFIG);
        match self.kind {
            Kind::Dense => {
                let raw: RawDense = files::read_json(&config)?;
                raw.check(&self.path)?.read(&path)
            }
            Kind::LayerNorm => {
                let RawLayerNorm { dimension } = files::read_json(&config)?;
                let width = [bounded(&self.path, "dimension", dimension)?];
                let [gamma, beta] = weights(&path, [("norm.weight", &width), ("norm.bias", &width)])?;
                Ok(Step::LayerNorm { gamma, beta })
            }
            _ => {
                if config.exists() {
                    let names: Names = files::read_json(&config)?;
                    names.check(&self.path)?;
                }
                Ok(Step::Normalize)
            }
        }
    }
}

/// `1_Pooling/config.json`: one flag per mode, or (newer releases) one name or a list of names.
#[derive(Deserialize)]
struct RawPooling {
    pooling_mode: Option<OneOrMore>,
    include_prompt: Option<bool>,
    #[serde(flatten)]
    others: std::collections::BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

/// The flags, in the order in which their results are concatenated.
const FLAGS: [(&str, Pooling); 6] = [
    ("pooling_mode_cls_token", Pooling::Cls),
    ("pooling_mode_max_tokens", Pooling::Max),
    ("pooling_mode_mean_tokens", Pooling::Mean),
    ("pooling_mode_mean_sqrt_len_tokens", Pooling::MeanSqrtLen),
    ("pooling_mode_weightedmean_tokens", Pooling::WeightedMean),
    ("pooling_mode_lasttoken", Pooling::LastToken),
];

/// The modes and whether a prompt takes part.
fn pooling(directory: &Path, path: &str) -> Result<(Vec<Pooling>, bool)> {
    let raw: RawPooling = files::read_json(&directory.join(path).join(CONFIG))?;
    let on = |key: &str| raw.others.get(key) == Some(&Value::Bool(true));
    let unknown = |key: &&String| key.starts_with("pooling_mode") && !FLAGS.iter().any(|(flag, _)| flag == key);
    if let Some(key) = raw.others.keys().find(|key| unknown(key) && on(key)) {
        return Err(unsupported_in(path, key.clone()));
    }
    let named = |name: &String| {
        let mode = match name.as_str() {
            "cls" => Pooling::Cls,
            "max" => Pooling::Max,
            "mean" => Pooling::Mean,
            "mean_sqrt_len_tokens" => Pooling::MeanSqrtLen,
            "weightedmean" => Pooling::WeightedMean,
            "lasttoken" => Pooling::LastToken,
            _ => return Err(unsupported_in(path, format!("pooling_mode {name}"))),
        };
        Ok(mode)
    };
    let mut modes = match &raw.pooling_mode {
        Some(OneOrMore::One(name)) => vec![named(name)?],
        Some(OneOrMore::More(names)) => names.iter().map(named).collect::<Result<_>>()?,
        None => FLAGS.iter().filter(|(flag, _)| on(flag)).map(|(_, mode)| *mode).collect(),
    };
    if modes.is_empty() {
        modes.push(Pooling::Mean);
    }
    Ok((modes, raw.include_prompt.unwrap_or(true)))
}

/// `N_Dense/config.json`.
#[derive(Deserialize)]
struct RawDense {
    in_features: usize,
    out_features: usize,
    #[serde(default = "yes")]
    bias: bool,
    activation_function: Option<String>,
    #[serde(default)]
    use_residual: bool,
    #[serde(flatten)]
    names: Names,
}

fn yes() -> bool {
    true
}

/// A checked [`RawDense`].
struct CheckedDense {
    shape: [usize; 2],
    bias: bool,
    activation: DenseActivation,
}

impl RawDense {
    fn check(self, path: &str) -> Result<CheckedDense> {
        self.names.check(path)?;
        if self.use_residual {
            return Err(unsupported_in(path, "use_residual".to_owned()));
        }
        let activation = match self.activation_function.as_deref() {
            None | Some("torch.nn.modules.activation.Tanh") => DenseActivation::Tanh,
            Some("torch.nn.modules.linear.Identity") => DenseActivation::Identity,
            Some("torch.nn.modules.activation.ReLU") => DenseActivation::Relu,
            Some("torch.nn.modules.activation.GELU") => DenseActivation::Gelu,
            Some(other) => return Err(unsupported_in(path, format!("activation_function {other}"))),
        };
        let out = bounded(path, "out_features", self.out_features)?;
        let shape = [out, bounded(path, "in_features", self.in_features)?];
        Ok(CheckedDense { shape, bias: self.bias, activation })
    }
}

impl CheckedDense {
    fn read(self, path: &Path) -> Result<Step> {
        let Self { shape, bias, activation } = self;
        let (weight, bias) = if bias {
            let [weight, bias] = weights(path, [("linear.weight", &shape), ("linear.bias", &shape[..1])])?;
            (weight, bias)
        } else {
            let [weight] = weights(path, [("linear.weight", &shape)])?;
            (weight, Matrix::zeros(1, shape[0]))
        };
        Ok(Step::Dense { weight, bias, activation })
    }
}

/// `N_LayerNorm/config.json`.
#[derive(Deserialize)]
struct RawLayerNorm {
    dimension: usize,
}

/// What a module reads and writes.
#[derive(Deserialize)]
struct Names {
    module_input_name: Option<String>,
    module_output_name: Option<String>,
}

impl Names {
    /// Only the embedding itself passes from module to module here.
    fn check(&self, path: &str) -> Result<()> {
        let both = [("module_input_name", &self.module_input_name), ("module_output_name", &self.module_output_name)];
        for (key, name) in both {
            if let Some(name) = name.as_deref().filter(|name| *name != "sentence_embedding") {
                return Err(unsupported_in(path, format!("{key} {name}")));
            }
        }
        Ok(())
    }
}

fn bounded(path: &str, key: &str, width: usize) -> Result<usize> {
    if (1..=MAX_WIDTH).contains(&width) { Ok(width) } else { Err(unsupported_in(path, format!("{key} {width}"))) }
}

/// The weights of the module in this directory.
fn weights<const N: usize>(path: &Path, wanted: [(&str, &[usize]); N]) -> Result<[Matrix; N]> {
    files::require(path, TENSORS, files::weights_remedy(path))?;
    tensors::read_module(&path.join(TENSORS), wanted)
}

fn unsupported_in(path: &str, found: String) -> CheckpointError {
    unsupported(&format!("{path}/{CONFIG}"), found)
}

pub(super) fn unsupported(file: &str, found: String) -> CheckpointError {
    CheckpointError::SentenceHead { file: file.to_owned(), found: found.chars().take(120).collect() }
}
