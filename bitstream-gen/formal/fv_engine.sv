// SPDX-License-Identifier: MIT OR Apache-2.0
//
// systole_engine: no wait for the bus outlasts BUS_TIMEOUT by more than two cycles, and an engine that gave up starts
// nothing before the bus is quiet.
//
// Environment: anything at all, but that BUS_TIMEOUT stays as it is. So the bound holds whatever the bus does.

module fv_engine
  import systole_pkg::*;
  import systole_cfg_pkg::*;
(
  input logic                  clk_i,
  input reg_q_t                reg_i,
  input logic                  reset_i,
  input logic                  req_ready_i,
  input logic                  rvalid_i,
  input logic [8*BusBytes-1:0] rdata_i,
  input logic                  rerror_i,
  input logic                  bus_idle_i,
  input logic [63:0]           bus_addr_i,
  input logic                  record_done_i,
  input logic                  record_error_i,
  input logic                  finished_i,
  input cause_e                stop_cause_i,
  input unit_e                 stop_unit_i,
  input logic [31:0]           stop_instruction_i,
  input logic [63:0]           stop_address_i
);

  logic                  started_q = 1'b0;
  logic                  clear_indices, running, draining, faulted, full, irq_completion, irq_fault;
  logic [31:0]           sq_head, cq_tail, fault, fault_instruction;
  logic [63:0]           fault_address, req_addr, record_addr;
  logic                  req_valid, record_valid, fetching, start, clr, regions_we;
  logic [7:0]            req_len, regions_beat;
  logic [8*BusBytes-1:0] regions_data;
  completion_t           record;
  submission_t           submission;

  always_ff @(posedge clk_i) started_q <= 1'b1;

  systole_engine u_dut (
    .clk_i,
    .rst_ni             (started_q),
    .reg_i,
    .reset_i,
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
    .req_valid_o        (req_valid),
    .req_ready_i,
    .req_addr_o         (req_addr),
    .req_len_o          (req_len),
    .rvalid_i,
    .rdata_i,
    .rerror_i,
    .bus_idle_i,
    .bus_addr_i,
    .record_valid_o     (record_valid),
    .record_addr_o      (record_addr),
    .record_o           (record),
    .record_done_i,
    .record_error_i,
    .fetching_o         (fetching),
    .start_o            (start),
    .clr_o              (clr),
    .submission_o       (submission),
    .regions_we_o       (regions_we),
    .regions_beat_o     (regions_beat),
    .regions_data_o     (regions_data),
    .finished_i,
    .stop_cause_i,
    .stop_unit_i,
    .stop_instruction_i,
    .stop_address_i
  );

  // The wait so far; a wait that begins is counted from its second cycle.
  logic [32:0] waited_q = '0;
  logic [31:0] timeout_q;
  logic        drained_q = 1'b0;   // the last cycle was one of draining, and the bus not idle
  logic        gave_up_q = 1'b0;   // the engine gave up in the last cycle

  always_ff @(posedge clk_i) begin
    waited_q  <= started_q && u_dut.waits_on ? waited_q + 33'd1 : '0;
    timeout_q <= reg_i.bus_timeout;
    drained_q <= started_q && draining && !bus_idle_i;
    gave_up_q <= started_q && u_dut.hung;
  end

  always_comb if (started_q) assume (reg_i.bus_timeout == timeout_q);

  always_ff @(posedge clk_i) begin
    if (started_q) begin
      if (u_dut.waits_on) begin
        assert (waited_q <= 33'(timeout_q) + 33'd1);
        // Invariants for the induction.
        if (waited_q <= 33'(timeout_q)) assert (33'(u_dut.wait_left_q) == 33'(timeout_q) - waited_q);
        else assert (u_dut.wait_left_q == '0);
        assert (u_dut.timeout_q == (waited_q > 33'(timeout_q)));
      end
      // Giving up is told, and lasts until the bus is idle, whatever the host does.
      if (gave_up_q) assert (draining && faulted && clr);
      if (drained_q) assert (draining && faulted && clr);
      if (draining) assert (faulted && !clear_indices && !running && !req_valid && !record_valid && !start);
    end
  end

endmodule
