// SPDX-License-Identifier: MIT OR Apache-2.0
//
// systole_axi_write: AW and W hold until they are taken, a burst has exactly AWLEN + 1 beats with WLAST on the last, also
// when its client is cleared in the middle, and responses reach the burst's client in order.
//
// Environment: clients hold their beats unless cleared, memory answers only finished bursts. mark_i picks any one burst.

module fv_axi_write
  import systole_cfg_pkg::*;
#(
  parameter int unsigned Outstanding = 8
) (
  input logic                       clk_i,
  input logic [1:0]                 clr_i,
  input logic [1:0]                 req_valid_i,
  input logic [1:0][63:0]           req_addr_i,
  input logic [1:0][7:0]            req_len_i,
  input logic [1:0]                 wvalid_i,
  input logic [1:0][8*BusBytes-1:0] wdata_i,
  input logic [1:0][BusBytes-1:0]   wstrb_i,
  input logic                       awready_i,
  input logic                       wready_i,
  input logic                       bvalid_i,
  input logic [1:0]                 bresp_i,
  input logic                       mark_i
);

  localparam int unsigned Aw = $clog2(Outstanding);

  logic                  started_q = 1'b0;
  logic [1:0]            req_ready, wready, resp;
  logic                  resp_error, idle, awvalid, wvalid, wlast, bready;
  logic [63:0]           awaddr;
  logic [7:0]            awlen;
  logic [8*BusBytes-1:0] wdata;
  logic [BusBytes-1:0]   wstrb;

  always_ff @(posedge clk_i) started_q <= 1'b1;

  systole_axi_write #(
    .Clients    (2),
    .Outstanding(Outstanding)
  ) u_dut (
    .clk_i,
    .rst_ni      (started_q),
    .clr_i,
    .req_valid_i,
    .req_ready_o (req_ready),
    .req_addr_i,
    .req_len_i,
    .wvalid_i,
    .wready_o    (wready),
    .wdata_i,
    .wstrb_i,
    .resp_o      (resp),
    .resp_error_o(resp_error),
    .idle_o      (idle),
    .awvalid_o   (awvalid),
    .awready_i,
    .awaddr_o    (awaddr),
    .awlen_o     (awlen),
    .wvalid_o    (wvalid),
    .wready_i,
    .wdata_o     (wdata),
    .wstrb_o     (wstrb),
    .wlast_o     (wlast),
    .bvalid_i,
    .bready_o    (bready),
    .bresp_i
  );

  logic take, taker, beat, answer;
  assign take   = (req_valid_i & req_ready) != '0;
  assign taker  = req_ready[1];
  assign beat   = wvalid && wready_i;
  assign answer = bvalid_i && bready;

  logic [Aw:0] open_q = '0;  // bursts asked for and not answered
  logic        data_q = 1'b0;  // one of them still has beats to send
  logic        addr_q = 1'b0;  // one of them is still on AW
  logic [8:0]  sent_q;
  logic [7:0]  len_q;
  logic        tracked_q = 1'b0;
  logic        client_q;
  logic [Aw:0] ahead_q;

  logic        aw_held_q = 1'b0, w_held_q = 1'b0;
  logic [63:0] awaddr_q;
  logic [7:0]  awlen_q;
  logic        wlast_q;
  logic [8*BusBytes-1:0] wdata_q;
  logic [BusBytes-1:0]   wstrb_q;

  // The client side: what was offered and not taken.
  logic [1:0]                 offer_q = '0;
  logic [1:0][8*BusBytes-1:0] offer_data_q;
  logic [1:0][BusBytes-1:0]   offer_strb_q;

  always_ff @(posedge clk_i) begin
    if (!started_q) begin
      open_q    <= '0;
      data_q    <= 1'b0;
      addr_q    <= 1'b0;
      tracked_q <= 1'b0;
      aw_held_q <= 1'b0;
      w_held_q  <= 1'b0;
      offer_q   <= '0;
    end else begin
      open_q    <= open_q + (Aw + 1)'(take) - (Aw + 1)'(answer);
      addr_q    <= take || (addr_q && !awready_i);
      aw_held_q <= awvalid && !awready_i;
      awaddr_q  <= awaddr;
      awlen_q   <= awlen;
      w_held_q  <= wvalid && !wready_i;
      wlast_q   <= wlast;
      wdata_q   <= wdata;
      wstrb_q   <= wstrb;
      if (take) begin
        data_q <= 1'b1;
        sent_q <= '0;
        len_q  <= req_len_i[taker];
      end else if (beat) begin
        sent_q <= sent_q + 9'd1;
        if (wlast) data_q <= 1'b0;
      end
      for (int unsigned c = 0; c < 2; c++) begin
        offer_q[c]      <= wvalid_i[c] && !wready[c] && !clr_i[c];
        offer_data_q[c] <= wdata_i[c];
        offer_strb_q[c] <= wstrb_i[c];
      end
      if (!tracked_q && take && mark_i) begin
        tracked_q <= 1'b1;
        client_q  <= taker;
        ahead_q   <= open_q - (Aw + 1)'(answer);
      end else if (tracked_q && answer) begin
        if (ahead_q == '0) tracked_q <= 1'b0;
        else ahead_q <= ahead_q - 1'b1;
      end
    end
  end

  // Memory answers only bursts whose address and beats it has.
  always_comb assume (!bvalid_i || (started_q && open_q > (Aw + 1)'(addr_q || data_q)));
  always_ff @(posedge clk_i) begin
    for (int unsigned c = 0; c < 2; c++) begin
      if (started_q && offer_q[c]) begin
        assume (wvalid_i[c] && wdata_i[c] == offer_data_q[c] && wstrb_i[c] == offer_strb_q[c]);
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (started_q) begin
      assert ((req_ready & ~req_valid_i) == '0 && req_ready != 2'b11);
      if (aw_held_q) assert (awvalid && awaddr == awaddr_q && awlen == awlen_q);
      if (w_held_q) assert (wvalid && wlast == wlast_q);
      // Beats that fill up a cleared burst carry no data.
      if (w_held_q && !u_dut.fill_q) assert (wdata == wdata_q && wstrb == wstrb_q);
      if (u_dut.fill_q) assert (wstrb == '0);
      if (wvalid) begin
        assert (data_q);
        assert (wlast == (sent_q == 9'(len_q)));
        assert (awlen == len_q);
      end
      assert (open_q <= (Aw + 1)'(Outstanding));
      assert (idle == (open_q == '0));
      assert (u_dut.u_owner.valid_q == (u_dut.u_owner.level_q != '0));
      assert (resp != 2'b11 && resp_error == bresp_i[1]);
      if (bvalid_i) assert (bready && resp != '0);
      if (tracked_q && ahead_q == '0 && bvalid_i) assert (resp[client_q]);
      // Invariants for the induction.
      assert (awvalid == addr_q && u_dut.burst_q == data_q);
      assert (open_q >= (Aw + 1)'(addr_q || data_q));
      if (data_q) assert (sent_q <= 9'(len_q) && 9'(u_dut.left_q) == 9'(len_q) - sent_q && awlen == len_q);
      assert (u_dut.u_owner.level_q == open_q);
      assert (Aw'(u_dut.u_owner.wptr_q - u_dut.u_owner.rptr_q) == open_q[Aw-1:0]);
      if (tracked_q) begin
        assert (ahead_q < open_q);
        assert (u_dut.u_owner.mem_q[Aw'(u_dut.u_owner.rptr_q + ahead_q[Aw-1:0])] == client_q);
      end
    end
  end

endmodule
