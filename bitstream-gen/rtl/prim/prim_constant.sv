// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A constant that is known late, as the hash of what it is a part of. A board may keep it out of its netlist's logic, so that
// another value gives the same placement.

module prim_constant #(
  parameter int unsigned      Width = 32,
  parameter logic [Width-1:0] Value = '0
) (
  output logic [Width-1:0] value_o
);

  assign value_o = Value;

endmodule
