// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Signed multiplier with registers at input, product and output: latency 3, one product a cycle.
//
// A wide left operand is cut into slices of 17 bits, each multiplied on an 18 x 18 block; BW is 18 or less. BUnsigned
// promises that b_i is never negative: then the products of the lower slices are not either, and those of every other
// slice lie side by side without an adder.

module prim_mult #(
  parameter int unsigned AW = 18,
  parameter int unsigned BW = 18,
  parameter bit          BUnsigned = 1'b0,
  localparam int unsigned PW = AW + BW
) (
  input  logic                 clk_i,
  input  logic signed [AW-1:0] a_i,
  input  logic signed [BW-1:0] b_i,
  output logic signed [PW-1:0] p_o
);

  localparam int unsigned Slice = 17;
  // The last slice carries the sign and may have 18 bits.
  localparam int unsigned Slices = (AW <= Slice + 1) ? 1 : (AW - 2) / Slice + 1;

  logic signed [PW-1:0] partial[Slices];
  logic signed [PW-1:0] sum;

  always_ff @(posedge clk_i) p_o <= sum;

  for (genvar s = 0; s < Slices; s++) begin : g_slice
    logic signed [17:0] part;
    logic signed [35:0] product;

    if (s + 1 < Slices) begin : g_low
      assign part = {1'b0, a_i[s*Slice +: Slice]};
    end else begin : g_high
      assign part = 18'(signed'(a_i[AW-1:s*Slice]));
    end

    prim_mult_block u_block (
      .clk_i,
      .a_i     (part),
      .b_load_i(1'b1),
      .b_i     (18'(b_i)),
      .p_o     (product)
    );

    if (PW < 36) begin : g_short
      logic unused_sign;
      assign partial[s]  = product[PW-1:0];
      assign unused_sign = ^product[35:PW];
    end else begin : g_long
      assign partial[s] = PW'(product);
    end
  end

  if (Slices == 3 && BUnsigned) begin : g_side_by_side
    assign sum = {partial[2][PW-2*Slice-1:0], partial[0][2*Slice-1:0]} + (partial[1] <<< Slice);
  end else begin : g_sum
    always_comb begin
      sum = '0;
      for (int unsigned s = 0; s < Slices; s++) sum = sum + (partial[s] <<< (s * Slice));
    end
  end

endmodule
