// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Model of the part's register, as prim_replica uses it.

module TRELLIS_FF #(
  parameter GSR    = "DISABLED",
  parameter CEMUX  = "1",
  parameter CLKMUX = "CLK",
  parameter LSRMUX = "LSR",
  parameter REGSET = "RESET"
) (
  input      CLK,
  input      LSR,
  input      DI,
  output reg Q
);
  always_ff @(posedge CLK) Q <= DI;

  logic unused_parameters;
  assign unused_parameters = ^{GSR, CEMUX, CLKMUX, LSRMUX, REGSET, LSR};
endmodule
