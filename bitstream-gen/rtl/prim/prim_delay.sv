// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Delays data by a fixed number of cycles, Delay of 1 or more. Long delays live in LUT RAM with a rotating pointer
// instead of a chain of registers; contents are not reset, so validity travels elsewhere.

module prim_delay #(
  parameter int unsigned Width = 8,
  parameter int unsigned Delay = 4
) (
  input  logic             clk_i,
  input  logic             rst_ni,
  input  logic [Width-1:0] data_i,
  output logic [Width-1:0] data_o
);

  if (Delay <= 3) begin : g_registers
    logic [Delay-1:0][Width-1:0] pipe_q;
    logic unused_rst_ni;

    always_ff @(posedge clk_i) begin
      pipe_q[0] <= data_i;
      for (int unsigned i = 1; i < Delay; i++) pipe_q[i] <= pipe_q[i-1];
    end

    assign data_o = pipe_q[Delay-1];
    assign unused_rst_ni = rst_ni;
  end else begin : g_ram
    // A slot is read and rewritten every Slots cycles; the output register adds one.
    localparam int unsigned Slots = Delay - 1;
    localparam int unsigned Aw = $clog2(Slots);

    logic [Width-1:0] mem_q[Slots];
    logic [Aw-1:0]    ptr_q;

    always_ff @(posedge clk_i or negedge rst_ni) begin
      if (!rst_ni) ptr_q <= '0;
      else if (ptr_q == Aw'(Slots - 1)) ptr_q <= '0;
      else ptr_q <= ptr_q + 1'b1;
    end

    always_ff @(posedge clk_i) begin
      mem_q[ptr_q] <= data_i;
      data_o       <= mem_q[ptr_q];
    end
  end

endmodule
