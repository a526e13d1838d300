//! Packed structs of the instructions: byte 0 in bits 7:0, so that casting the fetched bits decodes them.

use crate::naming::{camel, comment, member, snake};
use std::fmt::Write as _;
use systole_isa::instruction::{FieldDecl, INSTRUCTION_BYTES, OPERATIONS, OperationDecl};

/// Bytes before the first operand.
const HEADER_BYTES: usize = 8;

fn member_type(field: &FieldDecl) -> String {
    let msb = field.bytes * 8 - 1;
    match (field.codes.is_empty(), field.type_name.starts_with('i')) {
        (false, _) => format!("{}_e", snake(field.type_name)),
        (true, true) => format!("logic signed [{msb}:0]"),
        (true, false) => format!("logic [{msb}:0]"),
    }
}

fn reserved(out: &mut String, from: usize, to: usize) {
    if from < to {
        let _ = writeln!(out, "    logic [{}:0] zero_{from};  // byte {from}", (to - from) * 8 - 1);
    }
}

fn operation(out: &mut String, op: &OperationDecl) {
    *out += &comment(op.doc, "  ", "//");
    *out += "  typedef struct packed {\n";
    let mut fields: Vec<&FieldDecl> = op.fields.iter().collect();
    fields.sort_by_key(|f| f.offset);
    let mut end = INSTRUCTION_BYTES;
    for field in fields.iter().rev() {
        reserved(out, field.offset + field.bytes, end);
        let _ = writeln!(out, "    {} {};  // byte {}", member_type(field), member(field.name), field.offset);
        end = field.offset;
    }
    reserved(out, HEADER_BYTES, end);
    *out += "    logic [15:0] post_mask;  // byte 6\n    logic [15:0] wait_mask;  // byte 4\n";
    *out += "    logic [15:0] tag;  // byte 2\n";
    let mut high = 8;
    for bit in (0..8u8).rev() {
        if let Some(flag) = op.flags.iter().find(|f| f.bit == bit && f.doc.is_some()) {
            flag_gap(out, bit + 1, high);
            let _ = writeln!(out, "    logic {};  // byte 1, bit {bit}", member(flag.name));
            high = bit;
        }
    }
    flag_gap(out, 0, high);
    let _ = writeln!(out, "    opcode_e opcode;  // byte 0\n  }} inst_{}_t;\n", op.mnemonic);
}

fn flag_gap(out: &mut String, from: u8, to: u8) {
    if from < to {
        let _ = writeln!(out, "    logic [{}:0] zero_flags_{from};  // byte 1, bits {}:{from}", to - from - 1, to - 1);
    }
}

/// Opcodes, and a struct for each operation.
pub fn emit(out: &mut String) {
    *out += "  // Operation codes, byte 0 of an instruction.\n  typedef enum logic [7:0] {\n";
    for (i, op) in OPERATIONS.iter().enumerate() {
        let comma = if i + 1 < OPERATIONS.len() { "," } else { "" };
        let _ = writeln!(out, "    Op{} = 8'h{:02x}{comma}", camel(op.mnemonic), op.opcode);
    }
    *out += "  } opcode_e;\n\n";
    for op in OPERATIONS {
        operation(out, op);
    }
}
