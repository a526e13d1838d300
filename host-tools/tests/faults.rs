//! `systole run` on a device that misbehaves: it recovers, goes on elsewhere, or says what is wrong.

mod support;

use std::path::Path;

use support::{Ended, command, json_lines, systole};

const TEXTS: [&str; 6] = ["--text", "one cat", "--text", "two dogs and a bird", "--text", "Where is the station?"];

/// Runs the texts with JSON, with recordings below a directory.
fn run(cache: &Path, arguments: &[&str]) -> Ended {
    let arguments = [&["run", "--device", "sim:n8", "--json"], &TEXTS[..], arguments].concat();
    let output = command().args(arguments).env("SYSTOLE_CACHE", cache).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// The only thing that is said on standard error.
fn note(ended: &Ended) -> String {
    let lines = json_lines(&ended.stderr);
    assert_eq!(lines.len(), 1, "{}", ended.stderr);
    lines[0]["note"].as_str().unwrap().to_owned()
}

/// The recording that a message names.
fn recording(message: &str) -> String {
    let (_, rest) =
        message.split_once("see what happened last with `systole replay ").unwrap_or_else(|| panic!("{message}"));
    rest.split_once('`').unwrap().0.to_owned()
}

#[test]
fn a_lost_device_is_replaced_by_the_simulator_with_the_same_results() {
    let cache = tempfile::tempdir().unwrap();
    let expected = run(cache.path(), &[]).ok();
    let ended = run(cache.path(), &["--faults", "unplug@2", "--fallback", "sim"]);
    assert_eq!((ended.code, &*ended.stdout), (Some(0), &*expected), "{}", ended.stderr);
    let note = note(&ended);
    assert!(note.starts_with("device sim:n8: given up after 1 submissions ("), "{note}");
    assert!(note.contains("; the rest ran on the simulator; see what happened last"), "{note}");
    // The simulator does not do what the lost device did.
    let replayed = systole(["replay", &recording(&note)]);
    assert_eq!(replayed.code, Some(1), "{replayed:?}");
    assert!(replayed.stderr.starts_with("error: event "), "{}", replayed.stderr);
}

#[test]
fn without_a_fallback_the_error_names_the_recording() {
    let cache = tempfile::tempdir().unwrap();
    let message = run(cache.path(), &["--faults", "unplug@1"]).refused();
    let events = systole(["replay", "--events", &recording(&message)]).ok();
    assert!(events.contains(" = 0xffffffff"), "{events}");
    // A recording that was asked for is the only one.
    let file = cache.path().join("asked.rec");
    let message = run(cache.path(), &["--faults", "unplug@1", "--record", file.to_str().unwrap()]).refused();
    assert!(!message.contains("see what happened last"), "{message}");
    systole(["replay", "--events", file.to_str().unwrap()]).ok();
}

#[test]
fn a_device_that_hangs_is_recovered_replaced_or_given_up_within_seconds() {
    let cache = tempfile::tempdir().unwrap();
    let expected = run(cache.path(), &[]).ok();
    let once = run(cache.path(), &["--faults", "stuck-busy@1"]);
    assert_eq!((once.code, &*once.stdout), (Some(0), &*expected), "{}", once.stderr);
    assert_eq!(note(&once), "device sim:n8: recovered, 1 submissions were repeated");
    let dead = ["--faults", "rate=1,kinds=stuck-busy", "--deadline", "0.2"];
    let message = run(cache.path(), &dead).refused();
    assert!(message.starts_with("the device failed: no completion after 2") && message.contains("ms ("), "{message}");
    let replaced = run(cache.path(), &[&dead[..], &["--fallback", "sim"]].concat());
    assert_eq!((replaced.code, &*replaced.stdout), (Some(0), &*expected), "{}", replaced.stderr);
    assert!(replaced.stderr.contains("given up after 0 submissions"), "{}", replaced.stderr);
    let wrong = run(cache.path(), &["--deadline", "0"]);
    assert!(wrong.stderr.contains("give seconds from 0.001 to 1000000"), "{}", wrong.stderr);
}

#[test]
fn a_device_that_can_be_recovered_is_and_says_so() {
    let cache = tempfile::tempdir().unwrap();
    let expected = run(cache.path(), &[]).ok();
    let ended = run(cache.path(), &["--faults", "link-down@2"]);
    assert_eq!((ended.code, &*ended.stdout), (Some(0), &*expected), "{}", ended.stderr);
    assert_eq!(note(&ended), "device sim:n8: recovered, 1 submissions were repeated");
}

#[test]
fn side_by_side_with_the_simulator_a_wrong_bit_is_found() {
    let cache = tempfile::tempdir().unwrap();
    let expected = run(cache.path(), &[]).ok();
    let alike = run(cache.path(), &["--check", "sim", "--fallback", "sim"]);
    assert_eq!((alike.code, &*alike.stdout), (Some(0), &*expected), "{}", alike.stderr);
    // Where the bit flips decides what comes of it: a fault, nothing, or, for some seed, a wrong result.
    let wrong = (0..40).map(|seed| format!("seed={seed},bit-flip@1")).find_map(|spec| {
        let ended = run(cache.path(), &["--check", "sim", "--faults", &spec]);
        (ended.code == Some(1)).then_some(ended)
    });
    let wrong = wrong.expect("one of forty flips shows in the result");
    let lines = json_lines(&wrong.stderr);
    assert_eq!(lines[0]["check"], serde_json::json!({"reference": "sim", "passed": false}));
    let message = lines[1]["error"]["message"].as_str().unwrap();
    assert!(message.starts_with("check failed: request 0: the board's result differs; "), "{message}");
}
