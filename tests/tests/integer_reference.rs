//! A whole model on the naive reference, instruction by instruction in program order, against the simulator.

use systole_driver::verify;
use systole_isa::HwConfig;
use systole_isa::config::NAMED;
use systole_isa::numerics::{rshr, saturate};
use systole_isa::ring::{REGION_WRITE, Region};
use systole_runtime::checkpoint::{Checkpoint, Encoding};
use systole_runtime::compile::{CONSTANTS, INPUT, OUTPUT, compile, residual_pitch};
use systole_runtime::quantize::{Embedding, QuantizedModel, Scales};
use systole_runtime::{RunOptions, Session};
use systole_sim::{Chip, Memory, Regions, Simulator, reference};
use systole_tests::models;
use systole_tests::random::{Random, encoding, texts};

/// The three tables' sum for each token, rows `pitch` elements apart.
fn sums(tables: &Embedding, encoding: &Encoding, pitch: usize) -> Vec<i16> {
    let mut rows = vec![0; encoding.ids.len() * pitch];
    for (position, (&id, &kind)) in encoding.ids.iter().zip(&encoding.type_ids).enumerate() {
        for column in 0..tables.hidden {
            let at = |row: usize| row * tables.hidden + column;
            let scale = i64::from(tables.word_scale[id as usize]);
            // The multiplier has 8 fractional bits.
            let word = rshr(i64::from(tables.word[at(id as usize)]) * scale, 8);
            let rest = i64::from(tables.position[at(position)]) + i64::from(tables.token_type[at(kind as usize)]);
            rows[position * pitch + column] = saturate(word + rest, 16) as i16;
        }
    }
    rows
}

/// The last hidden states of one sequence, computed by [`reference::execute`] alone.
fn naive(model: &QuantizedModel, config: &'static HwConfig, encoding: &Encoding) -> Vec<i16> {
    let (tokens, hidden) = (encoding.ids.len(), model.embedding.hidden);
    let program = verify(compile(&model.encoder, config, tokens as u32, 1).unwrap()).unwrap();
    let (mut chip, mut memory, mut regions) = (Chip::new(config), Memory::default(), Regions::default());
    // What was not written must not matter.
    chip.spad_mut().fill(0x55);
    chip.acc_mut().fill(0x5555_5555);
    for (region, spec) in regions.0.iter_mut().zip(&program.regions).filter(|(_, spec)| spec.size > 0) {
        let base = memory.allocate(spec.size.into()).unwrap();
        *region = Region { base, size: spec.size, flags: if spec.writable { REGION_WRITE } else { 0 } };
    }
    let base = |region: u8| regions.0[usize::from(region)].base;
    let pitch = residual_pitch(&model.encoder.shape) as usize / 2;
    let rows = sums(&model.embedding, encoding, pitch);
    memory.copy_to(base(CONSTANTS), &model.image).unwrap();
    memory.copy_to(base(INPUT), &rows.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>()).unwrap();
    for instruction in program.instructions() {
        reference::execute(&instruction.unwrap(), &mut chip, &mut memory, &regions).unwrap();
    }
    let mut bytes = vec![0; rows.len() * 2];
    memory.copy_from(base(OUTPUT), &mut bytes).unwrap();
    let values: Vec<i16> = bytes.chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect();
    values.chunks(pitch).flat_map(|row| &row[..hidden]).copied().collect()
}

#[test]
fn the_tiny_model_is_that_of_the_naive_reference() {
    let checkpoint = Checkpoint::open(&models::tiny()).unwrap();
    for scales in [Scales::Static, Scales::Dynamic] {
        let model = QuantizedModel::quantize(&checkpoint, &texts(), scales).unwrap();
        let mut random = Random(40);
        for config in NAMED {
            let encodings: Vec<Encoding> =
                [1, 2, 9, 32, 40].into_iter().map(|tokens| encoding(&mut random, 64, tokens)).collect();
            let mut session = Session::new(model.clone(), Box::new(Simulator::new(config))).unwrap();
            let fast = session.hidden_integers(&encodings, &RunOptions::default()).unwrap();
            for (encoding, fast) in encodings.iter().zip(&fast) {
                let slow = naive(&model, config, encoding);
                let differ = slow.iter().zip(fast).filter(|(a, b)| a != b).count();
                assert_eq!((slow.len(), differ), (fast.len(), 0), "{} {scales:?} {}", config.name, encoding.ids.len());
            }
        }
    }
}

/// The comparison must be able to fail: one wrong weight of the last layer is seen.
#[test]
fn one_wrong_weight_is_seen() {
    let checkpoint = Checkpoint::open(&models::tiny()).unwrap();
    let model = QuantizedModel::quantize(&checkpoint, &texts(), Scales::Static).unwrap();
    let mut wrong = model.clone();
    let mut image = wrong.image.to_vec();
    let at = model.encoder.layout.layers[1].down_weight.offset as usize;
    image[at] = image[at].wrapping_add(0x40);
    wrong.image = image.into();
    let encoding = encoding(&mut Random(41), 64, 8);
    let config = NAMED[0];
    assert_ne!(naive(&model, config, &encoding), naive(&wrong, config, &encoding));
}
