//! `--trace`: the host's spans and the device's operations as a Chrome trace, for <https://ui.perfetto.dev> and
//! chrome://tracing.
//!
//! The host is one process, with a track for each thread; the device another, with a track for each unit. The session
//! emits the device's records, as spans of the target `systole::op`, only after a run, so they carry their own times: `start`
//! and `end` in ticks of the device's clock. A tick is a nanosecond of host time on an executor without timing, else a
//! cycle, which is drawn as if it were a nanosecond.
//!
//! Both clocks are related by one assumption: the earliest operation of a submission began when the engine's `run` span
//! did, the last one to close before the records came. That is off by the microseconds of a doorbell.

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

const HOST: u64 = 1;
const DEVICE: u64 = 2;
/// Target of the device's records.
const OPERATIONS: &str = "systole::op";
/// The span around a submission and the records of it.
const SUBMISSION: &str = "submit";

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
    /// When the last host span that closed had begun, in microseconds.
    run_began: f64,
    timed: bool,
}

struct Operation {
    start: u64,
    end: u64,
    unit: u64,
    arguments: Map<String, Value>,
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
        events.place_operations();
        let clock = if events.timed { "cycles, drawn as nanoseconds" } else { "host time" };
        let name = |what: &str, pid, tid, name: &str| json!({"ph": "M", "name": what, "pid": pid, "tid": tid, "args": {"name": name}});
        let mut all = vec![
            name("process_name", HOST, 0, "host"),
            name("process_name", DEVICE, 0, &format!("device {device} ({clock})")),
        ];
        all.extend(Unit::QUEUED.map(|unit| name("thread_name", DEVICE, unit as u64, unit.name())));
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
        self.operations.push(Operation { start, end, unit: unit.map_or(0, |u| u as u64), arguments });
    }

    /// Moves the operations of a submission to the host's time.
    fn place_operations(&mut self) {
        let first = self.operations.iter().map(|o| o.start).min().unwrap_or(0);
        for Operation { start, end, unit, arguments } in self.operations.drain(..) {
            let ticks = |n: u64| n as f64 / 1e3;
            let name = arguments.get("op").and_then(Value::as_str).unwrap_or("operation");
            self.finished.push(json!({
                "ph": "X", "pid": DEVICE, "tid": unit, "name": name,
                "ts": self.run_began + ticks(start - first), "dur": ticks(end.saturating_sub(start)), "args": arguments,
            }));
        }
    }
}

impl<S: tracing::Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Timeline {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut arguments = Arguments(Map::new());
        attributes.record(&mut arguments);
        if attributes.metadata().target() == OPERATIONS {
            self.lock().operation(arguments);
        } else if let Some(span) = context.span(id) {
            span.extensions_mut().insert(Open { start: self.now(), arguments });
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
        let Some(Open { start, arguments }) = span.extensions_mut().remove::<Open>() else { return };
        let mut events = self.lock();
        if span.name() == SUBMISSION {
            events.place_operations();
        }
        events.run_began = start;
        events.finished.push(json!({
            "ph": "X", "pid": HOST, "tid": thread(), "name": span.name(), "cat": span.metadata().target(),
            "ts": start, "dur": self.now() - start, "args": arguments.0,
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
        let (gemm, load) = (ops[0], ops[1]);
        assert_eq!((&gemm["pid"], &gemm["tid"], &load["tid"]), (&json!(2), &json!(2), &json!(1)));
        assert_eq!(gemm["args"], json!({"op": "x.y", "layer": 1, "macs": 4, "cycles": 5}));
        assert_eq!(load["args"], json!({"op": "x.y", "macs": 4}));
        assert_eq!(number(load, "ts"), number(run, "ts"));
        assert!((number(gemm, "ts") - number(load, "ts") - 1.0).abs() < 1e-9);
        assert!((number(gemm, "dur") - 0.5).abs() < 1e-9);
        assert!(number(gemm, "ts") + number(gemm, "dur") <= number(submit, "ts") + number(submit, "dur"));
    }
}
