//! The ABI hash: FNV-1a, 64 bits, over everything two sides must agree on. Documentation is left out, so that a better
//! sentence does not invalidate programs; named configurations are left out, since they have registers of their own.

use crate::fault::Cause;
use crate::instruction::{Code, OPERATIONS};
use crate::register::REGISTERS;
use crate::ring::LAYOUTS;
use crate::tables::{EXP2, GELU_DIP, TANH};

/// Version of what no table shows: the scalar semantics in [`crate::numerics`], the rules in [`crate::rules`] and the
/// rings' protocol. Raise it with any change of theirs.
pub const SEMANTICS_VERSION: u32 = 1;

/// The hash of this contract.
pub const ABI_HASH: u64 = hash();

#[derive(Clone, Copy)]
struct Fnv(u64);

impl Fnv {
    const fn byte(self, b: u8) -> Self {
        Self((self.0 ^ b as u64).wrapping_mul(0x100_0000_01b3))
    }
    const fn number(self, x: u64) -> Self {
        let mut h = self;
        let bytes = x.to_le_bytes();
        let mut i = 0;
        while i < 8 {
            h = h.byte(bytes[i]);
            i += 1;
        }
        h
    }
    const fn text(self, s: &str) -> Self {
        let mut h = self.number(s.len() as u64);
        let mut i = 0;
        while i < s.len() {
            h = h.byte(s.as_bytes()[i]);
            i += 1;
        }
        h
    }
    const fn codes(self, codes: &[Code]) -> Self {
        let mut h = self.number(codes.len() as u64);
        let mut i = 0;
        while i < codes.len() {
            h = h.number(codes[i].code as u64).text(codes[i].name).number(codes[i].doc.is_some() as u64);
            i += 1;
        }
        h
    }
    const fn table(self, table: &[u16]) -> Self {
        let mut h = self;
        let mut i = 0;
        while i < table.len() {
            h = h.number(table[i] as u64);
            i += 1;
        }
        h
    }
}

const fn hash() -> u64 {
    let mut h = Fnv(0xcbf2_9ce4_8422_2325).number(SEMANTICS_VERSION as u64);
    h = h.number(crate::DRAM_ALIGN as u64).number(crate::SEMAPHORES as u64).number(crate::SEMAPHORE_MAX as u64);
    h = h.number(crate::REGIONS as u64).number(crate::INSTRUCTION_BYTES as u64);
    let mut o = 0;
    while o < OPERATIONS.len() {
        let op = &OPERATIONS[o];
        h = h.text(op.name).number(op.opcode as u64).number(op.unit as u64);
        let mut i = 0;
        while i < op.flags.len() {
            h = h.text(op.flags[i].name).number(op.flags[i].bit as u64).number(op.flags[i].doc.is_some() as u64);
            i += 1;
        }
        i = 0;
        while i < op.fields.len() {
            let field = &op.fields[i];
            h = h.text(field.name).number(field.offset as u64).number(field.bytes as u64).text(field.type_name);
            h = h.codes(field.codes);
            i += 1;
        }
        o += 1;
    }
    let mut r = 0;
    while r < REGISTERS.len() {
        h = h.text(REGISTERS[r].name).number(REGISTERS[r].offset as u64).text(REGISTERS[r].access.name());
        r += 1;
    }
    let mut l = 0;
    while l < LAYOUTS.len() {
        h = h.text(LAYOUTS[l].0).number(LAYOUTS[l].1 as u64);
        let mut i = 0;
        while i < LAYOUTS[l].2.len() {
            h = h.text(LAYOUTS[l].2[i].0).number(LAYOUTS[l].2[i].1 as u64).number(LAYOUTS[l].2[i].2 as u64);
            i += 1;
        }
        l += 1;
    }
    h.codes(Cause::CODES).table(&EXP2).table(&GELU_DIP).table(&TANH).0
}
