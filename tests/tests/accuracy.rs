//! Accuracy of the quantized models on a part of STS-B; `cargo bench -p systole-tests --bench accuracy` runs all of it.

use systole_driver::{Device, DeviceError};
use systole_isa::config::N32;
use systole_runtime::accuracy::{Effort, measure};
use systole_runtime::checkpoint::Checkpoint;
use systole_runtime::quantize::{Accuracy, QuantizedModel, Scales, Split, default_calibration};
use systole_sim::Simulator;
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

fn open() -> Result<Box<dyn Device + Send>, DeviceError> {
    Ok(Box::new(Simulator::new(&N32)))
}

/// What the command measures when it quantizes.
fn measured(checkpoint: &Checkpoint, split: &Split, effort: Effort) -> (QuantizedModel, Accuracy) {
    let (model, diagnostics) =
        QuantizedModel::quantize_diagnosed(checkpoint, &split.calibration, Scales::Static).unwrap();
    let accuracy = measure(checkpoint, &model, &diagnostics, split, effort, &open).unwrap();
    println!("{accuracy:?}");
    (model, accuracy)
}

#[test]
fn minilm_keeps_its_accuracy_at_every_length() {
    let checkpoint = Checkpoint::open(&models::minilm()).unwrap();
    let (model, accuracy) = measured(&checkpoint, &Split::built_in(), Effort::FULL);
    let lengths: Vec<usize> = accuracy.by_length.iter().map(|length| length.tokens).collect();
    assert_eq!(lengths, [8, 32, 128, 256, 512]);
    assert!(accuracy.by_length.iter().all(|l| l.texts >= 4 && l.min <= l.p1 && l.p1 <= l.mean));
    assert!(accuracy.worst_length().unwrap().mean > 0.99);
    let losses = accuracy.losses.unwrap();
    // Each layer adds to the error, and none of them much.
    assert!(losses.layers.len() == 6 && losses.layers.is_sorted() && losses.layers[5] < 0.15, "{losses:?}");
    assert!(losses.tensor.layer.is_some() && (0.01..0.05).contains(&losses.tensor.error), "{losses:?}");

    // Natural long texts. Without long texts in the calibration the mean is below 0.99.
    let novels = Split { held_out: models::novels(), ..Split::built_in() };
    let effort = Effort { texts: [0, 0, 0, 0, 6], losses: false };
    let accuracy = measure(&checkpoint, &model, &Default::default(), &novels, effort, &open).unwrap();
    let long = &accuracy.by_length[0];
    assert!((long.tokens, long.texts, long.joined) == (512, 6, 0) && long.mean > 0.9925, "{long:?}");
}

#[test]
fn a_handful_of_calibration_texts_is_noticed() {
    let checkpoint = Checkpoint::open(&models::minilm()).unwrap();
    let worst = |texts: &[&str]| {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        let (_, accuracy) = measured(&checkpoint, &Split::of(&texts), Effort::QUICK);
        assert!(accuracy.built_in_texts && accuracy.losses.is_none());
        accuracy.worst_length().unwrap().mean
    };
    assert!(worst(&["x"; 100]) < 0.9);
    assert!(worst(&["A kitten is sleeping on the warm sofa."]) < 0.98);
}
