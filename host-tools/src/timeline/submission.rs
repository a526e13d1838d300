//! The device's part of one submission: what each unit did and when it waited, how busy it was, and the arrow from the host.

use serde_json::{Map, Value, json};
use systole_isa::Unit;

use super::{DEVICE, HOST, TEXTS};

/// Points of the counters of a submission.
const WINDOWS: u32 = 32;

/// A record of the device.
pub(super) struct Operation {
    /// Ticks of the device's clock.
    pub start: u64,
    pub end: u64,
    pub unit: Unit,
    pub arguments: Map<String, Value>,
}

/// The records of a submission, and what the host knows of it.
pub(super) struct Submission {
    pub number: u64,
    /// When the device got it, in microseconds of the host, and from which thread.
    pub began: f64,
    pub thread: u64,
    /// The numbers of its texts.
    pub texts: Option<Value>,
    pub operations: Vec<Operation>,
}

impl Submission {
    /// Its events, those of a unit in order.
    pub fn events(mut self) -> Vec<Value> {
        self.operations.sort_by_key(|operation| operation.start);
        let Some(first) = self.operations.first().map(|o| (o.start, o.unit)) else { return Vec::new() };
        let began = self.began;
        let place = move |tick: f64| began + (tick - first.0 as f64) / 1e3;
        let mut events = self.arrow(first.1);
        events.extend(self.busy_share(first.0, &place));
        for unit in Unit::QUEUED {
            let mut free = first.0;
            let (of_unit, others) = self.operations.into_iter().partition(|o| o.unit as u8 == unit as u8);
            self.operations = others;
            for Operation { start, end, mut arguments, .. } in of_unit {
                let mut slice = |name: &str, from: u64, to: u64, arguments: Map<String, Value>| {
                    let (start, duration) = (place(from as f64), to.saturating_sub(from) as f64 / 1e3);
                    events.push(json!({
                        "ph": "X", "pid": DEVICE, "tid": unit as u64, "name": name, "ts": start, "dur": duration,
                        "args": arguments,
                    }));
                };
                if start > free {
                    slice("wait", free, start, Map::new());
                }
                arguments.extend(self.texts.clone().map(|texts| (TEXTS.to_owned(), texts)));
                let name = arguments.get("op").and_then(Value::as_str).unwrap_or("operation").to_owned();
                slice(&name, start, end, arguments);
                free = end.max(free);
            }
        }
        events
    }

    /// From the host's `run` to the first operation.
    fn arrow(&self, first: Unit) -> Vec<Value> {
        let end = |phase: &str, pid: u64, tid: u64| {
            json!({
                "ph": phase, "bp": "e", "cat": "submission", "name": "submission", "id": self.number, "pid": pid, "tid": tid,
                "ts": self.began,
            })
        };
        vec![end("s", HOST, self.thread), end("f", DEVICE, first as u64)]
    }

    /// The share of each window in which a unit worked, and zero when all have ended.
    fn busy_share(&self, first: u64, place: &dyn Fn(f64) -> f64) -> Vec<Value> {
        let last = self.operations.iter().map(|o| o.end).max().unwrap_or(first);
        let width = last.saturating_sub(first) as f64 / f64::from(WINDOWS);
        let count = |at: f64, share: &dyn Fn(Unit) -> f64| {
            let shares: Map<String, Value> =
                Unit::QUEUED.map(|unit| (unit.name().to_uppercase(), share(unit).into())).into_iter().collect();
            json!({"ph": "C", "pid": DEVICE, "tid": 0, "name": "busy share", "ts": place(at), "args": shares})
        };
        let window = |index: u32| {
            let (from, to) = (first as f64 + width * f64::from(index), first as f64 + width * f64::from(index + 1));
            let inside = |o: &Operation| (to.min(o.end as f64) - from.max(o.start as f64)).max(0.0);
            let worked = |unit| self.operations.iter().filter(|o| o.unit as u8 == unit as u8).map(inside).sum::<f64>();
            // Rounded, so that the file is not made of digits that mean nothing.
            count(from, &|unit| (worked(unit) / width * 1e3).round() / 1e3)
        };
        let windows = if width > 0.0 { WINDOWS } else { 0 };
        (0..windows).map(window).chain([count(last as f64, &|_| 0.0)]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(unit: Unit, start: u64, end: u64) -> Operation {
        let arguments = json!({"op": "x"}).as_object().unwrap().clone();
        Operation { start, end, unit, arguments }
    }

    #[test]
    fn waits_fill_the_gaps_and_shares_are_of_the_time() {
        let operations = vec![
            operation(Unit::Gemm, 2000, 3000),
            operation(Unit::Load, 1000, 2000),
            operation(Unit::Gemm, 4000, 5000),
            operation(Unit::Store, 5000, 9000),
        ];
        let events = Submission { number: 7, began: 100.0, thread: 3, texts: None, operations }.events();
        let of = |tid: u64| -> Vec<(&str, f64, f64)> {
            let slices = events.iter().filter(|e| e["ph"] == "X" && e["tid"] == tid);
            slices
                .map(|e| (e["name"].as_str().unwrap(), e["ts"].as_f64().unwrap(), e["dur"].as_f64().unwrap()))
                .collect()
        };
        assert_eq!(of(Unit::Load as u64), [("x", 100.0, 1.0)]);
        assert_eq!(
            of(Unit::Gemm as u64),
            [("wait", 100.0, 1.0), ("x", 101.0, 1.0), ("wait", 102.0, 1.0), ("x", 103.0, 1.0)]
        );
        assert_eq!(of(Unit::Store as u64), [("wait", 100.0, 4.0), ("x", 104.0, 4.0)]);
        assert_eq!(of(Unit::Vector as u64), []);
        let shares: Vec<&Value> = events.iter().filter(|e| e["name"] == "busy share").collect();
        assert_eq!(shares.len(), WINDOWS as usize + 1);
        let sum =
            |unit: &str| shares.iter().map(|e| e["args"][unit].as_f64().unwrap()).sum::<f64>() / f64::from(WINDOWS);
        assert_eq!([sum("LOAD"), sum("GEMM"), sum("VECTOR"), sum("STORE")], [0.125, 0.25, 0.0, 0.5]);
        let arrow: Vec<&Value> = events.iter().filter(|e| e["id"] == 7).collect();
        assert_eq!((&arrow[0]["ph"], &arrow[0]["pid"], &arrow[0]["tid"]), (&json!("s"), &json!(HOST), &json!(3)));
        assert_eq!((&arrow[1]["ph"], &arrow[1]["tid"]), (&json!("f"), &json!(Unit::Load as u64)));
    }
}
