// SPDX-License-Identifier: MIT OR Apache-2.0
//
// One lane of MAP: row stage, channel stage, add, function, output shift and saturation.
//
// One element a cycle. x_i and the row's entry enter together; the column's record is due 8 cycles later, the
// addend 15 cycles later, and the result leaves 31 cycles later. Configuration inputs are stable while elements
// are under way. A stage that is switched off gets neutral operands, so the timing is always the same.

module systole_lane
  import systole_pkg::*;
(
  input  logic               clk_i,
  input  logic               rst_ni,

  input  logic               sub_i,
  input  logic               scale_i,
  input  logic               channel_i,
  input  logic               add_i,
  input  function_e          function_i,
  input  logic [4:0]         out_shift_i,
  input  logic [1:0]         out_width_i,

  input  logic signed [31:0] x_i,
  input  row_entry_t         row_i,
  input  param_t             param_i,
  input  logic signed [31:0] addend_i,
  output logic signed [31:0] y_o
);

  // The configuration is the same for all lanes, and each has it near.
  logic       sub, scale, both, channel, add;
  logic [4:0] out_shift;
  logic [1:0] out_width;

  prim_replica #(
    .Width(12)
  ) u_configuration (
    .clk_i,
    .data_i({sub_i, scale_i, sub_i && scale_i, channel_i, add_i, out_shift_i, out_width_i}),
    .data_o({sub, scale, both, channel, add, out_shift, out_width})
  );

  // Row stage: cycle 1 subtracts, 2 to 4 multiply, 5 to 8 shift and saturate.
  logic signed [40:0] centred_q;
  logic signed [17:0] mant_q;
  logic [5:0]         row_shift_q, row_shift_late, row_shift;
  logic signed [58:0] row_product;
  logic signed [31:0] row_value;

  always_ff @(posedge clk_i) begin
    centred_q   <= (both ? {x_i[31], x_i, 8'b0} : 41'(x_i)) - (sub ? 41'(row_i.a) : '0);
    mant_q      <= scale ? {2'b0, row_i.b[15:0]} : 18'sd1;
    row_shift_q <= scale ? row_i.b[21:16] : '0;
  end

  prim_mult #(
    .AW        (41),
    .BW        (18),
    .BUnsigned (1'b1)
  ) u_row_mult (
    .clk_i,
    .a_i(centred_q),
    .b_i(mant_q),
    .p_o(row_product)
  );

  // The row's, and so the same for all lanes.
  prim_delay #(
    .Width(6),
    .Delay(2)
  ) u_row_shift_delay (
    .clk_i,
    .rst_ni,
    .data_i(row_shift_q),
    .data_o(row_shift_late)
  );

  prim_replica #(
    .Width(6)
  ) u_row_shift_replica (
    .clk_i,
    .data_i(row_shift_late),
    .data_o(row_shift)
  );

  systole_round_shift #(
    .W(59)
  ) u_row_shift (
    .clk_i,
    .x_i     (row_product),
    .shift_i (row_shift),
    .addend_i('0),
    .width_i (2'd3),
    .y_o     (row_value)
  );

  // Channel stage: cycles 9 to 11 multiply, 12 to 15 shift, add the bias and saturate.
  param_t             param;
  logic signed [47:0] channel_product;
  logic [37:0]        channel_late;
  logic signed [31:0] channel_value;

  assign param = channel ? param_i : '{mult: 16'sd1, bias: '0, shift: '0, zero: '0};

  prim_mult #(
    .AW(32),
    .BW(16)
  ) u_channel_mult (
    .clk_i,
    .a_i(row_value),
    .b_i(param.mult),
    .p_o(channel_product)
  );

  prim_delay #(
    .Width(38),
    .Delay(3)
  ) u_channel_delay (
    .clk_i,
    .rst_ni,
    .data_i({param.shift[5:0], param.bias}),
    .data_o(channel_late)
  );

  systole_round_shift #(
    .W(48)
  ) u_channel_shift (
    .clk_i,
    .x_i     (channel_product),
    .shift_i (channel_late[37:32]),
    .addend_i(channel_late[31:0]),
    .width_i (2'd3),
    .y_o     (channel_value)
  );

  // Add: cycle 16 adds, 17 saturates.
  logic signed [32:0] sum_q;
  logic signed [31:0] added_q;

  always_ff @(posedge clk_i) begin
    sum_q   <= 33'(channel_value) + (add ? 33'(addend_i) : '0);
    added_q <= sum_q[32] == sum_q[31] ? sum_q[31:0] : {sum_q[32], {31{!sum_q[32]}}};
  end

  // Function: cycles 18 to 27. Output: 28 to 31.
  logic signed [31:0] function_value;

  systole_function u_function (
    .clk_i,
    .rst_ni,
    .function_i,
    .x_i(added_q),
    .y_o(function_value)
  );

  systole_round_shift #(
    .W(33)
  ) u_out_shift (
    .clk_i,
    .x_i     (33'(function_value)),
    .shift_i ({1'b0, out_shift}),
    .addend_i('0),
    .width_i (out_width),
    .y_o
  );

  logic unused_bits;
  assign unused_bits = ^{row_i.b[47:22], param_i.zero, param_i.shift[7:6], param.zero, param.shift[7:6]};

endmodule
