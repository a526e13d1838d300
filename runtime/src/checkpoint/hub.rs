//! Model ids of the Hugging Face hub, through the `hf-hub` crate and the cache it shares with the Python library.

use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};

use hf_hub::api::sync::{ApiBuilder, ApiError, ApiRepo};
use hf_hub::{Cache, Repo, RepoType};

use super::error::{CheckpointError, Result};
use super::{CONFIG, TENSORS, TOKENIZER, sentence};

const MODULES: &str = "modules.json";

/// A hub and the cache directory in front of it.
#[derive(Debug, Clone)]
pub struct Hub {
    endpoint: String,
    cache: PathBuf,
    token: Option<String>,
}

impl Hub {
    /// The hub at `endpoint` (such as `https://huggingface.co`), with downloads kept under `cache` and without access
    /// token.
    pub fn new(endpoint: impl Into<String>, cache: impl Into<PathBuf>) -> Self {
        Self { endpoint: endpoint.into().trim_end_matches('/').to_owned(), cache: cache.into(), token: None }
    }

    /// The hub that the environment names, as for the Python library: `HF_ENDPOINT`, `HF_HOME`, `HF_TOKEN` or the token
    /// file in `HF_HOME`.
    ///
    /// # Errors
    /// [`CheckpointError::HubCache`] when neither `HF_HOME` nor a home directory is known.
    pub fn from_env() -> Result<Self> {
        let home = std::env::var_os("HF_HOME").map(PathBuf::from);
        let home = home.or_else(|| std::env::home_dir().map(|home| home.join(".cache/huggingface")));
        let cache = home.ok_or(CheckpointError::HubCache)?.join("hub");
        let endpoint = std::env::var("HF_ENDPOINT").unwrap_or_else(|_| "https://huggingface.co".to_owned());
        let token = std::env::var("HF_TOKEN").ok().or_else(|| Cache::new(cache.clone()).token());
        Ok(Self { token, ..Self::new(endpoint, cache) })
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
    /// [`CheckpointError::ModelId`], [`CheckpointError::HubNotFound`], [`CheckpointError::Hub`], [`CheckpointError::HubAnswer`], and
    /// [`CheckpointError::SentenceHead`] for a `modules.json` that is not understood.
    pub fn fetch(&self, model: &str) -> Result<PathBuf> {
        let (id, revision) = parse_id(model)?;
        let _span = tracing::info_span!("fetch", id, revision).entered();
        let config = self.get(&self.repo(id, revision)?, id, CONFIG)?;
        // `<cache>/models--<id>/snapshots/<commit>/config.json`
        let snapshot = config.parent().map(Path::to_owned).unwrap_or_default();
        let commit = snapshot.file_name().and_then(|name| name.to_str()).unwrap_or(revision).to_owned();
        let pinned = Pinned { hub: self, id, repo: self.repo(id, &commit)?, snapshot, commit };
        pinned.required(TENSORS)?;
        pinned.required(TOKENIZER)?;
        if pinned.optional(MODULES)?
            && let Some(pooling) = sentence::pooling_path(&pinned.snapshot.join(MODULES))?
        {
            pinned.required(&pooling)?;
        }
        Ok(pinned.snapshot)
    }

    fn repo(&self, id: &str, revision: &str) -> Result<ApiRepo> {
        let api = ApiBuilder::from_cache(Cache::new(self.cache.clone()))
            .with_endpoint(self.endpoint.clone())
            .with_token(self.token.clone())
            .with_progress(false)
            .with_retries(2)
            .build()
            .map_err(|source| self.error(id, CONFIG, source))?;
        Ok(api.repo(Repo::with_revision(id.to_owned(), RepoType::Model, revision.to_owned())))
    }

    fn get(&self, repo: &ApiRepo, id: &str, file: &str) -> Result<PathBuf> {
        // The client (0.5.0) panics on some malformed answers, such as a redirect without target.
        match std::panic::catch_unwind(AssertUnwindSafe(|| repo.get(file))) {
            Ok(got) => got.map_err(|source| self.error(id, file, source)),
            Err(_) => {
                let (endpoint, id, file) = (self.endpoint.clone(), id.to_owned(), file.to_owned());
                Err(CheckpointError::HubAnswer { endpoint, id, file })
            }
        }
    }

    fn error(&self, id: &str, file: &str, source: ApiError) -> CheckpointError {
        let (endpoint, id, file) = (self.endpoint.clone(), id.to_owned(), file.to_owned());
        match &source {
            // 401 is the hub's answer for a model that does not exist, or not for this token.
            ApiError::RequestError(e) if matches!(**e, ureq::Error::StatusCode(401 | 403 | 404)) => {
                CheckpointError::HubNotFound { endpoint, id, file }
            }
            _ => CheckpointError::Hub { endpoint, id, file, source: Box::new(source) },
        }
    }
}

/// One commit of one model.
struct Pinned<'a> {
    hub: &'a Hub,
    id: &'a str,
    repo: ApiRepo,
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

    /// Whether the model has the file; only a definite "no" of the hub counts as absence.
    fn optional(&self, file: &str) -> Result<bool> {
        let absent = self.snapshot.join("../../.no_exist").join(&self.commit).join(file);
        if absent.exists() {
            return Ok(false);
        }
        match self.required(file) {
            Ok(()) => Ok(true),
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

/// Splits `owner/name@revision`; both parts become paths in the cache and in URLs, so their alphabet is closed.
fn parse_id(model: &str) -> Result<(&str, &str)> {
    let (id, revision) = model.split_once('@').unwrap_or((model, "main"));
    let word = |part: &str| {
        let known = part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
        known && !part.is_empty() && part.len() <= 96 && !part.starts_with('.') && !part.contains("..")
    };
    if id.split('/').all(word) && id.split('/').count() <= 2 && word(revision) {
        Ok((id, revision))
    } else {
        Err(CheckpointError::ModelId { id: model.chars().take(200).collect() })
    }
}

#[cfg(test)]
#[path = "hub_tests.rs"]
mod tests;
