//! What is known of each on-chip word: whether it was written, and each unit's last access.

use std::ops::Range;

use systole_isa::HwConfig;
use systole_isa::access::{Block, Space};

use super::schedule::{Actor, Clash};
use super::{Place, Position, QUEUES};

/// The last access of one unit to each word.
#[derive(Default)]
struct Trail {
    words: Vec<Position>,
    /// The largest of them, which often answers for all.
    latest: Position,
}

impl Trail {
    fn new(words: usize) -> Self {
        Self { words: vec![0; words], latest: 0 }
    }

    /// The first word of `runs` that this unit accessed after `known`.
    fn after(&self, runs: impl Iterator<Item = Range<usize>>, known: Position) -> Option<(usize, Position)> {
        if self.latest <= known {
            return None;
        }
        runs.into_iter().find_map(|run| {
            let words = &self.words[run.clone()];
            // Most runs are clean: a pass without early exit vectorises, the search for the word need not.
            let any = words.iter().fold(false, |any, p| any | (*p > known));
            let at = any.then(|| words.iter().position(|p| *p > known)).flatten()?;
            Some((run.start + at, words[at]))
        })
    }

    fn mark(&mut self, runs: impl Iterator<Item = Range<usize>>, position: Position) {
        self.latest = position;
        runs.for_each(|run| self.words[run].fill(position));
    }
}

struct Memory {
    /// 1 for each written word.
    written: Vec<u8>,
    /// Number of the others.
    unwritten: usize,
    reads: [Trail; QUEUES],
    writes: [Trail; QUEUES],
}

/// The four on-chip memories.
pub(super) struct OnChip([Memory; Space::ALL.len()]);

impl OnChip {
    pub fn new(config: &HwConfig) -> Self {
        Self(Space::ALL.map(|space| {
            let words = space.words(config) as usize;
            let trails = || std::array::from_fn(|_| Trail::new(words));
            Memory { written: vec![0; words], unwritten: words, reads: trails(), writes: trails() }
        }))
    }

    /// Reads a block: every word was written, and no other unit's write is unordered.
    pub fn read(&mut self, block: &Block, actor: &Actor) -> Result<(), Clash> {
        let memory = &mut self.0[index_of(block.space)];
        if memory.unwritten > 0 {
            let hole = runs(block).find_map(|run| {
                let words = &memory.written[run.clone()];
                let any = words.iter().fold(1, |all, w| all & w) == 0;
                any.then(|| words.iter().position(|w| *w == 0)).flatten().map(|at| run.start + at)
            });
            if let Some(word) = hole {
                return Err(Clash::Unwritten { place: place(block, word) });
            }
        }
        unordered(&memory.writes, block, actor, false, true)?;
        memory.reads[actor.queue].mark(runs(block), actor.position);
        Ok(())
    }

    /// Writes a block: no other unit's read or write is unordered.
    pub fn write(&mut self, block: &Block, actor: &Actor) -> Result<(), Clash> {
        let memory = &mut self.0[index_of(block.space)];
        unordered(&memory.writes, block, actor, true, true)?;
        unordered(&memory.reads, block, actor, true, false)?;
        if memory.unwritten > 0 {
            for run in runs(block) {
                let words = &mut memory.written[run];
                memory.unwritten -= words.iter().filter(|w| **w == 0).count();
                words.fill(1);
            }
        }
        memory.writes[actor.queue].mark(runs(block), actor.position);
        Ok(())
    }
}

fn unordered(
    trails: &[Trail; QUEUES],
    block: &Block,
    actor: &Actor,
    writes: bool,
    other_writes: bool,
) -> Result<(), Clash> {
    for (queue, trail) in trails.iter().enumerate().filter(|(queue, _)| *queue != actor.queue) {
        if let Some((word, position)) = trail.after(runs(block), actor.clock[queue]) {
            return Err(Clash::Race { place: place(block, word), writes, queue, position, other_writes });
        }
    }
    Ok(())
}

fn index_of(space: Space) -> usize {
    match space {
        Space::Spad => 0,
        Space::Acc => 1,
        Space::Param => 2,
        Space::Row => 3,
    }
}

fn place(block: &Block, word: usize) -> Place {
    Place::Word { space: block.space, word: word as u32 }
}

/// The words of a block as disjoint ranges, whatever its stride, so that work is bounded by the memory's size.
fn runs(block: &Block) -> impl Iterator<Item = Range<usize>> + use<> {
    let Block { base, stride, rows, words, .. } = *block;
    let (count, step, words) = if stride <= words { (1, 0, block.end() - base) } else { (rows, stride, words) };
    (0..count).map(move |row| {
        let start = (base + row * step) as usize;
        start..start + words as usize
    })
}
