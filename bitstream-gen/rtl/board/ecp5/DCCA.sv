// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Ports of the part's driver of a global net, so that a front end can read ulx3s_top. The tools bring the cell itself.

(* blackbox *)
module DCCA (
  input  CLKI,
  input  CE,
  output CLKO
);
endmodule
