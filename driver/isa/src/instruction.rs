//! The instructions: 32 bytes, little-endian, byte-aligned fields.
//!
//! Bytes 0..8 are common: opcode, flags, trace tag (u16), wait mask (u16), post mask (u16). An instruction starts when
//! every semaphore named in its wait mask is at least 1, and takes 1 from each; when all it wrote is visible, it adds 1
//! to every semaphore of its post mask. Addresses on chip are *words*: a SPAD word is N bytes, an ACC word N INT32, a
//! PARAM word N records, a ROW entry one row's statistics or scale. A matrix row occupies `ceil(cols / N)` consecutive
//! words, and whoever writes a row writes zeros into the lanes behind its last column.

use std::fmt;

/// Bytes of every instruction.
pub const INSTRUCTION_BYTES: usize = 32;

/// Why 32 bytes are no instruction of this contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// Byte 0 names no operation. Zero is no operation, so that empty memory does not execute.
    UnknownOpcode {
        /// The byte found.
        opcode: u8,
    },
    /// A field holds a code that nothing is assigned to.
    ReservedValue {
        /// The field's name.
        field: &'static str,
        /// The byte found.
        value: u8,
    },
    /// A byte or flag that must be zero is not.
    ReservedBits {
        /// Offset of the first such byte.
        byte: u8,
    },
    /// A feature with an assigned encoding that this version does not execute.
    Unimplemented {
        /// The feature's name in the reference page.
        feature: &'static str,
    },
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownOpcode { opcode } => write!(f, "unknown opcode {opcode:#04x}"),
            Self::ReservedValue { field, value } => write!(f, "field `{field}` holds the unassigned code {value:#04x}"),
            Self::ReservedBits { byte } => write!(f, "byte {byte} has bits set that must be zero"),
            Self::Unimplemented { feature } => write!(f, "`{feature}` is reserved and not implemented"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// One code of a one-byte enumeration, for the generated pages; `doc` is `None` when the code is reserved.
#[derive(Clone, Copy, Debug)]
pub struct Code {
    /// The byte.
    pub code: u8,
    /// The name in disassembly and RTL.
    pub name: &'static str,
    /// What it means.
    pub doc: Option<&'static str>,
}

/// A flag bit of byte 1; `doc` is `None` when it is reserved.
#[derive(Clone, Copy, Debug)]
pub struct FlagDecl {
    /// The name in disassembly and RTL.
    pub name: &'static str,
    /// Bit of byte 1.
    pub bit: u8,
    /// What it means.
    pub doc: Option<&'static str>,
}

/// A byte-aligned field.
#[derive(Clone, Copy, Debug)]
pub struct FieldDecl {
    /// The name in disassembly and RTL.
    pub name: &'static str,
    /// First byte.
    pub offset: usize,
    /// Width in bytes.
    pub bytes: usize,
    /// `u8`, `u16`, `u32`, `i8` or an enumeration's name.
    pub type_name: &'static str,
    /// The enumeration's codes; empty for a number.
    pub codes: &'static [Code],
    /// Meaning, unit and range.
    pub doc: &'static str,
}

/// An operation as declared.
#[derive(Clone, Copy, Debug)]
pub struct OperationDecl {
    /// The Rust type's name.
    pub name: &'static str,
    /// The disassembly's mnemonic.
    pub mnemonic: &'static str,
    /// Byte 0.
    pub opcode: u8,
    /// The unit that executes it.
    pub unit: Unit,
    /// What it does.
    pub doc: &'static str,
    /// Bits of byte 1.
    pub flags: &'static [FlagDecl],
    /// Bytes 8 and up.
    pub fields: &'static [FieldDecl],
}

/// A type that occupies bytes of an instruction.
pub trait FieldType: Copy {
    /// Width.
    const BYTES: usize;
    /// Codes of an enumeration.
    const CODES: &'static [Code] = &[];
    /// Name in the declaration.
    const TYPE_NAME: &'static str;
    /// Reads the value; `field` names the place for the error.
    fn get(bytes: &[u8], field: &'static str) -> Result<Self, DecodeError>;
    /// Writes the value.
    fn put(self, bytes: &mut [u8]);
}

macro_rules! number_fields {
    ($($ty:ty)+) => { $(
        impl FieldType for $ty {
            const BYTES: usize = std::mem::size_of::<$ty>();
            const TYPE_NAME: &'static str = stringify!($ty);
            fn get(bytes: &[u8], _: &'static str) -> Result<Self, DecodeError> {
                let mut le = [0; std::mem::size_of::<$ty>()];
                le.copy_from_slice(bytes);
                Ok(Self::from_le_bytes(le))
            }
            fn put(self, bytes: &mut [u8]) { bytes.copy_from_slice(&self.to_le_bytes()); }
        }
    )+ };
}
number_fields!(u8 u16 u32 i8);

coded_enum! {
    /// The five consumers of instructions. Each of the last four has an in-order queue of its own.
    Unit {
        /// Fetch and dispatch.
        Control = 0 "control",
        /// DRAM to chip.
        Load = 1 "load",
        /// The systolic array.
        Gemm = 2 "gemm",
        /// The vector lanes.
        Vector = 3 "vector",
        /// Chip to DRAM.
        Store = 4 "store",
    }
}

impl Unit {
    /// The four queued units, in order of their code.
    pub const QUEUED: [Self; 4] = [Self::Load, Self::Gemm, Self::Vector, Self::Store];
}

coded_enum! {
    /// An on-chip memory.
    Memory {
        /// INT8 scratchpad, N bytes a word: operands of the array.
        Spad = 0 "spad",
        /// INT32 accumulator, N values a word: results of the array, rows under LayerNorm, the residual.
        Acc = 1 "acc",
        /// Per-channel records, N a word.
        Param = 2 "param",
        reserved 3 "row memory transfer",
    }
}

coded_enum! {
    /// Element format in DRAM and what LOAD and STORE make of it.
    Format {
        /// One byte an element; SPAD only.
        I8 = 0 "i8",
        /// Two bytes; LOAD sign-extends to ACC, STORE saturates from ACC.
        I16 = 1 "i16",
        /// Four bytes; ACC only.
        I32 = 2 "i32",
        /// Eight bytes a record; LOAD to PARAM only.
        Record = 3 "record",
        reserved 4 "4-bit weight expansion",
        reserved 5 "2-bit weight expansion",
        reserved 6 "6-bit weight expansion",
    }
}

impl Format {
    /// Bytes of one element in DRAM.
    pub const fn bytes(self) -> u32 {
        match self {
            Self::I8 => 1,
            Self::I16 => 2,
            Self::I32 => 4,
            Self::Record => crate::PARAM_BYTES,
        }
    }
}

coded_enum! {
    /// The nonlinear function of MAP's function stage. GELU and tanh take and give Q12 (4096 is 1.0).
    Function {
        /// The identity.
        None = 0 "none",
        /// max(x, 0).
        Relu = 1 "relu",
        /// Gaussian error linear unit with the exact error function.
        Gelu = 2 "gelu",
        /// 2^x for x <= 0 in Q12; 1.0 is 127 * 256. Positive inputs count as 0.
        Exp2 = 3 "exp2",
        /// Hyperbolic tangent.
        Tanh = 4 "tanh",
        reserved 5 "gelu with tanh",
        reserved 6 "sigmoid",
        reserved 7 "silu",
    }
}

coded_enum! {
    /// The row statistic that MAP gathers over its *output* values.
    Stat {
        /// None; `row_out` is unused and zero.
        None = 0 "none",
        /// Largest value.
        Max = 1 "max",
        /// Largest magnitude.
        AbsMax = 2 "absmax",
        /// Sum.
        Sum = 3 "sum",
        /// Sum and sum of squares; needs an output of 18 bits or fewer.
        Moments = 4 "moments",
    }
}

coded_enum! {
    /// Where MAP's output goes and the width it saturates to.
    Output {
        /// Nowhere: only the statistic is kept; values stay 32 bits.
        None = 0 "none",
        /// SPAD, 8 bits.
        Spad8 = 1 "spad.i8",
        /// ACC, 16 bits: the residual stream.
        Acc16 = 2 "acc.i16",
        /// ACC, 18 bits: the sum under LayerNorm.
        Acc18 = 3 "acc.i18",
        /// ACC, 32 bits.
        Acc32 = 4 "acc.i32",
    }
}

impl Output {
    /// Bits the output saturates to.
    pub const fn bits(self) -> u32 {
        match self {
            Self::Spad8 => 8,
            Self::Acc16 => 16,
            Self::Acc18 => 18,
            Self::None | Self::Acc32 => 32,
        }
    }
}

coded_enum! {
    /// How ROW turns a statistic into a scale.
    RowKind {
        /// `num * 2^frac / a`: the reciprocal of a softmax sum, or the quantizer of a dynamic row.
        Recip = 0 "recip",
        /// `a * 2^frac`: the scale of a dynamic row.
        Scale = 1 "scale",
        /// Mean and reciprocal standard deviation over `count` values: LayerNorm.
        Rstd = 2 "rstd",
    }
}

operations! {
    /// Ends the program. The fetcher dispatches nothing after it; the submission completes when every unit is idle.
    End = 0x01 "end" on Control { flags {} fields {} }

    /// Copies `rows` rows of `cols` elements from DRAM to an on-chip memory.
    Load = 0x10 "load" on Load {
        flags {}
        fields {
            /// Destination memory.
            8 memory: Memory,
            /// Element format in DRAM.
            9 format: Format,
            /// Region index, 0..8.
            10 region: u8,
            /// First destination word.
            12 dst: u16,
            /// Words from one destination row to the next.
            14 dst_stride: u16,
            /// Byte offset of the first row in the region, a multiple of 32.
            16 offset: u32,
            /// Bytes from one row to the next in DRAM, a multiple of 32; 0 repeats the first row.
            20 pitch: u32,
            /// Number of rows, 1 or more.
            24 rows: u16,
            /// Elements in a row, 1 or more.
            26 cols: u16,
        }
    }

    /// Multiplies an M x K block by a K x N block, both INT8 in SPAD, into INT32 in ACC (wrapping).
    Gemm = 0x20 "gemm" on Gemm {
        flags {
            /// Add to what ACC holds instead of overwriting it.
            0 accumulate,
            /// The right operand is stored as N rows of K, as a PyTorch weight or the K of attention is.
            1 transpose_b,
            reserved 2 "unsigned left operand",
        }
        fields {
            /// First SPAD word of the left operand, M rows of K.
            8 a: u16,
            /// Words between its rows.
            10 a_stride: u16,
            /// First SPAD word of the right operand.
            12 b: u16,
            /// Words between its rows.
            14 b_stride: u16,
            /// First ACC word of the result, M rows of N.
            16 c: u16,
            /// Words between its rows.
            18 c_stride: u16,
            /// Rows of the left operand, 1 or more.
            20 m: u16,
            /// Inner dimension, 1 or more.
            22 k: u16,
            /// Columns of the result, 1 or more.
            24 n: u16,
        }
    }

    /// One pass of the vector lanes over `rows` x `cols`: row stage, channel stage, add, function, output, statistic.
    Map = 0x30 "map" on Vector {
        flags {
            /// Read the source from SPAD (INT8) instead of ACC.
            0 src_spad,
            /// Row stage: subtract the row's `a`. With `row_scale`, the source is first shifted left by 8 (LayerNorm).
            1 row_sub,
            /// Row stage: multiply by the row's mantissa and shift.
            2 row_scale,
            /// Channel stage: multiply, shift and bias by PARAM records.
            3 channel,
            /// The channel stage uses lane 0 of the word `param` for every column.
            4 broadcast,
            /// Add the ACC block at `aux` (its stride is `src_stride`).
            5 add,
            /// Start the statistic afresh instead of continuing the one in `row_out`.
            6 stat_init,
            reserved 7 "causal mask",
        }
        fields {
            /// First source word.
            8 src: u16,
            /// Words between source rows.
            10 src_stride: u16,
            /// First destination word; 0 when there is no output.
            12 dst: u16,
            /// Words between destination rows; 0 when there is no output.
            14 dst_stride: u16,
            /// First ACC word of the added block; 0 without `add`.
            16 aux: u16,
            /// First PARAM word; 0 without `channel`.
            18 param: u16,
            /// Number of rows, 1 or more.
            20 rows: u16,
            /// Number of columns, 1 or more.
            22 cols: u16,
            /// ROW entry of the first row for the row stage; 0 without it.
            24 row_in: u16,
            /// ROW entry of the first row for the statistic; 0 without it.
            26 row_out: u16,
            /// Function stage.
            28 function: Function,
            /// Statistic over the output.
            29 stat: Stat,
            /// Output place and width.
            30 output: Output,
            /// Rounding right shift before saturation, 0..=31.
            31 out_shift: u8,
        }
    }

    /// Turns `rows` ROW statistics into ROW scales.
    Row = 0x31 "row" on Vector {
        flags {}
        fields {
            /// The conversion.
            8 kind: RowKind,
            /// Power of two in the result's value, see the conversion.
            9 frac: i8,
            /// First ROW entry read.
            10 src: u16,
            /// First ROW entry written; may equal `src`.
            12 dst: u16,
            /// Number of rows, 1 or more.
            14 rows: u16,
            /// Columns behind the moments, 1..=4096; 0 unless the kind is rstd.
            16 count: u16,
            /// Numerator, 1 or more; 0 unless the kind is recip.
            18 num: u16,
            /// Added to `count^2 * variance`; 0 unless the kind is rstd.
            20 eps: u32,
        }
    }

    /// Copies `rows` rows of `cols` elements from SPAD or ACC to DRAM; exactly those bytes are written.
    Store = 0x40 "store" on Store {
        flags {}
        fields {
            /// Source memory: SPAD or ACC.
            8 memory: Memory,
            /// Element format in DRAM.
            9 format: Format,
            /// Region index, 0..8.
            10 region: u8,
            /// First source word.
            12 src: u16,
            /// Words from one source row to the next.
            14 src_stride: u16,
            /// Byte offset of the first row in the region, a multiple of 32.
            16 offset: u32,
            /// Bytes from one row to the next in DRAM, a multiple of 32.
            20 pitch: u32,
            /// Number of rows, 1 or more.
            24 rows: u16,
            /// Elements in a row, 1 or more.
            26 cols: u16,
        }
    }
}

/// What every instruction carries besides its operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Sync {
    /// Trace tag; 0 records nothing.
    pub tag: u16,
    /// Semaphores that must be at least 1 before the start, and lose 1.
    pub wait: u16,
    /// Semaphores that gain 1 when everything written is visible.
    pub post: u16,
}

/// One instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Instruction {
    /// Tag and semaphores.
    pub sync: Sync,
    /// Operation and operands.
    pub op: Op,
}

impl Instruction {
    /// An instruction without tag or semaphores.
    pub fn new(op: impl Into<Op>) -> Self {
        Self { sync: Sync::default(), op: op.into() }
    }

    /// The 32 bytes.
    pub fn encode(&self) -> [u8; INSTRUCTION_BYTES] {
        let mut bytes = [0; INSTRUCTION_BYTES];
        self.op.put(&mut bytes);
        self.sync.tag.put(&mut bytes[2..4]);
        self.sync.wait.put(&mut bytes[4..6]);
        self.sync.post.put(&mut bytes[6..8]);
        bytes
    }

    /// Reads an instruction. Operand rules that need no configuration are [`crate::rules::check`]'s.
    ///
    /// # Errors
    /// A [`DecodeError`] for anything that [`Instruction::encode`] could not have written.
    pub fn decode(bytes: &[u8; INSTRUCTION_BYTES]) -> Result<Self, DecodeError> {
        let op = Op::get(bytes)?;
        let word = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let decoded = Self { sync: Sync { tag: word(2), wait: word(4), post: word(6) }, op };
        // Whatever a field does not cover encodes as zero, so a second encoding finds stray bits.
        match decoded.encode().iter().zip(bytes).position(|(a, b)| a != b) {
            Some(byte) => Err(DecodeError::ReservedBits { byte: byte as u8 }),
            None => Ok(decoded),
        }
    }
}

impl fmt::Display for Instruction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.op)?;
        for (name, mask) in [("wait", self.sync.wait), ("post", self.sync.post)] {
            if mask != 0 {
                let list: Vec<String> = (0..16).filter(|s| mask >> s & 1 == 1).map(|s| s.to_string()).collect();
                write!(f, " {name}={}", list.join(","))?;
            }
        }
        if self.sync.tag != 0 {
            write!(f, " tag={}", self.sync.tag)?;
        }
        Ok(())
    }
}

/// Fields lie behind the common header, inside the instruction, and do not overlap.
const fn layout_is_sound(operations: &[OperationDecl]) -> bool {
    let mut o = 0;
    while o < operations.len() {
        let mut used = 0u32;
        let mut i = 0;
        while i < operations[o].fields.len() {
            let field = &operations[o].fields[i];
            if field.offset < 8 || field.offset + field.bytes > INSTRUCTION_BYTES {
                return false;
            }
            let mask = ((1u32 << field.bytes) - 1) << field.offset;
            if used & mask != 0 {
                return false;
            }
            used |= mask;
            i += 1;
        }
        o += 1;
    }
    true
}
const _: () = assert!(layout_is_sound(OPERATIONS));
