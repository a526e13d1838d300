// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The accelerator on an ECPIX-5 85F (LFE5UM5G-85F): a channel of its USB adapter is the serial host link, the green
// parts of the four LEDs tell its state.

module ecpix5_top #(
  parameter logic [31:0] BuildId = 32'd1,
  parameter int unsigned ClockDivide = 6,
  parameter int unsigned ClockFeedback = 1,
  parameter int unsigned ClockReference = 1,
  parameter int unsigned ClockHz = 100_000_000
) (
  input  logic       clk_100mhz,
  input  logic       uart_rxd,      // from the host
  output logic       uart_txd,      // to the host
  input  logic       btn_reset_n,
  output logic [3:0] led_green_n
);

  logic [3:0] status;

  systole_ecp5 #(
    .BuildId       (BuildId),
    .ClockDivide   (ClockDivide),
    .ClockFeedback (ClockFeedback),
    .ClockReference(ClockReference),
    .ClockHz       (ClockHz)
  ) u_board (
    .oscillator_i(clk_100mhz),
    .reset_i     (!btn_reset_n),
    .rx_i        (uart_rxd),
    .tx_o        (uart_txd),
    .status_o    (status)
  );

  // An LED shines when its pin is low.
  assign led_green_n = ~status;

endmodule
