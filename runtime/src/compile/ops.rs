//! Short forms of the operations, in the compiler's terms.

use systole_isa::instruction::{Format, Function, Gemm, Load, Map, Memory, Output, Row, RowKind, Stat, Store};

use super::plan::Area;

/// DRAM region of the weights and records.
pub const CONSTANTS: u8 = 0;
/// DRAM region of the embedding sums.
pub const INPUT: u8 = 1;
/// DRAM region of the last hidden states.
pub const OUTPUT: u8 = 2;
/// DRAM region of everything between.
pub const WORKSPACE: u8 = 3;

/// A matrix in DRAM.
#[derive(Clone, Copy, Debug)]
pub struct Dram {
    /// Region index.
    pub region: u8,
    /// Byte offset of the first row.
    pub offset: u32,
    /// Bytes from row to row.
    pub pitch: u32,
}

impl Dram {
    /// The matrix from row `row` and byte column `bytes` on.
    pub fn at(self, row: u32, bytes: u32) -> Self {
        Self { offset: self.offset + row * self.pitch + bytes, ..self }
    }
}

/// Word addresses and extents fit 16 bits in every named configuration; the plan has checked them.
fn word(x: u32) -> u16 {
    debug_assert!(x <= u32::from(u16::MAX));
    x as u16
}

/// DRAM to chip.
pub fn load(memory: Memory, format: Format, from: Dram, to: Area, rows: u32, cols: u32) -> Load {
    Load {
        memory,
        format,
        region: from.region,
        dst: word(to.base),
        dst_stride: word(to.stride),
        offset: from.offset,
        pitch: from.pitch,
        rows: word(rows),
        cols: word(cols),
    }
}

/// Chip to DRAM.
pub fn store(memory: Memory, format: Format, from: Area, to: Dram, rows: u32, cols: u32) -> Store {
    Store {
        memory,
        format,
        region: to.region,
        src: word(from.base),
        src_stride: word(from.stride),
        offset: to.offset,
        pitch: to.pitch,
        rows: word(rows),
        cols: word(cols),
    }
}

/// `c[m, n] (+)= a[m, k] b`, with `b` as `[n, k]` when transposed.
#[derive(Clone, Copy, Debug)]
pub struct Product {
    /// Left operand.
    pub a: Area,
    /// Right operand.
    pub b: Area,
    /// Result.
    pub c: Area,
    /// M, K, N.
    pub size: [u32; 3],
    /// Add to the result.
    pub accumulate: bool,
    /// `b` is stored `[n, k]`.
    pub transpose_b: bool,
}

impl From<Product> for systole_isa::Op {
    fn from(p: Product) -> Self {
        let [m, k, n] = p.size.map(word);
        let (a, b, c) = (p.a, p.b, p.c);
        Gemm {
            accumulate: p.accumulate,
            transpose_b: p.transpose_b,
            a: word(a.base),
            a_stride: word(a.stride),
            b: word(b.base),
            b_stride: word(b.stride),
            c: word(c.base),
            c_stride: word(c.stride),
            m,
            k,
            n,
        }
        .into()
    }
}

/// Builds a MAP stage by stage, in the order in which the lanes apply them.
#[derive(Clone, Copy, Debug)]
pub struct Pass(Map);

impl Pass {
    /// Reads `rows` x `cols` from ACC; without more stages it only copies.
    pub fn over(src: Area, rows: u32, cols: u32) -> Self {
        Self(Map {
            src_spad: false,
            row_sub: false,
            row_scale: false,
            channel: false,
            broadcast: false,
            add: false,
            stat_init: false,
            src: word(src.base),
            src_stride: word(src.stride),
            dst: 0,
            dst_stride: 0,
            aux: 0,
            param: 0,
            rows: word(rows),
            cols: word(cols),
            row_in: 0,
            row_out: 0,
            function: Function::None,
            stat: Stat::None,
            output: Output::None,
            out_shift: 0,
        })
    }

    /// Row stage: subtract what the entries from `entry` on hold.
    pub fn minus_row(mut self, entry: u32) -> Self {
        (self.0.row_sub, self.0.row_in) = (true, word(entry));
        self
    }

    /// Row stage: multiply by the entries' scales.
    pub fn scaled_by_row(mut self, entry: u32) -> Self {
        (self.0.row_scale, self.0.row_in) = (true, word(entry));
        self
    }

    /// Row stage: subtract the mean and divide by the standard deviation.
    pub fn normalised(self, entry: u32) -> Self {
        self.minus_row(entry).scaled_by_row(entry)
    }

    /// Channel stage with a record a column.
    pub fn channel(mut self, param: u32) -> Self {
        (self.0.channel, self.0.param) = (true, word(param));
        self
    }

    /// Channel stage with one record for all columns.
    pub fn broadcast(mut self, param: u32) -> Self {
        self.0.broadcast = true;
        self.channel(param)
    }

    /// Adds a block of ACC that has the source's stride.
    pub fn plus(mut self, aux: Area) -> Self {
        debug_assert_eq!(word(aux.stride), self.0.src_stride);
        (self.0.add, self.0.aux) = (true, word(aux.base));
        self
    }

    /// Function stage.
    pub fn function(mut self, function: Function) -> Self {
        self.0.function = function;
        self
    }

    /// Gathers a statistic; `first` starts it.
    pub fn stat(mut self, stat: Stat, entry: u32, first: bool) -> Self {
        (self.0.stat, self.0.row_out, self.0.stat_init) = (stat, word(entry), first);
        self
    }

    /// Output, after a rounding shift.
    pub fn to(mut self, output: Output, dst: Area, out_shift: u8) -> Self {
        (self.0.output, self.0.dst, self.0.dst_stride) = (output, word(dst.base), word(dst.stride));
        self.0.out_shift = out_shift;
        self
    }
}

impl From<Pass> for systole_isa::Op {
    fn from(pass: Pass) -> Self {
        pass.0.into()
    }
}

/// Sums of softmax to reciprocals, with 16 fractional bits.
pub fn reciprocals(entry: u32, rows: u32) -> Row {
    convert(RowKind::Recip, entry, entry, rows, 1, SOFTMAX_FRAC)
}

/// Row maxima to quantizers onto `levels`.
pub fn quantizers(entry: u32, rows: u32, levels: u16) -> Row {
    convert(RowKind::Recip, entry, entry, rows, levels, 0)
}

/// Row maxima to scales, times `2^-shift`.
pub fn scales(src: u32, dst: u32, rows: u32, shift: u32) -> Row {
    convert(RowKind::Scale, src, dst, rows, 0, -(shift as i8))
}

/// Moments over `count` columns to LayerNorm's mean and scale, with 16 fractional bits.
pub fn norm_scales(entry: u32, rows: u32, count: u32, eps: u32) -> Row {
    Row { count: word(count), eps, ..convert(RowKind::Rstd, entry, entry, rows, 0, NORM_FRAC) }
}

/// Fractional bits of the context after the division by softmax's sum.
pub const SOFTMAX_FRAC: i8 = 16;
/// Fractional bits of a normalised value.
pub const NORM_FRAC: i8 = 16;

fn convert(kind: RowKind, src: u32, dst: u32, rows: u32, num: u16, frac: i8) -> Row {
    Row { kind, frac, src: word(src), dst: word(dst), rows: word(rows), count: 0, num, eps: 0 }
}
