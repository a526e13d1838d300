//! `inspect` of models: the card of a file, of a directory, and of what is refused.

mod support;

use serde_json::Value;
use support::{copy_of_tiny, systole, tiny};

fn json(arguments: &[&str]) -> Value {
    let text = systole([arguments, &["--json"]].concat()).ok();
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

/// What `sha256sum` prints for a file.
fn sha256(path: &std::path::Path) -> String {
    let output = std::process::Command::new("sha256sum").arg(path).output().unwrap();
    String::from_utf8(output.stdout).unwrap().split(' ').next().unwrap().to_owned()
}

#[test]
fn a_checkpoint_and_the_file_made_of_it_have_the_same_card() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("tiny.systole");
    let (file, tiny) = (file.to_str().unwrap(), tiny());
    systole(["quantize", tiny.to_str().unwrap(), "-o", file, "--scales", "dynamic"]).ok();
    let (of_file, of_directory) = (json(&["inspect", file]), json(&["inspect", tiny.to_str().unwrap()]));
    assert_eq!((&of_file["kind"], &of_directory["kind"]), (&"quantized".into(), &"checkpoint".into()));
    for key in ["architecture", "sentence", "source", "tensors_unused", "supported"] {
        assert_eq!(of_file[key], of_directory[key], "{key}");
    }
    let of_model = &of_file["architecture"];
    for (key, value) in [("layers", 2), ("hidden", 24), ("vocabulary", 64), ("positions", 40), ("token_types", 2)] {
        assert_eq!(of_model[key], value, "{key}");
    }
    // (64 + 40 + 2) x 24, a LayerNorm, and two layers of six matrices and two LayerNorms.
    let intermediate = of_model["intermediate"].as_u64().unwrap();
    let layer = 4 * (24 * 24 + 24) + 2 * 24 * intermediate + intermediate + 24 + 4 * 24;
    assert_eq!(of_model["parameters"], 106 * 24 + 48 + 2 * layer);
    let files = of_file["source"]["files"].as_object().unwrap();
    assert!(files.len() >= 3);
    for (name, digest) in files {
        assert_eq!(digest, &sha256(&tiny.join(name)), "{name}");
    }
    let quantized = &of_file["quantized"];
    assert_eq!((&quantized["scales"], &quantized["calibration_built_in"]), (&"dynamic".into(), &true.into()));
    assert_eq!(quantized["version"], env!("CARGO_PKG_VERSION"));

    let shown = systole(["inspect", file]).ok();
    for words in ["bert, 2 layers x 24", "INT8, dynamic scales", "built-in texts", "model.safetensors"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
}

#[test]
fn the_built_in_model_has_a_card_too() {
    let card = json(&["inspect"]);
    assert_eq!((&card["model"], &card["architecture"]["hidden"]), (&"the built-in model".into(), &128.into()));
    assert_eq!(card["tensors_unused"].as_array().unwrap().len(), 5);
    assert_eq!(card["quantized"]["calibration_built_in"], true);
}

#[test]
fn what_is_not_supported_is_described_all_the_same() {
    let directory = copy_of_tiny();
    let model = directory.path().join("model");
    let config = std::fs::read_to_string(model.join("config.json")).unwrap();
    std::fs::write(model.join("config.json"), config.replace("\"bert\"", "\"gpt2\"")).unwrap();
    let card = json(&["inspect", model.to_str().unwrap()]);
    assert_eq!((&card["supported"], &card["architecture"]["model_type"]), (&false.into(), &"gpt2".into()));
    assert_eq!(card["architecture"]["layers"], 2);
    assert!(card["refused"].as_str().unwrap().contains("model_type"), "{card}");
    let shown = systole(["inspect", model.to_str().unwrap()]).ok();
    assert!(shown.contains("not supported") && shown.contains("gpt2, 2 layers x 24"), "{shown}");

    std::fs::remove_file(model.join("config.json")).unwrap();
    let refused = systole(["inspect", model.to_str().unwrap()]).refused();
    assert!(refused.contains("has no config.json"), "{refused}");
}

#[test]
fn damaged_and_older_files_are_refused_with_what_to_do() {
    let directory = copy_of_tiny();
    let at = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    systole(["quantize", &at("model"), "-o", &at("a.systole")]).ok();
    let whole = std::fs::read(at("a.systole")).unwrap();
    let mut bytes = whole.clone();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(at("a.systole"), &bytes).unwrap();
    for command in [&["inspect"][..], &["run", "-m"]] {
        assert_eq!(
            systole([command, &[&at("a.systole")]].concat()).refused_in(directory.path()),
            "quantized model DIR/a.systole is damaged: its content does not have the SHA-256 it was written with; copy it \
             again, or make a new one: systole quantize CHECKPOINT -o DIR/a.systole"
        );
    }
    // The description of format version 1, which had no hash.
    let description = r#"{\"version\":1,\"shape\":{}}"#;
    let mut header = format!(r#"{{"__metadata__":{{"systole":"{description}"}}}}"#);
    header.push_str(&" ".repeat(header.len().next_multiple_of(8) - header.len()));
    let older = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat();
    std::fs::write(at("old.systole"), older).unwrap();
    assert_eq!(
        systole(["run", "-m", &at("old.systole")]).refused_in(directory.path()),
        "quantized model DIR/old.systole has format version 1, this systole reads 2; make a new one: systole quantize \
         CHECKPOINT -o DIR/old.systole"
    );
    assert!(systole(["inspect", "--layers"]).refused().starts_with("this is a model; "));
}

#[test]
fn a_quantized_file_has_an_ordinary_files_permissions_and_a_link_is_followed() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    std::fs::write(at("ordinary"), "").unwrap();
    symlink(at("target.systole"), at("link.systole")).unwrap();
    systole(["quantize", tiny().to_str().unwrap(), "-o", at("link.systole").to_str().unwrap()]).ok();
    assert!(at("link.systole").is_symlink() && at("target.systole").is_file());
    let mode = |name: &str| at(name).metadata().unwrap().permissions().mode();
    assert_eq!(mode("target.systole"), mode("ordinary"));
}
