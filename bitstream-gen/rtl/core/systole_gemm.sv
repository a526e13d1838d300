// SPDX-License-Identifier: MIT OR Apache-2.0
//
// GEMM unit: walks the tiles of a product, feeds the systolic array from SPAD and accumulates into ACC.
//
// Tiles go K first, then columns. While M rows of one tile stream through the array, the weights of the next follow them
// into the shadows, so a tile costs max(M, N) cycles plus lost arbitration of the weights' reads. The activations' reads
// and both ACC ports have the highest priority and never wait, so nothing behind a grant stalls. A row granted in cycle t
// reads its ACC word in t + 3 N / 2 + 1, asks to write it three cycles later, and may be read again from five cycles later
// on. Consecutive tiles of one ACC word are at least N cycles apart, which is more.
//
// start_i loads the instruction, which stays stable until ready_o; done_o comes when its last word is visible. Another may
// start at ready_o, while the rows of earlier ones stream and drain: then its weights are fetched already. What adds to
// ACC waits until the last row before it cannot be missed.

module systole_gemm
  import systole_pkg::*;
  import systole_cfg_pkg::*;
#(
  parameter bit Packed = 1'b0   // see prim_mult_pair
) (
  input  logic                clk_i,
  input  logic                rst_ni,
  input  logic                clr_i,

  input  logic                start_i,
  input  inst_gemm_t          inst_i,
  output logic                ready_o,
  output logic                done_o,
  output logic                stall_o,

  output logic                a_req_o,
  output logic [SpadAw-1:0]   a_addr_o,
  input  logic                a_gnt_i,
  input  logic [N-1:0][7:0]   a_rdata_i,

  output logic                b_req_o,
  output logic [SpadAw-1:0]   b_addr_o,
  input  logic                b_gnt_i,
  input  logic [N-1:0][7:0]   b_rdata_i,

  output logic                c_rreq_o,
  output logic [AccAw-1:0]    c_raddr_o,
  input  logic [N-1:0][31:0]  c_rdata_i,
  output logic                c_wreq_o,
  output logic [AccAw-1:0]    c_waddr_o,
  output logic [N-1:0][31:0]  c_wdata_o    // a cycle after its request
);

  localparam int unsigned PsumW = 16 + LaneBits;
  localparam int unsigned ReadLatency = 3;
  // From the grant of a row to the request for its ACC word.
  localparam int unsigned SideDelay = N + N / 2 + 1;
  localparam int unsigned SumDelay = SideDelay + ReadLatency;

  //////////////////////////////////////////////////////////////////////////////
  // Weights.
  //////////////////////////////////////////////////////////////////////////////

  logic              full, tile_start, transpose, weights_idle;
  logic [N-1:0]      capture;
  logic [N-1:0][7:0] weights;

  systole_weights u_weights (
    .clk_i,
    .rst_ni,
    .clr_i,
    .start_i,
    .inst_i,
    .idle_o     (weights_idle),
    .b_req_o,
    .b_addr_o,
    .b_gnt_i,
    .b_rdata_i,
    .full_o     (full),
    .taken_i    (tile_start),
    .transpose_o(transpose),
    .capture_o  (capture),
    .weights_o  (weights)
  );

  //////////////////////////////////////////////////////////////////////////////
  // Activations: M rows for each tile.
  //////////////////////////////////////////////////////////////////////////////

  typedef struct packed {
    logic [AccAw-1:0]    addr;
    logic                accumulate;
    logic [LaneBits-1:0] edge_lanes;   // of a last tile, lanes in use modulo N; 0 for all
    logic                last;
  } side_t;

  // Cycles before an instruction that adds to ACC is taken after another's end. So its first row is granted five cycles
  // after that one's last, and reads what it wrote.
  localparam int unsigned Spacing = 3;

  inst_gemm_t         row_inst_q;
  logic               pending_q, take, row_active_q, row_first_q, row_first_k_q;
  logic [15:0]        row_m_q, row_k_q, row_n_q;
  logic [15:0]        row_addr_q, row_a_q, row_c_addr_q, row_c_q;
  logic               row_last, row_last_k, row_last_n, row_end;
  logic [Spacing-1:0] ended_q;

  assign row_last   = row_m_q == 16'd1;
  assign row_last_k = row_k_q <= 16'(N);
  assign row_last_n = row_n_q <= 16'(N);
  assign row_end    = a_gnt_i && row_last && row_last_k && row_last_n;
  assign a_req_o    = row_active_q && (!row_first_q || full);
  assign a_addr_o   = row_addr_q[SpadAw-1:0];
  assign tile_start = a_gnt_i && row_first_q;
  assign take       = pending_q && !row_active_q && (ended_q == '0 || !inst_i.accumulate);
  assign ready_o    = !pending_q && weights_idle;
  assign stall_o    = (row_active_q || pending_q) && !a_gnt_i;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      pending_q    <= 1'b0;
      row_active_q <= 1'b0;
      ended_q      <= '0;
    end else if (clr_i) begin
      pending_q    <= 1'b0;
      row_active_q <= 1'b0;
      ended_q      <= '0;
    end else begin
      if (start_i) pending_q <= 1'b1;
      else if (take) pending_q <= 1'b0;
      if (take) row_active_q <= 1'b1;
      else if (row_end) row_active_q <= 1'b0;
      ended_q <= {ended_q[Spacing-2:0], row_end};
    end
  end

  always_ff @(posedge clk_i) begin
    if (take) begin
      row_inst_q    <= inst_i;
      row_first_q   <= 1'b1;
      row_first_k_q <= 1'b1;
      row_m_q       <= inst_i.m;
      row_k_q       <= inst_i.k;
      row_n_q       <= inst_i.n;
      row_addr_q    <= inst_i.a;
      row_a_q       <= inst_i.a;
      row_c_addr_q  <= inst_i.c;
      row_c_q       <= inst_i.c;
    end else if (a_gnt_i) begin
      row_first_q  <= row_last;
      row_m_q      <= row_m_q - 16'd1;
      row_addr_q   <= row_addr_q + row_inst_q.a_stride;
      row_c_addr_q <= row_c_addr_q + row_inst_q.c_stride;
      if (row_last) begin
        row_m_q       <= row_inst_q.m;
        row_first_k_q <= row_last_k;
        if (row_last_k) begin
          row_k_q      <= row_inst_q.k;
          row_n_q      <= row_n_q - 16'(N);
          row_a_q      <= row_inst_q.a;
          row_addr_q   <= row_inst_q.a;
          row_c_q      <= row_c_q + 16'd1;
          row_c_addr_q <= row_c_q + 16'd1;
        end else begin
          row_k_q      <= row_k_q - 16'(N);
          row_a_q      <= row_a_q + 16'd1;
          row_addr_q   <= row_a_q + 16'd1;
          row_c_addr_q <= row_c_q;
        end
      end
    end
  end

  // The first row of a tile arrives with its swap.
  logic [ReadLatency-1:0] swap_q;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) swap_q <= '0;
    else swap_q <= {swap_q[ReadLatency-2:0], tile_start};
  end

  //////////////////////////////////////////////////////////////////////////////
  // Array and accumulation.
  //////////////////////////////////////////////////////////////////////////////

  logic signed [N-1:0][PsumW-1:0] sums;

  systole_array #(
    .Packed(Packed)
  ) u_array (
    .clk_i,
    .rst_ni,
    .transpose_i(transpose),
    .capture_i  (capture),
    .weights_i  (weights),
    .swap_i     (swap_q[ReadLatency-1]),
    .row_i      (a_rdata_i),
    .sums_o     (sums)
  );

  side_t                side_in, side_read, side_late, side_sum;
  logic [SumDelay-1:0]  side_valid_q;
  logic                 written_q, write_last_q;
  logic [N-1:0][31:0]   write_data;

  assign side_in = '{addr: row_c_addr_q[AccAw-1:0], accumulate: row_inst_q.accumulate || !row_first_k_q,
                     edge_lanes: row_last_n ? row_inst_q.n[LaneBits-1:0] : '0,
                     last: row_last && row_last_k && row_last_n};

  prim_delay #(
    .Width($bits(side_t)),
    .Delay(SideDelay)
  ) u_side_read (
    .clk_i,
    .rst_ni,
    .data_i(side_in),
    .data_o(side_read)
  );

  prim_delay #(
    .Width($bits(side_t)),
    .Delay(ReadLatency - 1)
  ) u_side_late (
    .clk_i,
    .rst_ni,
    .data_i(side_read),
    .data_o(side_late)
  );

  always_ff @(posedge clk_i) side_sum <= side_late;

  // What a column does with its sum, near the column.
  logic [N-1:0] behind, adds, zero;

  always_comb begin
    for (int unsigned j = 0; j < N; j++) behind[j] = side_late.edge_lanes != '0 && LaneBits'(j) >= side_late.edge_lanes;
  end

  for (genvar j = 0; j < N; j++) begin : g_column
    prim_replica #(
      .Width(2)
    ) u_column (
      .clk_i,
      .data_i({side_late.accumulate, behind[j]}),
      .data_o({adds[j], zero[j]})
    );
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) side_valid_q <= '0;
    else if (clr_i) side_valid_q <= '0;
    else side_valid_q <= {side_valid_q[SumDelay-2:0], a_gnt_i};
  end

  // Nobody goes before GEMM at this port, and its data is a sum that settles in the request's cycle. A row written while
  // everything is cleared is nobody's.
  assign c_wreq_o  = side_valid_q[SumDelay-1];
  assign c_waddr_o = side_sum.addr;
  assign c_rreq_o  = side_valid_q[SideDelay-1] && side_read.accumulate;
  assign c_raddr_o = side_read.addr;

  always_comb begin
    for (int unsigned j = 0; j < N; j++) begin
      write_data[j] = 32'(signed'(sums[j])) + (adds[j] ? c_rdata_i[j] : '0);
      if (zero[j]) write_data[j] = '0;
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      written_q <= 1'b0;
      done_o    <= 1'b0;
    end else begin
      written_q <= c_wreq_o && !clr_i;
      done_o    <= written_q && write_last_q && !clr_i;
    end
  end

  always_ff @(posedge clk_i) begin
    c_wdata_o    <= write_data;
    write_last_q <= side_sum.last;
  end

  logic unused_inst;
  assign unused_inst = ^{inst_i, row_inst_q, side_sum};

  // A grant answers a request, and every request: nothing goes before the activations.
  assert property (@(posedge clk_i) disable iff (!rst_ni) a_gnt_i == a_req_o);
  // No ACC word is read that a row before it still has to write.
  for (genvar d = 1; d <= 4; d++) begin : g_hazard
    assert property (@(posedge clk_i) disable iff (!rst_ni || clr_i)
        c_rreq_o && $past(side_valid_q[SideDelay-1], d) |-> c_raddr_o != $past(side_read.addr, d));
  end

endmodule
