//! `--model`: a checkpoint directory, a hub id, a quantized file, or the built-in model.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::ValueEnum;
use serde::Serialize;
use systole_bitgen::verilated::cache_directory;
use systole_runtime::accuracy::Effort;
use systole_runtime::cache::{Key, ModelCache};
use systole_runtime::checkpoint::{Checkpoint, FileKind, Hub, INDEX_TABLE};
use systole_runtime::quantize::{CalibrationTexts, QuantizedModel, Scales, Split};

use crate::output::note;
use crate::{accuracy, input};

/// Two layers, hidden 128, static scales; see `models/README.md`.
pub const BUILT_IN: &[u8] = include_bytes!("../models/small.systole");
/// Tensors that a note lists by name.
const NAMES: usize = 3;
/// Its name in messages and tables.
pub const BUILT_IN_NAME: &str = "the built-in model";

/// Which model, and how to quantize it if it is not yet.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct ModelArgs {
    /// A checkpoint directory, a model id of the Hugging Face hub, or a file of `systole quantize`
    ///
    /// A directory holds config.json, model.safetensors (or shards) and tokenizer.json (or vocab.txt). An id such as
    /// sentence-transformers/all-MiniLM-L6-v2, optionally with @revision, is fetched once and kept where the Python
    /// library keeps it; HF_HOME, HF_HUB_CACHE, HF_HUB_OFFLINE, HF_ENDPOINT and HF_TOKEN mean what they mean for that
    /// library. Without this option the small model inside this program is used.
    #[arg(long, short, value_name = "DIR|ID|FILE")]
    pub model: Option<String>,

    #[command(flatten)]
    pub how: QuantizeArgs,

    /// Quantize a checkpoint anew and do not keep the result; otherwise see `systole cache`
    #[arg(long)]
    pub no_cache: bool,
}

/// How to quantize.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct QuantizeArgs {
    /// Activation scales: from calibration (fast), or found per token at run time (accurate) [default: static]
    #[arg(long, value_enum)]
    pub scales: Option<ScalesArg>,

    /// Texts that resemble what the model will see, plain lines or JSON Lines [default: a general English corpus]
    #[arg(long, value_name = "FILE")]
    pub calibration: Option<PathBuf>,

    /// Least mean cosine to fp32, at every length measured, that a quantized model must have [default: 0.98]
    #[arg(long, value_name = "COSINE", value_parser = accuracy::parse_cosine)]
    pub accept_accuracy: Option<f64>,
}

/// [`Scales`] on the command line.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScalesArg {
    /// From calibration: the fast default
    Static,
    /// Per token at run time: the accurate mode
    Dynamic,
}

impl From<ScalesArg> for Scales {
    fn from(scales: ScalesArg) -> Self {
        match scales {
            ScalesArg::Static => Self::Static,
            ScalesArg::Dynamic => Self::Dynamic,
        }
    }
}

/// The model inside this program.
pub fn built_in() -> anyhow::Result<QuantizedModel> {
    Ok(QuantizedModel::from_bytes(BUILT_IN, Path::new(BUILT_IN_NAME))?)
}

/// The word for a kind of scales.
pub fn scales_name(scales: Scales) -> &'static str {
    match scales {
        Scales::Static => "static",
        Scales::Dynamic => "dynamic",
    }
}

/// A model that is ready to run.
pub struct Loaded {
    /// What to call it.
    pub name: String,
    /// The integers.
    pub model: QuantizedModel,
    /// The checkpoint it was made of, if that was given.
    pub checkpoint: Option<PathBuf>,
}

impl Loaded {
    /// Says on stderr which weights of the checkpoint take no part, a line for each reason.
    pub fn tell_unused(&self) {
        let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for tensor in self.model.origin.unused.iter().filter(|t| t.reason != INDEX_TABLE) {
            reasons.entry(&tensor.reason).or_default().push(&tensor.name);
        }
        for (reason, names) in reasons {
            let more = names.len().saturating_sub(NAMES);
            let names = names[..names.len() - more].join(", ");
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            note(&format!("not used: {names}{more}: {reason}"));
        }
    }
}

/// What a quantized model depends on besides its checkpoint.
#[derive(Serialize)]
struct How {
    scales: Scales,
    calibration: CalibrationTexts,
}

/// The cache of quantized models.
pub fn model_cache() -> anyhow::Result<ModelCache> {
    Ok(ModelCache::new(cache_directory()?.join("models")))
}

/// Where a model comes from.
pub enum Source {
    /// This program.
    BuiltIn,
    /// A checkpoint directory, perhaps of the hub.
    Checkpoint(PathBuf),
    /// A file.
    Quantized(PathBuf),
}

impl ModelArgs {
    /// Finds, loads and, if need be, quantizes the model.
    pub fn load(&self) -> anyhow::Result<Loaded> {
        let name = self.model.clone().unwrap_or_else(|| BUILT_IN_NAME.to_owned());
        let model = match source(self.model.as_deref())? {
            Source::Checkpoint(directory) => {
                let split = self.how.split()?;
                let model = self.of_checkpoint(&directory, &split)?;
                // Also if it was kept: whoever accepted it may have set another bound.
                self.how.judge(&model, &split)?;
                return Ok(Loaded { name, model, checkpoint: Some(directory) });
            }
            Source::Quantized(path) => match FileKind::of_file(&path)? {
                kind if kind.is_another() => bail!("{name} is {kind}; {}", kind.remedy()),
                _ => QuantizedModel::open(&path)?,
            },
            Source::BuiltIn => built_in()?,
        };
        self.how.refuse_for_quantized(&name, model.encoder.shape.scales)?;
        Ok(Loaded { name, model, checkpoint: None })
    }

    /// A checkpoint's quantized model: from the cache, or made now and kept there. Without a cache it only takes longer.
    fn of_checkpoint(&self, directory: &Path, split: &Split) -> anyhow::Result<QuantizedModel> {
        let make = || self.how.quantize(&Checkpoint::open(directory)?, split, Effort::QUICK);
        if self.no_cache {
            return make();
        }
        let unkept = |e: String| note(&format!("the quantized model cannot be kept and is made at every start: {e}"));
        let cache = match model_cache() {
            Ok(cache) => cache,
            Err(error) => {
                unkept(error.to_string());
                return make();
            }
        };
        let how = How { scales: self.how.scales(), calibration: CalibrationTexts::new(&split.calibration) };
        let key = Key::new(&cache.source(directory)?, &how);
        match cache.get(&key) {
            Ok(Some(model)) => return Ok(model),
            Ok(None) => {}
            Err(error) => note(&format!("the model kept in the cache cannot be used and is made anew: {error}")),
        }
        let model = make()?;
        if let Err(error) = cache.put(&key, &model) {
            unkept(format!("{}: {error}; set SYSTOLE_CACHE", cache.directory().display()));
        }
        Ok(model)
    }
}

impl QuantizeArgs {
    /// The calibration texts.
    pub fn split(&self) -> anyhow::Result<Split> {
        Ok(match &self.calibration {
            Some(path) => Split::of(&input::read(&path.to_string_lossy())?),
            None => Split::built_in(),
        })
    }

    /// Quantizes as the options say, with their [`QuantizeArgs::split`], and measures what came of it.
    pub fn quantize(&self, checkpoint: &Checkpoint, split: &Split, effort: Effort) -> anyhow::Result<QuantizedModel> {
        accuracy::quantize(checkpoint, split, self.scales(), effort)
    }

    /// Refuses a model that is too far from fp32.
    pub fn judge(&self, model: &QuantizedModel, split: &Split) -> anyhow::Result<()> {
        accuracy::judge(model, split, self.accept_accuracy.unwrap_or(accuracy::ACCEPTED))
    }

    fn scales(&self) -> Scales {
        self.scales.unwrap_or(ScalesArg::Static).into()
    }

    /// Options that a quantized model cannot follow any more are errors, not silently ignored.
    fn refuse_for_quantized(&self, name: &str, has: Scales) -> anyhow::Result<()> {
        const REMEDY: &str = "give the checkpoint's directory or id as --model to quantize it anew";
        if self.calibration.is_some() {
            bail!("{name} is already quantized, so --calibration has no effect; {REMEDY}");
        }
        if self.accept_accuracy.is_some() {
            bail!("{name} is already quantized, so --accept-accuracy has no effect; {REMEDY}");
        }
        if self.scales.is_some_and(|wanted| Scales::from(wanted) != has) {
            bail!("{name} is already quantized with {} scales; {REMEDY}", scales_name(has));
        }
        Ok(())
    }
}

/// The directory of a checkpoint given by directory or id.
pub fn checkpoint_directory(model: &str) -> anyhow::Result<PathBuf> {
    match source(Some(model))? {
        Source::Checkpoint(directory) => Ok(directory),
        _ => bail!("{model} is a file; give the directory or the id of an fp32 checkpoint"),
    }
}

/// Finds a model; one of the hub is fetched.
pub fn source(model: Option<&str>) -> anyhow::Result<Source> {
    let Some(model) = model else { return Ok(Source::BuiltIn) };
    let path = Path::new(model);
    if path.is_dir() {
        return Ok(Source::Checkpoint(path.to_owned()));
    }
    if path.is_file() {
        if let Some(directory) = path.parent().filter(|d| d.join("config.json").is_file()) {
            let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
            bail!("{model} is a file of a checkpoint; give its directory, --model {}", directory.display());
        }
        return Ok(Source::Quantized(path.to_owned()));
    }
    // What cannot be meant as a hub id should not end in a question to the hub.
    let like_a_path = path.is_absolute() || model.starts_with(['.', '~']) || path.extension().is_some_and(is_file_like);
    if like_a_path || path.symlink_metadata().is_ok() {
        bail!("there is no file or directory {model}; check the path");
    }
    Ok(Source::Checkpoint(Hub::from_env()?.fetch(model)?))
}

fn is_file_like(extension: &std::ffi::OsStr) -> bool {
    ["systole", "safetensors", "json", "bin", "onnx", "prog"].iter().any(|known| extension == *known)
}
