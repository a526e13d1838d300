// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Checks the DRAM side of LOAD and STORE against the submission's region table before anything is issued.
//
// In this order: region malformed, region bounds (address: the first offending byte, row after row), region read-only.
// About 20 cycles, more only when the bounds fail: long comparisons have a cycle of their own. start_i loads the access,
// which stays stable until done_o; fault_o is CauseNone, or the cause, together with done_o.

module systole_region_check
  import systole_pkg::*;
(
  input  logic        clk_i,
  input  logic        rst_ni,
  input  logic        clr_i,

  input  logic        start_i,
  input  region_t     region_i,
  input  logic        write_i,
  input  logic [31:0] offset_i,
  input  logic [31:0] pitch_i,
  input  logic [15:0] rows_i,
  input  logic [19:0] bytes_i,  // of a row

  output logic        done_o,
  output cause_e      fault_o,
  output logic [63:0] address_o
);

  typedef enum logic [2:0] {StIdle, StMultiply, StCompare, StJudge, StSearch} state_e;

  state_e      state_q;
  logic [3:0]  step_q;
  logic [15:0] bits_q;
  logic [48:0] end_q;
  logic [47:0] shifted_q;
  logic [48:0] row_q, row_end_q;
  logic [48:0] row_late_q;                 // the row that the comparisons are of
  logic        wraps_q, malformed_q, beyond_q, row_beyond_q, start_beyond_q;
  logic [64:0] region_end;

  // Differences whose sign is the comparison: a carry chain is the shortest way there.
  logic [49:0] end_over, row_over, row_end_over;
  assign end_over     = 50'(region_i.size) - 50'(end_q);
  assign row_over     = 50'(region_i.size) - 50'(row_q);
  assign row_end_over = 50'(region_i.size) - 50'(row_end_q);

  assign region_end = {1'b0, region_i.base} + 65'(region_i.size);

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) state_q <= StIdle;
    else if (clr_i) state_q <= StIdle;
    else begin
      unique case (state_q)
        StIdle:     if (start_i) state_q <= StMultiply;
        StMultiply: if (step_q == 4'd15) state_q <= StCompare;
        StCompare:  state_q <= StJudge;
        StJudge:    state_q <= (!malformed_q && beyond_q) ? StSearch : StIdle;
        default:    if (done_o) state_q <= StIdle;
      endcase
    end
  end

  // end = offset + bytes + (rows - 1) * pitch, one bit of the product a cycle.
  always_ff @(posedge clk_i) begin
    if (state_q == StIdle) begin
      step_q    <= '0;
      bits_q    <= rows_i - 16'd1;
      shifted_q <= 48'(pitch_i);
      end_q     <= 49'(offset_i) + 49'(bytes_i);
      row_q     <= 49'(offset_i);
      row_end_q <= 49'(offset_i) + 49'(bytes_i);
    end else if (state_q == StMultiply) begin
      step_q    <= step_q + 4'd1;
      bits_q    <= {1'b0, bits_q[15:1]};
      shifted_q <= {shifted_q[46:0], 1'b0};
      if (bits_q[0]) end_q <= end_q + 49'(shifted_q);
    end else if (state_q == StJudge || state_q == StSearch) begin
      row_q     <= row_q + 49'(pitch_i);
      row_end_q <= row_end_q + 49'(pitch_i);
    end
    wraps_q        <= region_end[64];
    malformed_q    <= region_i.base[4:0] != '0 || region_i.size[4:0] != '0 || wraps_q;
    beyond_q       <= end_over[49];
    row_late_q     <= row_q;
    row_beyond_q   <= row_end_over[49];
    start_beyond_q <= row_over[49];
  end

  always_comb begin
    done_o    = 1'b0;
    fault_o   = CauseNone;
    address_o = 64'(offset_i);
    if (state_q == StJudge) begin
      done_o = malformed_q || !beyond_q;
      if (malformed_q) fault_o = CauseRegionMalformed;
      else if (write_i && !region_i.flags[RegionWriteBit]) fault_o = CauseRegionReadOnly;
    end else if (state_q == StSearch) begin
      // Rows ascend: the first that ends outside holds the first bad byte.
      done_o    = row_beyond_q;
      fault_o   = CauseRegionBounds;
      address_o = start_beyond_q ? 64'(row_late_q) : 64'(region_i.size);
    end
  end

  logic unused_flags;
  assign unused_flags = ^{region_i.flags, region_end[63:0], end_over[48:0], row_over[48:0], row_end_over[48:0]};

endmodule
