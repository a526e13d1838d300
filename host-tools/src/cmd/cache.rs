//! `systole cache`: the quantized models that `run` and others keep.

use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::anyhow;
use serde::Serialize;
use systole_runtime::cache::{Entry, ModelCache};

use crate::logging;
use crate::model::{model_cache, scales_name};
use crate::output::{Output, plain};
use crate::view::dim;
use crate::view::table::table;
use crate::view::units::{bytes, duration};

const EXAMPLES: &str = "\
Examples:
  systole cache list
  systole cache list --json | jq '.models[] | select(.damaged)'
  systole cache clear

A checkpoint is quantized when it is first used and the result kept below SYSTOLE_CACHE or
~/.cache/systole, by the content of its files, the calibration texts, the scales and the version of
systole. Files are hashed again when their size, inode or one of their times is another; `--no-cache`
trusts none of these. What is removed is made again when it is needed.";

/// List or remove the quantized models that are kept for the next start
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// What is kept, and of which checkpoint it was made
    List {
        /// One JSON object instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Remove all of it
    Clear {
        /// One JSON object instead of a line
        #[arg(long)]
        json: bool,
    },
}

/// What `list --json` reports.
#[derive(Serialize)]
struct List {
    directory: String,
    bytes: u64,
    models: Vec<Model>,
}

#[derive(Serialize)]
struct Model {
    file: String,
    bytes: u64,
    /// Seconds since 1970.
    made: Option<u64>,
    /// Where the checkpoint is, as far as known.
    checkpoints: Vec<String>,
    /// SHA-256 of the checkpoint, as `inspect` has it.
    source_sha256: Option<String>,
    layers: Option<u32>,
    hidden: Option<u32>,
    scales: Option<&'static str>,
    /// This build of systole uses it.
    current: bool,
    /// It is not as it was written, and made again at its next use.
    damaged: bool,
}

impl From<Entry> for Model {
    fn from(entry: Entry) -> Self {
        let Entry { path, bytes, written, directories, current, model } = entry;
        let model = model.ok();
        let shape = model.as_ref().map(|m| m.encoder.shape);
        Self {
            file: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            bytes,
            made: written.and_then(|at| at.duration_since(UNIX_EPOCH).ok()).map(|since| since.as_secs()),
            checkpoints: directories.iter().map(|d| d.to_string_lossy().into_owned()).collect(),
            source_sha256: model.as_ref().and_then(|m| Some(m.origin.source.as_ref()?.digest().to_string())),
            layers: shape.map(|s| s.layers),
            hidden: shape.map(|s| s.hidden),
            scales: shape.map(|s| scales_name(s.scales)),
            current,
            damaged: model.is_none(),
        }
    }
}

impl Args {
    /// Runs the command.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        logging::install(None)?;
        let cache = model_cache()?;
        let mut out = Output::new();
        match self.action {
            Action::List { json } => list(&cache, json, &mut out)?,
            Action::Clear { json } => {
                let (models, removed) = cache.clear().map_err(failed(&cache))?;
                if json {
                    out.json(&serde_json::json!({ "models": models, "bytes": removed }))?;
                } else {
                    out.line(format_args!("{models} models, {} removed", bytes(removed)))?;
                }
            }
        }
        out.flush()?;
        Ok(ExitCode::SUCCESS)
    }
}

fn failed(cache: &ModelCache) -> impl FnOnce(std::io::Error) -> anyhow::Error {
    let directory = cache.directory().display().to_string();
    move |e| anyhow!("{directory}: {e}; check its permissions, or set SYSTOLE_CACHE")
}

fn list(cache: &ModelCache, json: bool, out: &mut Output) -> anyhow::Result<()> {
    let models: Vec<Model> = cache.entries().map_err(failed(cache))?.into_iter().map(Model::from).collect();
    let directory = cache.directory().to_string_lossy().into_owned();
    let list = List { directory, bytes: models.iter().map(|m| m.bytes).sum(), models };
    if json {
        return out.json(&list);
    }
    if !list.models.is_empty() {
        let mut table = table(&["checkpoint", "model", ">size", ">age", "state"]);
        for m in &list.models {
            let checkpoint = match (m.checkpoints.first(), &m.source_sha256) {
                (Some(directory), _) => directory.clone(),
                (None, Some(sha256)) => format!("sha256 {}…", &sha256[..12]),
                (None, None) => "?".to_owned(),
            };
            let model = match (m.layers, m.hidden, m.scales) {
                (Some(layers), Some(hidden), Some(scales)) => format!("{layers} layers x {hidden}, {scales} scales"),
                _ => "?".to_owned(),
            };
            let made = m.made.map(|at| UNIX_EPOCH + std::time::Duration::from_secs(at));
            let age = made.and_then(|at| SystemTime::now().duration_since(at).ok()).map(age).unwrap_or_default();
            let state = match m {
                Model { damaged: true, .. } => "damaged",
                Model { current: true, .. } => "in use",
                _ => "of another build",
            };
            table.add_row([plain(&checkpoint).into_owned(), model, bytes(m.bytes), age, state.into()]);
        }
        out.line(table.trim_fmt())?;
    }
    let total = format!("{} models, {} in {}", list.models.len(), bytes(list.bytes), plain(&list.directory));
    Ok(out.line(dim(&total))?)
}

/// In the largest whole unit.
fn age(age: std::time::Duration) -> String {
    match age.as_secs() {
        s if s < 120 => duration(age),
        s if s < 7200 => format!("{} min", s / 60),
        s if s < 172_800 => format!("{} h", s / 3600),
        s => format!("{} days", s / 86400),
    }
}
