//! The exact integer semantics, one short scalar function for each step.
//!
//! These functions *are* the definition; `docs/numerics.md` says it in words with the source and the measured error of
//! each choice. Kernels and RTL may compute the same values in any other way. Fixed point `Qf` means that the integer
//! stands for `value * 2^f`. All results are exact and independent of the order of evaluation, hence of the array size,
//! the tiling and the batch.

use crate::instruction::{Function, RowKind, Stat};
use crate::tables::{EXP2, GELU_DIP, SEGMENTS, TANH};

/// Right shift by `shift` (0..=63) that rounds half up, towards plus infinity. `|x|` stays below 2^62.
pub const fn rshr(x: i64, shift: u32) -> i64 {
    if shift == 0 { x } else { (x + (1 << (shift - 1))) >> shift }
}

/// Saturates to a signed integer of `bits` (2..=32) bits.
pub const fn saturate(x: i64, bits: u32) -> i32 {
    let max = (1i64 << (bits - 1)) - 1;
    let min = -max - 1;
    (if x > max {
        max
    } else if x < min {
        min
    } else {
        x
    }) as i32
}

/// A PARAM record: what the channel stage does to one column. Eight bytes in memory: bias (i32), multiplier (i16),
/// shift (u8, low six bits count), zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Param {
    /// Added after the multiplication, in the unit of the product.
    pub bias: i32,
    /// Mantissa.
    pub mult: i16,
    /// Rounding right shift of the product, 0..=63.
    pub shift: u8,
}

impl Param {
    /// The record as it lies in DRAM.
    pub const fn to_bytes(self) -> [u8; 8] {
        let b = self.bias.to_le_bytes();
        let m = self.mult.to_le_bytes();
        [b[0], b[1], b[2], b[3], m[0], m[1], self.shift, 0]
    }

    /// Reads a record; the upper two bits of the shift and the last byte are ignored.
    pub const fn from_bytes(r: [u8; 8]) -> Self {
        Self {
            bias: i32::from_le_bytes([r[0], r[1], r[2], r[3]]),
            mult: i16::from_le_bytes([r[4], r[5]]),
            shift: r[6] & 63,
        }
    }

    /// The channel stage: `saturate32(rshr(x * mult, shift) + bias)`.
    pub const fn apply(self, x: i32) -> i32 {
        saturate(rshr(x as i64 * self.mult as i64, self.shift as u32) + self.bias as i64, 32)
    }
}

/// One ROW entry, 80 bits. As a statistic: `a` is the maximum or the sum, `b` the sum of squares. As a scale: `a` is what
/// the row stage subtracts, `b` holds the mantissa in bits 0..16 and the shift in bits 16..22.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RowEntry {
    /// 32-bit half.
    pub a: i32,
    /// 48-bit half.
    pub b: u64,
}

/// Width of [`RowEntry::b`].
pub const ROW_B_MASK: u64 = (1 << 48) - 1;

impl RowEntry {
    /// A scale entry. `shift` is 0..=63.
    pub const fn scale(a: i32, mant: u16, shift: u8) -> Self {
        Self { a, b: (shift as u64) << 16 | mant as u64 }
    }

    /// Mantissa of a scale.
    pub const fn mant(self) -> u16 {
        self.b as u16
    }

    /// Shift of a scale, 0..=63.
    pub const fn shift(self) -> u32 {
        (self.b >> 16) as u32 & 63
    }

    /// The statistic after one more output value. `first` starts afresh.
    pub fn gather(self, stat: Stat, value: i32, first: bool) -> Self {
        let old = if first { None } else { Some(self) };
        let sum = |v: i32| old.map_or(0, |o| o.a).wrapping_add(v);
        match stat {
            Stat::None => self,
            Stat::Max => Self { a: old.map_or(value, |o| o.a.max(value)), b: 0 },
            Stat::AbsMax => {
                let magnitude = value.saturating_abs();
                Self { a: old.map_or(magnitude, |o| o.a.max(magnitude)), b: 0 }
            }
            Stat::Sum => Self { a: sum(value), b: 0 },
            Stat::Moments => {
                let square = (i64::from(value) * i64::from(value)) as u64;
                Self { a: sum(value), b: (old.map_or(0, |o| o.b) + square) & ROW_B_MASK }
            }
        }
    }
}

/// The row stage. With `sub` alone `x - a`; with `scale` alone `rshr(x * mant, shift)`; with both
/// `rshr((x * 256 - a) * mant, shift)`, where `a` is the mean in Q8. Saturates to 32 bits.
pub const fn row_stage(x: i32, row: RowEntry, sub: bool, scale: bool) -> i32 {
    let x = x as i64;
    let (a, mant) = (row.a as i64, row.mant() as i64);
    saturate(
        match (sub, scale) {
            (false, false) => x,
            (true, false) => x - a,
            (false, true) => rshr(x * mant, row.shift()),
            (true, true) => rshr(((x << 8) - a) * mant, row.shift()),
        },
        32,
    )
}

/// The add stage. Saturates to 32 bits.
pub const fn add_stage(x: i32, y: i32) -> i32 {
    x.saturating_add(y)
}

/// The output stage: `saturate(rshr(x, shift), bits)` with `shift` 0..=31 and the [`crate::instruction::Output`]'s bits.
/// It also applies without an output, where the statistic sees what it yields.
pub const fn output_stage(x: i32, shift: u32, bits: u32) -> i32 {
    saturate(rshr(x as i64, shift), bits)
}

/// Linear interpolation in a table of 257 points: `index` 0..256, `fraction` of `bits` bits.
const fn interpolate(table: &[u16; SEGMENTS + 1], index: u32, fraction: u32, bits: u32) -> i64 {
    let (low, high) = (table[index as usize] as i64, table[index as usize + 1] as i64);
    low + rshr((high - low) * fraction as i64, bits)
}

/// 2^x for `x <= 0` in Q12, as an integer where 127 * 256 is 1.0. Positive inputs count as 0.
pub const fn exp2(x: i32) -> i32 {
    let t = if x > 0 { 0 } else { -(x as i64) };
    let (octave, f) = (t >> 12, (t & 4095) as u32);
    if octave >= 16 { 0 } else { rshr(interpolate(&EXP2, f >> 4, f & 15, 4), octave as u32) as i32 }
}

/// GELU, Q12 to Q12: `max(x, 0)` less a dip that is even in x and vanishes beyond 8.
pub const fn gelu(x: i32) -> i32 {
    let magnitude = x.unsigned_abs();
    let dip =
        if magnitude >= 8 << 12 { 0 } else { rshr(interpolate(&GELU_DIP, magnitude >> 7, magnitude & 127, 7), 4) };
    (if x > 0 { x } else { 0 }) - dip as i32
}

/// tanh, Q12 to Q12: odd, 1.0 beyond 8.
pub const fn tanh(x: i32) -> i32 {
    let magnitude = x.unsigned_abs();
    let y = if magnitude >= 8 << 12 {
        1 << 12
    } else {
        rshr(interpolate(&TANH, magnitude >> 7, magnitude & 127, 7), 3) as i32
    };
    if x < 0 { -y } else { y }
}

/// The function stage.
pub const fn function(f: Function, x: i32) -> i32 {
    match f {
        Function::None => x,
        Function::Relu => {
            if x > 0 {
                x
            } else {
                0
            }
        }
        Function::Gelu => gelu(x),
        Function::Exp2 => exp2(x),
        Function::Tanh => tanh(x),
    }
}

/// `q * 2^-e` as a mantissa of 16 bits (rounded half up from 17 truncated bits) and a shift. A shift below 0 gives the
/// largest scale, one above 63 gives zero; `q == 0` gives zero.
const fn normalize(q: u64, e: i32) -> (u16, u8) {
    if q == 0 {
        return (0, 0);
    }
    let len = 64 - q.leading_zeros();
    let seventeen = if len >= 17 { q >> (len - 17) } else { q << (17 - len) };
    let rounded = (seventeen + 1) >> 1;
    let carry = rounded == 1 << 16;
    let shift = e - len as i32 + 16 - carry as i32;
    if shift < 0 {
        (u16::MAX, 0)
    } else if shift > 63 {
        (0, 0)
    } else {
        (if carry { 1 << 15 } else { rounded as u16 }, shift as u8)
    }
}

/// Bits of a positive number.
const fn bit_length(x: u64) -> u32 {
    64 - x.leading_zeros()
}

/// `num * 2^frac / a` for `a > 0`, else zero: the quotient of both operands normalized, `floor(num' * 2^32 / a')` with
/// `num'` of 16 and `a'` of 31 bits.
pub const fn recip(a: i32, num: u16, frac: i8) -> RowEntry {
    if a <= 0 || num == 0 {
        return RowEntry { a: 0, b: 0 };
    }
    let (la, p) = (bit_length(a as u64), bit_length(num as u64));
    let q = ((num as u64) << (16 - p) << 32) / ((a as u64) << (31 - la));
    let (mant, shift) = normalize(q, 17 - p as i32 + la as i32 - frac as i32);
    RowEntry::scale(0, mant, shift)
}

/// `a * 2^frac` for `a > 0`, else zero.
pub const fn scale(a: i32, frac: i8) -> RowEntry {
    let (mant, shift) = normalize(if a > 0 { a as u64 } else { 0 }, -(frac as i32));
    RowEntry::scale(0, mant, shift)
}

/// Floor of the square root, bit by bit.
pub const fn isqrt(x: u64) -> u32 {
    let (mut root, mut bit) = (0u64, 1u64 << 31);
    while bit != 0 {
        let trial = root | bit;
        if trial * trial <= x {
            root = trial;
        }
        bit >>= 1;
    }
    root as u32
}

/// Mean in Q8 and `count * 2^(frac - 8) / sqrt(count^2 variance + eps)` of a row of `count` values: with the row stage's
/// `x * 256 - mean` it yields `2^frac` standard deviations. A row without variance gets scale zero.
pub const fn rstd(row: RowEntry, count: u16, eps: u32, frac: i8) -> RowEntry {
    let n = count as i64;
    let mean = (row.a as i64 * 256 + n / 2).div_euclid(n);
    // Moments of 18-bit values over at most 4096 columns keep this below 2^59; others wrap, the same everywhere.
    let squares = (n as u64).wrapping_mul(row.b & ROW_B_MASK);
    let d = squares.wrapping_sub((row.a as i64).unsigned_abs().wrapping_mul((row.a as i64).unsigned_abs()));
    let d = d.wrapping_add(eps as u64);
    let mean = saturate(mean, 32);
    if d == 0 {
        return RowEntry::scale(mean, 0, 0);
    }
    let half_zeros = d.leading_zeros() / 2;
    let root = isqrt(d << (2 * half_zeros)) as u64;
    let p = bit_length(count as u64);
    let q = ((count as u64) << (16 - p) << 33) / root;
    let (mant, shift) = normalize(q, 57 - p as i32 - half_zeros as i32 - frac as i32);
    RowEntry::scale(mean, mant, shift)
}

/// The ROW operation on one entry.
pub const fn convert_row(kind: RowKind, row: RowEntry, frac: i8, count: u16, num: u16, eps: u32) -> RowEntry {
    match kind {
        RowKind::Recip => recip(row.a, num, frac),
        RowKind::Scale => scale(row.a, frac),
        RowKind::Rstd => rstd(row, count, eps, frac),
    }
}
