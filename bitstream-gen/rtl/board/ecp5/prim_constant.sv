// SPDX-License-Identifier: MIT OR Apache-2.0
//
// prim_constant in ECP5's tables: nothing of it is merged with other logic, so that designs with different values differ in
// the contents of these tables alone, and are placed alike.

module prim_constant #(
  parameter int unsigned      Width = 32,
  parameter logic [Width-1:0] Value = '0
) (
  output logic [Width-1:0] value_o
);

  for (genvar i = 0; i < Width; i++) begin : g_bit
    (* keep *)
    LUT4 #(
      .INIT({16{Value[i]}})
    ) u_table (
      .A(1'b0),
      .B(1'b0),
      .C(1'b0),
      .D(1'b0),
      .Z(value_o[i])
    );
  end

endmodule
