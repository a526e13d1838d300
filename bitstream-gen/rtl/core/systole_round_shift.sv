// SPDX-License-Identifier: MIT OR Apache-2.0
//
// saturate(rshr(x, shift) + addend, bits): the rounding shift behind every multiplication.
//
// Rounds half up: the last bit shifted out is added. Latency 4, one value a cycle; shift and addend enter with x. The
// result saturates to 8, 16, 18 or 32 bits and is sign-extended to 32. W is 33 to 63.

module systole_round_shift #(
  parameter int unsigned W = 57
) (
  input  logic                clk_i,
  input  logic signed [W-1:0] x_i,
  input  logic [5:0]          shift_i,
  input  logic signed [31:0]  addend_i,
  input  logic [1:0]          width_i,  // 0: 8 bits, 1: 16 bits, 2: 18 bits, 3: 32 bits; stable
  output logic signed [31:0]  y_o
);

  // One guard bit below: it ends as the last bit shifted out.
  logic signed [W:0]   coarse_q, fine_q;
  logic [3:0]          fine_shift_q;
  logic signed [31:0]  addend_q, addend_qq;
  logic signed [W:0]   sum_q;
  logic signed [31:0]  max;
  logic                over, under;

  // A copy for each instance, close to it: tools would join them if they might.
  (* keep *) logic [1:0] width_q;
  always_ff @(posedge clk_i) width_q <= width_i;

  always_ff @(posedge clk_i) begin
    // Stage 1 and 2: shift by multiples of 16, then by the rest.
    coarse_q     <= signed'({x_i, 1'b0}) >>> {shift_i[5:4], 4'b0};
    fine_shift_q <= shift_i[3:0];
    addend_q     <= addend_i;
    fine_q       <= coarse_q >>> fine_shift_q;
    addend_qq    <= addend_q;
    // Stage 3: round and add. The sum needs no bit more than x and one.
    sum_q        <= (W + 1)'(signed'(fine_q[W:1])) + (W + 1)'(addend_qq) + signed'({{W{1'b0}}, fine_q[0]});
    // Stage 4: saturate.
    y_o          <= over ? max : under ? ~max : sum_q[31:0];
  end

  always_comb begin
    unique case (width_q)
      2'd0: begin
        max   = 32'sh0000_007f;
        over  = !sum_q[W] && sum_q[W-1:7] != '0;
        under = sum_q[W] && sum_q[W-1:7] != '1;
      end
      2'd1: begin
        max   = 32'sh0000_7fff;
        over  = !sum_q[W] && sum_q[W-1:15] != '0;
        under = sum_q[W] && sum_q[W-1:15] != '1;
      end
      2'd2: begin
        max   = 32'sh0001_ffff;
        over  = !sum_q[W] && sum_q[W-1:17] != '0;
        under = sum_q[W] && sum_q[W-1:17] != '1;
      end
      default: begin
        max   = 32'sh7fff_ffff;
        over  = !sum_q[W] && sum_q[W-1:31] != '0;
        under = sum_q[W] && sum_q[W-1:31] != '1;
      end
    endcase
  end

endmodule
