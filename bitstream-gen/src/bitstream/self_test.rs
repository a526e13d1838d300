//! The program that shows a freshly loaded device to be alive: it moves, multiplies, requantizes and stores one tile.
//!
//! Region 0 holds the input: N x N bytes of the left operand, then N x N of the right one, each padded to the alignment of
//! DRAM a row. Region 1 takes the product's low bytes after a rectifier.

use super::hash;
use systole_isa::instruction::{End, Format, Function, Gemm, Load, Map, Memory, Output, Stat, Store, Sync};
use systole_isa::{DRAM_ALIGN, HwConfig, Instruction};

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

    #[test]
    fn the_digest_tells_configurations_apart() {
        let mut digests = NAMED.map(digest).to_vec();
        digests.sort();
        digests.dedup();
        assert_eq!(digests.len(), NAMED.len());
    }
}
