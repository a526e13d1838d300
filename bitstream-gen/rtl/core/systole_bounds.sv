// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Checks the on-chip blocks of an instruction: each inside its memory, written rows not overlapping, and what MAP and ROW
// write equal to what they read or apart from it.
//
// Blocks are checked one after another, about 7 cycles each. Two blocks of MAP that may overlap are swept row by row, at
// most one cycle for each row of both; blocks whose outlines are apart, or that are the same, cost nothing. start_i loads
// the instruction, which keeps the operand rules and stays stable until done_o.

module systole_bounds
  import systole_pkg::*;
  import systole_cfg_pkg::*;
(
  input  logic                       clk_i,
  input  logic                       rst_ni,
  input  logic                       clr_i,

  input  logic                       start_i,
  input  logic [InstructionBits-1:0] inst_i,
  output logic                       done_o,
  output cause_e                     fault_o,
  output logic [15:0]                address_o
);

  typedef enum logic [1:0] {SpaceSpad, SpaceAcc, SpaceParam, SpaceRow} space_e;
  typedef enum logic [2:0] {KindNone, KindLoad, KindStore, KindGemm, KindMap, KindRow} kind_e;

  typedef struct packed {
    logic        used;
    logic        writes;
    space_e      space;
    logic [15:0] base;
    logic [15:0] stride;
    logic [15:0] rows;
    logic [15:0] cols;
  } block_t;

  typedef enum logic [2:0] {StIdle, StBlock, StWait, StJudge, StPair, StSweep, StDone} state_e;

  inst_load_t  load;
  inst_store_t store;
  inst_gemm_t  gemm;
  inst_map_t   map;
  inst_row_t   row;

  assign load  = inst_load_t'(inst_i);
  assign store = inst_store_t'(inst_i);
  assign gemm  = inst_gemm_t'(inst_i);
  assign map   = inst_map_t'(inst_i);
  assign row   = inst_row_t'(inst_i);

  function automatic logic [15:0] words_of(logic [15:0] cols);
    return 16'((17'(cols) + 17'(N - 1)) >> LaneBits);
  endfunction

  function automatic space_e space_of(memory_e memory);
    unique case (memory)
      MemorySpad: return SpaceSpad;
      MemoryAcc:  return SpaceAcc;
      default:    return SpaceParam;
    endcase
  endfunction

  function automatic logic [16:0] capacity(space_e space);
    unique case (space)
      SpaceSpad:  return 17'(SpadWords);
      SpaceAcc:   return 17'(AccWords);
      SpaceParam: return 17'(ParamWords);
      default:    return 17'(RowEntries);
    endcase
  endfunction

  function automatic cause_e bounds_cause(space_e space);
    unique case (space)
      SpaceSpad:  return CauseScratchpadBounds;
      SpaceAcc:   return CauseAccumulatorBounds;
      SpaceParam: return CauseParamBounds;
      default:    return CauseRowBounds;
    endcase
  endfunction

  //////////////////////////////////////////////////////////////////////////////
  // The blocks, in the order in which the contract lists them.
  //////////////////////////////////////////////////////////////////////////////

  block_t      block, block_q;
  logic [2:0]  index_q;
  logic [15:0] map_words_q;
  logic        row_stage, has_output, has_stat;
  space_e      load_space, store_space, map_src, map_dst;
  kind_e       kind;

  // The instruction came cycles before the start: what is decoded of it can have a register.
  always_ff @(posedge clk_i) begin
    unique case (inst_i[7:0])
      OpLoad:  kind <= KindLoad;
      OpStore: kind <= KindStore;
      OpGemm:  kind <= KindGemm;
      OpMap:   kind <= KindMap;
      OpRow:   kind <= KindRow;
      default: kind <= KindNone;
    endcase
    row_stage   <= map.row_sub || map.row_scale;
    has_output  <= map.output_code != OutputNone;
    has_stat    <= map.stat != StatNone;
    load_space  <= space_of(load.memory);
    store_space <= space_of(store.memory);
    map_src     <= map.src_spad ? SpaceSpad : SpaceAcc;
    map_dst     <= map.output_code == OutputSpadI8 ? SpaceSpad : SpaceAcc;
  end

  always_comb begin
    block = '0;
    unique case (kind)
      KindLoad: begin
        if (index_q == 3'd0) begin
          block = '{1'b1, 1'b1, load_space, load.dst, load.dst_stride, load.rows, load.cols};
        end
      end
      KindStore: begin
        if (index_q == 3'd0) begin
          block = '{1'b1, 1'b0, store_space, store.src, store.src_stride, store.rows, store.cols};
        end
      end
      KindGemm: begin
        unique case (index_q)
          3'd0: block = '{1'b1, 1'b0, SpaceSpad, gemm.a, gemm.a_stride, gemm.m, gemm.k};
          3'd1: block = '{1'b1, 1'b0, SpaceSpad, gemm.b, gemm.b_stride, gemm.transpose_b ? gemm.n : gemm.k,
                          gemm.transpose_b ? gemm.k : gemm.n};
          3'd2: block = '{1'b1, 1'b1, SpaceAcc, gemm.c, gemm.c_stride, gemm.m, gemm.n};
          default: ;
        endcase
      end
      KindMap: begin
        unique case (index_q)
          3'd0: block = '{1'b1, 1'b0, map_src, map.src, map.src_stride, map.rows, map.cols};
          3'd1: block = '{has_output, 1'b1, map_dst, map.dst, map.dst_stride, map.rows, map.cols};
          3'd2: block = '{map.add, 1'b0, SpaceAcc, map.aux, map.src_stride, map.rows, map.cols};
          3'd3: block = '{map.channel, 1'b0, SpaceParam, map.param, 16'd0, 16'd1, map.broadcast ? 16'd1 : map.cols};
          3'd4: block = '{row_stage, 1'b0, SpaceRow, map.row_in, 16'd1, map.rows, 16'd1};
          3'd5: block = '{has_stat, 1'b1, SpaceRow, map.row_out, 16'd1, map.rows, 16'd1};
          default: ;
        endcase
      end
      KindRow: begin
        unique case (index_q)
          3'd0: block = '{1'b1, 1'b0, SpaceRow, row.src, 16'd1, row.rows, 16'd1};
          3'd1: block = '{1'b1, 1'b1, SpaceRow, row.dst, 16'd1, row.rows, 16'd1};
          default: ;
        endcase
      end
      default: ;
    endcase
  end

  //////////////////////////////////////////////////////////////////////////////
  // Bounds: base + (rows - 1) * stride + words, and the stride of written rows. What needs no product is worked out while
  // the multiplier is busy, each sum and comparison in a cycle of its own.
  //////////////////////////////////////////////////////////////////////////////

  state_e             state_q;
  logic [2:0]         wait_q;
  logic signed [34:0] span;
  logic [33:0]        block_end_q;
  logic [15:0]        words_q;
  logic [16:0]        base_words_q;
  logic               beyond_q, base_beyond_q, overlapping_rows_q;
  cause_e             fault_q;
  logic [15:0]        address_q;

  prim_mult #(
    .AW(17),
    .BW(18)
  ) u_span (
    .clk_i,
    .a_i(signed'({1'b0, block_q.rows - 16'd1})),
    .b_i(signed'({2'b0, block_q.stride})),
    .p_o(span)
  );

  always_ff @(posedge clk_i) begin
    words_q            <= words_of(block_q.cols);
    base_words_q       <= 17'(block_q.base) + 17'(words_q);
    block_end_q        <= span[33:0] + 34'(base_words_q);
    beyond_q           <= block_end_q > 34'(capacity(block_q.space));
    base_beyond_q      <= 17'(block_q.base) > capacity(block_q.space);
    overlapping_rows_q <= block_q.writes && block_q.rows > 16'd1 && block_q.stride < words_q;
  end

  //////////////////////////////////////////////////////////////////////////////
  // Pairs of a written and a read block.
  //////////////////////////////////////////////////////////////////////////////

  // Pair 0: MAP's output and source; 1: output and addend; 2: ROW entries of MAP or ROW. The instruction has been stable
  // for many cycles when the pairs are looked at.
  logic [1:0]  pair_q, map_pair_q, same_q;
  logic        rows_meet, rows_meet_q;
  logic [15:0] read_base, entry_read, entry_write, entry_rows;
  logic [16:0] w_start_q, r_start_q, w_end_q, r_end_q;
  logic [15:0] w_left_q, r_left_q;
  logic        meet, written_first;

  assign read_base   = pair_q == 2'd0 ? map.src : map.aux;
  assign entry_read  = kind == KindMap ? map.row_in : row.src;
  assign entry_write = kind == KindMap ? map.row_out : row.dst;
  assign entry_rows  = kind == KindMap ? map.rows : row.rows;
  always_comb begin
    rows_meet = 17'(entry_read) < 17'(entry_write) + 17'(entry_rows)
             && 17'(entry_write) < 17'(entry_read) + 17'(entry_rows);
    if (kind == KindMap) rows_meet = rows_meet && row_stage && has_stat;
    else rows_meet = rows_meet && kind == KindRow && entry_read != entry_write;
  end

  always_ff @(posedge clk_i) begin
    map_words_q   <= words_of(map.cols);
    map_pair_q[0] <= kind == KindMap && has_output && map_src == map_dst;
    map_pair_q[1] <= kind == KindMap && has_output && map.add && map_dst == SpaceAcc;
    same_q[0]     <= map.dst == map.src && (map.dst_stride == map.src_stride || map.rows == 16'd1);
    same_q[1]     <= map.dst == map.aux && (map.dst_stride == map.src_stride || map.rows == 16'd1);
    rows_meet_q   <= rows_meet;
  end

  // Differences whose sign is the comparison: a carry chain is the shortest way there.
  logic [17:0] start_less, end_less;
  assign start_less    = {1'b0, w_start_q} - {1'b0, r_end_q};
  assign end_less      = {1'b0, r_start_q} - {1'b0, w_end_q};
  assign meet          = start_less[17] && end_less[17];
  assign written_first = !end_less[17];

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) state_q <= StIdle;
    else if (clr_i) state_q <= StIdle;
    else begin
      unique case (state_q)
        StIdle:  if (start_i) state_q <= StBlock;
        StBlock: state_q <= block.used ? StWait : (index_q == 3'd5) ? StPair : StBlock;
        StWait:  if (wait_q == 3'd4) state_q <= StJudge;
        StJudge: begin
          if (beyond_q || overlapping_rows_q) state_q <= StDone;
          else state_q <= (index_q == 3'd5) ? StPair : StBlock;
        end
        StPair: begin
          if (pair_q == 2'd2) state_q <= StDone;
          else if (map_pair_q[pair_q[0]] && !same_q[pair_q[0]]) state_q <= StSweep;
        end
        StSweep: begin
          if (meet) state_q <= StDone;
          else if (written_first ? w_left_q == 16'd1 : r_left_q == 16'd1) state_q <= StPair;
        end
        StDone:  state_q <= StIdle;
        default: state_q <= StIdle;
      endcase
    end
  end

  always_ff @(posedge clk_i) begin
    unique case (state_q)
      StIdle: begin
        index_q   <= '0;
        pair_q    <= '0;
        fault_q   <= CauseNone;
        address_q <= '0;
      end
      StBlock: begin
        block_q <= block;
        wait_q  <= '0;
        if (!block.used) index_q <= index_q + 3'd1;
      end
      StWait: wait_q <= wait_q + 3'd1;
      StJudge: begin
        index_q <= index_q + 3'd1;
        if (beyond_q) begin
          fault_q   <= bounds_cause(block_q.space);
          address_q <= base_beyond_q ? block_q.base : 16'(capacity(block_q.space));
        end else if (overlapping_rows_q) begin
          fault_q <= CauseIllegalOperand;
        end
      end
      StPair: begin
        pair_q    <= pair_q + 2'd1;
        w_start_q <= 17'(map.dst);
        r_start_q <= 17'(read_base);
        w_end_q   <= 17'(map.dst) + 17'(map_words_q);
        r_end_q   <= 17'(read_base) + 17'(map_words_q);
        w_left_q  <= map.rows;
        r_left_q  <= map.rows;
        if (pair_q == 2'd2 && rows_meet_q) fault_q <= CauseIllegalOperand;
      end
      StSweep: begin
        if (meet) fault_q <= CauseIllegalOperand;
        if (written_first) begin
          w_start_q <= w_start_q + 17'(map.dst_stride);
          w_end_q   <= w_end_q + 17'(map.dst_stride);
          w_left_q  <= w_left_q - 16'd1;
        end else begin
          r_start_q <= r_start_q + 17'(map.src_stride);
          r_end_q   <= r_end_q + 17'(map.src_stride);
          r_left_q  <= r_left_q - 16'd1;
        end
      end
      default: ;
    endcase
  end

  assign done_o    = state_q == StDone;
  assign fault_o   = fault_q;
  assign address_o = address_q;

  logic unused_bits;
  assign unused_bits = ^{load, store, gemm, map, row, span[34], block_q.used, start_less[16:0], end_less[16:0]};

endmodule
