// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Block RAM with one write port and one read port on the same clock.
//
// Read data follows the address by one cycle. Reading the word that is written in the same cycle gives an undefined
// value on some devices; nobody uses such a word. no_rw_check says so to Yosys, which would else build a bypass around
// the RAM.

module prim_ram_1r1w #(
  parameter int unsigned Width = 32,
  parameter int unsigned Depth = 512,
  localparam int unsigned Aw = $clog2(Depth)
) (
  input  logic             clk_i,

  input  logic             we_i,
  input  logic [Aw-1:0]    waddr_i,
  input  logic [Width-1:0] wdata_i,

  input  logic [Aw-1:0]    raddr_i,
  output logic [Width-1:0] rdata_o
);

  (* ram_style = "block", no_rw_check *) logic [Width-1:0] mem_q[Depth]  /* verilator public_flat_rw */;

  always_ff @(posedge clk_i) begin
    if (we_i) mem_q[waddr_i] <= wdata_i;
    rdata_o <= mem_q[raddr_i];
  end

endmodule
