// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Fetches a program: bursts of up to 128 bytes ahead of the decoder, beats joined to instructions.
//
// start_i loads address and count. Requests are made only for instructions that have a place in the FIFO, so the beats
// never wait. An instruction that came with a bus error carries error_o.

module systole_fetch
  import systole_pkg::*;
  import systole_cfg_pkg::*;
#(
  localparam int unsigned Depth = 8
) (
  input  logic                       clk_i,
  input  logic                       rst_ni,
  input  logic                       clr_i,

  input  logic                       start_i,
  input  logic [63:0]                program_i,
  input  logic [31:0]                count_i,

  output logic                       req_valid_o,
  input  logic                       req_ready_i,
  output logic [63:0]                req_addr_o,
  output logic [7:0]                 req_len_o,
  input  logic                       rvalid_i,
  input  logic [8*BusBytes-1:0]      rdata_i,
  input  logic                       rerror_i,

  output logic                       valid_o,
  input  logic                       ready_i,
  output logic [InstructionBits-1:0] inst_o,
  output logic                       error_o
);

  localparam int unsigned Beats = InstructionBytes / BusBytes;
  localparam int unsigned BeatsLog = $clog2(Beats);

  logic [63:0]        addr_q;
  logic [31:0]        left_q;
  logic [3:0]         room_q;     // places not promised
  logic               offer_q;
  logic [2:0]         chunk, chunk_q;
  logic [2:0]         to_boundary;
  logic               taken, inst_end, error_q, fifo_wready, rvalid_q, rerror_q;
  logic [8*BusBytes-1:0] rdata_q;
  logic [InstructionBits-1:0] inst;
  logic [$clog2(Depth):0]     unused_level;

  // Up to the next multiple of 128 bytes, so no burst crosses a 4 KiB boundary.
  assign to_boundary = 3'd4 - {1'b0, addr_q[6:5]};
  assign chunk       = left_q < 32'(to_boundary) ? left_q[2:0] : to_boundary;
  assign taken       = offer_q && req_ready_i;
  assign req_valid_o = offer_q;
  assign req_addr_o  = addr_q;
  assign req_len_o   = (8'(chunk_q) << BeatsLog) - 8'd1;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      offer_q <= 1'b0;
      left_q  <= '0;
      room_q  <= 4'(Depth);
    end else if (clr_i) begin
      offer_q <= 1'b0;
      left_q  <= '0;
      room_q  <= 4'(Depth);
    end else begin
      if (start_i) left_q <= count_i;
      else if (taken) left_q <= left_q - 32'(chunk_q);
      if (!offer_q) offer_q <= left_q != '0 && room_q >= 4'(chunk);
      else if (req_ready_i) offer_q <= 1'b0;
      room_q <= room_q - (taken ? 4'(chunk_q) : '0) + 4'(valid_o && ready_i);
    end
  end

  always_ff @(posedge clk_i) begin
    if (start_i) addr_q <= program_i;
    else if (taken) addr_q <= addr_q + (64'(chunk_q) << 5);
    if (!offer_q) chunk_q <= chunk;
  end

  // Beats to instructions. There is always room, so a beat can have a register before it is spread.
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) rvalid_q <= 1'b0;
    else rvalid_q <= rvalid_i && !clr_i;
  end

  always_ff @(posedge clk_i) begin
    rdata_q  <= rdata_i;
    rerror_q <= rerror_i;
  end

  if (Beats == 1) begin : g_whole
    assign inst     = rdata_q;
    assign inst_end = rvalid_q;
    assign error_q  = 1'b0;
  end else begin : g_parts
    logic [BeatsLog-1:0]                part_q;
    logic [Beats-2:0][8*BusBytes-1:0]   parts_q;

    assign inst     = {rdata_q, parts_q};
    assign inst_end = rvalid_q && part_q == BeatsLog'(Beats - 1);

    always_ff @(posedge clk_i or negedge rst_ni) begin
      if (!rst_ni) begin
        part_q  <= '0;
        error_q <= 1'b0;
      end else if (clr_i) begin
        part_q  <= '0;
        error_q <= 1'b0;
      end else if (rvalid_q) begin
        part_q  <= part_q + 1'b1;
        error_q <= !inst_end && (error_q || rerror_q);
      end
    end

    always_ff @(posedge clk_i) begin
      for (int unsigned p = 0; p + 1 < Beats; p++) begin
        if (rvalid_q && part_q == BeatsLog'(p)) parts_q[p] <= rdata_q;
      end
    end
  end

  prim_fifo #(
    .Width(InstructionBits + 1),
    .Depth(Depth)
  ) u_fifo (
    .clk_i,
    .rst_ni,
    .clr_i,
    .wvalid_i(inst_end),
    .wready_o(fifo_wready),
    .wdata_i ({error_q || rerror_q, inst}),
    .rvalid_o(valid_o),
    .rready_i(ready_i),
    .rdata_o ({error_o, inst_o}),
    .level_o (unused_level)
  );

  // Every instruction under way has a place.
  assert property (@(posedge clk_i) disable iff (!rst_ni || clr_i) inst_end |-> fifo_wready);

endmodule
