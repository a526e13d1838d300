//! What the units of the RTL do in a cycle, with data on chip or behind the default memory, against stated bounds.
//!
//! `cargo test -p systole-tests --test rtl_throughput -- --ignored --nocapture`

use systole_bitgen::verilated::{Options, open};
use systole_isa::config::{N8, N16};
use systole_isa::instruction::{Format, Function, Gemm, Load, Map, Memory, Output, Stat, Store};
use systole_isa::{HwConfig, Op};
use systole_tests::timing::{SOURCE, Stopwatch, TARGET};

fn device(config: &'static HwConfig) -> Stopwatch {
    Stopwatch::new(open(config, &Options::default()).unwrap_or_else(|e| panic!("{e}")))
}

/// Prints and asserts how much of the cycles the work itself takes.
fn at_least(config: &HwConfig, what: &str, work: u32, cycles: u64, bound: f64) {
    let share = f64::from(work) / cycles as f64;
    let (percent, least, more) = (100.0 * share, 100.0 * bound, cycles - u64::from(work));
    println!("{}: {what}: {percent:.1} % (at least {least:.0} %): {work} cycles and {more} more", config.name);
    assert!(share >= bound, "{}: {what}: {share}", config.name);
}

/// The left operand in the lower three banks of SPAD, the right one in the last, the result in ACC.
fn gemm(config: &HwConfig, [m, k, n]: [u16; 3]) -> Gemm {
    let words = |x: u16| config.words(x.into()) as u16;
    let b = (config.spad_words / 4 * 3) as u16;
    let (a_stride, b_stride, c_stride) = (words(k), words(n), words(n));
    Gemm { accumulate: false, transpose_b: false, a: 0, a_stride, b, b_stride, c: 0, c_stride, m, k, n }
}

/// 128 x 768 x 768 in column blocks that fit the chip, back to back.
fn gemm_keeps_the_array_busy(config: &'static HwConfig) {
    const COLS: u16 = 32;
    let block: Op = gemm(config, [128, 768, COLS]).into();
    let cycles = device(config).cycles(&vec![block; usize::from(768 / COLS)]);
    at_least(config, "GEMM 128 x 768 x 768", 128 * 768 * 768 / (config.n * config.n), cycles, 0.97);
}

/// Twice the inner dimension costs exactly the additional tiles.
fn gemm_hides_the_reload(config: &'static HwConfig) {
    let mut device = device(config);
    let n = config.n as u16;
    for (rows, transpose_b) in [n, n + 1, 2 * n, 1, n / 2].into_iter().flat_map(|m| [(m, false), (m, true)]) {
        let mut cycles = |k: u16| {
            let product = gemm(config, [rows, k, 4 * n]);
            let b_stride = if transpose_b { k / n } else { product.b_stride };
            device.cycles(&[Gemm { transpose_b, b_stride, ..product }.into()])
        };
        let (short, long) = (cycles(8 * n), cycles(16 * n));
        let tile = (long - short) as f64 / (4.0 * 8.0);
        let more = short - 32 * u64::from(rows.max(n));
        println!("{}: GEMM of {rows} rows, transposed {transpose_b}: {tile} cycles a tile, {more} more", config.name);
        assert_eq!(tile, f64::from(rows.max(n)));
    }
}

/// The next instruction's weights are there when the last row of the one before is on its way.
fn gemm_follows_gemm(config: &'static HwConfig) {
    let mut device = device(config);
    let n = config.n as u16;
    for (accumulate, bound) in [(false, 1), (true, 4)] {
        let product: Op = Gemm { accumulate, ..gemm(config, [4 * n, 8 * n, n]) }.into();
        let (few, many) = (device.cycles(&[product; 4]), device.cycles(&[product; 12]));
        let gap = (many - few) as f64 / 8.0 - f64::from(8 * 4 * n);
        println!("{}: {gap} cycles between GEMMs, accumulate {accumulate}", config.name);
        assert!((0.0..=f64::from(bound)).contains(&gap));
    }
}

fn map_takes_a_word_a_cycle(config: &'static HwConfig) {
    let mut device = device(config);
    // A row with an addend and its sum have a bank of ACC each, others two for the source.
    let rows = 64;
    let words = |banks: u32| (banks * config.acc_words / 4 / 64) as u16;
    let acc = |bank: u32| (bank * config.acc_words / 4) as u16;
    let over = |words: u16| Map {
        src_spad: false,
        row_sub: true,
        row_scale: true,
        channel: true,
        broadcast: false,
        add: false,
        stat_init: false,
        src: 0,
        src_stride: words,
        dst: 0,
        dst_stride: words,
        aux: 0,
        param: 0,
        rows,
        cols: words * config.n as u16,
        row_in: 0,
        row_out: 0,
        function: Function::Gelu,
        stat: Stat::None,
        output: Output::Spad8,
        out_shift: 8,
    };
    let wide = over(words(2));
    let sum = Map { add: true, aux: acc(1), dst: acc(2), output: Output::Acc32, ..over(words(1)) };
    let moments =
        Map { dst: acc(2), stat: Stat::Moments, stat_init: true, row_out: 256, output: Output::Acc18, ..wide };
    let from_spad = Map { src_spad: true, src: (config.spad_words / 2) as u16, ..wide };
    for (what, pass) in [("to SPAD", wide), ("adding", sum), ("moments", moments), ("from SPAD", from_spad)] {
        let cycles = device.cycles(&[pass.into()]);
        at_least(config, &format!("MAP {what}"), u32::from(pass.rows * pass.src_stride), cycles, 0.95);
    }
}

/// Row bytes that are a multiple of the bus, in rows as the compiler's matrices have them.
fn load_and_store_use_the_bus(config: &'static HwConfig) {
    let mut device = device(config);
    let n = config.n as u16;
    let (rows, pitch) = (64u16, 1024u32);
    for (memory, format, bytes) in
        [(Memory::Spad, Format::I8, 1), (Memory::Acc, Format::I16, 2), (Memory::Acc, Format::I32, 4)]
    {
        let cols = pitch as u16 / bytes;
        let stride = cols / n;
        let beats = u32::from(rows) * pitch / config.bus_bytes;
        let load = Load { memory, format, region: SOURCE, dst: 0, dst_stride: stride, offset: 0, pitch, rows, cols };
        at_least(config, &format!("LOAD {}", format.name()), beats, device.cycles(&[load.into()]), 0.9);
        let store = Store { memory, format, region: TARGET, src: 0, src_stride: stride, offset: 0, pitch, rows, cols };
        at_least(config, &format!("STORE {}", format.name()), beats, device.cycles(&[store.into()]), 0.9);
    }
}

macro_rules! tests {
    ($($config:ident $module:ident: $($test:ident)+;)+) => {$(
        mod $module {
            $(
                #[test]
                #[ignore = "needs Verilator 5"]
                fn $test() {
                    super::$test(&super::$config);
                }
            )+
        }
    )+};
}

tests! {
    N8 n8: gemm_keeps_the_array_busy gemm_hides_the_reload gemm_follows_gemm map_takes_a_word_a_cycle load_and_store_use_the_bus;
    N16 n16: gemm_keeps_the_array_busy gemm_hides_the_reload gemm_follows_gemm map_takes_a_word_a_cycle load_and_store_use_the_bus;
}
