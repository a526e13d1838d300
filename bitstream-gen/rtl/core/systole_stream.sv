// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Reads a block of an on-chip memory (rows of words, a stride apart) in row order into a small FIFO.
//
// start_i loads the block and begins; requests run ahead of the consumer by at most Depth words, so read data always
// finds room. idle_o rises when the last request was granted.
//
// Late puts the FIFO into block RAM: data_o comes two cycles behind ready_i, for a consumer that knows so long ahead; a word
// may be taken from the second cycle behind its rvalid_i on.

module systole_stream #(
  parameter int unsigned Aw = 12,
  parameter int unsigned Width = 64,
  parameter int unsigned Depth = 8,
  parameter bit          Late = 1'b0
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

  logic          busy_q, asking_q;
  logic [15:0]   row_addr_q, addr_q, rows_q, words_q;
  logic [Lw-1:0] credit_q;
  logic          last_word, last_row, ends, pop, fifo_wready;

  assign last_word = words_q == 16'd1;
  assign last_row  = rows_q == 16'd1;
  assign ends      = gnt_i && last_word && last_row;
  assign pop       = valid_o && ready_i;
  assign req_o     = asking_q;
  assign addr_o    = addr_q[Aw-1:0];
  assign idle_o    = !busy_q;

  // A request goes through the arbitration of many: it comes from a register, which knows a cycle ahead that words are
  // left and have room.
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      busy_q   <= 1'b0;
      asking_q <= 1'b0;
      credit_q <= Lw'(Depth);
    end else if (clr_i) begin
      busy_q   <= 1'b0;
      asking_q <= 1'b0;
      credit_q <= Lw'(Depth);
    end else begin
      busy_q   <= start_i || (busy_q && !ends);
      asking_q <= start_i || (busy_q && !ends && (pop || (credit_q != '0 && !(gnt_i && credit_q == Lw'(1)))));
      if (gnt_i && !pop) credit_q <= credit_q - 1'b1;
      if (!gnt_i && pop) credit_q <= credit_q + 1'b1;
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

  if (Late) begin : g_block
    logic [Lw-2:0]    wptr_q, rptr_q;
    logic [Lw-1:0]    level_q;
    logic [Width-1:0] word;

    assign fifo_wready = !level_q[Lw-1];

    always_ff @(posedge clk_i or negedge rst_ni) begin
      if (!rst_ni) begin
        wptr_q  <= '0;
        rptr_q  <= '0;
        level_q <= '0;
        valid_o <= 1'b0;
      end else if (clr_i) begin
        wptr_q  <= '0;
        rptr_q  <= '0;
        level_q <= '0;
        valid_o <= 1'b0;
      end else begin
        if (rvalid_i) wptr_q <= wptr_q + 1'b1;
        if (pop) rptr_q <= rptr_q + 1'b1;
        level_q <= level_q + Lw'(rvalid_i) - Lw'(pop);
        valid_o <= level_q > Lw'(pop);
      end
    end

    prim_ram_1r1w #(
      .Width(Width),
      .Depth(Depth)
    ) u_ram (
      .clk_i,
      .we_i   (rvalid_i),
      .waddr_i(wptr_q),
      .wdata_i(rdata_i),
      .raddr_i(rptr_q),
      .rdata_o(word)
    );

    always_ff @(posedge clk_i) data_o <= word;
  end else begin : g_distributed
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
  end

  // A request is one for a word that is left and has room; credits keep it for every word under way.
  assert property (@(posedge clk_i) disable iff (!rst_ni || clr_i) asking_q == (busy_q && credit_q != '0));
  assert property (@(posedge clk_i) disable iff (!rst_ni || clr_i) start_i |-> !busy_q && credit_q == Lw'(Depth));
  assert property (@(posedge clk_i) disable iff (!rst_ni || clr_i) rvalid_i |-> fifo_wready);

endmodule
