// SPDX-License-Identifier: MIT OR Apache-2.0
//
// One signed 18 x 18 multiplier block with the registers that vendors put into it: at both inputs and at the product.
//
// p_o comes two cycles behind a_i. b_i is taken with b_load_i and stays for the products from then on.

module prim_mult_block (
  input  logic               clk_i,
  input  logic signed [17:0] a_i,
  input  logic               b_load_i,
  input  logic signed [17:0] b_i,
  output logic signed [35:0] p_o
);

  logic signed [17:0] a_q, b_q;

  always_ff @(posedge clk_i) begin
    a_q <= a_i;
    if (b_load_i) b_q <= b_i;
    p_o <= a_q * b_q;
  end

endmodule
