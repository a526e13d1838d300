// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The accelerator on an ULX3S (LFE5U-85F): the USB serial adapter is its host link, four LEDs tell its state.

module ulx3s_top #(
  parameter logic [31:0] BuildId = 32'd1,
  parameter int unsigned ClockDivide = 8,
  parameter int unsigned ClockFeedback = 3,
  parameter int unsigned ClockReference = 1,
  parameter int unsigned ClockHz = 75_000_000
) (
  input  logic       clk_25mhz,
  input  logic       ftdi_txd,  // from the host
  output logic       ftdi_rxd,  // to the host
  input  logic       btn_reset,
  output logic [7:0] led
);

  logic [3:0] status;

  systole_ecp5 #(
    .BuildId       (BuildId),
    .ClockDivide   (ClockDivide),
    .ClockFeedback (ClockFeedback),
    .ClockReference(ClockReference),
    .ClockHz       (ClockHz)
  ) u_board (
    .oscillator_i(clk_25mhz),
    .reset_i     (btn_reset),
    .rx_i        (ftdi_txd),
    .tx_o        (ftdi_rxd),
    .status_o    (status)
  );

  assign led = {4'b0, status};

endmodule
