//! Emits instructions in one program order and derives all synchronisation from what they touch.
//!
//! The compiler writes a program as if one unit executed it from top to bottom. For every instruction the scheduler looks
//! up which earlier instructions of *other* units wrote what it reads or writes, or read what it writes, and adds a wait
//! and a post where the order is not already implied. Each ordered pair of units has a semaphore of its own, so the k-th
//! wait takes the k-th post; all edges point forward in program order, so a program cannot deadlock. Double buffering
//! follows from using two buffers in turn: nothing else holds a unit back.
//!
//! Dependencies are tracked in granules. A granule shared by two buffers costs an edge too many, never one too few.

use systole_driver::verifier::MAX_INSTRUCTIONS;
use systole_isa::access::{self, Block, DramBlock, Space};
use systole_isa::instruction::Unit;
use systole_isa::{HwConfig, INSTRUCTION_BYTES, Instruction, Op, REGIONS, Sync};

/// Words of a granule, by [`Space::ALL`].
const GRANULE: [u32; 4] = [32, 16, 4, 8];
/// Words of a granule of a memory on chip: what shares one counts as the same data.
pub const fn granule(space: Space) -> u32 {
    GRANULE[space as usize]
}
/// Bytes of a granule in DRAM.
const DRAM_GRANULE: u64 = 1024;
const UNITS: usize = 4;

/// For each unit, how many of its instructions are known to be complete.
type Clock = [u32; UNITS];

#[derive(Clone, Copy, Default)]
struct Granule {
    /// The last writer: unit, and one more than its position in the unit's queue; 0 for none.
    writer: (u8, u32),
    /// By unit, one more than the position of the last reader since the last write.
    readers: Clock,
}

struct Issued {
    /// Position in the program.
    index: usize,
    /// What is complete when this instruction is.
    clock: Clock,
}

/// The program under construction.
pub struct Scheduler {
    config: &'static HwConfig,
    instructions: Vec<Instruction>,
    /// By unit, everything issued to it.
    queues: [Vec<Issued>; UNITS],
    /// By unit, what is complete when its next instruction starts.
    known: [Clock; UNITS],
    chip: [Vec<Granule>; 4],
    /// By region; only regions that the program writes are tracked.
    dram: [Vec<Granule>; REGIONS],
    tag: u16,
}

fn unit_index(unit: Unit) -> usize {
    unit as usize - 1
}

/// The semaphore from one unit to another: 12 of the 16.
fn semaphore(from: usize, to: usize) -> u16 {
    let slot = if to > from { to - 1 } else { to };
    1 << (from * (UNITS - 1) + slot)
}

impl Scheduler {
    /// An empty program. `writable` holds the bytes of each region the program stores into, 0 for the others.
    pub fn new(config: &'static HwConfig, writable: [u32; REGIONS]) -> Self {
        let granules = |space: Space| space.words(config).div_ceil(GRANULE[space as usize]) as usize;
        Self {
            config,
            instructions: Vec::new(),
            queues: Default::default(),
            known: Default::default(),
            chip: Space::ALL.map(|space| vec![Granule::default(); granules(space)]),
            dram: writable.map(|bytes| vec![Granule::default(); u64::from(bytes).div_ceil(DRAM_GRANULE) as usize]),
            tag: 0,
        }
    }

    /// The configuration.
    pub fn config(&self) -> &'static HwConfig {
        self.config
    }

    /// Whether the program is longer than any that is supported.
    pub fn is_full(&self) -> bool {
        self.instructions.len() >= MAX_INSTRUCTIONS
    }

    /// Sets the trace tag of the instructions that follow.
    pub fn tag(&mut self, tag: u16) {
        self.tag = tag;
    }

    /// Appends an operation; nothing behind the most instructions that a program may have, which [`Scheduler::is_full`]
    /// then says: the memory of a program too long is not taken.
    pub fn emit(&mut self, op: impl Into<Op>) {
        if self.is_full() {
            return;
        }
        let mut instruction = Instruction::new(op);
        let accesses = access::of(&instruction, self.config);
        let me = unit_index(instruction.op.unit());
        let position = self.queues[me].len() as u32 + 1;

        let mut needs = [0; UNITS];
        for block in accesses.blocks() {
            let granules = chip_granules(block);
            visit(
                &mut self.chip[block.space as usize][granules],
                block.kind.reads(),
                block.kind.writes(),
                me,
                position,
                &mut needs,
            );
        }
        if let Some(block) = accesses.dram {
            let tracked = &mut self.dram[usize::from(block.region)];
            if !tracked.is_empty() {
                visit(&mut tracked[dram_granules(&block)], !block.write, block.write, me, position, &mut needs);
            }
        }

        let (wait, clock) = self.wait_for(me, needs);
        instruction.sync = Sync { tag: self.tag, wait, post: 0 };
        let mut done = clock;
        done[me] = position;
        self.queues[me].push(Issued { index: self.instructions.len(), clock: done });
        self.known[me] = done;
        self.instructions.push(instruction);
    }

    /// Adds the edges that unit `me` needs before its next instruction; returns its wait mask and clock.
    fn wait_for(&mut self, me: usize, needs: Clock) -> (u16, Clock) {
        let mut known = self.known[me];
        let mut wait = 0;
        for other in (0..UNITS).filter(|&u| u != me) {
            let need = needs[other];
            // Another needed instruction may imply this one.
            let implied = |u: usize| u != other && u != me && needs[u] > 0 && self.clock_of(u, needs[u])[other] >= need;
            if need <= known[other] || (0..UNITS).any(implied) {
                continue;
            }
            let mask = semaphore(other, me);
            let issued = &self.queues[other][need as usize - 1];
            self.instructions[issued.index].sync.post |= mask;
            wait |= mask;
            for (k, c) in known.iter_mut().zip(issued.clock) {
                *k = (*k).max(c);
            }
        }
        for (u, &need) in needs.iter().enumerate() {
            debug_assert!(u == me || known[u] >= need, "an edge was dropped");
        }
        (wait, known)
    }

    fn clock_of(&self, unit: usize, position: u32) -> Clock {
        self.queues[unit][position as usize - 1].clock
    }

    /// Ends the program.
    pub fn finish(mut self) -> Vec<[u8; INSTRUCTION_BYTES]> {
        self.instructions.push(Instruction::new(systole_isa::instruction::End {}));
        self.instructions.iter().map(Instruction::encode).collect()
    }
}

/// Updates granules for an access and raises `needs` to what it must wait for.
fn visit(granules: &mut [Granule], reads: bool, writes: bool, me: usize, position: u32, needs: &mut Clock) {
    for g in granules {
        let (writer, at) = (usize::from(g.writer.0), g.writer.1);
        if at > 0 && writer != me {
            needs[writer] = needs[writer].max(at);
        }
        if writes {
            for (u, &reader) in g.readers.iter().enumerate().filter(|(u, _)| *u != me) {
                needs[u] = needs[u].max(reader);
            }
            *g = Granule { writer: (me as u8, position), readers: [0; UNITS] };
        }
        if reads {
            g.readers[me] = position;
        }
    }
}

fn chip_granules(block: &Block) -> std::ops::Range<usize> {
    let size = GRANULE[block.space as usize];
    (block.base / size) as usize..block.end().div_ceil(size) as usize
}

fn dram_granules(block: &DramBlock) -> std::ops::Range<usize> {
    (u64::from(block.offset) / DRAM_GRANULE) as usize..block.end().div_ceil(DRAM_GRANULE) as usize
}
