// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Operand rules that need one instruction and no configuration (docs/isa.md, operand rules). legal_o follows the
// instruction by one cycle.

module systole_rules
  import systole_pkg::*;
(
  input  logic                       clk_i,
  input  logic [InstructionBits-1:0] inst_i,
  output logic                       legal_o
);

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

  // Region, offset, pitch, rows and columns lie in the same bytes of LOAD and STORE.
  logic        dram_ok, load_ok, store_ok, gemm_ok, map_ok, row_ok;
  logic [19:0] store_bytes;

  assign dram_ok = load.region < 8'(NumRegions) && load.rows != '0 && load.cols != '0
                && load.offset[4:0] == '0 && load.pitch[4:0] == '0;

  always_comb begin
    unique case (load.memory)
      MemorySpad:  load_ok = load.format == FormatI8;
      MemoryAcc:   load_ok = load.format == FormatI16 || load.format == FormatI32;
      MemoryParam: load_ok = load.format == FormatRecord;
      default:     load_ok = 1'b0;
    endcase
  end

  assign store_bytes = 20'(store.cols) << store.format[1:0];

  always_comb begin
    unique case (store.memory)
      MemorySpad: store_ok = store.format == FormatI8;
      MemoryAcc:  store_ok = store.format == FormatI16 || store.format == FormatI32;
      default:    store_ok = 1'b0;
    endcase
  end

  assign gemm_ok = gemm.m != '0 && gemm.k != '0 && gemm.n != '0;

  logic has_output, has_stat, row_stage;
  assign has_output = map.output_code != OutputNone;
  assign has_stat   = map.stat != StatNone;
  assign row_stage  = map.row_sub || map.row_scale;

  assign map_ok = map.rows != '0 && map.cols != '0
               && map.out_shift < 8'd32
               && (has_output || (map.dst == '0 && map.dst_stride == '0))
               && (has_output || has_stat)
               && (map.add || map.aux == '0)
               && !(map.add && map.src_spad)
               && (map.channel || (map.param == '0 && !map.broadcast))
               && (row_stage || map.row_in == '0)
               && (has_stat || (map.row_out == '0 && !map.stat_init))
               && (map.stat != StatMoments || (has_output && map.output_code != OutputAccI32));

  logic is_rstd, is_recip;
  assign is_rstd  = row.kind == RowKindRstd;
  assign is_recip = row.kind == RowKindRecip;
  assign row_ok   = row.rows != '0
                 && (is_rstd ? row.count != '0 && row.count <= 16'(MaxMoments) : row.count == '0 && row.eps == '0)
                 && (row.num != '0) == is_recip;

  // Stored rows must not overlap in DRAM: that comparison has the second cycle for itself.
  logic        legal, legal_q, rows_follow_q;
  logic [19:0] store_bytes_q;

  always_comb begin
    unique case (inst_i[7:0])
      OpEnd:   legal = inst_i[63:16] == '0;
      OpLoad:  legal = dram_ok && load_ok;
      OpStore: legal = dram_ok && store_ok;
      OpGemm:  legal = gemm_ok;
      OpMap:   legal = map_ok;
      OpRow:   legal = row_ok;
      default: legal = 1'b0;
    endcase
  end

  always_ff @(posedge clk_i) begin
    legal_q       <= legal;
    store_bytes_q <= store_bytes;
    rows_follow_q <= inst_i[7:0] == OpStore && store.rows != 16'd1;
  end

  assign legal_o = legal_q && !(rows_follow_q && store.pitch < 32'(store_bytes_q));

  logic unused_bits;
  assign unused_bits = ^{load, store, gemm, map, row};

endmodule
