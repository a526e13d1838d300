// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Synchronous FIFO for wide words: block RAM behind a short FIFO that the words pass at first.
//
// As prim_fifo, but a word that finds the block RAM empty goes into the short one at once and is readable in the next
// cycle; behind others it takes the way through the block RAM, which gives one word a cycle. Depth, a power of two of 16 or
// more, counts the words in block RAM; there is room for a few more.

module prim_fifo_block #(
  parameter int unsigned Width = 256,
  parameter int unsigned Depth = 64,
  localparam int unsigned Aw = $clog2(Depth)
) (
  input  logic             clk_i,
  input  logic             rst_ni,
  input  logic             clr_i,

  input  logic             wvalid_i,
  output logic             wready_o,
  input  logic [Width-1:0] wdata_i,

  output logic             rvalid_o,
  input  logic             rready_i,
  output logic [Width-1:0] rdata_o
);

  localparam int unsigned Head = 4;

  logic [Aw-1:0]         wptr_q, rptr_q;
  logic [Aw:0]           level_q;      // words in block RAM
  logic                  push, fetch, fetched_q, direct, head_ready;
  logic [$clog2(Head):0] head_level;
  logic [Width-1:0]      fetched;
  logic                  room_q;

  // Room for what is there, what comes out of the block RAM now, and one more. A word taken in this cycle does not count.
  assign wready_o = !level_q[Aw];
  assign direct   = wvalid_i && wready_o && level_q == '0 && !fetched_q && room_q;
  assign push     = wvalid_i && wready_o && !direct;
  assign fetch    = level_q != '0 && room_q;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      wptr_q    <= '0;
      rptr_q    <= '0;
      level_q   <= '0;
      fetched_q <= 1'b0;
      room_q    <= 1'b1;
    end else if (clr_i) begin
      wptr_q    <= '0;
      rptr_q    <= '0;
      level_q   <= '0;
      fetched_q <= 1'b0;
      room_q    <= 1'b1;
    end else begin
      if (push) wptr_q <= wptr_q + 1'b1;
      if (fetch) rptr_q <= rptr_q + 1'b1;
      if (push && !fetch) level_q <= level_q + 1'b1;
      if (!push && fetch) level_q <= level_q - 1'b1;
      fetched_q <= fetch;
      // At most this cycle's word and the last one's are on their way behind what is counted.
      room_q    <= head_level + 3'(fetched_q) + 3'(fetch || direct) < 3'(Head);
    end
  end

  prim_ram_1r1w #(
    .Width(Width),
    .Depth(Depth)
  ) u_ram (
    .clk_i,
    .we_i   (push),
    .waddr_i(wptr_q),
    .wdata_i(wdata_i),
    .raddr_i(rptr_q),
    .rdata_o(fetched)
  );

  prim_fifo #(
    .Width(Width),
    .Depth(Head)
  ) u_head (
    .clk_i,
    .rst_ni,
    .clr_i,
    .wvalid_i(fetched_q || direct),
    .wready_o(head_ready),
    .wdata_i (fetched_q ? fetched : wdata_i),
    .rvalid_o,
    .rready_i,
    .rdata_o,
    .level_o (head_level)
  );

  // The short FIFO has room for what is on its way, and nothing overtakes.
  assert property (@(posedge clk_i) disable iff (!rst_ni || clr_i) fetched_q || direct |-> head_ready);
  assert property (@(posedge clk_i) disable iff (!rst_ni || clr_i) !(fetched_q && direct));

endmodule
