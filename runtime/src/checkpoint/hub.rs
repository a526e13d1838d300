//! Model ids of the Hugging Face hub: which files make a model, and the cache that is shared with the Python library.
//!
//! [`Pinned::required`] and [`Pinned::optional`] fetch one file each; [`Hub::fetch`] is the list. `environment` says where the
//! hub and the cache are, `download` brings one file.

mod download;
mod environment;

use std::path::{Path, PathBuf};
use std::time::Duration;

use hf_hub::{Cache, Repo, RepoType};

use super::error::{CheckpointError, Result};
use super::sentence::{self, MODULES, Modules};
use super::shards::{self, Index};
use super::{CONFIG, TENSORS, TOKENIZER, wordpiece};
use download::Download;
use environment::Environment;

/// A hub and the cache directory in front of it.
#[derive(Debug, Clone)]
pub struct Hub {
    endpoint: String,
    cache: PathBuf,
    token: Option<String>,
    offline: bool,
    patience: Patience,
}

/// Longest waits.
#[derive(Debug, Clone, Copy)]
struct Patience {
    /// For what the hub states of a file.
    answer: Duration,
    /// For the next byte of a download.
    byte: Duration,
    /// Between two requests for the same file.
    pause: Duration,
}

impl Hub {
    /// The hub at `endpoint` (such as `https://huggingface.co`), with downloads kept under `cache` and without access
    /// token.
    pub fn new(endpoint: impl Into<String>, cache: impl Into<PathBuf>) -> Self {
        let ten = Duration::from_secs(10);
        let patience = Patience { answer: ten, byte: ten, pause: Duration::from_secs(1) };
        let endpoint = endpoint.into().trim_end_matches('/').to_owned();
        Self { endpoint, cache: cache.into(), token: None, offline: false, patience }
    }

    /// The hub that the environment names, as for the Python library: `HF_ENDPOINT`, `HF_HUB_CACHE`, `HF_HOME`,
    /// `XDG_CACHE_HOME`, `HF_HUB_OFFLINE`, `HF_TOKEN` or the token file, `HF_HUB_DOWNLOAD_TIMEOUT`, `HF_HUB_ETAG_TIMEOUT`.
    ///
    /// # Errors
    /// [`CheckpointError::HubCache`] when neither these nor a home directory say where downloads are kept.
    pub fn from_env() -> Result<Self> {
        let get = |name: &str| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
        let found = Environment::read(get, std::env::home_dir().as_deref())?;
        let hub = Self::new(found.endpoint, found.cache);
        let patience = Patience { answer: found.etag_timeout, byte: found.download_timeout, ..hub.patience };
        Ok(Self { token: found.token, offline: found.offline, patience, ..hub })
    }

    /// A directory stays itself; a model id, optionally with `@revision`, is fetched.
    ///
    /// # Errors
    /// [`CheckpointError::ModelId`] and those of [`Hub::fetch`].
    pub fn resolve(&self, model: &str) -> Result<PathBuf> {
        if Path::new(model).is_dir() { Ok(PathBuf::from(model)) } else { self.fetch(model) }
    }

    /// Fetches the files of a checkpoint that are not yet in the cache and returns their directory.
    ///
    /// All files come from the commit of `config.json`. A complete snapshot is used without asking the hub; the absence
    /// of optional files is remembered for that, as the Python library does it.
    ///
    /// # Errors
    /// [`CheckpointError::ModelId`], [`CheckpointError::HubNotFound`], [`CheckpointError::Hub`],
    /// [`CheckpointError::HubAnswer`], [`CheckpointError::HubStalled`], [`CheckpointError::HubContent`],
    /// [`CheckpointError::HubOffline`], and [`CheckpointError::SentenceHead`] for a `modules.json` that is not understood.
    pub fn fetch(&self, model: &str) -> Result<PathBuf> {
        let (id, revision) = parse_id(model)?;
        let _span = tracing::info_span!("fetch", id, revision).entered();
        let repo = repo(id, revision);
        // An old sentence-transformers layout has its encoder, config.json included, in a directory of its own.
        let known = self.cached(&repo, CONFIG).or_else(|| self.cached(&repo, MODULES));
        let config = match known {
            Some(path) => path,
            None => self.get(&repo, id, CONFIG).or_else(|first| match first {
                CheckpointError::HubNotFound { .. } => self.get(&repo, id, MODULES).map_err(|_| first),
                other => Err(other),
            })?,
        };
        // `<cache>/models--<id>/snapshots/<commit>/config.json`
        let snapshot = config.parent().map(Path::to_owned).unwrap_or_default();
        let commit = snapshot.file_name().and_then(|name| name.to_str()).unwrap_or(revision).to_owned();
        let pinned = Pinned { hub: self, id, repo: self::repo(id, &commit), snapshot, commit };
        let modules = if pinned.optional(MODULES)? { Modules::read(&pinned.snapshot)? } else { None };
        let encoder = modules.as_ref().map_or("", Modules::encoder);
        let of_encoder = |file: &str| if encoder.is_empty() { file.to_owned() } else { format!("{encoder}/{file}") };
        pinned.required(&of_encoder(CONFIG))?;
        if pinned.either(&of_encoder(TENSORS), &of_encoder(shards::INDEX))? == 1 {
            for shard in Index::read(&pinned.snapshot.join(of_encoder(shards::INDEX)))?.files() {
                pinned.required(&of_encoder(shard))?;
            }
        }
        if pinned.either(&of_encoder(TOKENIZER), &of_encoder(wordpiece::VOCABULARY))? == 1 {
            for file in [wordpiece::SPECIAL, wordpiece::ADDED] {
                pinned.optional(&of_encoder(file))?;
            }
        }
        for file in [sentence::TRANSFORMER, sentence::TOKENIZER] {
            pinned.optional(&of_encoder(file))?;
        }
        pinned.optional(sentence::MODEL)?;
        for (file, required) in modules.iter().flat_map(Modules::files) {
            if required {
                pinned.required(&file)?;
            } else {
                pinned.optional(&file)?;
            }
        }
        Ok(pinned.snapshot)
    }

    /// The path of a file in the cache, if it is there.
    fn cached(&self, repo: &Repo, file: &str) -> Option<PathBuf> {
        let cache = Cache::new(self.cache.clone()).repo(repo.clone());
        // The Python library keeps no reference to a commit that is asked for by its name.
        let at_commit = cache.pointer_path(repo.revision()).join(file);
        cache.get(file).or_else(|| at_commit.exists().then_some(at_commit))
    }

    /// The path of a file in the cache, into which it is fetched unless it is there.
    fn get(&self, repo: &Repo, id: &str, file: &str) -> Result<PathBuf> {
        if let Some(path) = self.cached(repo, file) {
            return Ok(path);
        }
        if self.offline {
            let (id, file, cache) = (id.to_owned(), file.to_owned(), self.cache.clone());
            return Err(CheckpointError::HubOffline { id, file, cache });
        }
        Download { hub: self, repo: repo.clone(), id, file }.fetch()
    }
}

fn repo(id: &str, revision: &str) -> Repo {
    Repo::with_revision(id.to_owned(), RepoType::Model, revision.to_owned())
}

/// One commit of one model.
struct Pinned<'a> {
    hub: &'a Hub,
    id: &'a str,
    repo: Repo,
    snapshot: PathBuf,
    commit: String,
}

impl Pinned<'_> {
    fn required(&self, file: &str) -> Result<()> {
        if !self.snapshot.join(file).exists() {
            self.hub.get(&self.repo, self.id, file)?;
        }
        Ok(())
    }

    /// The first of two files that the model has, by its place.
    fn either(&self, first: &str, second: &str) -> Result<usize> {
        if self.optional(first)? {
            return Ok(0);
        }
        // Without both, the first is the one to be named.
        if self.optional(second)? { Ok(1) } else { self.required(first).map(|()| 0) }
    }

    /// Whether the model has the file. Only a definite "no" of the hub counts as absence, or being offline, where what is not
    /// in the cache cannot be had.
    fn optional(&self, file: &str) -> Result<bool> {
        let absent = self.snapshot.join("../../.no_exist").join(&self.commit).join(file);
        if absent.exists() {
            return Ok(false);
        }
        match self.required(file) {
            Ok(()) => Ok(true),
            Err(CheckpointError::HubOffline { .. }) => Ok(false),
            Err(CheckpointError::HubNotFound { .. }) => {
                if let Some(parent) = absent.parent() {
                    // A cache that cannot be written costs a question to the hub next time, nothing else.
                    let _ = std::fs::create_dir_all(parent).and_then(|()| std::fs::write(&absent, []));
                }
                Ok(false)
            }
            Err(other) => Err(other),
        }
    }
}

/// What may become the name of a file in the cache, and a part of an address.
fn word(part: &str) -> bool {
    let known = part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    known && !part.is_empty() && part.len() <= 96 && !part.starts_with('.') && !part.contains("..")
}

/// Splits `owner/name@revision`; both parts become paths in the cache and in URLs, so their alphabet is closed.
fn parse_id(model: &str) -> Result<(&str, &str)> {
    let (id, revision) = model.split_once('@').unwrap_or((model, "main"));
    if id.split('/').all(word) && id.split('/').count() <= 2 && word(revision) {
        Ok((id, revision))
    } else {
        Err(CheckpointError::ModelId { id: model.chars().take(200).collect() })
    }
}

#[cfg(test)]
#[path = "hub_tests.rs"]
mod tests;
