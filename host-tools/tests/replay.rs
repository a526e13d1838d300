//! `systole run --record` and `systole replay`.

mod support;

use std::path::Path;

use support::{json_lines, systole};

fn record(directory: &Path, device: &str) -> String {
    let file = directory.join("run.rec").to_str().unwrap().to_owned();
    let texts = ["--text", "one cat", "--text", "two dogs and a bird", "--json"];
    systole([&["run", "--device", device, "--record", &file], &texts[..]].concat()).ok();
    file
}

#[test]
fn a_recorded_run_replays_and_is_listed() {
    let directory = tempfile::tempdir().unwrap();
    let file = record(directory.path(), "sim:n8");
    let text = systole(["replay", &file]).ok();
    assert!(text.contains("recorded on sim:n8: it was asked for\nsim:n8  "), "{text}");
    assert!(text.ends_with(", 2 completions: no difference\n"), "{text}");
    let json = json_lines(&systole(["replay", &file, "--json"]).ok()).remove(0);
    assert_eq!((&json["difference"], &json["events"]), (&serde_json::Value::Null, &json["replayed"]));
    let events = systole(["replay", &file, "--events"]).ok();
    for part in [
        "     0        ",
        "read MAGIC = 0x54535953",
        ": submission 2 of ",
        ": completion 1 phase 1 cause 0",
        "write RESET := 0x00000001",
    ] {
        assert!(events.contains(part), "{part} in\n{events}");
    }
    let lines = json_lines(&systole(["replay", &file, "--events", "--json"]).ok());
    assert_eq!(lines.len() as u64, json["events"].as_u64().unwrap());
}

#[test]
fn a_changed_result_is_found_with_code_1() {
    let directory = tempfile::tempdir().unwrap();
    let file = record(directory.path(), "sim:n16");
    let mut bytes = std::fs::read(&file).unwrap();
    // The last copy of the run is the second text's result; its bytes stand a little before the checksum.
    let body = bytes.len() - 8;
    bytes[body - 400] ^= 1;
    let sum =
        bytes[..body].iter().fold(0xcbf2_9ce4_8422_2325u64, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x100_0000_01b3));
    bytes[body..].copy_from_slice(&sum.to_le_bytes());
    std::fs::write(&file, bytes).unwrap();
    let ended = systole(["replay", &file]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stdout.ends_with(": DIFFERENT\n"), "{}", ended.stdout);
    assert!(
        ended.stderr.starts_with("error: event ") && ended.stderr.contains("the replay has 0x"),
        "{}",
        ended.stderr
    );
}

#[test]
fn files_and_devices_that_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let file = record(directory.path(), "sim:n8");
    let replay = |arguments: &[&str]| systole([&["replay"], arguments].concat()).refused_in(directory.path());
    assert_eq!(
        replay(&[&file, "--device", "sim:n32"]),
        "DIR/run.rec: the recorded device has configuration `n8`, this one `n32`; replay on one with `n8`"
    );
    let none = directory.path().join("none.rec");
    std::fs::write(&none, b"something else").unwrap();
    assert_eq!(
        replay(&[none.to_str().unwrap()]),
        "DIR/none.rec: this is no recording; make one with `systole run --record FILE`"
    );
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&none, &bytes[..bytes.len() / 2]).unwrap();
    assert!(replay(&[none.to_str().unwrap()]).starts_with("DIR/none.rec: the recording is damaged: checksum "));
    let board = systole(["replay", &file, "--device", "uio:0"]);
    assert_eq!(board.code, Some(2));
    assert!(board.stderr.contains("only sim and rtl have their memory where a recording has it"), "{}", board.stderr);
    let lost = systole(["run", "--record", "no/such/run.rec"]).refused();
    assert_eq!(lost, "cannot write no/such/run.rec: there is no directory no/such; make it first");
}

#[test]
#[ignore = "needs Verilator 5"]
fn a_run_on_the_simulator_replays_on_the_rtl_and_back() {
    let directory = tempfile::tempdir().unwrap();
    let file = record(directory.path(), "sim:n8");
    assert!(systole(["replay", &file, "--device", "rtl:n8"]).ok().ends_with(": no difference\n"));
    let file = record(directory.path(), "rtl:n8");
    assert!(systole(["replay", &file, "--device", "sim:n8"]).ok().ends_with(": no difference\n"));
}
