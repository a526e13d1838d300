//! The conformance suite on the RTL, with its assertions on, over a fast and over an awkward memory.
//!
//! `cargo test --release -p systole-tests --test rtl_conformance -- --ignored`

use std::time::Duration;

use systole_bitgen::verilated::{MemoryTiming, Options, open};
use systole_conformance::hangs::{self, HangTarget};
use systole_conformance::{Target, suite};
use systole_driver::Device;
use systole_isa::HwConfig;
use systole_isa::config::{N8, N16, N32};

fn conforms(config: &'static HwConfig, memory: MemoryTiming) {
    let options = Options { checked: true, memory, seed: 5, ..Options::default() };
    let device = || open(config, &options).unwrap_or_else(|e| panic!("{e}"));
    // The longest case is six million cycles, a minute of n32 on a machine with nothing else to do; what hangs is noticed
    // sooner where cycles are shorter.
    let patience = Duration::from_secs(15 * u64::from(config.n));
    suite(&Target::new(&device).with_patience(patience));
}

#[test]
#[ignore = "needs Verilator 5"]
fn n8_conforms() {
    conforms(&N8, MemoryTiming::default());
}

#[test]
#[ignore = "needs Verilator 5"]
fn n8_conforms_over_an_awkward_memory() {
    conforms(&N8, MemoryTiming { latency: 3, outstanding: 2, milli_bytes_per_cycle: Some(5_300), back_pressure: 40 });
}

/// Memory that does not answer, and memory that does when nobody waits any more.
fn conforms_when_the_bus_hangs(config: &'static HwConfig, memory: MemoryTiming) {
    let open = |hang| -> Box<dyn Device + Send> {
        let options = Options { checked: true, memory, hang: Some(hang), seed: 5, ..Options::default() };
        Box::new(open(config, &options).unwrap_or_else(|e| panic!("{e}")))
    };
    hangs::suite(&HangTarget::new(&open, Duration::from_secs(120)));
}

#[test]
#[ignore = "needs Verilator 5"]
fn n8_conforms_when_the_bus_hangs() {
    conforms_when_the_bus_hangs(&N8, MemoryTiming::default());
}

#[test]
#[ignore = "needs Verilator 5"]
fn n8_conforms_when_an_awkward_bus_hangs() {
    let memory = MemoryTiming { latency: 3, outstanding: 2, milli_bytes_per_cycle: Some(5_300), back_pressure: 40 };
    conforms_when_the_bus_hangs(&N8, memory);
}

#[test]
#[ignore = "needs Verilator 5"]
fn n16_conforms() {
    conforms(&N16, MemoryTiming { latency: 0, back_pressure: 10, ..MemoryTiming::default() });
}

#[test]
#[ignore = "needs Verilator 5; takes minutes to build"]
fn n32_conforms() {
    conforms(&N32, MemoryTiming::default());
}
