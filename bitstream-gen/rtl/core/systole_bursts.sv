// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Cuts rows in DRAM into AXI bursts of at most MaxBeats that do not cross a 4 KiB boundary.
//
// start_i loads the block; then one burst is offered at a time, every other cycle at best. idle_o rises when the last
// burst was taken.

module systole_bursts
  import systole_cfg_pkg::*;
#(
  parameter int unsigned MaxBeats = 64
) (
  input  logic        clk_i,
  input  logic        rst_ni,
  input  logic        clr_i,

  input  logic        start_i,
  input  logic [63:0] addr_i,   // first byte, a multiple of the bus
  input  logic [31:0] pitch_i,
  input  logic [15:0] rows_i,
  input  logic [16:0] beats_i,  // of a row
  output logic        idle_o,

  output logic        valid_o,
  input  logic        ready_i,
  output logic [63:0] addr_o,
  output logic [7:0]  len_o     // beats less one
);

  localparam int unsigned BusShift = $clog2(BusBytes);

  logic        busy_q, offer_q, last_burst;
  logic [63:0] addr_q, next_row_q;
  logic [15:0] rows_q;
  logic [16:0] left_q, beats;
  logic [12:0] room;
  logic [7:0]  len_q;

  // Beats up to the boundary, and how many of them this burst takes.
  assign room = (13'd4096 - {1'b0, addr_q[11:0]}) >> BusShift;
  always_comb begin
    beats = left_q;
    if (beats > 17'(room)) beats = 17'(room);
    if (beats > 17'(MaxBeats)) beats = 17'(MaxBeats);
  end

  assign last_burst = left_q == 17'(len_q) + 17'd1;
  assign idle_o     = !busy_q;
  assign valid_o    = offer_q;
  assign addr_o     = addr_q;
  assign len_o      = len_q;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      busy_q  <= 1'b0;
      offer_q <= 1'b0;
    end else if (clr_i) begin
      busy_q  <= 1'b0;
      offer_q <= 1'b0;
    end else if (start_i) begin
      busy_q  <= 1'b1;
      offer_q <= 1'b0;
    end else if (busy_q) begin
      offer_q <= !offer_q || !ready_i;
      if (offer_q && ready_i && last_burst && rows_q == 16'd1) busy_q <= 1'b0;
    end
  end

  always_ff @(posedge clk_i) begin
    if (start_i) begin
      addr_q     <= addr_i;
      next_row_q <= addr_i + 64'(pitch_i);
      rows_q     <= rows_i;
      left_q     <= beats_i;
    end else if (busy_q && !offer_q) begin
      len_q <= 8'(beats - 17'd1);
    end else if (offer_q && ready_i) begin
      if (last_burst) begin
        addr_q     <= next_row_q;
        next_row_q <= next_row_q + 64'(pitch_i);
        rows_q     <= rows_q - 16'd1;
        left_q     <= beats_i;
      end else begin
        addr_q <= addr_q + ((64'(len_q) + 64'd1) << BusShift);
        left_q <= left_q - 17'(len_q) - 17'd1;
      end
    end
  end

  // AXI: no burst crosses a 4 KiB boundary, and an offer stays until it is taken.
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      valid_o |-> 13'(addr_o[11:0]) + (13'(len_o) << BusShift) < 13'd4096);
  assert property (@(posedge clk_i) disable iff (!rst_ni || clr_i)
      valid_o && !ready_i |=> valid_o && $stable({addr_o, len_o}));

endmodule
