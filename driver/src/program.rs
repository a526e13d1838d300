//! A compiled program and what it expects of memory.

use systole_isa::{HwConfig, INSTRUCTION_BYTES, Instruction, REGIONS};

/// What a program expects of one region of DRAM.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegionSpec {
    /// Purpose, for people: `weights`, `input`, `output`, `workspace`.
    pub name: String,
    /// Bytes, a multiple of 32; 0 for an unused index.
    pub size: u32,
    /// The program stores into it.
    pub writable: bool,
    /// The host fills it before submission. Otherwise the program may read only what it stored.
    pub initialised: bool,
}

/// What a trace tag stands for. Tag `t` of an instruction is entry `t - 1` of [`Program::tags`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tag {
    /// Encoder layer, counted from 0; `None` for what belongs to no layer.
    pub layer: Option<u16>,
    /// Operation in the model's terms, such as `attention.scores`.
    pub op: String,
}

/// A program for one configuration, one sequence length and one batch size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// The configuration whose memories it fits.
    pub config: &'static HwConfig,
    /// The contract it was made for.
    pub abi_hash: u64,
    /// Tokens of each sequence.
    pub tokens: u32,
    /// Sequences.
    pub batch: u32,
    /// Encoded instructions; the last is END.
    pub code: Vec<[u8; INSTRUCTION_BYTES]>,
    /// The regions, by index.
    pub regions: [RegionSpec; REGIONS],
    /// Meaning of the trace tags.
    pub tags: Vec<Tag>,
}

/// Why bytes are no program file, or a program cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProgramError {
    /// An instruction does not decode.
    #[error("instruction {index}: {source}; compile the program again")]
    Instruction {
        /// Index in the program.
        index: usize,
        /// What is wrong with it.
        source: systole_isa::DecodeError,
    },
}

impl Program {
    /// Decodes instruction by instruction.
    pub fn instructions(&self) -> impl Iterator<Item = Result<Instruction, ProgramError>> + '_ {
        self.code.iter().enumerate().map(|(index, bytes)| {
            Instruction::decode(bytes).map_err(|source| ProgramError::Instruction { index, source })
        })
    }
}
