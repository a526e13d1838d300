// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The right operand of GEMM: reads its tiles from SPAD, ahead of their use, and feeds them to the array.
//
// The loader walks the tiles K first, then columns, and fetches N words for each into a FIFO; words behind the operand's
// end are zeros that are not read. The feeder gives a tile to the array when all its words are fetched or on their way
// (they arrive as fast as they are fed), and the shadows are free. full_o: the tile's first row may be granted; taken_i: it
// is, and the next tile is fed from the next cycle on. So a tile lasts N cycles if the loader keeps up.
//
// start_i loads the instruction, which stays stable until idle_o.

module systole_weights
  import systole_pkg::*;
  import systole_cfg_pkg::*;
(
  input  logic              clk_i,
  input  logic              rst_ni,
  input  logic              clr_i,

  input  logic              start_i,
  input  inst_gemm_t        inst_i,
  output logic              idle_o,      // every word is fetched or on its way

  output logic              b_req_o,
  output logic [SpadAw-1:0] b_addr_o,
  input  logic              b_gnt_i,
  input  logic [N-1:0][7:0] b_rdata_i,

  output logic              full_o,
  input  logic              taken_i,

  output logic              transpose_o,
  output logic [N-1:0]      capture_o,
  output logic [N-1:0][7:0] weights_o
);

  localparam int unsigned ReadLatency = 3;
  // A tile that is fed, the next one close behind it.
  localparam int unsigned Depth = 2 * N;
  localparam int unsigned RoomW = LaneBits + 2;

  //////////////////////////////////////////////////////////////////////////////
  // Loader: N reads or zeros for each tile.
  //////////////////////////////////////////////////////////////////////////////

  logic                active_q, first_k_q;
  logic [LaneBits-1:0] row_q;
  logic [15:0]         addr_q, base_q, next_q, k_q, n_q, limit_q, below;
  logic                real_word_q;
  logic [RoomW-1:0]    room_q;     // words of the FIFO that are not promised
  logic                ready_q, step, last, last_k, last_n, ends, feed;

  // limit_q follows n_q or k_q, whichever the rows run along. The request begins with registers: ready_q, a word is
  // wanted and has room, and real_word_q, row_q < limit_q: every tile has a first row.
  assign step      = ready_q && (b_gnt_i || !real_word_q);
  assign last      = row_q == LaneBits'(N - 1);
  assign last_k    = k_q <= 16'(N);
  assign last_n    = n_q <= 16'(N);
  assign below     = addr_q + inst_i.b_stride;
  assign ends      = step && last && last_k && last_n;
  assign b_req_o   = ready_q && real_word_q;
  assign b_addr_o  = addr_q[SpadAw-1:0];
  assign idle_o    = !active_q;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      active_q <= 1'b0;
      ready_q  <= 1'b0;
      room_q   <= RoomW'(Depth);
    end else if (clr_i) begin
      active_q <= 1'b0;
      ready_q  <= 1'b0;
      room_q   <= RoomW'(Depth);
    end else begin
      active_q <= start_i || (active_q && !ends);
      ready_q  <= (start_i || (active_q && !ends)) && (feed || (room_q != '0 && !(step && room_q == RoomW'(1))));
      if (step && !feed) room_q <= room_q - 1'b1;
      if (!step && feed) room_q <= room_q + 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (start_i) begin
      row_q       <= '0;
      addr_q      <= inst_i.b;
      base_q      <= inst_i.b;
      k_q         <= inst_i.k;
      n_q         <= inst_i.n;
      limit_q     <= inst_i.transpose_b ? inst_i.n : inst_i.k;
      first_k_q   <= 1'b1;
      real_word_q <= 1'b1;
    end else if (step) begin
      row_q       <= row_q + 1'b1;
      addr_q      <= below;
      real_word_q <= last || limit_q > 16'(row_q) + 16'd1;
      if (last) begin
        if (first_k_q) next_q <= below;
        first_k_q <= last_k;
        if (!last_k) begin
          k_q <= k_q - 16'(N);
          if (!inst_i.transpose_b) limit_q <= k_q - 16'(N);
          // Transposed, the next K tile is one word to the right of the same rows.
          if (inst_i.transpose_b) begin
            addr_q <= base_q + 16'd1;
            base_q <= base_q + 16'd1;
          end
        end else begin
          k_q <= inst_i.k;
          n_q <= n_q - 16'(N);
          limit_q <= inst_i.transpose_b ? n_q - 16'(N) : inst_i.k;
          if (inst_i.transpose_b) begin
            addr_q <= first_k_q ? below : next_q;
            base_q <= first_k_q ? below : next_q;
          end else begin
            addr_q <= base_q + 16'd1;
            base_q <= base_q + 16'd1;
          end
        end
      end
    end
  end

  //////////////////////////////////////////////////////////////////////////////
  // The way of a word from its grant into the FIFO.
  //////////////////////////////////////////////////////////////////////////////

  typedef struct packed {
    logic         transpose;
    logic         zero;
    logic [N-1:0] mask;
  } tag_t;

  logic [ReadLatency-1:0] valid_q;
  tag_t                   tag_q[ReadLatency], tag;
  logic [N-1:0][7:0]      word, fed_word;
  logic                   fifo_ready, fed_valid, fed_transpose;
  logic [LaneBits+1:0]    unused_level;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) valid_q <= '0;
    else if (clr_i) valid_q <= '0;
    else valid_q <= {valid_q[ReadLatency-2:0], step};
  end

  always_ff @(posedge clk_i) begin
    tag_q[0].transpose <= inst_i.transpose_b;
    tag_q[0].zero      <= !real_word_q;
    for (int unsigned i = 0; i < N; i++) tag_q[0].mask[i] <= !inst_i.transpose_b || k_q > 16'(i);
    for (int unsigned i = 1; i < ReadLatency; i++) tag_q[i] <= tag_q[i-1];
  end

  assign tag = tag_q[ReadLatency-1];

  always_comb begin
    for (int unsigned i = 0; i < N; i++) word[i] = b_rdata_i[i] & {8{tag.mask[i] && !tag.zero}};
  end

  prim_fifo #(
    .Width(8 * N + 1),
    .Depth(Depth)
  ) u_fifo (
    .clk_i,
    .rst_ni,
    .clr_i,
    .wvalid_i(valid_q[ReadLatency-1]),
    .wready_o(fifo_ready),
    .wdata_i ({tag.transpose, word}),
    .rvalid_o(fed_valid),
    .rready_i(feed),
    .rdata_o ({fed_transpose, fed_word}),
    .level_o (unused_level)
  );

  //////////////////////////////////////////////////////////////////////////////
  // Feeder: N words without a gap.
  //////////////////////////////////////////////////////////////////////////////

  logic         free_q, feeding_q, begin_tile, end_tile;
  logic [1:0]   tiles_q;     // whose last word was granted, and that are not fed yet
  logic [N-1:0] turn_q;      // one-hot: the word of the tile whose turn it is

  assign begin_tile = free_q && tiles_q != '0;
  assign feed       = begin_tile || feeding_q;
  assign end_tile   = step && last;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      free_q    <= 1'b1;
      feeding_q <= 1'b0;
      full_o    <= 1'b0;
      tiles_q   <= '0;
      turn_q    <= N'(1);
      capture_o <= '0;
    end else if (clr_i) begin
      free_q    <= 1'b1;
      feeding_q <= 1'b0;
      full_o    <= 1'b0;
      tiles_q   <= '0;
      turn_q    <= N'(1);
      capture_o <= '0;
    end else begin
      if (taken_i) free_q <= 1'b1;
      else if (begin_tile) free_q <= 1'b0;
      if (begin_tile) feeding_q <= 1'b1;
      else if (turn_q[N-1]) feeding_q <= 1'b0;
      // A row granted when the last word leaves the FIFO swaps behind that word's capture.
      if (feed && turn_q[N-2]) full_o <= 1'b1;
      else if (taken_i) full_o <= 1'b0;
      if (end_tile && !begin_tile) tiles_q <= tiles_q + 1'b1;
      if (!end_tile && begin_tile) tiles_q <= tiles_q - 1'b1;
      if (feed) turn_q <= {turn_q[N-2:0], turn_q[N-1]};
      capture_o <= turn_q & {N{feed}};
    end
  end

  always_ff @(posedge clk_i) begin
    transpose_o <= fed_transpose;
    weights_o   <= fed_word;
  end

  logic unused_inst;
  assign unused_inst = ^inst_i;

  assert property (@(posedge clk_i) disable iff (!rst_ni || clr_i) active_q |-> real_word_q == (limit_q > 16'(row_q)));
  assert property (@(posedge clk_i) disable iff (!rst_ni || clr_i) ready_q == (active_q && room_q != '0));
  // A grant answers a request; credits keep room for every word; a word is there when its turn comes.
  assert property (@(posedge clk_i) disable iff (!rst_ni || clr_i) b_gnt_i |-> b_req_o);
  assert property (@(posedge clk_i) disable iff (!rst_ni || clr_i) valid_q[ReadLatency-1] |-> fifo_ready);
  assert property (@(posedge clk_i) disable iff (!rst_ni || clr_i) feed |-> fed_valid);
  // Only full shadows are taken, and they are not overwritten before.
  assert property (@(posedge clk_i) disable iff (!rst_ni || clr_i) taken_i |-> full_o);
  assert property (@(posedge clk_i) disable iff (!rst_ni || clr_i) free_q |-> !full_o && !feeding_q);
  assert property (@(posedge clk_i) disable iff (!rst_ni || clr_i) begin_tile |-> turn_q[0]);

endmodule
