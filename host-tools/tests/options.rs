//! What every command takes, what is said as JSON, and input in a hurry.

mod support;

use serde_json::{Value, json};
use support::{Ended, command, json_lines, systole, tiny, with_input};

/// The one object on standard error.
fn one(ended: &Ended) -> Value {
    let lines = json_lines(&ended.stderr);
    assert_eq!(lines.len(), 1, "{}", ended.stderr);
    assert_eq!(lines[0]["schema"], 1);
    lines[0].clone()
}

#[test]
fn with_json_errors_are_json() {
    let error = |arguments: &[&str]| {
        let ended = systole(arguments);
        let line = one(&ended);
        assert_eq!(line["error"]["exit_code"], ended.code.unwrap(), "{line}");
        line["error"].clone()
    };
    assert_eq!(
        error(&["run", "--json", "--model", "./nowhere"]),
        json!({"kind": "refused", "message": "there is no file or directory ./nowhere; check the path", "exit_code": 2})
    );
    let usage = error(&["run", "--json", "--batch", "4096"]);
    assert_eq!(usage["kind"], "usage");
    assert_eq!(usage["message"], "invalid value '4096' for '--batch <N>': 4096 is not in 1..=1024");
    assert_eq!(error(&["inspect", "--json", "nowhere"])["kind"], "refused");
    let directory = tempfile::tempdir().unwrap();
    let recording = directory.path().join("a.rec");
    let lost = error(&["run", "--json", "--faults", "unplug@1", "--record", recording.to_str().unwrap()]);
    assert_eq!(lost["kind"], "device", "{lost}");
    let refused = error(&["run", "--json", "--truncate", "never", "--text", &"word ".repeat(600)]);
    assert_eq!(
        refused,
        json!({"kind": "texts", "message": "1 of 1 texts were refused; each says why in its place", "exit_code": 2})
    );

    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let ended = command().args(["run", "--json"]).stdout(full).output().unwrap();
    let line = json_lines(&String::from_utf8(ended.stderr).unwrap());
    assert_eq!((ended.status.code(), &line[0]["error"]["kind"]), (Some(2), &json!("output")));
}

#[test]
fn whatever_is_json_begins_with_its_version() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (model, program) = (at("tiny.systole"), at("a.prog"));
    let tiny = tiny();
    let tiny = tiny.to_str().unwrap();
    for arguments in [
        &["run", "--json"][..],
        &["quantize", tiny, "-o", &model, "--json"],
        &["compile", "--tokens", "8", "-o", &program, "--json"],
        &["inspect", &program, "--json"],
        &["peek", "--json"],
        &["validate", "--quick", "--json"],
        &["top", "--once", "--json"],
    ] {
        let output = systole(arguments).ok();
        assert!(
            !output.is_empty() && output.lines().all(|l| l.starts_with("{\"schema\":1,")),
            "{arguments:?}: {output}"
        );
        json_lines(&output);
    }
}

#[test]
fn checks_say_how_they_ended() {
    let tiny = tiny();
    let run = |arguments: &[&str]| systole([&["run", "-m", tiny.to_str().unwrap()], arguments].concat());
    let both = ["--check", "sim", "--check", "fp32", "--bound", "0.5"];
    let shown = run(&both).ok();
    assert!(shown.contains("check against sim: 8 texts equal to the last bit: passed"), "{shown}");
    assert!(shown.contains("bound 0.5: passed"), "{shown}");

    let ended = run(&[&both[..], &["--json"]].concat());
    assert_eq!((ended.code, json_lines(&ended.stdout).len()), (Some(0), 8), "one object a text and no other");
    let checks: Vec<Value> = json_lines(&ended.stderr).into_iter().map(|l| l["check"].clone()).collect();
    assert_eq!(
        (&checks[0]["reference"], &checks[0]["passed"], &checks[0]["texts"]),
        (&json!("fp32"), &json!(true), &json!(8))
    );
    assert!(checks[0]["lowest_cosine"].as_f64().unwrap() <= checks[0]["mean_cosine"].as_f64().unwrap());
    assert_eq!(checks[1], json!({"reference": "sim", "passed": true, "texts": 8}));

    let failed = run(&["--check", "fp32", "--bound", "1", "--json"]);
    let lines = json_lines(&failed.stderr);
    assert_eq!((failed.code, &lines[0]["check"]["passed"]), (Some(1), &json!(false)));
    assert_eq!((&lines[1]["error"]["kind"], &lines[1]["error"]["exit_code"]), (&json!("check"), &json!(1)));
}

#[test]
fn a_bound_is_a_cosine() {
    for bound in ["nan", "-nan", "inf", "-inf", "1.01", "-2", "1e9", "half", ""] {
        let ended = systole(["run", "--check", "fp32", &format!("--bound={bound}")]);
        assert_eq!((ended.code, &*ended.stdout), (Some(2), ""), "{bound}");
        assert!(ended.stderr.contains("a cosine is a number from -1 to 1"), "{bound}: {}", ended.stderr);
    }
    let tiny = tiny();
    for bound in ["-1", "-0.5", "0"] {
        systole(["run", "-m", tiny.to_str().unwrap(), "--check", "fp32", "--bound", bound, "--text", "a"]).ok();
    }
}

#[test]
fn numbers_out_of_range_are_refused_with_the_range() {
    for (arguments, range) in [
        (&["run", "--batch", "4096"][..], "4096 is not in 1..=1024"),
        (&["run", "--batch", "-3"], "-3 is not in 1..=1024"),
        (&["run", "--threads", "0"], "0 is not in 1..=1024"),
        (&["run", "--threads", "-1"], "-1 is not in 1..=1024"),
        (&["compile", "-o", "x", "--tokens", "-1"], "-1 is not in 0..=4294967295"),
        (&["run", "--truncate", "-1"], "choose a number of tokens, or never"),
        (&["replay", "x", "--deadline", "-1"], "invalid value '-1' for '--deadline <SECONDS>'"),
        (&["top", "--interval", "-1"], "give seconds from 0.01 to 3600"),
        (&["poke", "WATCHDOG", "-1"], "give a number of 32 bits"),
        (&["metrics", "--listen", "nonsense"], "such as 127.0.0.1:9477"),
        (&["run", "--color", "pink"], "[possible values: auto, always, never]"),
    ] {
        let ended = systole(arguments);
        assert_eq!((ended.code, &*ended.stdout), (Some(2), ""), "{arguments:?}");
        assert!(ended.stderr.contains(range), "{arguments:?}: {}", ended.stderr);
    }
    let compile =
        |tokens: &str, batch: &str| systole(["compile", "-o", "x", "--tokens", tokens, "--batch", batch]).refused();
    let instructions = "need more than 4194304 instructions in one program: use a smaller batch";
    assert_eq!(
        compile("512", "4096"),
        "512 tokens times batch 4096 need more than 1073741824 bytes of activations in one program: use a smaller batch"
    );
    assert_eq!(compile("1", "500000"), format!("1 tokens times batch 500000 {instructions}"));
    let endless = systole(["inspect", "/dev/zero"]).refused();
    assert_eq!(endless, "/dev/zero has more than 536870912 bytes; write it to a file and give that");
}

#[test]
fn quiet_leaves_notes_out_and_verbose_tells_what_happens() {
    let recovers = ["run", "--json", "--faults", "link-down@2"];
    let told = systole(recovers);
    assert_eq!(told.code, Some(0), "{}", told.stderr);
    assert!(one(&told)["note"].as_str().unwrap().contains("recovered"), "{}", told.stderr);
    systole([&recovers[..], &["--quiet"]].concat()).ok();

    let verbose = systole(["-v", "run", "--text", "a"]);
    assert!(verbose.code == Some(0) && verbose.stderr.contains("submit"), "{}", verbose.stderr);
    assert!(!verbose.stderr.contains("DEBUG") && !verbose.stderr.contains('\u{1b}'), "{}", verbose.stderr);
    assert!(systole(["run", "--text", "a", "-vv"]).stderr.contains("DEBUG"));
    assert_eq!(systole(["run", "-q", "-v"]).code, Some(2));
}

#[test]
fn colours_follow_the_option_and_the_environment() {
    let colours = |arguments: &[&str], environment: &[(&str, &str)]| {
        let mut command = command();
        command.env_remove("NO_COLOR").env_remove("CLICOLOR").env("TERM", "xterm-256color");
        let output = command.args(arguments).envs(environment.iter().copied()).output().unwrap();
        assert!(output.status.success());
        output.stdout.contains(&0x1b)
    };
    assert!(!colours(&["run"], &[]), "no terminal");
    assert!(colours(&["run", "--color", "always"], &[]));
    assert!(colours(&["--color=always"], &[("NO_COLOR", "1")]), "the option comes first");
    assert!(colours(&["run"], &[("CLICOLOR_FORCE", "1")]));
    assert!(!colours(&["run", "--color", "never"], &[("CLICOLOR_FORCE", "1")]));
    assert!(!colours(&["run", "--color", "auto"], &[("NO_COLOR", "1")]));
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let tiny = tiny();
    let run = |threads: &str| systole(["run", "-m", tiny.to_str().unwrap(), "--threads", threads, "--json"]).ok();
    assert_eq!(run("1"), run("3"));
}

#[test]
fn what_turns_a_text_around_is_shown_as_an_escape() {
    let shown = systole(["run", "--text", "user\u{202e}txt.exe and \u{2066}more"]).ok();
    assert!(shown.contains("user\\u{202e}txt.exe and \\u{2066}more"), "{shown}");
    let refused = systole(["run", "--model", "./a\u{200f}b"]).refused();
    assert_eq!(refused, "there is no file or directory ./a\\u{200f}b; check the path");
    // JSON is for programs, which get the text as it is.
    let json = json_lines(&systole(["run", "--json", "--text", "user\u{202e}txt"]).ok());
    assert_eq!(json[0]["text"], "user\u{202e}txt");
}

#[test]
fn files_that_are_none_are_refused_kindly() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path().to_str().unwrap();
    for arguments in [
        &["run", "--input", at][..],
        &["run", "--trace", at],
        &["run", "--record", at],
        &["run", "--calibration", at, "--model", tiny().to_str().unwrap()],
        &["inspect", at],
        &["replay", at],
        &["quantize", at, "-o", "x.systole"],
        &["quantize", at, "-o", at],
        &["compile", "--tokens", "8", "-o", at],
        &["program", at],
        &["metrics", "-o", at],
        &["run", "--input", ""],
        &["run", "--model", ""],
        &["run", "--model", "模型"],
    ] {
        systole(arguments).refused();
    }
    let twice = directory.path().join("twice").to_str().unwrap().to_owned();
    assert_eq!(
        systole(["run", "--trace", &twice, "--record", &twice]).refused_in(directory.path()),
        "DIR/twice is given for two outputs; name another file for one of them"
    );
    let dash = json_lines(&systole(["run", "--json", "--text", "- an item", "--text", "-1"]).ok());
    assert_eq!((&dash[0]["text"], &dash[1]["text"]), (&json!("- an item"), &json!("-1")));
    let closed = command().args(["run", "--input", "-"]).stdin(std::process::Stdio::null()).output().unwrap();
    assert_eq!(closed.status.code(), Some(2));
    assert!(with_input(["--help"], b"").code == Some(0));
    for arguments in [&["--help"][..], &["--version"], &["run", "--help"], &["completions", "bash"], &["inspect"]] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let ended = command().args(arguments).stdout(full).output().unwrap();
        assert_eq!(ended.status.code(), Some(2), "{arguments:?}");
    }
}
