//! Writes a seed corpus for every fuzz target: `cargo run -p systole-tests --example fuzz_seeds <directory>`.

use std::path::Path;

use systole_bitgen::bitstream::self_test;
use systole_driver::recorder::{Limits, Recorded};
use systole_driver::{Engine, verify};
use systole_isa::config::{N8, N32};
use systole_runtime::compile::compile;
use systole_runtime::quantize::Scales;
use systole_sim::Simulator;
use systole_tests::random::{MINIATURE, checkpoint, safetensors, texts};
use systole_tests::{models, random};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = std::env::args().nth(1).ok_or("usage: fuzz_seeds <directory>")?;
    let write = |target: &str, name: &str, bytes: &[u8]| -> std::io::Result<()> {
        let directory = Path::new(&root).join(target);
        std::fs::create_dir_all(&directory)?;
        std::fs::write(directory.join(name), bytes)
    };
    let source = checkpoint(MINIATURE, 1);
    write("tensors", "miniature", &safetensors(&source))?;
    write("config", "tiny", &std::fs::read(models::tiny().join("config.json"))?)?;
    for (name, scales) in [("static", Scales::Static), ("dynamic", Scales::Dynamic)] {
        let (model, bytes) = random::quantized(&source, &texts(), scales);
        write("quantized", name, &bytes)?;
        for config in [&N8, &N32] {
            let program = verify(compile(&model.encoder, config, 2, 1)?)?;
            let file = program.to_bytes();
            // The target appends the checksum.
            write("program", &format!("{name}_{}", config.name), &file[..file.len() - 8])?;
            for (index, code) in program.code.iter().enumerate() {
                write("instruction", &format!("{name}_{}_{index}", config.name), code)?;
            }
        }
    }
    // One from the start, and one that begins in the second turn of the rings.
    for (name, events, runs) in [("whole", 1000, 1), ("window", 40, 20)] {
        let limits = Limits { events, ..Limits::default() };
        let (device, recorder) = Recorded::new(Box::new(Simulator::new(&N8)), "sim:n8", limits);
        let mut engine = Engine::open(Box::new(device))?;
        for _ in 0..runs {
            self_test::run(&mut engine, &self_test::verified(&N8)?)?;
        }
        let file = recorder.recording("a seed").to_bytes();
        write("recording", name, &file[..file.len() - 8])?;
    }
    Ok(())
}
