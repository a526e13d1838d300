//! The numbers of a model depend on nothing but the model: not on the configuration, the batch or the tiling.

use systole_driver::verify;
use systole_isa::config::{N8, N16, N32, NAMED};
use systole_isa::{HwConfig, Instruction, Op};
use systole_runtime::checkpoint::{Checkpoint, Encoding};
use systole_runtime::compile::compile;
use systole_runtime::quantize::{Encoder, NormEps, QuantizedModel, Scales, Shape};
use systole_runtime::{RunOptions, Session};
use systole_sim::Simulator;
use systole_tests::models;
use systole_tests::random::{Dimensions, Random, checkpoint, encoding, texts};

const SCALES: [Scales; 2] = [Scales::Static, Scales::Dynamic];

fn hidden(model: &QuantizedModel, config: &'static HwConfig, encodings: &[Encoding], batch: usize) -> Vec<Vec<i16>> {
    let mut session = Session::new(model.clone(), Box::new(Simulator::new(config))).unwrap();
    let options = RunOptions { batch, ..RunOptions::default() };
    session.hidden_integers(encodings, &options).unwrap()
}

/// Compares every configuration, batched and not, with `n8` one by one.
fn invariant(checkpoint: &Checkpoint, calibration: &[String], lengths: &[usize], configs: &[&'static HwConfig]) {
    let vocab = checkpoint.config.vocab;
    for scales in SCALES {
        let model = QuantizedModel::quantize(checkpoint, calibration, scales).unwrap();
        let mut random = Random(31);
        for &tokens in lengths {
            let count = if tokens < 500 { 3 } else { 2 };
            let encodings: Vec<Encoding> = (0..count).map(|_| encoding(&mut random, vocab, tokens)).collect();
            let first = hidden(&model, configs[0], &encodings, 1);
            assert!(first.iter().all(|h| h.len() == tokens * checkpoint.config.hidden));
            assert!(first.iter().flatten().any(|v| *v != first[0][0]), "{scales:?} {tokens}: constant output");
            if tokens > 1 {
                assert_ne!(first[0], first[1], "{scales:?} {tokens}: the input does not matter");
            }
            for config in configs {
                for batch in [1, 8] {
                    let other = hidden(&model, config, &encodings, batch);
                    assert!(other == first, "{scales:?}, {tokens} tokens, {}, batch {batch}", config.name);
                }
            }
        }
    }
}

fn random(hidden: usize, heads: usize, intermediate: usize, layers: usize) -> Checkpoint {
    checkpoint(Dimensions { hidden, layers, heads, intermediate, max_positions: 512 }, 30)
}

/// The lengths lie around the tiles of every configuration, and at both ends.
#[test]
fn small_model_is_invariant() {
    let checkpoint = Checkpoint::open(&models::small()).unwrap();
    let calibration =
        ["A man is playing a flute.", "The cat sat on the mat.", "Stocks fell on Friday."].map(String::from);
    invariant(&checkpoint, &calibration, &[1, 2, 7, 31, 128, 511, 512], &NAMED);
}

/// Heads of 26 columns, and dimensions that no array divides.
#[test]
fn awkward_dimensions_are_invariant() {
    invariant(&random(312, 12, 1200, 2), &texts(), &[1, 2, 7, 31, 128], &NAMED);
}

#[test]
fn awkward_dimensions_are_invariant_at_full_length() {
    invariant(&random(312, 12, 1200, 1), &texts(), &[511, 512], &NAMED);
}

/// One head of 256 columns and 512 tokens: keys and values do not fit the chip of `n8` and pass through in pieces.
#[test]
fn keys_and_values_in_pieces_are_invariant() {
    let checkpoint = random(256, 1, 256, 1);
    let bytes = 2 * 512 * 256;
    assert!(bytes > N8.spad_bytes() && bytes < N32.spad_bytes(), "the case is about this difference");
    invariant(&checkpoint, &texts(), &[500, 512], &[&N8, &N32]);
}

fn bert_base(scales: Scales) -> Encoder {
    let shape = Shape { hidden: 768, layers: 12, heads: 12, intermediate: 3072, max_tokens: 512, relu: false, scales };
    Encoder::new(shape, NormEps { embedding: 1, layers: vec![[1, 1]; 12] }).unwrap()
}

/// Multiply-accumulates of an encoder, by the textbook.
fn macs(tokens: u64, hidden: u64, intermediate: u64, layers: u64) -> u64 {
    layers * tokens * (4 * hidden * hidden + 2 * hidden * intermediate + 2 * tokens * hidden)
}

#[test]
fn bert_base_compiles_and_verifies_everywhere() {
    for scales in SCALES {
        let encoder = bert_base(scales);
        for (config, tokens) in NAMED.into_iter().flat_map(|c| [(c, 128), (c, 512)]) {
            let program = compile(&encoder, config, tokens, 1).unwrap();
            let program = verify(program).unwrap_or_else(|e| panic!("{} {tokens} {scales:?}: {e}", config.name));
            let multiplied = program.instructions().map(|i| match i.unwrap() {
                Instruction { op: Op::Gemm(g), .. } => u64::from(g.m) * u64::from(g.k) * u64::from(g.n),
                _ => 0,
            });
            // Heads of 64 columns need no padding, so nothing is multiplied in vain.
            assert_eq!(multiplied.sum::<u64>(), macs(tokens.into(), 768, 3072, 12), "{} {tokens}", config.name);
        }
    }
}

#[test]
fn batches_of_different_lengths_keep_their_order() {
    let checkpoint = Checkpoint::open(&models::tiny()).unwrap();
    let model = QuantizedModel::quantize(&checkpoint, &texts(), Scales::Static).unwrap();
    let mut random = Random(32);
    let encodings: Vec<Encoding> =
        [5, 1, 40, 5, 3, 17, 5, 1].into_iter().map(|tokens| encoding(&mut random, 64, tokens)).collect();
    let together = hidden(&model, &N16, &encodings, 2);
    for (encoding, states) in encodings.iter().zip(&together) {
        assert_eq!(hidden(&model, &N16, std::slice::from_ref(encoding), 1)[0], *states);
    }
}
