// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Ports of the part's register, so that a front end can read prim_replica. The tools bring the cell itself.

(* blackbox *)
module TRELLIS_FF #(
  parameter GSR    = "DISABLED",
  parameter CEMUX  = "1",
  parameter CLKMUX = "CLK",
  parameter LSRMUX = "LSR",
  parameter REGSET = "RESET"
) (
  input  CLK,
  input  LSR,
  input  DI,
  output Q
);
endmodule
