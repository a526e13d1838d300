//! `run --trace`: what Perfetto gets.

mod support;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use support::systole;

fn trace(arguments: &[&str]) -> Vec<Value> {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("trace.json");
    let arguments = [&["run", "--json", "--trace", file.to_str().unwrap()], arguments].concat();
    systole(arguments).ok();
    let trace: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    trace["traceEvents"].as_array().unwrap().clone()
}

fn span(event: &Value) -> (f64, f64) {
    let number = |key: &str| event[key].as_f64().unwrap();
    (number("ts"), number("ts") + number("dur"))
}

#[test]
fn host_stages_and_device_operations_are_on_their_tracks() {
    let events = trace(&["--text", "one two three"]);
    let metadata = |e: &&Value| e["ph"] == "M";
    let names: BTreeMap<(u64, u64), &str> = events
        .iter()
        .filter(metadata)
        .map(|e| ((e["pid"].as_u64().unwrap(), e["tid"].as_u64().unwrap()), e["args"]["name"].as_str().unwrap()))
        .collect();
    assert_eq!(names[&(1, 0)], "host");
    assert_eq!(names[&(2, 0)], "device sim:n16 (host time)");
    assert_eq!([1, 2, 3, 4].map(|t| names[&(2, t)]), ["load", "gemm", "vector", "store"]);

    let complete: Vec<&Value> = events.iter().filter(|e| !metadata(e)).collect();
    assert!(complete.iter().all(|e| e["ph"] == "X" && e["dur"].as_f64().unwrap() >= 0.0));
    let (host, device): (Vec<&Value>, Vec<&Value>) = complete.iter().partition(|e| e["pid"] == 1);
    let stages: BTreeSet<&str> = host.iter().map(|e| e["name"].as_str().unwrap()).collect();
    for stage in ["load", "tokenize", "embed", "compile", "verify", "submit", "run", "simulate"] {
        assert!(stages.contains(stage), "{stage} in {stages:?}");
    }

    let layers: BTreeSet<Option<u64>> = device.iter().map(|e| e["args"]["layer"].as_u64()).collect();
    assert_eq!(layers, BTreeSet::from([None, Some(0), Some(1)]));
    for op in ["embedding.norm", "attention.qkv", "attention.scores", "attention.softmax", "ffn.up", "ffn.norm"] {
        assert!(device.iter().any(|e| e["name"] == op && e["args"]["op"] == op), "{op}");
    }
    // Work is where its unit is, and a simulator without timing claims no cycles.
    let sum = |tid: u64, key: &str| {
        let on_track = device.iter().filter(|e| e["tid"] == tid);
        on_track.map(|e| e["args"][key].as_u64().unwrap()).sum::<u64>()
    };
    assert!(sum(2, "macs") > 0 && sum(1, "bytes") > 0 && sum(4, "bytes") > 0);
    assert_eq!((sum(1, "macs"), sum(3, "macs"), sum(2, "bytes")), (0, 0, 0));
    assert!(device.iter().all(|e| e["args"].get("cycles").is_none()));
}

#[test]
fn operations_lie_inside_their_submission_and_units_are_in_order() {
    let events = trace(&["--text", "one", "--text", "a longer one", "--batch", "1"]);
    let named = |name: &str| events.iter().filter(|e| e["pid"] == 1 && e["name"] == name).map(span).collect::<Vec<_>>();
    let submissions = named("submit");
    assert_eq!(submissions.len(), 2);
    for tid in 1..=4 {
        let mut end = 0.0;
        for (start, stop) in events.iter().filter(|e| e["pid"] == 2 && e["tid"] == tid && e["ph"] == "X").map(span) {
            assert!(start >= end - 1e-6, "unit {tid} does two things at once");
            end = stop;
            assert!(submissions.iter().any(|s| s.0 <= start && stop <= s.1), "{start} to {stop} in {submissions:?}");
        }
    }
}
