// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The function tables as ROM: base and slope of each segment, one cycle after the address. Becomes block RAM.

module systole_function_rom
  import systole_pkg::*;
#(
  localparam int unsigned Depth = 4 * FunctionSegments
) (
  input  logic        clk_i,
  input  logic [9:0]  addr_i,
  output logic [15:0] base_o,
  output logic [11:0] slope_o
);

  logic [27:0] mem[Depth];

  initial begin
    for (int unsigned i = 0; i < Depth; i++) mem[i] = '0;
    for (int unsigned i = 0; i < 3 * FunctionSegments; i++) mem[i] = {FunctionBase[i], FunctionSlope[i]};
  end

  always_ff @(posedge clk_i) {base_o, slope_o} <= mem[addr_i];

endmodule
