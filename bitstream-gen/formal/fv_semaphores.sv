// SPDX-License-Identifier: MIT OR Apache-2.0
//
// systole_semaphores: what is taken was there, what is posted is counted, overflow is never silent.
//
// watch_i picks any one semaphore and stays; a count of its own in 32 bits is kept for it, without wrapping.

module fv_semaphores
  import systole_pkg::*;
(
  input logic                           clk_i,
  input logic                           clr_i,
  input logic [3:0]                     want_i,
  input logic [3:0][NumSemaphores-1:0]  wait_mask_i,
  input logic [3:0]                     post_i,
  input logic [3:0][NumSemaphores-1:0]  post_mask_i,
  input logic [$clog2(NumSemaphores)-1:0] watch_i
);

  logic       started_q = 1'b0;
  logic [3:0] met, grant, overflow;

  always_ff @(posedge clk_i) started_q <= 1'b1;

  systole_semaphores u_dut (
    .clk_i,
    .rst_ni     (started_q),
    .clr_i,
    .want_i,
    .wait_mask_i,
    .met_o      (met),
    .grant_o    (grant),
    .post_i,
    .post_mask_i,
    .overflow_o (overflow)
  );

  logic [$clog2(NumSemaphores)-1:0] watch_q;
  logic [31:0]                      count_q = '0;
  logic [31:0]                      taken, posted, next, pending;
  logic                             lost_q = 1'b0;  // this semaphore went over its maximum

  always_comb begin
    taken   = '0;
    posted  = '0;
    pending = 32'd0 - 32'(u_dut.taken_q[watch_i]);
    for (int unsigned u = 0; u < 4; u++) begin
      taken  = taken + 32'(grant[u] && wait_mask_i[u][watch_i]);
      posted = posted + 32'(post_i[u] && post_mask_i[u][watch_i]);
      pending = pending + 32'(u_dut.posted_q[u][watch_i]);
    end
    next = count_q - taken + posted;
  end

  always_ff @(posedge clk_i) begin
    watch_q <= watch_i;
    if (!started_q || clr_i) begin
      count_q <= '0;
      lost_q  <= 1'b0;
    end else if (!lost_q) begin
      if (next > 32'(SemaphoreMax)) lost_q <= 1'b1;
      else count_q <= next;
    end
  end

  // It went over in the last cycle, and in the one before.
  logic over_q = 1'b0;
  logic over_qq = 1'b0;
  always_ff @(posedge clk_i) begin
    over_q  <= started_q && !clr_i && !lost_q && next > 32'(SemaphoreMax);
    over_qq <= started_q && !clr_i && over_q;
  end

  always_ff @(posedge clk_i) begin
    if (started_q) begin
      assume (watch_i == watch_q);
      assert ((grant & ~(want_i & met)) == '0);
      assert ((grant & (grant - 4'd1)) == '0);
      // Somebody who may start, starts.
      if ((want_i & met) != '0 && !u_dut.counting_q) assert (grant != '0);
      // What was taken is counted before anything is taken again.
      if (u_dut.taken_q != '0) assert (u_dut.counting_q);
      assert (u_dut.nonzero_q[watch_i] == (u_dut.count_q[watch_i] != '0));
      if (!lost_q) begin
        // What is here and what is on its way.
        assert (32'(u_dut.count_q[watch_i]) + pending == count_q);
        assert (u_dut.count_q[watch_i] >= SemaphoreWidth'(u_dut.taken_q[watch_i]));
        assert (count_q <= 32'(SemaphoreMax));
        assert (taken <= count_q);
      end
      if (over_q) assert (32'(u_dut.count_q[watch_i]) + pending - 32'(SemaphoreMax) inside {[32'd1:32'd4]});
      if (over_qq) assert (overflow != '0);
    end
  end

endmodule
