// SPDX-License-Identifier: MIT OR Apache-2.0
//
// N x N weight-stationary systolic array with shadow weights, input skew and output deskew.
//
// Weights: N shifts fill the shadows. With transpose clear the word is row k of the tile, enters at the bottom and moves
// up; with transpose set it is column n, enters at the right and moves left. So the first word ends in row 0 or column 0.
// A shift happens one cycle after shift_i. Activations: one row of N bytes in each cycle with valid_i; swap_i marks the
// first row of a tile. The sums of that row appear, in step, Latency cycles later. Shifting may begin again when the
// swap has crossed the array: a shift_i at least 2 N cycles after swap_i.

module systole_array
  import systole_cfg_pkg::*;
#(
  localparam int unsigned PsumW = 16 + LaneBits,
  localparam int unsigned Latency = 2 * N + 1
) (
  input  logic                           clk_i,
  input  logic                           rst_ni,

  input  logic                           shift_i,
  input  logic                           transpose_i,
  input  logic        [N-1:0][7:0]       weights_i,

  input  logic                           valid_i,
  input  logic                           swap_i,
  input  logic        [N-1:0][7:0]       row_i,

  output logic                           valid_o,
  output logic signed [N-1:0][PsumW-1:0] sums_o
);

  // One copy of the shift controls for each row of cells keeps the fan-out at N cells.
  logic [N-1:0]      shift_q, transpose_q;
  logic [N-1:0][7:0] weights_q;
  logic [Latency-1:0] valid_q;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      shift_q <= '0;
      valid_q <= '0;
    end else begin
      shift_q <= {N{shift_i}};
      valid_q <= {valid_q[Latency-2:0], valid_i};
    end
  end

  always_ff @(posedge clk_i) begin
    transpose_q <= {N{transpose_i}};
    weights_q   <= weights_i;
  end

  logic signed [7:0]       shadow[N][N];
  logic signed [7:0]       a     [N][N+1];
  logic                    swap  [N][N+1];
  logic signed [PsumW-1:0] psum  [N+1][N];

  for (genvar k = 0; k < N; k++) begin : g_row
    // Row k sees its byte k cycles after row 0.
    if (k == 0) begin : g_straight
      assign a[k][0]    = row_i[k];
      assign swap[k][0] = swap_i && valid_i;
    end else begin : g_skew
      logic [k-1:0][8:0] skew_q;
      always_ff @(posedge clk_i) begin
        skew_q[0] <= {swap_i && valid_i, row_i[k]};
        for (int unsigned i = 1; i < k; i++) skew_q[i] <= skew_q[i-1];
      end
      assign {swap[k][0], a[k][0]} = skew_q[k-1];
    end

    for (genvar j = 0; j < N; j++) begin : g_col
      logic signed [7:0] below, right;
      if (k == N - 1) begin : g_bottom
        assign below = weights_q[j];
      end else begin : g_inner_row
        assign below = shadow[k+1][j];
      end
      if (j == N - 1) begin : g_last
        assign right = weights_q[k];
      end else begin : g_inner_col
        assign right = shadow[k][j+1];
      end

      systole_pe #(
        .PsumW(PsumW)
      ) u_pe (
        .clk_i,
        .shift_i (shift_q[k]),
        .weight_i(transpose_q[k] ? right : below),
        .shadow_o(shadow[k][j]),
        .swap_i  (swap[k][j]),
        .a_i     (a[k][j]),
        .swap_o  (swap[k][j+1]),
        .a_o     (a[k][j+1]),
        .psum_i  (psum[k][j]),
        .psum_o  (psum[k+1][j])
      );
    end

    logic unused_edge;
    assign unused_edge = ^{a[k][N], swap[k][N]};
  end

  for (genvar j = 0; j < N; j++) begin : g_sum
    assign psum[0][j] = '0;
    // Column j is ready j cycles after column 0.
    if (j == N - 1) begin : g_straight
      assign sums_o[j] = psum[N][j];
    end else begin : g_deskew
      prim_delay #(
        .Width(PsumW),
        .Delay(N - 1 - j)
      ) u_delay (
        .clk_i,
        .rst_ni,
        .data_i(psum[N][j]),
        .data_o(sums_o[j])
      );
    end
  end

  assign valid_o = valid_q[Latency-1];

endmodule
