//! Files that the command writes: whole or not at all, also when the run itself fails or the disk is full.

mod support;

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use support::{Ended, command, systole, tiny};

/// Runs the command where no file may grow beyond a kibibyte or two, which is like a disk that is full.
fn on_a_full_disk(arguments: &[&str]) -> Ended {
    let prepared = command();
    let mut shell = Command::new("sh");
    // A write that goes beyond is to fail and not to end the command.
    shell.args(["-c", "trap '' XFSZ; ulimit -f 2; exec \"$0\" \"$@\""]).arg(prepared.get_program()).args(arguments);
    for (name, value) in prepared.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    let output = shell.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

fn only_file(directory: &Path) -> bool {
    std::fs::read_dir(directory).unwrap().count() == 1
}

#[test]
fn a_full_disk_leaves_the_older_file_as_it_was() {
    let (run, tiny) = (["run", "--text", "one cat"], tiny());
    for arguments in [
        &["compile", "--tokens", "32", "-o"][..],
        &["quantize", tiny.to_str().unwrap(), "-o"],
        &[&run[..], &["--trace"]].concat(),
        &[&run[..], &["--record"]].concat(),
        &["metrics", "-o"],
    ] {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        std::fs::write(&file, "older").unwrap();
        let ended = on_a_full_disk(&[arguments, &[file.to_str().unwrap()]].concat());
        assert_eq!(ended.code, Some(2), "{arguments:?}: {ended:?}");
        assert!(ended.stderr.contains("File too large") && ended.stderr.lines().count() == 1, "{}", ended.stderr);
        assert_eq!(std::fs::read(&file).unwrap(), b"older", "{arguments:?}");
        assert!(only_file(directory.path()), "{arguments:?} leaves its draft");
    }
}

#[test]
fn a_run_that_fails_leaves_its_trace_and_its_recording_whole() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (trace, record) = (at("run.json"), at("run.rec"));
    let arguments = ["run", "--text", "one cat", "--text", "two dogs and a bird", "--faults", "unplug@2"];
    let ended = systole([&arguments[..], &["--trace", &trace, "--record", &record]].concat());
    assert_eq!(ended.code, Some(2), "{ended:?}");
    let text = std::fs::read(&trace).unwrap();
    let text: Value = serde_json::from_slice(&text).expect("the trace is whole");
    let named = |name: &str| text["traceEvents"].as_array().unwrap().iter().filter(|e| e["name"] == name).count();
    assert!(named("submit") > 1 && named("ffn.up") > 0, "what ran and what failed are both in it");
    let events = systole(["replay", "--events", &record]).ok();
    assert!(events.contains(" = 0xffffffff"), "{events}");
}

#[test]
fn when_run_and_writing_fail_one_line_says_both() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("run.rec");
    let ended = on_a_full_disk(&["run", "--text", "a", "--faults", "unplug@1", "--record", file.to_str().unwrap()]);
    let message = ended.refused();
    assert!(message.contains("does not answer") && message.contains("File too large"), "{message}");
}

#[test]
fn a_link_is_followed_and_what_cannot_be_replaced_is_refused_before_any_work() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    symlink("target.prog", at("link.prog")).unwrap();
    systole(["compile", "--tokens", "16", "-o", &at("link.prog")]).ok();
    assert!(Path::new(&at("link.prog")).is_symlink());
    assert_eq!(&std::fs::read(at("target.prog")).unwrap()[..4], &std::fs::read(at("link.prog")).unwrap()[..4]);
    let refused = systole(["run", "-m", "no/such/model", "--trace", "/dev/full"]).refused();
    assert_eq!(refused, "cannot write /dev/full: it is no regular file; name a new one");
}
