//! `--trace`: the host's spans and the device's operations as a Chrome trace, for <https://ui.perfetto.dev> and
//! chrome://tracing.
//!
//! The host is one process, with a track for each thread; the device another, with a track for each unit. The session
//! emits the device's records, as spans of the target `systole::op`, only after a run, so they carry their own times: `start`
//! and `end` in ticks of the device's clock. A tick is a nanosecond of host time on an executor without timing, else a
//! cycle, which is drawn as if it were a nanosecond.
//!
//! Both clocks are related by one assumption: the earliest operation of a submission began when the engine's `run` span
//! did, the last one to close before the records came. That is off by the microseconds of a doorbell. `submission` draws the
//! device's part.

mod submission;

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde_json::{Map, Value, json};
use systole_isa::Unit;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use submission::{Operation, Submission};

const HOST: u64 = 1;
const DEVICE: u64 = 2;
/// Target of the device's records.
const OPERATIONS: &str = "systole::op";
/// The span around a submission and the records of it.
const SUBMISSION: &str = "submit";
/// The engine's span from the doorbell to the completion.
const RUN: &str = "run";
/// The field of a span that says which texts are inside, by their numbers.
const TEXTS: &str = "texts";

/// The layer, and a handle on what it has collected; clones share it.
#[derive(Clone)]
pub struct Timeline {
    epoch: Instant,
    events: Arc<Mutex<Events>>,
}

#[derive(Default)]
struct Events {
    finished: Vec<Value>,
    /// Operations of the current submission, in device time.
    operations: Vec<Operation>,
    /// When the last run that ended had begun, in microseconds, and on which thread.
    run: (f64, u64),
    /// Submissions whose operations were placed.
    placed: u64,
    /// Submissions that the device has and has not completed.
    queued: i64,
    /// Names of the host's threads, by number.
    threads: BTreeMap<u64, String>,
    timed: bool,
}

/// A host span that is still open.
struct Open {
    start: f64,
    arguments: Arguments,
}

impl Timeline {
    /// A layer whose time begins now.
    pub fn new() -> Self {
        Self { epoch: Instant::now(), events: Arc::default() }
    }

    /// Writes everything so far as JSON; `device` names the device's process.
    pub fn write(&self, mut out: impl Write, device: &str) -> std::io::Result<()> {
        let mut events = self.lock();
        events.place_operations(None);
        let clock = if events.timed { "cycles, drawn as nanoseconds" } else { "host time" };
        let meta = |what: &str, pid, tid, arguments: Value| json!({"ph": "M", "name": what, "pid": pid, "tid": tid, "args": arguments});
        let name = |name: &str| json!({"name": name});
        let place = |index: u64| json!({"sort_index": index});
        let mut all = vec![
            meta("process_name", HOST, 0, name("host")),
            meta("process_name", DEVICE, 0, name(&format!("device {device} ({clock})"))),
            meta("process_sort_index", HOST, 0, place(HOST)),
            meta("process_sort_index", DEVICE, 0, place(DEVICE)),
        ];
        all.extend(events.threads.iter().map(|(thread, text)| meta("thread_name", HOST, *thread, name(text))));
        for unit in Unit::QUEUED {
            let tid = unit as u64;
            all.push(meta("thread_name", DEVICE, tid, name(&unit.name().to_uppercase())));
            all.push(meta("thread_sort_index", DEVICE, tid, place(tid)));
        }
        all.append(&mut events.finished);
        // One event a line, so that a trace can be looked into with line tools as well.
        write!(out, "{{\"displayTimeUnit\": \"ns\", \"traceEvents\": [")?;
        for (index, event) in all.iter().enumerate() {
            let separator = if index == 0 { "\n" } else { ",\n" };
            write!(out, "{separator}{event}")?;
        }
        writeln!(out, "\n]}}")?;
        out.flush()
    }

    fn now(&self) -> f64 {
        self.epoch.elapsed().as_nanos() as f64 / 1e3
    }

    fn lock(&self) -> MutexGuard<'_, Events> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Events {
    fn operation(&mut self, Arguments(mut arguments): Arguments) {
        let mut number = |name| arguments.remove(name).and_then(|v| v.as_u64()).unwrap_or(0);
        let (start, end) = (number("start"), number("end"));
        let unit = arguments.remove("unit");
        let unit = Unit::QUEUED.into_iter().find(|u| unit.as_ref().is_some_and(|name| name == u.name()));
        self.timed |= arguments.contains_key("cycles");
        // A record of no unit is a defect of the device, and has no track.
        self.operations.extend(unit.map(|unit| Operation { start, end, unit, arguments }));
    }

    /// Draws the operations of a submission in the host's time.
    fn place_operations(&mut self, texts: Option<Value>) {
        let operations = std::mem::take(&mut self.operations);
        self.placed += 1;
        let (began, thread) = self.run;
        self.finished.extend(Submission { number: self.placed, began, thread, texts, operations }.events());
    }

    /// The device got a submission, or completed one.
    fn queue(&mut self, change: i64, at: f64) {
        self.queued += change;
        self.finished.push(json!({
            "ph": "C", "pid": DEVICE, "tid": 0, "name": "queue depth", "ts": at, "args": {"submissions": self.queued},
        }));
    }
}

impl<S: tracing::Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Timeline {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut arguments = Arguments(Map::new());
        attributes.record(&mut arguments);
        if attributes.metadata().target() == OPERATIONS {
            self.lock().operation(arguments);
        } else if let Some(span) = context.span(id) {
            let start = self.now();
            if span.name() == RUN {
                self.lock().queue(1, start);
            }
            span.extensions_mut().insert(Open { start, arguments });
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(open) = span.extensions_mut().get_mut::<Open>()
        {
            values.record(&mut open.arguments);
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        // The device's records have no `Open`; nothing is to be done for them.
        let Some(Open { start, mut arguments }) = span.extensions_mut().remove::<Open>() else { return };
        let (end, thread) = (self.now(), thread());
        let mut events = self.lock();
        if span.name() == SUBMISSION {
            let texts = span.scope().find_map(|s| s.extensions().get::<Open>()?.arguments.0.get(TEXTS).cloned());
            arguments.0.extend(texts.clone().map(|texts| (TEXTS.to_owned(), texts)));
            events.place_operations(texts);
        }
        if span.name() == RUN {
            events.run = (start, thread);
            events.queue(-1, end);
        }
        events
            .threads
            .entry(thread)
            .or_insert_with(|| std::thread::current().name().map_or_else(|| format!("thread {thread}"), str::to_owned));
        events.finished.push(json!({
            "ph": "X", "pid": HOST, "tid": thread, "name": span.name(), "cat": span.metadata().target(),
            "ts": start, "dur": end - start, "args": arguments.0,
        }));
    }
}

/// A small number for the current thread; the first to ask is 1.
fn thread() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    thread_local!(static NUMBER: u64 = NEXT.fetch_add(1, Ordering::Relaxed));
    NUMBER.with(|n| *n)
}

/// A span's fields as JSON.
struct Arguments(Map<String, Value>);

impl Arguments {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Arguments {
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing_subscriber::prelude::*;

    #[test]
    fn operations_lie_inside_their_submission() {
        let timeline = Timeline::new();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(timeline.clone()), || {
            let _texts = tracing::info_span!("batch", texts = "4,6").entered();
            let _submit = tracing::info_span!("submit", tokens = 3u64).entered();
            tracing::info_span!("run").in_scope(|| std::thread::sleep(std::time::Duration::from_millis(2)));
            for (unit, start, layer, cycles) in [("gemm", 7000u64, Some(1u16), Some(5u64)), ("load", 6000, None, None)]
            {
                let end = start + 500;
                tracing::info_span!(target: "systole::op", "op", unit, layer, op = "x.y", macs = 4u64, cycles, start, end);
            }
        });
        let mut bytes = Vec::new();
        timeline.write(&mut bytes, "sim:n8").unwrap();
        let trace: Value = serde_json::from_slice(&bytes).unwrap();
        let events = trace["traceEvents"].as_array().unwrap();
        let named = |name: &str| events.iter().filter(|e| e["name"] == name && e["ph"] == "X").collect::<Vec<_>>();
        let number = |e: &Value, key: &str| e[key].as_f64().unwrap();
        let (submit, run, ops) = (named("submit")[0], named("run")[0], named("x.y"));
        assert_eq!(submit["args"]["tokens"], 3);
        assert_eq!(ops.len(), 2);
        let (load, gemm) = (ops[0], ops[1]);
        assert_eq!((&gemm["pid"], &gemm["tid"], &load["tid"]), (&json!(2), &json!(2), &json!(1)));
        assert_eq!(submit["args"]["texts"], "4,6");
        assert_eq!(gemm["args"], json!({"op": "x.y", "layer": 1, "macs": 4, "cycles": 5, "texts": "4,6"}));
        assert_eq!(load["args"], json!({"op": "x.y", "macs": 4, "texts": "4,6"}));
        assert_eq!(number(load, "ts"), number(run, "ts"));
        assert!((number(gemm, "ts") - number(load, "ts") - 1.0).abs() < 1e-9);
        assert!((number(gemm, "dur") - 0.5).abs() < 1e-9);
        assert!(number(gemm, "ts") + number(gemm, "dur") <= number(submit, "ts") + number(submit, "dur"));
    }
}
