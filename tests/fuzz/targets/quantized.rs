//! Bytes, as they are and with a hash that fits, to a quantized model; what is accepted compiles to verified programs, or is refused with a reason.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use systole_driver::verify;
use systole_isa::config::N8;
use systole_runtime::compile::compile;
use systole_runtime::quantize::QuantizedModel;
use systole_runtime::{RunOptions, Session};
use systole_sim::Simulator;
use systole_tests::random::resealed;

fuzz_target!(
    // The tokenizer library panics on some files, which the product catches: the fuzzer's hook would abort there. What
    // is not caught still aborts.
    init: std::panic::set_hook(Box::new(|_| {})),
    |bytes: &[u8]| {
        let _ = QuantizedModel::from_bytes(bytes, Path::new("fuzz"));
        let Ok(model) = QuantizedModel::from_bytes(&resealed(bytes), Path::new("fuzz")) else { return };
        let shape = model.encoder.shape;
        if shape.layers * shape.heads <= 8 {
            for tokens in [1, 3] {
                if let Ok(program) = compile(&model.encoder, &N8, tokens, 1) {
                    assert!(verify(program).is_ok(), "the compiler's programs are verified");
                }
            }
            if let (Ok(encoding), true) = (model.encode("the cat", Some(4)), shape.hidden <= 64) {
                let mut session = Session::new(model, Box::new(Simulator::new(&N8))).expect("the simulator is a device");
                let _ = session.embed(&[encoding], &RunOptions::default());
            }
        }
    }
);
