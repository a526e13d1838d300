//! The text format of Prometheus (its documentation, "Exposition formats", version 0.0.4).

use std::fmt::Write;

use super::{Sample, UNITS};

/// What a scraper reads.
pub fn exposition(device: &str, sample: &Sample) -> String {
    let mut out = String::new();
    let device = escape(device);
    let mut metric = |name: &str, kind: &str, help: &str, values: &[(String, f64)]| {
        // Writing to a String does not fail.
        let _ = writeln!(out, "# HELP systole_{name} {help}\n# TYPE systole_{name} {kind}");
        for (labels, value) in values {
            let separator = if labels.is_empty() { "" } else { "," };
            let _ = writeln!(out, "systole_{name}{{device=\"{device}\"{separator}{labels}}} {value}");
        }
    };
    let plain = |value: f64| vec![(String::new(), value)];
    let identity = format!("config=\"{}\",build_id=\"{:08x}\"", sample.config.name, sample.build_id);
    metric("info", "gauge", "Configuration and build; always 1.", &[(identity, 1.0)]);
    metric("running", "gauge", "1 while a submission runs.", &plain(f64::from(u8::from(sample.running))));
    let fault = sample.fault.map_or(String::new(), |cause| format!("cause=\"{cause}\""));
    let faulted = f64::from(u8::from(sample.fault.is_some()));
    metric("fault", "gauge", "1 while a fault is latched.", &[(fault, faulted)]);
    metric("queue_depth", "gauge", "Submissions not yet taken.", &plain(sample.queued.into()));
    metric("completions_total", "counter", "Completions seen.", &plain(sample.completions as f64));
    metric("cycles_total", "counter", "Free-running cycle counter.", &plain(sample.cycle as f64));
    let units: Vec<(String, f64)> = UNITS
        .iter()
        .zip(sample.units)
        .flat_map(|(name, unit)| {
            let states = [("busy", unit.busy), ("wait", unit.wait), ("stall", unit.stall)];
            states.map(|(state, cycles)| (format!("unit=\"{name}\",state=\"{state}\""), f64::from(cycles)))
        })
        .collect();
    metric("unit_cycles", "gauge", "Cycles of each unit in the present or last submission.", &units);
    out
}

/// A label's value: backslash, quote and newline are escaped.
fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;
    use systole_isa::Cause;
    use systole_isa::config::N8;

    use crate::live::Unit;

    #[test]
    fn it_is_the_text_format() {
        let unit = Unit { busy: 5, wait: 6, stall: 7 };
        let sample = Sample {
            config: &N8,
            build_id: 0xab,
            at: Instant::now(),
            cycle: 1000,
            running: true,
            fault: Some(Cause::Bus),
            queued: 2,
            completions: 3,
            units: [unit; 4],
        };
        let text = exposition("a\"b\\c\nd", &sample);
        let start = "# HELP systole_info Configuration and build; always 1.\n# TYPE systole_info gauge\n\
                     systole_info{device=\"a\\\"b\\\\c\\nd\",config=\"n8\",build_id=\"000000ab\"} 1\n";
        assert!(text.starts_with(start), "{text}");
        for line in [
            "systole_fault{device=\"a\\\"b\\\\c\\nd\",cause=\"bus error\"} 1",
            "systole_completions_total{device=\"a\\\"b\\\\c\\nd\"} 3",
            "systole_unit_cycles{device=\"a\\\"b\\\\c\\nd\",unit=\"STORE\",state=\"stall\"} 7",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} in\n{text}");
        }
        assert!(text.ends_with('\n'));
    }
}
