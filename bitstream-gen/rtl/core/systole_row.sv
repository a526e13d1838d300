// SPDX-License-Identifier: MIT OR Apache-2.0
//
// ROW: turns row statistics into scales, one entry after another, with serial arithmetic.
//
// recip takes 26 to 36 cycles a row, scale 8 to 18, rstd 104 to 114: rows of LayerNorm and softmax are few beside their
// elements, and GEMM goes on meanwhile. The three kinds share one divider (18 quotient bits of operands normalized to 32
// bits), one square root, and the final rounding to a mantissa of 16 bits. Semantics: docs/numerics.md, ROW.
//
// start_i loads the instruction, which stays stable until done_o. Read data follows its address by one cycle.

module systole_row
  import systole_pkg::*;
  import systole_cfg_pkg::*;
(
  input  logic             clk_i,
  input  logic             rst_ni,
  input  logic             clr_i,

  input  logic             start_i,
  input  inst_row_t        inst_i,
  output logic             done_o,

  output logic [RowAw-1:0] raddr_o,
  input  row_entry_t       rdata_i,
  output logic             we_o,
  output logic [RowAw-1:0] waddr_o,
  output row_entry_t       wdata_o
);

  typedef enum logic [3:0] {
    StIdle, StRead, StFetch, StSplit, StMoments, StSquare, StSettle, StNormalize, StRoot, StDivide, StExponent, StShift,
    StRound, StWrite
  } state_e;

  state_e      state_q;
  logic [15:0] index_q, rows_q;
  logic [5:0]  step_q;

  // Statistic under work.
  logic signed [31:0] a_q;
  row_entry_t         entry_q;
  logic [31:0]        magnitude;
  logic [63:0]        moment_q;     // count * b - a^2 + eps, then shifted into the root
  logic [63:0]        square_q;     // multiplicand, shifted left bit by bit
  logic [31:0]        bits_q;       // multiplier bits of the running product
  logic [5:0]         half_zeros_q;

  // Division operands and result.
  logic [31:0]        divisor_q;    // normalized
  logic [15:0]        numerator_q;  // normalized
  logic [5:0]         divisor_len_q, numerator_len_q;
  logic [32:0]        rest_q;
  logic [33:0]        rest_less;
  logic [17:0]        quotient_q;

  // Root: remainder and root so far.
  logic [33:0]        root_rest_q, root_rest, root_trial;
  logic [34:0]        root_less;
  logic [31:0]        root_q;

  // Mean: |256 a + count / 2| divided by count, rounded towards minus infinity.
  logic [40:0]        mean_num_q;
  logic [12:0]        mean_rest_q;
  logic [13:0]        mean_rest;
  logic [14:0]        mean_less;
  logic [5:0]         mean_step_q;
  logic               mean_neg_q;
  logic signed [40:0] mean_centred, mean_centred_q;
  logic               mean_start_q;
  logic [40:0]        mean_abs;
  logic signed [31:0] mean, mean_q;

  // Rounding.
  logic [31:0]        normal;
  logic [5:0]         normal_len;
  logic [16:0]        rounded, rounded_q;
  logic signed [9:0]  exponent, exponent_q, lengths_q, shift_q;
  logic [21:0]        scale_q;

  // Stable before the first entry is read.
  logic is_recip, is_rstd, is_scale;

  always_ff @(posedge clk_i) begin
    is_recip <= inst_i.kind == RowKindRecip;
    is_rstd  <= inst_i.kind == RowKindRstd;
    is_scale <= inst_i.kind == RowKindScale;
  end

  assign magnitude    = a_q[31] ? -a_q : a_q;
  assign mean_centred = {entry_q.a[31], entry_q.a, 8'b0} + 41'(inst_i.count[15:1]);
  // Towards minus infinity: a negative quotient is rounded up in magnitude.
  assign mean_abs     = mean_centred_q[40] ? ~mean_centred_q + 41'(inst_i.count) : mean_centred_q;
  assign mean_rest    = {mean_rest_q, mean_num_q[40]};
  assign root_rest    = {root_rest_q[31:0], moment_q[63:62]};
  assign root_trial   = {root_q, 2'b01};
  // Differences whose sign is the comparison: one carry chain for both.
  assign root_less    = {1'b0, root_rest} - {1'b0, root_trial};
  assign rest_less    = {1'b0, rest_q} - {2'b0, divisor_q};
  assign mean_less    = {1'b0, mean_rest} - {2'b0, inst_i.count[12:0]};

  always_comb begin
    if (mean_neg_q) mean = mean_num_q > 41'h80000000 ? 32'sh8000_0000 : -32'(mean_num_q);
    else mean = mean_num_q > 41'h7fffffff ? 32'sh7fff_ffff : 32'(mean_num_q);
  end

  always_comb begin
    if (is_scale) begin
      normal     = divisor_q;
      normal_len = divisor_len_q;
      exponent   = -10'(inst_i.frac);
    end else begin
      normal     = quotient_q[17] ? {quotient_q, 14'b0} : {quotient_q[16:0], 15'b0};
      normal_len = quotient_q[17] ? 6'd18 : 6'd17;
      exponent   = lengths_q - 10'(inst_i.frac);
    end
    rounded = {1'b0, normal[31:16]} + 17'(normal[15]);
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      state_q <= StIdle;
    end else if (clr_i) begin
      state_q <= StIdle;
    end else begin
      unique case (state_q)
        StIdle:      if (start_i) state_q <= StRead;
        StRead:      state_q <= StFetch;
        StFetch:     state_q <= StSplit;
        StSplit: begin
          if (is_rstd) state_q <= StMoments;
          else if (entry_q.a <= 0) state_q <= StWrite;
          else state_q <= StNormalize;
        end
        StMoments:   if (step_q == 6'd12) state_q <= StSquare;
        StSquare:    if (step_q == 6'd31) state_q <= StSettle;
        StSettle:    state_q <= moment_q == '0 ? StWrite : StNormalize;
        StNormalize: begin
          if (numerator_q[15] || is_scale) begin
            if (is_rstd && moment_q[63:62] != '0) state_q <= StRoot;
            else if (is_recip && divisor_q[31]) state_q <= StDivide;
            else if (is_scale && divisor_q[31]) state_q <= StExponent;
          end
        end
        StRoot:      if (step_q == 6'd31) state_q <= StDivide;
        StDivide:    if (step_q == 6'd17) state_q <= StExponent;
        StExponent:  state_q <= StShift;
        StShift:     state_q <= StRound;
        StRound:     state_q <= StWrite;
        StWrite:     state_q <= rows_q == 16'd1 ? StIdle : StRead;
        default:     state_q <= StIdle;
      endcase
    end
  end

  // The lengths are settled long before the quotient is.
  always_ff @(posedge clk_i) begin
    lengths_q <= is_recip ? 10'sd17 - 10'(signed'({1'b0, numerator_len_q})) + 10'(signed'({1'b0, divisor_len_q}))
               : 10'sd57 - 10'(signed'({1'b0, numerator_len_q})) - 10'(signed'({1'b0, half_zeros_q}));
  end

  always_ff @(posedge clk_i) begin
    step_q <= step_q + 6'd1;
    unique case (state_q)
      StIdle: begin
        index_q <= '0;
        rows_q  <= inst_i.rows;
      end
      StSplit: begin
        a_q             <= entry_q.a;
        bits_q          <= 32'(inst_i.count);
        moment_q        <= 64'(inst_i.eps);
        divisor_q       <= entry_q.a;
        divisor_len_q   <= 6'd32;
        numerator_q     <= is_rstd ? inst_i.count : inst_i.num;
        numerator_len_q <= 6'd16;
        half_zeros_q    <= '0;
        scale_q         <= '0;
        step_q          <= '0;
      end
      // count * b, then |a| * |a|, bit by bit.
      StMoments: begin
        if (bits_q[0]) moment_q <= moment_q + square_q;
        square_q <= {square_q[62:0], 1'b0};
        bits_q   <= {1'b0, bits_q[31:1]};
        if (step_q == 6'd12) begin
          step_q   <= '0;
          bits_q   <= magnitude;
          square_q <= 64'(magnitude);
        end
      end
      StSquare: begin
        if (bits_q[0]) moment_q <= moment_q - square_q;
        square_q <= {square_q[62:0], 1'b0};
        bits_q   <= {1'b0, bits_q[31:1]};
      end
      StNormalize: begin
        // By four places while there is room, then by one.
        if (numerator_q[15:12] == '0) begin
          numerator_q     <= {numerator_q[11:0], 4'b0};
          numerator_len_q <= numerator_len_q - 6'd4;
        end else if (!numerator_q[15]) begin
          numerator_q     <= {numerator_q[14:0], 1'b0};
          numerator_len_q <= numerator_len_q - 6'd1;
        end
        if (divisor_q[31:28] == '0) begin
          divisor_q     <= {divisor_q[27:0], 4'b0};
          divisor_len_q <= divisor_len_q - 6'd4;
        end else if (!divisor_q[31]) begin
          divisor_q     <= {divisor_q[30:0], 1'b0};
          divisor_len_q <= divisor_len_q - 6'd1;
        end
        if (is_rstd && moment_q[63:56] == '0) begin
          moment_q     <= {moment_q[55:0], 8'b0};
          half_zeros_q <= half_zeros_q + 6'd4;
        end else if (is_rstd && moment_q[63:62] == '0) begin
          moment_q     <= {moment_q[61:0], 2'b0};
          half_zeros_q <= half_zeros_q + 6'd1;
        end
        step_q      <= '0;
        root_q      <= '0;
        root_rest_q <= '0;
        rest_q      <= {1'b0, numerator_q, 16'b0};
        quotient_q  <= '0;
      end
      StRoot: begin
        moment_q    <= {moment_q[61:0], 2'b0};
        root_q      <= {root_q[30:0], !root_less[34]};
        root_rest_q <= root_less[34] ? root_rest : root_less[33:0];
        if (step_q == 6'd31) begin
          divisor_q <= {root_q[30:0], !root_less[34]};
          step_q    <= '0;
        end
      end
      StDivide: begin
        quotient_q <= {quotient_q[16:0], !rest_less[33]};
        rest_q     <= rest_less[33] ? {rest_q[31:0], 1'b0} : {rest_less[31:0], 1'b0};
      end
      // The operands stay from here on; each sum has a cycle of its own.
      StExponent: begin
        exponent_q <= exponent;
        rounded_q  <= rounded;
      end
      StShift: shift_q <= exponent_q - 10'(signed'({1'b0, normal_len})) + (rounded_q[16] ? 10'sd15 : 10'sd16);
      StRound: begin
        if (shift_q < 0) scale_q <= {6'd0, 16'hffff};
        else if (shift_q > 10'sd63) scale_q <= '0;
        else scale_q <= {shift_q[5:0], rounded_q[16] ? 16'h8000 : rounded_q[15:0]};
      end
      StWrite: begin
        index_q <= index_q + 16'd1;
        rows_q  <= rows_q - 16'd1;
      end
      default: ;
    endcase
    if (state_q == StFetch) entry_q <= rdata_i;
    if (state_q == StSplit) square_q <= 64'(entry_q.b);
  end

  // The mean is divided while the moments are multiplied.
  always_ff @(posedge clk_i) begin
    mean_start_q   <= state_q == StSplit;
    mean_centred_q <= mean_centred;
    mean_q         <= mean;
    if (mean_start_q) begin
      mean_neg_q  <= mean_centred_q[40];
      mean_num_q  <= mean_abs;
      mean_rest_q <= '0;
      mean_step_q <= 6'd41;
    end else if (mean_step_q != '0) begin
      mean_step_q <= mean_step_q - 6'd1;
      if (!mean_less[14]) begin
        mean_rest_q <= mean_less[12:0];
        mean_num_q  <= {mean_num_q[39:0], 1'b1};
      end else begin
        mean_rest_q <= mean_rest[12:0];
        mean_num_q  <= {mean_num_q[39:0], 1'b0};
      end
    end
  end

  assign raddr_o   = RowAw'(inst_i.src + index_q);
  assign waddr_o   = RowAw'(inst_i.dst + index_q);
  assign we_o      = state_q == StWrite;
  assign wdata_o.a = is_rstd ? mean_q : '0;
  assign wdata_o.b = {26'b0, scale_q};

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) done_o <= 1'b0;
    else done_o <= !clr_i && state_q == StWrite && rows_q == 16'd1;
  end

  logic unused_bits;
  assign unused_bits = ^{inst_i, root_rest_q[33:32], normal[14:0], rest_less[32], mean_less[13]};

  // The mean's 41 steps end before the root does.
  assert property (@(posedge clk_i) disable iff (!rst_ni) we_o && is_rstd |-> mean_step_q == '0 && !mean_start_q);
  // The quotient is normalized by construction.
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      state_q == StRound && !is_scale |-> quotient_q[17:16] != '0);

endmodule
