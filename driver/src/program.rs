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
    /// The file begins with something else.
    #[error("this is no program file; make one with `systole compile`")]
    NotAProgram,
    /// The file has another format version.
    #[error("the program file has format {found}, supported is {supported}; compile the program again")]
    FormatVersion {
        /// Version in the file.
        found: u32,
        /// Version of this crate.
        supported: u32,
    },
    /// The file was made for another contract.
    #[error(
        "the program is for contract {program:#018x}, but this systole has contract {driver:#018x}; compile the program again"
    )]
    ForeignAbi {
        /// Hash in the file.
        program: u64,
        /// Hash of this crate's contract.
        driver: u64,
    },
    /// The file's bytes are not those that were written.
    #[error(
        "the program file is damaged: checksum {computed:#018x} instead of {stored:#018x}; copy or compile it again"
    )]
    Checksum {
        /// Checksum in the file.
        stored: u64,
        /// Checksum of the file's bytes.
        computed: u64,
    },
    /// The file ends early.
    #[error("the program file needs {wanted} bytes at offset {offset} and has {available}; copy or compile it again")]
    Truncated {
        /// Where it was read.
        offset: usize,
        /// Bytes needed there.
        wanted: usize,
        /// Bytes left.
        available: usize,
    },
    /// Something follows the end.
    #[error("{bytes} bytes follow the program's end; copy or compile it again")]
    Trailing {
        /// How many.
        bytes: usize,
    },
    /// The configuration has a name that is none of ours.
    #[error(
        "the program is for configuration `{name}`, known are {}; compile it for one of them",
        systole_isa::config::NAMED.map(|c| c.name).join(", ")
    )]
    UnknownConfig {
        /// Name in the file.
        name: String,
    },
    /// A text is not UTF-8.
    #[error("the text at offset {offset} of the program file is not UTF-8; compile the program again")]
    Text {
        /// Offset of its first byte.
        offset: usize,
    },
    /// A region has flags that mean nothing.
    #[error("region {region} has the unknown flags {flags:#04x}; compile the program again")]
    RegionFlags {
        /// Region index.
        region: usize,
        /// Its flags.
        flags: u8,
    },
    /// A tag's layer does not fit into 16 bits.
    #[error("a trace tag names layer {layer}, at most 65535 are possible; compile the program again")]
    Layer {
        /// Number in the file.
        layer: u32,
    },
    /// A table has more entries than supported.
    #[error("the program has {count} {what}, at most {max} are supported; split it")]
    TooMany {
        /// `tags` or `instructions`.
        what: &'static str,
        /// Number in the file.
        count: usize,
        /// Number supported.
        max: usize,
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
