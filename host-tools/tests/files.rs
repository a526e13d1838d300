//! `quantize`, `compile`, `inspect` and `completions`: the way of a model through files.

mod support;

use serde_json::Value;
use support::{json_lines, systole, tiny};

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

#[test]
fn a_model_goes_from_checkpoint_to_embedding_through_files() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let tiny = tiny();
    let tiny = tiny.to_str().unwrap();
    let report = json(&systole(["quantize", tiny, "-o", &at("tiny.systole"), "--json"]).ok());
    assert_eq!((&report["layers"], &report["hidden"], &report["scales"]), (&2.into(), &24.into(), &"static".into()));
    assert_eq!(report["bytes"], std::fs::metadata(at("tiny.systole")).unwrap().len());
    let fate = |name: &str| report["tensors"].as_array().unwrap().iter().find(|t| t["name"] == name).unwrap().clone();
    let word = "embeddings.word_embeddings.weight";
    assert_eq!(fate(word)["parameter"], word);
    assert_eq!(fate(word)["shape"], serde_json::json!([64, 24]));

    // The same bytes as from the checkpoint itself, and again.
    let direct = systole(["run", "-m", tiny, "--json"]).ok();
    assert_eq!(systole(["run", "-m", &at("tiny.systole"), "--json"]).ok(), direct);
    systole(["quantize", tiny, "-o", &at("again.systole")]).ok();
    assert_eq!(std::fs::read(at("tiny.systole")).unwrap(), std::fs::read(at("again.systole")).unwrap());

    let compiled = systole(["compile", "-m", &at("tiny.systole"), "--tokens", "12", "-o", &at("tiny.prog"), "--json"]);
    let compiled = json(&compiled.ok());
    let inspected = json(&systole(["inspect", &at("tiny.prog"), "--json"]).ok());
    assert_eq!(compiled, inspected);
    assert_eq!(
        (&inspected["config"], &inspected["tokens"], &inspected["batch"]),
        (&"n16".into(), &12.into(), &1.into())
    );
}

#[test]
fn the_listing_of_tensors_gives_reasons() {
    let directory = support::copy_of_tiny();
    let model = directory.path().join("model");
    let output = directory.path().join("out.systole");
    let shown = systole(["quantize", model.to_str().unwrap(), "-o", output.to_str().unwrap()]).ok();
    assert!(shown.contains("embeddings.word_embeddings.weight"), "{shown}");
    assert!(shown.contains("mapped"), "{shown}");
    assert!(shown.contains("2 layers x 24, INT8, static scales"), "{shown}");
}

#[test]
fn inspect_adds_up() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("small.prog");
    let file = file.to_str().unwrap();
    let arguments = ["compile", "--device", "sim:n32", "--tokens", "32", "--batch", "2", "-o", file];
    let line = systole(arguments).ok();
    assert!(line.contains("for n32, 32 tokens x 2:"), "{line}");

    let report = json(&systole(["inspect", file, "--json"]).ok());
    let operations = report["operations"].as_array().unwrap();
    let sum = |key: &str| operations.iter().map(|o| o[key].as_u64().unwrap()).sum::<u64>();
    for key in ["macs", "bytes_loaded", "bytes_stored", "vector_elements"] {
        assert_eq!(report["total"][key], sum(key), "{key}");
    }
    // 2 x 32 tokens through 2 layers: Q, K, V and output 128 x 128, two matrices 128 x 512, and 2 heads of 64.
    let expected = 64 * 2 * (4 * 128 * 128 + 2 * 128 * 512) + 2 * 2 * 2 * (2 * 32 * 32 * 64);
    assert_eq!(report["total"]["macs"], expected);

    let summed = systole(["inspect", file]).ok();
    assert_eq!(summed.lines().filter(|l| l.starts_with("ffn.up")).count(), 1, "{summed}");
    let by_layer = systole(["inspect", file, "--layers"]).ok();
    assert!(by_layer.contains("layer 0 ffn.up") && by_layer.contains("layer 1 ffn.up"), "{by_layer}");

    let instructions = systole(["inspect", file, "--disassemble"]).ok();
    let total: u64 = report["total"]["instructions"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum();
    assert_eq!(instructions.lines().count() as u64, total);
    assert!(instructions.lines().last().unwrap().ends_with("end"), "{instructions}");
    assert!(instructions.contains("; layer 1 attention.scores"), "{instructions}");
}

#[test]
fn every_shell_has_completions() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = systole(["completions", shell]).ok();
        assert!(script.contains("systole") && script.contains("quantize"), "{shell}");
    }
}

#[test]
fn every_help_has_examples() {
    assert!(systole(["--help"]).ok().contains("Examples:\n  systole "));
    for command in ["run", "quantize", "compile", "inspect", "completions"] {
        let help = systole([command, "--help"]).ok();
        assert!(help.contains("Examples:\n  systole "), "{help}");
    }
}

#[test]
fn calibration_changes_the_model_and_can_be_json_lines() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(at("plain.txt"), "one text\nanother text\n").unwrap();
    std::fs::write(at("lines.jsonl"), "{\"text\": \"one text\"}\n{\"text\": \"another text\"}\n").unwrap();
    let tiny = tiny();
    let embed = |calibration: Option<&str>| {
        let mut arguments = vec!["run", "-m", tiny.to_str().unwrap(), "--json"];
        arguments.extend(calibration.iter().flat_map(|c| ["--calibration", c]));
        let ended = systole(arguments);
        // Two texts bring a warning.
        assert_eq!((ended.code, ended.stderr.is_empty()), (Some(0), calibration.is_none()), "{}", ended.stderr);
        json_lines(&ended.stdout)
    };
    let plain = embed(Some(&at("plain.txt")));
    assert_eq!(plain, embed(Some(&at("lines.jsonl"))));
    assert_ne!(plain, embed(None));
}
