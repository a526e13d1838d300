// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The accelerator on an ECP5: serial host link, memory in block RAM.
//
// The board's oscillator feeds a PLL; everything runs on its one output. The host reaches registers and memory through
// a serial line (systole_uart_bridge). The memory behind the AXI master is MemoryBytes of block RAM: enough for the
// self-test and for small programs. The board's own memory has no controller here.

module systole_ecp5
  import systole_cfg_pkg::*;
#(
  parameter logic [31:0] BuildId = 32'd1,
  // The oscillator's frequency by ClockReference times ClockFeedback is ClockHz; times ClockDivide, the PLL's inside.
  parameter int unsigned ClockDivide = 8,
  parameter int unsigned ClockFeedback = 3,
  parameter int unsigned ClockReference = 1,
  parameter int unsigned ClockHz = 75_000_000,
  parameter int unsigned MemoryBytes = 16384
) (
  input  logic       oscillator_i,
  input  logic       reset_i,   // a button
  input  logic       rx_i,      // from the host
  output logic       tx_o,      // to the host
  output logic [3:0] status_o   // interrupt, data read, data written, clock is there
);

  logic clk, locked;

  prim_pll_ecp5 #(
    .Reference(ClockReference),
    .Divide   (ClockDivide),
    .Feedback (ClockFeedback)
  ) u_pll (
    .clk_i   (oscillator_i),
    .clk_o   (clk),
    .locked_o(locked)
  );

  // Reset is asserted at once and released in step with the clock. Its thousands of loads want it high, which is how it is
  // kept: nothing is between the register and them but a global net.
  logic [3:0] reset_q;
  logic       reset, rst_n;

  always_ff @(posedge clk or negedge locked) begin
    if (!locked) reset_q <= '1;
    else reset_q <= {reset_q[2:0], reset_i};
  end

  DCCA u_reset (
    .CLKI(reset_q[3]),
    .CE  (1'b1),
    .CLKO(reset)
  );
  assign rst_n = !reset;

  logic        irq;
  logic        s_awvalid, s_awready, s_wvalid, s_wready, s_bvalid, s_arvalid, s_arready, s_rvalid;
  logic [11:0] s_addr;
  logic [31:0] s_wdata, s_rdata;

  logic                  arvalid, arready, rvalid, rready, rlast, awvalid, awready, wvalid, wready, bvalid, bready;
  logic [63:0]           araddr, awaddr;
  logic [7:0]            arlen, awlen;
  logic [8*BusBytes-1:0] rdata, wdata;
  logic [BusBytes-1:0]   wstrb;

  logic                  host_write, host_read, host_rvalid;
  logic [31:0]           host_addr;
  logic [8*BusBytes-1:0] host_wdata, host_rdata;

  logic       unused_wlast;
  logic [1:0] unused_bresp, unused_rresp, unused_arburst, unused_awburst;
  logic [2:0] unused_arsize, unused_awsize;

  systole_top #(
    .BuildId(BuildId)
  ) u_systole (
    .clk_i      (clk),
    .rst_ni     (rst_n),
    .irq_o      (irq),
    .s_awvalid_i(s_awvalid),
    .s_awready_o(s_awready),
    .s_awaddr_i (s_addr),
    .s_wvalid_i (s_wvalid),
    .s_wready_o (s_wready),
    .s_wdata_i  (s_wdata),
    .s_wstrb_i  ('1),
    .s_bvalid_o (s_bvalid),
    .s_bready_i (1'b1),
    .s_bresp_o  (unused_bresp),
    .s_arvalid_i(s_arvalid),
    .s_arready_o(s_arready),
    .s_araddr_i (s_addr),
    .s_rvalid_o (s_rvalid),
    .s_rready_i (1'b1),
    .s_rdata_o  (s_rdata),
    .s_rresp_o  (unused_rresp),
    .m_arvalid_o(arvalid),
    .m_arready_i(arready),
    .m_araddr_o (araddr),
    .m_arlen_o  (arlen),
    .m_arsize_o (unused_arsize),
    .m_arburst_o(unused_arburst),
    .m_rvalid_i (rvalid),
    .m_rready_o (rready),
    .m_rdata_i  (rdata),
    .m_rresp_i  (2'b00),
    .m_rlast_i  (rlast),
    .m_awvalid_o(awvalid),
    .m_awready_i(awready),
    .m_awaddr_o (awaddr),
    .m_awlen_o  (awlen),
    .m_awsize_o (unused_awsize),
    .m_awburst_o(unused_awburst),
    .m_wvalid_o (wvalid),
    .m_wready_i (wready),
    .m_wdata_o  (wdata),
    .m_wstrb_o  (wstrb),
    .m_wlast_o  (unused_wlast),
    .m_bvalid_i (bvalid),
    .m_bready_o (bready),
    .m_bresp_i  (2'b00)
  );

  systole_block_memory #(
    .Bytes(MemoryBytes)
  ) u_memory (
    .clk_i        (clk),
    .rst_ni       (rst_n),
    .host_write_i (host_write),
    .host_read_i  (host_read),
    .host_addr_i  (host_addr),
    .host_wdata_i (host_wdata),
    .host_rvalid_o(host_rvalid),
    .host_rdata_o (host_rdata),
    .arvalid_i    (arvalid),
    .arready_o    (arready),
    .araddr_i     (araddr),
    .arlen_i      (arlen),
    .rvalid_o     (rvalid),
    .rready_i     (rready),
    .rdata_o      (rdata),
    .rlast_o      (rlast),
    .awvalid_i    (awvalid),
    .awready_o    (awready),
    .awaddr_i     (awaddr),
    .awlen_i      (awlen),
    .wvalid_i     (wvalid),
    .wready_o     (wready),
    .wdata_i      (wdata),
    .wstrb_i      (wstrb),
    .bvalid_o     (bvalid),
    .bready_i     (bready)
  );

  systole_uart_bridge #(
    .ClockHz(ClockHz)
  ) u_bridge (
    .clk_i        (clk),
    .rst_ni       (rst_n),
    .rx_i         (rx_i),
    .tx_o         (tx_o),
    .awvalid_o    (s_awvalid),
    .awready_i    (s_awready),
    .wvalid_o     (s_wvalid),
    .wready_i     (s_wready),
    .bvalid_i     (s_bvalid),
    .arvalid_o    (s_arvalid),
    .arready_i    (s_arready),
    .rvalid_i     (s_rvalid),
    .rdata_i      (s_rdata),
    .addr_o       (s_addr),
    .wdata_o      (s_wdata),
    .host_write_o (host_write),
    .host_read_o  (host_read),
    .host_addr_o  (host_addr),
    .host_wdata_o (host_wdata),
    .host_rvalid_i(host_rvalid),
    .host_rdata_i (host_rdata)
  );

  assign status_o = {irq, rvalid, wvalid, locked};

endmodule
