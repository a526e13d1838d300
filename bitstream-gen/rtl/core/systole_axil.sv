// SPDX-License-Identifier: MIT OR Apache-2.0
//
// AXI4-Lite subordinate in front of the register file: one access at a time in each direction, always OKAY.
//
// A write needs address and data, takes effect when both are here, and answers in the next cycle; a read answers in the
// next cycle. The two low address bits are ignored.

module systole_axil (
  input  logic        clk_i,
  input  logic        rst_ni,

  input  logic        awvalid_i,
  output logic        awready_o,
  input  logic [11:0] awaddr_i,
  input  logic        wvalid_i,
  output logic        wready_o,
  input  logic [31:0] wdata_i,
  input  logic [3:0]  wstrb_i,
  output logic        bvalid_o,
  input  logic        bready_i,
  output logic [1:0]  bresp_o,
  input  logic        arvalid_i,
  output logic        arready_o,
  input  logic [11:0] araddr_i,
  output logic        rvalid_o,
  input  logic        rready_i,
  output logic [31:0] rdata_o,
  output logic [1:0]  rresp_o,

  output logic        write_o,
  output logic [11:0] write_addr_o,
  output logic [31:0] write_data_o,
  output logic [3:0]  write_strb_o,
  output logic        read_o,
  output logic [11:0] read_addr_o,
  input  logic [31:0] read_data_i
);

  logic        bvalid_q, rvalid_q;
  logic [31:0] rdata_q;

  assign write_o      = awvalid_i && wvalid_i && !bvalid_q;
  assign awready_o    = write_o;
  assign wready_o     = write_o;
  assign write_addr_o = {awaddr_i[11:2], 2'b0};
  assign write_data_o = wdata_i;
  assign write_strb_o = wstrb_i;
  assign bvalid_o     = bvalid_q;
  assign bresp_o      = 2'b00;

  assign read_o      = arvalid_i && !rvalid_q;
  assign arready_o   = read_o;
  assign read_addr_o = {araddr_i[11:2], 2'b0};
  assign rvalid_o    = rvalid_q;
  assign rdata_o     = rdata_q;
  assign rresp_o     = 2'b00;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      bvalid_q <= 1'b0;
      rvalid_q <= 1'b0;
    end else begin
      if (write_o) bvalid_q <= 1'b1;
      else if (bready_i) bvalid_q <= 1'b0;
      if (read_o) rvalid_q <= 1'b1;
      else if (rready_i) rvalid_q <= 1'b0;
    end
  end

  always_ff @(posedge clk_i) begin
    if (read_o) rdata_q <= read_data_i;
  end

  logic unused_low;
  assign unused_low = ^{awaddr_i[1:0], araddr_i[1:0]};

  // An answer stays until it is taken.
  assert property (@(posedge clk_i) disable iff (!rst_ni) rvalid_o && !rready_i |=> rvalid_o && $stable(rdata_o));
  assert property (@(posedge clk_i) disable iff (!rst_ni) bvalid_o && !bready_i |=> bvalid_o);

endmodule
