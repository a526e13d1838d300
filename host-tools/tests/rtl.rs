//! The SystemVerilog as an executor of the command.

mod support;

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;
use support::{Ended, command, systole, tiny};

fn ended_in(directory: &Path, arguments: &[&str]) -> Ended {
    let output = command().current_dir(directory).args(arguments).output().expect("the command starts");
    let text = |bytes| String::from_utf8(bytes).expect("output is UTF-8");
    Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

#[test]
#[ignore = "needs Verilator 5"]
fn the_rtl_prints_the_simulators_embeddings() {
    let texts = ["--text", "one cat", "--text", "a dog and two birds", "--text", "Where is it?"];
    let run =
        |device: &str, more: &[&str]| systole([&["run", "--json", "--device", device], &texts[..], more].concat()).ok();
    let expected = run("sim:n8", &[]);
    assert_eq!(expected.lines().count(), 3);
    assert_eq!(run("rtl:n8", &[]), expected);
    // Not even the memory's timing shows in the result.
    let awkward = ["--latency", "3", "--bytes-per-cycle", "5.3", "--back-pressure", "40"];
    assert_eq!(run("rtl:n8", &awkward), expected);
}

#[test]
#[ignore = "needs Verilator 5"]
fn the_report_and_the_trace_have_cycles() {
    let directory = tempfile::tempdir().unwrap();
    let model = tiny();
    let run = |device: &str| {
        let arguments =
            ["run", "-m", model.to_str().unwrap(), "--device", device, "--text", "a cat", "--trace", "t.json"];
        let shown = ended_in(directory.path(), &arguments).ok();
        let total = shown.lines().find(|l| l.starts_with(device)).unwrap_or_else(|| panic!("{shown}"));
        let trace: Value = serde_json::from_slice(&std::fs::read(directory.path().join("t.json")).unwrap()).unwrap();
        (total.to_owned(), trace["traceEvents"].as_array().unwrap().clone())
    };
    let (total, events) = run("rtl:n8");
    let cycles = |text: &str| {
        let words: Vec<&str> = text.split_whitespace().collect();
        let at = words.iter().position(|w| *w == "cycles")?;
        words[at - 1].replace(',', "").parse::<u64>().ok()
    };
    assert!(cycles(&total).is_some_and(|c| c > 500), "{total}");
    assert!(events.iter().any(|e| e["args"]["name"] == "device rtl:n8 (cycles, drawn as nanoseconds)"));
    let device = events.iter().filter(|e| e["pid"] == 2 && e["ph"] == "X");
    let (waits, operations): (Vec<&Value>, Vec<&Value>) = device.partition(|e| e["name"] == "wait");
    assert!(waits.iter().all(|e| e["dur"].as_f64().is_some_and(|d| d > 0.0)) && !waits.is_empty());
    assert!(operations.iter().all(|e| e["args"]["cycles"].as_u64().is_some_and(|c| c > 0)));
    assert_eq!(operations.iter().map(|e| e["tid"].as_u64().unwrap()).collect::<BTreeSet<_>>(), (1..=4).collect());
    assert_eq!(cycles(&run("sim:n8").0), None);
}

#[test]
#[ignore = "needs Verilator 5"]
fn a_waveform_has_the_cycles_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let tile = |window: &str| {
        let arguments = ["rtl", "sim", "--config", "n8", "--vcd", "tile.vcd", "--cycles", window];
        assert!(ended_in(directory.path(), &arguments).ok().contains("equal to the simulator"));
        let text = std::fs::read_to_string(directory.path().join("tile.vcd")).unwrap();
        let times: Vec<u64> = text.lines().filter_map(|l| l.strip_prefix('#')?.parse().ok()).collect();
        (*times.first().unwrap(), *times.last().unwrap(), times.len())
    };
    // A cycle is ten units long and has two edges.
    assert_eq!(tile("100..200"), (1000, 1995, 200));
    assert_eq!(tile("50..51"), (500, 505, 2));
    let unwritable = ["rtl", "sim", "--config", "n8", "--vcd", "no/tile.vcd"];
    assert!(ended_in(directory.path(), &unwritable).refused().starts_with("cannot write no/tile.vcd: "));
}

#[test]
#[ignore = "needs Verilator 5"]
fn lint_checks_every_configuration_and_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let shown = ended_in(directory.path(), &["rtl", "lint"]).ok();
    assert_eq!(shown, "n8: 0 findings\nn16: 0 findings\nn32: 0 findings\n");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    ended_in(directory.path(), &["rtl", "lint", "--config", "n16", "-o", "kept"]).ok();
    assert!(directory.path().join("kept/n16/systole.f").is_file());
}
