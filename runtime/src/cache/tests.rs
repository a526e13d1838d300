//! The cache by itself; `host-tools/tests/cache.rs` has it in the command.

use std::time::Duration;

use super::*;
use crate::checkpoint::Checkpoint;
use crate::quantize::{Scales, default_calibration};

/// A copy of the repository's tiny checkpoint, and a cache, in one directory.
struct Fixture {
    root: tempfile::TempDir,
    cache: ModelCache,
}

impl Fixture {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let tiny = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/tiny");
        fs::create_dir(root.path().join("model")).unwrap();
        for file in ["config.json", "model.safetensors", "tokenizer.json"] {
            fs::copy(tiny.join(file), root.path().join("model").join(file)).unwrap();
        }
        let cache = ModelCache::new(root.path().join("cache"));
        Self { root, cache }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.root.path().join("model").join(name)
    }

    fn source(&self) -> Source {
        self.cache.source(&self.root.path().join("model")).unwrap()
    }

    fn key(&self) -> Key {
        Key::new(&self.source(), &"a test")
    }

    fn model(&self) -> QuantizedModel {
        let checkpoint = Checkpoint::open(&self.root.path().join("model")).unwrap();
        QuantizedModel::quantize(&checkpoint, &default_calibration()[..4], Scales::Static).unwrap()
    }

    /// Waits until the files may be stamped: nobody can set a time of change back.
    fn settle() {
        std::thread::sleep(stamp::SETTLED + Duration::from_millis(100));
    }
}

#[test]
fn what_was_put_is_got_until_it_is_damaged_and_then_mended() {
    let f = Fixture::new();
    let (key, model) = (f.key(), f.model());
    assert!(f.cache.get(&key).unwrap().is_none());
    f.cache.put(&key, &model).unwrap();
    assert_eq!(f.cache.get(&key).unwrap().unwrap().image, model.image);
    let path = f.cache.directory().join(key.file());
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, &bytes).unwrap();
    assert!(matches!(f.cache.get(&key), Err(QuantizeError::Damaged { .. })));
    assert!(f.cache.entries().unwrap()[0].model.is_err());
    f.cache.put(&key, &model).unwrap();
    assert!(f.cache.get(&key).unwrap().is_some());
}

#[test]
fn another_content_or_way_has_another_key_and_the_same_content_elsewhere_the_same() {
    let (f, g) = (Fixture::new(), Fixture::new());
    let key = f.key();
    assert_eq!(key, g.key());
    assert_ne!(key, Key::new(&f.source(), &"another test"));
    for file in ["config.json", "model.safetensors", "tokenizer.json"] {
        let before = fs::read(f.file(file)).unwrap();
        let mut bytes = before.clone();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(f.file(file), bytes).unwrap();
        assert_ne!(f.key(), key, "{file}");
        fs::write(f.file(file), before).unwrap();
        assert_eq!(f.key(), key, "{file}");
    }
}

#[test]
fn a_model_of_a_checkpoint_that_changed_meanwhile_is_not_kept() {
    let f = Fixture::new();
    let key = f.key();
    fs::write(f.file("generation_config.json"), "{}").unwrap();
    f.cache.put(&key, &f.model()).unwrap();
    assert!(f.cache.get(&key).unwrap().is_none());
}

#[test]
fn a_file_is_not_read_again_until_it_changes() {
    let f = Fixture::new();
    Fixture::settle();
    let source = f.source();
    let path = f.cache.directory().join(Stamp::file(&f.root.path().join("model")));
    // A stamp that lies is believed: nothing was read.
    let honest = fs::read_to_string(&path).unwrap();
    let lie = honest.replace(&source.files["model.safetensors"].to_string(), &Digest::of(b"").to_string());
    fs::write(&path, lie).unwrap();
    assert_eq!(f.source().files["model.safetensors"], Digest::of(b""));
    // Same length and, set back, the same modification time: only the kernel's own time of change tells.
    let weights = f.file("model.safetensors");
    let modified = fs::metadata(&weights).unwrap().modified().unwrap();
    let mut bytes = fs::read(&weights).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&weights, &bytes).unwrap();
    fs::File::options().write(true).open(&weights).unwrap().set_modified(modified).unwrap();
    assert_eq!(f.source().files["model.safetensors"], Digest::of(&bytes));
    // A damaged stamp is none.
    fs::write(&path, "{").unwrap();
    assert_eq!(f.source().files["model.safetensors"], Digest::of(&bytes));
}

#[test]
fn a_file_that_may_still_change_is_not_stamped() {
    let f = Fixture::new();
    f.source();
    let path = f.cache.directory().join(Stamp::file(&f.root.path().join("model")));
    assert!(!path.exists());
}

#[test]
fn clearing_and_tidying_leave_what_is_not_ours() {
    let f = Fixture::new();
    let (key, model) = (f.key(), f.model());
    fs::create_dir_all(f.cache.directory()).unwrap();
    let at = |name: &str| f.cache.directory().join(name);
    fs::write(at("notes.txt"), "mine").unwrap();
    fs::write(at(&format!("{}-{:016x}.{MODEL}", key.identity, 0)), "of another build").unwrap();
    fs::write(at(&format!("{:032x}-{:016x}.{MODEL}", 0, 0)), "of another model").unwrap();
    f.cache.put(&key, &model).unwrap();
    assert_eq!(f.cache.entries().unwrap().len(), 2, "the other build's went");
    let (models, bytes) = f.cache.clear().unwrap();
    assert_eq!(models, 2);
    assert!(bytes > model.image.len() as u64);
    assert!(f.cache.entries().unwrap().is_empty());
    assert!(at("notes.txt").exists());
    assert_eq!(ModelCache::new(at("nowhere")).clear().unwrap(), (0, 0));
}
