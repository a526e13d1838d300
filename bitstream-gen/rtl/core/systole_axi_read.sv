// SPDX-License-Identifier: MIT OR Apache-2.0
//
// AXI4 read master: joins the clients' bursts on one ID and hands the beats back in order.
//
// Client 0 has priority. Several bursts may be under way; a FIFO remembers whose they are. A client must take its beats
// without waiting for another client. idle_o says that nothing is under way.

module systole_axi_read
  import systole_cfg_pkg::*;
#(
  parameter int unsigned Clients = 2,
  parameter int unsigned Outstanding = 8
) (
  input  logic                      clk_i,
  input  logic                      rst_ni,

  input  logic [Clients-1:0]        req_valid_i,
  output logic [Clients-1:0]        req_ready_o,
  input  logic [Clients-1:0][63:0]  req_addr_i,
  input  logic [Clients-1:0][7:0]   req_len_i,
  output logic [Clients-1:0]        rvalid_o,
  input  logic [Clients-1:0]        rready_i,
  output logic [8*BusBytes-1:0]     rdata_o,
  output logic                      rerror_o,
  output logic                      idle_o,

  output logic                      arvalid_o,
  input  logic                      arready_i,
  output logic [63:0]               araddr_o,
  output logic [7:0]                arlen_o,
  input  logic                      rvalid_i,
  output logic                      rready_o,
  input  logic [8*BusBytes-1:0]     rdata_i,
  input  logic [1:0]                rresp_i,
  input  logic                      rlast_i
);

  localparam int unsigned Cw = (Clients > 1) ? $clog2(Clients) : 1;

  logic [Cw-1:0]                 pick, owner;
  logic                          any, take, owner_ready, owner_valid;
  logic                          arvalid_q;
  logic [$clog2(Outstanding):0]  level;

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

  assign take = any && (!arvalid_q || arready_i) && owner_ready;

  always_comb begin
    req_ready_o       = '0;
    req_ready_o[pick] = take;
    rvalid_o          = '0;
    rvalid_o[owner]   = rvalid_i && owner_valid;
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) arvalid_q <= 1'b0;
    else if (take) arvalid_q <= 1'b1;
    else if (arready_i) arvalid_q <= 1'b0;
  end

  always_ff @(posedge clk_i) begin
    if (take) begin
      araddr_o <= req_addr_i[pick];
      arlen_o  <= req_len_i[pick];
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
    .rready_i(rvalid_i && rready_o && rlast_i),
    .rdata_o (owner),
    .level_o (level)
  );

  assign arvalid_o = arvalid_q;
  assign rready_o  = owner_valid && rready_i[owner];
  assign rdata_o   = rdata_i;
  assign rerror_o  = rresp_i[1];
  assign idle_o    = level == '0;

  logic unused_resp;
  assign unused_resp = rresp_i[0];

  // AXI: a request stays until it is taken; no beat comes unasked.
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      arvalid_o && !arready_i |=> arvalid_o && $stable({araddr_o, arlen_o}));
  assert property (@(posedge clk_i) disable iff (!rst_ni) rvalid_i |-> owner_valid);

endmodule
