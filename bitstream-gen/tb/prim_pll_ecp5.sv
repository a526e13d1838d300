// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Model of prim_pll_ecp5 for the bench of the board: the clock goes through, locked some cycles after power-up.

module prim_pll_ecp5 #(
  parameter int unsigned Reference = 1,
  parameter int unsigned Divide = 8,
  parameter int unsigned Feedback = 3
) (
  input  logic clk_i,
  output logic clk_o,
  output logic locked_o
);

  logic [3:0] wait_q;

  initial begin
    wait_q   = '0;
    locked_o = 1'b0;
  end

  always_ff @(posedge clk_i) begin
    if (wait_q != '1) wait_q <= wait_q + 4'd1;
    else locked_o <= 1'b1;
  end

  assign clk_o = clk_i;

  logic unused_ratio;
  assign unused_ratio = ^{Reference, Divide, Feedback};

endmodule
