//! The semaphores that a sequence of operations needs, so that its result does not depend on timing.

use systole_isa::access::{self, Block, Space};
use systole_isa::{HwConfig, Instruction, Op, Unit};

use super::case::REGION_SIZE;

/// A set of words on chip and bytes in DRAM.
struct Cells(Vec<u64>);

impl Cells {
    fn new(config: &HwConfig) -> Self {
        let cells = Space::ALL.iter().map(|s| s.words(config)).sum::<u32>() + 2 * REGION_SIZE;
        Self(vec![0; cells.div_ceil(64) as usize])
    }

    fn add(&mut self, cells: std::ops::Range<u32>) {
        cells.for_each(|c| self.0[(c / 64) as usize] |= 1 << (c % 64));
    }

    fn meets(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).any(|(a, b)| a & b != 0)
    }
}

/// What an operation reads and writes.
struct Footprint {
    reads: Cells,
    writes: Cells,
}

impl Footprint {
    fn of(op: &Op, config: &HwConfig) -> Self {
        let mut footprint = Self { reads: Cells::new(config), writes: Cells::new(config) };
        let accesses = access::of(&Instruction::new(*op), config);
        for block @ Block { space, kind, .. } in accesses.blocks() {
            let before = Space::ALL.into_iter().take_while(|s| s != space);
            let base: u32 = before.map(|s| s.words(config)).sum();
            for run in block.runs() {
                let run = base + run.start..base + run.end;
                if kind.reads() {
                    footprint.reads.add(run.clone());
                }
                if kind.writes() {
                    footprint.writes.add(run);
                }
            }
        }
        if let Some(dram) = accesses.dram {
            let base = Space::ALL.iter().map(|s| s.words(config)).sum::<u32>();
            let base = base + u32::from(dram.region) * REGION_SIZE + dram.offset;
            let cells = if dram.write { &mut footprint.writes } else { &mut footprint.reads };
            (0..dram.rows).map(|r| base + r * dram.pitch).for_each(|start| cells.add(start..start + dram.bytes));
        }
        footprint
    }

    fn conflicts(&self, other: &Self) -> bool {
        self.writes.meets(&other.writes) || self.writes.meets(&other.reads) || self.reads.meets(&other.writes)
    }
}

/// Has each operation wait for the last one of every other unit that it depends on, and for nothing else.
pub fn synchronise(ops: &[Op], config: &HwConfig) -> Vec<Instruction> {
    let footprints: Vec<Footprint> = ops.iter().map(|op| Footprint::of(op, config)).collect();
    let mut code: Vec<Instruction> = ops.iter().map(|op| Instruction::new(*op)).collect();
    // For each pair of units, the last instruction of the first that the second has waited for.
    let mut ordered = [[None; 5]; 5];
    for index in 0..code.len() {
        let unit = code[index].op.unit();
        for other in Unit::QUEUED.into_iter().filter(|o| *o != unit) {
            let depends = |&j: &usize| ops[j].unit() == other && footprints[j].conflicts(&footprints[index]);
            let Some(last) = (0..index).rev().find(depends) else { continue };
            let known = &mut ordered[other as usize][unit as usize];
            if known.is_none_or(|k| k < last) {
                *known = Some(last);
                code[last].sync.post |= semaphore(other, unit);
                code[index].sync.wait |= semaphore(other, unit);
            }
        }
    }
    code
}

/// One semaphore for each ordered pair of different units, so that the k-th wait takes the k-th post.
fn semaphore(from: Unit, to: Unit) -> u16 {
    let (from, to) = (from as u16 - 1, to as u16 - 1);
    1 << (from * 3 + to - u16::from(to > from))
}
