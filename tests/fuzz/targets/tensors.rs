//! Bytes to the weights of a checkpoint of fixed dimensions.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use systole_runtime::checkpoint::Weights;
use systole_tests::random::{MINIATURE, checkpoint};

fuzz_target!(|bytes: &[u8]| {
    let config = checkpoint_config();
    let Ok((weights, report)) = Weights::from_bytes(bytes, Path::new("fuzz"), config) else { return };
    assert_eq!(weights.layers.len(), config.layers);
    assert_eq!(weights.word.values.len(), config.vocab * config.hidden);
    assert!(weights.word.values.iter().all(|v| v.is_finite()));
    assert!(report.windows(2).all(|pair| pair[0].name < pair[1].name));
});

fn checkpoint_config() -> &'static systole_runtime::checkpoint::ModelConfig {
    static CONFIG: std::sync::OnceLock<systole_runtime::checkpoint::ModelConfig> = std::sync::OnceLock::new();
    CONFIG.get_or_init(|| checkpoint(MINIATURE, 1).config)
}
