// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The counting semaphores and the start of instructions.
//
// A unit shows the wait mask of its next instruction; when every semaphore in it is at least 1, the unit may be granted
// and each is lowered by 1. At most one unit is granted, the lowest first, and none in the cycle behind a grant, while
// that is being counted: two never take the same count. Posts of all units count in one cycle, the second after them.
// overflow_o, two cycles behind the posts, names the units whose post lifted a semaphore over its maximum (all ones).

module systole_semaphores
  import systole_pkg::*;
#(
  parameter int unsigned Units = 4
) (
  input  logic                                clk_i,
  input  logic                                rst_ni,
  input  logic                                clr_i,

  input  logic [Units-1:0]                    want_i,
  input  logic [Units-1:0][NumSemaphores-1:0] wait_mask_i,
  output logic [Units-1:0]                    met_o,
  output logic [Units-1:0]                    grant_o,

  input  logic [Units-1:0]                    post_i,
  input  logic [Units-1:0][NumSemaphores-1:0] post_mask_i,
  output logic [Units-1:0]                    overflow_o
);

  logic [NumSemaphores-1:0][SemaphoreWidth-1:0] count_q, count_d;
  logic [NumSemaphores-1:0]                     nonzero_q, taken, taken_q;
  logic [Units-1:0][NumSemaphores-1:0]          posted_q;
  logic                                         counting_q;
  logic [Units-1:0]                             posted_full;

  always_comb begin
    grant_o = '0;
    for (int unsigned u = 0; u < Units; u++) met_o[u] = (wait_mask_i[u] & ~nonzero_q) == '0;
    for (int u = int'(Units) - 1; u >= 0; u--) begin
      if (want_i[u] && met_o[u] && !counting_q) begin
        grant_o    = '0;
        grant_o[u] = 1'b1;
      end
    end
    taken = '0;
    for (int unsigned u = 0; u < Units; u++) taken = taken | (wait_mask_i[u] & {NumSemaphores{grant_o[u]}});
  end

  // Takes and posts enter the counts together. Only the last few counts below the maximum can overflow.
  always_comb begin
    logic [2:0] posts;
    logic       over;
    posted_full = '0;
    for (int unsigned s = 0; s < NumSemaphores; s++) begin
      posts = '0;
      for (int unsigned u = 0; u < Units; u++) begin
        posts = posts + 3'(posted_q[u][s]);
        over  = 4'(count_q[s][2:0]) + 4'(posts) - 4'(taken_q[s]) > 4'd7;
        if (posted_q[u][s] && (&count_q[s][SemaphoreWidth-1:3]) && over) posted_full[u] = 1'b1;
      end
      count_d[s] = count_q[s] + SemaphoreWidth'(signed'({1'b0, posts} - 4'(taken_q[s])));
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      count_q    <= '0;
      nonzero_q  <= '0;
      taken_q    <= '0;
      posted_q   <= '0;
      counting_q <= 1'b0;
      overflow_o <= '0;
    end else if (clr_i) begin
      count_q    <= '0;
      nonzero_q  <= '0;
      taken_q    <= '0;
      posted_q   <= '0;
      counting_q <= 1'b0;
      overflow_o <= '0;
    end else begin
      taken_q    <= taken;
      counting_q <= grant_o != '0;
      count_q    <= count_d;
      overflow_o <= posted_full;
      for (int unsigned u = 0; u < Units; u++) posted_q[u] <= post_mask_i[u] & {NumSemaphores{post_i[u]}};
      for (int unsigned s = 0; s < NumSemaphores; s++) nonzero_q[s] <= count_d[s] != '0;
    end
  end

  // At most one unit starts, and only what is there is taken.
  assert property (@(posedge clk_i) disable iff (!rst_ni) $onehot0(grant_o));
  assert property (@(posedge clk_i) disable iff (!rst_ni) (taken & ~nonzero_q) == '0);

endmodule
