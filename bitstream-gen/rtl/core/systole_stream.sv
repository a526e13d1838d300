// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Reads a block of an on-chip memory (rows of words, a stride apart) in row order into a small FIFO.
//
// start_i loads the block and begins; requests run ahead of the consumer by at most Depth words, so read data always
// finds room. idle_o rises when the last request was granted.

module systole_stream #(
  parameter int unsigned Aw = 12,
  parameter int unsigned Width = 64,
  parameter int unsigned Depth = 8
) (
  input  logic                   clk_i,
  input  logic                   rst_ni,
  input  logic                   clr_i,

  input  logic                   start_i,
  input  logic [15:0]            base_i,
  input  logic [15:0]            stride_i,
  input  logic [15:0]            rows_i,
  input  logic [15:0]            words_i,
  output logic                   idle_o,

  output logic                   req_o,
  output logic [Aw-1:0]          addr_o,
  input  logic                   gnt_i,
  input  logic                   rvalid_i,
  input  logic [Width-1:0]       rdata_i,

  output logic                   valid_o,
  input  logic                   ready_i,
  output logic [Width-1:0]       data_o
);

  localparam int unsigned Lw = $clog2(Depth) + 1;

  logic          busy_q;
  logic [15:0]   row_addr_q, addr_q, rows_q, words_q;
  logic [Lw-1:0] credit_q;
  logic          last_word, last_row, fifo_wready;

  assign last_word = words_q == 16'd1;
  assign last_row  = rows_q == 16'd1;
  assign req_o     = busy_q && credit_q != '0;
  assign addr_o    = addr_q[Aw-1:0];
  assign idle_o    = !busy_q;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      busy_q   <= 1'b0;
      credit_q <= Lw'(Depth);
    end else if (clr_i) begin
      busy_q   <= 1'b0;
      credit_q <= Lw'(Depth);
    end else begin
      if (start_i) busy_q <= 1'b1;
      else if (gnt_i && last_word && last_row) busy_q <= 1'b0;
      if (gnt_i && !(valid_o && ready_i)) credit_q <= credit_q - 1'b1;
      if (!gnt_i && valid_o && ready_i) credit_q <= credit_q + 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (start_i) begin
      row_addr_q <= base_i + stride_i;
      addr_q     <= base_i;
      rows_q     <= rows_i;
      words_q    <= words_i;
    end else if (gnt_i) begin
      addr_q  <= addr_q + 16'd1;
      words_q <= words_q - 16'd1;
      if (last_word) begin
        addr_q     <= row_addr_q;
        row_addr_q <= row_addr_q + stride_i;
        words_q    <= words_i;
        rows_q     <= rows_q - 16'd1;
      end
    end
  end

  logic [Lw-1:0] unused_level;

  prim_fifo #(
    .Width(Width),
    .Depth(Depth)
  ) u_fifo (
    .clk_i,
    .rst_ni,
    .clr_i,
    .wvalid_i(rvalid_i),
    .wready_o(fifo_wready),
    .wdata_i (rdata_i),
    .rvalid_o(valid_o),
    .rready_i(ready_i),
    .rdata_o (data_o),
    .level_o (unused_level)
  );

  // Credits keep room for every word under way.
  assert property (@(posedge clk_i) disable iff (!rst_ni || clr_i) rvalid_i |-> fifo_wready);

endmodule
