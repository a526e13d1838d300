//! What an instruction touches, in words and DRAM bytes, and whether a configuration can execute it. The simulator's
//! bounds check and the verifier both read this; the RTL's checks are tested against it.

use crate::fault::Cause;
use crate::instruction::{Instruction, Map, Memory, Op, Output, Stat};
use crate::{HwConfig, rules};

/// An address space on chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Space {
    /// Scratchpad words.
    Spad,
    /// Accumulator words.
    Acc,
    /// PARAM words.
    Param,
    /// ROW entries.
    Row,
}

impl Space {
    /// All four.
    pub const ALL: [Self; 4] = [Self::Spad, Self::Acc, Self::Param, Self::Row];

    /// Number of words in `config`.
    pub const fn words(self, config: &HwConfig) -> u32 {
        match self {
            Self::Spad => config.spad_words,
            Self::Acc => config.acc_words,
            Self::Param => config.param_words,
            Self::Row => config.row_entries,
        }
    }

    const fn bounds_cause(self) -> Cause {
        match self {
            Self::Spad => Cause::SpadBounds,
            Self::Acc => Cause::AccBounds,
            Self::Param => Cause::ParamBounds,
            Self::Row => Cause::RowBounds,
        }
    }
}

impl From<Memory> for Space {
    fn from(memory: Memory) -> Self {
        match memory {
            Memory::Spad => Self::Spad,
            Memory::Acc => Self::Acc,
            Memory::Param => Self::Param,
        }
    }
}

/// Direction of an access. `Update` reads and then writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Reads.
    Read,
    /// Writes without reading.
    Write,
    /// Reads, then writes the same place.
    Update,
}

impl Kind {
    /// True unless this only writes.
    pub const fn reads(self) -> bool {
        !matches!(self, Self::Write)
    }
    /// True unless this only reads.
    pub const fn writes(self) -> bool {
        !matches!(self, Self::Read)
    }
}

/// `rows` runs of `words` words, `stride` apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Block {
    /// Memory.
    pub space: Space,
    /// First word.
    pub base: u32,
    /// Words from run to run.
    pub stride: u32,
    /// Number of runs.
    pub rows: u32,
    /// Words of a run.
    pub words: u32,
    /// Direction.
    pub kind: Kind,
}

impl Block {
    /// One past the last word.
    pub const fn end(&self) -> u32 {
        self.base + (self.rows - 1) * self.stride + self.words
    }

    /// The runs as half-open word ranges; a block without gaps is one run.
    pub fn runs(&self) -> impl Iterator<Item = std::ops::Range<u32>> + use<> {
        let Self { base, stride, rows, words, .. } = *self;
        let dense = rows == 1 || stride == words;
        let (count, step, len) = if dense { (1, 0, rows * words) } else { (rows, stride, words) };
        (0..count).map(move |r| base + r * step..base + r * step + len)
    }

    /// Whether a word belongs to both. Runs ascend, so one walk along both suffices.
    fn overlaps(&self, other: &Self) -> bool {
        if self.space != other.space {
            return false;
        }
        let (mut left, mut right) = (self.runs(), other.runs());
        let (mut a, mut b) = (left.next(), right.next());
        while let (Some(x), Some(y)) = (&a, &b) {
            if x.start < y.end && y.start < x.end {
                return true;
            }
            if x.end <= y.start { a = left.next() } else { b = right.next() }
        }
        false
    }

    fn same_place(&self, other: &Self) -> bool {
        (self.space, self.base, self.rows, self.words) == (other.space, other.base, other.rows, other.words)
            && (self.stride == other.stride || self.rows == 1)
    }
}

/// `rows` runs of `bytes` bytes in a region of DRAM, `pitch` apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DramBlock {
    /// Region index.
    pub region: u8,
    /// Byte offset of the first run.
    pub offset: u32,
    /// Bytes from run to run.
    pub pitch: u32,
    /// Number of runs.
    pub rows: u32,
    /// Bytes of a run.
    pub bytes: u32,
    /// True for a store.
    pub write: bool,
}

impl DramBlock {
    /// One past the last byte; does not overflow.
    pub const fn end(&self) -> u64 {
        self.offset as u64 + (self.rows as u64 - 1) * self.pitch as u64 + self.bytes as u64
    }
}

/// Everything an instruction touches.
#[derive(Clone, Copy, Debug, Default)]
pub struct Accesses {
    blocks: [Option<Block>; 6],
    /// The DRAM side of a load or store.
    pub dram: Option<DramBlock>,
}

impl Accesses {
    /// The blocks on chip.
    pub fn blocks(&self) -> impl Iterator<Item = &Block> {
        self.blocks.iter().flatten()
    }
}

/// Lists the accesses of an instruction that keeps [`rules::check`].
pub fn of(instruction: &Instruction, config: &HwConfig) -> Accesses {
    let block = |space, base: u16, stride: u16, rows: u16, words, kind| {
        Some(Block { space, base: base.into(), stride: stride.into(), rows: rows.into(), words, kind })
    };
    let words = |cols: u16| config.words(cols.into());
    let mut out = Accesses::default();
    match &instruction.op {
        Op::End(_) => {}
        Op::Load(l) => {
            out.blocks[0] = block(l.memory.into(), l.dst, l.dst_stride, l.rows, words(l.cols), Kind::Write);
            out.dram = Some(DramBlock {
                region: l.region,
                offset: l.offset,
                pitch: l.pitch,
                rows: l.rows.into(),
                bytes: u32::from(l.cols) * l.format.bytes(),
                write: false,
            });
        }
        Op::Store(s) => {
            out.blocks[0] = block(s.memory.into(), s.src, s.src_stride, s.rows, words(s.cols), Kind::Read);
            out.dram = Some(DramBlock {
                region: s.region,
                offset: s.offset,
                pitch: s.pitch,
                rows: s.rows.into(),
                bytes: u32::from(s.cols) * s.format.bytes(),
                write: true,
            });
        }
        Op::Gemm(g) => {
            let (b_rows, b_cols) = if g.transpose_b { (g.n, g.k) } else { (g.k, g.n) };
            out.blocks[0] = block(Space::Spad, g.a, g.a_stride, g.m, words(g.k), Kind::Read);
            out.blocks[1] = block(Space::Spad, g.b, g.b_stride, b_rows, words(b_cols), Kind::Read);
            let kind = if g.accumulate { Kind::Update } else { Kind::Write };
            out.blocks[2] = block(Space::Acc, g.c, g.c_stride, g.m, words(g.n), kind);
        }
        Op::Map(m) => map_blocks(m, words(m.cols), &mut out.blocks),
        Op::Row(r) => {
            out.blocks[0] = block(Space::Row, r.src, 1, r.rows, 1, Kind::Read);
            out.blocks[1] = block(Space::Row, r.dst, 1, r.rows, 1, Kind::Write);
        }
    }
    out
}

fn map_blocks(m: &Map, words: u32, blocks: &mut [Option<Block>; 6]) {
    let rows = u32::from(m.rows);
    let matrix = |space, base: u16, stride: u16, kind| {
        Some(Block { space, base: base.into(), stride: stride.into(), rows, words, kind })
    };
    let entries =
        |base: u16, kind| Some(Block { space: Space::Row, base: base.into(), stride: 1, rows, words: 1, kind });
    let source = if m.src_spad { Space::Spad } else { Space::Acc };
    blocks[0] = matrix(source, m.src, m.src_stride, Kind::Read);
    blocks[1] = match m.output {
        Output::None => None,
        Output::Spad8 => matrix(Space::Spad, m.dst, m.dst_stride, Kind::Write),
        Output::Acc16 | Output::Acc18 | Output::Acc32 => matrix(Space::Acc, m.dst, m.dst_stride, Kind::Write),
    };
    blocks[2] = if m.add { matrix(Space::Acc, m.aux, m.src_stride, Kind::Read) } else { None };
    blocks[3] = m.channel.then(|| {
        let words = if m.broadcast { 1 } else { words };
        Block { space: Space::Param, base: m.param.into(), stride: 0, rows: 1, words, kind: Kind::Read }
    });
    blocks[4] = if m.row_sub || m.row_scale { entries(m.row_in, Kind::Read) } else { None };
    let statistic = if m.stat_init { Kind::Write } else { Kind::Update };
    blocks[5] = if m.stat == Stat::None { None } else { entries(m.row_out, statistic) };
}

/// Why a configuration cannot execute an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The fault that the device reports.
    pub cause: Cause,
    /// First offending word, else 0.
    pub address: u64,
    /// The rule.
    pub rule: &'static str,
}

/// Checks [`rules::check`], the bounds of every on-chip block and the rules about overlap. DRAM bounds depend on the
/// submission's regions and are checked there.
///
/// # Errors
/// The first refusal in the order above.
pub fn check(instruction: &Instruction, config: &HwConfig) -> Result<Accesses, Refusal> {
    let operand = |rule| Refusal { cause: Cause::IllegalOperand, address: 0, rule };
    rules::check(instruction).map_err(operand)?;
    let accesses = of(instruction, config);
    for block in accesses.blocks() {
        let capacity = block.space.words(config);
        if block.end() > capacity {
            let address = u64::from(block.base.max(capacity));
            return Err(Refusal {
                cause: block.space.bounds_cause(),
                address,
                rule: "block lies behind the end of its memory",
            });
        }
        if block.kind.writes() && block.rows > 1 && block.stride < block.words {
            return Err(operand("the stride of a written block must not be less than its row"));
        }
    }
    for written in accesses.blocks().filter(|b| b.kind.writes()) {
        for read in accesses.blocks().filter(|b| b.kind == Kind::Read) {
            let streamed =
                written.same_place(read) && !(written.space == Space::Row && matches!(instruction.op, Op::Map(_)));
            if !streamed && written.overlaps(read) {
                return Err(operand("a written block must equal a read block or lie apart from it"));
            }
        }
    }
    Ok(accesses)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    prop_compose! {
        fn block()(base in 0u32..40, stride in 0u32..12, rows in 1u32..8, words in 1u32..8) -> Block {
            Block { space: Space::Spad, base, stride, rows, words, kind: Kind::Read }
        }
    }

    proptest! {
        #[test]
        fn overlap_is_a_shared_word(a in block(), b in block()) {
            let shared = a.runs().flatten().any(|w| b.runs().flatten().any(|v| v == w));
            prop_assert_eq!(a.overlaps(&b), shared);
        }
    }
}
