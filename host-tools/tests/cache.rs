//! Quantized models are kept: the second start does not quantize, and whatever changes is noticed.

mod support;

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;
use support::{Ended, command, copy_of_tiny};

/// A copy of the tiny checkpoint in `model/`, and a cache of its own in `cache/`.
struct Fixture(tempfile::TempDir);

impl Fixture {
    fn new() -> Self {
        Self(copy_of_tiny())
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn systole(&self, cache: &Path, arguments: &[&str]) -> Ended {
        self.logged(cache, "", arguments)
    }

    fn logged(&self, cache: &Path, log: &str, arguments: &[&str]) -> Ended {
        let mut command = command();
        command.args(arguments).env("SYSTOLE_CACHE", cache).env("RUST_LOG", log);
        let output = command.stdin(Stdio::null()).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Embeds a text: the result, and whether the model was quantized for it.
    fn run(&self, more: &[&str]) -> (String, bool) {
        let model = self.at("model");
        let run = ["run", "--text", "a cat", "--json", "-m", model.to_str().unwrap()];
        let ended = self.logged(&self.at("cache"), "systole_runtime=info", &[&run, more].concat());
        assert_eq!(ended.code, Some(0), "{ended:?}");
        // The span that quantization has in the log.
        (ended.stdout, ended.stderr.contains(" quantize{texts="))
    }

    fn edit(&self, file: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let path = self.at("model").join(file);
        let mut bytes = std::fs::read(&path).unwrap();
        change(&mut bytes);
        std::fs::write(&path, bytes).unwrap();
    }

    fn list(&self) -> Vec<Value> {
        let listed = self.systole(&self.at("cache"), &["cache", "list", "--json"]).ok();
        let listed: Value = serde_json::from_str(&listed).unwrap();
        listed["models"].as_array().unwrap().clone()
    }
}

#[test]
fn the_second_start_does_not_quantize_and_gives_the_same() {
    let f = Fixture::new();
    let (first, quantized) = f.run(&[]);
    assert!(quantized);
    assert_eq!(f.run(&[]), (first.clone(), false));
    assert_eq!(f.run(&["--no-cache"]), (first, true));
    assert_eq!(f.list().len(), 1);
    // The check against fp32 finds the checkpoint, though it was not needed for the model.
    assert!(!f.run(&["--check", "fp32", "--bound", "0"]).1);
}

#[test]
fn whatever_decides_the_result_is_noticed() {
    let f = Fixture::new();
    std::fs::write(f.at("texts.txt"), "one text\nanother text\n").unwrap();
    let texts = f.at("texts.txt");
    let calibration = ["--calibration", texts.to_str().unwrap()];
    let (first, _) = f.run(&[]);
    assert!(f.run(&["--scales", "dynamic"]).1);
    assert!(f.run(&calibration).1);
    assert!(!f.run(&calibration).1);
    std::fs::write(&texts, "one text\nyet another text\n").unwrap();
    assert!(f.run(&calibration).1, "other calibration texts");
    // The last element of the last tensor; the file's length stays.
    f.edit("model.safetensors", |bytes| *bytes.last_mut().unwrap() ^= 1);
    assert!(f.run(&[]).1, "other weights");
    f.edit("tokenizer.json", |bytes| bytes.push(b'\n'));
    assert!(f.run(&[]).1, "another tokenizer");
    f.edit("config.json", |bytes| bytes.push(b'\n'));
    assert!(f.run(&[]).1, "another configuration");
    let description = r#"[{"path": "", "type": "sentence_transformers.models.Transformer"},
        {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}]"#;
    std::fs::write(f.at("model/modules.json"), description).unwrap();
    let (not_normalized, quantized) = f.run(&[]);
    assert!(quantized && not_normalized != first, "another description: {not_normalized}");
}

#[test]
fn a_damaged_entry_is_said_and_made_anew() {
    let f = Fixture::new();
    let (first, _) = f.run(&[]);
    let entry = f.at("cache/models").join(f.list()[0]["file"].as_str().unwrap());
    let mut bytes = std::fs::read(&entry).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&entry, bytes).unwrap();
    assert_eq!(f.list()[0]["damaged"], true);
    let model = f.at("model");
    let run = ["run", "--text", "a cat", "--json", "-m", model.to_str().unwrap()];
    let ended = f.systole(&f.at("cache"), &run);
    assert_eq!((ended.code, &ended.stdout), (Some(0), &first), "{ended:?}");
    assert!(ended.stderr.contains("the model kept in the cache cannot be used and is made anew: "), "{}", ended.stderr);
    assert_eq!(f.list()[0]["damaged"], false);
    assert_eq!(f.run(&[]), (first, false));
}

#[test]
fn two_processes_at_once_both_work() {
    let f = Fixture::new();
    let start = || {
        let mut command = command();
        command.args(["run", "--text", "a cat", "--json", "-m"]).arg(f.at("model"));
        command.env("SYSTOLE_CACHE", f.at("cache")).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let running: Vec<_> = (0..3).map(|_| start()).collect();
    let ended: Vec<_> = running.into_iter().map(|child| child.wait_with_output().unwrap()).collect();
    for output in &ended {
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        assert_eq!(output.stdout, ended[0].stdout);
    }
    assert_eq!(f.list().len(), 1);
    assert!(!f.run(&[]).1);
}

#[test]
fn without_a_place_for_the_cache_it_only_takes_longer() {
    let f = Fixture::new();
    std::fs::write(f.at("file"), "").unwrap();
    let model = f.at("model");
    let run = ["run", "--text", "a cat", "--json", "-m", model.to_str().unwrap()];
    let ended = f.systole(&f.at("file"), &run);
    assert_eq!((ended.code, ended.stdout), (Some(0), f.run(&[]).0));
    assert!(ended.stderr.contains("cannot be kept and is made at every start: "), "{}", ended.stderr);
}

#[test]
fn the_list_says_what_is_kept_and_clearing_removes_it() {
    let f = Fixture::new();
    f.run(&[]);
    f.run(&["--scales", "dynamic"]);
    let list = f.list();
    let mut scales: Vec<&str> = list.iter().map(|m| m["scales"].as_str().unwrap()).collect();
    scales.sort_unstable();
    assert_eq!(scales, ["dynamic", "static"]);
    assert!(list.iter().all(|m| m["current"] == true && m["layers"] == 2 && m["source_sha256"].is_string()));
    let shown = f.systole(&f.at("cache"), &["cache", "list"]).ok();
    assert!(shown.contains("2 layers x 24, static scales") && shown.contains("in use"), "{shown}");
    let cleared = f.systole(&f.at("cache"), &["cache", "clear", "--json"]).ok();
    assert_eq!(serde_json::from_str::<Value>(&cleared).unwrap()["models"], 2);
    assert!(f.list().is_empty());
    assert!(f.run(&[]).1);
}
