// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Ports of the vendor's PLL, so that a front end can read prim_pll_ecp5. The tools bring the cell itself.

(* blackbox *)
module EHXPLLL #(
  parameter         PLLRST_ENA = "DISABLED",
  parameter         INTFB_WAKE = "DISABLED",
  parameter         STDBY_ENABLE = "DISABLED",
  parameter         DPHASE_SOURCE = "DISABLED",
  parameter         OUTDIVIDER_MUXA = "DIVA",
  parameter         OUTDIVIDER_MUXB = "DIVB",
  parameter         OUTDIVIDER_MUXC = "DIVC",
  parameter         OUTDIVIDER_MUXD = "DIVD",
  parameter integer CLKI_DIV = 1,
  parameter         CLKOP_ENABLE = "ENABLED",
  parameter integer CLKOP_DIV = 8,
  parameter integer CLKOP_CPHASE = 0,
  parameter integer CLKOP_FPHASE = 0,
  parameter         FEEDBK_PATH = "CLKOP",
  parameter integer CLKFB_DIV = 1
) (
  input  RST,
  input  STDBY,
  input  CLKI,
  input  CLKFB,
  input  PHASESEL0,
  input  PHASESEL1,
  input  PHASEDIR,
  input  PHASESTEP,
  input  PHASELOADREG,
  input  PLLWAKESYNC,
  input  ENCLKOP,
  output CLKOP,
  output LOCK
);
endmodule
