//! What a program does, counted.

use systole_isa::{Instruction, Op, Unit};

use crate::{Program, ProgramError};

/// Work of some instructions. Counts stop at the largest number instead of wrapping.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Instructions by unit code (see [`Unit`]).
    pub instructions: [u64; Unit::ALL.len()],
    /// Multiply-accumulates of GEMM: m k n, without what the array pads.
    pub macs: u64,
    /// Bytes that LOAD reads from DRAM, without what the bus pads.
    pub bytes_loaded: u64,
    /// Bytes that STORE writes to DRAM.
    pub bytes_stored: u64,
    /// Elements that MAP treats, and rows that ROW converts.
    pub vector_elements: u64,
}

/// The counts of a program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProgramStatistics {
    /// All instructions, END included.
    pub total: Statistics,
    /// By trace tag; entry 0 holds what has no tag. As long as [`Program::tags`] and the largest tag used require.
    pub by_tag: Vec<Statistics>,
}

impl Statistics {
    /// The work of one instruction.
    pub fn of(instruction: &Instruction) -> Self {
        let mut work = Self::default();
        work.add(instruction);
        work
    }

    /// Bytes between DRAM and chip, both ways.
    pub fn bytes(&self) -> u64 {
        self.bytes_loaded.saturating_add(self.bytes_stored)
    }

    /// Instructions of one unit.
    pub fn of_unit(&self, unit: Unit) -> u64 {
        self.instructions[unit as usize]
    }

    fn add(&mut self, instruction: &Instruction) {
        let product = |factors: &[u64]| factors.iter().fold(1u64, |p, f| p.saturating_mul(*f));
        let count = |total: &mut u64, factors: &[u64]| *total = total.saturating_add(product(factors));
        count(&mut self.instructions[instruction.op.unit() as usize], &[]);
        match &instruction.op {
            Op::End(_) => {}
            Op::Load(l) => {
                count(&mut self.bytes_loaded, &[l.rows.into(), l.cols.into(), l.format.bytes().into()]);
            }
            Op::Store(s) => {
                count(&mut self.bytes_stored, &[s.rows.into(), s.cols.into(), s.format.bytes().into()]);
            }
            Op::Gemm(g) => count(&mut self.macs, &[g.m.into(), g.k.into(), g.n.into()]),
            Op::Map(m) => count(&mut self.vector_elements, &[m.rows.into(), m.cols.into()]),
            Op::Row(r) => count(&mut self.vector_elements, &[r.rows.into()]),
        }
    }
}

impl Program {
    /// Counts what the program does, in all and by trace tag.
    ///
    /// # Errors
    /// An instruction does not decode.
    pub fn statistics(&self) -> Result<ProgramStatistics, ProgramError> {
        let mut out = ProgramStatistics {
            total: Statistics::default(),
            by_tag: vec![Statistics::default(); self.tags.len() + 1],
        };
        for instruction in self.instructions() {
            let instruction = instruction?;
            let tag = usize::from(instruction.sync.tag);
            if tag >= out.by_tag.len() {
                out.by_tag.resize(tag + 1, Statistics::default());
            }
            out.total.add(&instruction);
            out.by_tag[tag].add(&instruction);
        }
        Ok(out)
    }
}
