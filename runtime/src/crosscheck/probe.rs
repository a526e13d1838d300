//! A program cut short, that tells all it has written on chip.

use systole_driver::{Program, RegionSpec, Verified, verify};
use systole_isa::access::{self, Space};
use systole_isa::instruction::{End, Format, Memory, Store};
use systole_isa::{DRAM_ALIGN, HwConfig, Instruction, SEMAPHORES, Sync, Unit};

use crate::Error;

/// Words on chip that the probe stores, one to a row of the region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub space: Space,
    /// First word.
    pub base: u32,
    /// Words.
    pub words: u32,
    /// Where they lie in the region.
    pub offset: u32,
}

/// A program's first instructions, and stores of what they wrote.
pub(super) struct Probe {
    pub program: Verified,
    /// Index of the region that takes the words.
    pub region: usize,
    pub runs: Vec<Run>,
}

/// Bytes from word to word in the region.
pub(super) fn pitch(space: Space, config: &HwConfig) -> u32 {
    let word = if space == Space::Spad { config.n } else { 4 * config.n };
    word.next_multiple_of(DRAM_ALIGN)
}

impl Probe {
    /// Cuts after `length` instructions; `length` is less than the program's.
    pub fn new(program: &Program, length: usize) -> Result<Self, Error> {
        let config = program.config;
        let mut code: Vec<Instruction> = program.instructions().collect::<Result<_, _>>()?;
        // Semaphores that the program leaves alone tell the stores that the other units are done.
        let used = code.iter().fold(0, |mask, i| mask | i.sync.wait | i.sync.post);
        let mut free = (0..SEMAPHORES).map(|s| 1u16 << s).filter(|s| used & s == 0);
        code.truncate(length);
        let mut wait = 0;
        for unit in Unit::QUEUED.into_iter().filter(|u| *u != Unit::Store) {
            if let (Some(last), Some(semaphore)) = (code.iter_mut().rfind(|i| i.op.unit() == unit), free.next()) {
                last.sync.post |= semaphore;
                wait |= semaphore;
            }
        }
        let region = program.regions.iter().position(|r| r.size == 0).unwrap_or(0);
        let runs = written(&code, config);
        for run in &runs {
            let (memory, format) = match run.space {
                Space::Spad => (Memory::Spad, Format::I8),
                _ => (Memory::Acc, Format::I32),
            };
            let store = Store {
                memory,
                format,
                region: region as u8,
                src: run.base as u16,
                src_stride: 1,
                offset: run.offset,
                pitch: pitch(run.space, config),
                rows: run.words as u16,
                cols: config.n as u16,
            };
            code.push(Instruction { sync: Sync { tag: 0, wait, post: 0 }, op: store.into() });
            wait = 0;
        }
        code.push(Instruction::new(End {}));
        let size = runs.last().map_or(0, |r| r.offset + r.words * pitch(r.space, config));
        let mut regions = program.regions.clone();
        regions[region] = RegionSpec { name: "probe".to_owned(), size, writable: true, initialised: false };
        let code = code.iter().map(Instruction::encode).collect();
        let program = verify(Program { code, regions, tags: Vec::new(), ..program.clone() })?;
        Ok(Self { program, region, runs })
    }
}

/// The words of scratchpad and accumulators that instructions write, as few runs as possible.
fn written(code: &[Instruction], config: &HwConfig) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut offset = 0;
    for space in [Space::Spad, Space::Acc] {
        let mut words = vec![false; space.words(config) as usize];
        for instruction in code {
            let accesses = access::of(instruction, config);
            for block in accesses.blocks().filter(|b| b.space == space && b.kind.writes()) {
                block.runs().for_each(|r| words[r.start as usize..r.end as usize].fill(true));
            }
        }
        let mut base = 0;
        for piece in words.chunk_by(|a, b| a == b) {
            let count = piece.len() as u32;
            if piece[0] {
                runs.push(Run { space, base, words: count, offset });
                offset += count * pitch(space, config);
            }
            base += count;
        }
    }
    runs
}
