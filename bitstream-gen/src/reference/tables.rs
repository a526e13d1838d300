//! Markdown tables of the declaration.

use crate::package::ENUMS;
use std::fmt::Write as _;
use systole_isa::HwConfig;
use systole_isa::instruction::{Code, OPERATIONS, OperationDecl};
use systole_isa::register::REGISTERS;
use systole_isa::ring::LAYOUTS;

/// The doc comments of the declaration are Rust's: one sentence may refer to code by a path.
fn prose(doc: &str) -> String {
    let mut text = doc.split_whitespace().collect::<Vec<_>>().join(" ");
    for path in ["crate::", "Completion::", "Submission::"] {
        text = text.replace(path, "");
    }
    text.replace('|', "\\|")
}

/// The named configurations.
pub fn configs(configs: &[&HwConfig]) -> String {
    let mut out = String::from(
        "| name | CONFIG_ID | N | bus | SPAD | ACC | PARAM | ROW | queue |\n|---|---|---|---|---|---|---|---|---|\n",
    );
    for c in configs {
        let _ = writeln!(
            out,
            "| `{}` | {} | {} | {} bit | {} words in {} banks, {} KiB | {} words in {} banks, {} KiB | {} words | {} entries | {} |",
            c.name,
            c.id,
            c.n,
            c.bus_bytes * 8,
            c.spad_words,
            c.spad_banks,
            c.spad_bytes() / 1024,
            c.acc_words,
            c.acc_banks,
            c.acc_bytes() / 1024,
            c.param_words,
            c.row_entries,
            c.queue_depth
        );
    }
    out
}

/// One line for each operation.
pub fn opcodes() -> String {
    let mut out = String::from("| opcode | operation | unit | purpose |\n|---|---|---|---|\n");
    for op in OPERATIONS {
        let anchor = format!("[{}](#{}-{:#04x})", op.mnemonic.to_uppercase(), op.mnemonic, op.opcode);
        let _ = writeln!(out, "| `{:#04x}` | {anchor} | {} | {} |", op.opcode, op.unit, prose(op.doc));
    }
    out
}

fn operation(out: &mut String, op: &OperationDecl) {
    let _ = writeln!(out, "### {} `{:#04x}`\n\n{}\n", op.mnemonic.to_uppercase(), op.opcode, prose(op.doc));
    if !op.flags.is_empty() {
        *out += "| byte 1 | flag | meaning |\n|---|---|---|\n";
        for f in op.flags {
            let (name, doc) = match f.doc {
                Some(doc) => (format!("`{}`", f.name), prose(doc)),
                None => (f.name.to_owned(), "*reserved:* `unimplemented`".to_owned()),
            };
            let _ = writeln!(out, "| bit {} | {name} | {doc} |", f.bit);
        }
        *out += "\n";
    }
    if !op.fields.is_empty() {
        *out += "| bytes | field | type | meaning |\n|---|---|---|---|\n";
        for f in op.fields {
            let last = f.offset + f.bytes - 1;
            let bytes = if f.bytes == 1 { f.offset.to_string() } else { format!("{}..={last}", f.offset) };
            let kind = if f.codes.is_empty() {
                f.type_name.to_owned()
            } else {
                format!("[{0}](#{1})", f.type_name, f.type_name.to_lowercase())
            };
            let _ = writeln!(out, "| {bytes} | `{}` | {kind} | {} |", f.name, prose(f.doc));
        }
        *out += "\n";
    }
}

/// A section for each operation.
pub fn operations() -> String {
    let mut out = String::new();
    OPERATIONS.iter().for_each(|op| operation(&mut out, op));
    out.trim_end().to_owned()
}

/// Codes of one enumeration.
pub fn codes(codes: &[Code]) -> String {
    let mut out = String::from("| code | name | meaning |\n|---|---|---|\n");
    for c in codes {
        let doc = c.doc.map_or_else(|| "*reserved:* `unimplemented`".to_owned(), prose);
        let _ = writeln!(out, "| {} | {} | {doc} |", c.code, c.name);
    }
    out
}

/// A section for each enumeration that instructions use.
pub fn enumerations() -> String {
    let mut out = String::new();
    for (name, doc, list) in ENUMS.iter().filter(|e| e.0 != "Cause") {
        let _ = writeln!(out, "### {name}\n\n{doc}\n\n{}", codes(list));
    }
    out.trim_end().to_owned()
}

/// The register map.
pub fn registers() -> String {
    let mut out = String::from("| offset | name | access | reset | meaning |\n|---|---|---|---|---|\n");
    for r in REGISTERS {
        let reset = r.reset.map_or_else(|| "build".to_owned(), |v| format!("{v:#x}"));
        let _ =
            writeln!(out, "| `{:#05x}` | `{}` | {} | {reset} | {} |", r.offset, r.name, r.access.name(), prose(r.doc));
    }
    out
}

/// What each field of a memory layout means; the declaration carries names and places only.
const FIELD_NOTES: &[(&str, &str, &str)] = &[
    ("Region", "base", "Bus address of the first byte, a multiple of 32."),
    ("Region", "size", "Bytes, a multiple of 32; 0 refuses every access."),
    ("Region", "flags", "Bit 0 permits stores; the other bits are zero."),
    ("Submission", "id", "Echoed in the completion and in trace records."),
    ("Submission", "program", "Bus address of the first instruction, a multiple of 32."),
    ("Submission", "regions", "Bus address of the region table, a multiple of 32."),
    ("Submission", "abi_hash", "The hash the program was made for."),
    ("Submission", "instructions", "Number of instructions, END included."),
    ("Submission", "flags", "Bit 0 raises the interrupt on completion, bit 1 writes trace records; others are zero."),
    ("Submission", "watchdog", "Cycles until the watchdog stops it; 0 takes the WATCHDOG register."),
    ("Submission", "reserved", "Zero."),
    ("Completion", "id", "The submission's id."),
    ("Completion", "cause", "A [cause](isa.md#faults); 0 is success."),
    ("Completion", "unit", "The [unit](isa.md#unit) that met it; 0 on success."),
    ("Completion", "phase", "1 on the first turn around the ring, 0 on the second, and so on."),
    ("Completion", "instruction", "Index of the faulting instruction; on success the number executed."),
    ("Completion", "address", "The fault's address."),
    ("Completion", "cycles", "Cycles from fetch to completion; 0 on an executor without timing."),
    ("TraceRecord", "tag", "The instruction's tag."),
    ("TraceRecord", "unit", "The [unit](isa.md#unit)."),
    ("TraceRecord", "reserved", "Zero."),
    ("TraceRecord", "instruction", "Index of the instruction."),
    ("TraceRecord", "id", "The submission's id."),
    ("TraceRecord", "start", "Cycle in which its semaphores were taken; nanoseconds on an executor without timing."),
    ("TraceRecord", "end", "Cycle in which all it wrote was visible."),
];

/// A section for each structure in memory.
pub fn layouts() -> String {
    let mut out = String::new();
    for (name, bytes, fields) in LAYOUTS {
        let _ = writeln!(out, "### {name}: {bytes} bytes\n\n| bytes | field | meaning |\n|---|---|---|");
        for (field, offset, width) in *fields {
            let note = FIELD_NOTES.iter().find(|n| n.0 == *name && n.1 == *field).map_or("", |n| n.2);
            let _ = writeln!(out, "| {offset}..={} | `{field}` | {note} |", offset + width - 1);
        }
        out += "\n";
    }
    out.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_of_a_layout_is_explained_and_nothing_else() {
        let declared: Vec<_> =
            LAYOUTS.iter().flat_map(|(name, _, fields)| fields.iter().map(move |f| (*name, f.0))).collect();
        let explained: Vec<_> = FIELD_NOTES.iter().map(|n| (n.0, n.1)).collect();
        assert_eq!(declared, explained);
    }
}
