// SPDX-License-Identifier: MIT OR Apache-2.0
//
// prim_fifo: no word is lost, doubled, reordered or changed, and the level is exact.
//
// mark_i picks any one word as it enters; the proof follows it to the exit. Free inputs are the environment.

module fv_fifo #(
  parameter int unsigned Width = 8,
  parameter int unsigned Depth = 8,
  localparam int unsigned Aw = $clog2(Depth)
) (
  input logic             clk_i,
  input logic             clr_i,
  input logic             wvalid_i,
  input logic [Width-1:0] wdata_i,
  input logic             rready_i,
  input logic             mark_i
);

  logic             started_q = 1'b0;
  logic             wready, rvalid, push, pop;
  logic [Width-1:0] rdata;
  logic [Aw:0]      level;

  always_ff @(posedge clk_i) started_q <= 1'b1;

  prim_fifo #(
    .Width(Width),
    .Depth(Depth)
  ) u_dut (
    .clk_i,
    .rst_ni  (started_q),
    .clr_i,
    .wvalid_i,
    .wready_o(wready),
    .wdata_i,
    .rvalid_o(rvalid),
    .rready_i,
    .rdata_o (rdata),
    .level_o (level)
  );

  assign push = wvalid_i && wready;
  assign pop  = rvalid && rready_i;

  // The marked word, and how many words leave before it.
  logic             tracked_q = 1'b0;
  logic [Aw:0]      ahead_q;
  logic [Width-1:0] word_q;
  logic [Aw:0]      count_q = '0;

  always_ff @(posedge clk_i) begin
    if (!started_q || clr_i) begin
      tracked_q <= 1'b0;
      count_q   <= '0;
    end else begin
      count_q <= count_q + (Aw + 1)'(push) - (Aw + 1)'(pop);
      if (!tracked_q && push && mark_i) begin
        tracked_q <= 1'b1;
        word_q    <= wdata_i;
        ahead_q   <= level - (Aw + 1)'(pop);
      end else if (tracked_q && pop) begin
        if (ahead_q == '0) tracked_q <= 1'b0;
        else ahead_q <= ahead_q - 1'b1;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (started_q) begin
      assert (level == count_q);
      assert (level <= (Aw + 1)'(Depth));
      assert (wready == (level != (Aw + 1)'(Depth)));
      assert (rvalid == (level != '0));
      assert (Aw'(u_dut.wptr_q - u_dut.rptr_q) == level[Aw-1:0]);
      if (tracked_q) begin
        assert (ahead_q < level);
        assert (u_dut.mem_q[Aw'(u_dut.rptr_q + ahead_q[Aw-1:0])] == word_q);
        if (ahead_q == '0) assert (rvalid && rdata == word_q);
      end
    end
  end

endmodule
