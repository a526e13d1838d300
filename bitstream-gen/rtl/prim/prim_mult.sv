// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Signed multiplier with registers at input, product and output: latency 3, one product a cycle.
//
// A wide left operand is cut into slices of 17 bits, each multiplied on an 18 x 18 block; BW is 18 or less.

module prim_mult #(
  parameter int unsigned AW = 18,
  parameter int unsigned BW = 18,
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

  logic signed [AW-1:0] a_q;
  logic signed [BW-1:0] b_q;
  logic signed [PW-1:0] partial_q[Slices];
  logic signed [PW-1:0] sum;

  always_ff @(posedge clk_i) begin
    a_q <= a_i;
    b_q <= b_i;
    p_o <= sum;
  end

  for (genvar s = 0; s < Slices; s++) begin : g_slice
    if (s + 1 < Slices) begin : g_low
      logic signed [Slice:0]    part;
      logic signed [Slice+BW:0] product;
      assign part    = {1'b0, a_q[s*Slice +: Slice]};
      assign product = part * b_q;
      always_ff @(posedge clk_i) partial_q[s] <= PW'(product);
    end else begin : g_high
      localparam int unsigned Rest = AW - s * Slice;
      logic signed [Rest-1:0]    part;
      logic signed [Rest+BW-1:0] product;
      assign part    = a_q[AW-1 -: Rest];
      assign product = part * b_q;
      always_ff @(posedge clk_i) partial_q[s] <= PW'(product);
    end
  end

  always_comb begin
    sum = '0;
    for (int unsigned s = 0; s < Slices; s++) sum = sum + (partial_q[s] <<< (s * Slice));
  end

endmodule
