//! The function tables, joined to one ROM: base and slope of each segment, so that interpolation is one read and one
//! multiplication.

use std::fmt::Write as _;
use systole_isa::instruction::Function;
use systole_isa::tables::{EXP2, GELU_DIP, SEGMENTS, TANH};

/// The tables, in the order of their two address bits.
const TABLES: [(&str, &[u16; SEGMENTS + 1]); 3] = [("Exp2", &EXP2), ("Gelu", &GELU_DIP), ("Tanh", &TANH)];
const _: () = assert!(Function::Exp2 as u8 == 3);

/// Packs numbers of `bits` bits into lines, last entry first.
fn packed(out: &mut String, name: &str, bits: u32, values: &[u32]) {
    let _ = writeln!(out, "  localparam logic [{}:0][{}:0] {name} = {{", values.len() - 1, bits - 1);
    let reversed: Vec<String> = values.iter().rev().map(|v| format!("{bits}'h{v:03x}")).collect();
    for (i, line) in reversed.chunks(8).enumerate() {
        let comma = if (i + 1) * 8 < reversed.len() { "," } else { "" };
        let _ = writeln!(out, "    {}{comma}", line.join(", "));
    }
    *out += "  };\n\n";
}

/// The ROM's contents and the layout of its address.
pub fn emit(out: &mut String) {
    let _ = writeln!(out, "  localparam int unsigned FunctionSegments = {SEGMENTS};");
    for (i, (name, table)) in TABLES.iter().enumerate() {
        let last = table[SEGMENTS];
        let _ = writeln!(out, "  localparam logic [1:0] Table{name} = 2'd{i};");
        let _ = writeln!(out, "  localparam logic [15:0] Table{name}Last = 16'd{last};");
    }
    *out +=
        "\n  // Function tables: entry {table, segment} holds the value at the segment's start, and what the next\n";
    *out += "  // entry adds to it (12 bits, signed).\n";
    let segments = |f: fn(&[u16; SEGMENTS + 1], usize) -> u32| {
        TABLES.iter().flat_map(|(_, t)| (0..SEGMENTS).map(move |i| f(t, i))).collect::<Vec<_>>()
    };
    packed(out, "FunctionBase", 16, &segments(|t, i| t[i].into()));
    packed(out, "FunctionSlope", 12, &segments(|t, i| (u32::from(t[i + 1]).wrapping_sub(t[i].into())) & 0xfff));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_fit_into_12_bits() {
        for (name, table) in TABLES {
            for i in 0..SEGMENTS {
                let slope = i32::from(table[i + 1]) - i32::from(table[i]);
                assert!((-2048..2048).contains(&slope), "{name} segment {i}: {slope}");
            }
        }
    }
}
