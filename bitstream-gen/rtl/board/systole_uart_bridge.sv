// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Host link over a serial line: registers and memory by short commands, 8 data bits, no parity, one stop bit.
//
//   'r' address[4]            -> data[4]           register
//   'w' address[4] data[4]    -> 'k'               register
//   'm' address[4] data[Bus]  -> 'k'               one word of memory
//   'g' address[4]            -> data[Bus]         one word of memory
//
// All little-endian. Other bytes are ignored, so a host that lost its place sends zeros until it is answered no more.

module systole_uart_bridge
  import systole_cfg_pkg::*;
#(
  parameter int unsigned ClockHz = 75_000_000,
  parameter int unsigned Baud = 2_000_000,
  localparam int unsigned Width = 8 * BusBytes
) (
  input  logic             clk_i,
  input  logic             rst_ni,

  input  logic             rx_i,
  output logic             tx_o,

  output logic             awvalid_o,
  input  logic             awready_i,
  output logic             wvalid_o,
  input  logic             wready_i,
  input  logic             bvalid_i,
  output logic             arvalid_o,
  input  logic             arready_i,
  input  logic             rvalid_i,
  input  logic [31:0]      rdata_i,
  output logic [11:0]      addr_o,
  output logic [31:0]      wdata_o,

  output logic             host_write_o,
  output logic             host_read_o,
  output logic [31:0]      host_addr_o,
  output logic [Width-1:0] host_wdata_o,
  input  logic             host_rvalid_i,
  input  logic [Width-1:0] host_rdata_i
);

  typedef enum logic [2:0] {StCommand, StAddress, StData, StIssue, StWait, StAnswer} state_e;

  localparam logic [7:0] ReadReg = "r";
  localparam logic [7:0] WriteReg = "w";
  localparam logic [7:0] WriteMem = "m";
  localparam logic [7:0] ReadMem = "g";

  state_e           state_q;
  logic [7:0]       command_q, byte_in;
  logic [31:0]      addr_q;
  logic [Width-1:0] data_q;
  logic [5:0]       count_q;
  logic             byte_valid, tx_ready, aw_done_q, w_done_q, answered;
  logic [5:0]       data_bytes, answer_bytes;

  systole_uart #(
    .ClockHz(ClockHz),
    .Baud   (Baud)
  ) u_uart (
    .clk_i,
    .rst_ni,
    .rx_i,
    .tx_o,
    .valid_o(byte_valid),
    .data_o (byte_in),
    .valid_i(state_q == StAnswer),
    .ready_o(tx_ready),
    .data_i (data_q[7:0])
  );

  // The command is known bytes before it is carried out.
  logic read_reg_q, write_reg_q, read_mem_q, write_mem_q;

  always_ff @(posedge clk_i) begin
    read_reg_q  <= command_q == ReadReg;
    write_reg_q <= command_q == WriteReg;
    read_mem_q  <= command_q == ReadMem;
    write_mem_q <= command_q == WriteMem;
  end

  assign data_bytes   = write_mem_q ? 6'(BusBytes) : 6'd4;
  assign answer_bytes = read_mem_q ? 6'(BusBytes) : read_reg_q ? 6'd4 : 6'd1;

  assign addr_o       = addr_q[11:0];
  assign wdata_o      = data_q[31:0];
  assign host_addr_o  = addr_q;
  assign host_wdata_o = data_q;
  assign awvalid_o    = state_q == StWait && write_reg_q && !aw_done_q;
  assign wvalid_o     = state_q == StWait && write_reg_q && !w_done_q;
  assign arvalid_o    = state_q == StWait && read_reg_q && !aw_done_q;

  // Registered: the memory's bus waits on them in the same cycle.
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) {host_write_o, host_read_o} <= '0;
    else {host_write_o, host_read_o} <= {2{state_q == StIssue}} & {write_mem_q, read_mem_q};
  end

  always_comb begin
    if (write_reg_q) answered = bvalid_i;
    else if (read_reg_q) answered = rvalid_i;
    else answered = !read_mem_q || host_rvalid_i;
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      state_q   <= StCommand;
      aw_done_q <= 1'b0;
      w_done_q  <= 1'b0;
    end else begin
      unique case (state_q)
        StCommand: begin
          if (byte_valid && (byte_in == ReadReg || byte_in == WriteReg || byte_in == WriteMem || byte_in == ReadMem)) begin
            state_q <= StAddress;
          end
        end
        StAddress: begin
          if (byte_valid && count_q == 6'd3) begin
            state_q <= (write_reg_q || write_mem_q) ? StData : StIssue;
          end
        end
        StData:  if (byte_valid && count_q == data_bytes - 6'd1) state_q <= StIssue;
        StIssue: begin
          state_q   <= StWait;
          aw_done_q <= 1'b0;
          w_done_q  <= 1'b0;
        end
        StWait: begin
          if ((awvalid_o && awready_i) || (arvalid_o && arready_i)) aw_done_q <= 1'b1;
          if (wvalid_o && wready_i) w_done_q <= 1'b1;
          if (answered) state_q <= StAnswer;
        end
        StAnswer: if (tx_ready && count_q == answer_bytes - 6'd1) state_q <= StCommand;
        default:  state_q <= StCommand;
      endcase
    end
  end

  always_ff @(posedge clk_i) begin
    unique case (state_q)
      StCommand: begin
        count_q <= '0;
        if (byte_valid) command_q <= byte_in;
      end
      StAddress: begin
        if (byte_valid) begin
          addr_q  <= {byte_in, addr_q[31:8]};
          count_q <= count_q == 6'd3 ? '0 : count_q + 6'd1;
        end
      end
      StData: begin
        if (byte_valid) begin
          // Registers use the low 32 bits, memory the whole word.
          if (write_mem_q) data_q <= {byte_in, data_q[Width-1:8]};
          else data_q[31:0] <= {byte_in, data_q[31:8]};
          count_q <= count_q + 6'd1;
        end
      end
      StWait: begin
        count_q <= '0;
        if (answered) begin
          if (read_reg_q) data_q <= Width'(rdata_i);
          else if (read_mem_q) data_q <= host_rdata_i;
          else data_q <= Width'(8'h6b);  // 'k'
        end
      end
      StAnswer: begin
        if (tx_ready) begin
          data_q  <= {8'b0, data_q[Width-1:8]};
          count_q <= count_q + 6'd1;
        end
      end
      default: ;
    endcase
  end

endmodule
