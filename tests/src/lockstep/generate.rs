//! Random operations, programs and memories, the same for one seed: shapes around the array's size, blocks near the ends
//! and bank boundaries of the memories, values at which something saturates, wraps, rounds or divides by nothing.

mod fill;
mod operation;

pub use fill::fill;
pub use operation::Kind;

use systole_isa::instruction::{Format, Function, Gemm, Map, Memory, Output, Row, RowKind, Stat};
use systole_isa::{HwConfig, Op};

use super::case::{Case, legal};
use super::synchronise;
use crate::random::Random;

/// Programs that together contain every kind of operation once, in random order.
pub fn every_kind(random: &mut Random, config: &'static HwConfig) -> Vec<Case> {
    /// As many as share a fill of the memories.
    const PROGRAM: usize = 12;
    let mut kinds = Kind::all();
    for last in (1..kinds.len()).rev() {
        kinds.swap(last, random.below(last + 1));
    }
    let case = |kinds: &[Kind]| {
        let ops: Vec<Op> = kinds.iter().map(|kind| kind.draw(random, config)).collect();
        case(random, config, &ops)
    };
    kinds.chunks(PROGRAM).map(case).collect()
}

/// A program of up to `length` operations, among them the chains that softmax and LayerNorm are.
pub fn program(random: &mut Random, config: &'static HwConfig, length: usize) -> Case {
    let kinds = Kind::all();
    let (transfers, maps): (Vec<Kind>, Vec<Kind>) = kinds.into_iter().partition(|k| !matches!(k, Kind::Map { .. }));
    let length = 1 + random.below(length);
    let mut ops = Vec::new();
    while ops.len() < length {
        match random.below(8) {
            0 => ops.extend(chain(random, config)),
            1..=4 => ops.push(transfers[random.below(transfers.len())].draw(random, config)),
            _ => ops.push(maps[random.below(maps.len())].draw(random, config)),
        }
    }
    ops.truncate(length);
    case(random, config, &ops)
}

fn case(random: &mut Random, config: &'static HwConfig, ops: &[Op]) -> Case {
    Case { code: synchronise(ops, config), state: fill(random, config) }
}

/// Scores, softmax and product; or sum, moments and LayerNorm: operations that use each other's results.
fn chain(random: &mut Random, config: &'static HwConfig) -> Vec<Op> {
    let (n, entry) = (config.n as usize, |random: &mut Random| 8 * random.below(32) as u16);
    let (rows, cols) = (1 + random.below(2 * n) as u16, 1 + random.below(4 * n) as u16);
    let words = config.words(cols.into()) as u16;
    let [source, addend, result, spad] = [0u16, 512, 1024, 1536].map(|first| first + random.below(64) as u16);
    let (first, second) = (entry(random), 256 + entry(random) / 2);
    let map = Map {
        src_spad: false,
        row_sub: false,
        row_scale: false,
        channel: false,
        broadcast: false,
        add: false,
        stat_init: true,
        src: source,
        src_stride: words,
        dst: result,
        dst_stride: words,
        aux: 0,
        param: 0,
        rows,
        cols,
        row_in: 0,
        row_out: first,
        function: Function::None,
        stat: Stat::Max,
        output: Output::Acc32,
        out_shift: 0,
    };
    let ops: Vec<Op> = if random.below(2) == 0 {
        let k = 1 + random.below(2 * n) as u16;
        let scores = Gemm {
            accumulate: false,
            transpose_b: true,
            a: spad,
            a_stride: config.words(k.into()) as u16,
            b: spad + 2048,
            b_stride: config.words(k.into()) as u16,
            c: source,
            c_stride: words,
            m: rows,
            k,
            n: cols,
        };
        let peak = Map { channel: true, broadcast: true, param: random.below(8) as u16, output: Output::Acc18, ..map };
        let power = Map {
            src: result,
            row_sub: true,
            row_in: first,
            row_out: second,
            function: Function::Exp2,
            stat: Stat::Sum,
            output: Output::Acc16,
            ..map
        };
        let num = 1 + random.below(65535) as u16;
        let frac = random.below(40) as i8;
        let recip = Row { kind: RowKind::Recip, frac, src: second, dst: second, rows, count: 0, num, eps: 0 };
        let scaled = Map {
            src: result,
            dst: spad + 4096,
            row_scale: true,
            row_in: second,
            row_out: 0,
            stat: Stat::None,
            stat_init: false,
            output: Output::Spad8,
            ..map
        };
        vec![scores.into(), peak.into(), power.into(), recip.into(), scaled.into()]
    } else {
        let sum = Map { add: true, aux: addend, stat: Stat::Moments, output: Output::Acc18, ..map };
        let eps = random.below(1 << 20) as u32;
        let rstd = Row { kind: RowKind::Rstd, frac: 0, src: first, dst: second, rows, count: cols, num: 0, eps };
        let normal = Map {
            src: result,
            row_sub: true,
            row_scale: true,
            row_in: second,
            row_out: 0,
            channel: true,
            param: random.below(64) as u16,
            stat: Stat::None,
            stat_init: false,
            output: if random.below(2) == 0 { Output::Acc16 } else { Output::Spad8 },
            ..map
        };
        let store = Kind::Store(Memory::Acc, Format::I16).draw(random, config);
        vec![sum.into(), rstd.into(), normal.into(), store]
    };
    ops.into_iter().filter(|op| legal(op, config)).collect()
}
