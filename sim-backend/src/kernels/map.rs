//! MAP: a row at a time through a buffer, one loop a stage, so that no loop tests what the instruction leaves out.

use super::Scratch;
use crate::chip::Chip;
use systole_isa::instruction::{Function, Map, Output, Stat};
use systole_isa::numerics::{Param, ROW_B_MASK, RowEntry, exp2, gelu, tanh};

pub(crate) fn run(op: &Map, chip: &mut Chip, scratch: &mut Scratch) {
    let (n, cols) = (chip.n(), usize::from(op.cols));
    let padded = cols.next_multiple_of(n);
    scratch.row.resize(cols, 0);
    let x = &mut scratch.row[..];
    for r in 0..usize::from(op.rows) {
        let at = |base: u16, stride: u16| (usize::from(base) + r * usize::from(stride)) * n;
        let src = at(op.src, op.src_stride);
        if op.src_spad {
            x.iter_mut().zip(&chip.spad[src..src + cols]).for_each(|(x, s)| *x = i32::from(*s));
        } else {
            x.copy_from_slice(&chip.acc[src..src + cols]);
        }
        if op.row_sub || op.row_scale {
            row_stage(x, chip.row[usize::from(op.row_in) + r], op.row_sub, op.row_scale);
        }
        if op.channel {
            let params = &chip.param[usize::from(op.param) * n..];
            if op.broadcast { broadcast_stage(x, params[0]) } else { channel_stage(x, &params[..cols]) }
        }
        if op.add {
            let aux = at(op.aux, op.src_stride);
            x.iter_mut().zip(&chip.acc[aux..aux + cols]).for_each(|(x, y)| *x = x.saturating_add(*y));
        }
        function_stage(x, op.function);
        output_stage(x, op.out_shift.into(), op.output.bits());
        let dst = at(op.dst, op.dst_stride);
        match op.output {
            Output::None => {}
            Output::Spad8 => {
                let (body, tail) = chip.spad[dst..dst + padded].split_at_mut(cols);
                body.iter_mut().zip(&*x).for_each(|(to, x)| *to = *x as i8);
                tail.fill(0);
            }
            Output::Acc16 | Output::Acc18 | Output::Acc32 => {
                let (body, tail) = chip.acc[dst..dst + padded].split_at_mut(cols);
                body.copy_from_slice(x);
                tail.fill(0);
            }
        }
        if op.stat != Stat::None {
            let entry = &mut chip.row[usize::from(op.row_out) + r];
            let old = if op.stat_init { None } else { Some(*entry) };
            *entry = statistic(x, op.stat, old);
        }
    }
}

fn each(x: &mut [i32], f: impl Fn(i32) -> i32) {
    x.iter_mut().for_each(|x| *x = f(*x));
}

const fn clamp32(x: i64) -> i32 {
    if x > i32::MAX as i64 {
        i32::MAX
    } else if x < i32::MIN as i64 {
        i32::MIN
    } else {
        x as i32
    }
}

/// `numerics::rshr` without its branch; `half` is half of `1 << shift`.
const fn round(x: i64, half: i64, shift: u32) -> i64 {
    (x + half) >> shift
}

/// Formed unsigned: a shift of 63 is legal, and `1i64 << 63` would be negative.
const fn half(shift: u32) -> i64 {
    ((1u64 << shift) >> 1) as i64
}

fn row_stage(x: &mut [i32], row: RowEntry, sub: bool, scale: bool) {
    let (a, mant, shift) = (i64::from(row.a), i64::from(row.mant()), row.shift());
    let h = half(shift);
    match (sub, scale) {
        (false, false) => {}
        (true, false) => each(x, |x| x.saturating_sub(row.a)),
        (false, true) => each(x, |x| clamp32(round(i64::from(x) * mant, h, shift))),
        (true, true) => each(x, |x| clamp32(round(((i64::from(x) << 8) - a) * mant, h, shift))),
    }
}

fn channel_stage(x: &mut [i32], params: &[Param]) {
    for (x, p) in x.iter_mut().zip(params) {
        let shift = u32::from(p.shift);
        let product = i64::from(*x) * i64::from(p.mult);
        *x = clamp32(round(product, half(shift), shift) + i64::from(p.bias));
    }
}

fn broadcast_stage(x: &mut [i32], p: Param) {
    let (mult, bias, shift) = (i64::from(p.mult), i64::from(p.bias), u32::from(p.shift));
    let h = half(shift);
    each(x, |x| clamp32(round(i64::from(x) * mult, h, shift) + bias));
}

fn function_stage(x: &mut [i32], function: Function) {
    match function {
        Function::None => {}
        Function::Relu => each(x, |x| x.max(0)),
        Function::Gelu => each(x, gelu),
        Function::Exp2 => each(x, exp2),
        Function::Tanh => each(x, tanh),
    }
}

/// Rounds and saturates. Half up is the shifted value plus the last bit shifted out, which needs no 64 bits.
fn output_stage(x: &mut [i32], shift: u32, bits: u32) {
    if shift > 0 {
        each(x, |x| (x >> shift) + ((x >> (shift - 1)) & 1));
    }
    if bits < 32 {
        let max = (1 << (bits - 1)) - 1;
        each(x, |x| x.clamp(-max - 1, max));
    }
}

/// The statistic of a row, continued from `old`.
fn statistic(x: &[i32], stat: Stat, old: Option<RowEntry>) -> RowEntry {
    let sum = || x.iter().fold(old.map_or(0, |o| o.a), |sum, x| sum.wrapping_add(*x));
    let largest = |values: &mut dyn FnMut(i32) -> i32| {
        let start = old.map_or(i32::MIN, |o| o.a);
        x.iter().fold(start, |max, x| max.max(values(*x)))
    };
    match stat {
        Stat::None => old.unwrap_or_default(),
        Stat::Max => RowEntry { a: largest(&mut |x| x), b: 0 },
        Stat::AbsMax => RowEntry { a: largest(&mut i32::saturating_abs), b: 0 },
        Stat::Sum => RowEntry { a: sum(), b: 0 },
        Stat::Moments => {
            let square = |x: &i32| (i64::from(*x) * i64::from(*x)) as u64;
            let start = old.map_or(0, |o| o.b);
            let squares = x.iter().fold(start, |sum, x| sum.wrapping_add(square(x)));
            RowEntry { a: sum(), b: squares & ROW_B_MASK }
        }
    }
}
