//! The register map: offsets and structs in the package, and the register file `systole_regs.sv`.

use super::banner;
use crate::naming::{camel, comment, snake};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use systole_isa::register::{Access, REGISTERS, RegisterDecl};

fn of(kinds: &'static [Access]) -> impl Iterator<Item = &'static RegisterDecl> {
    REGISTERS.iter().filter(move |r| kinds.contains(&r.access))
}

/// Registers whose value the register file keeps.
const STORED: &[Access] = &[Access::ReadWrite];
/// Registers whose value the hardware supplies.
const SUPPLIED: &[Access] = &[Access::ReadOnly, Access::WriteOneToClear];
/// Registers that the host writes.
const WRITTEN: &[Access] = &[Access::ReadWrite, Access::WriteOneToClear, Access::Command];

fn structure(out: &mut String, doc: &str, name: &str, kinds: &'static [Access], width: &str) {
    *out += &comment(doc, "  ", "//");
    *out += "  typedef struct packed {\n";
    for r in of(kinds) {
        let _ = writeln!(out, "    logic {width}{};", snake(r.name));
    }
    let _ = writeln!(out, "  }} {name};\n");
}

/// Offsets, reset values and structs.
pub fn emit(out: &mut String) {
    *out += "  // Register offsets.\n";
    for r in REGISTERS {
        let note = r.access.name();
        let _ = writeln!(out, "  localparam logic [11:0] Reg{} = 12'h{:03x};  // {note}", camel(r.name), r.offset);
    }
    *out += "\n";
    structure(out, "Values the host has written.", "reg_q_t", STORED, "[31:0] ");
    structure(out, "Values the hardware supplies.", "reg_hw_t", SUPPLIED, "[31:0] ");
    structure(out, "One bit for each register the host may write: its write strobe.", "reg_we_t", WRITTEN, "");
    *out += "  // Values after reset.\n  localparam reg_q_t RegFileReset = '{\n";
    let resets: Vec<String> =
        of(STORED).map(|r| format!("    {}: 32'h{:08x}", snake(r.name), r.reset.unwrap_or(0))).collect();
    *out += &resets.join(",\n");
    *out += "\n  };\n\n";
}

const PORTS: &str = "\
module systole_regs
  import systole_pkg::*;
(
  input  logic        clk_i,
  input  logic        rst_ni,

  // One write a cycle; bytes without strobe keep their value, or count as zero in a command.
  input  logic        write_i,
  input  logic [11:0] write_addr_i,
  input  logic [31:0] write_data_i,
  input  logic [3:0]  write_strb_i,

  input  logic [11:0] read_addr_i,
  output logic [31:0] read_data_o,

  input  reg_hw_t     hw_i,
  input  logic        clear_indices_i,
  output reg_q_t      q_o,
  output reg_we_t     we_o,
  output logic [31:0] we_data_o
);

";

/// Ring indices that the RESET command clears.
const INDICES: [&str; 2] = ["SQ_TAIL", "CQ_HEAD"];

/// Registers of which only some bits exist; the others read zero.
const PARTIAL: [(&str, u32); 2] = [("CONTROL", 1), ("IRQ_ENABLE", 3)];

/// The text of `systole_regs.sv`.
pub fn module() -> String {
    let mut out = banner(
        "The register file: storage of the registers that the host writes, write strobes, and the read multiplexer. \
         Read data follow the address by one cycle and reading has no effect; a register that reacts to a read is watched \
         by its owner. A write takes effect on the next edge and its strobe is combinational. Undeclared offsets read zero and ignore writes.",
    );
    out += PORTS;
    out += "  reg_q_t q_d, q_q;\n  reg_we_t we;\n  logic [31:0] mask;\n\n";
    out +=
        "  assign mask = {{8{write_strb_i[3]}}, {8{write_strb_i[2]}}, {8{write_strb_i[1]}}, {8{write_strb_i[0]}}};\n\n";
    out += "  always_comb begin\n    we = '0;\n";
    for r in of(WRITTEN) {
        let _ = writeln!(out, "    we.{} = write_i && write_addr_i == Reg{};", snake(r.name), camel(r.name));
    }
    out += "  end\n\n  always_comb begin\n    q_d = q_q;\n";
    for r in of(STORED) {
        let name = snake(r.name);
        let _ = writeln!(out, "    if (we.{name}) q_d.{name} = (q_q.{name} & ~mask) | (write_data_i & mask);");
    }
    for (name, bits) in PARTIAL {
        let _ = writeln!(out, "    q_d.{0} = q_d.{0} & 32'h{bits:08x};", snake(name));
    }
    out += "    if (clear_indices_i) begin\n";
    for name in INDICES {
        let _ = writeln!(out, "      q_d.{} = '0;", snake(name));
    }
    out += "    end\n  end\n\n  always_ff @(posedge clk_i or negedge rst_ni) begin\n";
    out += "    if (!rst_ni) q_q <= RegFileReset;\n    else q_q <= q_d;\n  end\n\n";
    out += &read_multiplexer();
    out += "  assign q_o = q_q;\n  assign we_o = we;\n  assign we_data_o = write_data_i & mask;\n\n";
    out += "  logic unused_low;\n  assign unused_low = ^read_addr_i[1:0];\n\n";
    out += "  // At most one register is written at a time.\n";
    out += "  assert property (@(posedge clk_i) disable iff (!rst_ni) $onehot0(we));\n\nendmodule\n";
    out
}

/// Registers by eights: one of each eight in a first cycle, one of the eights in the second, by a bit for each.
fn read_multiplexer() -> String {
    let readable = || REGISTERS.iter().filter(|r| r.access != Access::Command);
    let pages: BTreeSet<u32> = readable().map(|r| r.offset >> 5).collect();
    let last = pages.len() - 1;
    let mut out = format!("  logic [{last}:0][31:0] page_q;\n  logic [{last}:0] hit_q;\n\n");
    out += "  always_ff @(posedge clk_i) begin\n";
    for (index, page) in pages.iter().enumerate() {
        let _ = writeln!(out, "    hit_q[{index}] <= read_addr_i[11:5] == 7'd{page};");
        out += "    unique case (read_addr_i[4:2])\n";
        for r in readable().filter(|r| r.offset >> 5 == *page) {
            let from = if STORED.contains(&r.access) { "q_q" } else { "hw_i" };
            let _ = writeln!(out, "      Reg{}[4:2]: page_q[{index}] <= {from}.{};", camel(r.name), snake(r.name));
        }
        let _ = writeln!(out, "      default: page_q[{index}] <= '0;\n    endcase");
    }
    out += "  end\n\n  always_comb begin\n    read_data_o = '0;\n";
    let _ = writeln!(out, "    for (int unsigned p = 0; p <= {last}; p++) begin");
    out += "      read_data_o = read_data_o | (page_q[p] & {32{hit_q[p]}});\n    end\n  end\n\n";
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_registers_are_stored_registers() {
        for name in INDICES.into_iter().chain(PARTIAL.map(|p| p.0)) {
            assert!(of(STORED).any(|r| r.name == name), "{name}");
        }
    }
}
