//! Accuracy of the quantized models on a part of STS-B; `cargo bench -p systole-tests --bench accuracy` runs all of it.

use systole_isa::config::N32;
use systole_runtime::checkpoint::Checkpoint;
use systole_runtime::quantize::{QuantizedModel, Scales, default_calibration};
use systole_tests::quality::{Baseline, Quality};
use systole_tests::{models, sts};

/// Every n-th pair of the test split: 306 sentences.
const STEP: usize = 9;

fn qualities(directory: &std::path::Path) -> [Quality; 2] {
    let checkpoint = Checkpoint::open(directory).unwrap();
    let pairs: Vec<_> = sts::pairs("test").into_iter().step_by(STEP).collect();
    assert_eq!(pairs.len(), 154);
    let baseline = Baseline::new(&checkpoint, &pairs);
    [Scales::Static, Scales::Dynamic].map(|scales| {
        let model = QuantizedModel::quantize(&checkpoint, &default_calibration(), scales).unwrap();
        // The configuration does not matter for the numbers (tests/invariance.rs); this is the fastest.
        let quality = baseline.compare(&model, &N32, 2);
        println!("{} {scales:?}: {quality:?}", directory.display());
        quality
    })
}

fn keeps_the_bounds([fixed, dynamic]: [Quality; 2]) {
    assert_eq!(fixed.shortfall(0.997, 0.975), None, "static");
    assert_eq!(dynamic.shortfall(0.998, 0.99), None, "dynamic");
    assert!(dynamic.mean > fixed.mean, "dynamic scales are the accurate mode");
}

#[test]
fn minilm_keeps_the_bounds() {
    keeps_the_bounds(qualities(&models::minilm()));
}

#[test]
fn small_keeps_the_bounds() {
    keeps_the_bounds(qualities(&models::small()));
}
