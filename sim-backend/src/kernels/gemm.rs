//! GEMM: both operands widened to 16 bits, then a register-blocked dot product.
//!
//! The baseline x86-64 has no 8-bit multiply, but multiplies eight pairs of 16 bits and adds neighbours in one
//! instruction. Widening costs M*K + K*N steps against M*K*N products, and makes both layouts of the right operand the
//! same problem: rows along K.

use super::Scratch;
use crate::chip::Chip;
use systole_isa::instruction::Gemm;

/// Rows and columns of the result that one pass over K computes.
const TILE_M: usize = 2;
const TILE_N: usize = 4;
/// Packed rows are padded with zeros to this many elements, so that the inner loop has no tail.
const STEP: usize = 8;

pub(crate) fn run(op: &Gemm, chip: &mut Chip, scratch: &mut Scratch) {
    let lanes = chip.n();
    let (m, k, n) = (usize::from(op.m), usize::from(op.k), usize::from(op.n));
    let kp = k.next_multiple_of(STEP);
    let row = |base: u16, stride: u16, r: usize| (usize::from(base) + r * usize::from(stride)) * lanes;

    // Buffers only ever grow; `pack_*` overwrites what it uses, padding included.
    let a = grown(&mut scratch.a, m.next_multiple_of(TILE_M) * kp);
    let b = grown(&mut scratch.b, TILE_N * kp);
    for (r, packed) in a.chunks_exact_mut(kp).enumerate() {
        let start = row(op.a, op.a_stride, r);
        pack_row(packed, if r < m { &chip.spad[start..start + k] } else { &[] });
    }
    for j in (0..n).step_by(TILE_N) {
        let width = TILE_N.min(n - j);
        if op.transpose_b {
            for (t, packed) in b.chunks_exact_mut(kp).enumerate() {
                let start = row(op.b, op.b_stride, j + t);
                pack_row(packed, if t < width { &chip.spad[start..start + k] } else { &[] });
            }
        } else {
            pack_columns(b, kp, width, (0..k).map(|i| &chip.spad[row(op.b, op.b_stride, i) + j..][..width]));
        }
        for (tile, rows) in a.chunks_exact(TILE_M * kp).enumerate() {
            let products = dot_tile(rows, b, kp);
            for (t, sums) in products.iter().enumerate().take(m - tile * TILE_M) {
                let start = row(op.c, op.c_stride, tile * TILE_M + t) + j;
                let c = &mut chip.acc[start..start + width];
                if op.accumulate {
                    c.iter_mut().zip(sums).for_each(|(c, s)| *c = c.wrapping_add(*s));
                } else {
                    c.copy_from_slice(&sums[..width]);
                }
            }
        }
    }
    let tail = n.next_multiple_of(lanes) - n;
    for r in 0..m {
        let end = row(op.c, op.c_stride, r) + n;
        chip.acc[end..end + tail].fill(0);
    }
}

fn grown(buffer: &mut Vec<i16>, len: usize) -> &mut [i16] {
    if buffer.len() < len {
        buffer.resize(len, 0);
    }
    &mut buffer[..len]
}

fn pack_row(packed: &mut [i16], row: &[i8]) {
    let (body, padding) = packed.split_at_mut(row.len());
    body.iter_mut().zip(row).for_each(|(to, from)| *to = i16::from(*from));
    padding.fill(0);
}

/// Packs `width` columns, given as rows along K.
fn pack_columns<'a>(packed: &mut [i16], kp: usize, width: usize, rows: impl Iterator<Item = &'a [i8]>) {
    packed.fill(0);
    for (i, row) in rows.enumerate() {
        for (t, x) in row.iter().enumerate().take(width) {
            packed[t * kp + i] = i16::from(*x);
        }
    }
}

/// Products of `TILE_M` packed rows with `TILE_N` packed columns.
fn dot_tile(a: &[i16], b: &[i16], kp: usize) -> [[i32; TILE_N]; TILE_M] {
    let (a0, a1) = a.split_at(kp);
    let (b01, b23) = b.split_at(2 * kp);
    let ((b0, b1), (b2, b3)) = (b01.split_at(kp), b23.split_at(kp));
    let (a1, b0, b1, b2, b3) = (&a1[..kp], &b0[..kp], &b1[..kp], &b2[..kp], &b3[..kp]);
    let mut s = [[0i32; TILE_N]; TILE_M];
    for i in 0..kp {
        let (x0, x1) = (i32::from(a0[i]), i32::from(a1[i]));
        let y = [i32::from(b0[i]), i32::from(b1[i]), i32::from(b2[i]), i32::from(b3[i])];
        for t in 0..TILE_N {
            s[0][t] = s[0][t].wrapping_add(x0 * y[t]);
            s[1][t] = s[1][t].wrapping_add(x1 * y[t]);
        }
    }
    s
}
