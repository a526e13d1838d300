// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The queue of one unit: holds its instructions, starts them when their semaphores are met and the unit is ready, posts
// when they are done, counts cycles, and keeps trace records of tagged instructions until they are written. A record is
// made in the cycle behind the end, which comes from far away and has enough to move.
//
// start_o comes two cycles after the grant; ready_i answers it from the next cycle on. inst_o is stable until the next
// start. Up to four instructions are under way, trace records included; they end in the order of their start, at least
// two cycles apart, and none ends in the cycle behind its start. index_o is the index of the one that ends next. The oldest
// queued instruction waits in a register in front of the queue's RAM, from where its semaphores are judged; QueueDepth
// counts it.

module systole_issue
  import systole_pkg::*;
  import systole_cfg_pkg::*;
(
  input  logic                       clk_i,
  input  logic                       rst_ni,
  input  logic                       clr_i,
  input  logic                       restart_counters_i,
  input  logic [31:0]                cycle_i,       // low half, as the stamps of trace records
  input  logic [31:0]                last_cycle_i,  // the one before
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
  input  logic                       ready_i,       // another instruction may start
  output logic [31:0]                index_o,
  input  logic                       done_i,
  input  logic                       stall_i,

  output logic                       empty_o,       // nothing queued
  output logic                       busy_o,        // an instruction runs
  output logic                       waiting_o,     // the next one waits for a semaphore
  output logic [31:0]                next_index_o,

  output logic                       tracing_o,     // has a record, or is making one
  output logic                       trace_valid_o,
  input  logic                       trace_ready_i,
  output logic [15:0]                trace_tag_o,
  output logic [31:0]                trace_index_o,
  output logic [31:0]                trace_start_o, // low halves
  output logic [31:0]                trace_end_o,

  output logic [31:0]                busy_count_o,
  output logic [31:0]                wait_count_o,
  output logic [31:0]                stall_count_o
);

  localparam int unsigned Flights = 4;

  typedef struct packed {
    logic [15:0]              tag;
    logic [NumSemaphores-1:0] post;
    logic [31:0]              index;
    logic [31:0]              start;   // low half
  } flight_t;

  logic                        next_valid, next_take, push, head_valid_q, head_valid, empty_q, able_q, room;
  logic                        busy_now_q, wait_now_q, stall_now_q, granted_q, flight_ready, traced_q, record_q;
  logic                        record_ready, unused_wready;
  logic [InstructionBits-1:0]  next, head_q;
  logic [31:0]                 next_index, head_index_q;
  logic [$clog2(QueueDepth):0] unused_level, count_q;
  logic [$clog2(Flights):0]    flights, records;
  flight_t                     flight, flight_q;

  prim_fifo #(
    .Width(InstructionBits + 32),
    .Depth(QueueDepth)
  ) u_queue (
    .clk_i,
    .rst_ni,
    .clr_i,
    .wvalid_i(push),
    .wready_o(unused_wready),
    .wdata_i ({push_inst_i, push_index_i}),
    .rvalid_o(next_valid),
    .rready_i(next_take),
    .rdata_o ({next, next_index}),
    .level_o (unused_level)
  );

  assign push         = push_valid_i && push_ready_o;
  assign push_ready_o = !count_q[$clog2(QueueDepth)];
  assign next_take    = !head_valid_q || granted_q;

  // Byte 2: tag, byte 4: wait mask, byte 6: post mask.
  prim_fifo #(
    .Width($bits(flight_t)),
    .Depth(Flights)
  ) u_flights (
    .clk_i,
    .rst_ni,
    .clr_i,
    .wvalid_i(granted_q),
    .wready_o(flight_ready),
    .wdata_i ({head_q[31:16], head_q[63:48], head_index_q, cycle_i}),
    .rvalid_o(busy_o),
    .rready_i(done_i),
    .rdata_o (flight),
    .level_o (flights)
  );

  prim_fifo #(
    .Width(16 + 32 + 32 + 32),
    .Depth(Flights)
  ) u_records (
    .clk_i,
    .rst_ni,
    .clr_i,
    .wvalid_i(record_q),
    .wready_o(record_ready),
    .wdata_i ({flight_q.tag, flight_q.index, flight_q.start, last_cycle_i}),
    .rvalid_o(trace_valid_o),
    .rready_i(trace_ready_i),
    .rdata_o ({trace_tag_o, trace_index_o, trace_start_o, trace_end_o}),
    .level_o (records)
  );

  assign wait_mask_o  = head_q[47:32];
  assign want_o       = able_q && ready_i;
  assign waiting_o    = want_o && !met_i;
  assign next_index_o = head_index_q;
  assign empty_o      = empty_q;
  assign post_o       = busy_o && done_i;
  assign post_mask_o  = flight_q.post;
  assign index_o      = flight_q.index;
  assign tracing_o    = trace_valid_o || record_q;

  // An end turns into a record, so only a grant makes more of both.
  assign room       = flights + records + ($clog2(Flights) + 1)'(granted_q) + ($clog2(Flights) + 1)'(record_q)
                    < ($clog2(Flights) + 1)'(Flights);
  assign head_valid = next_take ? next_valid : head_valid_q;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      granted_q    <= 1'b0;
      start_o      <= 1'b0;
      head_valid_q <= 1'b0;
      empty_q      <= 1'b1;
      count_q      <= '0;
      able_q       <= 1'b0;
      record_q     <= 1'b0;
    end else if (clr_i) begin
      granted_q    <= 1'b0;
      start_o      <= 1'b0;
      head_valid_q <= 1'b0;
      empty_q      <= 1'b1;
      count_q      <= '0;
      able_q       <= 1'b0;
      record_q     <= 1'b0;
    end else begin
      // The grant comes late in its cycle and moves hundreds of registers: it gets one of its own first.
      granted_q    <= grant_i;
      start_o      <= granted_q;
      head_valid_q <= head_valid;
      // There is one, none was granted in the last two cycles, and its record will have a place.
      able_q <= head_valid && !grant_i && !granted_q && room;
      if (push && !granted_q) begin
        count_q <= count_q + 1'b1;
        empty_q <= 1'b0;
      end else if (!push && granted_q) begin
        count_q <= count_q - 1'b1;
        empty_q <= count_q == ($clog2(QueueDepth) + 1)'(1);
      end
      record_q <= post_o && traced_q;
    end
  end

  // What ends next is known long before: a register keeps the FIFO's memory off the semaphores' path. Behind an end it
  // still shows what ended, which is what a fault of the post wants to know.
  always_ff @(posedge clk_i) begin
    flight_q <= flight;
    traced_q <= trace_i && flight.tag != '0;
    if (granted_q) inst_o <= head_q;
    if (next_take) begin
      head_q       <= next;
      head_index_q <= next_index;
    end
  end

  // What is counted comes late in its cycle.
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) {busy_now_q, wait_now_q, stall_now_q} <= '0;
    else {busy_now_q, wait_now_q, stall_now_q} <= {busy_o, waiting_o, busy_o && stall_i};
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
      if (busy_now_q) busy_count_o <= busy_count_o + 32'd1;
      if (wait_now_q) wait_count_o <= wait_count_o + 32'd1;
      if (stall_now_q) stall_count_o <= stall_count_o + 32'd1;
    end
  end

  // Only a running instruction ends, as the one that was announced, and what starts or is recorded has its place.
  assert property (@(posedge clk_i) disable iff (!rst_ni || clr_i) done_i |-> busy_o && flight_q == flight);
  assert property (@(posedge clk_i) disable iff (!rst_ni || clr_i)
      grant_i |-> want_o && flight_ready && 32'(flights) + 32'(records) + 32'(record_q) < Flights);
  assert property (@(posedge clk_i) disable iff (!rst_ni || clr_i) record_q |-> record_ready);

endmodule
