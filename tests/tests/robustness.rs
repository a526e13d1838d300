//! Hostile program files, quantized files and checkpoints: an error or something valid, never a panic.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use systole_driver::{Program, verify};
use systole_isa::config::N8;
use systole_runtime::checkpoint::Weights;
use systole_runtime::compile::compile;
use systole_runtime::quantize::{QuantizeError, QuantizedModel, Scales};
use systole_tests::random::{MINIATURE, Random, checkpoint, quantized, resealed, safetensors, texts};

/// Feeds `accept` every truncation around the structural boundaries and `flips` damaged copies; it says whether the
/// bytes were taken for valid. Returns how many were.
fn attack(name: &str, good: &[u8], boundaries: &[usize], flips: usize, accept: impl Fn(&[u8]) -> bool) -> usize {
    let try_one = |what: &str, bytes: &[u8]| {
        catch_unwind(AssertUnwindSafe(|| accept(bytes))).unwrap_or_else(|_| panic!("{name}, {what}: panicked"))
    };
    assert!(try_one("undamaged", good));
    let ends = boundaries.iter().flat_map(|b| (b.saturating_sub(9)..=b + 9).filter(|end| *end < good.len()));
    for end in ends {
        assert!(!try_one(&format!("cut to {end} bytes"), &good[..end]), "{name} of {end} bytes is taken for whole");
    }
    let mut random = Random(50);
    let mut accepted = 0;
    for flip in 0..flips {
        let mut bytes = good.to_vec();
        // Half of the damage goes where the structure is; a few bytes at once, with values that are often decisive.
        for _ in 0..1 + random.below(3) {
            let near = boundaries[random.below(boundaries.len())] + random.below(16);
            let at = if random.below(2) == 0 { random.below(bytes.len()) } else { near.min(bytes.len() - 1) };
            bytes[at] = match random.below(4) {
                0 => 0,
                1 => 0xff,
                2 => random.bits() as u8,
                _ => bytes[at] ^ 1 << random.below(8),
            };
        }
        accepted += usize::from(try_one(&format!("damage {flip}"), &bytes));
    }
    let mut longer = good.to_vec();
    longer.push(0);
    try_one("one byte more", &longer);
    accepted
}

/// Offsets of the fields of a program file, by its documented layout.
fn program_boundaries(bytes: &[u8]) -> Vec<usize> {
    let mut at = 0;
    let mut all = vec![0];
    let mut skip = |bytes: usize| {
        at += bytes;
        all.push(at);
        at
    };
    let number = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]) as usize;
    skip(8);
    skip(4);
    let at = skip(8);
    skip(4 + number(at));
    skip(4);
    let mut at = skip(4);
    for _ in 0..systole_isa::REGIONS {
        skip(4 + number(at));
        skip(4);
        at = skip(1);
    }
    let tags = number(at);
    let mut at = skip(4);
    for _ in 0..tags {
        skip(4);
        at = skip(0);
        at = skip(4 + number(at));
    }
    let instructions = number(at);
    let at = skip(4);
    let end = skip(instructions * systole_isa::INSTRUCTION_BYTES);
    assert!(at < end && end + 8 == bytes.len(), "the walk ends at the checksum");
    all
}

fn program_file() -> Vec<u8> {
    let model = QuantizedModel::quantize(&checkpoint(MINIATURE, 1), &texts(), Scales::Dynamic).unwrap();
    compile(&model.encoder, &N8, 3, 2).unwrap().to_bytes()
}

/// With a checksum that fits: damage is one thing, malice another.
fn sealed(body: &[u8]) -> Vec<u8> {
    let sum = body.iter().fold(0xcbf2_9ce4_8422_2325u64, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x100_0000_01b3));
    [body, &sum.to_le_bytes()].concat()
}

#[test]
fn damaged_program_files_are_refused() {
    let good = program_file();
    let accepted = attack("a program", &good, &program_boundaries(&good), 3000, |bytes| {
        Program::from_bytes(bytes).is_ok_and(|p| {
            let whole = p.to_bytes() == bytes;
            assert!(whole, "what is accepted is what was written");
            whole
        })
    });
    // A damaged byte may be replaced by itself.
    assert!(accepted < 300, "{accepted} damaged files are accepted");
}

#[test]
fn forged_program_files_are_judged_by_the_verifier() {
    let good = program_file();
    let body = &good[..good.len() - 8];
    let accepted = attack("a forged program", body, &program_boundaries(&good), 3000, |body| {
        // Verified or refused with a reason; either is fine for a forged file, as long as it is a verdict.
        Program::from_bytes(&sealed(body)).map_err(|e| e.to_string()).is_ok_and(|program| {
            assert_eq!(program.to_bytes(), sealed(body));
            verify(program).map_err(|refused| assert!(!refused.to_string().is_empty())).is_ok()
        })
    });
    assert!(accepted > 0, "no forged file reaches the verifier's end");
}

/// Boundaries of a safetensors container: length, header, each quote in the header, each tensor's data.
fn container_boundaries(bytes: &[u8]) -> Vec<usize> {
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let quotes = bytes[8..8 + header].iter().enumerate().filter(|(_, b)| **b == b'"').map(|(at, _)| 8 + at);
    let parsed: serde_json::Value = serde_json::from_slice(&bytes[8..8 + header]).unwrap();
    let offsets = parsed.as_object().unwrap().values().filter_map(|t| t["data_offsets"][1].as_u64());
    let data = offsets.map(|end| 8 + header + end as usize);
    [0, 8, 8 + header].into_iter().chain(quotes).chain(data).collect()
}

fn read(bytes: &[u8]) -> Result<QuantizedModel, QuantizeError> {
    QuantizedModel::from_bytes(bytes, Path::new("damaged"))
}

#[test]
fn no_flipped_bit_of_a_quantized_file_is_accepted() {
    let (_, good) = quantized(&checkpoint(MINIATURE, 1), &texts(), Scales::Static);
    let mut random = Random(51);
    let anywhere: Vec<usize> = (0..1000).map(|_| random.below(good.len())).collect();
    // Wherever the structure ends, also in the padding of the header and in the hash itself.
    let structure = container_boundaries(&good).into_iter().flat_map(|b| b.saturating_sub(1)..=b);
    for at in anywhere.into_iter().chain(structure.filter(|at| *at < good.len())) {
        let mut bytes = good.clone();
        bytes[at] ^= 1 << random.below(8);
        let refused = read(&bytes).expect_err("a flipped bit is noticed");
        let said = matches!(refused, QuantizeError::Damaged { .. } | QuantizeError::File { .. });
        assert!(said || matches!(refused, QuantizeError::Version { .. }), "byte {at}: {refused}");
    }
    assert_eq!(read(&good).unwrap().image.len(), read(&resealed(&good)).unwrap().image.len());
}

#[test]
fn damaged_quantized_files_are_refused() {
    for scales in [Scales::Static, Scales::Dynamic] {
        let (_, good) = quantized(&checkpoint(MINIATURE, 1), &texts(), scales);
        attack("a quantized model", &good, &container_boundaries(&good), 1500, |bytes| {
            let accepted = read(bytes).is_ok();
            assert!(!accepted || bytes == good, "what is accepted is what was written");
            accepted
        });
    }
}

#[test]
fn forged_quantized_files_are_errors_or_models() {
    for scales in [Scales::Static, Scales::Dynamic] {
        let (_, good) = quantized(&checkpoint(MINIATURE, 1), &texts(), scales);
        let accepted = attack("a forged model", &good, &container_boundaries(&good), 1500, |bytes| {
            let Ok(model) = read(&resealed(bytes)) else { return false };
            // Whatever was accepted compiles to a verified program, or is refused.
            let layers = model.encoder.shape.layers;
            if let (true, Ok(program)) = (layers < 4, compile(&model.encoder, &N8, 2, 1)) {
                verify(program).expect("the compiler's programs are verified");
            }
            true
        });
        assert!(accepted > 0, "no forged file is read to its end");
    }
}

#[test]
fn damaged_tensors_are_errors_or_finite_weights() {
    let checkpoint = checkpoint(MINIATURE, 1);
    let good = safetensors(&checkpoint);
    let (same, report) = Weights::from_bytes(&good, Path::new("good"), &checkpoint.config).unwrap();
    assert_eq!(same, checkpoint.weights);
    assert_eq!(report.len(), 5 + 16);
    attack("a checkpoint", &good, &container_boundaries(&good), 3000, |bytes| {
        let Ok((weights, _)) = Weights::from_bytes(bytes, Path::new("damaged"), &checkpoint.config) else {
            return false;
        };
        assert!(weights.word.values.iter().all(|v| v.is_finite()));
        true
    });
}

/// The attack must be able to fail.
#[test]
fn a_careless_parser_is_caught() {
    let careless = |bytes: &[u8]| bytes[bytes[0] as usize] != 77;
    let caught = catch_unwind(|| attack("a careless parser", &[3, 1, 1, 1], &[0, 3], 500, careless));
    let message = caught.expect_err("it panics on some input");
    assert!(message.downcast_ref::<String>().is_some_and(|m| m.contains("a careless parser")));
}
