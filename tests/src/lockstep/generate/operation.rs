//! One random operation of a given kind.

use std::fmt;

use systole_isa::access::Space;
use systole_isa::instruction::{Format, Function, Gemm, Load, Map, Memory, Output, Row, RowKind, Stat, Store};
use systole_isa::{DRAM_ALIGN, HwConfig, Op};

use crate::lockstep::REGION_SIZE;
use crate::lockstep::case::legal;
use crate::random::Random;
use systole_conformance::host::OUTPUT;

/// Where MAP reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// ACC.
    Acc,
    /// SPAD.
    Spad,
    /// Two blocks of ACC, added.
    Sum,
}

/// What distinguishes data paths; the rest of an operation's fields is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// LOAD to a memory from a format.
    Load(Memory, Format),
    /// GEMM.
    Gemm {
        /// It adds to ACC.
        accumulate: bool,
        /// Its right operand is stored as rows of K.
        transpose_b: bool,
    },
    /// MAP.
    Map {
        /// The function stage.
        function: Function,
        /// The source and the addend.
        source: Source,
        /// The output.
        output: Output,
    },
    /// ROW.
    Row(RowKind),
    /// STORE from a memory to a format.
    Store(Memory, Format),
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Load(..) => write!(f, "load"),
            Self::Gemm { .. } => write!(f, "gemm"),
            Self::Map { function, .. } => write!(f, "map {function}"),
            Self::Row(kind) => write!(f, "row {kind}"),
            Self::Store(..) => write!(f, "store"),
        }
    }
}

fn flag(random: &mut Random) -> bool {
    random.below(2) == 1
}

fn pick<T: Copy>(random: &mut Random, all: &[T]) -> T {
    all[random.below(all.len())]
}

/// A dimension: small, or around a multiple of N.
fn dimension(random: &mut Random, config: &HwConfig) -> u16 {
    let n = config.n as usize;
    let value = match random.below(6) {
        0 => 1 + random.below(3),
        1 => n - 1 + random.below(3),
        2 => 2 * n - 1 + random.below(3),
        3 => n * (1 + random.below(4)),
        4 => 1 + random.below(5 * n),
        _ => 1 + random.below(n),
    };
    value as u16
}

/// Words from row to row.
fn stride(random: &mut Random, words: u16) -> u16 {
    match random.below(8) {
        0..=3 => words,
        4 | 5 => words + random.below(4) as u16,
        // Repeated or overlapping rows; refused where a block is written.
        6 => random.below(usize::from(words) + 1) as u16,
        _ => words + random.below(120) as u16,
    }
}

/// First word of a block: anywhere, or where something ends.
fn base(random: &mut Random, space: Space, config: &HwConfig, rows: u16, stride: u16, words: u16) -> u16 {
    let capacity = space.words(config) as usize;
    let length = (usize::from(rows) - 1) * usize::from(stride) + usize::from(words);
    let Some(room) = capacity.checked_sub(length) else { return 0 };
    let at = match random.below(6) {
        0 | 1 => random.below(64),
        2 => room - random.below(4).min(room),
        // A bank's end inside the block.
        3 => (capacity / 4 * (1 + random.below(3))).saturating_sub(random.below(length + 1)),
        _ => random.below(room + 1),
    };
    at.min(room) as u16
}

impl Kind {
    /// Every kind.
    pub fn all() -> Vec<Self> {
        let mut all = vec![
            Self::Load(Memory::Spad, Format::I8),
            Self::Load(Memory::Acc, Format::I16),
            Self::Load(Memory::Acc, Format::I32),
            Self::Load(Memory::Param, Format::Record),
            Self::Store(Memory::Spad, Format::I8),
            Self::Store(Memory::Acc, Format::I16),
            Self::Store(Memory::Acc, Format::I32),
        ];
        for (accumulate, transpose_b) in [(false, false), (false, true), (true, false), (true, true)] {
            all.push(Self::Gemm { accumulate, transpose_b });
        }
        all.extend(RowKind::ALL.iter().map(|kind| Self::Row(*kind)));
        for function in Function::ALL.iter().copied() {
            for source in [Source::Acc, Source::Spad, Source::Sum] {
                all.extend(Output::ALL.iter().map(|&output| Self::Map { function, source, output }));
            }
        }
        all
    }

    /// A legal operation of this kind.
    pub fn draw(self, random: &mut Random, config: &HwConfig) -> Op {
        loop {
            let op = match self {
                Self::Load(memory, format) => load(random, config, memory, format),
                Self::Store(memory, format) => store(random, config, memory, format),
                Self::Gemm { accumulate, transpose_b } => gemm(random, config, accumulate, transpose_b),
                Self::Map { function, source, output } => map(random, config, function, source, output),
                Self::Row(kind) => row(random, config, kind),
            };
            if legal(&op, config) {
                return op;
            }
        }
    }
}

/// Rows, columns, first word and stride of a transfer, and its offset and pitch in DRAM.
fn transfer(random: &mut Random, config: &HwConfig, memory: Memory, format: Format) -> (u16, u16, u16, u16, u32, u32) {
    let (rows, cols) = (dimension(random, config), dimension(random, config));
    let words = config.words(cols.into()) as u16;
    let stride = stride(random, words);
    let base = base(random, memory.into(), config, rows, stride, words);
    let dense = (u32::from(cols) * format.bytes()).next_multiple_of(DRAM_ALIGN);
    let pitch = match random.below(6) {
        0 => DRAM_ALIGN * random.below(8) as u32,
        1 => dense + DRAM_ALIGN * random.below(8) as u32,
        _ => dense,
    };
    // Half of the transfers meet in a corner, the others lie anywhere.
    let blocks = if flag(random) { 64 } else { (REGION_SIZE / DRAM_ALIGN) as usize };
    (rows, cols, base, stride, DRAM_ALIGN * random.below(blocks) as u32, pitch)
}

fn load(random: &mut Random, config: &HwConfig, memory: Memory, format: Format) -> Op {
    let (rows, cols, dst, dst_stride, offset, pitch) = transfer(random, config, memory, format);
    Load { memory, format, region: random.below(2) as u8, dst, dst_stride, offset, pitch, rows, cols }.into()
}

fn store(random: &mut Random, config: &HwConfig, memory: Memory, format: Format) -> Op {
    let (rows, cols, src, src_stride, offset, pitch) = transfer(random, config, memory, format);
    Store { memory, format, region: OUTPUT, src, src_stride, offset, pitch, rows, cols }.into()
}

fn gemm(random: &mut Random, config: &HwConfig, accumulate: bool, transpose_b: bool) -> Op {
    let [m, k, n] = [(); 3].map(|()| dimension(random, config));
    let words = |count: u16| config.words(count.into()) as u16;
    let (b_rows, b_words) = if transpose_b { (n, words(k)) } else { (k, words(n)) };
    let mut block = |space, rows, words| {
        let stride = stride(random, words);
        (base(random, space, config, rows, stride, words), stride)
    };
    let (a, a_stride) = block(Space::Spad, m, words(k));
    let (b, b_stride) = block(Space::Spad, b_rows, b_words);
    let (c, c_stride) = block(Space::Acc, m, words(n));
    Gemm { accumulate, transpose_b, a, a_stride, b, b_stride, c, c_stride, m, k, n }.into()
}

fn map(random: &mut Random, config: &HwConfig, function: Function, source: Source, output: Output) -> Op {
    let (rows, cols) = (dimension(random, config), dimension(random, config));
    let words = config.words(cols.into()) as u16;
    let (src_spad, add) = (source == Source::Spad, source == Source::Sum);
    let from = if src_spad { Space::Spad } else { Space::Acc };
    let to = if output == Output::Spad8 { Space::Spad } else { Space::Acc };
    let src_stride = stride(random, words);
    let src = base(random, from, config, rows, src_stride, words);
    let in_place = from == to && random.below(3) == 0;
    let dst_stride = if in_place { src_stride } else { stride(random, words) };
    let dst = if in_place { src } else { base(random, to, config, rows, dst_stride, words) };
    let entry = |random: &mut Random| base(random, Space::Row, config, rows, 1, 1);
    let (row_sub, row_scale, channel) = (flag(random), flag(random), flag(random));
    let broadcast = channel && flag(random);
    let stat = pick(random, Stat::ALL);
    let when = |used: bool, value: u16| if used { value } else { 0 };
    let (has_output, has_stat) = (output != Output::None, stat != Stat::None);
    let param = base(random, Space::Param, config, 1, 0, if broadcast { 1 } else { words });
    Map {
        src_spad,
        row_sub,
        row_scale,
        channel,
        broadcast,
        add,
        stat_init: has_stat && flag(random),
        src,
        src_stride,
        dst: when(has_output, dst),
        dst_stride: when(has_output, dst_stride),
        aux: when(add, base(random, Space::Acc, config, rows, src_stride, words)),
        param: when(channel, param),
        rows,
        cols,
        row_in: when(row_sub || row_scale, entry(random)),
        row_out: when(has_stat, entry(random)),
        function,
        stat,
        output,
        // Small shifts saturate, large ones leave nothing.
        out_shift: [0, random.below(9), random.below(32)][random.below(3)] as u8,
    }
    .into()
}

fn row(random: &mut Random, config: &HwConfig, kind: RowKind) -> Op {
    let rows = 1 + random.below(24) as u16;
    let mut entry = || base(random, Space::Row, config, rows, 1, 1);
    let (src, dst) = (entry(), entry());
    let rstd = kind == RowKind::Rstd;
    let small = pick(random, &[1, config.n as u16, 24, 384, 4096]);
    let count = if flag(random) { small } else { 1 + random.below(4096) as u16 };
    let num = if flag(random) { pick(random, &[1, 127, 32767, 65535]) } else { 1 + random.below(65535) as u16 };
    let eps = if flag(random) { 0 } else { (random.bits() as u32) >> random.below(32) };
    let frac = if flag(random) { random.bits() as i8 } else { random.below(48) as i8 - 8 };
    Row {
        kind,
        frac,
        src,
        dst: if flag(random) { src } else { dst },
        rows,
        count: if rstd { count } else { 0 },
        num: if kind == RowKind::Recip { num } else { 0 },
        eps: if rstd { eps } else { 0 },
    }
    .into()
}
