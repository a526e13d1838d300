// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Two neighbouring cells of the systolic array: in the same row, with the same activation in the same cycle.
//
// Activation and swap_i move right, partial sums down, with one register a pair and a row. Input, product and sum are
// registered: what enters with a_i in cycle t joins the partial sums that arrive in cycle t + 2 and leaves in t + 3.
//
// Weights of the next tile pass through, down with transpose_i clear and right with it set; the capture bits of the cells
// come the other way around, right or down. A weight that passes with its cell's capture bit set stays in the shadow.
// swap_i comes with the first activation of a tile and makes the shadows the weights just in time.

module systole_pe #(
  parameter bit          Packed = 1'b0,
  parameter int unsigned PsumW = 19
) (
  input  logic                    clk_i,

  input  logic                    transpose_i,
  input  logic [1:0]              capture_above_i,
  input  logic [1:0]              capture_left_i,
  input  logic [1:0][7:0]         weight_above_i,
  input  logic [1:0][7:0]         weight_left_i,
  output logic                    transpose_o,
  output logic [1:0]              capture_o,
  output logic [1:0][7:0]         weight_o,

  input  logic                    swap_i,
  input  logic signed [7:0]       a_i,
  output logic                    swap_o,
  output logic signed [7:0]       a_o,

  input  logic signed [PsumW-1:0] psum0_i,
  input  logic signed [PsumW-1:0] psum1_i,
  output logic signed [PsumW-1:0] psum0_o,
  output logic signed [PsumW-1:0] psum1_o
);

  logic [1:0][7:0]    shadow_q;
  logic signed [15:0] product0, product1;

  always_ff @(posedge clk_i) begin
    transpose_o <= transpose_i;
    capture_o   <= transpose_i ? capture_above_i : capture_left_i;
    weight_o    <= transpose_i ? weight_left_i : weight_above_i;
    for (int unsigned c = 0; c < 2; c++) begin
      if (capture_o[c]) shadow_q[c] <= weight_o[c];
    end
  end

  prim_mult_pair #(
    .Packed(Packed)
  ) u_mult (
    .clk_i,
    .load_i(swap_i),
    .w0_i  (shadow_q[0]),
    .w1_i  (shadow_q[1]),
    .a_i,
    .a_o,
    .p0_o  (product0),
    .p1_o  (product1)
  );

  always_ff @(posedge clk_i) begin
    swap_o  <= swap_i;
    psum0_o <= psum0_i + PsumW'(product0);
    psum1_o <= psum1_i + PsumW'(product1);
  end

endmodule
