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
        .filter(|e| metadata(e) && e["args"]["name"].is_string())
        .map(|e| ((e["pid"].as_u64().unwrap(), e["tid"].as_u64().unwrap()), e["args"]["name"].as_str().unwrap()))
        .collect();
    assert_eq!(names[&(1, 0)], "host");
    assert_eq!(names[&(2, 0)], "device sim:n16 (host time)");
    assert_eq!([1, 2, 3, 4].map(|t| names[&(2, t)]), ["LOAD", "GEMM", "VECTOR", "STORE"]);

    let complete: Vec<&Value> = events.iter().filter(|e| e["ph"] == "X" && e["name"] != "wait").collect();
    assert!(complete.iter().all(|e| e["dur"].as_f64().unwrap() >= 0.0));
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

#[test]
fn threads_are_named_and_units_sorted() {
    let events = trace(&["--text", "one"]);
    let meta = |what: &str, pid: u64| -> BTreeMap<u64, Value> {
        let of = events.iter().filter(|e| e["ph"] == "M" && e["name"] == what && e["pid"] == pid);
        of.map(|e| (e["tid"].as_u64().unwrap(), e["args"].clone())).collect()
    };
    let threads = meta("thread_name", 1);
    for event in events.iter().filter(|e| e["ph"] == "X" && e["pid"] == 1) {
        assert!(threads.contains_key(&event["tid"].as_u64().unwrap()), "{event}");
    }
    assert!(threads.values().any(|args| args["name"] == "main"), "{threads:?}");
    let (names, places) = (meta("thread_name", 2), meta("thread_sort_index", 2));
    let mut order: Vec<_> =
        places.iter().map(|(tid, args)| (args["sort_index"].as_u64(), &names[tid]["name"])).collect();
    order.sort_by_key(|(place, _)| *place);
    assert_eq!(order.iter().map(|(_, name)| *name).collect::<Vec<_>>(), ["LOAD", "GEMM", "VECTOR", "STORE"]);
}

#[test]
fn units_that_wait_have_slices_for_it() {
    let events = trace(&["--text", "one"]);
    for tid in 1..=4 {
        let slices: Vec<&Value> =
            events.iter().filter(|e| e["pid"] == 2 && e["tid"] == tid && e["ph"] == "X").collect();
        for pair in slices.windows(2) {
            let gap = span(pair[1]).0 - span(pair[0]).1;
            assert!(gap.abs() < 1e-3, "unit {tid} has {gap} us that nothing tells of: {pair:?}");
        }
        assert!(tid == 1 || slices[0]["name"] == "wait", "unit {tid} waits for LOAD");
    }
}

#[test]
fn counters_show_the_queue_and_how_busy_the_units_are() {
    let events = trace(&["--text", "one", "--text", "a longer one", "--batch", "1"]);
    let counter = |name: &str| events.iter().filter(|e| e["ph"] == "C" && e["name"] == name).collect::<Vec<_>>();
    let depth: Vec<u64> = counter("queue depth").iter().map(|e| e["args"]["submissions"].as_u64().unwrap()).collect();
    assert_eq!(depth, [1, 0, 1, 0]);
    let shares = counter("busy share");
    for unit in ["LOAD", "GEMM", "VECTOR", "STORE"] {
        let all: Vec<f64> = shares.iter().map(|e| e["args"][unit].as_f64().unwrap()).collect();
        assert!(
            all.iter().all(|share| (0.0..=1.0).contains(share)) && all.iter().any(|share| *share > 0.0),
            "{unit}: {all:?}"
        );
        assert_eq!(all.last(), Some(&0.0), "{unit}");
    }
}

#[test]
fn an_arrow_leads_from_each_submission_to_its_first_operation() {
    let events = trace(&["--text", "one", "--text", "a longer one", "--batch", "1"]);
    let ends = |phase: &str| events.iter().filter(|e| e["ph"] == phase && e["cat"] == "submission").collect::<Vec<_>>();
    let (starts, finishes) = (ends("s"), ends("f"));
    assert_eq!((starts.len(), finishes.len()), (2, 2));
    // An end of an arrow belongs to the slice of its track around it.
    let slice = |end: &Value, name: Option<&str>| {
        let at = end["ts"].as_f64().unwrap();
        let on_track = |e: &&Value| e["ph"] == "X" && e["pid"] == end["pid"] && e["tid"] == end["tid"];
        let inside = |e: &&Value| span(e).0 <= at && at <= span(e).1 && name.is_none_or(|name| e["name"] == name);
        events.iter().filter(on_track).any(|e| inside(&e))
    };
    for (start, finish) in starts.iter().zip(&finishes) {
        assert_eq!(start["id"], finish["id"]);
        assert_eq!((&start["pid"], &finish["pid"]), (&1.into(), &2.into()));
        assert!(slice(start, Some("run")) && slice(finish, None), "{start} to {finish}");
    }
    assert_ne!(starts[0]["id"], starts[1]["id"]);
}

#[test]
fn work_tells_the_number_of_its_text() {
    let events = trace(&["--text", "a longer one", "--text", "one", "--text", "a longer two", "--batch", "2"]);
    let texts = |name: &str, key: &str| -> Vec<Value> {
        events.iter().filter(|e| e["ph"] == "X" && e["name"] == name).map(|e| e["args"][key].clone()).collect()
    };
    assert_eq!(texts("tokenize", "text"), [1, 2, 3]);
    // Texts of one length share a submission.
    assert_eq!(texts("submit", "texts"), ["1,3", "2"]);
    let device: BTreeSet<Option<&str>> =
        events.iter().filter(|e| e["pid"] == 2 && e["name"] == "ffn.up").map(|e| e["args"]["texts"].as_str()).collect();
    assert_eq!(device, BTreeSet::from([Some("1,3"), Some("2")]));
}
