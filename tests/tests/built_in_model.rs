//! The model inside the `systole` command is what its README says.

use std::path::Path;

use systole_runtime::checkpoint::Checkpoint;
use systole_runtime::quantize::{Accuracy, QuantizedModel, Scales, default_calibration};
use systole_tests::models;

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../host-tools/models/small.systole");
/// Most bytes that a program should carry along for a first look.
const LIMIT: usize = 8 << 20;

#[test]
fn it_is_small_and_opens() {
    let bytes = std::fs::read(MODEL).unwrap();
    assert!(bytes.len() <= LIMIT, "{} bytes", bytes.len());
    let model = QuantizedModel::from_bytes(&bytes, Path::new(MODEL)).unwrap();
    let shape = model.encoder.shape;
    assert_eq!((shape.layers, shape.hidden, shape.heads, shape.intermediate), (2, 128, 2, 512));
    assert_eq!((shape.max_tokens, shape.scales), (512, Scales::Static));
}

/// How many bytes differ, of how many; `None` if the lengths do.
fn different(a: &[u8], b: &[u8]) -> Option<usize> {
    (a.len() == b.len()).then(|| a.iter().zip(b).filter(|(a, b)| a != b).count())
}

#[test]
fn quantizing_its_checkpoint_gives_the_same_model() {
    let checkpoint = Checkpoint::open(&models::small()).unwrap();
    let mut made = QuantizedModel::quantize(&checkpoint, &default_calibration(), Scales::Static).unwrap();
    let bytes = std::fs::read(MODEL).unwrap();
    let committed = QuantizedModel::from_bytes(&bytes, Path::new(MODEL)).unwrap();
    // The command that made it measured it as well.
    made.accuracy = committed.accuracy.clone();
    assert!(made.accuracy.as_ref().and_then(Accuracy::worst_length).is_some_and(|worst| worst.mean > 0.999));
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("built-in.systole");
    made.save(&path).unwrap();
    let file = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    if file == bytes {
        return;
    }
    // Calibration is fp32, and its last bits depend on the CPU's vector instructions: another CPU may round a weight
    // the other way here and there. A change of the recipe or of the texts alters far more.
    let count = different(&made.image, &committed.image);
    assert!(
        count.is_some_and(|count| count * 10_000 <= made.image.len()),
        "{count:?} of {} bytes differ; if the quantizer or its texts changed, run the command of \
         host-tools/models/README.md and commit the file",
        made.image.len()
    );
    println!("{count:?} of {} bytes differ, as on another CPU", made.image.len());
    assert_eq!((made.encoder.shape, &made.head), (committed.encoder.shape, &committed.head));
    assert_eq!(made.origin, committed.origin);
    assert!((made.output_scale / committed.output_scale - 1.0).abs() < 1e-5);
}

#[test]
fn other_texts_make_another_model() {
    let checkpoint = Checkpoint::open(&models::small()).unwrap();
    let texts = default_calibration();
    let image = |texts| QuantizedModel::quantize(&checkpoint, texts, Scales::Static).unwrap().image;
    let (all, half) = (image(&texts[..]), image(&texts[..texts.len() / 2]));
    assert!(different(&all, &half).is_some_and(|count| count * 1000 > all.len()));
}
