// SPDX-License-Identifier: MIT OR Apache-2.0
//
// LOAD unit: rows from DRAM to SPAD, ACC or PARAM.
//
// After the region check, bursts are requested as fast as the bus takes them, and beats are assembled into words as they
// come: one beat makes a SPAD word, two a word of 16-bit values, four of 32-bit values, eight of records. Lanes behind the
// last column are written as zeros. A word waits in a register for its memory's port.
//
// start_i loads the instruction, which stays stable until done_o or fault_o.

module systole_load
  import systole_pkg::*;
  import systole_cfg_pkg::*;
(
  input  logic                     clk_i,
  input  logic                     rst_ni,
  input  logic                     clr_i,

  input  logic                     start_i,
  input  inst_load_t               inst_i,
  input  region_t                  region_i,     // of inst_i.region
  output logic                     done_o,
  output logic                     stall_o,
  output cause_e                   fault_o,
  output logic [63:0]              fault_address_o,

  output logic                     req_valid_o,
  input  logic                     req_ready_i,
  output logic [63:0]              req_addr_o,
  output logic [7:0]               req_len_o,
  input  logic                     rvalid_i,
  output logic                     rready_o,
  input  logic [8*BusBytes-1:0]    rdata_i,
  input  logic                     rerror_i,

  output logic                     spad_wreq_o,
  output logic [SpadAw-1:0]        spad_waddr_o,
  output logic [N-1:0][7:0]        spad_wdata_o,
  input  logic                     spad_wgnt_i,
  output logic                     acc_wreq_o,
  output logic [AccAw-1:0]         acc_waddr_o,
  output logic [N-1:0][31:0]       acc_wdata_o,
  input  logic                     acc_wgnt_i,
  output logic                     param_we_o,
  output logic [ParamAw-1:0]       param_waddr_o,
  output param_t [N-1:0]           param_wdata_o
);

  localparam int unsigned BusShift = $clog2(BusBytes);

  // Bytes of an element as a shift, and so beats of a word.
  logic [1:0]  log_bytes;
  logic [19:0] row_bytes;
  logic [19:0] row_beats;

  assign log_bytes = inst_i.format[1:0];
  assign row_bytes = 20'(inst_i.cols) << log_bytes;
  assign row_beats = (row_bytes + 20'(BusBytes - 1)) >> BusShift;

  logic        start_q, check_ok_q;
  logic [19:0] row_bytes_q;
  logic [16:0] row_beats_q;
  region_t     region_q;
  logic [63:0] base_q;
  logic        check_done, bursts_idle;
  cause_e      check_fault;
  logic [63:0] check_address;

  systole_region_check u_check (
    .clk_i,
    .rst_ni,
    .clr_i,
    .start_i  (start_q),
    .region_i (region_q),
    .write_i  (1'b0),
    .offset_i (inst_i.offset),
    .pitch_i  (inst_i.pitch),
    .rows_i   (inst_i.rows),
    .bytes_i  (row_bytes_q),
    .done_o   (check_done),
    .fault_o  (check_fault),
    .address_o(check_address)
  );

  // What the instruction says of its rows is worked out before the check begins, the check's end starts the rest: neither
  // is on a path with anything else.
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      start_q    <= 1'b0;
      check_ok_q <= 1'b0;
    end else begin
      start_q    <= start_i && !clr_i;
      check_ok_q <= check_done && check_fault == CauseNone && !clr_i;
    end
  end

  always_ff @(posedge clk_i) begin
    row_bytes_q <= row_bytes;
    row_beats_q <= row_beats[16:0];
    region_q    <= region_i;
    base_q      <= region_q.base + 64'(inst_i.offset);
  end

  systole_bursts u_bursts (
    .clk_i,
    .rst_ni,
    .clr_i,
    .start_i(check_ok_q),
    .addr_i (base_q),
    .pitch_i(inst_i.pitch),
    .rows_i (inst_i.rows),
    .beats_i(row_beats_q),
    .idle_o (bursts_idle),
    .valid_o(req_valid_o),
    .ready_i(req_ready_i),
    .addr_o (req_addr_o),
    .len_o  (req_len_o)
  );

  //////////////////////////////////////////////////////////////////////////////
  // Assembly of beats into words.
  //////////////////////////////////////////////////////////////////////////////

  logic                        active_q, full_q, last_q, beat, word_end, row_end_q, gnt, out_last_q;
  logic [7:0]                  turn_q;       // one-hot: the beat of the word whose turn it is
  logic [2:0]                  beat_max;
  logic [7:0][8*BusBytes-1:0]  word_q;
  logic [16:0]                 left_q;       // beats of the row still to come
  logic [15:0]                 cols_q;       // columns of the row still to come
  logic [15:0]                 rows_q, addr_q, row_addr_q;
  logic [31:0]                 row_offset_q;
  logic [15:0]                 word_addr_q;
  logic [N-1:0]                word_mask_q;

  always_comb begin
    unique case (log_bytes)
      2'd0:    beat_max = 3'd0;
      2'd1:    beat_max = 3'd1;
      2'd2:    beat_max = 3'd3;
      default: beat_max = 3'd7;
    endcase
  end

  // A complete word moves on to a small FIFO in the cycle in which the first beat of the next one may come. The FIFO keeps
  // the memories' arbitration apart from the bus.
  logic                        fifo_ready, push, beat_valid, beat_error, beats_ready;
  logic [8*BusBytes-1:0]       beat_data;
  logic [2:0]                  unused_beats;

  assign push     = full_q && fifo_ready;
  assign beat     = active_q && beat_valid && (!full_q || fifo_ready);
  assign word_end = row_end_q || turn_q[beat_max];
  assign stall_o  = active_q && !beat;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      active_q <= 1'b0;
      full_q   <= 1'b0;
    end else if (clr_i) begin
      active_q <= 1'b0;
      full_q   <= 1'b0;
    end else begin
      if (check_ok_q) active_q <= 1'b1;
      else if (gnt && out_last_q) active_q <= 1'b0;
      if (beat && word_end) full_q <= 1'b1;
      else if (push) full_q <= 1'b0;
    end
  end

  // Beats wait in a FIFO: whether there is room, and what a beat sets in motion, does not wait for the bus.
  assign rready_o = !active_q || beats_ready;

  prim_fifo #(
    .Width(8 * BusBytes + 1),
    .Depth(4)
  ) u_beats (
    .clk_i,
    .rst_ni,
    .clr_i,
    .wvalid_i(rvalid_i && active_q),
    .wready_o(beats_ready),
    .wdata_i ({rerror_i, rdata_i}),
    .rvalid_o(beat_valid),
    .rready_i(beat),
    .rdata_o ({beat_error, beat_data}),
    .level_o (unused_beats)
  );

  // A beat's place is written until it comes, and is free unless a complete word waits.
  always_ff @(posedge clk_i) begin
    for (int unsigned i = 0; i < 8; i++) begin
      if (turn_q[i] && (!full_q || fifo_ready)) word_q[i] <= beat_data;
    end
  end

  always_ff @(posedge clk_i) begin
    if (check_ok_q) begin
      turn_q       <= 8'd1;
      left_q       <= row_beats_q;
      row_end_q    <= row_beats_q == 17'd1;
      cols_q       <= inst_i.cols;
      rows_q       <= inst_i.rows;
      addr_q       <= inst_i.dst;
      row_addr_q   <= inst_i.dst;
      row_offset_q <= inst_i.offset;
    end else if (beat) begin
      turn_q         <= word_end ? 8'd1 : {turn_q[6:0], 1'b0};
      left_q         <= left_q - 17'd1;
      row_end_q      <= left_q == 17'd2;
      if (word_end) begin
        word_addr_q <= addr_q;
        addr_q      <= addr_q + 16'd1;
        cols_q      <= cols_q - 16'(N);
        last_q      <= row_end_q && rows_q == 16'd1;
        for (int unsigned i = 0; i < N; i++) word_mask_q[i] <= cols_q > 16'(i);
      end
      if (row_end_q) begin
        left_q       <= row_beats_q;
        row_end_q    <= row_beats_q == 17'd1;
        cols_q       <= inst_i.cols;
        rows_q       <= rows_q - 16'd1;
        addr_q       <= row_addr_q + inst_i.dst_stride;
        row_addr_q   <= row_addr_q + inst_i.dst_stride;
        row_offset_q <= row_offset_q + inst_i.pitch;
      end
    end
  end

  //////////////////////////////////////////////////////////////////////////////
  // Words to their memory.
  //////////////////////////////////////////////////////////////////////////////

  logic [8*N*8-1:0]     word;
  logic                 data_ready, next_valid, next_take, next_last, out_valid_q, out_spad_q, out_acc_q;
  logic [15:0]          next_addr, out_addr_q;
  logic                 to_spad_q, to_acc_q, to_param_q, half_words_q, unused_valid;
  logic [1:0]           unused_ahead;
  logic [2:0]           unused_level;
  logic [N-1:0][7:0]    spad_word;
  logic [N-1:0][31:0]   acc_word;
  param_t [N-1:0]       param_word;

  // Stable long before the first word comes.
  always_ff @(posedge clk_i) begin
    to_spad_q    <= inst_i.memory == MemorySpad;
    to_acc_q     <= inst_i.memory == MemoryAcc;
    to_param_q   <= inst_i.memory == MemoryParam;
    half_words_q <= inst_i.format == FormatI16;
  end

  assign word = word_q;

  always_comb begin
    for (int unsigned i = 0; i < N; i++) begin
      spad_word[i]  = word_mask_q[i] ? word[8*i +: 8] : '0;
      param_word[i] = word_mask_q[i] ? param_t'({10'b0, word[64*i +: 54]}) : '0;
      if (!word_mask_q[i]) acc_word[i] = '0;
      else if (half_words_q) acc_word[i] = 32'(signed'(word[16*i +: 16]));
      else acc_word[i] = word[32*i +: 32];
    end
  end

  // Words and their addresses go side by side; the oldest address waits in a register, so that arbitration begins with the
  // cycle, and what arbitration moves is little.
  prim_fifo #(
    .Width(16 + 1),
    .Depth(2)
  ) u_ahead (
    .clk_i,
    .rst_ni,
    .clr_i,
    .wvalid_i(full_q),
    .wready_o(fifo_ready),
    .wdata_i ({last_q, word_addr_q}),
    .rvalid_o(next_valid),
    .rready_i(next_take),
    .rdata_o ({next_last, next_addr}),
    .level_o (unused_ahead)
  );

  // Words of SPAD lie in the low part of those of ACC. PARAM is LOAD's alone to write, so that a word of records never
  // waits: it goes there when it moves on, and what follows the others' way is its end.
  logic [N-1:0][31:0] fifo_word;

  always_comb begin
    fifo_word = acc_word;
    if (to_spad_q) fifo_word[N/4-1:0] = spad_word;
  end

  prim_fifo #(
    .Width(32 * N),
    .Depth(4)
  ) u_out (
    .clk_i,
    .rst_ni,
    .clr_i,
    .wvalid_i(push),
    .wready_o(data_ready),
    .wdata_i (fifo_word),
    .rvalid_o(unused_valid),
    .rready_i(gnt),
    .rdata_o (acc_wdata_o),
    .level_o (unused_level)
  );

  assign spad_wdata_o = acc_wdata_o[N/4-1:0];

  assign gnt       = (out_valid_q && to_param_q) || (spad_wreq_o && spad_wgnt_i) || (acc_wreq_o && acc_wgnt_i);
  assign next_take = !out_valid_q || gnt;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) {out_valid_q, out_spad_q, out_acc_q} <= '0;
    else if (clr_i) {out_valid_q, out_spad_q, out_acc_q} <= '0;
    else if (next_take) {out_valid_q, out_spad_q, out_acc_q} <= {3{next_valid}} & {1'b1, to_spad_q, to_acc_q};
  end

  always_ff @(posedge clk_i) begin
    if (next_take) begin
      out_last_q <= next_last;
      out_addr_q <= next_addr;
    end
  end

  assign spad_wreq_o   = out_spad_q;
  assign acc_wreq_o    = out_acc_q;
  assign param_we_o    = push && to_param_q;
  assign spad_waddr_o  = out_addr_q[SpadAw-1:0];
  assign acc_waddr_o   = out_addr_q[AccAw-1:0];
  assign param_waddr_o = word_addr_q[ParamAw-1:0];
  assign param_wdata_o = param_word;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) done_o <= 1'b0;
    else done_o <= gnt && out_last_q && active_q && !clr_i;
  end

  // A fault is told a cycle late, and so long before done_o could be.
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) fault_o <= CauseNone;
    else if (clr_i) fault_o <= CauseNone;
    else if (beat && beat_error) fault_o <= CauseBusError;
    else fault_o <= check_done ? check_fault : CauseNone;
  end

  always_ff @(posedge clk_i) fault_address_o <= active_q ? 64'(row_offset_q) : check_address;

  logic unused_bits;
  assign unused_bits = ^{inst_i, word, row_beats[19:17], bursts_idle, out_addr_q};

  // Beats come only for what was asked.
  assert property (@(posedge clk_i) disable iff (!rst_ni || clr_i) full_q |-> active_q);
  assert property (@(posedge clk_i) disable iff (!rst_ni || clr_i) active_q |-> $onehot(turn_q));
  // A word of records finds the way free.
  assert property (@(posedge clk_i) disable iff (!rst_ni || clr_i) full_q && to_param_q |-> fifo_ready);
  // There are never more addresses under way than words have room.
  assert property (@(posedge clk_i) disable iff (!rst_ni || clr_i) push |-> data_ready);

endmodule
