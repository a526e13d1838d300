// SPDX-License-Identifier: MIT OR Apache-2.0
//
// systole_axi_write: AW and W hold until they are taken, a burst has exactly AWLEN + 1 beats with WLAST on the last, also
// when its client is cleared in the middle; its beats are the client's, and behind a clearing beats without strobes; and
// responses reach the burst's client in order.
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

  logic [Aw:0] open_q = '0;     // bursts asked for and not answered
  logic [1:0]  data_q = '0;     // of these, the newest that still have beats to send
  logic        addr_q = 1'b0;   // the newest is still on AW
  logic [63:0] ask_addr_q;      // of the newest
  logic [7:0]  ask_len_q;
  logic        writer_q;        // its client
  logic        cleared_q;       // which was cleared since
  logic [8:0]  sent_q;          // beats on W of the oldest that has some to send
  logic [7:0]  len_q;           // of that one
  logic        tracked_q = 1'b0;
  logic        client_q;
  logic [Aw:0] ahead_q;

  logic        aw_held_q = 1'b0, w_held_q = 1'b0;
  logic [63:0] awaddr_q;
  logic [7:0]  awlen_q;
  logic        wlast_q;
  logic [8*BusBytes-1:0] wdata_q;
  logic [BusBytes-1:0]   wstrb_q;

  // The client side: what was offered and not taken, and what was taken last.
  logic [1:0]                 offer_q = '0;
  logic                       taken_q = 1'b0;
  logic [1:0][8*BusBytes-1:0] offer_data_q;
  logic [1:0][BusBytes-1:0]   offer_strb_q;

  always_ff @(posedge clk_i) begin
    if (!started_q) begin
      open_q    <= '0;
      data_q    <= '0;
      addr_q    <= 1'b0;
      tracked_q <= 1'b0;
      aw_held_q <= 1'b0;
      w_held_q  <= 1'b0;
      offer_q   <= '0;
      taken_q   <= 1'b0;
    end else begin
      open_q    <= open_q + (Aw + 1)'(take) - (Aw + 1)'(answer);
      data_q    <= data_q + 2'(take) - 2'(beat && wlast);
      addr_q    <= take || (addr_q && !awready_i);
      aw_held_q <= awvalid && !awready_i;
      awaddr_q  <= awaddr;
      awlen_q   <= awlen;
      w_held_q  <= wvalid && !wready_i;
      wlast_q   <= wlast;
      wdata_q   <= wdata;
      wstrb_q   <= wstrb;
      if (take) begin
        ask_addr_q <= req_addr_i[taker];
        ask_len_q  <= req_len_i[taker];
        writer_q   <= taker;
      end
      cleared_q <= take ? clr_i[taker] : cleared_q || clr_i[writer_q];
      if (beat && !wlast) sent_q <= sent_q + 9'd1;
      if (data_q == 2'd2 && beat && wlast) begin
        sent_q <= '0;
        len_q  <= ask_len_q;
      end else if (take && 2'(beat && wlast) == data_q) begin
        sent_q <= '0;
        len_q  <= req_len_i[taker];
      end
      taken_q <= (wvalid_i & wready) != '0;
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

  // The newest bursts, of which memory does not have the address or all beats.
  logic [1:0] unfinished;
  assign unfinished = data_q == '0 ? 2'(addr_q) : data_q;

  // Memory answers only bursts whose address and beats it has.
  always_comb assume (!bvalid_i || (started_q && open_q > (Aw + 1)'(unfinished)));
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
      if (awvalid) assert (awaddr == ask_addr_q && awlen == ask_len_q);
      if (w_held_q) assert (wvalid && wlast == wlast_q && wdata == wdata_q && wstrb == wstrb_q);
      if (wvalid) begin
        assert (data_q != '0);
        assert (wlast == (sent_q == 9'(len_q)));
      end
      // A beat on W is the client's own, or one without strobes in a burst whose client was cleared.
      assert ((wready & ~(2'b01 << writer_q)) == '0 || data_q == '0);
      if (taken_q) assert (wvalid && wdata == offer_data_q[writer_q] && wstrb == offer_strb_q[writer_q]);
      else if (wvalid && !w_held_q) assert (wstrb == '0 && cleared_q);
      assert (open_q <= (Aw + 1)'(Outstanding));
      assert (idle == (open_q == '0));
      assert (u_dut.u_owner.valid_q == (u_dut.u_owner.level_q != '0));
      assert (resp != 2'b11 && resp_error == bresp_i[1]);
      if (bvalid_i) assert (bready && resp != '0);
      if (tracked_q && ahead_q == '0 && bvalid_i) assert (resp[client_q]);
      // Invariants for the induction.
      assert (awvalid == addr_q);
      assert (data_q == 2'(u_dut.burst_q) + 2'(wvalid && wlast));
      assert (!wvalid || wlast || u_dut.burst_q);
      assert (open_q >= (Aw + 1)'(unfinished));
      if (data_q != '0) assert (sent_q <= 9'(len_q));
      if (data_q == 2'd1) assert (len_q == ask_len_q);
      if (u_dut.burst_q) begin
        assert (u_dut.client_q == writer_q && u_dut.fill_q == cleared_q);
        if (data_q == 2'd1) assert (9'(u_dut.left_q) + sent_q + 9'(wvalid) == 9'(len_q));
        else assert (u_dut.left_q == ask_len_q);
      end
      assert (u_dut.u_owner.level_q == open_q);
      assert (Aw'(u_dut.u_owner.wptr_q - u_dut.u_owner.rptr_q) == open_q[Aw-1:0]);
      if (tracked_q) begin
        assert (ahead_q < open_q);
        assert (u_dut.u_owner.mem_q[Aw'(u_dut.u_owner.rptr_q + ahead_q[Aw-1:0])] == client_q);
      end
    end
  end

endmodule
