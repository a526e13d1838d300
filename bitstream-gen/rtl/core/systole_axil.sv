// SPDX-License-Identifier: MIT OR Apache-2.0
//
// AXI4-Lite subordinate in front of the register file: one access at a time in each direction, always OKAY.
//
// A write needs address and data, takes effect in the cycle after both are here, and answers in that cycle; a read is
// looked up in the two cycles after its address and answers in the third. The register file thus sees nothing but registers. A
// read that is accepted behind a write's answer sees its effect. The two low address bits are ignored.

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

  logic        bvalid_q, rvalid_q, write_take, read_take, looked_up_q;
  logic [31:0] rdata_q;

  assign write_take = awvalid_i && wvalid_i && !bvalid_q;
  assign awready_o  = write_take;
  assign wready_o   = write_take;
  assign bvalid_o   = bvalid_q;
  assign bresp_o    = 2'b00;

  assign read_take = arvalid_i && !read_o && !looked_up_q && !rvalid_q;
  assign arready_o = read_take;
  assign rvalid_o  = rvalid_q;
  assign rdata_o   = rdata_q;
  assign rresp_o   = 2'b00;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      bvalid_q <= 1'b0;
      rvalid_q <= 1'b0;
      write_o  <= 1'b0;
      read_o   <= 1'b0;
      looked_up_q <= 1'b0;
    end else begin
      write_o <= write_take;
      read_o  <= read_take;
      looked_up_q <= read_o;
      if (write_take) bvalid_q <= 1'b1;
      else if (bready_i) bvalid_q <= 1'b0;
      if (looked_up_q) rvalid_q <= 1'b1;
      else if (rready_i) rvalid_q <= 1'b0;
    end
  end

  always_ff @(posedge clk_i) begin
    write_addr_o <= {awaddr_i[11:2], 2'b0};
    write_data_o <= wdata_i;
    write_strb_o <= wstrb_i;
    read_addr_o  <= {araddr_i[11:2], 2'b0};
    if (looked_up_q) rdata_q <= read_data_i;
  end

  logic unused_low;
  assign unused_low = ^{awaddr_i[1:0], araddr_i[1:0]};

  // An answer stays until it is taken.
  assert property (@(posedge clk_i) disable iff (!rst_ni) rvalid_o && !rready_i |=> rvalid_o && $stable(rdata_o));
  assert property (@(posedge clk_i) disable iff (!rst_ni) bvalid_o && !bready_i |=> bvalid_o);

endmodule
