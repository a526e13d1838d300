// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Serial line, 8N1. The receiver samples in the middle of a bit; the divider is ClockHz / Baud, rounded, at least 8.
//
// valid_o is a pulse with the byte. A byte is taken for sending in a cycle with valid_i and ready_o.

module systole_uart #(
  parameter int unsigned ClockHz = 75_000_000,
  parameter int unsigned Baud = 2_000_000,
  localparam int unsigned Divide = (ClockHz + Baud / 2) / Baud,
  localparam int unsigned Dw = $clog2(Divide)
) (
  input  logic       clk_i,
  input  logic       rst_ni,
  input  logic       rx_i,
  output logic       tx_o,
  output logic       valid_o,
  output logic [7:0] data_o,
  input  logic       valid_i,
  output logic       ready_o,
  input  logic [7:0] data_i
);

  // Receiver: bit 0 is the start bit, 9 the stop bit.
  logic [2:0]    rx_q;
  logic          busy_q;
  logic [3:0]    bit_q;
  logic [Dw-1:0] wait_q;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      rx_q    <= '1;
      busy_q  <= 1'b0;
      valid_o <= 1'b0;
      bit_q   <= '0;
      wait_q  <= '0;
    end else begin
      rx_q    <= {rx_q[1:0], rx_i};
      valid_o <= 1'b0;
      if (!busy_q) begin
        bit_q  <= '0;
        wait_q <= Dw'(Divide / 2);
        busy_q <= !rx_q[2];
      end else if (wait_q != '0) begin
        wait_q <= wait_q - 1'b1;
      end else begin
        wait_q <= Dw'(Divide - 1);
        bit_q  <= bit_q + 4'd1;
        // A start bit that does not last was noise.
        if (bit_q == '0 && rx_q[2]) busy_q <= 1'b0;
        if (bit_q == 4'd9) begin
          busy_q  <= 1'b0;
          valid_o <= rx_q[2];
        end
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (busy_q && wait_q == '0 && bit_q != '0 && bit_q != 4'd9) data_o <= {rx_q[2], data_o[7:1]};
  end

  // Transmitter: the stop bit shifts in behind the byte.
  logic [8:0]    shift_q;
  logic [3:0]    left_q;
  logic [Dw-1:0] pause_q;

  assign ready_o = left_q == '0;
  assign tx_o    = shift_q[0];

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      shift_q <= '1;
      left_q  <= '0;
      pause_q <= '0;
    end else if (ready_o) begin
      if (valid_i) begin
        shift_q <= {data_i, 1'b0};
        left_q  <= 4'd10;
        pause_q <= Dw'(Divide - 1);
      end
    end else if (pause_q != '0) begin
      pause_q <= pause_q - 1'b1;
    end else begin
      shift_q <= {1'b1, shift_q[8:1]};
      left_q  <= left_q - 4'd1;
      pause_q <= Dw'(Divide - 1);
    end
  end

endmodule
