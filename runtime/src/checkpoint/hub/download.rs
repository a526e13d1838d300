//! One file of the hub, into the cache, checked against the hash that the hub states.
//!
//! `hf-hub` lays out the cache, and downloads as well, but with its client (0.5) a stalled connection waits for ever, what was
//! received before an interruption is trusted, and nothing is compared with the hash that the hub states. So the transfer is
//! here: a request for what the hub states of the file, then its bytes, in as many requests as it takes.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use hf_hub::{Cache, Repo};
use nix::fcntl::{Flock, FlockArg};
use sha2::{Digest, Sha256};
use ureq::http::{Response, StatusCode, header};
use ureq::{Agent, Body};

use super::super::error::{CheckpointError, Result};
use super::super::files::io;
use super::{Hub, word};

/// Attempts without a new byte before a download is given up, as `huggingface_hub` counts them.
const ATTEMPTS: u32 = 5;
/// Most redirects inside the hub.
const REDIRECTS: usize = 5;

/// What is to be fetched.
pub(super) struct Download<'a> {
    pub hub: &'a Hub,
    pub repo: Repo,
    pub id: &'a str,
    pub file: &'a str,
}

/// What the hub states of a file.
struct Stated {
    commit: String,
    /// Name of the content: of large files the SHA-256, of others git's name.
    etag: String,
    bytes: Option<u64>,
}

/// How a request for the rest of a file ended.
enum Interrupted {
    /// The connection failed or stalled; the next request may go on.
    Connection(Box<ureq::Error>),
    /// There is no sense in another request.
    ForGood(CheckpointError),
}

impl Download<'_> {
    /// Fetches the file and returns its path in the snapshot of its commit.
    pub fn fetch(&self) -> Result<PathBuf> {
        let url = format!("{}/{}/resolve/{}/{}", self.hub.endpoint, self.id, self.repo.revision(), self.file);
        let stated = self.ask(&url)?;
        let cache = Cache::new(self.hub.cache.clone()).repo(self.repo.clone());
        let blob = cache.blob_path(&stated.etag);
        let pointer = cache.pointer_path(&stated.commit).join(self.file);
        let blobs = blob.parent().unwrap_or(Path::new(""));
        fs::create_dir_all(blobs).map_err(io(blobs))?;
        let lock = self.lock(&stated.etag);
        if !blob.exists() {
            self.transfer(&url, &stated, &blob)?;
        }
        drop(lock);
        link(&pointer, &stated.etag, self.file)?;
        let branch = self.repo.revision();
        if branch != stated.commit {
            cache.create_ref(&stated.commit).map_err(io(&pointer))?;
        }
        Ok(pointer)
    }

    /// What the hub states of the file. Redirects inside the hub are followed; one to its storage is not, since the storage
    /// knows nothing of commits.
    fn ask(&self, url: &str) -> Result<Stated> {
        let agent = self.agent(0, self.hub.patience.answer);
        let mut url = url.to_owned();
        for _ in 0..REDIRECTS {
            let answer = self.authorized(agent.head(&url)).call().map_err(|source| self.error(source))?;
            let text = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok());
            if answer.status().is_redirection() {
                match text("location") {
                    Some(path) if path.starts_with('/') && !path.starts_with("//") => {
                        url = format!("{}{path}", origin(&url));
                        continue;
                    }
                    Some(_) => {}
                    None => return Err(self.malformed()),
                }
            }
            let clean = |etag: &str| etag.trim_start_matches("W/").trim_matches('"').to_owned();
            let etag = text("x-linked-etag").or_else(|| text("etag")).map(clean);
            let commit = text("x-repo-commit").map(str::to_owned);
            // Both become names of files.
            let (Some(etag), Some(commit)) = (etag.filter(|e| word(e)), commit.filter(|c| word(c))) else {
                return Err(self.malformed());
            };
            let own = || text("content-length").filter(|_| answer.status().is_success());
            let bytes = text("x-linked-size").or_else(own).and_then(|size| size.parse().ok());
            return Ok(Stated { commit, etag, bytes });
        }
        Err(self.malformed())
    }

    /// Fetches and checks the content. What an earlier attempt left is gone on with; if the whole is wrong then, it is fetched
    /// anew once.
    fn transfer(&self, url: &str, stated: &Stated, blob: &Path) -> Result<()> {
        let partial = blob.with_file_name(format!("{}.incomplete", stated.etag));
        let options = || OpenOptions::new().read(true).append(true).create(true).open(&partial);
        let mut file = options().map_err(io(&partial))?;
        let mut went_on = length(&file, &partial)? > 0;
        loop {
            self.receive(url, stated, &mut file, &partial)?;
            let Some((found, expected)) = differs(&mut file, &stated.etag).map_err(io(&partial))? else { break };
            file.set_len(0).map_err(io(&partial))?;
            if !went_on {
                fs::remove_file(&partial).map_err(io(&partial))?;
                let (_, id, file) = self.names();
                return Err(CheckpointError::HubContent { id, file, expected, found });
            }
            went_on = false;
        }
        file.sync_all().and_then(|()| fs::rename(&partial, blob)).map_err(io(blob))
    }

    /// Receives until the file is whole, with a new request after each interruption.
    fn receive(&self, url: &str, stated: &Stated, file: &mut File, partial: &Path) -> Result<()> {
        let (mut most, mut barren) = (length(file, partial)?, 0);
        loop {
            if stated.bytes == Some(length(file, partial)?) {
                return Ok(());
            }
            let error = match self.request(url, stated, file, partial) {
                Ok(()) => return Ok(()),
                Err(Interrupted::ForGood(error)) => return Err(error),
                Err(Interrupted::Connection(error)) => error,
            };
            let received = length(file, partial)?;
            barren = if received > most { 0 } else { barren + 1 };
            most = most.max(received);
            if barren == ATTEMPTS {
                let (endpoint, id, file) = self.names();
                return Err(CheckpointError::HubStalled { endpoint, id, file, received, source: error });
            }
            tracing::warn!(file = self.file, received, %error, "the download is interrupted; going on");
            std::thread::sleep(self.hub.patience.pause);
        }
    }

    /// One request for what is missing.
    fn request(
        &self,
        url: &str,
        stated: &Stated,
        file: &mut File,
        partial: &Path,
    ) -> std::result::Result<(), Interrupted> {
        let agent = self.agent(10, self.hub.patience.byte);
        let from = length(file, partial)?;
        let mut request = self.authorized(agent.get(url));
        if from > 0 {
            request = request.header(header::RANGE, format!("bytes={from}-"));
        }
        let answer = request.call().map_err(|source| match source {
            ureq::Error::StatusCode(408 | 429 | 500..) | ureq::Error::Timeout(_) | ureq::Error::Io(_) => {
                Interrupted::Connection(Box::new(source))
            }
            source => Interrupted::ForGood(self.error(source)),
        })?;
        match answer.status() {
            StatusCode::PARTIAL_CONTENT if begins_at(&answer, from) => {}
            // The server sends the whole, whatever was asked for.
            StatusCode::OK => file.set_len(0).map_err(io(partial))?,
            _ => return Err(self.malformed().into()),
        }
        let mut body = answer.into_body().into_reader();
        let mut piece = vec![0; 1 << 16];
        loop {
            let bytes = body.read(&mut piece).map_err(|e| Interrupted::Connection(Box::new(e.into())))?;
            file.write_all(&piece[..bytes]).map_err(io(partial))?;
            let received = length(file, partial)?;
            match stated.bytes {
                Some(all) if received > all => {
                    file.set_len(0).map_err(io(partial))?;
                    return Err(self.malformed().into());
                }
                Some(all) if bytes == 0 && received < all => {
                    let early = std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
                    return Err(Interrupted::Connection(Box::new(early.into())));
                }
                _ if bytes == 0 => return Ok(()),
                _ => {}
            }
        }
    }

    /// A client that waits no longer than `patience` for a connection, an answer or the next byte.
    fn agent(&self, redirects: u32, patience: Duration) -> Agent {
        let config = Agent::config_builder().max_redirects(redirects).user_agent("systole");
        let config = config.redirect_auth_headers(ureq::config::RedirectAuthHeaders::SameHost);
        let config = config.timeout_connect(Some(patience)).timeout_recv_response(Some(patience));
        // What is compressed has another length than was stated, and no place to go on from.
        config.timeout_per_read(Some(patience)).accept_encoding("identity").build().into()
    }

    fn authorized<B>(&self, request: ureq::RequestBuilder<B>) -> ureq::RequestBuilder<B> {
        match &self.hub.token {
            Some(token) => request.header(header::AUTHORIZATION, format!("Bearer {token}")),
            None => request,
        }
    }

    /// One download at a time of one content; the lock is that of `huggingface_hub`. Without it the worst is a download for
    /// nothing.
    fn lock(&self, etag: &str) -> Option<Flock<File>> {
        let directory = self.hub.cache.join(".locks").join(self.repo.folder_name());
        fs::create_dir_all(&directory).ok()?;
        let file = File::create(directory.join(format!("{etag}.lock"))).ok()?;
        Flock::lock(file, FlockArg::LockExclusive).ok()
    }

    fn names(&self) -> (String, String, String) {
        (self.hub.endpoint.clone(), self.id.to_owned(), self.file.to_owned())
    }

    fn malformed(&self) -> CheckpointError {
        let (endpoint, id, file) = self.names();
        CheckpointError::HubAnswer { endpoint, id, file }
    }

    fn error(&self, source: ureq::Error) -> CheckpointError {
        let (endpoint, id, file) = self.names();
        match source {
            // 401 is the hub's answer for a model that does not exist, or not for this token.
            ureq::Error::StatusCode(401 | 403 | 404) => CheckpointError::HubNotFound { endpoint, id, file },
            source => CheckpointError::Hub { endpoint, id, file, source: Box::new(source) },
        }
    }
}

impl From<CheckpointError> for Interrupted {
    fn from(error: CheckpointError) -> Self {
        Self::ForGood(error)
    }
}

fn length(file: &File, path: &Path) -> Result<u64> {
    Ok(file.metadata().map_err(io(path))?.len())
}

/// Scheme and host of an address.
fn origin(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + 3);
    let end = url[host..].find('/').map_or(url.len(), |at| host + at);
    &url[..end]
}

/// Whether an answer with a part of the file has the part that was asked for.
fn begins_at(answer: &Response<Body>, from: u64) -> bool {
    let range = answer.headers().get(header::CONTENT_RANGE).and_then(|range| range.to_str().ok());
    let first = range.and_then(|range| range.strip_prefix("bytes ")?.split_once('-')?.0.parse().ok());
    first == Some(from)
}

/// The content's hash and the one that the etag states, if they differ. An etag that is no hash, as a mirror may have, states
/// nothing.
fn differs(file: &mut File, etag: &str) -> std::io::Result<Option<(String, String)>> {
    let is_hash = etag.bytes().all(|b| b.is_ascii_hexdigit());
    let found = match etag.len() {
        64 if is_hash => digest(Sha256::new(), file)?,
        40 if is_hash => {
            // Git's name of a file: https://git-scm.com/book/en/v2/Git-Internals-Git-Objects
            let header = format!("blob {}\0", file.metadata()?.len());
            digest(sha1::Sha1::new_with_prefix(header), file)?
        }
        _ => {
            tracing::warn!(etag, "the hub states no hash: the content is not checked");
            return Ok(None);
        }
    };
    Ok((!found.eq_ignore_ascii_case(etag)).then(|| (found, etag.to_owned())))
}

fn digest(mut hash: impl Digest, file: &mut File) -> std::io::Result<String> {
    file.seek(SeekFrom::Start(0))?;
    let mut piece = vec![0; 1 << 20];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()),
            bytes => hash.update(&piece[..bytes]),
        }
    }
}

/// Makes the snapshot's file a relative link to the content.
fn link(pointer: &Path, etag: &str, file: &str) -> Result<()> {
    let directory = pointer.parent().unwrap_or(Path::new(""));
    fs::create_dir_all(directory).map_err(io(directory))?;
    let target = PathBuf::from("../".repeat(2 + file.matches('/').count())).join("blobs").join(etag);
    if fs::read_link(pointer).is_ok_and(|found| found == target) {
        return Ok(());
    }
    // A link to another content, or one that leads nowhere.
    let _ = fs::remove_file(pointer);
    std::os::unix::fs::symlink(target, pointer).map_err(io(pointer))
}
