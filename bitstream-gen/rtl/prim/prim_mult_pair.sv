// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Two signed INT8 products of one activation: a * w0 and a * w1, each exact.
//
// load_i makes w0_i and w1_i the weights of the activation that comes in the same cycle and of those behind it. Registers
// at input and product: p0_o and p1_o come two cycles behind a_i; a_o is the input register, for the neighbour. Packed
// multiplies once, by w1 * 2^18 + w0, which fits one 27 x 18 block of UltraScale+ devices; otherwise it takes two blocks.

module prim_mult_pair #(
  parameter bit Packed = 1'b0
) (
  input  logic               clk_i,

  input  logic               load_i,
  input  logic signed [7:0]  w0_i,
  input  logic signed [7:0]  w1_i,
  input  logic signed [7:0]  a_i,
  output logic signed [7:0]  a_o,

  output logic signed [15:0] p0_o,
  output logic signed [15:0] p1_o
);

  always_ff @(posedge clk_i) a_o <= a_i;

  if (Packed) begin : g_packed
    logic signed [26:0] weights_q;
    logic signed [34:0] product_q;
    logic               unused_top;

    always_ff @(posedge clk_i) begin
      if (load_i) weights_q <= (27'(w1_i) <<< 18) + 27'(w0_i);
      product_q <= a_o * weights_q;
    end

    // A negative lower product borrows one from the upper.
    assign p0_o       = product_q[15:0];
    assign p1_o       = product_q[33:18] + 16'(product_q[17]);
    assign unused_top = ^{product_q[34], product_q[16]};
  end else begin : g_generic
    logic signed [7:0] w0_q, w1_q;

    always_ff @(posedge clk_i) begin
      if (load_i) begin
        w0_q <= w0_i;
        w1_q <= w1_i;
      end
      p0_o <= a_o * w0_q;
      p1_o <= a_o * w1_q;
    end
  end

endmodule
