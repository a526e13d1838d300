// SPDX-License-Identifier: MIT OR Apache-2.0
//
// GEMM unit: walks the tiles of a product, feeds the systolic array from SPAD and accumulates into ACC.
//
// Tiles go K first, then columns. While M rows of one tile stream through the array, the weights of the next are shifted
// into the shadows, so a tile costs max(M, 3 N + 3) cycles plus lost arbitration. Both SPAD readers may be refused; the
// ACC ports have the highest priority and never wait, so the pipeline behind the array does not stall. A row granted in
// cycle t is written in t + 2 N + 5. Consecutive tiles of one ACC word are at least 3 N cycles apart, which is more than
// the five cycles from reading to writing it.
//
// start_i loads the instruction, which stays stable until done_o; done_o comes when the last word is visible.

module systole_gemm
  import systole_pkg::*;
  import systole_cfg_pkg::*;
(
  input  logic                clk_i,
  input  logic                rst_ni,
  input  logic                clr_i,

  input  logic                start_i,
  input  inst_gemm_t          inst_i,
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
  output logic [N-1:0][31:0]  c_wdata_o
);

  localparam int unsigned PsumW = 16 + LaneBits;
  localparam int unsigned ReadLatency = 3;
  // From the grant of a row to the request for its ACC word.
  localparam int unsigned SideDelay = 2 * N + 1;
  localparam int unsigned SumDelay = SideDelay + ReadLatency;

  function automatic logic [N-1:0] lanes_below(logic [15:0] count);
    logic [N-1:0] mask;
    for (int unsigned i = 0; i < N; i++) mask[i] = count > 16'(i);
    return mask;
  endfunction

  //////////////////////////////////////////////////////////////////////////////
  // Weights: N reads or zero rows for each tile, into the shadows.
  //////////////////////////////////////////////////////////////////////////////

  logic                load_active_q, load_hold_q, load_first_k_q, full_q;
  logic [LaneBits-1:0] load_row_q;
  logic [15:0]         load_addr_q, load_base_q, load_next_q, load_k_q, load_n_q;
  logic [LaneBits+1:0] wave_q;
  logic                load_real, load_ready, load_step, load_last, load_last_k, load_last_n;
  logic [15:0]         load_below;
  logic                tile_start;

  typedef struct packed {
    logic         last;
    logic         zero;
    logic [N-1:0] mask;
  } weight_tag_t;

  logic        [ReadLatency-1:0] wvalid_q;
  weight_tag_t                   wtag_q[ReadLatency];
  logic        [N-1:0][7:0]      weights;

  assign load_real   = (inst_i.transpose_b ? load_n_q : load_k_q) > 16'(load_row_q);
  assign load_ready  = load_active_q && !load_hold_q && wave_q == '0;
  assign load_step   = load_ready && (b_gnt_i || !load_real);
  assign load_last   = load_row_q == LaneBits'(N - 1);
  assign load_last_k = load_k_q <= 16'(N);
  assign load_last_n = load_n_q <= 16'(N);
  assign load_below  = load_addr_q + inst_i.b_stride;
  assign b_req_o     = load_ready && load_real;
  assign b_addr_o    = load_addr_q[SpadAw-1:0];

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      load_active_q <= 1'b0;
      full_q        <= 1'b0;
      wave_q        <= '0;
      wvalid_q      <= '0;
    end else if (clr_i) begin
      load_active_q <= 1'b0;
      full_q        <= 1'b0;
      wave_q        <= '0;
      wvalid_q      <= '0;
    end else begin
      wvalid_q <= {wvalid_q[ReadLatency-2:0], load_step};
      if (start_i) load_active_q <= 1'b1;
      else if (load_step && load_last && load_last_k && load_last_n) load_active_q <= 1'b0;
      // The streamer may use the shadows when the last row is sure to arrive before it.
      if (wvalid_q[0] && wtag_q[0].last) full_q <= 1'b1;
      else if (tile_start) full_q <= 1'b0;
      if (tile_start) wave_q <= (LaneBits + 2)'(2 * N);
      else if (wave_q != '0) wave_q <= wave_q - 1'b1;
    end
  end

  // After the last row of a tile no new one may begin before the streamer took it.
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) load_hold_q <= 1'b0;
    else if (clr_i || start_i || tile_start) load_hold_q <= 1'b0;
    else if (load_step && load_last) load_hold_q <= 1'b1;
  end

  always_ff @(posedge clk_i) begin
    if (start_i) begin
      load_row_q     <= '0;
      load_addr_q    <= inst_i.b;
      load_base_q    <= inst_i.b;
      load_k_q       <= inst_i.k;
      load_n_q       <= inst_i.n;
      load_first_k_q <= 1'b1;
    end else if (load_step) begin
      load_row_q  <= load_row_q + 1'b1;
      load_addr_q <= load_below;
      if (load_last) begin
        if (load_first_k_q) load_next_q <= load_below;
        load_first_k_q <= load_last_k;
        if (!load_last_k) begin
          load_k_q <= load_k_q - 16'(N);
          // Transposed, the next K tile is one word to the right of the same rows.
          if (inst_i.transpose_b) begin
            load_addr_q <= load_base_q + 16'd1;
            load_base_q <= load_base_q + 16'd1;
          end
        end else begin
          load_k_q <= inst_i.k;
          load_n_q <= load_n_q - 16'(N);
          if (inst_i.transpose_b) begin
            load_addr_q <= load_first_k_q ? load_below : load_next_q;
            load_base_q <= load_first_k_q ? load_below : load_next_q;
          end else begin
            load_addr_q <= load_base_q + 16'd1;
            load_base_q <= load_base_q + 16'd1;
          end
        end
      end
    end
  end

  always_ff @(posedge clk_i) begin
    wtag_q[0] <= '{last: load_last, zero: !load_real,
                   mask: inst_i.transpose_b ? lanes_below(load_k_q) : '1};
    for (int unsigned i = 1; i < ReadLatency; i++) wtag_q[i] <= wtag_q[i-1];
  end

  always_comb begin
    for (int unsigned i = 0; i < N; i++) begin
      weights[i] = b_rdata_i[i] & {8{wtag_q[ReadLatency-1].mask[i] && !wtag_q[ReadLatency-1].zero}};
    end
  end

  //////////////////////////////////////////////////////////////////////////////
  // Activations: M rows for each tile.
  //////////////////////////////////////////////////////////////////////////////

  typedef struct packed {
    logic [AccAw-1:0] addr;
    logic             accumulate;
    logic             edge_tile;
    logic             last;
  } side_t;

  logic        busy_q, row_active_q, row_first_q, row_first_k_q;
  logic [15:0] row_m_q, row_k_q, row_n_q;
  logic [15:0] row_addr_q, row_a_q, row_c_addr_q, row_c_q;
  logic        row_last, row_last_k, row_last_n;

  assign row_last   = row_m_q == 16'd1;
  assign row_last_k = row_k_q <= 16'(N);
  assign row_last_n = row_n_q <= 16'(N);
  assign a_req_o    = row_active_q && (!row_first_q || full_q);
  assign a_addr_o   = row_addr_q[SpadAw-1:0];
  assign tile_start = a_gnt_i && row_first_q;
  assign stall_o    = row_active_q && !a_gnt_i;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) row_active_q <= 1'b0;
    else if (clr_i) row_active_q <= 1'b0;
    else if (start_i) row_active_q <= 1'b1;
    else if (a_gnt_i && row_last && row_last_k && row_last_n) row_active_q <= 1'b0;
  end

  always_ff @(posedge clk_i) begin
    if (start_i) begin
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
      row_addr_q   <= row_addr_q + inst_i.a_stride;
      row_c_addr_q <= row_c_addr_q + inst_i.c_stride;
      if (row_last) begin
        row_m_q       <= inst_i.m;
        row_first_k_q <= row_last_k;
        if (row_last_k) begin
          row_k_q      <= inst_i.k;
          row_n_q      <= row_n_q - 16'(N);
          row_a_q      <= inst_i.a;
          row_addr_q   <= inst_i.a;
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

  logic [ReadLatency-1:0] avalid_q, aswap_q;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) avalid_q <= '0;
    else avalid_q <= {avalid_q[ReadLatency-2:0], a_gnt_i};
  end

  always_ff @(posedge clk_i) begin
    aswap_q <= {aswap_q[ReadLatency-2:0], row_first_q};
  end

  //////////////////////////////////////////////////////////////////////////////
  // Array and accumulation.
  //////////////////////////////////////////////////////////////////////////////

  logic                           sum_valid;
  logic signed [N-1:0][PsumW-1:0] sums;

  systole_array u_array (
    .clk_i,
    .rst_ni,
    .shift_i    (wvalid_q[ReadLatency-1]),
    .transpose_i(inst_i.transpose_b),
    .weights_i  (weights),
    .valid_i    (avalid_q[ReadLatency-1]),
    .swap_i     (aswap_q[ReadLatency-1]),
    .row_i      (a_rdata_i),
    .valid_o    (sum_valid),
    .sums_o     (sums)
  );

  side_t                side_in, side_read, side_sum;
  logic [SumDelay-1:0]  side_valid_q;
  logic                 write_q, write_last_q;
  logic [AccAw-1:0]     write_addr_q;
  logic [N-1:0][31:0]   write_data_q, write_data;
  logic [N-1:0]         edge_mask;

  assign side_in = '{addr: row_c_addr_q[AccAw-1:0], accumulate: inst_i.accumulate || !row_first_k_q,
                     edge_tile: row_last_n, last: row_last && row_last_k && row_last_n};

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
    .Delay(ReadLatency)
  ) u_side_sum (
    .clk_i,
    .rst_ni,
    .data_i(side_read),
    .data_o(side_sum)
  );

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) side_valid_q <= '0;
    else side_valid_q <= {side_valid_q[SumDelay-2:0], a_gnt_i};
  end

  assign c_rreq_o  = side_valid_q[SideDelay-1] && side_read.accumulate;
  assign c_raddr_o = side_read.addr;

  assign edge_mask = (inst_i.n[LaneBits-1:0] == '0) ? '1 : lanes_below(16'(inst_i.n[LaneBits-1:0]));

  always_comb begin
    for (int unsigned j = 0; j < N; j++) begin
      write_data[j] = 32'(signed'(sums[j])) + (side_sum.accumulate ? c_rdata_i[j] : '0);
      if (side_sum.edge_tile && !edge_mask[j]) write_data[j] = '0;
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) write_q <= 1'b0;
    else write_q <= sum_valid;
  end

  always_ff @(posedge clk_i) begin
    write_addr_q <= side_sum.addr;
    write_data_q <= write_data;
    write_last_q <= side_sum.last;
  end

  assign c_wreq_o  = write_q && busy_q;
  assign c_waddr_o = write_addr_q;
  assign c_wdata_o = write_data_q;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      busy_q <= 1'b0;
      done_o <= 1'b0;
    end else begin
      done_o <= c_wreq_o && write_last_q && !clr_i;
      if (clr_i || (c_wreq_o && write_last_q)) busy_q <= 1'b0;
      else if (start_i) busy_q <= 1'b1;
    end
  end

  logic unused_inst;
  assign unused_inst = ^inst_i;

  // A grant answers a request; sums and their addresses arrive together.
  assert property (@(posedge clk_i) disable iff (!rst_ni) (a_gnt_i |-> a_req_o) and (b_gnt_i |-> b_req_o));
  assert property (@(posedge clk_i) disable iff (!rst_ni) sum_valid == side_valid_q[SumDelay-1]);
  // The shadows are not shifted while a swap crosses the array, nor taken before they are full.
  assert property (@(posedge clk_i) disable iff (!rst_ni || clr_i) tile_start |-> full_q && !load_step);

endmodule
