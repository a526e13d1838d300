//! Kernels against the scalar reference: whole memories, after every instruction, in every configuration.

mod support;

use proptest::prelude::*;
use support::{Fill, Random, agree, assert_same, dram, filled, instruction, plain_map};
use systole_isa::access::Space;
use systole_isa::config::NAMED;
use systole_isa::instruction::{Format, Function, Gemm, Load, Map, Memory as Place, Output, Row, RowKind, Stat, Store};
use systole_isa::numerics::{Param, RowEntry};
use systole_isa::{Cause, HwConfig, rules};
use systole_sim::{Chip, Regions, Scratch};

fn config() -> impl Strategy<Value = &'static HwConfig> {
    prop::sample::select(&NAMED[..])
}

fn fill() -> impl Strategy<Value = Fill> {
    prop_oneof![5 => Just(Fill::Mixed), 1 => prop::sample::select(&Fill::ALL[..])]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn gemm_agrees(
        config in config(), fill in fill(), seed: u64, accumulate: bool, transpose_b: bool,
        (m, k, n) in (1u16..20, 1u16..150, 1u16..80), gaps in [0u16..3, 0..3, 0..3],
    ) {
        let words = |cols: u16| config.words(cols.into()) as u16;
        let (b_rows, b_cols) = if transpose_b { (n, k) } else { (k, n) };
        let (a_stride, b_stride, c_stride) = (words(k) + gaps[0], words(b_cols) + gaps[1], words(n) + gaps[2]);
        let gemm = Gemm {
            accumulate, transpose_b, a: 5, a_stride, b: 5 + m * a_stride, b_stride, c: 3, c_stride, m, k, n,
        };
        prop_assume!(u32::from(gemm.b) + u32::from(b_rows) * u32::from(b_stride) < config.spad_words);
        let (memory, regions) = dram(seed, 32);
        prop_assert_eq!(agree(gemm, &filled(config, fill, seed), &memory, &regions), Ok(()));
    }

    #[test]
    fn gemm_agrees_with_shared_and_repeated_operands(
        config in config(), seed: u64, a_stride in 0u16..4, b_stride in 0u16..4, transpose_b: bool,
    ) {
        let gemm = Gemm {
            accumulate: true, transpose_b, a: 1, a_stride, b: 2, b_stride, c: 0, c_stride: 5, m: 9, k: 35, n: 33,
        };
        let (memory, regions) = dram(seed, 32);
        prop_assert_eq!(agree(gemm, &filled(config, Fill::Mixed, seed), &memory, &regions), Ok(()));
    }

    #[test]
    fn load_agrees(
        config in config(), seed: u64, rows in 1u16..12, cols in 1u16..90, gap in 0u16..3,
        offset in 0u32..4, pitch in 0u32..12, kind in 0usize..4, region in 0u8..2,
    ) {
        let (memory, format) = [
            (Place::Spad, Format::I8), (Place::Acc, Format::I16), (Place::Acc, Format::I32), (Place::Param, Format::Record),
        ][kind];
        let dst_stride = config.words(cols.into()) as u16 + gap;
        let load = Load {
            memory, format, region, dst: 7, dst_stride, offset: offset * 32, pitch: pitch * 32, rows, cols,
        };
        let (memory, regions) = dram(seed, 5120);
        prop_assert_eq!(agree(load, &filled(config, Fill::Mixed, seed), &memory, &regions), Ok(()));
    }

    #[test]
    fn store_agrees(
        config in config(), fill in fill(), seed: u64, rows in 1u16..12, cols in 1u16..90, src_stride in 0u16..14,
        offset in 0u32..4, gap in 0u32..2, kind in 0usize..3,
    ) {
        let (memory, format) = [(Place::Spad, Format::I8), (Place::Acc, Format::I16), (Place::Acc, Format::I32)][kind];
        let pitch = (u32::from(cols) * format.bytes()).next_multiple_of(32) + gap * 32;
        let store = Store { memory, format, region: 0, src: 7, src_stride, offset: offset * 32, pitch, rows, cols };
        let (memory, regions) = dram(seed, 5120);
        prop_assert_eq!(agree(store, &filled(config, fill, seed), &memory, &regions), Ok(()));
    }

    #[test]
    fn accesses_outside_their_region_stop_alike(
        config in config(), write: bool, rows in 1u16..9, cols in 1u16..70, offset in 0u32..80, pitch in 0u32..20,
        region in 0u8..4, bad_base: bool,
    ) {
        let (memory, mut regions) = dram(1, 1024);
        if bad_base {
            regions.0[0].base = u64::MAX - 1023;
        }
        regions.0[2].base = 32 * 5 + 16;
        let (offset, pitch) = (offset * 32, pitch * 32);
        let chip = filled(config, Fill::Mixed, 1);
        let stride = config.words(cols.into()) as u16;
        let (spad, i8) = (Place::Spad, Format::I8);
        // Either outcome will do, as long as both sides agree on it.
        let _ = if write {
            prop_assume!(rows == 1 || pitch >= u32::from(cols));
            let op = Store { memory: spad, format: i8, region, src: 0, src_stride: stride, offset, pitch, rows, cols };
            agree(op, &chip, &memory, &regions)
        } else {
            let op = Load { memory: spad, format: i8, region, dst: 0, dst_stride: stride, offset, pitch, rows, cols };
            agree(op, &chip, &memory, &regions)
        };
    }

    #[test]
    fn row_agrees(
        config in config(), fill in fill(), seed: u64, rows in 1u16..100, in_place: bool, kind in 0usize..3,
        frac: i8, count in 1u16..=4096, num in 1u16.., eps: u32,
    ) {
        let kind = RowKind::ALL[kind];
        let rstd = kind == RowKind::Rstd;
        let row = Row {
            kind, frac, src: 11, dst: if in_place { 11 } else { 200 }, rows, count: if rstd { count } else { 0 },
            num: if kind == RowKind::Recip { num } else { 0 }, eps: if rstd { eps } else { 0 },
        };
        let (memory, regions) = dram(seed, 32);
        prop_assert_eq!(agree(row, &filled(config, fill, seed), &memory, &regions), Ok(()));
    }
}

/// Every legal combination of MAP's stages.
fn every_map() -> Vec<Map> {
    let mut maps = Vec::new();
    for bits in 0..1u32 << 7 {
        let bit = |b: u32| bits >> b & 1 == 1;
        for function in Function::ALL {
            for stat in Stat::ALL {
                for output in Output::ALL {
                    let map = Map {
                        src_spad: bit(0),
                        row_sub: bit(1),
                        row_scale: bit(2),
                        channel: bit(3),
                        broadcast: bit(4),
                        add: bit(5),
                        stat_init: bit(6),
                        function: *function,
                        stat: *stat,
                        output: *output,
                        ..plain_map()
                    };
                    if rules::check(&instruction(map)).is_ok() {
                        maps.push(map);
                    }
                }
            }
        }
    }
    maps
}

/// Gives a combination a random shape and places, in place where that is legal and chance wills.
fn place(mut map: Map, config: &HwConfig, random: &mut Random) -> Map {
    map.rows = 1 + random.below(6) as u16;
    map.cols = 1 + random.below(3 * config.n) as u16;
    map.out_shift = if random.below(2) == 0 { 0 } else { random.below(32) as u8 };
    let words = config.words(map.cols.into()) as u16;
    map.src = random.below(50) as u16;
    map.src_stride = if random.below(4) == 0 { random.below(3) as u16 } else { words + random.below(3) as u16 };
    let to_spad = map.output == Output::Spad8;
    if map.output != Output::None {
        let in_place = to_spad == map.src_spad && (map.src_stride >= words || map.rows == 1) && random.below(2) == 0;
        (map.dst, map.dst_stride) =
            if in_place { (map.src, map.src_stride) } else { (1000, words + random.below(3) as u16) };
    }
    if map.add {
        map.aux = if random.below(4) == 0 { map.src } else { 500 };
    }
    if map.channel {
        map.param = random.below(20) as u16;
    }
    if map.row_sub || map.row_scale {
        map.row_in = 20 + random.below(20) as u16;
    }
    if map.stat != Stat::None {
        map.row_out = 100 + random.below(20) as u16;
    }
    map
}

#[test]
fn every_combination_of_map_stages_agrees() {
    let maps = every_map();
    assert!(maps.len() > 1500, "{} combinations", maps.len());
    let (memory, regions) = dram(0, 32);
    for (c, config) in NAMED.into_iter().enumerate() {
        let chips = Fill::ALL.map(|fill| filled(config, fill, 77 + c as u64));
        let mut random = Random(5 + c as u64);
        for (i, map) in maps.iter().enumerate() {
            // Mostly mixed values; every fourth combination takes one of the extremes.
            let chip = &chips[if i % 4 == 3 { 1 + (i / 4) % 3 } else { 0 }];
            assert_eq!(agree(place(*map, config, &mut random), chip, &memory, &regions), Ok(()));
        }
    }
}

#[test]
fn softmax_of_a_one_hot_row_and_layer_norm_of_a_constant_row_agree() {
    let (memory, regions) = dram(0, 32);
    for config in NAMED {
        let mut chip = Chip::new(config);
        let n = config.n as usize;
        // Row 0: one large score among very small ones. Row 1: constant. Row 2: zeros.
        chip.acc_mut()[..2 * n].fill(i32::MIN);
        chip.acc_mut()[3] = i32::MAX;
        chip.acc_mut()[2 * n..4 * n].fill(-7);
        chip.param_mut()[0] = Param { bias: 0, mult: 1, shift: 0 };
        let block = Map { src_stride: 2, dst_stride: 2, rows: 3, cols: 2 * n as u16, ..plain_map() };
        let count = block.cols;
        let steps: [systole_isa::Op; 7] = [
            Map { output: Output::None, dst_stride: 0, stat: Stat::Max, stat_init: true, ..block }.into(),
            Map { row_sub: true, function: Function::Exp2, stat: Stat::Sum, stat_init: true, row_out: 3, ..block }
                .into(),
            Row { kind: RowKind::Recip, frac: 0, src: 3, dst: 3, rows: 3, count: 0, num: 127, eps: 0 }.into(),
            Map { row_scale: true, row_in: 3, output: Output::Spad8, ..block }.into(),
            Map { dst: 32, output: Output::Acc18, stat: Stat::Moments, stat_init: true, ..block }.into(),
            Row { kind: RowKind::Rstd, frac: 12, src: 0, dst: 0, rows: 3, count, num: 0, eps: 0 }.into(),
            Map { src: 32, dst: 32, row_sub: true, row_scale: true, output: Output::Acc16, ..block }.into(),
        ];
        let mut memory_after = memory.clone();
        for op in steps {
            agree(op, &chip, &memory, &regions).unwrap();
            systole_sim::execute(&instruction(op), &mut chip, &mut memory_after, &regions, &mut Scratch::default())
                .unwrap();
        }
        assert_eq!((chip.spad()[3], chip.spad()[4]), (127, 0), "one-hot probability");
        assert_eq!(chip.acc()[34 * n], 0, "a row without variance normalises to zero");
    }
}

#[test]
fn gemm_of_extremes_wraps_only_beyond_32_bits() {
    let config = NAMED[1];
    let mut chip = filled(config, Fill::Lowest, 1);
    let gemm = Gemm {
        accumulate: true,
        transpose_b: true,
        a: 0,
        a_stride: 256,
        b: 0,
        b_stride: 256,
        c: 0,
        c_stride: 1,
        m: 3,
        k: 4096,
        n: 5,
    };
    let (mut memory, regions) = dram(0, 32);
    agree(gemm, &chip, &memory, &regions).unwrap();
    systole_sim::execute(&instruction(gemm), &mut chip, &mut memory, &regions, &mut Scratch::default()).unwrap();
    assert_eq!(chip.acc()[0], i32::MIN + 4096 * 128 * 128);
    assert_eq!(chip.acc()[5..16], [0; 11], "lanes behind the last column are zero");
}

#[test]
fn the_comparator_finds_a_flipped_bit_in_every_memory() {
    let chip = filled(NAMED[0], Fill::Mixed, 3);
    let check = |space, word, lane, flip: &dyn Fn(&mut Chip)| {
        let mut other = chip.clone();
        flip(&mut other);
        let found = chip.difference(&other).expect("a difference");
        assert_eq!((found.space, found.word, found.lane), (space, word, lane));
        for other_space in Space::ALL {
            assert_eq!(chip.digest_all(other_space) == other.digest_all(other_space), other_space != space);
        }
    };
    check(Space::Spad, 16383, 7, &|c| c.spad_mut()[16383 * 8 + 7] ^= 1);
    check(Space::Acc, 0, 0, &|c| c.acc_mut()[0] ^= i32::MIN);
    check(Space::Param, 3, 2, &|c| c.param_mut()[26].shift ^= 32);
    check(Space::Row, 511, 0, &|c| c.row_mut()[511].b ^= 1 << 47);
    assert_eq!(chip.difference(&chip.clone()), None);
}

#[test]
#[should_panic(expected = "chip memory differs")]
fn comparing_fails_on_a_flipped_bit_on_chip() {
    let (memory, _) = dram(0, 64);
    let mut other = Chip::new(NAMED[0]);
    other.acc_mut()[77] = 1 << 30;
    assert_same(&(Chip::new(NAMED[0]), memory.clone()), &(other, memory), &instruction(plain_map()));
}

#[test]
#[should_panic(expected = "device memory differs")]
fn comparing_fails_on_a_flipped_bit_in_device_memory() {
    let ((memory, regions), chip) = (dram(0, 64), Chip::new(NAMED[0]));
    let mut other = memory.clone();
    let mut last = [0];
    other.copy_from(regions.0[1].base + 63, &mut last).unwrap();
    other.copy_to(regions.0[1].base + 63, &[last[0] ^ 0x80]).unwrap();
    assert_same(&(chip.clone(), memory), &(chip, other), &instruction(plain_map()));
}

#[test]
fn the_first_byte_outside_is_reported() {
    let (memory, regions) = dram(0, 96);
    let chip = Chip::new(NAMED[0]);
    let load = Load {
        memory: Place::Spad,
        format: Format::I8,
        region: 1,
        dst: 0,
        dst_stride: 2,
        offset: 32,
        pitch: 32,
        rows: 3,
        cols: 10,
    };
    let stop = agree(load, &chip, &memory, &regions).unwrap_err();
    assert_eq!((stop.cause, stop.address), (Cause::RegionBounds, 96));
    let stop = agree(Load { offset: 64, rows: 1, cols: 33, ..load }, &chip, &memory, &regions).unwrap_err();
    assert_eq!((stop.cause, stop.address), (Cause::RegionBounds, 96));
    let stop = agree(Load { offset: u32::MAX - 31, rows: 2, ..load }, &chip, &memory, &regions).unwrap_err();
    assert_eq!((stop.cause, stop.address), (Cause::RegionBounds, u64::from(u32::MAX - 31)));
    let exact = Load { rows: 2, cols: 32, dst_stride: 4, ..load };
    assert_eq!(agree(exact, &chip, &memory, &regions), Ok(()));
    let stop = agree(Load { region: 5, ..load }, &chip, &memory, &Regions::default()).unwrap_err();
    assert_eq!((stop.cause, stop.address), (Cause::RegionBounds, 32));
}

#[test]
fn row_statistics_continue_across_instructions() {
    let (memory, regions) = dram(0, 32);
    let mut chip = filled(NAMED[2], Fill::Mixed, 9);
    chip.row_mut()[0] = RowEntry { a: -3, b: (1 << 48) - 1 };
    for stat in [Stat::Max, Stat::AbsMax, Stat::Sum, Stat::Moments] {
        for stat_init in [false, true] {
            let map = Map { stat, stat_init, output: Output::Acc18, dst: 900, cols: 40, dst_stride: 2, ..plain_map() };
            assert_eq!(agree(map, &chip, &memory, &regions), Ok(()));
        }
    }
}
