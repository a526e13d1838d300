// SPDX-License-Identifier: MIT OR Apache-2.0
//
// ECP5 PLL: clk_o = clk_i / Reference * Feedback. The oscillator inside runs at clk_o * Divide, 400 to 800 MHz.

module prim_pll_ecp5 #(
  parameter int unsigned Reference = 1,
  parameter int unsigned Divide = 8,
  parameter int unsigned Feedback = 3
) (
  input  logic clk_i,
  output logic clk_o,
  output logic locked_o
);

  (* ICP_CURRENT = "12", LPF_RESISTOR = "8", MFG_ENABLE_FILTEROPAMP = "1", MFG_GMCREF_SEL = "2" *)
  EHXPLLL #(
    .PLLRST_ENA     ("DISABLED"),
    .INTFB_WAKE     ("DISABLED"),
    .STDBY_ENABLE   ("DISABLED"),
    .DPHASE_SOURCE  ("DISABLED"),
    .OUTDIVIDER_MUXA("DIVA"),
    .OUTDIVIDER_MUXB("DIVB"),
    .OUTDIVIDER_MUXC("DIVC"),
    .OUTDIVIDER_MUXD("DIVD"),
    .CLKI_DIV       (Reference),
    .CLKOP_ENABLE   ("ENABLED"),
    .CLKOP_DIV      (Divide),
    .CLKOP_CPHASE   (Divide / 2),
    .CLKOP_FPHASE   (0),
    .FEEDBK_PATH    ("CLKOP"),
    .CLKFB_DIV      (Feedback)
  ) u_pll (
    .RST         (1'b0),
    .STDBY       (1'b0),
    .CLKI        (clk_i),
    .CLKOP       (clk_o),
    .CLKFB       (clk_o),
    .PHASESEL0   (1'b0),
    .PHASESEL1   (1'b0),
    .PHASEDIR    (1'b1),
    .PHASESTEP   (1'b1),
    .PHASELOADREG(1'b1),
    .PLLWAKESYNC (1'b0),
    .ENCLKOP     (1'b0),
    .LOCK        (locked_o)
  );

endmodule
