// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Zeros on the carry cells of ECP5 become ones, in tables that do not care (for Yosys' techmap).
//
// An input that is left alone reads one; a zero is a wire from a table somewhere. Adders of unequal operands are full of
// zeros: on n8 they were 4,600 sinks of one net over the whole part.

(* techmap_celltype = "CCU2C" *)
module systole_carry (
  input  CIN, A0, B0, C0, D0, A1, B1, C1, D1,
  output S0, S1, COUT
);
  parameter [15:0] INIT0 = 16'h0000;
  parameter [15:0] INIT1 = 16'h0000;
  parameter INJECT1_0 = "YES";
  parameter INJECT1_1 = "YES";

  parameter _TECHMAP_CONSTMSK_A0_ = 1'b0;
  parameter _TECHMAP_CONSTMSK_B0_ = 1'b0;
  parameter _TECHMAP_CONSTMSK_C0_ = 1'b0;
  parameter _TECHMAP_CONSTMSK_D0_ = 1'b0;
  parameter _TECHMAP_CONSTMSK_A1_ = 1'b0;
  parameter _TECHMAP_CONSTMSK_B1_ = 1'b0;
  parameter _TECHMAP_CONSTMSK_C1_ = 1'b0;
  parameter _TECHMAP_CONSTMSK_D1_ = 1'b0;
  parameter _TECHMAP_CONSTVAL_A0_ = 1'bx;
  parameter _TECHMAP_CONSTVAL_B0_ = 1'bx;
  parameter _TECHMAP_CONSTVAL_C0_ = 1'bx;
  parameter _TECHMAP_CONSTVAL_D0_ = 1'bx;
  parameter _TECHMAP_CONSTVAL_A1_ = 1'bx;
  parameter _TECHMAP_CONSTVAL_B1_ = 1'bx;
  parameter _TECHMAP_CONSTVAL_C1_ = 1'bx;
  parameter _TECHMAP_CONSTVAL_D1_ = 1'bx;

  // C is freed only where D is 1: the carry is told by A and B where both are 0, and that quarter must stay.
  localparam D0One  = _TECHMAP_CONSTMSK_D0_ && _TECHMAP_CONSTVAL_D0_ === 1'b1;
  localparam D1One  = _TECHMAP_CONSTMSK_D1_ && _TECHMAP_CONSTVAL_D1_ === 1'b1;
  localparam A0Zero = _TECHMAP_CONSTMSK_A0_ && _TECHMAP_CONSTVAL_A0_ === 1'b0;
  localparam B0Zero = _TECHMAP_CONSTMSK_B0_ && _TECHMAP_CONSTVAL_B0_ === 1'b0;
  localparam C0Zero = _TECHMAP_CONSTMSK_C0_ && _TECHMAP_CONSTVAL_C0_ === 1'b0 && D0One;
  localparam A1Zero = _TECHMAP_CONSTMSK_A1_ && _TECHMAP_CONSTVAL_A1_ === 1'b0;
  localparam B1Zero = _TECHMAP_CONSTMSK_B1_ && _TECHMAP_CONSTVAL_B1_ === 1'b0;
  localparam C1Zero = _TECHMAP_CONSTMSK_C1_ && _TECHMAP_CONSTVAL_C1_ === 1'b0 && D1One;

  // What a table says where an input is 0 it then says where the input is 1.
  function [15:0] free;
    input [15:0] init;
    input a, b, c;
    begin
      free = init;
      if (a) free = (free & 16'h5555) | (free & 16'h5555) << 1;
      if (b) free = (free & 16'h3333) | (free & 16'h3333) << 2;
      if (c) free = (free & 16'h0fff) | (free & 16'h0f00) << 4;
    end
  endfunction

  wire _TECHMAP_FAIL_ = !(A0Zero || B0Zero || C0Zero || A1Zero || B1Zero || C1Zero);

  CCU2C #(
    .INIT0    (free(INIT0, A0Zero, B0Zero, C0Zero)),
    .INIT1    (free(INIT1, A1Zero, B1Zero, C1Zero)),
    .INJECT1_0(INJECT1_0),
    .INJECT1_1(INJECT1_1)
  ) _TECHMAP_REPLACE_ (
    .CIN (CIN),
    .A0  (A0Zero ? 1'b1 : A0),
    .B0  (B0Zero ? 1'b1 : B0),
    .C0  (C0Zero ? 1'b1 : C0),
    .D0  (D0),
    .A1  (A1Zero ? 1'b1 : A1),
    .B1  (B1Zero ? 1'b1 : B1),
    .C1  (C1Zero ? 1'b1 : C1),
    .D1  (D1),
    .S0  (S0),
    .S1  (S1),
    .COUT(COUT)
  );
endmodule
