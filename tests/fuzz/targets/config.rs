//! A `config.json`, and the sizes that follow from an accepted one.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use systole_runtime::checkpoint::ModelConfig;
use systole_runtime::quantize::{Layout, Scales, Shape};

fuzz_target!(|bytes: &[u8]| {
    let Ok(config) = ModelConfig::from_json(bytes, Path::new("fuzz")) else { return };
    assert_eq!(config.head_dim() * config.heads, config.hidden);
    let shape = Shape::new(&config, Scales::Dynamic);
    assert!(Layout::new(&shape).is_none_or(|l| l.layers.len() == config.layers && l.bytes > 0));
});
