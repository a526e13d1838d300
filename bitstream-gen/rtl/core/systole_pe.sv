// SPDX-License-Identifier: MIT OR Apache-2.0
//
// One cell of the systolic array: a weight, a shadow weight for the next tile, a multiplier, an adder.
//
// The activation moves right with one register; the partial sum moves down. Input, product and sum are registered: what
// enters with a_i in cycle t joins the partial sum that arrives in cycle t + 2 and leaves in t + 3. swap_i travels with
// the first activation of a tile and makes the shadow weight the active one just in time.

module systole_pe #(
  parameter int unsigned PsumW = 19
) (
  input  logic                    clk_i,

  input  logic                    shift_i,
  input  logic signed [7:0]       weight_i,
  output logic signed [7:0]       shadow_o,

  input  logic                    swap_i,
  input  logic signed [7:0]       a_i,
  output logic                    swap_o,
  output logic signed [7:0]       a_o,

  input  logic signed [PsumW-1:0] psum_i,
  output logic signed [PsumW-1:0] psum_o
);

  logic signed [7:0]  shadow_q, weight_q;
  logic signed [15:0] product_q;

  always_ff @(posedge clk_i) begin
    if (shift_i) shadow_q <= weight_i;
    if (swap_i) weight_q <= shadow_q;
    a_o       <= a_i;
    swap_o    <= swap_i;
    product_q <= a_o * weight_q;
    psum_o    <= psum_i + PsumW'(product_q);
  end

  assign shadow_o = shadow_q;

endmodule
