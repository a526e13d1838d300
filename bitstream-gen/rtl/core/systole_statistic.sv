// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Row statistic of MAP over the lanes' outputs: maximum, largest magnitude, sum, or sum and sum of squares.
//
// Words enter one a cycle with the mask of valid lanes; a tree reduces the lanes, an accumulator the words of a row.
// After the row's last word, done_o gives the finished entry, joined with the entry that ROW held unless init_i. That
// entry is due 2 LaneBits + 5 cycles after the last word (old_i), done_o comes two cycles later.

module systole_statistic
  import systole_pkg::*;
  import systole_cfg_pkg::*;
(
  input  logic              clk_i,
  input  logic              rst_ni,

  input  stat_e             stat_i,
  input  logic              init_i,

  input  logic              valid_i,
  input  logic              first_i,
  input  logic              last_i,
  input  logic [N-1:0]      mask_i,
  input  logic [N-1:0][31:0] y_i,

  input  row_entry_t        old_i,
  output logic              old_done_o,  // old_i was taken
  output logic              done_o,
  output row_entry_t        entry_o
);

  localparam int unsigned SquareW = 36 + LaneBits;
  // Cycles from the word to the accumulator: one to select, three for the squares, two for each level of the tree.
  localparam int unsigned Front = 2 * LaneBits + 4;

  // Stable for an instruction.
  logic absmax, take_max, moments;

  always_ff @(posedge clk_i) begin
    absmax   <= stat_i == StatAbsmax;
    take_max <= stat_i == StatMax || stat_i == StatAbsmax;
    moments  <= stat_i == StatMoments;
  end

  logic [Front-1:0] valid_q, first_q, last_q;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) valid_q <= '0;
    else valid_q <= {valid_q[Front-2:0], valid_i};
  end

  always_ff @(posedge clk_i) begin
    first_q <= {first_q[Front-2:0], first_i};
    last_q  <= {last_q[Front-2:0], last_i};
  end

  // Level l of the trees holds N >> l nodes.
  logic signed [31:0]  value [LaneBits+1][N];
  logic [SquareW-1:0]  square[LaneBits+1][N];

  for (genvar i = 0; i < N; i++) begin : g_lane
    logic signed [31:0] y, chosen, chosen_q;
    logic signed [17:0] short_q;
    logic signed [35:0] product;

    assign y = y_i[i];
    always_comb begin
      chosen = y;
      if (absmax && y[31]) chosen = (y == 32'sh8000_0000) ? 32'sh7fff_ffff : -y;
      if (!mask_i[i]) chosen = take_max ? 32'sh8000_0000 : '0;
    end

    always_ff @(posedge clk_i) begin
      chosen_q <= chosen;
      short_q  <= mask_i[i] ? y[17:0] : '0;
    end

    prim_delay #(
      .Width(32),
      .Delay(3)
    ) u_value (
      .clk_i,
      .rst_ni,
      .data_i(chosen_q),
      .data_o(value[0][i])
    );

    prim_mult #(
      .AW(18),
      .BW(18)
    ) u_square (
      .clk_i,
      .a_i(short_q),
      .b_i(short_q),
      .p_o(product)
    );

    assign square[0][i] = SquareW'(unsigned'(product));
  end

  for (genvar l = 0; l < LaneBits; l++) begin : g_level
    for (genvar i = 0; i < (N >> (l + 1)); i++) begin : g_node
      logic signed [31:0] left, right;
      assign left  = value[l][2*i];
      assign right = value[l][2*i+1];
      // Compare and add, then select.
      logic signed [31:0] left_q, right_q, sum_q;
      logic               greater_q;
      logic [SquareW-1:0] square_q;
      always_ff @(posedge clk_i) begin
        left_q         <= left;
        right_q        <= right;
        sum_q          <= left + right;
        greater_q      <= left > right;
        square_q       <= square[l][2*i] + square[l][2*i+1];
        value[l+1][i]  <= !take_max ? sum_q : greater_q ? left_q : right_q;
        square[l+1][i] <= square_q;
      end
    end
    for (genvar i = (N >> (l + 1)); i < N; i++) begin : g_unused
      assign value[l+1][i]  = '0;
      assign square[l+1][i] = '0;
    end
  end

  function automatic logic signed [31:0] join_values(logic maximum, logic signed [31:0] a, logic signed [31:0] b);
    // Less one carry chain than a tree of gates: the sign of the difference compares.
    return maximum ? (33'(b) - 33'(a) < 0 ? a : b) : a + b;
  endfunction

  // Words of a row, then the entry of an earlier instruction.
  row_entry_t         row_q, row_d;
  logic               row_done_q;
  logic signed [31:0] word_value;
  logic [47:0]        word_square;

  assign word_value  = value[LaneBits][0];
  assign word_square = 48'(square[LaneBits][0]);

  always_comb begin
    row_d.a = first_q[Front-1] ? word_value : join_values(take_max, row_q.a, word_value);
    row_d.b = first_q[Front-1] ? word_square : row_q.b + word_square;
  end

  always_ff @(posedge clk_i) begin
    if (valid_q[Front-1]) row_q <= row_d;
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) row_done_q <= 1'b0;
    else row_done_q <= valid_q[Front-1] && last_q[Front-1];
  end

  // Block RAM is slow: its word waits in a register, and so does the result.
  row_entry_t old_q, row_qq;
  logic       row_done_qq;

  always_ff @(posedge clk_i) begin
    old_q     <= old_i;
    row_qq    <= row_q;
    entry_o.a <= init_i ? row_qq.a : join_values(take_max, old_q.a, row_qq.a);
    entry_o.b <= !moments ? '0 : init_i ? row_qq.b : old_q.b + row_qq.b;
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) {done_o, row_done_qq} <= '0;
    else {done_o, row_done_qq} <= {row_done_qq, row_done_q};
  end

  assign old_done_o = row_done_q;

  // The lanes' trees leave nodes behind the root unused.
  logic unused_nodes;
  always_comb begin
    unused_nodes = 1'b0;
    for (int unsigned l = 1; l <= LaneBits; l++) begin
      for (int unsigned i = (N >> l); i < N; i++) unused_nodes = unused_nodes ^ (^value[l][i]) ^ (^square[l][i]);
    end
  end

endmodule
