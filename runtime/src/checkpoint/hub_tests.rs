//! The hub client against a server on the loopback interface that speaks the hub's download protocol.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use sha2::{Digest, Sha256};

use super::*;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const ID: &str = "someone/tiny-bert";

/// What a server does wrong with one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    /// A bit of what it sends.
    Bit,
    /// It hangs up after so many bytes, each time.
    HangsUp(usize),
    /// It sends so many bytes, and then nothing.
    Stalls(usize),
    /// As `HangsUp`, and it sends the whole whatever is asked for.
    IgnoresRanges(usize),
    /// It sends more than it says.
    TooMuch,
    /// It states no hash.
    NoHash,
    /// It redirects to nowhere.
    NoTarget,
    /// It names a content with a path.
    Path,
}

/// `<file> -> bytes` of the one model the server has; requests are logged as method, path and range.
#[derive(Clone)]
struct Server {
    endpoint: String,
    files: Arc<BTreeMap<String, Vec<u8>>>,
    wrong: Option<(&'static str, Wrong)>,
    log: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(names: &[&str]) -> Self {
        Self::with(names, None)
    }

    fn with(names: &[&str], wrong: Option<(&'static str, Wrong)>) -> Self {
        let tiny = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/tiny");
        let files = names.iter().map(|name| (name.to_string(), std::fs::read(tiny.join(name)).unwrap()));
        Self::of(files.collect(), wrong)
    }

    fn of(files: BTreeMap<String, Vec<u8>>, wrong: Option<(&'static str, Wrong)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let server = Self { endpoint, files: Arc::new(files), wrong, log: Arc::default() };
        let this = server.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let this = this.clone();
                std::thread::spawn(move || this.answer(stream.unwrap()));
            }
        });
        server
    }

    fn requests(&self) -> usize {
        self.log.lock().unwrap().len()
    }

    /// The requests for the content of a file, by their ranges.
    fn ranges(&self, file: &str) -> Vec<String> {
        let log = self.log.lock().unwrap();
        let of =
            log.iter().filter(|line| line.starts_with("GET") && line.contains(file) && !line.contains("/storage/"));
        of.map(|line| line.rsplit(' ').next().unwrap().to_owned()).collect()
    }

    /// One request a connection. The weights are redirected to another path, as the hub does with its storage.
    fn answer(&self, mut stream: TcpStream) {
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(std::result::Result::ok);
        let line = lines.next().unwrap_or_default();
        let (method, path) = line.split_once(' ').unwrap();
        let path = path.split(' ').next().unwrap();
        let headers: Vec<String> = lines.take_while(|line| !line.is_empty()).map(|l| l.to_lowercase()).collect();
        let header = |name: &str| headers.iter().find_map(|h| h.strip_prefix(name)).map(str::to_owned);
        let range = header("range: bytes=");
        self.log.lock().unwrap().push(format!("{method} {path} {}", range.as_deref().unwrap_or("all")));
        let file = [format!("/{ID}/resolve/main/"), format!("/{ID}/resolve/{COMMIT}/"), "/storage/".to_owned()];
        let file = file.iter().find_map(|prefix| path.strip_prefix(&prefix[..]));
        let Some((name, bytes)) = file.and_then(|name| self.files.get_key_value(name)) else {
            let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            return;
        };
        let wrong = self.wrong.filter(|(file, _)| file == name).map(|(_, wrong)| wrong);
        let etag = match wrong {
            Some(Wrong::NoHash) => "a-mirrors-own".to_owned(),
            Some(Wrong::Path) => "../../../etag".to_owned(),
            _ if *name == TENSORS => hex(&Sha256::digest(bytes)),
            _ => hex(&sha1::Sha1::new_with_prefix(format!("blob {}\0", bytes.len())).chain_update(bytes).finalize()),
        };
        let common = format!("X-Repo-Commit: {COMMIT}\r\nConnection: close");
        if wrong == Some(Wrong::NoTarget) {
            let _ = write!(stream, "HTTP/1.1 302 Found\r\n{common}\r\nETag: \"{etag}\"\r\nContent-Length: 0\r\n\r\n");
            return;
        }
        if name == TENSORS && !path.starts_with("/storage/") {
            let size = bytes.len();
            let linked = format!("ETag: \"other\"\r\nX-Linked-ETag: \"{etag}\"\r\nX-Linked-Size: {size}");
            let location = format!("Location: {}/storage/{name}", self.endpoint);
            let _ =
                write!(stream, "HTTP/1.1 302 Found\r\n{common}\r\n{location}\r\n{linked}\r\nContent-Length: 0\r\n\r\n");
            return;
        }
        let mut bytes = bytes.clone();
        let (size, from) = (bytes.len(), range.and_then(|range| range.trim_end_matches('-').parse().ok()));
        let from = from.filter(|_| !matches!(wrong, Some(Wrong::IgnoresRanges(_)))).unwrap_or(0);
        match wrong {
            Some(Wrong::Bit) => *bytes.last_mut().unwrap() ^= 1,
            Some(Wrong::TooMuch) if method == "GET" => bytes.push(0),
            _ => {}
        }
        let part = format!("Content-Range: bytes {from}-{}/{size}\r\n", size - 1);
        let (status, part) = if from > 0 { ("206 Partial Content", part) } else { ("200 OK", String::new()) };
        let length = bytes.len() - from;
        let _ = write!(
            stream,
            "HTTP/1.1 {status}\r\n{common}\r\nETag: W/\"{etag}\"\r\n{part}Content-Length: {length}\r\n\r\n"
        );
        if method == "HEAD" {
            return;
        }
        let most = match wrong {
            Some(Wrong::HangsUp(most) | Wrong::Stalls(most) | Wrong::IgnoresRanges(most)) => most.min(length),
            _ => length,
        };
        let _ = stream.write_all(&bytes[from..from + most]);
        if matches!(wrong, Some(Wrong::Stalls(_))) && most < length {
            // Until the client has had enough.
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A client that has little patience.
fn hub(server: &Server, cache: &Path) -> Hub {
    let tenth = Duration::from_millis(100);
    let patience = Patience { answer: Duration::from_secs(10), byte: tenth, pause: Duration::from_millis(1) };
    Hub { patience, ..Hub::new(server.endpoint.clone(), cache) }
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
    assert!(checkpoint.head.is_normalized());
    let asked = server.requests();
    assert_eq!(hub.resolve(ID).unwrap(), directory);
    assert_eq!(server.requests(), asked, "a complete snapshot needs no network");
    assert_eq!(hub.resolve(directory.to_str().unwrap()).unwrap(), directory);
    let pinned = hub.fetch(&format!("{ID}@{COMMIT}")).unwrap();
    assert_eq!(pinned, directory);
}

/// Everything in another place than usual: an old layout, shards, a vocabulary, a module with weights.
#[test]
fn every_file_that_a_description_names_is_fetched() {
    let tiny = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/tiny");
    let read = |file: &str| std::fs::read(tiny.join(file)).unwrap();
    let layout = |file: &str| (file.to_owned(), read(&format!("../sentence/0_Transformer/{file}")));
    let mut files = BTreeMap::from(
        ["modules.json", "1_Pooling/config.json", "2_Dense/config.json", "2_Dense/model.safetensors"].map(layout),
    );
    files.extend([layout("0_Transformer/sentence_bert_config.json")]);
    let mut encoder = |file: &str, bytes: Vec<u8>| files.insert(format!("0_Transformer/{file}"), bytes);
    encoder(CONFIG, read(CONFIG));
    let weights = read(TENSORS);
    let names = safetensors::SafeTensors::deserialize(&weights).unwrap();
    let index: BTreeMap<&str, &str> = names.names().into_iter().map(|name| (name, "one.safetensors")).collect();
    encoder("one.safetensors", weights.clone());
    encoder(shards::INDEX, serde_json::json!({ "weight_map": index }).to_string().into_bytes());
    let vocabulary: serde_json::Value = serde_json::from_slice(&read(TOKENIZER)).unwrap();
    let mut words: Vec<(u64, &str)> = vocabulary["model"]["vocab"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(word, id)| (id.as_u64().unwrap(), word.as_str()))
        .collect();
    words.sort_unstable();
    encoder(wordpiece::VOCABULARY, words.iter().map(|(_, word)| format!("{word}\n")).collect::<String>().into_bytes());
    let server = Server::of(files, None);
    let cache = tempfile::tempdir().unwrap();
    let hub = Hub::new(server.endpoint.clone(), cache.path());
    let directory = hub.fetch(ID).unwrap();
    let checkpoint = crate::checkpoint::Checkpoint::open(&directory).unwrap();
    assert_eq!((checkpoint.head.max_tokens, checkpoint.head.width(24).unwrap()), (Some(30), 8));
    let asked = server.requests();
    assert_eq!(hub.fetch(ID).unwrap(), directory);
    assert_eq!(server.requests(), asked, "{:?}", server.log.lock().unwrap());
}

#[test]
fn absence_of_optional_files_is_remembered() {
    let server = Server::start(&ALL[..3]);
    let cache = tempfile::tempdir().unwrap();
    let hub = Hub::new(server.endpoint.clone(), cache.path());
    let directory = hub.fetch(ID).unwrap();
    assert_eq!(sentence::Description::read(&directory).unwrap().head, Default::default());
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
    for wrong in [Wrong::NoTarget, Wrong::Path, Wrong::TooMuch] {
        let server = Server::with(&ALL, Some((TOKENIZER, wrong)));
        let cache = tempfile::tempdir().unwrap();
        let error = hub(&server, cache.path()).fetch(ID).unwrap_err().to_string();
        assert_eq!(
            error,
            format!(
                "{} gave a malformed answer for tokenizer.json of someone/tiny-bert; check that HF_ENDPOINT is a Hugging \
                 Face hub",
                server.endpoint
            ),
            "{wrong:?}"
        );
        assert!(!cache.path().parent().unwrap().join("etag").exists());
    }
}

#[test]
fn content_that_is_not_what_the_hub_states_is_not_kept() {
    for (file, digits) in [(TENSORS, 64), (TOKENIZER, 40)] {
        let server = Server::with(&ALL, Some((file, Wrong::Bit)));
        let cache = tempfile::tempdir().unwrap();
        let error = hub(&server, cache.path()).fetch(ID).unwrap_err();
        let CheckpointError::HubContent { expected, found, .. } = &error else { panic!("{error}") };
        assert!(expected.len() == digits && found.len() == digits && expected != found, "{error}");
        assert!(error.to_string().contains("and the hub states") && error.to_string().contains("it is not kept"));
        let blobs = cache.path().join("models--someone--tiny-bert/blobs");
        let kept = std::fs::read_dir(blobs).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
        assert!(kept.into_iter().all(|name| !name.starts_with(expected.as_str())), "{file}");
        assert_eq!(server.ranges(file).len(), 1, "it is not asked again and again");
    }
}

#[test]
fn a_mirror_without_hashes_serves_nevertheless() {
    let server = Server::with(&ALL, Some((TOKENIZER, Wrong::NoHash)));
    let cache = tempfile::tempdir().unwrap();
    hub(&server, cache.path()).fetch(ID).unwrap();
}

#[test]
fn an_interrupted_download_goes_on_where_it_was() {
    let server = Server::with(&ALL, Some((TENSORS, Wrong::HangsUp(20_000))));
    let cache = tempfile::tempdir().unwrap();
    let directory = hub(&server, cache.path()).fetch(ID).unwrap();
    assert_eq!(std::fs::read(directory.join(TENSORS)).unwrap(), server.files[TENSORS]);
    let ranges = server.ranges(TENSORS);
    assert!(ranges.len() > 1 && ranges[..2] == ["all", "20000-"], "{ranges:?}");
}

#[test]
fn a_stalled_download_goes_on_and_ends_in_bounded_time() {
    // It sends a piece each time: slow, but it gets there.
    let server = Server::with(&ALL, Some((TENSORS, Wrong::Stalls(30_000))));
    let cache = tempfile::tempdir().unwrap();
    let directory = hub(&server, cache.path()).fetch(ID).unwrap();
    assert_eq!(std::fs::read(directory.join(TENSORS)).unwrap(), server.files[TENSORS]);

    // It sends nothing any more: five times the patience, and what came is kept.
    let server = Server::with(&ALL, Some((TENSORS, Wrong::Stalls(0))));
    let cache = tempfile::tempdir().unwrap();
    let name = hex(&Sha256::digest(&server.files[TENSORS]));
    let blobs = cache.path().join("models--someone--tiny-bert/blobs");
    std::fs::create_dir_all(&blobs).unwrap();
    std::fs::write(blobs.join(format!("{name}.incomplete")), &server.files[TENSORS][..1000]).unwrap();
    let started = Instant::now();
    let error = hub(&server, cache.path()).fetch(ID).unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    assert!(matches!(error, CheckpointError::HubStalled { received: 1000, .. }), "{error}");
    assert_eq!(server.ranges(TENSORS), ["1000-"; 5]);

    // The next process goes on from there.
    let healthy = Server::start(&ALL);
    hub(&healthy, cache.path()).fetch(ID).unwrap();
    assert_eq!(healthy.ranges(TENSORS), ["1000-"]);
}

#[test]
fn a_damaged_beginning_is_fetched_anew() {
    let server = Server::start(&ALL);
    let cache = tempfile::tempdir().unwrap();
    let name = hex(&Sha256::digest(&server.files[TENSORS]));
    let blobs = cache.path().join("models--someone--tiny-bert/blobs");
    std::fs::create_dir_all(&blobs).unwrap();
    std::fs::write(blobs.join(format!("{name}.incomplete")), [0; 1000]).unwrap();
    let directory = hub(&server, cache.path()).fetch(ID).unwrap();
    assert_eq!(std::fs::read(directory.join(TENSORS)).unwrap(), server.files[TENSORS]);
    assert_eq!(server.ranges(TENSORS), ["1000-", "all"]);
}

#[test]
fn a_server_without_ranges_cannot_keep_the_client_for_ever() {
    let server = Server::with(&ALL, Some((TENSORS, Wrong::IgnoresRanges(5000))));
    let cache = tempfile::tempdir().unwrap();
    let error = hub(&server, cache.path()).fetch(ID).unwrap_err();
    assert!(matches!(error, CheckpointError::HubStalled { received: 5000, .. }), "{error}");
    assert_eq!(server.ranges(TENSORS).len(), 6);
}

#[test]
fn offline_the_cache_is_all_there_is() {
    let server = Server::start(&ALL[..3]);
    let cache = tempfile::tempdir().unwrap();
    let offline = Hub { offline: true, ..hub(&server, cache.path()) };
    assert_eq!(
        offline.fetch(ID).unwrap_err().to_string(),
        format!(
            "{} has no config.json of someone/tiny-bert, and HF_HUB_OFFLINE forbids to ask the hub; unset it once, or give a \
             directory",
            cache.path().display()
        )
    );
    assert_eq!(server.requests(), 0);
    let directory = hub(&server, cache.path()).fetch(ID).unwrap();
    let asked = server.requests();
    std::fs::remove_dir_all(directory.join("../../.no_exist")).unwrap();
    assert_eq!(offline.fetch(ID).unwrap(), directory, "what is optional and not there is absent");
    assert_eq!(server.requests(), asked);
}

#[test]
fn a_cache_of_the_python_library_is_used() {
    let server = Server::start(&ALL);
    let cache = tempfile::tempdir().unwrap();
    let directory = hub(&server, cache.path()).fetch(ID).unwrap();
    let link = std::fs::read_link(directory.join("1_Pooling/config.json")).unwrap();
    assert!(link.starts_with("../../../blobs"), "{}", link.display());
    // It has no reference to a commit.
    let _ = std::fs::remove_file(directory.join("../../refs").join(COMMIT));
    let offline = Hub { offline: true, ..hub(&server, cache.path()) };
    assert_eq!(offline.fetch(&format!("{ID}@{COMMIT}")).unwrap(), directory);
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
