// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Writes records of 32 bytes (completions, trace records) to memory, one at a time.
//
// valid_i and its data stay until done_o, which comes with the bus's answer. A record that was begun is written though
// valid_i goes: busy_o says how long its data must stay.

module systole_record
  import systole_cfg_pkg::*;
(
  input  logic                  clk_i,
  input  logic                  rst_ni,

  input  logic                  valid_i,
  input  logic [63:0]           addr_i,
  input  logic [255:0]          data_i,
  output logic                  done_o,
  output logic                  error_o,
  output logic                  busy_o,

  output logic                  req_valid_o,
  input  logic                  req_ready_i,
  output logic [63:0]           req_addr_o,
  output logic [7:0]            req_len_o,
  output logic                  wvalid_o,
  input  logic                  wready_i,
  output logic [8*BusBytes-1:0] wdata_o,
  output logic [BusBytes-1:0]   wstrb_o,
  input  logic                  resp_i,
  input  logic                  resp_error_i
);

  localparam int unsigned Beats = 32 / BusBytes;
  localparam int unsigned LogBeats = (Beats > 1) ? $clog2(Beats) : 1;

  typedef enum logic [1:0] {StIdle, StRequest, StData, StResponse} state_e;

  state_e                           state_q;
  logic [2:0]                       beat_q, next_beat;
  logic [Beats-1:0][8*BusBytes-1:0] beats;

  assign beats       = data_i;
  assign next_beat   = state_q == StData ? beat_q + 3'd1 : '0;
  assign req_valid_o = state_q == StRequest;
  assign req_addr_o  = addr_i;
  assign req_len_o   = 8'(Beats - 1);
  assign wvalid_o    = state_q == StData;
  assign wstrb_o     = '1;
  assign done_o      = state_q == StResponse && resp_i;
  assign error_o     = resp_error_i;
  assign busy_o      = state_q != StIdle;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) state_q <= StIdle;
    else begin
      unique case (state_q)
        StIdle:    if (valid_i) state_q <= StRequest;
        StRequest: if (req_ready_i) state_q <= StData;
        StData:    if (wready_i && beat_q == 3'(Beats - 1)) state_q <= StResponse;
        default:   if (resp_i) state_q <= StIdle;
      endcase
    end
  end

  // A beat is chosen before the bus has it.
  always_ff @(posedge clk_i) begin
    if (state_q != StData || wready_i) begin
      beat_q  <= next_beat;
      wdata_o <= beats[(Beats > 1) ? next_beat[LogBeats-1:0] : '0];
    end
  end

endmodule
