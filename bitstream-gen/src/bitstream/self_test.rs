//! The program that shows a freshly loaded device to be alive: it moves, multiplies, requantizes and stores one tile.
//!
//! Region 0 holds the input: N x N bytes of the left operand, then N x N of the right one, each padded to the alignment of
//! DRAM a row. Region 1 takes the product's low bytes after a rectifier.

use super::hash;
use systole_driver::{
    Bindings, Engine, EngineError, Program, Refused, RegionSpec, RunOptions, RunReport, Verified, verify,
};
use systole_isa::instruction::{End, Format, Function, Gemm, Load, Map, Memory, Output, Stat, Store, Sync};
use systole_isa::{ABI_HASH, DRAM_ALIGN, HwConfig, Instruction, REGIONS};

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

/// Runs it on a device and returns what it stored, with the report.
///
/// # Errors
/// What the driver reports; [`EngineError`].
pub fn run(engine: &mut Engine, program: &Verified) -> Result<(Vec<u8>, RunReport), EngineError> {
    let loaded = engine.upload(program)?;
    let from = engine.allocate(u64::from(program.regions[0].size))?;
    let to = engine.allocate(u64::from(program.regions[1].size))?;
    engine.write(&from, 0, &input(program.config))?;
    let report = engine.run(&loaded, &Bindings::new().bind(0, &from).bind(1, &to), RunOptions::default())?;
    let mut output = vec![0; program.regions[1].size as usize];
    engine.read(&to, 0, &mut output)?;
    Ok((output, report))
}

/// SHA-256 of its encoding, as bundles carry it.
pub fn digest(config: &HwConfig) -> String {
    let code: Vec<u8> = program(config).iter().flat_map(Instruction::encode).collect();
    hash::of(&code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use systole_isa::{access, config::NAMED};

    #[test]
    fn every_instruction_is_legal_in_every_configuration() {
        for config in NAMED {
            for instruction in program(config) {
                access::check(&instruction, config).unwrap_or_else(|e| panic!("{}: {instruction}: {e:?}", config.name));
            }
        }
    }

    /// On the simulator the product is what a naive loop gives, and not trivial.
    #[test]
    fn it_multiplies_and_rectifies() {
        for config in NAMED {
            let program = verified(config).unwrap_or_else(|e| panic!("{}: {e}", config.name));
            let mut engine = Engine::open(Box::new(systole_sim::Simulator::new(config))).unwrap();
            let (output, _) = run(&mut engine, &program).unwrap();
            let (n, pitch, input) = (config.n as usize, DRAM_ALIGN as usize, input(config));
            let at = |matrix: usize, row: usize, column: usize| input[(matrix * n + row) * pitch + column] as i8 as i32;
            let mut different = std::collections::BTreeSet::new();
            for row in 0..n {
                for column in 0..n {
                    let sum: i32 = (0..n).map(|k| at(0, row, k) * at(1, k, column)).sum();
                    let expected = ((sum.max(0) + 128) >> 8).min(127) as u8;
                    assert_eq!(output[row * pitch + column], expected, "{}: {row}, {column}", config.name);
                    different.insert(expected);
                }
            }
            assert!(different.len() > 10, "{}: {different:?}", config.name);
        }
    }

    #[test]
    fn the_digest_tells_configurations_apart() {
        let mut digests = NAMED.map(digest).to_vec();
        digests.sort();
        digests.dedup();
        assert_eq!(digests.len(), NAMED.len());
    }
}
