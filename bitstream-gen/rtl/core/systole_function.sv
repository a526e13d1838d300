// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Function stage of one lane: identity, ReLU, GELU, 2^x, tanh by interpolated tables.
//
// One value a cycle, latency 10. The function is stable while values are under way. Tables and their semantics are the
// contract's (docs/numerics.md).

module systole_function
  import systole_pkg::*;
(
  input  logic               clk_i,
  input  logic               rst_ni,
  input  function_e          function_i,
  input  logic signed [31:0] x_i,
  output logic signed [31:0] y_o
);

  // Stage 1: magnitude. 2^x takes positive inputs as zero.
  logic [31:0] magnitude_q;
  logic        relu, gelu, exp2, tanh;

  prim_replica #(
    .Width(4)
  ) u_function (
    .clk_i,
    .data_i({function_i == FunctionRelu, function_i == FunctionGelu, function_i == FunctionExp2,
             function_i == FunctionTanh}),
    .data_o({relu, gelu, exp2, tanh})
  );

  always_ff @(posedge clk_i) begin
    if (exp2) magnitude_q <= x_i[31] ? -x_i : '0;
    else magnitude_q <= x_i[31] ? -x_i : x_i;
  end

  // Stage 2: segment, fraction of seven bits, shift behind the interpolation, and whether the table ends before.
  logic [9:0]        segment_q;
  logic signed [7:0] fraction_q;
  logic [3:0]        post_q;
  logic              beyond_q;

  always_ff @(posedge clk_i) begin
    if (exp2) begin
      segment_q  <= {TableExp2, magnitude_q[11:4]};
      fraction_q <= {1'b0, magnitude_q[3:0], 3'b0};
      post_q     <= magnitude_q[15:12];
      beyond_q   <= magnitude_q[31:16] != '0;
    end else begin
      segment_q  <= {tanh ? TableTanh : TableGelu, magnitude_q[14:7]};
      fraction_q <= {1'b0, magnitude_q[6:0]};
      post_q     <= tanh ? 4'd3 : 4'd4;
      beyond_q   <= magnitude_q[31:15] != '0;
    end
  end

  // Stage 3: table. Stages 4 to 6: slope times fraction.
  logic [15:0]        entry_base;
  logic [11:0]        entry_slope;
  logic signed [7:0]  fraction_qq;
  logic signed [19:0] rise;
  logic [15:0]        base;
  logic [4:0]         late;

  systole_function_rom u_rom (
    .clk_i,
    .addr_i (segment_q),
    .base_o (entry_base),
    .slope_o(entry_slope)
  );

  always_ff @(posedge clk_i) fraction_qq <= fraction_q;

  prim_mult #(
    .AW(12),
    .BW(8)
  ) u_mult (
    .clk_i,
    .a_i(signed'(entry_slope)),
    .b_i(fraction_qq),
    .p_o(rise)
  );

  prim_delay #(
    .Width(16),
    .Delay(3)
  ) u_base (
    .clk_i,
    .rst_ni,
    .data_i(entry_base),
    .data_o(base)
  );

  prim_delay #(
    .Width(5),
    .Delay(5)
  ) u_post (
    .clk_i,
    .rst_ni,
    .data_i({beyond_q, post_q}),
    .data_o(late)
  );

  // Stage 7: interpolated value. Stage 8: shift, with the last bit shifted out below. Stage 9: round.
  logic [15:0] value_q;
  logic [16:0] shifted_q, rounded_q;
  logic        beyond_qq;

  always_ff @(posedge clk_i) begin
    value_q   <= base + 16'(rise >>> 7) + 16'(rise[6]);
    shifted_q <= 17'({value_q, 1'b0} >> late[3:0]);
    beyond_qq <= late[4];
    rounded_q <= beyond_qq ? (tanh ? 17'd4096 : '0) : {1'b0, shifted_q[16:1]} + 17'(shifted_q[0]);
  end

  // Stage 10: combine with the input.
  logic signed [31:0] x;
  logic signed [31:0] positive, result;

  prim_delay #(
    .Width(32),
    .Delay(9)
  ) u_x (
    .clk_i,
    .rst_ni,
    .data_i(x_i),
    .data_o(x)
  );

  assign positive = x[31] ? '0 : x;
  assign result   = signed'({15'b0, rounded_q});

  always_ff @(posedge clk_i) begin
    unique case (1'b1)
      relu:    y_o <= positive;
      gelu:    y_o <= positive - result;
      exp2:    y_o <= result;
      tanh:    y_o <= x[31] ? -result : result;
      default: y_o <= x;
    endcase
  end

endmodule
