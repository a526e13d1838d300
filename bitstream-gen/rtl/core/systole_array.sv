// SPDX-License-Identifier: MIT OR Apache-2.0
//
// N x N weight-stationary systolic array with shadow weights, input skew and output deskew.
//
// Columns come in pairs that see an activation in the same cycle, so the wave of a row reaches row k of pair p in k + p
// cycles. Activations: one row of N bytes in any cycle; swap_i marks the first row of a tile. A row's sums appear, in
// step, 3 N / 2 + 1 cycles later.
//
// Weights: N words, one a cycle, without a gap. With transpose_i clear word w is row w of the tile, enters at the top and
// moves down; with it set, it is column w, enters at the left and moves right. Bit w of capture_i comes with it. They
// travel as a wave like the activations do, so the words of a tile may begin in the cycle before the previous tile's
// first row, and its own first row may come N cycles after that: N + 1 cycles after its first word.

module systole_array
  import systole_cfg_pkg::*;
#(
  parameter bit Packed = 1'b0,
  localparam int unsigned Pairs = N / 2,
  localparam int unsigned PsumW = 16 + LaneBits
) (
  input  logic                           clk_i,
  input  logic                           rst_ni,

  input  logic                           transpose_i,
  input  logic        [N-1:0]            capture_i,
  input  logic        [N-1:0][7:0]       weights_i,

  input  logic                           swap_i,
  input  logic        [N-1:0][7:0]       row_i,
  output logic signed [N-1:0][PsumW-1:0] sums_o
);

  logic                           transpose[N][Pairs+1];
  logic                           swap     [N][Pairs+1];
  logic signed [7:0]              a        [N][Pairs+1];
  // The upper edge is row 0, the left edge pair 0.
  logic [1:0]                     capture  [N+1][Pairs+1];
  logic [1:0][7:0]                weight   [N+1][Pairs+1];
  logic signed [PsumW-1:0]        psum     [N+1][N];

  // Left edge: row k gets everything k cycles after row 0; what is common to all rows goes down from row to row.
  for (genvar k = 0; k < N; k++) begin : g_left
    logic [16:0] skewed;
    if (k == 0) begin : g_straight
      assign skewed          = {capture_i[k], weights_i[k], row_i[k]};
      assign transpose[k][0] = transpose_i;
      assign swap[k][0]      = swap_i;
    end else begin : g_skew
      logic [k-1:0][16:0] skew_q;
      always_ff @(posedge clk_i) begin
        skew_q[0] <= {capture_i[k], weights_i[k], row_i[k]};
        for (int unsigned i = 1; i < k; i++) skew_q[i] <= skew_q[i-1];
        transpose[k][0] <= transpose[k-1][0];
        swap[k][0]      <= swap[k-1][0];
      end
      assign skewed = skew_q[k-1];
    end
    assign capture[k+1][0] = {2{skewed[16]}};
    assign weight[k+1][0]  = {2{skewed[15:8]}};
    assign a[k][0]         = skewed[7:0];
  end

  // Upper edge: pair p gets its weights p cycles after pair 0.
  for (genvar p = 0; p < Pairs; p++) begin : g_top
    if (p == 0) begin : g_straight
      assign capture[0][p+1] = capture_i[2*p +: 2];
      assign weight[0][p+1]  = weights_i[2*p +: 2];
    end else begin : g_skew
      logic [p-1:0][17:0] skew_q;
      always_ff @(posedge clk_i) begin
        skew_q[0] <= {capture_i[2*p +: 2], weights_i[2*p +: 2]};
        for (int unsigned i = 1; i < p; i++) skew_q[i] <= skew_q[i-1];
      end
      assign {capture[0][p+1], weight[0][p+1]} = skew_q[p-1];
    end
  end

  for (genvar k = 0; k < N; k++) begin : g_row
    for (genvar p = 0; p < Pairs; p++) begin : g_pair
      systole_pe #(
        .Packed(Packed),
        .PsumW (PsumW)
      ) u_pe (
        .clk_i,
        .transpose_i    (transpose[k][p]),
        .capture_above_i(capture[k][p+1]),
        .capture_left_i (capture[k+1][p]),
        .weight_above_i (weight[k][p+1]),
        .weight_left_i  (weight[k+1][p]),
        .transpose_o    (transpose[k][p+1]),
        .capture_o      (capture[k+1][p+1]),
        .weight_o       (weight[k+1][p+1]),
        .swap_i         (swap[k][p]),
        .a_i            (a[k][p]),
        .swap_o         (swap[k][p+1]),
        .a_o            (a[k][p+1]),
        .psum0_i        (psum[k][2*p]),
        .psum1_i        (psum[k][2*p+1]),
        .psum0_o        (psum[k+1][2*p]),
        .psum1_o        (psum[k+1][2*p+1])
      );
    end

    logic unused_right;
    assign unused_right = ^{transpose[k][Pairs], swap[k][Pairs], a[k][Pairs], capture[k+1][Pairs], weight[k+1][Pairs]};
  end

  for (genvar p = 0; p < Pairs; p++) begin : g_sum
    assign psum[0][2*p]   = '0;
    assign psum[0][2*p+1] = '0;
    // Pair p is ready p cycles after pair 0.
    if (p == Pairs - 1) begin : g_straight
      assign sums_o[2*p]   = psum[N][2*p];
      assign sums_o[2*p+1] = psum[N][2*p+1];
    end else begin : g_deskew
      prim_delay #(
        .Width(2 * PsumW),
        .Delay(Pairs - 1 - p)
      ) u_delay (
        .clk_i,
        .rst_ni,
        .data_i({psum[N][2*p+1], psum[N][2*p]}),
        .data_o({sums_o[2*p+1], sums_o[2*p]})
      );
    end

    logic unused_bottom;
    assign unused_bottom = ^{capture[N][p+1], weight[N][p+1]};
  end

endmodule
