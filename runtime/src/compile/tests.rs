//! Every shape, configuration and length compiles to a program the verifier accepts, and each semaphore is needed.

use systole_driver::verify;
use systole_isa::config::{N8, NAMED};

use super::*;
use crate::quantize::NormEps;

fn encoder(hidden: u32, heads: u32, intermediate: u32, scales: Scales) -> Encoder {
    let layers = 2;
    let shape = Shape { hidden, layers, heads, intermediate, max_tokens: 512, relu: false, scales };
    Encoder::new(shape, NormEps { embedding: 0, layers: vec![[0; 2]; layers as usize] }).unwrap()
}

#[test]
fn every_shape_compiles_and_verifies_everywhere() {
    // MiniLM, BERT-Base, BERT-Large, TinyBERT's uneven 312, one wide head, and next to nothing.
    let shapes = [(384, 12, 1536), (768, 12, 3072), (1024, 16, 4096), (312, 12, 1200), (256, 1, 1024), (2, 1, 1)];
    for (hidden, heads, intermediate) in shapes {
        for scales in [Scales::Static, Scales::Dynamic] {
            let encoder = encoder(hidden, heads, intermediate, scales);
            for config in NAMED {
                for (tokens, batch) in [(1, 1), (1, 9), (7, 5), (31, 1), (128, 1), (511, 1), (512, 2)] {
                    let program = compile(&encoder, config, tokens, batch).unwrap();
                    let at = format!("hidden {hidden}, {scales:?}, {}, {tokens} x {batch}", config.name);
                    verify(program).unwrap_or_else(|refused| panic!("{at}: {refused}"));
                }
            }
        }
    }
}

#[test]
fn keys_and_values_that_do_not_fit_pass_through_in_pieces() {
    let encoder = encoder(256, 1, 256, Scales::Static);
    let plan = Plan::new(&encoder.shape, &N8, 512, 1).unwrap();
    assert!(plan.attention.keys < 512 && plan.attention.keys.is_multiple_of(DRAM_ALIGN), "{:?}", plan.attention);
}

/// What a memory's port would make wait otherwise: the weights behind the rows of a product, softmax behind the scores.
#[test]
fn what_is_used_together_lies_in_banks_of_its_own() {
    let encoder = encoder(768, 12, 3072, Scales::Static);
    for config in NAMED {
        let plan = Plan::new(&encoder.shape, config, 128, 1).unwrap();
        let spad = |word: u32| word / (config.spad_words / config.spad_banks);
        let acc = |word: u32| word / (config.acc_words / config.acc_banks);
        let last = |area: plan::Area, rows: u32| area.base + rows * area.stride - 1;
        let (row, attention) = (plan.row, plan.attention);
        assert!(spad(last(row.narrow[1], row.rows)) < spad(row.weights), "{row:?}");
        assert!(spad(last(attention.exponentials[1], attention.rows)) < spad(attention.key), "{attention:?}");
        for side in [0, 1] {
            assert!(
                acc(last(attention.scores[side], attention.rows)) < acc(attention.context[side].base),
                "{attention:?}"
            );
        }
        assert!(acc(last(attention.context[0], attention.rows)) < acc(attention.scores[1].base), "{attention:?}");
    }
}

#[test]
fn no_semaphore_is_superfluous() {
    let program = compile(&encoder(64, 2, 128, Scales::Dynamic), &N8, 40, 1).unwrap();
    let (mut waits, mut refused) = (0, 0);
    for index in 0..program.code.len() {
        let wait = u16::from_le_bytes([program.code[index][4], program.code[index][5]]);
        for semaphore in (0..16).filter(|s| wait >> s & 1 == 1) {
            let mut without = program.clone();
            without.code[index][4..6].copy_from_slice(&(wait & !(1 << semaphore)).to_le_bytes());
            waits += 1;
            refused += usize::from(verify(without).is_err());
        }
    }
    // Granules may cost an edge too many, but few.
    assert!(waits > 50 && refused * 10 >= waits * 9, "{refused} of {waits} dropped waits were noticed");
}

#[test]
fn what_cannot_be_compiled_is_said() {
    let small = encoder(64, 2, 128, Scales::Static);
    let error = |e: &Encoder, tokens, batch| compile(e, &N8, tokens, batch).unwrap_err().to_string();
    assert_eq!(error(&small, 0, 1), "cannot compile for 0 tokens: the model takes 1 to 512");
    assert_eq!(error(&small, 513, 1), "cannot compile for 513 tokens: the model takes 1 to 512");
    assert_eq!(error(&small, 1, 0), "cannot compile for a batch of 0 sequences: give at least 1");
    assert_eq!(
        error(&small, 512, 1 << 22),
        "512 tokens times batch 4194304 need more than 4 GiB of workspace: use a smaller batch"
    );
    assert_eq!(
        error(&encoder(8192, 8, 8192, Scales::Static), 1, 1),
        "the rows of a layer (hidden 8192, 1 tokens) do not fit configuration n8: use a larger one"
    );
}
