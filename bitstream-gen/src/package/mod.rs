//! `systole_pkg.sv`: the contract as a SystemVerilog package.

pub mod config;
mod decode;
mod instructions;
pub mod registers;
mod tables;

use crate::naming::{camel, comment, label, member, snake};
use std::fmt::Write as _;
use systole_isa::instruction::{
    Code, FieldType, Format, Function, INSTRUCTION_BYTES, Memory, Output, RowKind, Stat, Unit,
};
use systole_isa::ring::{LAYOUTS, REGION_WRITE, SUBMIT_INTERRUPT, SUBMIT_TRACE};
use systole_isa::{ABI_HASH, Cause, DRAM_ALIGN, PARAM_BYTES, REGIONS, SEMAPHORE_MAX, SEMAPHORES, register, rules};

/// First lines of every generated SystemVerilog file.
pub(crate) fn banner(purpose: &str) -> String {
    format!(
        "// SPDX-License-Identifier: MIT OR Apache-2.0\n//\n{}//\n// Generated from the contract in driver/isa; do not \
         edit. To regenerate:\n//   {}\n\n",
        comment(purpose, "", "//"),
        crate::REGENERATE
    )
}

/// An enumeration of the contract: name, documentation, codes.
type Coded = (&'static str, &'static str, &'static [Code]);

/// The coded enumerations, in the order of the package.
pub(crate) const ENUMS: [Coded; 8] = [
    ("Unit", "Consumers of instructions.", Unit::CODES),
    ("Memory", "On-chip memories that LOAD and STORE reach.", Memory::CODES),
    ("Format", "Element formats in DRAM.", Format::CODES),
    ("Function", "Functions of MAP.", Function::CODES),
    ("Stat", "Row statistics of MAP.", Stat::CODES),
    ("Output", "Outputs of MAP.", Output::CODES),
    ("RowKind", "Conversions of ROW.", RowKind::CODES),
    ("Cause", "Why a submission stopped.", Cause::CODES),
];
const _: () = assert!(Unit::BYTES == 1);

/// Name, value and comment of the package's constants.
fn constants() -> Vec<(&'static str, String, &'static str)> {
    let int = |v: u64| v.to_string();
    vec![
        ("longint unsigned AbiHash", format!("64'h{ABI_HASH:016x}"), "hash over the contract"),
        ("int unsigned Magic", format!("32'h{:08x}", register::MAGIC_VALUE), "what the MAGIC register reads"),
        ("int unsigned RegWindowBytes", int(register::WINDOW_BYTES.into()), "bytes of the register window"),
        ("int unsigned InstructionBytes", int(INSTRUCTION_BYTES as u64), "bytes of an instruction"),
        ("int unsigned InstructionBits", int(8 * INSTRUCTION_BYTES as u64), "bits of an instruction"),
        ("int unsigned DramAlign", int(DRAM_ALIGN.into()), "alignment of DRAM offsets, pitches and regions"),
        ("int unsigned NumSemaphores", int(SEMAPHORES as u64), "counting semaphores"),
        ("int unsigned SemaphoreMax", int(SEMAPHORE_MAX.into()), "largest count of a semaphore"),
        ("int unsigned SemaphoreWidth", int((32 - SEMAPHORE_MAX.leading_zeros()).into()), "bits of its count"),
        ("int unsigned NumRegions", int(REGIONS as u64), "entries of the region table"),
        ("int unsigned ParamBytes", int(PARAM_BYTES.into()), "bytes of a PARAM record"),
        ("int unsigned MaxMoments", int(rules::MAX_MOMENTS.into()), "most columns behind the moments"),
        ("int unsigned RegionWriteBit", int(REGION_WRITE.trailing_zeros().into()), "flag: stores are permitted"),
        (
            "int unsigned SubmitInterruptBit",
            int(SUBMIT_INTERRUPT.trailing_zeros().into()),
            "flag: interrupt at the end",
        ),
        ("int unsigned SubmitTraceBit", int(SUBMIT_TRACE.trailing_zeros().into()), "flag: write trace records"),
    ]
}

fn enumeration(out: &mut String, (name, doc, codes): Coded) {
    *out += &comment(doc, "  ", "//");
    *out += "  typedef enum logic [7:0] {\n";
    let live: Vec<_> = codes.iter().filter(|c| c.doc.is_some()).collect();
    for (i, code) in live.iter().enumerate() {
        let comma = if i + 1 < live.len() { "," } else { "" };
        *out += &comment(code.doc.unwrap_or_default(), "    ", "//");
        let _ = writeln!(out, "    {} = 8'd{}{comma}", label(name, code), code.code);
    }
    for code in codes.iter().filter(|c| c.doc.is_none()) {
        let _ = writeln!(out, "    // 8'd{} is reserved: {}", code.code, code.name);
    }
    let _ = writeln!(out, "  }} {}_e;\n", snake(name));
}

/// Rings' entries, most significant member first as SystemVerilog wants it.
fn layouts(out: &mut String) {
    for (name, bytes, fields) in LAYOUTS {
        let _ = writeln!(out, "  // Memory layout of {} bytes, byte 0 in bits 7:0.", bytes);
        let _ = writeln!(out, "  localparam int unsigned {}Bytes = {bytes};", camel(name));
        *out += "  typedef struct packed {\n";
        for (field, offset, width) in fields.iter().rev() {
            let _ = writeln!(out, "    logic [{}:0] {};  // byte {offset}", width * 8 - 1, member(field));
        }
        let _ = writeln!(out, "  }} {}_t;\n", snake(name));
    }
}

/// What lies in PARAM and ROW.
const MEMORY_WORDS: &str = "  // PARAM record, see docs/numerics.md.
  typedef struct packed {
    logic [7:0]         zero;
    logic [7:0]         shift;
    logic signed [15:0] mult;
    logic signed [31:0] bias;
  } param_t;

  // ROW entry: a statistic (a: maximum or sum, b: sum of squares) or a scale (a: what the row stage
  // subtracts, b: mantissa in bits 15:0, shift in bits 21:16).
  typedef struct packed {
    logic [47:0]        b;
    logic signed [31:0] a;
  } row_entry_t;

";

/// The text of `systole_pkg.sv`.
pub fn contract() -> String {
    let mut out = banner("The hardware contract: instructions, registers, memory layouts, function tables.");
    out += "package systole_pkg;\n\n";
    for (name, value, note) in constants() {
        let _ = writeln!(out, "  localparam {name} = {value};  // {note}");
    }
    out += "\n";
    for coded in ENUMS {
        enumeration(&mut out, coded);
    }
    instructions::emit(&mut out);
    decode::emit(&mut out);
    layouts(&mut out);
    out += MEMORY_WORDS;
    registers::emit(&mut out);
    tables::emit(&mut out);
    out += "endpackage\n";
    out
}
