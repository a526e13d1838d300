// SPDX-License-Identifier: MIT OR Apache-2.0
//
// systole_bursts: no burst crosses 4 KiB or is longer than MaxBeats, offers hold, and the bursts of a row cover its beats
// exactly, one after another.
//
// Environment: a start only when idle, of at least one row and beat, aligned as the contract demands.

module fv_bursts
  import systole_pkg::*;
  import systole_cfg_pkg::*;
#(
  parameter int unsigned MaxBeats = 64
) (
  input logic        clk_i,
  input logic        clr_i,
  input logic        start_i,
  input logic [63:0] addr_i,
  input logic [31:0] pitch_i,
  input logic [15:0] rows_i,
  input logic [16:0] beats_i,
  input logic        ready_i
);

  localparam int unsigned BusShift = $clog2(BusBytes);

  logic        started_q = 1'b0;
  logic        idle, valid, accept;
  logic [63:0] addr;
  logic [7:0]  len;

  always_ff @(posedge clk_i) started_q <= 1'b1;

  systole_bursts #(
    .MaxBeats(MaxBeats)
  ) u_dut (
    .clk_i,
    .rst_ni (started_q),
    .clr_i,
    .start_i,
    .addr_i,
    .pitch_i,
    .rows_i,
    .beats_i,
    .idle_o (idle),
    .valid_o(valid),
    .ready_i,
    .addr_o (addr),
    .len_o  (len)
  );

  assign accept = valid && ready_i;

  // What is still to come: beats of this row, rows, and where each begins.
  logic        open_q = 1'b0;
  logic [63:0] at_q, row_q;
  logic [31:0] pitch_q;
  logic [15:0] rows_q;
  logic [16:0] beats_q, left_q;
  logic        held_q = 1'b0;
  logic [63:0] held_addr_q;
  logic [7:0]  held_len_q;

  always_ff @(posedge clk_i) begin
    held_q      <= started_q && !clr_i && valid && !ready_i;
    held_addr_q <= addr;
    held_len_q  <= len;
    if (!started_q || clr_i) open_q <= 1'b0;
    else if (start_i) begin
      open_q  <= 1'b1;
      at_q    <= addr_i;
      row_q   <= addr_i;
      pitch_q <= pitch_i;
      rows_q  <= rows_i;
      beats_q <= beats_i;
      left_q  <= beats_i;
    end else if (accept) begin
      at_q   <= at_q + ((64'(len) + 64'd1) << BusShift);
      left_q <= left_q - 17'(len) - 17'd1;
      if (left_q == 17'(len) + 17'd1) begin
        at_q   <= row_q + 64'(pitch_q);
        row_q  <= row_q + 64'(pitch_q);
        left_q <= beats_q;
        rows_q <= rows_q - 16'd1;
        if (rows_q == 16'd1) open_q <= 1'b0;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (start_i) begin
      assume (idle && started_q && !clr_i);
      assume (rows_i != '0 && beats_i != '0);
      assume (addr_i[BusShift-1:0] == '0 && pitch_i[BusShift-1:0] == '0);
    end
    // Client contract: the block's inputs stay while it is under way.
    if (open_q) assume (pitch_i == pitch_q && beats_i == beats_q);
  end

  always_ff @(posedge clk_i) begin
    if (started_q) begin
      assert (idle == !open_q);
      if (valid) begin
        assert (open_q);
        assert (13'(addr[11:0]) + (13'(len) << BusShift) < 13'd4096);
        assert (8'(len) < 8'(MaxBeats));
        assert (addr == at_q);
        assert (17'(len) < left_q);
        assert (u_dut.last_q == (left_q == 17'(len) + 17'd1));
      end
      if (held_q) assert (valid && addr == held_addr_q && len == held_len_q);
      // Invariants for the induction.
      if (open_q) begin
        assert (left_q != '0 && rows_q != '0 && left_q <= beats_q);
        assert (u_dut.addr_q == at_q && u_dut.left_q == left_q - 17'd1 && u_dut.rows_q == rows_q);
        assert (u_dut.row_left_q == beats_q - 17'd1);
        assert (u_dut.next_row_q == row_q + 64'(pitch_q));
        assert (at_q[BusShift-1:0] == '0 && row_q[BusShift-1:0] == '0 && pitch_q[BusShift-1:0] == '0);
      end
      if (!open_q) assert (!valid);
    end
  end

endmodule
