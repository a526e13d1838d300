//! Kernels through [`systole_sim::execute`], checks included, on one core: GEMM in MAC/s, MAP in elements/s.
//!
//! Shapes are those of MiniLM (hidden 384, FFN 1536, 12 heads of 32) with 32 tokens on n32.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use systole_isa::config::N32;
use systole_isa::instruction::{Function, Gemm, Map, Output, Stat, Sync};
use systole_isa::numerics::{Param, RowEntry};
use systole_isa::{Instruction, Op};
use systole_sim::{Chip, Memory, Regions, Scratch};

/// A chip with values everywhere.
fn chip() -> Chip {
    let mut chip = Chip::new(&N32);
    chip.spad_mut().iter_mut().enumerate().for_each(|(i, x)| *x = (i * 37 % 255) as i8);
    chip.acc_mut().iter_mut().enumerate().for_each(|(i, x)| *x = (i as i32).wrapping_mul(7919) % 40_000);
    chip.param_mut().fill(Param { bias: 3, mult: 21_000, shift: 16 });
    chip.row_mut().fill(RowEntry::scale(100, 40_000, 16));
    chip
}

fn bench_op(c: &mut Criterion, group: &str, name: &str, elements: u64, op: impl Into<Op>) {
    let instruction = Instruction { sync: Sync::default(), op: op.into() };
    let (mut chip, mut memory, regions, mut scratch) =
        (chip(), Memory::default(), Regions::default(), Scratch::default());
    let mut group = c.benchmark_group(group);
    group.throughput(Throughput::Elements(elements));
    group.bench_function(BenchmarkId::from_parameter(name), |b| {
        b.iter(|| {
            systole_sim::execute(black_box(&instruction), &mut chip, &mut memory, &regions, &mut scratch)
                .expect("the bench's instruction is legal");
        });
    });
    group.finish();
}

fn gemm(c: &mut Criterion) {
    let shapes = [
        ("32x384x1536 transposed", 32, 384, 1536, true),
        ("32x384x256 transposed", 32, 384, 256, true),
        ("32x1536x64 transposed", 32, 1536, 64, true),
        ("32x32x32 transposed (scores)", 32, 32, 32, true),
        ("32x32x32 (context)", 32, 32, 32, false),
        ("128x128x32 (context)", 128, 128, 32, false),
        ("1x384x384 transposed", 1, 384, 384, true),
    ];
    for (name, m, k, n, transpose_b) in shapes {
        let words = |cols: u16| N32.words(cols.into()) as u16;
        let b_rows = if transpose_b { n } else { k };
        let b_words = words(if transpose_b { k } else { n });
        // The widest operand is larger than SPAD; its rows overlap a little, which costs the same.
        let b_stride = if u32::from(b_rows) * u32::from(b_words) < N32.spad_words { b_words } else { 10 };
        let op = Gemm {
            accumulate: false,
            transpose_b,
            a: 0,
            a_stride: words(k),
            b: 0,
            b_stride,
            c: 0,
            c_stride: words(n),
            m,
            k,
            n,
        };
        bench_op(c, "gemm", name, u64::from(m) * u64::from(k) * u64::from(n), op);
    }
}

fn map(c: &mut Criterion) {
    let plain = Map {
        src_spad: false,
        row_sub: false,
        row_scale: false,
        channel: false,
        broadcast: false,
        add: false,
        stat_init: false,
        src: 0,
        src_stride: 12,
        dst: 0,
        dst_stride: 12,
        aux: 0,
        param: 0,
        rows: 32,
        cols: 384,
        row_in: 0,
        row_out: 0,
        function: Function::None,
        stat: Stat::None,
        output: Output::Spad8,
        out_shift: 0,
    };
    let scored = Map { stat_init: true, row_out: 64, ..plain };
    let to_acc = Map { dst: 1024, ..plain };
    let passes = [
        ("requantize", Map { channel: true, ..plain }),
        ("gelu", Map { channel: true, function: Function::Gelu, out_shift: 6, ..plain }),
        ("row maximum", Map { output: Output::None, dst_stride: 0, stat: Stat::Max, ..scored }),
        (
            "exponential and sum",
            Map {
                row_sub: true,
                function: Function::Exp2,
                stat: Stat::Sum,
                output: Output::Acc16,
                dst: 1024,
                ..scored
            },
        ),
        ("row scale", Map { row_scale: true, ..plain }),
        (
            "residual add with moments",
            Map { channel: true, add: true, aux: 512, stat: Stat::Moments, output: Output::Acc18, dst: 1024, ..scored },
        ),
        ("normalise", Map { row_sub: true, row_scale: true, channel: true, output: Output::Acc16, ..to_acc }),
    ];
    for (name, op) in passes {
        bench_op(c, "map", name, 32 * 384, op);
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(std::time::Duration::from_millis(300))
        .measurement_time(std::time::Duration::from_millis(1000)).sample_size(20);
    targets = gemm, map
}
criterion_main!(benches);
