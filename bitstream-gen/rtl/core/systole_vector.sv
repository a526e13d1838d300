// SPDX-License-Identifier: MIT OR Apache-2.0
//
// VECTOR unit: MAP on N lanes, one word a cycle, and ROW. Holds the PARAM and ROW memories.
//
// MAP: source words (and addends) stream in ahead; a word is issued when its operands are here and the output FIFO has
// room, and reaches the FIFO 33 cycles later; statistics are written some cycles behind the last word of their row. The
// next instruction starts when the last effect of the previous one is visible.
//
// start_i loads the instruction, which stays stable until done_o.

module systole_vector
  import systole_pkg::*;
  import systole_cfg_pkg::*;
(
  input  logic                       clk_i,
  input  logic                       rst_ni,
  input  logic                       clr_i,

  input  logic                       start_i,
  input  logic [InstructionBits-1:0] inst_i,
  output logic                       done_o,
  output logic                       stall_o,

  output logic                       spad_rreq_o,
  output logic [SpadAw-1:0]          spad_raddr_o,
  input  logic                       spad_rgnt_i,
  input  logic                       spad_rvalid_i,
  input  logic [N-1:0][7:0]          spad_rdata_i,
  output logic                       spad_wreq_o,
  output logic [SpadAw-1:0]          spad_waddr_o,
  output logic [N-1:0][7:0]          spad_wdata_o,
  input  logic                       spad_wgnt_i,

  output logic                       acc_rreq_o,
  output logic [AccAw-1:0]           acc_raddr_o,
  input  logic                       acc_rgnt_i,
  input  logic                       acc_rvalid_i,
  input  logic [N-1:0][31:0]         acc_rdata_i,
  output logic                       aux_rreq_o,
  output logic [AccAw-1:0]           aux_raddr_o,
  input  logic                       aux_rgnt_i,
  input  logic                       aux_rvalid_i,
  input  logic [N-1:0][31:0]         aux_rdata_i,
  output logic                       acc_wreq_o,
  output logic [AccAw-1:0]           acc_waddr_o,
  output logic [N-1:0][31:0]         acc_wdata_o,
  input  logic                       acc_wgnt_i,

  input  logic                       param_we_i,
  input  logic [ParamAw-1:0]         param_waddr_i,
  input  param_t [N-1:0]             param_wdata_i
);

  localparam int unsigned ParamAt = 7;
  localparam int unsigned AddAt = 16;
  localparam int unsigned LaneLatency = 32;
  localparam int unsigned OutDepth = 64;
  localparam int unsigned AuxDepth = 32;
  // Words stream as wide as the wider memory's address.
  localparam int unsigned SrcAw = (SpadAw > AccAw) ? SpadAw : AccAw;

  inst_map_t                  map;
  inst_row_t                  row;
  logic                       is_row, map_start, row_start, row_done;
  logic [InstructionBits-1:0] inst_q;
  logic                       add_q, src_spad_q;

  // The instruction reaches every lane: the unit keeps it in a register of its own and starts a cycle later.
  assign map = inst_map_t'(inst_q);
  assign row = inst_row_t'(inst_q);

  always_ff @(posedge clk_i) begin
    inst_q <= inst_i;
    is_row <= inst_i[7:0] == OpRow;
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) {map_start, row_start} <= '0;
    else {map_start, row_start} <= {2{start_i && !clr_i}} & {inst_i[7:0] != OpRow, inst_i[7:0] == OpRow};
  end

  //////////////////////////////////////////////////////////////////////////////
  // Operands.
  //////////////////////////////////////////////////////////////////////////////

  logic [15:0]              words, words_q, last_word_q;
  logic                     src_req, src_gnt, src_rvalid, src_valid, issue;
  logic [SrcAw-1:0]         src_addr;
  logic [N-1:0][31:0]       src_rdata, src_data, aux_data;
  logic                     aux_valid, aux_pop;
  logic [$clog2(AuxDepth):0] aux_here_q;
  logic                      aux_some_q;   // it is not 0
  logic                     unused_idle_src, unused_idle_aux;

  // Counted before the unit's register, so that it is here with the start.
  inst_map_t early;
  assign early = inst_map_t'(inst_i);
  assign words = 16'((17'(early.cols) + 17'(N - 1)) >> LaneBits);

  // Stable long before the first word comes; src_spad_q just in time for the first request.
  always_ff @(posedge clk_i) begin
    add_q       <= map.add;
    src_spad_q  <= map.src_spad;
    words_q     <= words;
    last_word_q <= words - 16'd1;
  end

  always_comb begin
    src_rdata = acc_rdata_i;
    if (src_spad_q) begin
      for (int unsigned i = 0; i < N; i++) src_rdata[i] = 32'(signed'(spad_rdata_i[i]));
    end
  end

  assign spad_rreq_o  = src_req && src_spad_q;
  assign spad_raddr_o = src_addr[SpadAw-1:0];
  assign acc_rreq_o   = src_req && !src_spad_q;
  assign acc_raddr_o  = src_addr[AccAw-1:0];
  assign src_gnt      = src_spad_q ? spad_rgnt_i : acc_rgnt_i;
  assign src_rvalid   = src_spad_q ? spad_rvalid_i : acc_rvalid_i;

  systole_stream #(
    .Aw   (SrcAw),
    .Width(32 * N),
    .Depth(8)
  ) u_src (
    .clk_i,
    .rst_ni,
    .clr_i,
    .start_i (map_start),
    .base_i  (map.src),
    .stride_i(map.src_stride),
    .rows_i  (map.rows),
    .words_i (words_q),
    .idle_o  (unused_idle_src),
    .req_o   (src_req),
    .addr_o  (src_addr),
    .gnt_i   (src_gnt),
    .rvalid_i(src_rvalid),
    .rdata_i (src_rdata),
    .valid_o (src_valid),
    .ready_i (issue),
    .data_o  (src_data)
  );

  systole_stream #(
    .Aw   (AccAw),
    .Width(32 * N),
    .Depth(AuxDepth),
    .Late (1'b1)
  ) u_aux (
    .clk_i,
    .rst_ni,
    .clr_i,
    .start_i (map_start && map.add),
    .base_i  (map.aux),
    .stride_i(map.src_stride),
    .rows_i  (map.rows),
    .words_i (words_q),
    .idle_o  (unused_idle_aux),
    .req_o   (aux_rreq_o),
    .addr_o  (aux_raddr_o),
    .gnt_i   (aux_rgnt_i),
    .rvalid_i(aux_rvalid_i),
    .rdata_i (aux_rdata_i),
    .valid_o (aux_valid),
    .ready_i (aux_pop),
    .data_o  (aux_data)
  );

  // Addends that arrived and are not yet promised to an issued word.
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      aux_here_q <= '0;
      aux_some_q <= 1'b0;
    end else if (clr_i) begin
      aux_here_q <= '0;
      aux_some_q <= 1'b0;
    end else begin
      if (aux_rvalid_i && !(issue && add_q)) aux_here_q <= aux_here_q + 1'b1;
      if (!aux_rvalid_i && issue && add_q) aux_here_q <= aux_here_q - 1'b1;
      aux_some_q <= aux_rvalid_i || (aux_some_q && !(issue && add_q && aux_here_q == ($clog2(AuxDepth) + 1)'(1)));
    end
  end

  //////////////////////////////////////////////////////////////////////////////
  // Issue: one word a cycle.
  //////////////////////////////////////////////////////////////////////////////

  logic                      active_q, credit_take, credit_give, word_first, row_last;
  logic [15:0]               word_q, words_left_q, row_index_q, last_row_q;
  logic                      word_last_q;
  logic [$clog2(OutDepth):0] credit_q;
  logic                      credit_some_q;   // it is not 0

  assign word_first  = word_q == '0;
  assign row_last    = row_index_q == last_row_q;
  assign issue       = active_q && src_valid && (!add_q || aux_some_q) && credit_some_q;
  assign stall_o     = active_q && !issue;
  assign credit_take = issue;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      active_q      <= 1'b0;
      credit_q      <= ($clog2(OutDepth) + 1)'(OutDepth);
      credit_some_q <= 1'b1;
    end else if (clr_i) begin
      active_q      <= 1'b0;
      credit_q      <= ($clog2(OutDepth) + 1)'(OutDepth);
      credit_some_q <= 1'b1;
    end else begin
      if (map_start) active_q <= 1'b1;
      else if (issue && word_last_q && row_last) active_q <= 1'b0;
      if (credit_take && !credit_give) credit_q <= credit_q - 1'b1;
      if (!credit_take && credit_give) credit_q <= credit_q + 1'b1;
      credit_some_q <= credit_give || (credit_some_q && !(credit_take && credit_q == ($clog2(OutDepth) + 1)'(1)));
    end
  end

  always_ff @(posedge clk_i) begin
    last_row_q <= map.rows - 16'd1;
    if (map_start) begin
      word_q       <= '0;
      words_left_q <= last_word_q;
      word_last_q  <= last_word_q == '0;
      row_index_q  <= '0;
    end else if (issue) begin
      word_q       <= word_q + 16'd1;
      words_left_q <= words_left_q - 16'd1;
      word_last_q  <= words_left_q == 16'd1;
      if (word_last_q) begin
        word_q       <= '0;
        words_left_q <= last_word_q;
        word_last_q  <= last_word_q == '0;
        row_index_q  <= row_index_q + 16'd1;
      end
    end
  end

  //////////////////////////////////////////////////////////////////////////////
  // ROW and PARAM memories.
  //////////////////////////////////////////////////////////////////////////////

  logic             stat_old_done, stat_done, row_we, row_unit_we;
  row_entry_t       stat_entry, row_wdata, row_unit_wdata, row_entry, row_entry_q, row_old;
  logic [RowAw-1:0] row_waddr, row_unit_waddr, row_unit_raddr, row_raddr, stat_addr_q;
  logic [RowAw-1:0] stat_read_q, stat_read_d;

  assign row_we      = is_row ? row_unit_we : stat_done;
  assign row_waddr   = is_row ? row_unit_waddr : stat_addr_q;
  assign row_wdata   = is_row ? row_unit_wdata : stat_entry;
  assign row_raddr   = is_row ? row_unit_raddr : RowAw'(map.row_in + row_index_q);
  assign stat_read_d = map_start ? map.row_out[RowAw-1:0] : stat_old_done ? stat_read_q + 1'b1 : stat_read_q;

  always_ff @(posedge clk_i) begin
    stat_read_q <= stat_read_d;
    if (map_start) stat_addr_q <= map.row_out[RowAw-1:0];
    else if (stat_done) stat_addr_q <= stat_addr_q + 1'b1;
  end

  // Two copies give two read ports: the row stage's entry, and the statistic to be continued.
  prim_ram_1r1w #(
    .Width($bits(row_entry_t)),
    .Depth(RowEntries)
  ) u_row_scale (
    .clk_i,
    .we_i   (row_we),
    .waddr_i(row_waddr),
    .wdata_i(row_wdata),
    .raddr_i(row_raddr),
    .rdata_o(row_entry)
  );

  prim_ram_1r1w #(
    .Width($bits(row_entry_t)),
    .Depth(RowEntries)
  ) u_row_stat (
    .clk_i,
    .we_i   (row_we),
    .waddr_i(row_waddr),
    .wdata_i(row_wdata),
    .raddr_i(stat_read_d),
    .rdata_o(row_old)
  );

  logic [ParamAw-1:0] param_addr;
  param_t [N-1:0]     params, params_q, params_qq;

  prim_delay #(
    .Width(ParamAw),
    .Delay(ParamAt)
  ) u_param_addr (
    .clk_i,
    .rst_ni,
    .data_i(map.param[ParamAw-1:0] + (map.broadcast ? '0 : word_q[ParamAw-1:0])),
    .data_o(param_addr)
  );

  prim_ram_1r1w #(
    .Width($bits(param_t) * N),
    .Depth(ParamWords)
  ) u_param (
    .clk_i,
    .we_i   (param_we_i),
    .waddr_i(param_waddr_i),
    .wdata_i(param_wdata_i),
    .raddr_i(param_addr),
    .rdata_o(params)
  );

  // Block RAM is slow: its word waits in a register before it is chosen from.
  always_ff @(posedge clk_i) begin
    params_q <= params;
    for (int unsigned i = 0; i < N; i++) params_qq[i] <= map.broadcast ? params_q[0] : params_q[i];
  end

  systole_row u_row (
    .clk_i,
    .rst_ni,
    .clr_i,
    .start_i(row_start),
    .inst_i (row),
    .done_o (row_done),
    .raddr_o(row_unit_raddr),
    .rdata_i(row_entry),
    .we_o   (row_unit_we),
    .waddr_o(row_unit_waddr),
    .wdata_o(row_unit_wdata)
  );

  //////////////////////////////////////////////////////////////////////////////
  // Lanes.
  //////////////////////////////////////////////////////////////////////////////

  logic [N-1:0][31:0]       x_q, x_qq, y, y_masked;
  logic [N-1:0]             edge_mask_q, mask;
  logic [1:0]               out_width, out_width_q;
  logic                     stat_on_q;
  logic [LaneLatency:0]     issued_q;
  logic                     y_valid, y_first, y_last;

  // Stable long before the first result comes, as everything that stays for an instruction.
  always_ff @(posedge clk_i) begin
    edge_mask_q <= (map.cols[LaneBits-1:0] == '0) ? '1 : ~(N'('1) << map.cols[LaneBits-1:0]);
    out_width_q <= out_width;
    stat_on_q   <= map.stat != StatNone;
  end

  always_comb begin
    unique case (map.output_code)
      OutputSpadI8: out_width = 2'd0;
      OutputAccI16: out_width = 2'd1;
      OutputAccI18: out_width = 2'd2;
      default:      out_width = 2'd3;
    endcase
  end

  // The row's entry comes out of a slow block RAM and goes to every lane: a register for it, and one for the word.
  always_ff @(posedge clk_i) begin
    x_q         <= src_data;
    x_qq        <= x_q;
    row_entry_q <= row_entry;
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) issued_q <= '0;
    else if (clr_i) issued_q <= '0;
    else issued_q <= {issued_q[LaneLatency-1:0], issue};
  end

  assign aux_pop = issued_q[AddAt-2] && add_q;
  assign y_valid = issued_q[LaneLatency];

  prim_delay #(
    .Width(2),
    .Delay(LaneLatency + 1)
  ) u_flags (
    .clk_i,
    .rst_ni,
    .data_i({word_first, word_last_q}),
    .data_o({y_first, y_last})
  );

  for (genvar i = 0; i < N; i++) begin : g_lane
    systole_lane u_lane (
      .clk_i,
      .rst_ni,
      .sub_i      (map.row_sub),
      .scale_i    (map.row_scale),
      .channel_i  (map.channel),
      .add_i      (map.add),
      .function_i (map.function_code),
      .out_shift_i(map.out_shift[4:0]),
      .out_width_i(out_width_q),
      .x_i        (x_qq[i]),
      .row_i      (row_entry_q),
      .param_i    (params_qq[i]),
      .addend_i   (aux_data[i]),
      .y_o        (y[i])
    );
  end

  assign mask = y_last ? edge_mask_q : '1;

  always_comb begin
    for (int unsigned i = 0; i < N; i++) y_masked[i] = mask[i] ? y[i] : '0;
  end

  systole_statistic u_statistic (
    .clk_i,
    .rst_ni,
    .stat_i    (map.stat),
    .init_i    (map.stat_init),
    .valid_i   (y_valid && stat_on_q),
    .first_i   (y_first),
    .last_i    (y_last),
    .mask_i    (mask),
    .y_i       (y),
    .old_i     (row_old),
    .old_done_o(stat_old_done),
    .done_o    (stat_done),
    .entry_o   (stat_entry)
  );

  //////////////////////////////////////////////////////////////////////////////
  // Output.
  //////////////////////////////////////////////////////////////////////////////

  logic                      has_output, to_spad, out_valid, out_ready, fifo_wready, out_row_end;
  logic [N-1:0][31:0]        out_data;
  logic [15:0]               out_addr_q, out_row_q, out_word_q;

  // Stable long before the first result comes.
  always_ff @(posedge clk_i) begin
    has_output <= map.output_code != OutputNone;
    to_spad    <= map.output_code == OutputSpadI8;
  end

  // The way to the memories' ports begins with a short FIFO, so that a grant moves little.
  logic y_push;

  assign y_push = y_valid && has_output;

  prim_fifo_block #(
    .Width(32 * N),
    .Depth(OutDepth)
  ) u_out (
    .clk_i,
    .rst_ni,
    .clr_i,
    .wvalid_i(y_push),
    .wready_o(fifo_wready),
    .wdata_i (y_masked),
    .rvalid_o(out_valid),
    .rready_i(out_ready),
    .rdata_o (out_data)
  );

  assign spad_wreq_o  = out_valid && to_spad;
  assign spad_waddr_o = out_addr_q[SpadAw-1:0];
  assign acc_wreq_o   = out_valid && !to_spad;
  assign acc_waddr_o  = out_addr_q[AccAw-1:0];
  assign acc_wdata_o  = out_data;
  assign out_ready    = to_spad ? spad_wgnt_i : acc_wgnt_i;
  assign out_row_end  = out_word_q == last_word_q;
  assign credit_give  = has_output ? out_valid && out_ready : y_valid;

  always_comb begin
    for (int unsigned i = 0; i < N; i++) spad_wdata_o[i] = out_data[i][7:0];
  end

  always_ff @(posedge clk_i) begin
    if (map_start) begin
      out_addr_q <= map.dst;
      out_row_q  <= map.dst;
      out_word_q <= '0;
    end else if (out_valid && out_ready) begin
      out_addr_q <= out_addr_q + 16'd1;
      out_word_q <= out_word_q + 16'd1;
      if (out_row_end) begin
        out_addr_q <= out_row_q + map.dst_stride;
        out_row_q  <= out_row_q + map.dst_stride;
        out_word_q <= '0;
      end
    end
  end

  //////////////////////////////////////////////////////////////////////////////
  // Completion: all words out, then the statistics' way to ROW.
  //////////////////////////////////////////////////////////////////////////////

  localparam int unsigned Flush = 2 * LaneBits + 10;

  logic       last_issued_q, draining_q, map_done_q;
  logic [4:0] flush_q, flush;

  always_comb begin
    flush = flush_q;
    if (draining_q && credit_q == ($clog2(OutDepth) + 1)'(OutDepth)) flush = (map.stat == StatNone) ? 5'd1 : 5'(Flush);
    else if (flush_q != '0) flush = flush_q - 5'd1;
  end

  // The last word's credit comes back long after it was issued.
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      last_issued_q <= 1'b0;
      draining_q    <= 1'b0;
      map_done_q    <= 1'b0;
      flush_q       <= '0;
    end else if (clr_i) begin
      last_issued_q <= 1'b0;
      draining_q    <= 1'b0;
      map_done_q    <= 1'b0;
      flush_q       <= '0;
    end else begin
      last_issued_q <= issue && word_last_q && row_last;
      if (last_issued_q) draining_q <= 1'b1;
      else if (credit_q == ($clog2(OutDepth) + 1)'(OutDepth)) draining_q <= 1'b0;
      map_done_q <= flush == 5'd1;
      flush_q    <= flush;
    end
  end

  assign done_o = map_done_q || row_done;

  logic unused_bits;
  assign unused_bits = ^{inst_q, map, early, row, out_data, aux_valid};

  // Credits keep room for every word; addends are there when their word wants them.
  assert property (@(posedge clk_i) disable iff (!rst_ni || clr_i) y_push |-> fifo_wready);
  assert property (@(posedge clk_i) disable iff (!rst_ni || clr_i) aux_pop |-> aux_valid);
  assert property (@(posedge clk_i) disable iff (!rst_ni) credit_some_q == (credit_q != '0));
  assert property (@(posedge clk_i) disable iff (!rst_ni) aux_some_q == (aux_here_q != '0));
  // A request goes to the instruction's memory.
  assert property (@(posedge clk_i) disable iff (!rst_ni || clr_i) src_req |-> src_spad_q == map.src_spad);

endmodule
