// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Synchronous FIFO in registers or LUT RAM.
//
// The word written is readable in the next cycle; a word is shown before it is taken (first word falls through). clr_i
// empties it. Depth is a power of two of 2 or more.

module prim_fifo #(
  parameter int unsigned Width = 8,
  parameter int unsigned Depth = 4,
  localparam int unsigned Aw = $clog2(Depth)
) (
  input  logic             clk_i,
  input  logic             rst_ni,
  input  logic             clr_i,

  input  logic             wvalid_i,
  output logic             wready_o,
  input  logic [Width-1:0] wdata_i,

  output logic             rvalid_o,
  input  logic             rready_i,
  output logic [Width-1:0] rdata_o,

  output logic [Aw:0]      level_o
);

  // Block RAM could take up a register behind rdata_o, and would be slow where this is fast.
  (* ram_style = "distributed" *) logic [Width-1:0] mem_q[Depth];
  logic [Aw-1:0]    wptr_q, rptr_q;
  logic [Aw:0]      level_q;
  logic             valid_q;   // level_q is not 0: that is asked first in many a cycle
  logic             push, pop;

  assign wready_o = !level_q[Aw];
  assign rvalid_o = valid_q;
  assign rdata_o  = mem_q[rptr_q];
  assign level_o  = level_q;
  assign push     = wvalid_i && wready_o;
  assign pop      = rvalid_o && rready_i;

  always_ff @(posedge clk_i) begin
    if (push) mem_q[wptr_q] <= wdata_i;
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      wptr_q  <= '0;
      rptr_q  <= '0;
      level_q <= '0;
      valid_q <= 1'b0;
    end else if (clr_i) begin
      wptr_q  <= '0;
      rptr_q  <= '0;
      level_q <= '0;
      valid_q <= 1'b0;
    end else begin
      if (push) wptr_q <= wptr_q + 1'b1;
      if (pop) rptr_q <= rptr_q + 1'b1;
      if (push && !pop) level_q <= level_q + 1'b1;
      if (!push && pop) level_q <= level_q - 1'b1;
      valid_q <= push || (valid_q && !(pop && level_q == (Aw + 1)'(1)));
    end
  end

  // The level never exceeds the depth.
  assert property (@(posedge clk_i) disable iff (!rst_ni) !(level_q[Aw] && level_q[Aw-1:0] != '0));
  assert property (@(posedge clk_i) disable iff (!rst_ni) valid_q == (level_q != '0));
  // What is offered and not taken stays.
  assert property (@(posedge clk_i) disable iff (!rst_ni || clr_i)
      rvalid_o && !rready_i |=> rvalid_o && $stable(rdata_o));

endmodule
