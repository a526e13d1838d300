//! GEMM and VECTOR in Verilator against the scalar reference: random instructions over random memories, every bit of
//! every memory compared.
//!
//! `cargo test -p systole-bitgen --test units -- --ignored --nocapture`

mod verilator;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use std::cell::{Cell, RefCell};
use std::process::Command;
use systole_isa::instruction::*;
use systole_isa::numerics::{Param, RowEntry};
use systole_isa::{HwConfig, access, config};
use systole_sim::{Chip, Memory as Dram, Regions, reference};
use verilator::{Bench, Blocks};

/// Cheap random numbers for whole memories (SplitMix64).
fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Memories full of numbers of every magnitude, extremes included.
fn random_chip(config: &'static HwConfig, seed: u64) -> Chip {
    let mut state = seed;
    let mut chip = Chip::new(config);
    chip.spad_mut().iter_mut().for_each(|x| *x = splitmix(&mut state) as i8);
    chip.acc_mut().iter_mut().for_each(|x| {
        let r = splitmix(&mut state);
        *x = match r % 16 {
            0 => i32::MIN,
            1 => i32::MAX,
            s => (r as i32) >> (s + (r >> 60)).min(31),
        };
    });
    chip.param_mut().iter_mut().for_each(|p| {
        let r = splitmix(&mut state);
        let bias = (r as i32) >> (r >> 59);
        *p = Param { bias, mult: (r >> 32) as i16, shift: ((r >> 48) & 63) as u8 };
        if r >> 62 == 0 {
            p.shift = (p.shift & 7) + 10;
        }
    });
    chip.row_mut().iter_mut().for_each(|e| {
        let r = splitmix(&mut state);
        let a = (r as i32) >> (r >> 59);
        *e = RowEntry { a, b: splitmix(&mut state) >> (16 + (r >> 58 & 31)) };
    });
    chip
}

fn compare(
    bench: &mut Bench,
    instructions: &[Instruction],
    config: &'static HwConfig,
    seed: u64,
) -> Result<u32, TestCaseError> {
    let mut expected = random_chip(config, seed);
    bench.put(&expected);
    let mut dram = Dram::default();
    let mut queued = [Vec::new(), Vec::new()];
    for i in instructions {
        reference::execute(i, &mut expected, &mut dram, &Regions::default())
            .map_err(|stop| TestCaseError::reject(stop.to_string()))?;
        queued[usize::from(i.op.unit() == Unit::Vector)].push(i.encode());
    }
    let cycles = bench.run(&queued[0], &queued[1]);
    prop_assert_ne!(cycles, u32::MAX, "{:?} does not end", instructions);
    let got = bench.get(config);
    let difference = got.difference(&expected);
    prop_assert!(difference.is_none(), "seed {seed}: {:?}: {}", difference, show(instructions, &got, &expected));
    Ok(cycles)
}

fn show(instructions: &[Instruction], got: &Chip, expected: &Chip) -> String {
    let mut text = instructions.iter().map(|i| format!("[{i}] ")).collect::<String>();
    if let Some(at) = got.difference(expected) {
        let n = got.config().n;
        let i = (at.word * n + at.lane) as usize;
        text += &match at.space {
            access::Space::Spad => format!("got {} for {}", got.spad()[i], expected.spad()[i]),
            access::Space::Acc => format!("got {} for {}", got.acc()[i], expected.acc()[i]),
            access::Space::Param => format!("got {:?} for {:?}", got.param()[i], expected.param()[i]),
            access::Space::Row => {
                let w = at.word as usize;
                format!("got {:x?} for {:x?}", got.row()[w], expected.row()[w])
            }
        };
    }
    text
}

fn any_of<T: Copy + std::fmt::Debug>(all: &'static [T]) -> impl Strategy<Value = T> {
    proptest::sample::select(all)
}

prop_compose! {
    fn gemm(lanes: u16)(accumulate: bool, transpose_b: bool, at in [0u16..8192, 8192u16..16000, 0u16..2000],
              m in 1u16..70, k in 1u16..80, n in 1u16..60, gap in [0u16..3, 0u16..3, 0u16..3]) -> Op {
        let w = |x: u16| x.div_ceil(lanes);
        let (bw, cw) = (if transpose_b { w(k) } else { w(n) }, w(n));
        Gemm { accumulate, transpose_b, a: at[0], a_stride: w(k) + gap[0], b: at[1], b_stride: bw + gap[1], c: at[2],
               c_stride: cw + gap[2], m, k, n }.into()
    }
}

prop_compose! {
    fn map(lanes: u16)(f: [bool; 7], at in [0u16..3000, 0u16..3000, 0u16..3000], param in 0u16..400, rows in 1u16..40, cols in 1u16..90,
             row in [0u16..400, 0u16..400], function in any_of(Function::ALL), stat in any_of(Stat::ALL),
             output in any_of(Output::ALL), out_shift in 0u8..32, gap in [0u16..3, 0u16..3], in_place: bool) -> Op {
        let [src_spad, row_sub, row_scale, channel, broadcast, add, stat_init] = f;
        let words = cols.div_ceil(lanes);
        let stat = if output == Output::None && matches!(stat, Stat::None | Stat::Moments) { Stat::Max } else { stat };
        let stat = if stat == Stat::Moments && output.bits() > 18 { Stat::Sum } else { stat };
        let zero = |x: u16, used: bool| if used { x } else { 0 };
        let has_output = output != Output::None;
        let dst = if in_place { at[0] } else { at[1] };
        let src_stride = words + gap[0];
        let dst_stride = if in_place { src_stride } else { words + gap[1] };
        Map { src_spad, row_sub, row_scale, channel, broadcast: broadcast && channel, add: add && !src_spad,
              stat_init: stat_init && stat != Stat::None, src: at[0], src_stride, dst: zero(dst, has_output),
              dst_stride: zero(dst_stride, has_output), aux: zero(at[2], add && !src_spad),
              param: zero(param, channel), rows, cols, row_in: zero(row[0], row_sub || row_scale),
              row_out: zero(row[1], stat != Stat::None), function, stat, output, out_shift }.into()
    }
}

prop_compose! {
    fn row()(kind in any_of(RowKind::ALL), frac: i8, src in 0u16..500, dst in 0u16..500, rows in 1u16..12, same: bool,
             count in 1u16..=4096, num in 1u16.., eps: u32) -> Op {
        let rstd = kind == RowKind::Rstd;
        Row { kind, frac, src, dst: if same { src } else { dst }, rows, count: if rstd { count } else { 0 },
              num: if kind == RowKind::Recip { num } else { 0 }, eps: if rstd { eps } else { 0 } }.into()
    }
}

/// Runs `cases` random tests with a fixed seed, and shrinks what fails.
fn check<S: Strategy<Value = Vec<Op>>>(
    bench: &mut Bench,
    config: &'static HwConfig,
    cases: u32,
    name: &str,
    operations: S,
) {
    let settings = Config {
        cases,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(7),
        max_shrink_iters: 200,
        max_global_rejects: 100_000,
        ..Config::default()
    };
    let (bench, cycles) = (RefCell::new(bench), Cell::new(0));
    let result = TestRunner::new(settings).run(&(operations, any::<u64>()), |(operations, seed)| {
        let instructions: Vec<_> = operations.into_iter().map(Instruction::new).collect();
        if instructions.iter().any(|i| access::check(i, config).is_err()) {
            return Err(TestCaseError::reject("refused"));
        }
        let spent = compare(&mut bench.borrow_mut(), &instructions, config, seed)?;
        cycles.set(cycles.get() + u64::from(spent));
        Ok(())
    });
    if let Err(e) = result {
        panic!("{}: {name}: {e}", config.name);
    }
    println!("{}: {name}: {cases} cases, {} cycles, equal in every bit", config.name, cycles.get());
}

/// Small products one behind the other on the same few words of ACC, where reading too early would show.
fn chain(lanes: u16) -> impl Strategy<Value = Vec<Op>> {
    let product = (gemm(lanes), 1u16..12, 1u16..30, 0u16..4).prop_map(|(op, m, k, c)| match op {
        Op::Gemm(g) => Gemm { m, k, a_stride: g.a_stride.max(4), b_stride: g.b_stride.max(8), c, ..g }.into(),
        other => other,
    });
    proptest::collection::vec(product, 2..8)
}

/// Moves a GEMM and a MAP apart, but into the same banks, so that they meet at the memories' ports.
fn apart(mut ops: (Op, Op)) -> Vec<Op> {
    if let (Op::Gemm(g), Op::Map(m)) = (&mut ops.0, &mut ops.1) {
        (g.a, g.b, g.c) = (3960 + g.a % 64, 6000 + g.b % 2000, g.c % 64);
        m.src = 900 + m.src % 1500;
        m.aux = if m.add { 900 + m.aux % 1500 } else { 0 };
        m.dst = if m.output == Output::None { 0 } else { 900 + m.dst % 1500 };
    }
    vec![ops.0, ops.1]
}

#[test]
#[ignore = "needs Verilator 5"]
fn units_of_n8_equal_the_reference() {
    let mut bench = Bench::start("systole_core", "units", &config::N8);
    check(&mut bench, &config::N8, 400, "gemm", gemm(8).prop_map(|g| vec![g]));
    check(&mut bench, &config::N8, 400, "gemm behind gemm", chain(8));
    check(&mut bench, &config::N8, 1000, "map", map(8).prop_map(|m| vec![m]));
    check(&mut bench, &config::N8, 400, "row", row().prop_map(|r| vec![r]));
    check(&mut bench, &config::N8, 300, "gemm beside map", (gemm(8), map(8)).prop_map(apart));
}

/// The only primitive that a board replaces: the multiplier with the registers inside it.
#[test]
#[ignore = "needs Verilator 5"]
fn units_of_n8_on_multipliers_of_ecp5_equal_the_reference() {
    let mut bench = Bench::start_with("systole_core", "units", &config::N8, Blocks::Ecp5);
    check(&mut bench, &config::N8, 100, "gemm", gemm(8).prop_map(|g| vec![g]));
    check(&mut bench, &config::N8, 100, "gemm behind gemm", chain(8));
    check(&mut bench, &config::N8, 300, "map", map(8).prop_map(|m| vec![m]));
}

#[test]
#[ignore = "needs Verilator 5"]
fn units_of_n16_equal_the_reference() {
    let mut bench = Bench::start("systole_core", "units", &config::N16);
    check(&mut bench, &config::N16, 100, "gemm", gemm(16).prop_map(|g| vec![g]));
    check(&mut bench, &config::N16, 100, "gemm behind gemm", chain(16));
    check(&mut bench, &config::N16, 100, "map", map(16).prop_map(|m| vec![m]));
    check(&mut bench, &config::N16, 60, "gemm beside map", (gemm(16), map(16)).prop_map(apart));
}

#[test]
#[ignore = "needs Verilator 5; takes minutes"]
fn units_of_n32_equal_the_reference() {
    let mut bench = Bench::start("systole_core", "units", &config::N32);
    check(&mut bench, &config::N32, 60, "gemm", gemm(32).prop_map(|g| vec![g]));
    check(&mut bench, &config::N32, 60, "gemm behind gemm", chain(32));
    check(&mut bench, &config::N32, 60, "map", map(32).prop_map(|m| vec![m]));
}

#[test]
#[ignore = "needs Verilator 5"]
fn both_versions_of_the_multiplier_are_exact_for_all_operands() {
    let bench = verilator::build("mult_pair", "mult_pair", &config::N8);
    let output = Command::new(&bench).output().expect("the bench starts");
    let text = String::from_utf8_lossy(&output.stdout);
    let cycles = text.trim().strip_prefix("0 ").unwrap_or_else(|| panic!("a product is wrong: {text:?}"));
    assert!(cycles.parse::<u32>().expect("a number") > 1 << 24, "one triple a cycle");
    println!("prim_mult_pair: all 2^24 triples of operands, both versions exact");
}

/// The comparison itself must be able to fail.
#[test]
#[ignore = "needs Verilator 5"]
fn one_wrong_bit_is_noticed() {
    let mut bench = Bench::start("systole_core", "units", &config::N8);
    for space in access::Space::ALL {
        let chip = random_chip(&config::N8, 3);
        bench.put(&chip);
        let mut wrong = chip.clone();
        match space {
            access::Space::Spad => wrong.spad_mut()[77] ^= 1,
            access::Space::Acc => wrong.acc_mut()[77] ^= 1 << 30,
            access::Space::Param => wrong.param_mut()[77].mult ^= 1,
            access::Space::Row => wrong.row_mut()[77].b ^= 1 << 47,
        }
        let got = bench.get(&config::N8);
        assert!(got.difference(&chip).is_none());
        assert_eq!(got.difference(&wrong).map(|d| d.space), Some(space));
    }
}
