// SPDX-License-Identifier: MIT OR Apache-2.0
//
// prim_replica in ECP5's registers, which synthesis leaves as they are.

module prim_replica #(
  parameter int unsigned Width = 1
) (
  input  logic             clk_i,
  input  logic [Width-1:0] data_i,
  output logic [Width-1:0] data_o
);

  for (genvar i = 0; i < Width; i++) begin : g_bit
    (* keep *)
    TRELLIS_FF #(
      .GSR   ("DISABLED"),
      .CEMUX ("1"),
      .CLKMUX("CLK"),
      .LSRMUX("LSR"),
      .REGSET("RESET")
    ) u_register (
      .CLK(clk_i),
      .LSR(1'b0),
      .DI (data_i[i]),
      .Q  (data_o[i])
    );
  end

endmodule
