//! One encoder layer of BERT-Base on the RTL: cycles, utilisation of the array, and where the rest goes; and how fast the
//! Verilated models are. Figures are in docs/hardware.md.
//!
//! `cargo bench -p systole-tests --bench rtl [-- n8 n16 n32]`, without names n16; building a model takes minutes.

use std::time::{Duration, Instant};

use systole_bitgen::verilated::{Options, open};
use systole_driver::{Bindings, Device, Engine, RunOptions, RunReport, Statistics, UnitCounters, Verified, verify};
use systole_isa::instruction::Unit;
use systole_isa::{HwConfig, Instruction, REGIONS};
use systole_runtime::compile::{OUTPUT, compile};
use systole_runtime::quantize::{Encoder, NormEps, Scales, Shape};
use systole_sim::Simulator;
use systole_tests::random::Random;

const TOKENS: u32 = 128;

fn encoder() -> Encoder {
    let scales = Scales::Static;
    let shape = Shape { hidden: 768, layers: 1, heads: 12, intermediate: 3072, max_tokens: 512, relu: false, scales };
    Encoder::new(shape, NormEps { embedding: 1, layers: vec![[1, 1]] }).expect("it is below 4 GiB")
}

struct Run {
    report: RunReport,
    counters: [UnitCounters; 4],
    output: Vec<u8>,
}

/// Runs a program over random constants and inputs: no time depends on them.
fn run(device: Box<dyn Device + Send>, program: &Verified, trace: bool) -> Run {
    let mut engine = Engine::open(device).expect("it is ours");
    let mut random = Random(1);
    let mut buffers = Vec::new();
    for region in &program.regions {
        let buffer = engine.allocate(u64::from(region.size).max(32)).expect("device memory");
        if region.initialised {
            let bytes: Vec<u8> = (0..region.size.div_ceil(8)).flat_map(|_| random.bits().to_le_bytes()).collect();
            engine.write(&buffer, 0, &bytes[..region.size as usize]).expect("it is written");
        }
        buffers.push(buffer);
    }
    let mut bindings = Bindings::new();
    for (index, buffer) in buffers.iter().enumerate().take(REGIONS).filter(|(i, _)| program.regions[*i].size > 0) {
        bindings = bindings.bind(index, buffer);
    }
    let loaded = engine.upload(program).expect("there is room");
    let options = RunOptions { trace, deadline: Duration::from_secs(7200) };
    let report = engine.run(&loaded, &bindings, options).expect("it completes");
    let counters = engine.counters().expect("registers are read");
    let mut output = vec![0; program.regions[usize::from(OUTPUT)].size as usize];
    engine.read(&buffers[usize::from(OUTPUT)], 0, &mut output).expect("it is read");
    Run { report, counters, output }
}

fn percent(part: f64, whole: f64) -> String {
    format!("{:5.1} %", 100.0 * part / whole)
}

fn layer(config: &'static HwConfig) {
    let program = verify(compile(&encoder(), config, TOKENS, 1).expect("it fits")).expect("it is sound");
    let device = open(config, &Options::default()).unwrap_or_else(|e| panic!("{e}"));
    let started = Instant::now();
    let rtl = run(device, &program, false);
    let seconds = started.elapsed().as_secs_f64();
    let simulated = run(Box::new(Simulator::new(config)), &program, false);
    assert!(rtl.output == simulated.output, "the RTL and the simulator differ");

    let work = program.statistics().expect("a verified program decodes").total;
    let cycles = rtl.report.cycles.expect("the RTL has timing") as f64;
    let lanes = f64::from(config.n);
    let [load, gemm, vector, store] = rtl.counters;
    let array = work.macs as f64 / (lanes * lanes);
    println!("{}: one layer of BERT-Base, {TOKENS} tokens, {} B/cycle, batch 1", config.name, config.bus_bytes);
    println!("  {cycles} cycles, {} instructions, output equal to the simulator's", rtl.report.executed);
    println!("  {:.0} cycles a second of Verilator", cycles / seconds);
    println!("  array        {}   {} MACs in {array:.0} cycles", percent(array, cycles), work.macs);
    let stall = f64::from(gemm.stall);
    let partial = f64::from(gemm.busy) - stall - array;
    println!("  GEMM stall   {}   no weights in time, or none fetched yet", percent(stall, cycles));
    println!(
        "  GEMM drain   {}   nothing to stream behind it, and tiles that do not fill the array",
        percent(partial, cycles)
    );
    println!("  GEMM wait    {}   for a semaphore", percent(gemm.wait.into(), cycles));
    let idle = cycles - f64::from(gemm.busy) - f64::from(gemm.wait);
    println!("  GEMM empty   {}   nothing queued", percent(idle, cycles));
    for (unit, counters) in Unit::QUEUED.iter().zip([load, gemm, vector, store]) {
        let UnitCounters { busy, wait, stall } = counters;
        let share = |x: u32| percent(x.into(), cycles);
        println!("  {:6} busy {}  wait {}  stall {}", unit.name(), share(busy), share(wait), share(stall));
    }
    let bytes = work.bytes() as f64 / f64::from(config.bus_bytes);
    println!("  bus          {}   {} bytes", percent(bytes, cycles), work.bytes());
}

/// Where GEMM waits, by tag: another run, with a trace.
fn waits(config: &'static HwConfig) {
    let program = verify(compile(&encoder(), config, TOKENS, 1).expect("it fits")).expect("it is sound");
    let device = open(config, &Options::default()).unwrap_or_else(|e| panic!("{e}"));
    let trace = run(device, &program, true).report.trace;
    let lanes = u64::from(config.n);
    let mut last = None;
    let mut rows: Vec<(String, [u64; 3])> = Vec::new();
    for record in trace.iter().filter(|r| r.unit == Unit::Gemm as u8) {
        let instruction = Instruction::decode(&program.code[record.instruction as usize]).expect("it was verified");
        let name = program.tags[usize::from(record.tag) - 1].op.clone();
        let before = last.replace(record.end).unwrap_or(record.start);
        let array = Statistics::of(&instruction).macs / (lanes * lanes);
        let spent = record.end - before.min(record.end);
        let row = match rows.iter_mut().find(|(n, _)| *n == name) {
            Some((_, row)) => row,
            None => {
                rows.push((name, [0; 3]));
                &mut rows.last_mut().expect("it was pushed").1
            }
        };
        *row = [row[0] + array, row[1] + spent, row[2] + record.start.saturating_sub(before)];
    }
    println!(
        "{}: GEMM by operation, traced: cycles of the array, cycles since the GEMM before, of these not started",
        config.name
    );
    for (name, [array, spent, idle]) in rows {
        println!("  {name:20} {array:9} {spent:9} {idle:9}   {}", percent(array as f64, spent as f64));
    }
}

fn main() {
    let named = |c: &&'static HwConfig| std::env::args().any(|a| a == c.name);
    let mut configs: Vec<_> = systole_isa::config::NAMED.into_iter().filter(named).collect();
    if configs.is_empty() {
        configs.push(&systole_isa::config::N16);
    }
    for config in configs {
        layer(config);
        waits(config);
    }
}
