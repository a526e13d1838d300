//! The hub client against a server on the loopback interface that speaks the hub's download protocol.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use super::*;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const ID: &str = "someone/tiny-bert";

/// `<file> -> bytes` of the one model the server has; requests are logged as `<path>`.
#[derive(Clone)]
struct Server {
    endpoint: String,
    files: Arc<BTreeMap<String, Vec<u8>>>,
    log: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(names: &[&str]) -> Self {
        let tiny = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/tiny");
        let files = names.iter().map(|name| (name.to_string(), std::fs::read(tiny.join(name)).unwrap()));
        Self::with(files.collect())
    }

    fn with(files: BTreeMap<String, Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let server = Self { endpoint, files: Arc::new(files), log: Arc::default() };
        let this = server.clone();
        std::thread::spawn(move || listener.incoming().for_each(|stream| this.answer(stream.unwrap())));
        server
    }

    fn requests(&self) -> usize {
        self.log.lock().unwrap().len()
    }

    /// One request a connection. An empty tokenizer stands for a redirect without target. Large files are redirected to another path, as the hub does with its storage.
    fn answer(&self, mut stream: TcpStream) {
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(std::result::Result::ok);
        let path = lines.next().unwrap_or_default().split(' ').nth(1).unwrap_or_default().to_owned();
        let headers: Vec<String> = lines.take_while(|line| !line.is_empty()).map(|l| l.to_lowercase()).collect();
        self.log.lock().unwrap().push(path.clone());
        let range = headers.iter().find_map(|h| h.strip_prefix("range: bytes=")).unwrap_or("0-");
        let (start, end) = range.split_once('-').unwrap();
        let file = [format!("/{ID}/resolve/main/"), format!("/{ID}/resolve/{COMMIT}/"), "/storage/".to_owned()];
        let file = file.iter().find_map(|prefix| path.strip_prefix(&prefix[..]));
        let Some((name, bytes)) = file.and_then(|name| self.files.get_key_value(name)) else {
            let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            return;
        };
        let common = format!("X-Repo-Commit: {COMMIT}\r\nConnection: close\r\nETag: \"etag-{}\"", bytes.len());
        if name == TENSORS && !path.starts_with("/storage/") {
            let location = format!("Location: {}/storage/{name}\r\nX-Linked-ETag: \"linked\"", self.endpoint);
            let _ = write!(stream, "HTTP/1.1 302 Found\r\n{common}\r\n{location}\r\nContent-Length: 0\r\n\r\n");
            return;
        }
        if *name == TOKENIZER && bytes.is_empty() {
            let _ = write!(stream, "HTTP/1.1 302 Found\r\n{common}\r\nContent-Length: 0\r\n\r\n");
            return;
        }
        let start: usize = start.parse().unwrap();
        let end = end.parse().unwrap_or(bytes.len() - 1).min(bytes.len() - 1);
        let (length, size) = (end + 1 - start, bytes.len());
        let _ = write!(
            stream,
            "HTTP/1.1 206 Partial Content\r\n{common}\r\nContent-Range: bytes {start}-{end}/{size}\r\n\
             Content-Length: {length}\r\n\r\n"
        );
        let _ = stream.write_all(&bytes[start..=end]);
    }
}

const ALL: [&str; 5] = [CONFIG, TENSORS, TOKENIZER, MODULES, "1_Pooling/config.json"];

#[test]
fn fetches_a_model_once() {
    let server = Server::start(&ALL);
    let cache = tempfile::tempdir().unwrap();
    let hub = Hub::new(server.endpoint.clone() + "/", cache.path());
    let directory = hub.resolve(ID).unwrap();
    assert!(directory.ends_with(format!("snapshots/{COMMIT}")), "{}", directory.display());
    let checkpoint = crate::checkpoint::Checkpoint::open(&directory).unwrap();
    assert!(checkpoint.head.normalize);
    let asked = server.requests();
    assert_eq!(hub.resolve(ID).unwrap(), directory);
    assert_eq!(server.requests(), asked, "a complete snapshot needs no network");
    assert_eq!(hub.resolve(directory.to_str().unwrap()).unwrap(), directory);
    let pinned = hub.fetch(&format!("{ID}@{COMMIT}")).unwrap();
    assert_eq!(pinned, directory);
}

#[test]
fn absence_of_optional_files_is_remembered() {
    let server = Server::start(&ALL[..3]);
    let cache = tempfile::tempdir().unwrap();
    let hub = Hub::new(server.endpoint.clone(), cache.path());
    let directory = hub.fetch(ID).unwrap();
    assert_eq!(crate::checkpoint::SentenceHead::from_directory(&directory).unwrap(), Default::default());
    let asked = server.requests();
    hub.fetch(ID).unwrap();
    assert_eq!(server.requests(), asked);
}

#[test]
fn missing_models_and_files_are_named() {
    let server = Server::start(&ALL[..1]);
    let cache = tempfile::tempdir().unwrap();
    let hub = Hub::new(server.endpoint.clone(), cache.path());
    let endpoint = &server.endpoint;
    assert_eq!(
        hub.fetch(ID).unwrap_err().to_string(),
        format!(
            "the hub at {endpoint} has no model.safetensors of someone/tiny-bert; check the model id, \
             and HF_TOKEN if the model is private"
        )
    );
    assert!(hub.fetch("no/such").unwrap_err().to_string().contains("has no config.json of no/such"));
}

#[test]
fn an_unreachable_hub_is_an_error() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let cache = tempfile::tempdir().unwrap();
    let error = Hub::new(endpoint.clone(), cache.path()).fetch(ID).unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot get config.json of {ID} from {endpoint}: ")), "{error}");
    assert!(error.ends_with("; check the network and HF_ENDPOINT, or give a directory"), "{error}");
    assert!(Hub::new("no address", cache.path()).fetch(ID).is_err());
}

#[test]
fn a_malformed_answer_is_an_error() {
    let mut files = (*Server::start(&ALL).files).clone();
    files.insert(TOKENIZER.to_owned(), Vec::new());
    let server = Server::with(files);
    let cache = tempfile::tempdir().unwrap();
    assert_eq!(
        Hub::new(server.endpoint.clone(), cache.path()).fetch(ID).unwrap_err().to_string(),
        format!(
            "{} gave a malformed answer for tokenizer.json of someone/tiny-bert; \
             check that HF_ENDPOINT is a Hugging Face hub",
            server.endpoint
        )
    );
}

#[test]
fn ids_that_are_paths_are_refused() {
    let hub = Hub::new("http://127.0.0.1:1", "unused");
    assert_eq!(
        hub.resolve("../../etc/passwd").unwrap_err().to_string(),
        "\"../../etc/passwd\" is neither a directory nor a model id such as sentence-transformers/all-MiniLM-L6-v2"
    );
    for id in ["", "/no/such", "a/b/c", "a/..", ".a/b", "a b", "a/b@", "a/b@../x", "http://x", "a/b?c", "a/\u{e9}"] {
        assert!(matches!(hub.resolve(id), Err(CheckpointError::ModelId { .. })), "{id:?}");
    }
}
