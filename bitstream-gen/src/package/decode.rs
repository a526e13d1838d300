//! Functions that judge 32 bytes as `Instruction::decode` does, in the same order: opcode, reserved flags, fields in
//! the order of their declaration, stray bits.

use crate::naming::{camel, label, snake};
use std::fmt::Write as _;
use systole_isa::instruction::{Code, INSTRUCTION_BYTES, OPERATIONS, OperationDecl};

/// Bits that an operation's fields, flags and the common header cover.
fn covered(op: &OperationDecl) -> [u8; INSTRUCTION_BYTES] {
    let mut mask = [0; INSTRUCTION_BYTES];
    mask[0] = 0xff;
    mask[2..8].fill(0xff);
    for flag in op.flags {
        mask[1] |= 1 << flag.bit;
    }
    for field in op.fields {
        mask[field.offset..field.offset + field.bytes].fill(0xff);
    }
    mask
}

fn code_list(type_name: &str, codes: &[Code], reserved: bool) -> String {
    codes
        .iter()
        .filter(|c| c.doc.is_none() == reserved)
        .map(|c| if reserved { format!("8'd{}", c.code) } else { label(type_name, c) })
        .collect::<Vec<_>>()
        .join(", ")
}

/// A function that judges one byte of each coded field.
fn judge(out: &mut String, type_name: &str, codes: &[Code]) {
    let _ = writeln!(out, "  function automatic cause_e judge_{}(logic [7:0] code);", snake(type_name));
    *out += "    cause_e cause;\n    unique case (code)\n";
    let live = code_list(type_name, codes, false);
    let _ = writeln!(out, "      {live}:\n        cause = CauseNone;");
    let reserved = code_list(type_name, codes, true);
    if !reserved.is_empty() {
        let _ = writeln!(out, "      {reserved}: cause = CauseUnimplemented;");
    }
    *out += "      default: cause = CauseIllegalInstruction;\n    endcase\n    return cause;\n  endfunction\n\n";
}

/// The reserved bits of every operation, and `judge_encoding`.
pub fn emit(out: &mut String) {
    *out += "  // Bits of each operation that no field covers and that must be zero.\n";
    for op in OPERATIONS {
        let hex: String = covered(op).iter().rev().map(|b| format!("{:02x}", !b)).collect();
        let _ = writeln!(out, "  localparam logic [InstructionBits-1:0] {}StrayBits =", camel(op.mnemonic));
        let _ = writeln!(out, "    256'h{hex};");
    }
    *out += "\n";
    let mut seen: Vec<&str> = Vec::new();
    for field in OPERATIONS.iter().flat_map(|op| op.fields).filter(|f| !f.codes.is_empty()) {
        if !seen.contains(&field.type_name) {
            seen.push(field.type_name);
            judge(out, field.type_name, field.codes);
        }
    }
    *out += "  // Whether the bits are an instruction: CauseNone, CauseUnimplemented for a reserved feature, else\n";
    *out += "  // CauseIllegalInstruction. Operand rules are judged elsewhere.\n";
    *out += "  function automatic cause_e judge_encoding(logic [InstructionBits-1:0] bits);\n";
    *out += "    cause_e cause;\n    cause = CauseNone;\n    unique case (bits[7:0])\n";
    for op in OPERATIONS {
        arm(out, op);
    }
    *out += "      default: cause = CauseIllegalInstruction;\n    endcase\n    return cause;\n  endfunction\n\n";
}

fn arm(out: &mut String, op: &OperationDecl) {
    let _ = writeln!(out, "      Op{}: begin", camel(op.mnemonic));
    let reserved = op.flags.iter().filter(|f| f.doc.is_none()).fold(0u8, |m, f| m | 1 << f.bit);
    let mut lead = "        if";
    if reserved != 0 {
        let _ = writeln!(out, "{lead} ((bits[15:8] & 8'h{reserved:02x}) != '0) cause = CauseUnimplemented;");
        lead = "        else if";
    }
    for field in op.fields.iter().filter(|f| !f.codes.is_empty()) {
        let (high, low) = (field.offset * 8 + 7, field.offset * 8);
        let call = format!("judge_{}(bits[{high}:{low}])", snake(field.type_name));
        let _ = writeln!(out, "{lead} ({call} != CauseNone) begin\n          cause = {call};\n        end");
        lead = "        else if";
    }
    let stray = camel(op.mnemonic);
    let _ = writeln!(out, "{lead} ((bits & {stray}StrayBits) != '0) cause = CauseIllegalInstruction;\n      end");
}
