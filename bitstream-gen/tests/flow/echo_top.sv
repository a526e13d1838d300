// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The host link of an ULX3S with its block memory and one register: small enough to build in a test, and with the wrapper's
// pins, PLL, serial line and RAM.

module echo_top
  import systole_cfg_pkg::*;
#(
  parameter logic [31:0] BuildId = 32'd1,
  parameter int unsigned ClockDivide = 8,
  parameter int unsigned ClockFeedback = 3,
  parameter int unsigned ClockReference = 1,
  parameter int unsigned ClockHz = 75_000_000
) (
  input  logic       clk_25mhz,
  input  logic       ftdi_txd,
  output logic       ftdi_rxd,
  input  logic       btn_reset,
  output logic [7:0] led
);

  logic        clk, locked, rst_n;
  logic [1:0]  reset_q;
  logic        awvalid, wvalid, arvalid, host_write, host_read, host_rvalid;
  logic [11:0] addr;
  logic [31:0] wdata, register_q, host_addr;
  logic [8*BusBytes-1:0] host_wdata, host_rdata, unused_rdata;
  logic        unused_arready, unused_rvalid, unused_rlast, unused_awready, unused_wready, unused_bvalid, unused_addr;

  prim_pll_ecp5 #(
    .Reference(ClockReference),
    .Divide   (ClockDivide),
    .Feedback (ClockFeedback)
  ) u_pll (
    .clk_i   (clk_25mhz),
    .clk_o   (clk),
    .locked_o(locked)
  );

  always_ff @(posedge clk or negedge locked) begin
    if (!locked) reset_q <= '0;
    else reset_q <= {reset_q[0], !btn_reset};
  end
  assign rst_n = reset_q[1];

  always_ff @(posedge clk or negedge rst_n) begin
    if (!rst_n) register_q <= BuildId;
    else if (wvalid) register_q <= wdata;
  end

  systole_uart_bridge #(
    .ClockHz(ClockHz)
  ) u_bridge (
    .clk_i        (clk),
    .rst_ni       (rst_n),
    .rx_i         (ftdi_txd),
    .tx_o         (ftdi_rxd),
    .awvalid_o    (awvalid),
    .awready_i    (1'b1),
    .wvalid_o     (wvalid),
    .wready_i     (1'b1),
    .bvalid_i     (wvalid),
    .arvalid_o    (arvalid),
    .arready_i    (1'b1),
    .rvalid_i     (arvalid),
    .rdata_i      (register_q),
    .addr_o       (addr),
    .wdata_o      (wdata),
    .host_write_o (host_write),
    .host_read_o  (host_read),
    .host_addr_o  (host_addr),
    .host_wdata_o (host_wdata),
    .host_rvalid_i(host_rvalid),
    .host_rdata_i (host_rdata)
  );

  systole_block_memory #(
    .Bytes(4096)
  ) u_memory (
    .clk_i        (clk),
    .rst_ni       (rst_n),
    .host_write_i (host_write),
    .host_read_i  (host_read),
    .host_addr_i  (host_addr),
    .host_wdata_i (host_wdata),
    .host_rvalid_o(host_rvalid),
    .host_rdata_o (host_rdata),
    .arvalid_i    (1'b0),
    .arready_o    (unused_arready),
    .araddr_i     ('0),
    .arlen_i      ('0),
    .rvalid_o     (unused_rvalid),
    .rready_i     (1'b1),
    .rdata_o      (unused_rdata),
    .rlast_o      (unused_rlast),
    .awvalid_i    (1'b0),
    .awready_o    (unused_awready),
    .awaddr_i     ('0),
    .awlen_i      ('0),
    .wvalid_i     (1'b0),
    .wready_o     (unused_wready),
    .wdata_i      ('0),
    .wstrb_i      ('0),
    .bvalid_o     (unused_bvalid),
    .bready_i     (1'b1)
  );

  assign unused_addr = ^{addr, awvalid};
  assign led = {5'b0, host_rvalid, wvalid, locked};

endmodule
