// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Judges fetched instructions one after another and hands them to their unit's queue.
//
// In the contract's order: bus error of the fetch, encoding, operand rules, blocks on chip, END exactly at the end. About
// 10 cycles for END and 20 to 40 for the others; that is far less than what they do. start_i begins a program; ended_o
// says that its END was reached, blocked_o that the next instruction finds its queue full. A fault is named for one cycle,
// the one after it was found; push_index_o still tells where.

module systole_dispatch
  import systole_pkg::*;
(
  input  logic                       clk_i,
  input  logic                       rst_ni,
  input  logic                       clr_i,

  input  logic                       start_i,
  input  logic [63:0]                program_i,
  input  logic [31:0]                count_i,

  input  logic                       valid_i,
  output logic                       ready_o,
  input  logic [InstructionBits-1:0] inst_i,
  input  logic                       error_i,

  // LOAD, GEMM, VECTOR, STORE.
  output logic [3:0]                 push_valid_o,
  input  logic [3:0]                 push_ready_i,
  output logic [InstructionBits-1:0] push_inst_o,
  output logic [31:0]                push_index_o,

  output logic                       ended_o,
  output logic                       blocked_o,
  output cause_e                     fault_o,
  output logic [63:0]                fault_address_o
);

  typedef enum logic [3:0] {
    StIdle, StNext, StJudge, StSettle, StRules, StBounds, StPlace, StPush, StEnded
  } state_e;

  state_e                     state_q;
  logic [InstructionBits-1:0] inst_q;
  logic [31:0]                index_q;
  logic                       error_q, legal, legal_q, last, last_q, is_end, is_end_q, bounds_done;
  cause_e                     encoding_q, bounds_fault, fault;
  logic [63:0]                fault_address;
  logic [15:0]                bounds_address;
  logic [3:0]                 unit, unit_q;

  systole_rules u_rules (
    .clk_i,
    .inst_i (inst_q),
    .legal_o(legal)
  );

  systole_bounds u_bounds (
    .clk_i,
    .rst_ni,
    .clr_i,
    .start_i  (state_q == StRules && encoding_q == CauseNone && !error_q && legal_q),
    .inst_i   (inst_q),
    .done_o   (bounds_done),
    .fault_o  (bounds_fault),
    .address_o(bounds_address)
  );

  assign last   = index_q == count_i - 32'd1;
  assign is_end = inst_q[7:0] == OpEnd;

  always_comb begin
    unique case (inst_q[7:0])
      OpLoad:       unit = 4'b0001;
      OpGemm:       unit = 4'b0010;
      OpMap, OpRow: unit = 4'b0100;
      default:      unit = 4'b1000;
    endcase
  end

  always_comb begin
    fault         = CauseNone;
    fault_address = '0;
    unique case (state_q)
      StRules: begin
        if (error_q) begin
          fault         = CauseBusError;
          fault_address = program_i + {27'b0, index_q, 5'b0};
        end else if (encoding_q != CauseNone) fault = encoding_q;
        else if (!legal_q) fault = CauseIllegalOperand;
      end
      StBounds: begin
        if (bounds_done) begin
          fault         = bounds_fault;
          fault_address = 64'(bounds_address);
        end
      end
      StPlace: if (last_q != is_end_q) fault = CauseProgramEnd;
      default: ;
    endcase
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) state_q <= StIdle;
    else if (clr_i || fault != CauseNone) state_q <= StIdle;
    else begin
      unique case (state_q)
        StIdle:   if (start_i) state_q <= StNext;
        StNext:   if (valid_i) state_q <= StJudge;
        StJudge:  state_q <= StSettle;
        StSettle: state_q <= StRules;
        StRules:  state_q <= StBounds;
        StBounds: if (bounds_done) state_q <= StPlace;
        StPlace:  state_q <= is_end_q ? StEnded : StPush;
        StPush:   if ((unit_q & push_ready_i) != '0) state_q <= StNext;
        default:  ;
      endcase
    end
  end

  always_ff @(posedge clk_i) begin
    if (state_q == StIdle) index_q <= '0;
    else if (state_q == StPush && (unit_q & push_ready_i) != '0) index_q <= index_q + 32'd1;
    if (state_q == StNext) begin
      inst_q  <= inst_i;
      error_q <= error_i;
    end
    encoding_q      <= judge_encoding(inst_q);
    legal_q         <= legal;
    last_q          <= last;
    unit_q          <= unit;
    is_end_q        <= is_end;
    fault_address_o <= fault_address;
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) fault_o <= CauseNone;
    else fault_o <= clr_i ? CauseNone : fault;
  end

  assign ready_o      = state_q == StNext;
  assign push_valid_o = state_q == StPush ? unit_q : '0;
  assign push_inst_o  = inst_q;
  assign push_index_o = index_q;
  assign ended_o      = state_q == StEnded;
  assign blocked_o    = state_q == StPush;

endmodule
