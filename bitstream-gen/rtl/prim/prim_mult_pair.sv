// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Two signed INT8 products of one activation: a * w0 and a * w1, each exact.
//
// load_i makes w0_i and w1_i the weights of the activation that comes in the same cycle and of those behind it. Registers
// at input and product: p0_o and p1_o come two cycles behind a_i; a_o is the input register, for the neighbour. Packed
// multiplies once, by w1 * 2^18 + w0, which fits one 27 x 18 block of UltraScale+ devices; otherwise it takes two blocks
// (prim_mult_block), with the activation's register in each of them.

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
    logic signed [1:0][35:0] products;
    logic                    unused_sign;

    for (genvar c = 0; c < 2; c++) begin : g_column
      prim_mult_block u_block (
        .clk_i,
        .a_i     (18'(a_i)),
        .b_load_i(load_i),
        .b_i     (18'(signed'(c == 0 ? w0_i : w1_i))),
        .p_o     (products[c])
      );
    end

    assign p0_o        = products[0][15:0];
    assign p1_o        = products[1][15:0];
    assign unused_sign = ^{products[1][35:16], products[0][35:16]};
  end

endmodule
