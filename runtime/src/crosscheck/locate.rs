//! Bisects a program for the first instruction after which two devices differ.

use std::fmt;

use systole_driver::{Program, ProgramError};
use systole_isa::access::Space;
use systole_isa::instruction::Unit;
use systole_isa::{HwConfig, Instruction, REGIONS};

use super::probe::{Probe, Run, pitch};
use crate::checkpoint::Encoding;
use crate::compile::compile;
use crate::{Error, RunOptions, Session};

/// The first operation after which two devices differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Encoder layer, counted from 0; `None` for what belongs to none.
    pub layer: Option<u16>,
    /// Operation in the model's terms.
    pub op: String,
    /// The unit that executes it.
    pub unit: Unit,
    /// Index of the instruction in the program.
    pub index: usize,
    /// The instruction, disassembled.
    pub instruction: String,
    /// The first element that differs.
    pub place: Place,
    /// What the board has there.
    pub found: i32,
    /// What the reference has there.
    pub expected: i32,
}

/// An element in device memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A lane of a word on chip.
    OnChip {
        /// Scratchpad or accumulators.
        space: Space,
        /// The word.
        word: u32,
        /// The lane.
        lane: u32,
    },
    /// A byte of a region.
    Region {
        /// Its name.
        name: String,
        /// The byte.
        offset: usize,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OnChip { space: Space::Spad, word, lane } => write!(f, "scratchpad word {word}, lane {lane}"),
            Self::OnChip { word, lane, .. } => write!(f, "accumulator word {word}, lane {lane}"),
            Self::Region { name, offset } => write!(f, "region `{name}`, byte {offset}"),
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { layer, op, unit, index, instruction, place, found, expected } = self;
        if let Some(layer) = layer {
            write!(f, "layer {layer}, ")?;
        }
        write!(f, "{op} on {unit}: {place} is {found} instead of {expected} after instruction {index}, {instruction}")
    }
}

/// Looks for the difference with one sequence. `None` if there is none this time, or if the configurations differ.
pub(super) fn first(
    board: &mut Session,
    reference: &mut Session,
    encoding: &Encoding,
    options: &RunOptions,
) -> Result<Option<Difference>, Error> {
    if board.config().id != reference.config().id {
        return Ok(None);
    }
    let tokens = encoding.ids.len() as u32;
    let program = compile(&board.model().encoder, board.config(), tokens, 1)?;
    let mut compare = |length: usize| -> Result<Option<(Place, i32, i32)>, Error> {
        let probe = Probe::new(&program, length)?;
        let found = board.contents(encoding, &probe.program, options)?;
        let expected = reference.contents(encoding, &probe.program, options)?;
        Ok(difference(&probe, &found, &expected))
    };
    // Without END: the probe has its own.
    let (mut equal, mut different) = (0, program.code.len() - 1);
    let Some(mut last) = compare(different)? else { return Ok(None) };
    while different - equal > 1 {
        let middle = equal + (different - equal) / 2;
        match compare(middle)? {
            Some(found) => (last, different) = (found, middle),
            None => equal = middle,
        }
    }
    describe(&program, equal, last).map(Some)
}

fn describe(program: &Program, index: usize, (place, found, expected): (Place, i32, i32)) -> Result<Difference, Error> {
    let decoded = Instruction::decode(&program.code[index]);
    let instruction = decoded.map_err(|source| ProgramError::Instruction { index, source })?;
    let tag = program.tags.get(usize::from(instruction.sync.tag).wrapping_sub(1)).cloned().unwrap_or_default();
    let (unit, instruction) = (instruction.op.unit(), instruction.to_string());
    Ok(Difference { layer: tag.layer, op: tag.op, unit, index, instruction, place, found, expected })
}

/// The first difference in what a probe wrote.
fn difference(probe: &Probe, found: &[Vec<u8>; REGIONS], expected: &[Vec<u8>; REGIONS]) -> Option<(Place, i32, i32)> {
    let (config, chip) = (probe.program.config, probe.region);
    let on_chip = probe.runs.iter().find_map(|run| of_run(run, config, &found[chip], &expected[chip]));
    let mut regions = (0..REGIONS).filter(|region| *region != chip);
    on_chip.or_else(|| {
        regions.find_map(|region| {
            let (a, b) = (&found[region], &expected[region]);
            let offset = a.iter().zip(b).position(|(a, b)| a != b)?;
            let name = probe.program.regions[region].name.clone();
            Some((Place::Region { name, offset }, a[offset].into(), b[offset].into()))
        })
    })
}

fn of_run(run: &Run, config: &HwConfig, found: &[u8], expected: &[u8]) -> Option<(Place, i32, i32)> {
    let (pitch, bytes) = (pitch(run.space, config) as usize, if run.space == Space::Spad { 1 } else { 4 });
    (0..run.words).find_map(|row| {
        let start = run.offset as usize + row as usize * pitch;
        let lanes = start..start + config.n as usize * bytes;
        let (a, b) = (&found[lanes.clone()], &expected[lanes]);
        let at = a.iter().zip(b).position(|(a, b)| a != b)? / bytes;
        let value = |side: &[u8]| match side[at * bytes..(at + 1) * bytes] {
            [a, b, c, d] => i32::from_le_bytes([a, b, c, d]),
            ref bytes => i32::from(bytes[0] as i8),
        };
        let place = Place::OnChip { space: run.space, word: run.base + row, lane: at as u32 };
        Some((place, value(a), value(b)))
    })
}
