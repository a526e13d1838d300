//! The on-chip memories of one configuration.

use systole_isa::HwConfig;
use systole_isa::access::{Block, Space};
use systole_isa::numerics::{Param, RowEntry};

/// SPAD, ACC, PARAM and ROW. Word `w` of the first three occupies elements `w * N .. (w + 1) * N`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chip {
    config: &'static HwConfig,
    pub(crate) spad: Vec<i8>,
    pub(crate) acc: Vec<i32>,
    pub(crate) param: Vec<Param>,
    pub(crate) row: Vec<RowEntry>,
}

/// Where two chips differ first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The memory.
    pub space: Space,
    /// The word in it.
    pub word: u32,
    /// The lane of the word, 0..N; 0 in ROW.
    pub lane: u32,
}

impl Chip {
    /// A chip with all memories zero, as FPGA configuration leaves them.
    pub fn new(config: &'static HwConfig) -> Self {
        let elements = |words: u32| words as usize * config.n as usize;
        Self {
            config,
            spad: vec![0; elements(config.spad_words)],
            acc: vec![0; elements(config.acc_words)],
            param: vec![Param::default(); elements(config.param_words)],
            row: vec![RowEntry::default(); config.row_entries as usize],
        }
    }

    /// The configuration.
    pub const fn config(&self) -> &'static HwConfig {
        self.config
    }

    /// Lanes of a word.
    pub(crate) const fn n(&self) -> usize {
        self.config.n as usize
    }

    /// The scratchpad, N elements a word.
    pub fn spad(&self) -> &[i8] {
        &self.spad
    }

    /// The accumulator, N elements a word.
    pub fn acc(&self) -> &[i32] {
        &self.acc
    }

    /// The PARAM records, N a word.
    pub fn param(&self) -> &[Param] {
        &self.param
    }

    /// The ROW entries.
    pub fn row(&self) -> &[RowEntry] {
        &self.row
    }

    /// The scratchpad, to set up a test or inject a fault.
    pub fn spad_mut(&mut self) -> &mut [i8] {
        &mut self.spad
    }

    /// The accumulator, to set up a test or inject a fault.
    pub fn acc_mut(&mut self) -> &mut [i32] {
        &mut self.acc
    }

    /// The PARAM records, to set up a test or inject a fault. Shifts must stay 0..=63.
    pub fn param_mut(&mut self) -> &mut [Param] {
        &mut self.param
    }

    /// The ROW entries, to set up a test or inject a fault. `b` must stay below 2^48.
    pub fn row_mut(&mut self) -> &mut [RowEntry] {
        &mut self.row
    }

    /// FNV-1a, 64 bits, over the little-endian bytes of a block's words (10 bytes a ROW entry, 8 a record), run after
    /// run. `None` when the block is not inside its memory.
    pub fn digest(&self, block: &Block) -> Option<u64> {
        let mut hash = Fnv::new();
        for run in block.runs() {
            let lanes = if block.space == Space::Row { 1 } else { self.n() };
            let range = run.start as usize * lanes..run.end as usize * lanes;
            match block.space {
                Space::Spad => self.spad.get(range)?.iter().for_each(|x| hash.bytes(&x.to_le_bytes())),
                Space::Acc => self.acc.get(range)?.iter().for_each(|x| hash.bytes(&x.to_le_bytes())),
                Space::Param => self.param.get(range)?.iter().for_each(|p| hash.bytes(&p.to_bytes())),
                Space::Row => self.row.get(range)?.iter().for_each(|e| {
                    hash.bytes(&e.a.to_le_bytes());
                    hash.bytes(&e.b.to_le_bytes()[..6]);
                }),
            }
        }
        Some(hash.0)
    }

    /// [`Chip::digest`] of a whole memory.
    pub fn digest_all(&self, space: Space) -> u64 {
        let words = space.words(self.config);
        let all = Block { space, base: 0, stride: words, rows: 1, words, kind: systole_isa::access::Kind::Read };
        self.digest(&all).unwrap_or_default()
    }

    /// Where this chip differs from another of the same configuration first, memory by memory; `None` if nowhere.
    pub fn difference(&self, other: &Self) -> Option<Difference> {
        fn first<T: PartialEq>(a: &[T], b: &[T]) -> Option<usize> {
            if a == b { None } else { a.iter().zip(b).position(|(x, y)| x != y).or(Some(a.len().min(b.len()))) }
        }
        Space::ALL.into_iter().find_map(|space| {
            let (at, lanes) = match space {
                Space::Spad => (first(&self.spad, &other.spad)?, self.n()),
                Space::Acc => (first(&self.acc, &other.acc)?, self.n()),
                Space::Param => (first(&self.param, &other.param)?, self.n()),
                Space::Row => (first(&self.row, &other.row)?, 1),
            };
            Some(Difference { space, word: (at / lanes) as u32, lane: (at % lanes) as u32 })
        })
    }
}

struct Fnv(u64);

impl Fnv {
    const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn bytes(&mut self, bytes: &[u8]) {
        for b in bytes {
            self.0 = (self.0 ^ u64::from(*b)).wrapping_mul(0x100_0000_01b3);
        }
    }
}
