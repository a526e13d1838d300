// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Model of the part's driver of a global net.

module DCCA (
  input  CLKI,
  input  CE,
  output CLKO
);
  assign CLKO = CLKI && CE;
endmodule
