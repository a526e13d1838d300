//! GEMM: both operands widened to 16 bits, then dot products of rows along K.
//!
//! The baseline x86-64 has no 8-bit multiply, but multiplies eight pairs of 16 bits and adds neighbours in one
//! instruction. Widening costs M*K + K*N steps against M*K*N products, and makes both layouts of the right operand the
//! same problem.

use super::Scratch;
use crate::chip::Chip;
use systole_isa::instruction::Gemm;

/// Columns of the result computed from one visit to a row of the left operand.
const PANEL: usize = 4;
/// Elements of a packed block; rows are padded with zeros to whole blocks. Of 16, 32 and 64 the compiler makes by far
/// the best of 32: four multiply-adds without a shuffle (34 against 18 GMAC/s from the first-level cache, and 8 for
/// a tile of 2 x 4 running sums over a slice).
const BLOCK: usize = 32;
/// `BLOCK` elements along K.
pub(super) type Packed = [i16; BLOCK];

pub(crate) fn run(op: &Gemm, chip: &mut Chip, scratch: &mut Scratch) {
    let lanes = chip.n();
    let (m, k, n) = (usize::from(op.m), usize::from(op.k), usize::from(op.n));
    let blocks = k.div_ceil(BLOCK);
    let row = |base: u16, stride: u16, r: usize| (usize::from(base) + r * usize::from(stride)) * lanes;

    // Buffers only ever grow; packing overwrites what it uses, padding included.
    let a = grown(&mut scratch.a, m * blocks);
    let b = grown(&mut scratch.b, PANEL * blocks);
    for (r, packed) in a.chunks_exact_mut(blocks).enumerate() {
        let start = row(op.a, op.a_stride, r);
        pack_row(packed, &chip.spad[start..start + k]);
    }
    for j in (0..n).step_by(PANEL) {
        let width = PANEL.min(n - j);
        if op.transpose_b {
            for (t, packed) in b.chunks_exact_mut(blocks).enumerate().take(width) {
                let start = row(op.b, op.b_stride, j + t);
                pack_row(packed, &chip.spad[start..start + k]);
            }
        } else {
            pack_columns(b, (0..k).map(|i| &chip.spad[row(op.b, op.b_stride, i) + j..][..width]));
        }
        for (r, left) in a.chunks_exact(blocks).enumerate() {
            let start = row(op.c, op.c_stride, r) + j;
            for (c, right) in chip.acc[start..start + width].iter_mut().zip(b.chunks_exact(blocks)) {
                let product = dot(left, right);
                *c = if op.accumulate { c.wrapping_add(product) } else { product };
            }
        }
    }
    let tail = n.next_multiple_of(lanes) - n;
    for r in 0..m {
        let end = row(op.c, op.c_stride, r) + n;
        chip.acc[end..end + tail].fill(0);
    }
}

fn grown(buffer: &mut Vec<Packed>, blocks: usize) -> &mut [Packed] {
    if buffer.len() < blocks {
        buffer.resize(blocks, [0; BLOCK]);
    }
    &mut buffer[..blocks]
}

fn pack_row(packed: &mut [Packed], row: &[i8]) {
    let (body, padding) = packed.as_flattened_mut().split_at_mut(row.len());
    body.iter_mut().zip(row).for_each(|(to, from)| *to = i16::from(*from));
    padding.fill(0);
}

/// Packs up to `PANEL` columns, given as rows along K.
fn pack_columns<'a>(packed: &mut [Packed], rows: impl Iterator<Item = &'a [i8]>) {
    let blocks = packed.len() / PANEL;
    packed.fill([0; BLOCK]);
    let packed = packed.as_flattened_mut();
    for (i, row) in rows.enumerate() {
        for (t, x) in row.iter().enumerate() {
            packed[t * blocks * BLOCK + i] = i16::from(*x);
        }
    }
}

fn dot(a: &[Packed], b: &[Packed]) -> i32 {
    let block = |a: &Packed, b: &Packed| {
        a.iter().zip(b).fold(0i32, |sum, (x, y)| sum.wrapping_add(i32::from(*x) * i32::from(*y)))
    };
    a.iter().zip(b).fold(0i32, |sum, (a, b)| sum.wrapping_add(block(a, b)))
}
