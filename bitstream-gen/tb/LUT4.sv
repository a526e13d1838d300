// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Model of the part's table.

module LUT4 #(
  parameter [15:0] INIT = 16'h0000
) (
  input  A,
  input  B,
  input  C,
  input  D,
  output Z
);
  assign Z = INIT[{D, C, B, A}];
endmodule
