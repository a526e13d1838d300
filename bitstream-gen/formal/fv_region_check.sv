// SPDX-License-Identifier: MIT OR Apache-2.0
//
// systole_region_check: whatever passes stays inside its region, and the cause is the right one.
//
// One access with any operands starts in the second cycle; the module keeps nothing between accesses. Its judgement falls
// 17 cycles later for all operands, so a bound of 22 cycles is complete for it. The address of the first bad byte is checked
// for the first Rows rows.

module fv_region_check
  import systole_pkg::*;
#(
  parameter int unsigned Rows = 3
) (
  input logic        clk_i,
  input region_t     region_i,
  input logic        write_i,
  input logic [31:0] offset_i,
  input logic [31:0] pitch_i,
  input logic [15:0] rows_i,
  input logic [19:0] bytes_i
);

  logic [5:0]  cycle_q = '0;
  logic        done;
  cause_e      fault;
  logic [63:0] address;

  always_ff @(posedge clk_i) if (cycle_q != '1) cycle_q <= cycle_q + 6'd1;

  // The access is chosen in cycle 0 and stays.
  region_t     region_q;
  logic        write_q;
  logic [31:0] offset_q, pitch_q;
  logic [15:0] rows_q;
  logic [19:0] bytes_q;

  always_ff @(posedge clk_i) begin
    if (cycle_q == '0) begin
      region_q <= region_i;
      write_q  <= write_i;
      offset_q <= offset_i;
      pitch_q  <= pitch_i;
      rows_q   <= rows_i;
      bytes_q  <= bytes_i;
    end
  end

  always_comb if (cycle_q == '0) assume (rows_i != '0 && bytes_i != '0);

  systole_region_check u_dut (
    .clk_i,
    .rst_ni   (cycle_q != '0),
    .clr_i    (1'b0),
    .start_i  (cycle_q == 6'd1),
    .region_i (region_q),
    .write_i  (write_q),
    .offset_i (offset_q),
    .pitch_i  (pitch_q),
    .rows_i   (rows_q),
    .bytes_i  (bytes_q),
    .done_o   (done),
    .fault_o  (fault),
    .address_o(address)
  );

  // The definition: the end of the last row, and a region inside the address space. 49 bits hold every end. partial[s] takes
  // the lowest s bits of rows - 1 into account; the module has it after s steps, which leads the solver step by step.
  logic [16:0][48:0] partial;
  logic [48:0]       last_end;
  logic              malformed;
  logic [15:0]       steps;
  assign steps      = rows_q - 16'd1;
  assign partial[0] = 49'(offset_q) + 49'(bytes_q);
  for (genvar b = 0; b < 16; b++) begin : g_partial
    assign partial[b+1] = partial[b] + (steps[b] ? 49'(pitch_q) << b : '0);
    always_ff @(posedge clk_i) if (cycle_q == 6'(2 + b)) assert (u_dut.end_q == partial[b]);
  end
  assign last_end  = partial[16];
  assign malformed = region_q.base[4:0] != '0 || region_q.size[4:0] != '0
                  || {1'b0, region_q.base} + 65'(region_q.size) >= {1'b1, 64'd0};

  logic ended_q = 1'b0;
  always_ff @(posedge clk_i) if (done) ended_q <= 1'b1;

  always_ff @(posedge clk_i) begin
    // One answer, not before the judgement.
    if (cycle_q < 6'd19) assert (!done);
    if (ended_q) assert (!done);
    if (cycle_q == 6'd19) begin
      assert (u_dut.end_q == last_end);
      if (malformed) assert (done && fault == CauseRegionMalformed);
      else if (last_end > 49'(region_q.size)) assert (!done);
      else if (write_q && !region_q.flags[RegionWriteBit]) assert (done && fault == CauseRegionReadOnly);
      else assert (done && fault == CauseNone);
    end
    // Later answers are bounds faults only.
    if (done && cycle_q > 6'd19) assert (fault == CauseRegionBounds);
  end

  // First bad byte: of the first row that ends outside.
  for (genvar r = 0; r < Rows; r++) begin : g_row
    logic [48:0] row_start;
    assign row_start = 49'(offset_q) + 49'(r) * 49'(pitch_q);
    always_ff @(posedge clk_i) begin
      if (cycle_q == 6'(20 + r) && !ended_q) begin
        assert (done == (row_start + 49'(bytes_q) > 49'(region_q.size)));
        if (done) assert (address == 64'(row_start > 49'(region_q.size) ? row_start : 49'(region_q.size)));
      end
    end
  end

endmodule
