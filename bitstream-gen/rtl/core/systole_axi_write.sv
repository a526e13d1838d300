// SPDX-License-Identifier: MIT OR Apache-2.0
//
// AXI4 write master: joins the clients' bursts on one ID.
//
// Client 0 has priority. A client asks for a burst and then delivers its beats, which go through a register to W, one a
// cycle; the next burst begins when the last beat is in that register. Responses come back in order to whose burst it was.
// A client that was cleared in the middle of a burst has the rest of it filled with beats without strobes, behind the beat
// that may be waiting on W, so the bus is always left clean. idle_o says that nothing is under way.

module systole_axi_write
  import systole_cfg_pkg::*;
#(
  parameter int unsigned Clients = 2,
  parameter int unsigned Outstanding = 8
) (
  input  logic                                 clk_i,
  input  logic                                 rst_ni,
  input  logic [Clients-1:0]                   clr_i,

  input  logic [Clients-1:0]                   req_valid_i,
  output logic [Clients-1:0]                   req_ready_o,
  input  logic [Clients-1:0][63:0]             req_addr_i,
  input  logic [Clients-1:0][7:0]              req_len_i,
  input  logic [Clients-1:0]                   wvalid_i,
  output logic [Clients-1:0]                   wready_o,
  input  logic [Clients-1:0][8*BusBytes-1:0]   wdata_i,
  input  logic [Clients-1:0][BusBytes-1:0]     wstrb_i,
  output logic [Clients-1:0]                   resp_o,
  output logic                                 resp_error_o,
  output logic                                 idle_o,

  output logic                                 awvalid_o,
  input  logic                                 awready_i,
  output logic [63:0]                          awaddr_o,
  output logic [7:0]                           awlen_o,
  output logic                                 wvalid_o,
  input  logic                                 wready_i,
  output logic [8*BusBytes-1:0]                wdata_o,
  output logic [BusBytes-1:0]                  wstrb_o,
  output logic                                 wlast_o,
  input  logic                                 bvalid_i,
  output logic                                 bready_o,
  input  logic [1:0]                           bresp_i
);

  localparam int unsigned Cw = (Clients > 1) ? $clog2(Clients) : 1;

  logic [Cw-1:0]                pick, client_q, owner;
  logic                         any, take, owner_ready, owner_valid;
  logic                         awvalid_q, wvalid_q, burst_q, fill_q, room, beat, last;
  logic [7:0]                   left_q;
  logic [$clog2(Outstanding):0] level;

  always_comb begin
    pick = '0;
    any  = 1'b0;
    for (int c = int'(Clients) - 1; c >= 0; c--) begin
      if (req_valid_i[c]) begin
        pick = Cw'(c);
        any  = 1'b1;
      end
    end
  end

  assign take      = any && !burst_q && !awvalid_q && owner_ready;
  assign room      = !wvalid_q || wready_i;
  assign beat      = burst_q && room && (fill_q || wvalid_i[client_q]);
  assign last      = left_q == '0;
  assign awvalid_o = awvalid_q;
  assign wvalid_o  = wvalid_q;
  assign bready_o  = owner_valid;

  always_comb begin
    req_ready_o        = '0;
    req_ready_o[pick]  = take;
    wready_o           = '0;
    wready_o[client_q] = burst_q && !fill_q && room;
    resp_o             = '0;
    resp_o[owner]      = bvalid_i && bready_o;
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      awvalid_q <= 1'b0;
      wvalid_q  <= 1'b0;
      burst_q   <= 1'b0;
      fill_q    <= 1'b0;
    end else begin
      if (take) awvalid_q <= 1'b1;
      else if (awready_i) awvalid_q <= 1'b0;
      if (take) burst_q <= 1'b1;
      else if (beat && last) burst_q <= 1'b0;
      if (room) wvalid_q <= beat;
      if (take) fill_q <= clr_i[pick];
      else if (clr_i[client_q]) fill_q <= 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (take) begin
      client_q <= pick;
      awaddr_o <= req_addr_i[pick];
      awlen_o  <= req_len_i[pick];
      left_q   <= req_len_i[pick];
    end else if (beat) begin
      left_q <= left_q - 8'd1;
    end
    if (room) begin
      wdata_o <= wdata_i[client_q];
      wstrb_o <= fill_q ? '0 : wstrb_i[client_q];
      wlast_o <= last;
    end
  end

  prim_fifo #(
    .Width(Cw),
    .Depth(Outstanding)
  ) u_owner (
    .clk_i,
    .rst_ni,
    .clr_i   (1'b0),
    .wvalid_i(take),
    .wready_o(owner_ready),
    .wdata_i (pick),
    .rvalid_o(owner_valid),
    .rready_i(bvalid_i),
    .rdata_o (owner),
    .level_o (level)
  );

  assign resp_error_o = bresp_i[1];
  assign idle_o       = level == '0;

  logic unused_resp;
  assign unused_resp = bresp_i[0];

  // AXI: a request and a beat stay until they are taken; no response comes unasked.
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      awvalid_o && !awready_i |=> awvalid_o && $stable({awaddr_o, awlen_o}));
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      wvalid_o && !wready_i |=> wvalid_o && $stable({wdata_o, wstrb_o, wlast_o}));
  assert property (@(posedge clk_i) disable iff (!rst_ni) bvalid_i |-> owner_valid);

endmodule
