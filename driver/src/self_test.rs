//! The program that shows a freshly loaded or recovered device to be alive: it moves, multiplies, requantizes and stores one tile.
//!
//! Region 0 holds the input: N x N bytes of the left operand, then N x N of the right one, each padded to the alignment of
//! DRAM a row. Region 1 takes the product's low bytes after a rectifier.

use systole_isa::instruction::{End, Format, Function, Gemm, Load, Map, Memory, Output, Stat, Store, Sync};
use systole_isa::{ABI_HASH, DRAM_ALIGN, HwConfig, Instruction, REGIONS};

use crate::{Bindings, Engine, EngineError, Program, Refused, RegionSpec, RunOptions, RunReport, Verified, verify};

/// Semaphores between the units.
const LOADED: u16 = 1;
const MULTIPLIED: u16 = 2;
const MAPPED: u16 = 4;

/// The program for a configuration.
pub fn program(config: &HwConfig) -> Vec<Instruction> {
    let n = u16::try_from(config.n).unwrap_or(u16::MAX);
    let (left, right, out) = (0, n, 2 * n);
    let matrix = u32::from(n) * DRAM_ALIGN;
    let load = |dst, offset| Load {
        memory: Memory::Spad,
        format: Format::I8,
        region: 0,
        dst,
        dst_stride: 1,
        offset,
        pitch: DRAM_ALIGN,
        rows: n,
        cols: n,
    };
    let step = |op: systole_isa::instruction::Op, wait, post| Instruction { sync: Sync { tag: 0, wait, post }, op };
    vec![
        step(load(left, 0).into(), 0, 0),
        step(load(right, matrix).into(), 0, LOADED),
        step(
            Gemm {
                accumulate: false,
                transpose_b: false,
                a: left,
                a_stride: 1,
                b: right,
                b_stride: 1,
                c: 0,
                c_stride: 1,
                m: n,
                k: n,
                n,
            }
            .into(),
            LOADED,
            MULTIPLIED,
        ),
        step(
            Map {
                src_spad: false,
                row_sub: false,
                row_scale: false,
                channel: false,
                broadcast: false,
                add: false,
                stat_init: false,
                src: 0,
                src_stride: 1,
                dst: out,
                dst_stride: 1,
                aux: 0,
                param: 0,
                rows: n,
                cols: n,
                row_in: 0,
                row_out: 0,
                function: Function::Relu,
                stat: Stat::None,
                output: Output::Spad8,
                out_shift: 8,
            }
            .into(),
            MULTIPLIED,
            MAPPED,
        ),
        step(
            Store {
                memory: Memory::Spad,
                format: Format::I8,
                region: 1,
                src: out,
                src_stride: 1,
                offset: 0,
                pitch: DRAM_ALIGN,
                rows: n,
                cols: n,
            }
            .into(),
            MAPPED,
            0,
        ),
        Instruction::new(End {}),
    ]
}

/// The program with its regions, proven safe.
///
/// # Errors
/// The verifier's reason; a test keeps it from happening for the named configurations.
pub fn verified(config: &'static HwConfig) -> Result<Verified, Refused> {
    let matrix = config.n * DRAM_ALIGN;
    let mut regions: [RegionSpec; REGIONS] = Default::default();
    regions[0] = RegionSpec { name: "input".to_owned(), size: 2 * matrix, writable: false, initialised: true };
    regions[1] = RegionSpec { name: "output".to_owned(), size: matrix, writable: true, initialised: false };
    let code = program(config).iter().map(Instruction::encode).collect();
    verify(Program { config, abi_hash: ABI_HASH, tokens: 1, batch: 1, code, regions, tags: Vec::new() })
}

/// Both operands: every byte another, all magnitudes and both signs.
pub fn input(config: &HwConfig) -> Vec<u8> {
    (0..2 * config.n * DRAM_ALIGN).map(|i| (i.wrapping_mul(0x9e37_79b9) >> 23) as u8).collect()
}

/// What it must store: the product of both operands after the rectifier, rounded to its high bits.
pub fn expected(config: &HwConfig) -> Vec<u8> {
    let (n, pitch, input) = (config.n as usize, DRAM_ALIGN as usize, input(config));
    let at = |matrix: usize, row: usize, column: usize| i32::from(input[(matrix * n + row) * pitch + column] as i8);
    let mut output = vec![0; n * pitch];
    for (row, bytes) in output.chunks_mut(pitch).enumerate() {
        for (column, byte) in bytes[..n].iter_mut().enumerate() {
            let sum: i32 = (0..n).map(|k| at(0, row, k) * at(1, k, column)).sum();
            *byte = ((sum.max(0) + 128) >> 8).min(127) as u8;
        }
    }
    output
}

/// Runs it on a device and returns what it stored, with the report.
///
/// # Errors
/// What the engine reports.
pub fn run(engine: &mut Engine, program: &Verified, options: RunOptions) -> Result<(Vec<u8>, RunReport), EngineError> {
    let loaded = engine.upload(program)?;
    let from = engine.allocate(u64::from(program.regions[0].size))?;
    let to = engine.allocate(u64::from(program.regions[1].size))?;
    engine.write(&from, 0, &input(program.config))?;
    let report = engine.run(&loaded, &Bindings::new().bind(0, &from).bind(1, &to), options)?;
    let mut output = vec![0; program.regions[1].size as usize];
    engine.read(&to, 0, &mut output)?;
    Ok((output, report))
}

#[cfg(test)]
mod tests {
    use super::*;
    use systole_isa::config::NAMED;

    #[test]
    fn it_is_sound_and_not_trivial_in_every_configuration() {
        for config in NAMED {
            verified(config).unwrap_or_else(|e| panic!("{}: {e}", config.name));
            let mut values = expected(config);
            values.sort_unstable();
            values.dedup();
            assert!(values.len() > 10, "{}: {values:?}", config.name);
        }
    }
}
