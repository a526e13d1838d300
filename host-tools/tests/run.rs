//! `systole run`: what it prints and what it accepts.

mod support;

use std::process::Stdio;

use serde_json::Value;
use support::{command, json_lines, systole, tiny, with_input};

#[test]
fn without_arguments_it_demonstrates() {
    let alone = systole([""; 0]).ok();
    for part in ["the built-in model: 2 layers x 128", "similarity", "nearest pairs", "sim:n16  8 texts, "] {
        assert!(alone.contains(part), "{part} in\n{alone}");
    }
    assert!(!alone.contains('\u{1b}'), "no colours into a pipe");
    let run = systole(["run"]).ok();
    let without_time = |s: &str| s.lines().filter(|l| !l.starts_with("sim:n16")).collect::<Vec<_>>().join("\n");
    assert_eq!(without_time(&alone), without_time(&run));
}

#[test]
fn the_demonstration_pairs_what_belongs_together() {
    let lines = json_lines(&systole(["run", "--json"]).ok());
    let vector =
        |v: &Value| -> Vec<f64> { v["embedding"].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect() };
    let vectors: Vec<Vec<f64>> = lines.iter().map(vector).collect();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    let cosine = |a: usize, b: usize| {
        dot(&vectors[a], &vectors[b]) / (dot(&vectors[a], &vectors[a]) * dot(&vectors[b], &vectors[b])).sqrt()
    };
    for index in 0..8 {
        let others = (0..8).filter(|&o| o != index);
        let nearest = others.max_by(|&a, &b| cosine(index, a).total_cmp(&cosine(index, b)));
        assert_eq!(nearest, Some(index ^ 1), "sentence {index}");
    }
}

#[test]
fn json_is_one_object_a_text_in_order() {
    let lines = json_lines(&systole(["run", "--text", "Hello, world!", "--text", "", "--json"]).ok());
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["text"], "Hello, world!");
    assert_eq!(lines[0]["tokens"], 6);
    assert_eq!(lines[1]["tokens"], 2, "an empty text is its special tokens");
    assert_eq!(lines[0]["embedding"].as_array().unwrap().len(), 128);
    assert_eq!(lines[0].as_object().unwrap().len(), 4, "with the schema");
}

#[test]
fn plain_lines_json_lines_and_arguments_give_the_same() {
    let arguments = systole(["run", "--json", "--text", "one cat", "--text", "two dogs and a bird"]).ok();
    assert_eq!(with_input(["run", "--json", "--input", "-"], b"one cat\r\ntwo dogs and a bird").ok(), arguments);
    let json = b"{\"text\": \"one cat\"}\r\n  { \"text\": \"two dogs and a bird\"}\n";
    assert_eq!(with_input(["run", "--json", "--input", "-"], json).ok(), arguments);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("texts.jsonl");
    std::fs::write(&file, json).unwrap();
    assert_eq!(systole(["run", "--json", "--input", file.to_str().unwrap()]).ok(), arguments);
}

#[test]
fn neither_the_configuration_nor_the_batch_changes_a_bit() {
    let texts: String = (0..20).map(|n| format!("sentence number {n}{}\n", " and on".repeat(n % 4))).collect();
    let run = |device: &str, batch: &str| {
        with_input(["run", "--json", "--device", device, "--batch", batch, "--input", "-"], texts.as_bytes()).ok()
    };
    let expected = run("sim", "8");
    assert_eq!(expected.lines().count(), 20);
    for device in ["sim:n8", "sim:n16", "sim:n32"] {
        assert_eq!(run(device, "1"), expected, "{device}");
    }
}

#[test]
fn truncation_keeps_the_special_tokens() {
    let long = "word ".repeat(600);
    let cut = |more: &[&str]| {
        let ended = systole([&["run", "--json", "--text", "short", "--text", &long], more].concat());
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        (json_lines(&ended.stdout)[1]["tokens"].clone(), ended.stderr)
    };
    let note = |n: u32| {
        let note = format!(
            "1 of 2 texts were longer than {n} tokens and were cut to these; with --truncate never they are errors"
        );
        format!("{{\"schema\":1,\"note\":\"{note}\"}}\n")
    };
    assert_eq!(cut(&["--truncate", "16"]), (16.into(), note(16)));
    assert_eq!(cut(&[]), (512.into(), note(512)));
}

#[test]
fn a_check_passes_or_fails_with_code_1() {
    let model = tiny();
    let run = |bound: &str| systole(["run", "-m", model.to_str().unwrap(), "--check", "fp32", "--bound", bound]);
    let passed = run("0.5");
    assert!(passed.stdout.contains("bound 0.5: passed"), "{}", passed.stdout);
    passed.ok();
    let failed = run("0.9999999");
    assert_eq!(failed.code, Some(1));
    assert!(failed.stdout.contains("FAILED"), "{}", failed.stdout);
    assert!(failed.stderr.starts_with("error: check failed: 8 of 8 texts have a cosine to fp32 below 0.9999999"));
    assert_eq!(failed.stderr.lines().count(), 1);
}

#[test]
fn a_check_of_a_quantized_file_takes_the_checkpoint_by_reference() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("tiny.systole");
    let (file, tiny) = (file.to_str().unwrap(), tiny());
    let tiny = tiny.to_str().unwrap();
    systole(["quantize", tiny, "-o", file, "--scales", "dynamic"]).ok();
    let arguments = ["run", "-m", file, "--check", "fp32", "--reference", tiny, "--bound", "0.9", "--json"];
    let ended = systole(arguments);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    for line in json_lines(&ended.stdout) {
        assert!(line["cosine_fp32"].as_f64().unwrap() > 0.9, "{line}");
    }
    assert_eq!(
        systole(["run", "--check", "fp32", "--reference", tiny]).refused(),
        "the reference is not the checkpoint that the built-in model was made of: their dimensions differ"
    );
}

#[test]
fn a_closed_pipe_ends_it_quietly() {
    let texts: String = (0..1500).map(|n| format!("text {n}\n")).collect();
    let mut child = command()
        .args(["run", "--json", "--input", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), texts.as_bytes()).unwrap();
    let ended = child.wait_with_output().unwrap();
    assert_eq!((ended.status.code(), &ended.stderr[..]), (Some(0), &b""[..]));
}

#[test]
fn control_characters_of_a_text_do_not_reach_the_terminal() {
    let shown = systole(["run", "--text", "red \u{1b}[31m alarm\u{7}"]).ok();
    assert!(shown.contains("red \\u{1b}[31m alarm\\u{7}"), "{shown}");
}

#[test]
fn rust_log_goes_to_stderr() {
    let output = command().args(["run", "--json"]).env("RUST_LOG", "info").output().unwrap();
    assert!(String::from_utf8(output.stderr).unwrap().contains("submit"));
    assert_eq!(json_lines(&String::from_utf8(output.stdout).unwrap()).len(), 8);
}
