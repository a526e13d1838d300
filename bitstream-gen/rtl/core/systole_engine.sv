// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Takes submissions from their ring, runs them, and writes completions.
//
// One submission at a time: slot, checks, region table, program; then it watches for the end, a fault, the watchdog or a
// reset, stops the units (clr_o, at least 64 cycles and until the bus is quiet, which is longer than any pipeline), and
// writes the completion. A fault of a ring leaves nothing to complete and halts the engine until a reset.
//
// Outside a run each wait for the bus is bounded by BUS_TIMEOUT. After that the engine drains: AXI lets nobody take back
// what was asked, so it waits, units cleared, until all of it is answered, lets nobody have the answers, and is then halted
// like after a fault of a ring. A reset is kept meanwhile. So an answer never meets a later request, and from a bus that is
// dead for good only rst_ni, of the bus as well, leads away.

module systole_engine
  import systole_pkg::*;
  import systole_cfg_pkg::*;
(
  input  logic                     clk_i,
  input  logic                     rst_ni,

  // Registers.
  input  reg_q_t                   reg_i,
  input  logic                     reset_i,
  output logic                     clear_indices_o,
  output logic [31:0]              sq_head_o,
  output logic [31:0]              cq_tail_o,
  output logic                     running_o,
  output logic                     draining_o,
  output logic                     faulted_o,
  output logic                     full_o,
  output logic [31:0]              fault_o,
  output logic [31:0]              fault_instruction_o,
  output logic [63:0]              fault_address_o,
  output logic                     irq_completion_o,
  output logic                     irq_fault_o,

  // Reads of slots and region table.
  output logic                     req_valid_o,
  input  logic                     req_ready_i,
  output logic [63:0]              req_addr_o,
  output logic [7:0]               req_len_o,
  input  logic                     rvalid_i,
  input  logic [8*BusBytes-1:0]    rdata_i,
  input  logic                     rerror_i,
  input  logic                     bus_idle_i,     // nothing is asked for or unanswered, by whomever
  input  logic [63:0]              bus_addr_i,     // of the last burst in the direction that is not idle

  // Completions.
  output logic                     record_valid_o,
  output logic [63:0]              record_addr_o,
  output completion_t              record_o,
  input  logic                     record_done_i,
  input  logic                     record_error_i,

  // The running submission.
  output logic                     fetching_o,     // beats belong to the program, not to the engine
  output logic                     start_o,
  output logic                     clr_o,
  output submission_t              submission_o,
  output logic                     regions_we_o,   // a beat of the region table
  output logic [7:0]               regions_beat_o,
  output logic [8*BusBytes-1:0]    regions_data_o,
  input  logic                     finished_i,
  input  cause_e                   stop_cause_i,   // CauseNone while nothing is wrong
  input  unit_e                    stop_unit_i,
  input  logic [31:0]              stop_instruction_i,
  input  logic [63:0]              stop_address_i
);

  localparam int unsigned SubmissionBeats = SubmissionBytes / BusBytes;
  localparam int unsigned RegionsBeats = NumRegions * RegionBytes / BusBytes;

  typedef enum logic [3:0] {
    StIdle, StReadSlot, StCompare, StCheck, StReadRegions, StStart, StRun, StStop, StComplete, StDrain, StHalt
  } state_e;

  state_e      state_q;
  logic [15:0] sq_head_q, cq_tail_q;
  logic        phase_q, reset_q, read_error_q, read_end, read_start, hung;
  logic [7:0]  beat_q;
  logic [6:0]  stop_q;
  logic [63:0] cycles_q;
  cause_e      cause_q;
  unit_e       unit_q;
  logic [31:0] instruction_q;
  logic [63:0] address_q;

  //////////////////////////////////////////////////////////////////////////////
  // Rings.
  //////////////////////////////////////////////////////////////////////////////

  logic [63:0] sq_base, cq_base, slot_addr_q, read_addr;
  logic        sq_sound_q, cq_sound_q, pending_q, cq_full_q, settled_q;
  logic [31:0] cq_next, sq_next;

  function automatic logic ring_sound(logic [31:0] size, logic [31:0] head, logic [31:0] tail, logic [5:0] base);
    return (size & (size - 32'd1)) == '0 && size >= 32'd2 && size <= 32'd32768
        && head < size && tail < size && base == '0;
  endfunction

  assign sq_base  = {reg_i.sq_base_hi, reg_i.sq_base_lo};
  assign cq_base  = {reg_i.cq_base_hi, reg_i.cq_base_lo};
  assign sq_next  = (sq_head_o + 32'd1) & (reg_i.sq_size - 32'd1);
  assign cq_next  = (cq_tail_o + 32'd1) & (reg_i.cq_size - 32'd1);

  // What the rings' registers say is worked out a cycle ahead. After a change by the engine itself, a cycle passes before
  // it is looked at.
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) settled_q <= 1'b0;
    else settled_q <= state_q == StIdle && !clear_indices_o;
  end

  always_ff @(posedge clk_i) begin
    sq_sound_q     <= ring_sound(reg_i.sq_size, sq_head_o, reg_i.sq_tail, sq_base[5:0]);
    cq_sound_q     <= ring_sound(reg_i.cq_size, reg_i.cq_head, cq_tail_o, cq_base[5:0]);
    pending_q      <= reg_i.control[0] && sq_head_o != reg_i.sq_tail;
    cq_full_q      <= cq_next == reg_i.cq_head;
    slot_addr_q    <= sq_base + (64'(sq_head_q) << $clog2(SubmissionBytes));
    record_addr_o  <= cq_base + (64'(cq_tail_q) << $clog2(CompletionBytes));
  end

  assign sq_head_o = 32'(sq_head_q);
  assign cq_tail_o = 32'(cq_tail_q);

  //////////////////////////////////////////////////////////////////////////////
  // Reads of the slot and of the region table.
  //////////////////////////////////////////////////////////////////////////////

  logic [SubmissionBeats-1:0][8*BusBytes-1:0] submission_q;
  logic                                       unused_bursts_idle, rvalid_q, rerror_q;
  logic [8*BusBytes-1:0]                      rdata_q;

  assign submission_o = submission_t'(submission_q);
  assign read_addr    = state_q == StCheck ? submission_o.regions : slot_addr_q;

  systole_bursts u_bursts (
    .clk_i,
    .rst_ni,
    .clr_i  (hung),
    .start_i(read_start),
    .addr_i (read_addr),
    .pitch_i('0),
    .rows_i (16'd1),
    .beats_i(state_q == StCheck ? 17'(RegionsBeats) : 17'(SubmissionBeats)),
    .idle_o (unused_bursts_idle),
    .valid_o(req_valid_o),
    .ready_i(req_ready_i),
    .addr_o (req_addr_o),
    .len_o  (req_len_o)
  );

  // A beat goes to hundreds of registers, so it gets one of its own first.
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) rvalid_q <= 1'b0;
    else rvalid_q <= rvalid_i;
  end

  always_ff @(posedge clk_i) begin
    rdata_q  <= rdata_i;
    rerror_q <= rerror_i;
  end

  assign regions_we_o   = state_q == StReadRegions && rvalid_q;
  assign regions_beat_o = beat_q;
  assign regions_data_o = rdata_q;

  assign read_end = rvalid_q
                 && beat_q == (state_q == StReadSlot ? 8'(SubmissionBeats - 1) : 8'(RegionsBeats - 1));

  always_ff @(posedge clk_i) begin
    if (read_start) begin
      beat_q       <= '0;
      read_error_q <= 1'b0;
    end else if (rvalid_q) begin
      beat_q       <= beat_q + 8'd1;
      read_error_q <= read_error_q || rerror_q;
    end
    // The first beat ends at the bottom.
    if (state_q == StReadSlot && rvalid_q) submission_q <= {rdata_q, submission_q[SubmissionBeats-1:1]};
  end

  //////////////////////////////////////////////////////////////////////////////
  // Waits for the bus.
  //////////////////////////////////////////////////////////////////////////////

  state_e      last_state_q;
  logic        waits, waits_on, answered, timeout_q;
  logic [31:0] wait_left_q;
  logic [63:0] wait_address_q;

  always_comb begin
    unique case (state_q)
      StReadSlot, StReadRegions: {waits, answered} = {1'b1, read_end};
      StStop:                    {waits, answered} = {stop_q == '0, stop_q == '0 && bus_idle_i};
      StComplete:                {waits, answered} = {1'b1, record_done_i};
      default:                   {waits, answered} = 2'b00;
    endcase
  end

  // One wait may follow another at once; each has the whole time.
  assign waits_on = waits && state_q == last_state_q;
  assign hung     = timeout_q && waits_on && !answered;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) timeout_q <= 1'b0;
    else timeout_q <= waits_on && wait_left_q == '0;
  end

  always_ff @(posedge clk_i) begin
    last_state_q <= state_q;
    if (!waits_on) wait_left_q <= reg_i.bus_timeout;
    else if (wait_left_q != '0) wait_left_q <= wait_left_q - 32'd1;
    unique case (state_q)
      StReadSlot:    wait_address_q <= slot_addr_q;
      StReadRegions: wait_address_q <= submission_o.regions;
      StStop:        wait_address_q <= bus_addr_i;
      default:       wait_address_q <= record_addr_o;
    endcase
  end

  //////////////////////////////////////////////////////////////////////////////
  // States.
  //////////////////////////////////////////////////////////////////////////////

  logic        take, ring_fault, refused, watchdog_hit_q, stop_now, completed, halt_now;
  cause_e      check_cause, check_cause_q;
  logic [63:0] check_address, check_address_q;
  logic [31:0] limit_q;

  assign take       = settled_q && state_q == StIdle && !reset_q && pending_q;
  assign ring_fault = take && (!sq_sound_q || !cq_sound_q);
  assign full_o     = take && sq_sound_q && cq_sound_q && cq_full_q;
  assign read_start = (take && !ring_fault && !cq_full_q) || (state_q == StCheck && !refused);

  always_comb begin
    check_cause   = CauseNone;
    check_address = '0;
    if (submission_o.abi_hash != AbiHash) check_cause = CauseAbiMismatch;
    else if (submission_o.program_base[4:0] != '0) begin
      check_cause   = CauseRingMalformed;
      check_address = submission_o.program_base;
    end else if (submission_o.regions[4:0] != '0) begin
      check_cause   = CauseRingMalformed;
      check_address = submission_o.regions;
    end else if (submission_o.instructions == '0) check_cause = CauseProgramEnd;
  end

  assign refused      = check_cause_q != CauseNone;
  assign stop_now     = finished_i || stop_cause_i != CauseNone || watchdog_hit_q || reset_q;
  assign completed    = state_q == StComplete && record_done_i;
  assign halt_now     = ring_fault || hung || (completed && record_error_i)
                     || (state_q == StReadSlot && read_end && (read_error_q || rerror_q));

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      state_q <= StIdle;
      reset_q <= 1'b0;
      clr_o   <= 1'b0;
    end else begin
      // In StStop and StDrain, from a register: it goes to everything.
      unique case (state_q)
        StRun:   clr_o <= stop_now;
        StStop:  clr_o <= !answered;
        StDrain: clr_o <= !bus_idle_i;
        default: clr_o <= hung;
      endcase
      if (reset_i) reset_q <= 1'b1;
      else if (clear_indices_o) reset_q <= 1'b0;
      unique case (state_q)
        StIdle: begin
          if (ring_fault) state_q <= StHalt;
          else if (read_start) state_q <= StReadSlot;
        end
        StReadSlot: begin
          if (read_end) state_q <= halt_now ? StHalt : StCompare;
          else if (hung) state_q <= StDrain;
        end
        StCompare:     state_q <= StCheck;
        StCheck:       state_q <= refused ? StComplete : StReadRegions;
        StReadRegions: begin
          if (read_end) state_q <= (read_error_q || rerror_q) ? StComplete : StStart;
          else if (hung) state_q <= StDrain;
        end
        StStart:       state_q <= StRun;
        StRun:         if (stop_now) state_q <= StStop;
        StStop: begin
          if (answered) state_q <= StComplete;
          else if (hung) state_q <= StDrain;
        end
        StComplete: begin
          if (record_done_i) state_q <= record_error_i ? StHalt : StIdle;
          else if (hung) state_q <= StDrain;
        end
        StDrain:       if (bus_idle_i) state_q <= StHalt;
        StHalt:        if (reset_q) state_q <= StIdle;
        default:       state_q <= StIdle;
      endcase
    end
  end

  always_ff @(posedge clk_i) begin
    check_cause_q   <= check_cause;
    check_address_q <= check_address;
    limit_q         <= submission_o.watchdog != '0 ? submission_o.watchdog : reg_i.watchdog;
    watchdog_hit_q  <= limit_q != '0 && cycles_q >= 64'(limit_q);
    if (state_q == StRun) stop_q <= 7'd64;
    else if (stop_q != '0) stop_q <= stop_q - 7'd1;
    if (state_q == StStart) cycles_q <= '0;
    else if (state_q == StRun) cycles_q <= cycles_q + 64'd1;
    else if (state_q == StCheck) cycles_q <= '0;
    if (state_q == StCheck) begin
      cause_q       <= check_cause_q;
      unit_q        <= UnitControl;
      instruction_q <= '0;
      address_q     <= check_address_q;
    end else if (state_q == StReadRegions && (read_error_q || rerror_q)) begin
      cause_q   <= CauseBusError;
      address_q <= submission_o.regions;
    end else if (state_q == StRun && stop_now) begin
      cause_q       <= CauseNone;
      unit_q        <= UnitControl;
      instruction_q <= submission_o.instructions;
      address_q     <= '0;
      if (stop_cause_i != CauseNone) begin
        cause_q       <= stop_cause_i;
        unit_q        <= stop_unit_i;
        instruction_q <= stop_instruction_i;
        address_q     <= stop_address_i;
      end else if (!finished_i) begin
        cause_q       <= watchdog_hit_q ? CauseWatchdog : CauseAborted;
        instruction_q <= stop_instruction_i;
      end
    end
  end

  assign start_o    = state_q == StStart;
  assign fetching_o = state_q == StRun || state_q == StStop;
  assign running_o  = state_q != StIdle && state_q != StDrain && state_q != StHalt;
  assign draining_o = state_q == StDrain;

  //////////////////////////////////////////////////////////////////////////////
  // Completion, fault registers, interrupts.
  //////////////////////////////////////////////////////////////////////////////

  assign record_valid_o = state_q == StComplete;
  assign record_o       = '{id: submission_o.id, cause: cause_q, unit: unit_q, phase: 16'(phase_q),
                            instruction: instruction_q, address: address_q, cycles: cycles_q};

  assign clear_indices_o  = reset_q && (state_q == StIdle || state_q == StHalt);
  assign irq_completion_o = completed && !record_error_i && submission_o.flags[SubmitInterruptBit];
  assign irq_fault_o      = halt_now || (completed && cause_q != CauseNone);

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      sq_head_q <= '0;
      cq_tail_q <= '0;
      phase_q   <= 1'b1;
    end else if (clear_indices_o) begin
      sq_head_q <= '0;
      cq_tail_q <= '0;
      phase_q   <= 1'b1;
    end else begin
      if (state_q == StReadSlot && read_end && !halt_now) sq_head_q <= sq_next[15:0];
      if (completed && !record_error_i) begin
        cq_tail_q <= cq_next[15:0];
        if (cq_next == '0) phase_q <= !phase_q;
      end
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      faulted_o           <= 1'b0;
      fault_o             <= '0;
      fault_instruction_o <= '0;
      fault_address_o     <= '0;
    end else if (clear_indices_o) begin
      faulted_o           <= 1'b0;
      fault_o             <= '0;
      fault_instruction_o <= '0;
      fault_address_o     <= '0;
    end else if (irq_fault_o && !faulted_o) begin
      faulted_o <= 1'b1;
      if (halt_now) begin
        fault_o             <= {16'b0, UnitControl,
                                hung ? CauseBusHung : ring_fault ? CauseRingMalformed : CauseBusError};
        fault_instruction_o <= state_q == StStop ? instruction_q : '0;
        fault_address_o     <= ring_fault ? (sq_sound_q ? cq_base : sq_base) : wait_address_q;
      end else begin
        fault_o             <= {16'b0, unit_q, cause_q};
        fault_instruction_o <= instruction_q;
        fault_address_o     <= address_q;
      end
    end
  end

  logic unused_bits;
  assign unused_bits = ^{reg_i, sq_next[31:16], cq_next[31:16], submission_o};

  assert property (@(posedge clk_i) disable iff (!rst_ni) clr_o == (state_q == StStop || state_q == StDrain));
  // The engine reads only what it asked for.
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      rvalid_i |-> state_q == StReadSlot || state_q == StReadRegions || state_q == StDrain);
  // Whoever asks finds the bus free of older requests.
  assert property (@(posedge clk_i) disable iff (!rst_ni) state_q == StIdle || state_q == StHalt |-> bus_idle_i);

endmodule
