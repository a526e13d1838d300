// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Synchronous FIFO for wide words: block RAM behind a short FIFO that the words pass at first.
//
// As prim_fifo, but a word that finds the block RAM empty goes into the short one at once and is readable two cycles
// later; behind others it takes the way through the block RAM, which gives one word a cycle. Depth, a power of two of 16 or
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

  localparam int unsigned Head = 8;

  logic [Aw-1:0]         wptr_q, rptr_q;
  logic [Aw:0]           level_q;      // words in block RAM
  logic                  stored_q;     // there are such
  logic                  push, fetch, fetched_q, direct, next_q, head_ready;
  logic [$clog2(Head):0] head_level;
  logic [Width-1:0]      fetched, data_q;
  logic                  room_q;

  // What is there, what is on its way, and one more have room. A word taken in this cycle does not count.
  assign wready_o = !level_q[Aw];
  assign direct   = wvalid_i && wready_o && !stored_q && !fetched_q && room_q;
  assign push     = wvalid_i && wready_o && !direct;
  assign fetch    = stored_q && room_q;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      wptr_q    <= '0;
      rptr_q    <= '0;
      level_q   <= '0;
      stored_q  <= 1'b0;
      fetched_q <= 1'b0;
      next_q    <= 1'b0;
      room_q    <= 1'b1;
    end else if (clr_i) begin
      wptr_q    <= '0;
      rptr_q    <= '0;
      level_q   <= '0;
      stored_q  <= 1'b0;
      fetched_q <= 1'b0;
      next_q    <= 1'b0;
      room_q    <= 1'b1;
    end else begin
      if (push) wptr_q <= wptr_q + 1'b1;
      if (fetch) rptr_q <= rptr_q + 1'b1;
      if (push && !fetch) level_q <= level_q + 1'b1;
      if (!push && fetch) level_q <= level_q - 1'b1;
      stored_q  <= push || (stored_q && !(fetch && level_q == (Aw + 1)'(1)));
      fetched_q <= fetch;
      next_q    <= fetched_q || direct;
      room_q    <= head_level + 4'(next_q) + 4'(fetched_q) + 4'(fetch || direct) < 4'(Head);
    end
  end

  // Block RAM is slow.
  always_ff @(posedge clk_i) data_q <= fetched_q ? fetched : wdata_i;

  prim_ram_1r1w #(
    .Width(Width),
    .Depth(Depth)
  ) u_ram (
    .clk_i,
    .we_i   (wvalid_i && wready_o),   // a word that goes past leaves no trace: the next one has the same place
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
    .wvalid_i(next_q),
    .wready_o(head_ready),
    .wdata_i (data_q),
    .rvalid_o,
    .rready_i,
    .rdata_o,
    .level_o (head_level)
  );

  assert property (@(posedge clk_i) disable iff (!rst_ni) stored_q == (level_q != '0));
  // The short FIFO has room for what is on its way, and nothing overtakes.
  assert property (@(posedge clk_i) disable iff (!rst_ni || clr_i) next_q |-> head_ready);
  assert property (@(posedge clk_i) disable iff (!rst_ni || clr_i) !(fetched_q && direct));

endmodule
