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

    /// A whole memory as little-endian words in the order of their addresses: N bytes (SPAD), N INT32 (ACC), N records of 8
    /// bytes (PARAM), entries of 10 bytes (ROW).
    pub fn image(&self, space: Space) -> Vec<u8> {
        match space {
            Space::Spad => self.spad.iter().map(|x| *x as u8).collect(),
            Space::Acc => self.acc.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Space::Param => self.param.iter().flat_map(|p| p.to_bytes()).collect(),
            Space::Row => self.row.iter().flat_map(|e| row_bytes(*e)).collect(),
        }
    }

    /// Replaces a whole memory by an image as [`Chip::image`] makes it; bits that do not count are dropped. False, and
    /// nothing changes, if the image has another size.
    #[must_use]
    pub fn set_image(&mut self, space: Space, image: &[u8]) -> bool {
        fn fill<T, const BYTES: usize>(to: &mut [T], image: &[u8], from: impl Fn([u8; BYTES]) -> T) -> bool {
            let (elements, rest) = image.as_chunks::<BYTES>();
            let fits = elements.len() == to.len() && rest.is_empty();
            if fits {
                to.iter_mut().zip(elements).for_each(|(to, bytes)| *to = from(*bytes));
            }
            fits
        }
        match space {
            Space::Spad => fill(&mut self.spad, image, i8::from_le_bytes),
            Space::Acc => fill(&mut self.acc, image, i32::from_le_bytes),
            Space::Param => fill(&mut self.param, image, Param::from_bytes),
            Space::Row => fill(&mut self.row, image, row_entry),
        }
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
                Space::Row => self.row.get(range)?.iter().for_each(|e| hash.bytes(&row_bytes(*e))),
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

fn row_bytes(entry: RowEntry) -> [u8; 10] {
    let mut bytes = [0; 10];
    bytes[..4].copy_from_slice(&entry.a.to_le_bytes());
    bytes[4..].copy_from_slice(&entry.b.to_le_bytes()[..6]);
    bytes
}

fn row_entry(bytes: [u8; 10]) -> RowEntry {
    let [a0, a1, a2, a3, b @ ..] = bytes;
    let mut wide = [0; 8];
    wide[..6].copy_from_slice(&b);
    RowEntry { a: i32::from_le_bytes([a0, a1, a2, a3]), b: u64::from_le_bytes(wide) }
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

#[cfg(test)]
mod tests {
    use super::*;
    use systole_isa::config::N8;

    #[test]
    fn images_carry_every_bit_and_have_one_size() {
        let mut chip = Chip::new(&N8);
        chip.spad[9] = -3;
        chip.acc[10] = i32::MIN + 7;
        chip.param[11] = Param { bias: -5, mult: i16::MIN, shift: 63 };
        chip.row[12] = RowEntry { a: -9, b: (1 << 48) - 2 };
        let mut copy = Chip::new(&N8);
        for space in Space::ALL {
            let image = chip.image(space);
            assert!(!copy.set_image(space, &image[1..]) && !copy.set_image(space, &[&image[..], &[0]].concat()));
            assert!(copy.difference(&chip).is_some());
            assert!(copy.set_image(space, &image));
        }
        assert_eq!(copy.difference(&chip), None);
        assert_eq!(chip.image(Space::Acc)[40..44], (i32::MIN + 7).to_le_bytes());
    }
}
