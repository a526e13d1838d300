// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A register that has equals: each serves the loads near it, so that none of them reaches far. Synthesis would make one of
// equal registers; a board names its part's cell, which stays.

module prim_replica #(
  parameter int unsigned Width = 1
) (
  input  logic             clk_i,
  input  logic [Width-1:0] data_i,
  output logic [Width-1:0] data_o
);

  always_ff @(posedge clk_i) data_o <= data_i;

endmodule
