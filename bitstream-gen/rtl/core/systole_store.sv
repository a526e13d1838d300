// SPDX-License-Identifier: MIT OR Apache-2.0
//
// STORE unit: rows from SPAD or ACC to DRAM, exactly the bytes of their columns.
//
// After the region check, words stream out of the memory and are cut into beats: a SPAD word is one beat, a word of
// 16-bit values two (saturated), of 32-bit values four. The last beat of a row carries strobes for its bytes only.
// done_o comes when the bus has confirmed every burst.
//
// start_i loads the instruction, which stays stable until done_o or fault_o.

module systole_store
  import systole_pkg::*;
  import systole_cfg_pkg::*;
(
  input  logic                     clk_i,
  input  logic                     rst_ni,
  input  logic                     clr_i,

  input  logic                     start_i,
  input  inst_store_t              inst_i,
  input  region_t                  region_i,     // of inst_i.region
  output logic                     done_o,
  output logic                     stall_o,
  output cause_e                   fault_o,
  output logic [63:0]              fault_address_o,

  output logic                     spad_rreq_o,
  output logic [SpadAw-1:0]        spad_raddr_o,
  input  logic                     spad_rgnt_i,
  input  logic                     spad_rvalid_i,
  input  logic [N-1:0][7:0]        spad_rdata_i,
  output logic                     acc_rreq_o,
  output logic [AccAw-1:0]         acc_raddr_o,
  input  logic                     acc_rgnt_i,
  input  logic                     acc_rvalid_i,
  input  logic [N-1:0][31:0]       acc_rdata_i,

  output logic                     req_valid_o,
  input  logic                     req_ready_i,
  output logic [63:0]              req_addr_o,
  output logic [7:0]               req_len_o,
  output logic                     wvalid_o,
  input  logic                     wready_i,
  output logic [8*BusBytes-1:0]    wdata_o,
  output logic [BusBytes-1:0]      wstrb_o,
  input  logic                     resp_i,
  input  logic                     resp_error_i
);

  localparam int unsigned BusShift = $clog2(BusBytes);
  localparam int unsigned SrcAw = (SpadAw > AccAw) ? SpadAw : AccAw;

  logic [1:0]  log_bytes;
  logic [19:0] row_bytes, row_beats;
  logic [15:0] words;
  logic        from_spad_q;

  assign log_bytes = inst_i.format[1:0];
  assign row_bytes = 20'(inst_i.cols) << log_bytes;
  assign row_beats = (row_bytes + 20'(BusBytes - 1)) >> BusShift;
  assign words     = 16'((17'(inst_i.cols) + 17'(N - 1)) >> LaneBits);

  logic        start_q, check_ok_q;
  logic [19:0] row_bytes_q;
  logic [16:0] row_beats_q;
  region_t     region_q;
  logic [63:0] base_q;
  logic [15:0] words_q;
  logic        check_done, bursts_idle;
  cause_e      check_fault;
  logic [63:0] check_address;

  systole_region_check u_check (
    .clk_i,
    .rst_ni,
    .clr_i,
    .start_i  (start_q),
    .region_i (region_q),
    .write_i  (1'b1),
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
    from_spad_q <= inst_i.memory == MemorySpad;
    row_bytes_q <= row_bytes;
    words_q     <= words;
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
  // Words from the memory.
  //////////////////////////////////////////////////////////////////////////////

  logic               src_req, src_gnt, src_rvalid, src_valid, src_ready, unused_idle;
  logic [SrcAw-1:0]   src_addr;
  logic [3:0][8*BusBytes-1:0] src_rdata, src_data;

  function automatic logic [15:0] saturate_16(logic signed [31:0] x);
    // In range if all bits from the sign's place up agree.
    return x[31:15] == {17{x[31]}} ? x[15:0] : {x[31], {15{!x[31]}}};
  endfunction

  // Words wait in the FIFO as the beats that they become.
  always_comb begin
    src_rdata = '0;
    for (int unsigned i = 0; i < N; i++) begin
      if (from_spad_q) src_rdata[0][8*i +: 8] = spad_rdata_i[i];
      else if (log_bytes == 2'd1) src_rdata[2*i/N][16*(i % (N/2)) +: 16] = saturate_16(acc_rdata_i[i]);
      else src_rdata[4*i/N][32*(i % (N/4)) +: 32] = acc_rdata_i[i];
    end
  end

  assign spad_rreq_o  = src_req && from_spad_q;
  assign spad_raddr_o = src_addr[SpadAw-1:0];
  assign acc_rreq_o   = src_req && !from_spad_q;
  assign acc_raddr_o  = src_addr[AccAw-1:0];
  assign src_gnt      = from_spad_q ? spad_rgnt_i : acc_rgnt_i;
  assign src_rvalid   = from_spad_q ? spad_rvalid_i : acc_rvalid_i;

  systole_stream #(
    .Aw   (SrcAw),
    .Width(32 * N),
    .Depth(8)
  ) u_src (
    .clk_i,
    .rst_ni,
    .clr_i,
    .start_i (check_ok_q),
    .base_i  (inst_i.src),
    .stride_i(inst_i.src_stride),
    .rows_i  (inst_i.rows),
    .words_i (words_q),
    .idle_o  (unused_idle),
    .req_o   (src_req),
    .addr_o  (src_addr),
    .gnt_i   (src_gnt),
    .rvalid_i(src_rvalid),
    .rdata_i (src_rdata),
    .valid_o (src_valid),
    .ready_i (src_ready),
    .data_o  (src_data)
  );

  //////////////////////////////////////////////////////////////////////////////
  // Beats to the bus.
  //////////////////////////////////////////////////////////////////////////////

  logic                       active_q, beat, row_end_q, word_end, word_valid_q;
  logic [3:0][8*BusBytes-1:0] word_q;       // what is left of the word, the next beat lowest
  logic [1:0]                 beat_q, beat_max;
  logic [16:0]                left_q;
  logic [15:0]                rows_q;
  logic [BusShift-1:0]        tail;

  always_comb begin
    unique case (log_bytes)
      2'd0:    beat_max = 2'd0;
      2'd1:    beat_max = 2'd1;
      default: beat_max = 2'd3;
    endcase
  end

  assign word_end  = row_end_q || beat_q == beat_max;
  assign wvalid_o  = active_q && word_valid_q;
  assign wdata_o   = word_q[0];
  assign beat      = wvalid_o && wready_i;
  assign src_ready = !word_valid_q || (beat && word_end);
  assign tail      = row_bytes_q[BusShift-1:0];
  assign wstrb_o   = (row_end_q && tail != '0) ? ~(BusBytes'('1) << tail) : '1;
  assign stall_o   = active_q && !beat;

  // A word leaves the FIFO for a register, which is near the bus.
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) word_valid_q <= 1'b0;
    else if (clr_i) word_valid_q <= 1'b0;
    else if (src_ready) word_valid_q <= src_valid;
  end

  always_ff @(posedge clk_i) begin
    if (src_ready) word_q <= src_data;
    else if (beat) word_q <= {{8*BusBytes{1'b0}}, word_q[3:1]};
  end

  always_ff @(posedge clk_i) begin
    if (check_ok_q) begin
      beat_q    <= '0;
      left_q    <= row_beats_q;
      row_end_q <= row_beats_q == 17'd1;
      rows_q    <= inst_i.rows;
    end else if (beat) begin
      beat_q    <= word_end ? '0 : beat_q + 2'd1;
      left_q    <= left_q - 17'd1;
      row_end_q <= left_q == 17'd2;
      if (row_end_q) begin
        left_q    <= row_beats_q;
        row_end_q <= row_beats_q == 17'd1;
        rows_q    <= rows_q - 16'd1;
      end
    end
  end

  //////////////////////////////////////////////////////////////////////////////
  // Completion: the last beat is out, and the bus has answered as often as it was asked.
  //////////////////////////////////////////////////////////////////////////////

  logic        waiting_q, asked, some_open_q;   // open_q is not 0
  logic [19:0] open_q;

  assign asked = req_valid_o && req_ready_i;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      active_q    <= 1'b0;
      waiting_q   <= 1'b0;
      open_q      <= '0;
      some_open_q <= 1'b0;
    end else if (clr_i) begin
      active_q    <= 1'b0;
      waiting_q   <= 1'b0;
      open_q      <= '0;
      some_open_q <= 1'b0;
    end else begin
      if (check_ok_q) active_q <= 1'b1;
      else if (beat && row_end_q && rows_q == 16'd1) active_q <= 1'b0;
      if (beat && row_end_q && rows_q == 16'd1) waiting_q <= 1'b1;
      else if (done_o) waiting_q <= 1'b0;
      if (asked && !resp_i) open_q <= open_q + 20'd1;
      if (!asked && resp_i) open_q <= open_q - 20'd1;
      if (asked != resp_i) some_open_q <= asked || open_q != 20'd1;
    end
  end

  assign done_o = waiting_q && !some_open_q;

  // A fault is told a cycle late, together with done_o at the earliest; what follows treats it first.
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) fault_o <= CauseNone;
    else if (clr_i) fault_o <= CauseNone;
    else if ((active_q || waiting_q) && resp_i && resp_error_i) fault_o <= CauseBusError;
    else fault_o <= check_done ? check_fault : CauseNone;
  end

  always_ff @(posedge clk_i) fault_address_o <= (active_q || waiting_q) ? 64'(inst_i.offset) : check_address;

  logic unused_bits;
  assign unused_bits = ^{inst_i, row_beats[19:17], bursts_idle};

  assert property (@(posedge clk_i) disable iff (!rst_ni) some_open_q == (open_q != '0));
  // An offered beat stays until it is taken.
  assert property (@(posedge clk_i) disable iff (!rst_ni || clr_i)
      wvalid_o && !wready_i |=> wvalid_o && $stable({wdata_o, wstrb_o}));

endmodule
