//! `systole run` on a device that misbehaves: it recovers, goes on elsewhere, or says what is wrong.

mod support;

use std::path::Path;

use support::{Ended, command, systole};

const TEXTS: [&str; 6] = ["--text", "one cat", "--text", "two dogs and a bird", "--text", "Where is the station?"];

/// Runs the texts with JSON, with recordings below a directory.
fn run(cache: &Path, arguments: &[&str]) -> Ended {
    let arguments = [&["run", "--device", "sim:n8", "--json"], &TEXTS[..], arguments].concat();
    let output = command().args(arguments).env("SYSTOLE_CACHE", cache).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
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
    assert!(ended.stderr.starts_with("device sim:n8: given up after 1 submissions ("), "{}", ended.stderr);
    assert!(ended.stderr.contains("; the rest ran on the simulator; see what happened last"), "{}", ended.stderr);
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    // The simulator does not do what the lost device did.
    let replayed = systole(["replay", &recording(&ended.stderr)]);
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
fn a_device_that_can_be_recovered_is_and_says_so() {
    let cache = tempfile::tempdir().unwrap();
    let expected = run(cache.path(), &[]).ok();
    let ended = run(cache.path(), &["--faults", "link-down@2"]);
    assert_eq!((ended.code, &*ended.stdout), (Some(0), &*expected), "{}", ended.stderr);
    assert_eq!(ended.stderr, "device sim:n8: recovered, 1 submissions were repeated\n");
}

#[test]
fn side_by_side_with_the_simulator_a_wrong_bit_is_found() {
    let cache = tempfile::tempdir().unwrap();
    let expected = run(cache.path(), &[]).ok();
    assert_eq!(run(cache.path(), &["--check", "sim", "--fallback", "sim"]).ok(), expected);
    // Where the bit flips decides what comes of it: a fault, nothing, or, for some seed, a wrong result.
    let wrong = (0..40).map(|seed| format!("seed={seed},bit-flip@1")).find_map(|spec| {
        let ended = run(cache.path(), &["--check", "sim", "--faults", &spec]);
        (ended.code == Some(1)).then_some(ended)
    });
    let wrong = wrong.expect("one of forty flips shows in the result");
    assert!(
        wrong.stderr.starts_with("error: check failed: request 0: the board's result differs; "),
        "{}",
        wrong.stderr
    );
}
