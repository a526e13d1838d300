// SPDX-License-Identifier: MIT OR Apache-2.0
//
// systole_axi_read: AR holds until it is taken, every beat goes to the client whose burst it is, in order, and none is lost.
//
// Environment: clients hold their requests; memory answers only what was asked, at least one beat a burst. mark_i picks
// any one burst.

module fv_axi_read
  import systole_cfg_pkg::*;
#(
  parameter int unsigned Outstanding = 8
) (
  input logic                  clk_i,
  input logic [1:0]            req_valid_i,
  input logic [1:0][63:0]      req_addr_i,
  input logic [1:0][7:0]       req_len_i,
  input logic [1:0]            rready_i,
  input logic                  arready_i,
  input logic                  rvalid_i,
  input logic [8*BusBytes-1:0] rdata_i,
  input logic [1:0]            rresp_i,
  input logic                  rlast_i,
  input logic                  mark_i
);

  localparam int unsigned Aw = $clog2(Outstanding);

  logic                  started_q = 1'b0;
  logic [1:0]            req_ready, rvalid;
  logic [8*BusBytes-1:0] rdata;
  logic                  rerror, idle, arvalid, rready;
  logic [63:0]           araddr;
  logic [7:0]            arlen;

  always_ff @(posedge clk_i) started_q <= 1'b1;

  systole_axi_read #(
    .Clients    (2),
    .Outstanding(Outstanding)
  ) u_dut (
    .clk_i,
    .rst_ni     (started_q),
    .req_valid_i,
    .req_ready_o(req_ready),
    .req_addr_i,
    .req_len_i,
    .rvalid_o   (rvalid),
    .rready_i,
    .rdata_o    (rdata),
    .rerror_o   (rerror),
    .idle_o     (idle),
    .arvalid_o  (arvalid),
    .arready_i,
    .araddr_o   (araddr),
    .arlen_o    (arlen),
    .rvalid_i,
    .rready_o   (rready),
    .rdata_i,
    .rresp_i,
    .rlast_i
  );

  logic       take, last;
  logic       taker;
  assign take  = (req_valid_i & req_ready) != '0;
  assign taker = req_ready[1];
  assign last  = rvalid_i && rready && rlast_i;

  // Bursts asked for and not finished, and the marked one among them.
  logic [Aw:0] open_q = '0;
  logic [Aw:0] bus_q = '0;  // of these, accepted on AR
  logic        tracked_q = 1'b0;
  logic        client_q;
  logic [Aw:0] ahead_q;
  logic        held_q = 1'b0;
  logic        ask_q = 1'b0;
  logic [63:0] held_addr_q, ask_addr_q;
  logic [7:0]  held_len_q, ask_len_q;

  always_ff @(posedge clk_i) begin
    if (!started_q) begin
      open_q    <= '0;
      bus_q     <= '0;
      tracked_q <= 1'b0;
      held_q    <= 1'b0;
      ask_q     <= 1'b0;
    end else begin
      open_q      <= open_q + (Aw + 1)'(take) - (Aw + 1)'(last);
      bus_q       <= bus_q + (Aw + 1)'(arvalid && arready_i) - (Aw + 1)'(last);
      held_q      <= arvalid && !arready_i;
      held_addr_q <= araddr;
      held_len_q  <= arlen;
      ask_q       <= take;
      ask_addr_q  <= req_addr_i[taker];
      ask_len_q   <= req_len_i[taker];
      if (!tracked_q && take && mark_i) begin
        tracked_q <= 1'b1;
        client_q  <= taker;
        ahead_q   <= open_q - (Aw + 1)'(last);
      end else if (tracked_q && last) begin
        if (ahead_q == '0) tracked_q <= 1'b0;
        else ahead_q <= ahead_q - 1'b1;
      end
    end
  end

  // Memory answers only bursts that it accepted.
  always_comb assume (!rvalid_i || (started_q && bus_q != '0));

  always_ff @(posedge clk_i) begin
    if (started_q) begin
      assert ((req_ready & ~req_valid_i) == '0 && req_ready != 2'b11);
      if (held_q) assert (arvalid && araddr == held_addr_q && arlen == held_len_q);
      if (ask_q) assert (arvalid && araddr == ask_addr_q && arlen == ask_len_q);
      assert (open_q <= (Aw + 1)'(Outstanding));
      assert (idle == (open_q == '0));
      assert (u_dut.u_owner.valid_q == (u_dut.u_owner.level_q != '0));
      assert (bus_q <= open_q && open_q == bus_q + (Aw + 1)'(arvalid));
      assert (rdata == rdata_i && rerror == rresp_i[1]);
      // A beat that leaves the bus reaches exactly one client, which takes it.
      assert (rvalid != 2'b11);
      if (rvalid_i) assert (rvalid != '0);
      if (rvalid_i && rready) assert ((rvalid & rready_i) != '0);
      if ((rvalid & rready_i) != '0) assert (rvalid_i && rready);
      if (tracked_q && ahead_q == '0 && rvalid_i) assert (rvalid[client_q]);
      // Invariants for the induction.
      assert (u_dut.u_owner.level_q == open_q);
      assert (Aw'(u_dut.u_owner.wptr_q - u_dut.u_owner.rptr_q) == open_q[Aw-1:0]);
      if (tracked_q) begin
        assert (ahead_q < open_q);
        assert (u_dut.u_owner.mem_q[Aw'(u_dut.u_owner.rptr_q + ahead_q[Aw-1:0])] == client_q);
      end
    end
  end

endmodule
