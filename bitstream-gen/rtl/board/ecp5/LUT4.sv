// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Ports of the part's table, so that a front end can read prim_constant. The tools bring the cell itself.

(* blackbox *)
module LUT4 #(
  parameter [15:0] INIT = 16'h0000
) (
  input  A,
  input  B,
  input  C,
  input  D,
  output Z
);
endmodule
