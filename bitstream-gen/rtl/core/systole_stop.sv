// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Why a program stops: it came to its end, a unit met a fault, or nothing can go on.
//
// Faults come up to two cycles behind their cause (semaphores), and one more in cause_o. The end takes as long to be known,
// and a fault goes before it.

module systole_stop
  import systole_pkg::*;
(
  input  logic             clk_i,
  input  logic             rst_ni,
  input  logic             clr_i,

  // Where the program stands, and each unit in it.
  input  logic             ended_i,
  input  logic             blocked_i,
  input  logic             pushed_i,
  input  logic [3:0]       empty_i,
  input  logic [3:0]       busy_i,
  input  logic [3:0]       waiting_i,
  input  logic             tracing_i,    // a unit has a record to write, or makes one
  input  logic             recording_i,  // one is being written
  input  logic [3:0][31:0] index_i,
  input  logic [3:0][31:0] next_index_i,
  input  logic [3:0]       overflow_i,
  input  logic [31:0]      push_index_i,

  input  cause_e           dispatch_fault_i,
  input  logic [63:0]      dispatch_address_i,
  input  cause_e           load_fault_i,
  input  logic [63:0]      load_address_i,
  input  cause_e           store_fault_i,
  input  logic [63:0]      store_address_i,
  input  logic             trace_failed_i,
  input  unit_e            trace_unit_i,
  input  logic [31:0]      trace_index_i,
  input  logic [63:0]      trace_address_i,

  output logic             finished_o,
  output cause_e           cause_o,
  output unit_e            unit_o,
  output logic [31:0]      instruction_o,
  output logic [63:0]      address_o
);

  localparam int unsigned Load = 0;
  localparam int unsigned Store = 3;

  logic             ended_q, stuck_now_q;
  logic [2:0]       stuck_q;
  logic [3:0][31:0] late_index_q;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) {finished_o, ended_q} <= '0;
    else begin
      ended_q    <= ended_i && (&empty_i) && busy_i == '0 && !tracing_i && !recording_i && !clr_i;
      finished_o <= ended_q && !clr_i;
    end
  end

  // A unit may have begun its next instruction when it is told that its last post went over the maximum.
  always_ff @(posedge clk_i) late_index_q <= index_i;

  // Nothing runs, everything that is queued waits, and no more is coming.
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      stuck_now_q <= 1'b0;
      stuck_q     <= '0;
    end else begin
      stuck_now_q <= (ended_i || blocked_i) && busy_i == '0 && empty_i != '1 && (waiting_i | empty_i) == '1
                  && !tracing_i && !pushed_i && !clr_i;
      if (!stuck_now_q || clr_i) stuck_q <= '0;
      else if (stuck_q != '1) stuck_q <= stuck_q + 3'd1;
    end
  end

  // The oldest instruction: of two neighbours, then of the two pairs. Nothing changes any more while stuck_q counts.
  logic [1:0][31:0] pair_index_q;
  logic [1:0]       pair_upper_q, oldest_q;
  logic [31:0]      oldest_index_q;

  always_ff @(posedge clk_i) begin
    for (int unsigned p = 0; p < 2; p++) begin
      pair_upper_q[p] <= empty_i[2*p] || (!empty_i[2*p+1] && next_index_i[2*p+1] <= next_index_i[2*p]);
      if (empty_i[2*p] && empty_i[2*p+1]) pair_index_q[p] <= '1;
      else if (empty_i[2*p] || (!empty_i[2*p+1] && next_index_i[2*p+1] <= next_index_i[2*p])) begin
        pair_index_q[p] <= next_index_i[2*p+1];
      end else pair_index_q[p] <= next_index_i[2*p];
    end
    oldest_q       <= pair_index_q[1] <= pair_index_q[0] ? {1'b1, pair_upper_q[1]} : {1'b0, pair_upper_q[0]};
    oldest_index_q <= pair_index_q[1] <= pair_index_q[0] ? pair_index_q[1] : pair_index_q[0];
  end

  cause_e      cause;
  unit_e       unit;
  logic [31:0] instruction;
  logic [63:0] address;

  always_comb begin
    cause       = CauseNone;
    unit        = UnitControl;
    instruction = push_index_i;
    address     = '0;
    if (dispatch_fault_i != CauseNone) begin
      cause   = dispatch_fault_i;
      address = dispatch_address_i;
    end else if (load_fault_i != CauseNone) begin
      cause       = load_fault_i;
      unit        = UnitLoad;
      instruction = index_i[Load];
      address     = load_address_i;
    end else if (store_fault_i != CauseNone) begin
      cause       = store_fault_i;
      unit        = UnitStore;
      instruction = index_i[Store];
      address     = store_address_i;
    end else if (overflow_i != '0) begin
      cause = CauseSemaphoreOverflow;
      for (int u = 3; u >= 0; u--) begin
        if (overflow_i[u]) begin
          unit        = unit_e'(8'(u) + 8'd1);
          instruction = late_index_q[u];
        end
      end
    end else if (trace_failed_i) begin
      cause       = CauseBusError;
      unit        = trace_unit_i;
      instruction = trace_index_i;
      address     = trace_address_i;
    end else if (stuck_q == '1) begin
      cause       = CauseDeadlock;
      unit        = unit_e'(8'(oldest_q) + 8'd1);
      instruction = oldest_index_q;
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) cause_o <= CauseNone;
    else cause_o <= clr_i ? CauseNone : cause;
  end

  always_ff @(posedge clk_i) begin
    unit_o        <= unit;
    instruction_o <= instruction;
    address_o     <= address;
  end

endmodule
