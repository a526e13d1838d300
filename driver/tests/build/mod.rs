//! Small programs for tests: one function for each operation, on configuration `n8`.

#![allow(dead_code, reason = "each test binary uses a part")]

use systole_driver::{Program, RegionSpec};
use systole_isa::config::N8;
use systole_isa::instruction::{End, Format, Function, Gemm, Load, Map, Memory, Output, Row, RowKind, Stat, Store};
use systole_isa::{ABI_HASH, Instruction, Op, REGIONS, Sync};

/// Region index of the constant input.
pub const INPUT: u8 = 0;
/// Region index of the writable output, not initialised.
pub const OUTPUT: u8 = 1;

pub fn region(name: &str, size: u32, writable: bool, initialised: bool) -> RegionSpec {
    RegionSpec { name: name.into(), size, writable, initialised }
}

/// A program over the input (region 0, 4096 bytes) and the output (region 1, 4096 bytes); END is appended.
pub fn program(instructions: &[Instruction]) -> Program {
    let mut regions: [RegionSpec; REGIONS] = Default::default();
    regions[0] = region("input", 4096, false, true);
    regions[1] = region("output", 4096, true, false);
    let end = Instruction::new(End {});
    let code = instructions.iter().chain([&end]).map(Instruction::encode).collect();
    Program { config: &N8, abi_hash: ABI_HASH, tokens: 1, batch: 1, code, regions, tags: Vec::new() }
}

/// Adds semaphores: bits of the masks.
pub fn sync(op: impl Into<Op>, wait: u16, post: u16) -> Instruction {
    Instruction { sync: Sync { tag: 0, wait, post }, op: op.into() }
}

/// `rows` words of SPAD from the input.
pub fn load(dst: u16, rows: u16) -> Load {
    let (memory, format) = (Memory::Spad, Format::I8);
    Load { memory, format, region: INPUT, dst, dst_stride: 1, offset: 0, pitch: 32, rows, cols: 8 }
}

/// One word each: `acc[c] = spad[a] x spad[b..b + 8]`.
pub fn gemm(a: u16, b: u16, c: u16) -> Gemm {
    let (m, k, n) = (1, 8, 8);
    Gemm { accumulate: false, transpose_b: false, a, a_stride: 1, b, b_stride: 1, c, c_stride: 1, m, k, n }
}

/// Copies `rows` words from ACC to SPAD.
pub fn map(src: u16, dst: u16, rows: u16) -> Map {
    Map {
        src_spad: false,
        row_sub: false,
        row_scale: false,
        channel: false,
        broadcast: false,
        add: false,
        stat_init: false,
        src,
        src_stride: 1,
        dst,
        dst_stride: 1,
        aux: 0,
        param: 0,
        rows,
        cols: 8,
        row_in: 0,
        row_out: 0,
        function: Function::None,
        stat: Stat::None,
        output: Output::Spad8,
        out_shift: 0,
    }
}

/// `rows` ROW entries in place.
pub fn row(src: u16, rows: u16) -> Row {
    Row { kind: RowKind::Scale, frac: 0, src, dst: src, rows, count: 0, num: 0, eps: 0 }
}

/// `rows` words from SPAD to the output at `offset`.
pub fn store(src: u16, rows: u16, offset: u32) -> Store {
    let (memory, format) = (Memory::Spad, Format::I8);
    Store { memory, format, region: OUTPUT, src, src_stride: 1, offset, pitch: 32, rows, cols: 8 }
}
