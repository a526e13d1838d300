// SPDX-License-Identifier: MIT OR Apache-2.0
//
// saturate(rshr(x, shift) + addend, bits): the rounding shift behind every multiplication.
//
// Rounds half up: the last bit shifted out is added. Latency 4, one value a cycle; shift and addend enter with x. The
// result saturates to 8, 16, 18 or 32 bits and is sign-extended to 32. W is 33 to 63.
//
// Only 33 bits of the shifted value and its guard bit are kept. What does not fit them is so large that no addend of 32
// bits brings it back into 32: that it does not fit is told beside, and saturates.

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

  localparam int unsigned Kept = 34;

  // One guard bit below: it ends as the last bit shifted out.
  logic signed [W:0]      coarse_q;
  logic signed [Kept-1:0] fine_q;
  logic signed [Kept:0]   sum;
  logic signed [Kept-1:0] sum_q;
  logic [3:0]             fine_shift;
  logic signed [31:0]     addend_q, addend_qq;
  logic                   beyond, beyond_q, beyond_qq, negative_q, negative_qq;

  // Lanes shift by the same in most of what they do.
  prim_replica #(
    .Width(4)
  ) u_fine_shift (
    .clk_i,
    .data_i(shift_i[3:0]),
    .data_o(fine_shift)
  );

  // Bits that land above the kept ones and differ from the sign.
  always_comb begin
    beyond = 1'b0;
    for (int unsigned i = Kept - 1; i < W; i++) begin
      if (coarse_q[i] != coarse_q[W] && 32'(fine_shift) <= i - (Kept - 1)) beyond = 1'b1;
    end
  end

  // A one at the guard bit's place carries into the sum when the guard bit is set: rounding costs no adder.
  assign sum = (Kept + 1)'(fine_q) + (Kept + 1)'(signed'({addend_qq, 1'b1}));

  always_ff @(posedge clk_i) begin
    // Stage 1 and 2: shift by multiples of 16, then by the rest.
    coarse_q     <= signed'({x_i, 1'b0}) >>> {shift_i[5:4], 4'b0};
    addend_q     <= addend_i;
    fine_q       <= Kept'(coarse_q >>> fine_shift);
    beyond_q     <= beyond;
    negative_q   <= coarse_q[W];
    addend_qq    <= addend_q;
    // Stage 3: round and add.
    sum_q        <= sum[Kept:1];
    beyond_qq    <= beyond_q;
    negative_qq  <= negative_q;
  end

  // Stage 4: saturate. Bits from the sign's place up agree in a value that fits.
  logic        saturates, negative;
  logic [31:0] inner;   // bits below the sign's place

  always_comb begin
    unique case (width_i)
      2'd0: begin
        inner     = 32'h0000_007f;
        saturates = sum_q[Kept-1:7] != {(Kept - 7){sum_q[Kept-1]}};
      end
      2'd1: begin
        inner     = 32'h0000_7fff;
        saturates = sum_q[Kept-1:15] != {(Kept - 15){sum_q[Kept-1]}};
      end
      2'd2: begin
        inner     = 32'h0001_ffff;
        saturates = sum_q[Kept-1:17] != {(Kept - 17){sum_q[Kept-1]}};
      end
      default: begin
        inner     = 32'h7fff_ffff;
        saturates = sum_q[Kept-1:31] != {(Kept - 31){sum_q[Kept-1]}};
      end
    endcase
    saturates = saturates || beyond_qq;
    negative  = beyond_qq ? negative_qq : sum_q[Kept-1];
  end

  always_ff @(posedge clk_i) y_o <= saturates ? {32{negative}} ^ inner : sum_q[31:0];

  logic unused_guard;
  assign unused_guard = sum[0];

endmodule
