// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Cuts rows in DRAM into AXI bursts of at most MaxBeats (a power of two) that do not cross a 4 KiB
// boundary. Beats are counted less one, as AXI does.
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
  localparam int unsigned Mw = $clog2(MaxBeats);

  logic        busy_q, offer_q, last_q;
  logic [63:0] addr_q, next_row_q;
  logic [15:0] rows_q;
  logic [16:0] left_q, row_left_q;
  logic        left_many;
  logic [Mw-1:0] room, beats, len_q;

  // Up to the boundary there are MaxBeats or more, unless all upper address bits inside the page are ones.
  assign room      = (&addr_q[11:BusShift+Mw]) ? ~addr_q[BusShift +: Mw] : '1;
  assign left_many = left_q[16:Mw] != '0;
  always_comb begin
    beats = left_many ? '1 : left_q[Mw-1:0];
    if (room < beats) beats = room;
  end

  assign idle_o     = !busy_q;
  assign valid_o    = offer_q;
  assign addr_o     = addr_q;
  assign len_o      = 8'(len_q);

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
      if (offer_q && ready_i && last_q && rows_q == 16'd1) busy_q <= 1'b0;
    end
  end

  always_ff @(posedge clk_i) begin
    row_left_q <= beats_i - 17'd1;
    if (start_i) begin
      addr_q     <= addr_i;
      next_row_q <= addr_i + 64'(pitch_i);
      rows_q     <= rows_i;
      left_q     <= beats_i - 17'd1;
    end else if (busy_q && !offer_q) begin
      len_q  <= beats;
      last_q <= !left_many && left_q[Mw-1:0] <= room;
    end else if (offer_q && ready_i) begin
      if (last_q) begin
        addr_q     <= next_row_q;
        next_row_q <= next_row_q + 64'(pitch_i);
        rows_q     <= rows_q - 16'd1;
        left_q     <= row_left_q;
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
