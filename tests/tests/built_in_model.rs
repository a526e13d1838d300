//! The model inside the `systole` command is what its README says.

use std::path::Path;

use systole_runtime::checkpoint::Checkpoint;
use systole_runtime::quantize::{QuantizedModel, Scales, default_calibration};
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

#[test]
fn quantizing_its_checkpoint_gives_the_same_bytes() {
    let checkpoint = Checkpoint::open(&models::small()).unwrap();
    let model = QuantizedModel::quantize(&checkpoint, &default_calibration(), Scales::Static).unwrap();
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("built-in.systole");
    model.save(&path).unwrap();
    let (made, committed) = (std::fs::read(&path).unwrap(), std::fs::read(MODEL).unwrap());
    std::fs::remove_file(&path).unwrap();
    let different = made.iter().zip(&committed).filter(|(a, b)| a != b).count();
    assert!(
        made == committed,
        "{different} bytes differ (lengths {} and {}); if the quantizer or its texts changed, run the two lines of \
         host-tools/models/README.md and commit the file",
        made.len(),
        committed.len()
    );
}
