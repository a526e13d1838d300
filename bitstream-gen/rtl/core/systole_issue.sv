// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The queue of one unit: holds its instructions, starts them when their semaphores are met, posts when they are done,
// counts cycles, and keeps the trace record of the last tagged instruction until it is written.
//
// start_o comes one cycle after the grant; inst_o and index_o are stable from then until the unit is done.

module systole_issue
  import systole_pkg::*;
  import systole_cfg_pkg::*;
(
  input  logic                       clk_i,
  input  logic                       rst_ni,
  input  logic                       clr_i,
  input  logic                       restart_counters_i,
  input  logic [63:0]                cycle_i,
  input  logic                       trace_i,

  input  logic                       push_valid_i,
  output logic                       push_ready_o,
  input  logic [InstructionBits-1:0] push_inst_i,
  input  logic [31:0]                push_index_i,

  output logic                       want_o,
  output logic [NumSemaphores-1:0]   wait_mask_o,
  input  logic                       met_i,
  input  logic                       grant_i,
  output logic                       post_o,
  output logic [NumSemaphores-1:0]   post_mask_o,

  output logic                       start_o,
  output logic [InstructionBits-1:0] inst_o,
  output logic [31:0]                index_o,
  input  logic                       done_i,
  input  logic                       stall_i,

  output logic                       empty_o,       // nothing queued
  output logic                       busy_o,        // an instruction runs
  output logic                       waiting_o,     // the next one waits for a semaphore
  output logic [31:0]                next_index_o,

  output logic                       trace_valid_o,
  input  logic                       trace_ready_i,
  output logic [15:0]                trace_tag_o,
  output logic [31:0]                trace_index_o,
  output logic [63:0]                trace_start_o,
  output logic [63:0]                trace_end_o,

  output logic [31:0]                busy_count_o,
  output logic [31:0]                wait_count_o,
  output logic [31:0]                stall_count_o
);

  logic                        head_valid, busy_q, trace_q;
  logic [InstructionBits-1:0]  head, inst_q;
  logic [31:0]                 head_index;
  logic [$clog2(QueueDepth):0] unused_level;

  prim_fifo #(
    .Width(InstructionBits + 32),
    .Depth(QueueDepth)
  ) u_queue (
    .clk_i,
    .rst_ni,
    .clr_i,
    .wvalid_i(push_valid_i),
    .wready_o(push_ready_o),
    .wdata_i ({push_inst_i, push_index_i}),
    .rvalid_o(head_valid),
    .rready_i(grant_i),
    .rdata_o ({head, head_index}),
    .level_o (unused_level)
  );

  // Byte 2: tag, byte 4: wait mask, byte 6: post mask.
  assign wait_mask_o  = head[47:32];
  assign want_o       = head_valid && !busy_q && !trace_q;
  assign waiting_o    = want_o && !met_i;
  assign next_index_o = head_index;
  assign empty_o      = !head_valid;
  assign busy_o       = busy_q;
  assign inst_o       = inst_q;
  assign post_o       = busy_q && done_i;
  assign post_mask_o  = inst_q[63:48];
  assign trace_tag_o  = inst_q[31:16];
  assign trace_index_o = index_o;
  assign trace_valid_o = trace_q;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      busy_q  <= 1'b0;
      start_o <= 1'b0;
      trace_q <= 1'b0;
    end else if (clr_i) begin
      busy_q  <= 1'b0;
      start_o <= 1'b0;
      trace_q <= 1'b0;
    end else begin
      start_o <= grant_i;
      if (grant_i) busy_q <= 1'b1;
      else if (done_i) busy_q <= 1'b0;
      if (post_o && trace_i && trace_tag_o != '0) trace_q <= 1'b1;
      else if (trace_ready_i) trace_q <= 1'b0;
    end
  end

  always_ff @(posedge clk_i) begin
    if (grant_i) begin
      inst_q        <= head;
      index_o       <= head_index;
      trace_start_o <= cycle_i;
    end
    if (post_o) trace_end_o <= cycle_i;
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      busy_count_o  <= '0;
      wait_count_o  <= '0;
      stall_count_o <= '0;
    end else if (restart_counters_i) begin
      busy_count_o  <= '0;
      wait_count_o  <= '0;
      stall_count_o <= '0;
    end else begin
      if (busy_q) busy_count_o <= busy_count_o + 32'd1;
      if (waiting_o) wait_count_o <= wait_count_o + 32'd1;
      if (busy_q && stall_i) stall_count_o <= stall_count_o + 32'd1;
    end
  end

  // Only a running instruction ends, and none starts over another.
  assert property (@(posedge clk_i) disable iff (!rst_ni || clr_i) done_i |-> busy_q);
  assert property (@(posedge clk_i) disable iff (!rst_ni || clr_i) grant_i |-> want_o);

endmodule
