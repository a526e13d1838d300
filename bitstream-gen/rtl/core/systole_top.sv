// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The accelerator: AXI4-Lite registers, interrupt, AXI4 master.
//
// One clock. The reset is asynchronous and must be released in step with the clock; memories are not reset. AXI IDs are not
// used: every burst is incrementing, of full bus width, and in order.

module systole_top
  import systole_pkg::*;
  import systole_cfg_pkg::*;
#(
  // First 32 bits of the bundle's content hash.
  parameter logic [31:0] BuildId = 32'd1,
  // Two INT8 products on one multiplier, for devices with blocks of 27 x 18 bits.
  parameter bit          Packed = 1'b0
) (
  input  logic                  clk_i,
  input  logic                  rst_ni,
  output logic                  irq_o,

  input  logic                  s_awvalid_i,
  output logic                  s_awready_o,
  input  logic [11:0]           s_awaddr_i,
  input  logic                  s_wvalid_i,
  output logic                  s_wready_o,
  input  logic [31:0]           s_wdata_i,
  input  logic [3:0]            s_wstrb_i,
  output logic                  s_bvalid_o,
  input  logic                  s_bready_i,
  output logic [1:0]            s_bresp_o,
  input  logic                  s_arvalid_i,
  output logic                  s_arready_o,
  input  logic [11:0]           s_araddr_i,
  output logic                  s_rvalid_o,
  input  logic                  s_rready_i,
  output logic [31:0]           s_rdata_o,
  output logic [1:0]            s_rresp_o,

  output logic                  m_arvalid_o,
  input  logic                  m_arready_i,
  output logic [63:0]           m_araddr_o,
  output logic [7:0]            m_arlen_o,
  output logic [2:0]            m_arsize_o,
  output logic [1:0]            m_arburst_o,
  input  logic                  m_rvalid_i,
  output logic                  m_rready_o,
  input  logic [8*BusBytes-1:0] m_rdata_i,
  input  logic [1:0]            m_rresp_i,
  input  logic                  m_rlast_i,
  output logic                  m_awvalid_o,
  input  logic                  m_awready_i,
  output logic [63:0]           m_awaddr_o,
  output logic [7:0]            m_awlen_o,
  output logic [2:0]            m_awsize_o,
  output logic [1:0]            m_awburst_o,
  output logic                  m_wvalid_o,
  input  logic                  m_wready_i,
  output logic [8*BusBytes-1:0] m_wdata_o,
  output logic [BusBytes-1:0]   m_wstrb_o,
  output logic                  m_wlast_o,
  input  logic                  m_bvalid_i,
  output logic                  m_bready_o,
  input  logic [1:0]            m_bresp_i
);

  // Queued units, in the order of their codes.
  localparam int unsigned Load = 0;
  localparam int unsigned Gemm = 1;
  localparam int unsigned Vector = 2;
  localparam int unsigned Store = 3;

  assign m_arsize_o  = 3'($clog2(BusBytes));
  assign m_awsize_o  = 3'($clog2(BusBytes));
  assign m_arburst_o = 2'b01;
  assign m_awburst_o = 2'b01;

  //////////////////////////////////////////////////////////////////////////////
  // Registers.
  //////////////////////////////////////////////////////////////////////////////

  reg_q_t      reg_q;
  reg_hw_t     reg_hw;
  reg_we_t     reg_we;
  logic [31:0] we_data;
  logic        write, read, engine_reset, clear_indices;
  logic [11:0] write_addr, read_addr;
  logic [31:0] write_data, read_data;
  logic [3:0]  write_strb;

  systole_axil u_axil (
    .clk_i,
    .rst_ni,
    .awvalid_i   (s_awvalid_i),
    .awready_o   (s_awready_o),
    .awaddr_i    (s_awaddr_i),
    .wvalid_i    (s_wvalid_i),
    .wready_o    (s_wready_o),
    .wdata_i     (s_wdata_i),
    .wstrb_i     (s_wstrb_i),
    .bvalid_o    (s_bvalid_o),
    .bready_i    (s_bready_i),
    .bresp_o     (s_bresp_o),
    .arvalid_i   (s_arvalid_i),
    .arready_o   (s_arready_o),
    .araddr_i    (s_araddr_i),
    .rvalid_o    (s_rvalid_o),
    .rready_i    (s_rready_i),
    .rdata_o     (s_rdata_o),
    .rresp_o     (s_rresp_o),
    .write_o     (write),
    .write_addr_o(write_addr),
    .write_data_o(write_data),
    .write_strb_o(write_strb),
    .read_o      (read),
    .read_addr_o (read_addr),
    .read_data_i (read_data)
  );

  systole_regs u_regs (
    .clk_i,
    .rst_ni,
    .write_i        (write),
    .write_addr_i   (write_addr),
    .write_data_i   (write_data),
    .write_strb_i   (write_strb),
    .read_addr_i    (read_addr),
    .read_data_o    (read_data),
    .hw_i           (reg_hw),
    .clear_indices_i(clear_indices),
    .q_o            (reg_q),
    .we_o           (reg_we),
    .we_data_o      (we_data)
  );

  assign engine_reset = reg_we.reset && we_data[0];

  logic [63:0] cycle_q;
  logic [31:0] last_cycle_q, cycle_high_q;
  logic [1:0]  irq_q;
  logic        irq_completion, irq_fault;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      cycle_q      <= '0;
      cycle_high_q <= '0;
      irq_q        <= '0;
      irq_o        <= 1'b0;
    end else begin
      cycle_q <= cycle_q + 64'd1;
      if (read && read_addr == RegCycleLo) cycle_high_q <= cycle_q[63:32];
      // An event in the cycle of its clearing stays.
      irq_q <= (irq_q & ~(reg_we.irq_status ? we_data[1:0] : 2'b00)) | {irq_fault, irq_completion};
      irq_o <= (irq_q & reg_q.irq_enable[1:0]) != '0;
    end
  end

  always_ff @(posedge clk_i) last_cycle_q <= cycle_q[31:0];

  //////////////////////////////////////////////////////////////////////////////
  // Engine, fetch and dispatch.
  //////////////////////////////////////////////////////////////////////////////

  logic                       fetching, start, clr, finished, bus_idle, running, draining, faulted, full;
  submission_t                submission;
  logic                       regions_we;
  logic [7:0]                 regions_beat;
  logic [8*BusBytes-1:0]      regions_data;
  region_t [1:0]              region;        // of LOAD and of STORE
  cause_e                     stop_cause;
  unit_e                      stop_unit;
  logic [31:0]                stop_instruction;
  logic [63:0]                stop_address;
  logic [31:0]                sq_head, cq_tail, fault, fault_instruction;
  logic [63:0]                fault_address;

  logic [1:0]                 rd_req_valid, rd_req_ready, rd_valid, rd_ready;
  logic [1:0][63:0]           rd_addr;
  logic [1:0][7:0]            rd_len;
  logic [8*BusBytes-1:0]      rd_data;
  logic                       rd_error, rd_idle;
  logic [1:0]                 wr_req_valid, wr_req_ready, wr_valid, wr_ready, wr_resp;
  logic [1:0][63:0]           wr_addr;
  logic [1:0][7:0]            wr_len;
  logic [1:0][8*BusBytes-1:0] wr_data;
  logic [1:0][BusBytes-1:0]   wr_strb;
  logic                       wr_error, wr_idle;

  logic                       engine_req_valid, fetch_req_valid;
  logic [63:0]                engine_req_addr, fetch_req_addr;
  logic [7:0]                 engine_req_len, fetch_req_len;
  logic                       completion_valid, record_done, record_error, record_writing;
  logic [63:0]                bus_addr_q;
  logic [63:0]                completion_addr;
  completion_t                completion;

  // Client 0 of both masters is the engine with the fetcher, client 1 the unit.
  assign bus_idle        = rd_idle && wr_idle && !record_writing;
  assign rd_req_valid[0] = fetching ? fetch_req_valid : engine_req_valid;
  assign rd_addr[0]      = fetching ? fetch_req_addr : engine_req_addr;
  assign rd_len[0]       = fetching ? fetch_req_len : engine_req_len;
  assign rd_ready[0]     = 1'b1;

  always_ff @(posedge clk_i) bus_addr_q <= rd_idle ? m_awaddr_o : m_araddr_o;

  systole_engine u_engine (
    .clk_i,
    .rst_ni,
    .reg_i              (reg_q),
    .reset_i            (engine_reset),
    .clear_indices_o    (clear_indices),
    .sq_head_o          (sq_head),
    .cq_tail_o          (cq_tail),
    .running_o          (running),
    .draining_o         (draining),
    .faulted_o          (faulted),
    .full_o             (full),
    .fault_o            (fault),
    .fault_instruction_o(fault_instruction),
    .fault_address_o    (fault_address),
    .irq_completion_o   (irq_completion),
    .irq_fault_o        (irq_fault),
    .req_valid_o        (engine_req_valid),
    .req_ready_i        (rd_req_ready[0] && !fetching),
    .req_addr_o         (engine_req_addr),
    .req_len_o          (engine_req_len),
    .rvalid_i           (rd_valid[0] && !fetching),
    .rdata_i            (rd_data),
    .rerror_i           (rd_error),
    .bus_idle_i         (bus_idle),
    .bus_addr_i         (bus_addr_q),
    .record_valid_o     (completion_valid),
    .record_addr_o      (completion_addr),
    .record_o           (completion),
    .record_done_i      (record_done && completion_valid),
    .record_error_i     (record_error),
    .fetching_o         (fetching),
    .start_o            (start),
    .clr_o              (clr),
    .submission_o       (submission),
    .regions_we_o       (regions_we),
    .regions_beat_o     (regions_beat),
    .regions_data_o     (regions_data),
    .finished_i         (finished),
    .stop_cause_i       (stop_cause),
    .stop_unit_i        (stop_unit),
    .stop_instruction_i (stop_instruction),
    .stop_address_i     (stop_address)
  );

  logic                       fetched_valid, fetched_ready, fetched_error;
  logic [InstructionBits-1:0] fetched;
  logic [3:0]                 push_valid, push_ready;
  logic [InstructionBits-1:0] push_inst;
  logic [31:0]                push_index;
  logic                       ended, blocked;
  cause_e                     dispatch_fault;
  logic [63:0]                dispatch_address;

  systole_fetch u_fetch (
    .clk_i,
    .rst_ni,
    .clr_i      (clr),
    .start_i    (start),
    .program_i  (submission.program_base),
    .count_i    (submission.instructions),
    .req_valid_o(fetch_req_valid),
    .req_ready_i(rd_req_ready[0] && fetching),
    .req_addr_o (fetch_req_addr),
    .req_len_o  (fetch_req_len),
    .rvalid_i   (rd_valid[0] && fetching),
    .rdata_i    (rd_data),
    .rerror_i   (rd_error),
    .valid_o    (fetched_valid),
    .ready_i    (fetched_ready),
    .inst_o     (fetched),
    .error_o    (fetched_error)
  );

  systole_dispatch u_dispatch (
    .clk_i,
    .rst_ni,
    .clr_i          (clr),
    .start_i        (start),
    .program_i      (submission.program_base),
    .count_i        (submission.instructions),
    .valid_i        (fetched_valid),
    .ready_o        (fetched_ready),
    .inst_i         (fetched),
    .error_i        (fetched_error),
    .push_valid_o   (push_valid),
    .push_ready_i   (push_ready),
    .push_inst_o    (push_inst),
    .push_index_o   (push_index),
    .ended_o        (ended),
    .blocked_o      (blocked),
    .fault_o        (dispatch_fault),
    .fault_address_o(dispatch_address)
  );

  //////////////////////////////////////////////////////////////////////////////
  // Queues and semaphores.
  //////////////////////////////////////////////////////////////////////////////

  logic [3:0]                      want, met, grant, post, overflow, unit_start, unit_ready, unit_done, unit_stall;
  logic [3:0]                      empty, busy, waiting, tracing, trace_valid, trace_ready;
  logic [3:0][NumSemaphores-1:0]   wait_mask, post_mask;
  logic [3:0][InstructionBits-1:0] inst;
  logic [3:0][31:0]                index, next_index, trace_index, trace_start, trace_end;
  logic [3:0][31:0]                busy_count, wait_count, stall_count;
  logic [3:0][15:0]                trace_tag;

  for (genvar u = 0; u < 4; u++) begin : g_issue
    systole_issue u_issue (
      .clk_i,
      .rst_ni,
      .clr_i             (clr),
      .restart_counters_i(start),
      .cycle_i           (cycle_q[31:0]),
      .last_cycle_i      (last_cycle_q),
      .trace_i           (submission.flags[SubmitTraceBit]),
      .push_valid_i      (push_valid[u]),
      .push_ready_o      (push_ready[u]),
      .push_inst_i       (push_inst),
      .push_index_i      (push_index),
      .want_o            (want[u]),
      .wait_mask_o       (wait_mask[u]),
      .met_i             (met[u]),
      .grant_i           (grant[u]),
      .post_o            (post[u]),
      .post_mask_o       (post_mask[u]),
      .start_o           (unit_start[u]),
      .inst_o            (inst[u]),
      .ready_i           (unit_ready[u]),
      .index_o           (index[u]),
      .done_i            (unit_done[u]),
      .stall_i           (unit_stall[u]),
      .empty_o           (empty[u]),
      .busy_o            (busy[u]),
      .waiting_o         (waiting[u]),
      .next_index_o      (next_index[u]),
      .tracing_o         (tracing[u]),
      .trace_valid_o     (trace_valid[u]),
      .trace_ready_i     (trace_ready[u]),
      .trace_tag_o       (trace_tag[u]),
      .trace_index_o     (trace_index[u]),
      .trace_start_o     (trace_start[u]),
      .trace_end_o       (trace_end[u]),
      .busy_count_o      (busy_count[u]),
      .wait_count_o      (wait_count[u]),
      .stall_count_o     (stall_count[u])
    );
  end

  // Only GEMM takes an instruction while another runs.
  logic gemm_ready;

  always_comb begin
    unit_ready       = ~busy;
    unit_ready[Gemm] = gemm_ready;
  end

  systole_semaphores u_semaphores (
    .clk_i,
    .rst_ni,
    .clr_i      (clr),
    .want_i     (want),
    .wait_mask_i(wait_mask),
    .met_o      (met),
    .grant_o    (grant),
    .post_i     (post),
    .post_mask_i(post_mask),
    .overflow_o (overflow)
  );

  //////////////////////////////////////////////////////////////////////////////
  // Units.
  //////////////////////////////////////////////////////////////////////////////

  logic                 ld_spad_wreq, ld_spad_wgnt, ld_acc_wreq, ld_acc_wgnt, ld_param_we;
  logic [SpadAw-1:0]    ld_spad_waddr, st_spad_raddr;
  logic [AccAw-1:0]     ld_acc_waddr, st_acc_raddr;
  logic [ParamAw-1:0]   ld_param_waddr;
  logic [N-1:0][7:0]    ld_spad_wdata, st_spad_rdata;
  logic [N-1:0][31:0]   ld_acc_wdata, st_acc_rdata;
  param_t [N-1:0]       ld_param_wdata;
  logic                 st_spad_rreq, st_spad_rgnt, st_spad_rvalid, st_acc_rreq, st_acc_rgnt, st_acc_rvalid;
  cause_e               load_fault, store_fault;
  logic [63:0]          load_fault_address, store_fault_address;

  inst_load_t  load_inst;
  inst_store_t store_inst;
  assign load_inst  = inst_load_t'(inst[Load]);
  assign store_inst = inst_store_t'(inst[Store]);

  systole_regions u_regions (
    .clk_i,
    .we_i   (regions_we),
    .beat_i (regions_beat),
    .wdata_i(regions_data),
    .index_i({store_inst.region[2:0], load_inst.region[2:0]}),
    .rdata_o(region)
  );

  systole_load u_load (
    .clk_i,
    .rst_ni,
    .clr_i          (clr),
    .start_i        (unit_start[Load]),
    .inst_i         (load_inst),
    .region_i       (region[0]),
    .done_o         (unit_done[Load]),
    .stall_o        (unit_stall[Load]),
    .fault_o        (load_fault),
    .fault_address_o(load_fault_address),
    .req_valid_o    (rd_req_valid[1]),
    .req_ready_i    (rd_req_ready[1]),
    .req_addr_o     (rd_addr[1]),
    .req_len_o      (rd_len[1]),
    .rvalid_i       (rd_valid[1]),
    .rready_o       (rd_ready[1]),
    .rdata_i        (rd_data),
    .rerror_i       (rd_error),
    .spad_wreq_o    (ld_spad_wreq),
    .spad_waddr_o   (ld_spad_waddr),
    .spad_wdata_o   (ld_spad_wdata),
    .spad_wgnt_i    (ld_spad_wgnt),
    .acc_wreq_o     (ld_acc_wreq),
    .acc_waddr_o    (ld_acc_waddr),
    .acc_wdata_o    (ld_acc_wdata),
    .acc_wgnt_i     (ld_acc_wgnt),
    .param_we_o     (ld_param_we),
    .param_waddr_o  (ld_param_waddr),
    .param_wdata_o  (ld_param_wdata)
  );

  systole_store u_store (
    .clk_i,
    .rst_ni,
    .clr_i          (clr),
    .start_i        (unit_start[Store]),
    .inst_i         (store_inst),
    .region_i       (region[1]),
    .done_o         (unit_done[Store]),
    .stall_o        (unit_stall[Store]),
    .fault_o        (store_fault),
    .fault_address_o(store_fault_address),
    .spad_rreq_o    (st_spad_rreq),
    .spad_raddr_o   (st_spad_raddr),
    .spad_rgnt_i    (st_spad_rgnt),
    .spad_rvalid_i  (st_spad_rvalid),
    .spad_rdata_i   (st_spad_rdata),
    .acc_rreq_o     (st_acc_rreq),
    .acc_raddr_o    (st_acc_raddr),
    .acc_rgnt_i     (st_acc_rgnt),
    .acc_rvalid_i   (st_acc_rvalid),
    .acc_rdata_i    (st_acc_rdata),
    .req_valid_o    (wr_req_valid[1]),
    .req_ready_i    (wr_req_ready[1]),
    .req_addr_o     (wr_addr[1]),
    .req_len_o      (wr_len[1]),
    .wvalid_o       (wr_valid[1]),
    .wready_i       (wr_ready[1]),
    .wdata_o        (wr_data[1]),
    .wstrb_o        (wr_strb[1]),
    .resp_i         (wr_resp[1]),
    .resp_error_i   (wr_error)
  );

  systole_core #(
    .Packed(Packed)
  ) u_core (
    .clk_i,
    .rst_ni,
    .clr_i         (clr),
    .gemm_start_i  (unit_start[Gemm]),
    .gemm_inst_i   (inst[Gemm]),
    .gemm_ready_o  (gemm_ready),
    .gemm_done_o   (unit_done[Gemm]),
    .gemm_stall_o  (unit_stall[Gemm]),
    .vector_start_i(unit_start[Vector]),
    .vector_inst_i (inst[Vector]),
    .vector_done_o (unit_done[Vector]),
    .vector_stall_o(unit_stall[Vector]),
    .spad_wreq_i   (ld_spad_wreq),
    .spad_waddr_i  (ld_spad_waddr),
    .spad_wdata_i  (ld_spad_wdata),
    .spad_wgnt_o   (ld_spad_wgnt),
    .acc_wreq_i    (ld_acc_wreq),
    .acc_waddr_i   (ld_acc_waddr),
    .acc_wdata_i   (ld_acc_wdata),
    .acc_wgnt_o    (ld_acc_wgnt),
    .param_we_i    (ld_param_we),
    .param_waddr_i (ld_param_waddr),
    .param_wdata_i (ld_param_wdata),
    .spad_rreq_i   (st_spad_rreq),
    .spad_raddr_i  (st_spad_raddr),
    .spad_rgnt_o   (st_spad_rgnt),
    .spad_rvalid_o (st_spad_rvalid),
    .spad_rdata_o  (st_spad_rdata),
    .acc_rreq_i    (st_acc_rreq),
    .acc_raddr_i   (st_acc_raddr),
    .acc_rgnt_o    (st_acc_rgnt),
    .acc_rvalid_o  (st_acc_rvalid),
    .acc_rdata_o   (st_acc_rdata)
  );

  systole_axi_read u_read (
    .clk_i,
    .rst_ni,
    .req_valid_i(rd_req_valid),
    .req_ready_o(rd_req_ready),
    .req_addr_i (rd_addr),
    .req_len_i  (rd_len),
    .rvalid_o   (rd_valid),
    .rready_i   (rd_ready),
    .rdata_o    (rd_data),
    .rerror_o   (rd_error),
    .idle_o     (rd_idle),
    .arvalid_o  (m_arvalid_o),
    .arready_i  (m_arready_i),
    .araddr_o   (m_araddr_o),
    .arlen_o    (m_arlen_o),
    .rvalid_i   (m_rvalid_i),
    .rready_o   (m_rready_o),
    .rdata_i    (m_rdata_i),
    .rresp_i    (m_rresp_i),
    .rlast_i    (m_rlast_i)
  );

  systole_axi_write u_write (
    .clk_i,
    .rst_ni,
    .clr_i       ({clr, 1'b0}),
    .req_valid_i (wr_req_valid),
    .req_ready_o (wr_req_ready),
    .req_addr_i  (wr_addr),
    .req_len_i   (wr_len),
    .wvalid_i    (wr_valid),
    .wready_o    (wr_ready),
    .wdata_i     (wr_data),
    .wstrb_i     (wr_strb),
    .resp_o      (wr_resp),
    .resp_error_o(wr_error),
    .idle_o      (wr_idle),
    .awvalid_o   (m_awvalid_o),
    .awready_i   (m_awready_i),
    .awaddr_o    (m_awaddr_o),
    .awlen_o     (m_awlen_o),
    .wvalid_o    (m_wvalid_o),
    .wready_i    (m_wready_i),
    .wdata_o     (m_wdata_o),
    .wstrb_o     (m_wstrb_o),
    .wlast_o     (m_wlast_o),
    .bvalid_i    (m_bvalid_i),
    .bready_o    (m_bready_o),
    .bresp_i     (m_bresp_i)
  );

  //////////////////////////////////////////////////////////////////////////////
  // Trace and completion records.
  //////////////////////////////////////////////////////////////////////////////

  logic        trace_busy, trace_failed;
  unit_e       trace_unit;
  logic [31:0] trace_count, trace_failed_index;
  logic [63:0] trace_failed_address;

  systole_trace u_trace (
    .clk_i,
    .rst_ni,
    .clr_i             (clr),
    .cycle_i           (cycle_q),
    .id_i              (submission.id),
    .base_i            ({reg_q.trace_base_hi, reg_q.trace_base_lo}),
    .size_i            (reg_q.trace_size),
    .restart_i         (reg_we.trace_size),
    .valid_i           (trace_valid),
    .ready_o           (trace_ready),
    .tag_i             (trace_tag),
    .index_i           (trace_index),
    .start_i           (trace_start),
    .end_i             (trace_end),
    .busy_o            (trace_busy),
    .count_o           (trace_count),
    .failed_o          (trace_failed),
    .unit_o            (trace_unit),
    .failed_index_o    (trace_failed_index),
    .failed_address_o  (trace_failed_address),
    .completion_valid_i(completion_valid),
    .completion_addr_i (completion_addr),
    .completion_i      (completion),
    .done_o            (record_done),
    .error_o           (record_error),
    .writing_o         (record_writing),
    .req_valid_o       (wr_req_valid[0]),
    .req_ready_i       (wr_req_ready[0]),
    .req_addr_o        (wr_addr[0]),
    .req_len_o         (wr_len[0]),
    .wvalid_o          (wr_valid[0]),
    .wready_i          (wr_ready[0]),
    .wdata_o           (wr_data[0]),
    .wstrb_o           (wr_strb[0]),
    .resp_i            (wr_resp[0]),
    .resp_error_i      (wr_error)
  );

  //////////////////////////////////////////////////////////////////////////////
  // End, faults, deadlock.
  //////////////////////////////////////////////////////////////////////////////

  systole_stop u_stop (
    .clk_i,
    .rst_ni,
    .clr_i             (clr),
    .ended_i           (ended),
    .blocked_i         (blocked),
    .pushed_i          ((push_valid & push_ready) != '0),
    .empty_i           (empty),
    .busy_i            (busy),
    .waiting_i         (waiting),
    .tracing_i         (tracing != '0),
    .recording_i       (trace_busy),
    .index_i           (index),
    .next_index_i      (next_index),
    .overflow_i        (overflow),
    .push_index_i      (push_index),
    .dispatch_fault_i  (dispatch_fault),
    .dispatch_address_i(dispatch_address),
    .load_fault_i      (load_fault),
    .load_address_i    (load_fault_address),
    .store_fault_i     (store_fault),
    .store_address_i   (store_fault_address),
    .trace_failed_i    (trace_failed),
    .trace_unit_i      (trace_unit),
    .trace_index_i     (trace_failed_index),
    .trace_address_i   (trace_failed_address),
    .finished_o        (finished),
    .cause_o           (stop_cause),
    .unit_o            (stop_unit),
    .instruction_o     (stop_instruction),
    .address_o         (stop_address)
  );

  //////////////////////////////////////////////////////////////////////////////
  // What the registers read.
  //////////////////////////////////////////////////////////////////////////////

  logic [31:0] build_id;

  prim_constant #(
    .Width(32),
    .Value(BuildId)
  ) u_build_id (
    .value_o(build_id)
  );

  always_comb begin
    reg_hw                   = '0;
    reg_hw.magic             = Magic;
    reg_hw.abi_hash_lo       = AbiHash[31:0];
    reg_hw.abi_hash_hi       = AbiHash[63:32];
    reg_hw.build_id          = build_id;
    reg_hw.config_id         = ConfigId;
    reg_hw.config_array      = ConfigArray;
    reg_hw.config_spad       = SpadWords;
    reg_hw.config_acc        = AccWords;
    reg_hw.config_param_row  = ConfigParamRow;
    reg_hw.status            = {28'b0, draining, full, faulted, running};
    reg_hw.irq_status        = {30'b0, irq_q};
    reg_hw.fault             = fault;
    reg_hw.fault_instruction = fault_instruction;
    reg_hw.fault_address_lo  = fault_address[31:0];
    reg_hw.fault_address_hi  = fault_address[63:32];
    reg_hw.sq_head           = sq_head;
    reg_hw.cq_tail           = cq_tail;
    reg_hw.trace_count       = trace_count;
    reg_hw.cycle_lo          = cycle_q[31:0];
    reg_hw.cycle_hi          = cycle_high_q;
    reg_hw.load_busy         = busy_count[Load];
    reg_hw.load_wait         = wait_count[Load];
    reg_hw.load_stall        = stall_count[Load];
    reg_hw.gemm_busy         = busy_count[Gemm];
    reg_hw.gemm_wait         = wait_count[Gemm];
    reg_hw.gemm_stall        = stall_count[Gemm];
    reg_hw.vector_busy       = busy_count[Vector];
    reg_hw.vector_wait       = wait_count[Vector];
    reg_hw.vector_stall      = stall_count[Vector];
    reg_hw.store_busy        = busy_count[Store];
    reg_hw.store_wait        = wait_count[Store];
    reg_hw.store_stall       = stall_count[Store];
  end

  logic unused_bits;
  assign unused_bits = ^{reg_we, we_data, submission};

endmodule
