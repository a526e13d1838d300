//! Whole models on the RTL: every integer of the last hidden state is the simulator's.
//!
//! `cargo test -p systole-tests --test rtl_models -- --ignored --nocapture` prints cycles and speed.

use std::path::Path;
use std::time::{Duration, Instant};

use systole_bitgen::verilated::{self, Options};
use systole_driver::Device;
use systole_isa::HwConfig;
use systole_isa::config::{N8, N16};
use systole_runtime::checkpoint::{Checkpoint, Encoding};
use systole_runtime::compile::compile;
use systole_runtime::quantize::{QuantizedModel, Scales, default_calibration};
use systole_runtime::{Report, RunOptions, Session};
use systole_sim::Simulator;
use systole_tests::models;

const BUILT_IN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../host-tools/models/small.systole");

/// The last hidden states as integers, and what it took.
fn states(model: &QuantizedModel, device: Box<dyn Device + Send>, inputs: &[Encoding]) -> (Vec<Vec<i16>>, Report) {
    let mut session = Session::new(model.clone(), device).unwrap();
    let options = RunOptions { deadline: Duration::from_secs(3600), ..RunOptions::default() };
    let states = session.hidden_integers(inputs, &options).unwrap();
    (states, session.report())
}

/// Runs the model on both executors and compares; the RTL's model is built before the clock starts.
fn equal_on_both(what: &str, model: &QuantizedModel, config: &'static HwConfig, inputs: &[Encoding]) {
    let rtl = verilated::open(config, &Options::default()).unwrap_or_else(|e| panic!("{e}"));
    let started = Instant::now();
    let (found, report) = states(model, rtl, inputs);
    let elapsed = started.elapsed();
    let (expected, _) = states(model, Box::new(Simulator::new(config)), inputs);
    assert!(expected.iter().flatten().any(|x| *x != 0), "a result of zeros proves nothing");
    for (index, (found, expected)) in found.iter().zip(&expected).enumerate() {
        let differ = found.iter().zip(expected).filter(|(a, b)| a != b).count();
        assert_eq!((found.len(), differ), (expected.len(), 0), "text {index}: {differ} integers differ");
    }
    assert_eq!(found.len(), inputs.len());
    let cycles = report.cycles.expect("the RTL counts cycles");
    // What deadlines follow from: from above, and not from far above.
    let program = |e: &Encoding| compile(&model.encoder, config, e.ids.len() as u32, 1).unwrap();
    let estimate: u64 = inputs.iter().map(|e| program(e).cycles_at_most().unwrap()).sum();
    println!("estimated at most {estimate} cycles, {:.1} times", estimate as f64 / cycles as f64);
    assert!((cycles..16 * cycles).contains(&estimate), "{estimate} for {cycles}");
    println!(
        "{what} on rtl:{}: {} tokens, {} instructions, {} MACs in {cycles} cycles ({:.1} % of the array's peak), \
         {:.1} s, {:.0} cycles/s",
        config.name,
        report.tokens,
        report.instructions,
        report.macs,
        100.0 * report.macs as f64 / (cycles as f64 * f64::from(config.n * config.n)),
        elapsed.as_secs_f64(),
        cycles as f64 / elapsed.as_secs_f64(),
    );
}

/// Encodes, and cuts to 32 tokens.
fn encodings(model: &QuantizedModel, texts: &[&str]) -> Vec<Encoding> {
    texts.iter().map(|t| model.encode(t, Some(32)).unwrap()).collect()
}

#[test]
#[ignore = "needs Verilator 5"]
fn the_built_in_model_on_n8() {
    let bytes = std::fs::read(BUILT_IN).unwrap();
    let model = QuantizedModel::from_bytes(&bytes, Path::new(BUILT_IN)).unwrap();
    let texts =
        ["A kitten is sleeping on the warm sofa.", "", "The cat took a nap on the couch.", "Stock prices fell, again."];
    let inputs = encodings(&model, &texts);
    equal_on_both("the built-in model", &model, &N8, &inputs);
}

#[test]
#[ignore = "needs Verilator 5 and tests/fetch-models"]
fn minilm_on_n16() {
    let checkpoint = Checkpoint::open(&models::minilm()).unwrap();
    let text = "The quick brown fox jumps over the lazy dog while a dozen curious cats, perched on the old garden \
                wall, watch the whole scene in silence and wonder who of them could jump as high.";
    for scales in [Scales::Static, Scales::Dynamic] {
        let model = QuantizedModel::quantize(&checkpoint, &default_calibration(), scales).unwrap();
        let inputs = encodings(&model, &[text]);
        assert_eq!(inputs[0].ids.len(), 32);
        equal_on_both(&format!("all-MiniLM-L6-v2, {scales:?} scales,"), &model, &N16, &inputs);
    }
}
