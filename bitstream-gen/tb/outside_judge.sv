// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The accelerator with its ports under the names, and with the IDs, that cocotbext-axi looks for. outside_judge.py drives it.

module outside_judge
  import systole_cfg_pkg::*;
(
  input  logic                  clk,
  input  logic                  rst,
  output logic                  irq,

  input  logic                  s_axil_awvalid,
  output logic                  s_axil_awready,
  input  logic [11:0]           s_axil_awaddr,
  input  logic                  s_axil_wvalid,
  output logic                  s_axil_wready,
  input  logic [31:0]           s_axil_wdata,
  input  logic [3:0]            s_axil_wstrb,
  output logic                  s_axil_bvalid,
  input  logic                  s_axil_bready,
  output logic [1:0]            s_axil_bresp,
  input  logic                  s_axil_arvalid,
  output logic                  s_axil_arready,
  input  logic [11:0]           s_axil_araddr,
  output logic                  s_axil_rvalid,
  input  logic                  s_axil_rready,
  output logic [31:0]           s_axil_rdata,
  output logic [1:0]            s_axil_rresp,

  output logic                  m_axi_arvalid,
  input  logic                  m_axi_arready,
  output logic                  m_axi_arid,
  output logic [63:0]           m_axi_araddr,
  output logic [7:0]            m_axi_arlen,
  output logic [2:0]            m_axi_arsize,
  output logic [1:0]            m_axi_arburst,
  input  logic                  m_axi_rvalid,
  output logic                  m_axi_rready,
  input  logic                  m_axi_rid,
  input  logic [8*BusBytes-1:0] m_axi_rdata,
  input  logic [1:0]            m_axi_rresp,
  input  logic                  m_axi_rlast,
  output logic                  m_axi_awvalid,
  input  logic                  m_axi_awready,
  output logic                  m_axi_awid,
  output logic [63:0]           m_axi_awaddr,
  output logic [7:0]            m_axi_awlen,
  output logic [2:0]            m_axi_awsize,
  output logic [1:0]            m_axi_awburst,
  output logic                  m_axi_wvalid,
  input  logic                  m_axi_wready,
  output logic [8*BusBytes-1:0] m_axi_wdata,
  output logic [BusBytes-1:0]   m_axi_wstrb,
  output logic                  m_axi_wlast,
  input  logic                  m_axi_bvalid,
  output logic                  m_axi_bready,
  input  logic                  m_axi_bid,
  input  logic [1:0]            m_axi_bresp,

  // Each channel that the accelerator drives, payload and all, for the monitor.
  output logic [84:0]           watch_ar,
  output logic [84:0]           watch_aw,
  output logic [9*BusBytes+8:0] watch_w,
  output logic [63:0]           watch_lite_r,
  output logic [7:0]            watch_lite_b
);

  systole_top u_top (
    .clk_i      (clk),
    .rst_ni     (!rst),
    .irq_o      (irq),
    .s_awvalid_i(s_axil_awvalid),
    .s_awready_o(s_axil_awready),
    .s_awaddr_i (s_axil_awaddr),
    .s_wvalid_i (s_axil_wvalid),
    .s_wready_o (s_axil_wready),
    .s_wdata_i  (s_axil_wdata),
    .s_wstrb_i  (s_axil_wstrb),
    .s_bvalid_o (s_axil_bvalid),
    .s_bready_i (s_axil_bready),
    .s_bresp_o  (s_axil_bresp),
    .s_arvalid_i(s_axil_arvalid),
    .s_arready_o(s_axil_arready),
    .s_araddr_i (s_axil_araddr),
    .s_rvalid_o (s_axil_rvalid),
    .s_rready_i (s_axil_rready),
    .s_rdata_o  (s_axil_rdata),
    .s_rresp_o  (s_axil_rresp),
    .m_arvalid_o(m_axi_arvalid),
    .m_arready_i(m_axi_arready),
    .m_araddr_o (m_axi_araddr),
    .m_arlen_o  (m_axi_arlen),
    .m_arsize_o (m_axi_arsize),
    .m_arburst_o(m_axi_arburst),
    .m_rvalid_i (m_axi_rvalid),
    .m_rready_o (m_axi_rready),
    .m_rdata_i  (m_axi_rdata),
    .m_rresp_i  (m_axi_rresp),
    .m_rlast_i  (m_axi_rlast),
    .m_awvalid_o(m_axi_awvalid),
    .m_awready_i(m_axi_awready),
    .m_awaddr_o (m_axi_awaddr),
    .m_awlen_o  (m_axi_awlen),
    .m_awsize_o (m_axi_awsize),
    .m_awburst_o(m_axi_awburst),
    .m_wvalid_o (m_axi_wvalid),
    .m_wready_i (m_axi_wready),
    .m_wdata_o  (m_axi_wdata),
    .m_wstrb_o  (m_axi_wstrb),
    .m_wlast_o  (m_axi_wlast),
    .m_bvalid_i (m_axi_bvalid),
    .m_bready_o (m_axi_bready),
    .m_bresp_i  (m_axi_bresp)
  );

  assign m_axi_arid = 1'b0;
  assign m_axi_awid = 1'b0;

  logic unused_ids;
  assign unused_ids = ^{m_axi_rid, m_axi_bid};

  // VALID and READY lowest.
  assign watch_ar     = 85'({m_axi_araddr, m_axi_arlen, m_axi_arsize, m_axi_arburst, m_axi_arready, m_axi_arvalid});
  assign watch_aw     = 85'({m_axi_awaddr, m_axi_awlen, m_axi_awsize, m_axi_awburst, m_axi_awready, m_axi_awvalid});
  assign watch_w      = (9*BusBytes+9)'({m_axi_wdata, m_axi_wstrb, m_axi_wlast, m_axi_wready, m_axi_wvalid});
  assign watch_lite_r = 64'({s_axil_rdata, s_axil_rresp, s_axil_rready, s_axil_rvalid});
  assign watch_lite_b = 8'({s_axil_bresp, s_axil_bready, s_axil_bvalid});

endmodule
