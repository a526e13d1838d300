//! How long verification takes: a double-buffered stream of GEMM tiles with the block sizes of a small encoder
//! (128 tokens, hidden size 384, weights in slices of 64 columns, `n16`).

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use systole_driver::{Program, RegionSpec, verify};
use systole_isa::config::N16;
use systole_isa::instruction::{End, Format, Function, Gemm, Load, Map, Memory, Output, Stat, Store};
use systole_isa::{ABI_HASH, Instruction, Op, REGIONS, Sync};

const TOKENS: u16 = 128;
const HIDDEN: u16 = 384;
const SLICE: u16 = 64;

/// Five instructions a tile.
fn stream(tiles: usize) -> Program {
    let region = |size, writable| RegionSpec { name: "bench".into(), size, writable, initialised: !writable };
    let mut regions: [RegionSpec; REGIONS] = Default::default();
    regions[0] = region(1 << 20, false);
    regions[1] = region(4 << 20, true);
    let mut code = Vec::new();
    let mut push = |op: Op, wait, post| code.push(Instruction { sync: Sync { tag: 0, wait, post }, op }.encode());
    let load = |dst, rows| Load {
        memory: Memory::Spad,
        format: Format::I8,
        region: 0,
        dst,
        dst_stride: HIDDEN / 16,
        offset: 0,
        pitch: HIDDEN.into(),
        rows,
        cols: HIDDEN,
    };
    push(load(0, TOKENS).into(), 0, 0);
    let param = Load { memory: Memory::Param, format: Format::Record, cols: 8 * SLICE, pitch: 0, ..load(0, 1) };
    push(param.into(), 0, 0);
    let words = HIDDEN / 16 * TOKENS;
    for tile in 0..tiles {
        let half = (tile % 2) as u16;
        let (b, c, out) = (words + half * 2048, half * 1024, words + 4096 + half * 1024);
        // Semaphores: 0 weights ready, 1 weights free, 2 sums ready, 3 sums free, 4 result ready, 5 result free.
        let again = |bit: u16| if tile < 2 { 0 } else { bit };
        push(load(b, SLICE).into(), again(1 << 1), 1 << 0);
        let gemm = Gemm {
            accumulate: false,
            transpose_b: true,
            a: 0,
            a_stride: HIDDEN / 16,
            b,
            b_stride: HIDDEN / 16,
            c,
            c_stride: SLICE / 16,
            m: TOKENS,
            k: HIDDEN,
            n: SLICE,
        };
        push(gemm.into(), 1 << 0 | again(1 << 3), 1 << 1 | 1 << 2);
        let map = Map {
            src_spad: false,
            row_sub: false,
            row_scale: false,
            channel: true,
            broadcast: false,
            add: false,
            stat_init: true,
            src: c,
            src_stride: SLICE / 16,
            dst: out,
            dst_stride: SLICE / 16,
            aux: 0,
            param: 0,
            rows: TOKENS,
            cols: SLICE,
            row_in: 0,
            row_out: 0,
            function: Function::None,
            stat: Stat::AbsMax,
            output: Output::Spad8,
            out_shift: 0,
        };
        push(map.into(), 1 << 2 | again(1 << 5), 1 << 3 | 1 << 4);
        let store = Store {
            memory: Memory::Spad,
            format: Format::I8,
            region: 1,
            src: out,
            src_stride: SLICE / 16,
            offset: (tile as u32 % 6) * u32::from(SLICE),
            pitch: HIDDEN.into(),
            rows: TOKENS,
            cols: SLICE,
        };
        push(store.into(), 1 << 4, 1 << 5);
    }
    push(End {}.into(), 0, 0);
    Program { config: &N16, abi_hash: ABI_HASH, tokens: 128, batch: 1, code, regions, tags: Vec::new() }
}

fn bench(c: &mut Criterion) {
    let mut group = c.benchmark_group("verify");
    group.sample_size(10);
    for tiles in [1250, 50_000] {
        let program = stream(tiles);
        group.throughput(Throughput::Elements(program.code.len() as u64));
        group.bench_function(format!("{} instructions", program.code.len()), |b| {
            b.iter_batched(
                || program.clone(),
                |p| verify(black_box(p)).expect("the program is sound"),
                BatchSize::LargeInput,
            )
        });
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
