// SPDX-License-Identifier: MIT OR Apache-2.0
//
// AXI4 subordinate with block RAM behind it, and a second way in for the host.
//
// One burst at a time in each direction, full-width incrementing beats, addresses modulo Bytes. The host's accesses are rare
// and go first: a beat of the bus waits for a cycle. Read data of the host come with host_rvalid_o, two cycles later.
// One byte lane is one RAM, so that strobes need no read before a write.

module systole_block_memory
  import systole_cfg_pkg::*;
#(
  parameter int unsigned Bytes = 16384,
  localparam int unsigned Words = Bytes / BusBytes,
  localparam int unsigned Aw = $clog2(Words),
  localparam int unsigned Shift = $clog2(BusBytes)
) (
  input  logic                  clk_i,
  input  logic                  rst_ni,

  input  logic                  host_write_i,
  input  logic                  host_read_i,
  input  logic [31:0]           host_addr_i,
  input  logic [8*BusBytes-1:0] host_wdata_i,
  output logic                  host_rvalid_o,
  output logic [8*BusBytes-1:0] host_rdata_o,

  input  logic                  arvalid_i,
  output logic                  arready_o,
  input  logic [63:0]           araddr_i,
  input  logic [7:0]            arlen_i,
  output logic                  rvalid_o,
  input  logic                  rready_i,
  output logic [8*BusBytes-1:0] rdata_o,
  output logic                  rlast_o,
  input  logic                  awvalid_i,
  output logic                  awready_o,
  input  logic [63:0]           awaddr_i,
  input  logic [7:0]            awlen_i,
  input  logic                  wvalid_i,
  output logic                  wready_o,
  input  logic [8*BusBytes-1:0] wdata_i,
  input  logic [BusBytes-1:0]   wstrb_i,
  output logic                  bvalid_o,
  input  logic                  bready_i
);

  //////////////////////////////////////////////////////////////////////////////
  // Reads: address, RAM, output register, FIFO with credits.
  //////////////////////////////////////////////////////////////////////////////

  localparam int unsigned Depth = 8;

  logic                  read_q, read_step, read_last, fifo_pop, unused_wready;
  logic [Aw-1:0]         read_addr_q, ram_raddr;
  logic [8:0]            read_left_q;
  logic [3:0]            credit_q, unused_level;
  logic [1:0]            bus_q, last_q, host_q;
  logic [8*BusBytes-1:0] ram_rdata, ram_rdata_q;

  assign arready_o = !read_q;
  assign read_step = read_q && credit_q != '0 && !host_read_i;
  assign read_last = read_left_q == 9'd1;
  assign fifo_pop  = rvalid_o && rready_i;
  assign ram_raddr = host_read_i ? host_addr_i[Shift +: Aw] : read_addr_q;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      read_q   <= 1'b0;
      credit_q <= 4'(Depth);
      bus_q    <= '0;
      host_q   <= '0;
    end else begin
      if (arvalid_i && arready_o) read_q <= 1'b1;
      else if (read_step && read_last) read_q <= 1'b0;
      credit_q <= credit_q - 4'(read_step) + 4'(fifo_pop);
      bus_q    <= {bus_q[0], read_step};
      host_q   <= {host_q[0], host_read_i};
    end
  end

  always_ff @(posedge clk_i) begin
    if (arvalid_i && arready_o) begin
      read_addr_q <= araddr_i[Shift +: Aw];
      read_left_q <= {1'b0, arlen_i} + 9'd1;
    end else if (read_step) begin
      read_addr_q <= read_addr_q + 1'b1;
      read_left_q <= read_left_q - 9'd1;
    end
    last_q      <= {last_q[0], read_last};
    ram_rdata_q <= ram_rdata;
  end

  assign host_rvalid_o = host_q[1];
  assign host_rdata_o  = ram_rdata_q;

  prim_fifo #(
    .Width(8 * BusBytes + 1),
    .Depth(Depth)
  ) u_read (
    .clk_i,
    .rst_ni,
    .clr_i   (1'b0),
    .wvalid_i(bus_q[1]),
    .wready_o(unused_wready),
    .wdata_i ({last_q[1], ram_rdata_q}),
    .rvalid_o(rvalid_o),
    .rready_i,
    .rdata_o ({rlast_o, rdata_o}),
    .level_o (unused_level)
  );

  //////////////////////////////////////////////////////////////////////////////
  // Writes.
  //////////////////////////////////////////////////////////////////////////////

  logic                  write_q, beat, beat_valid;
  logic [Aw-1:0]         write_addr_q, beat_addr_q, ram_waddr_q;
  logic [8:0]            write_left_q;
  logic [BusBytes-1:0]   beat_we_q, ram_we_q;
  logic [8*BusBytes-1:0] beat_wdata, beat_wdata_q, ram_wdata_q;
  logic [BusBytes-1:0]   beat_strobes;
  logic [2:0]            unused_beats;

  assign awready_o = !write_q && !bvalid_o;
  assign beat      = beat_valid && write_q && !host_write_i;

  // The bus comes from far away: whether there is room for a beat does not depend on the host.
  prim_fifo #(
    .Width(9 * BusBytes),
    .Depth(4)
  ) u_beats (
    .clk_i,
    .rst_ni,
    .clr_i   (1'b0),
    .wvalid_i,
    .wready_o,
    .wdata_i ({wstrb_i, wdata_i}),
    .rvalid_o(beat_valid),
    .rready_i(beat),
    .rdata_o ({beat_strobes, beat_wdata}),
    .level_o (unused_beats)
  );

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      write_q  <= 1'b0;
      bvalid_o <= 1'b0;
      {ram_we_q, beat_we_q} <= '0;
    end else begin
      if (awvalid_i && awready_o) write_q <= 1'b1;
      else if (beat && write_left_q == 9'd1) write_q <= 1'b0;
      if (beat && write_left_q == 9'd1) bvalid_o <= 1'b1;
      else if (bready_i) bvalid_o <= 1'b0;
      beat_we_q <= host_write_i ? '1 : beat_strobes & {BusBytes{beat}};
      ram_we_q  <= beat_we_q;
    end
  end

  always_ff @(posedge clk_i) begin
    if (awvalid_i && awready_o) begin
      write_addr_q <= awaddr_i[Shift +: Aw];
      write_left_q <= {1'b0, awlen_i} + 9'd1;
    end else if (beat) begin
      write_addr_q <= write_addr_q + 1'b1;
      write_left_q <= write_left_q - 9'd1;
    end
    beat_addr_q  <= host_write_i ? host_addr_i[Shift +: Aw] : write_addr_q;
    beat_wdata_q <= host_write_i ? host_wdata_i : beat_wdata;
    ram_waddr_q  <= beat_addr_q;
    ram_wdata_q  <= beat_wdata_q;
  end

  for (genvar b = 0; b < BusBytes; b++) begin : g_lane
    prim_ram_1r1w #(
      .Width(8),
      .Depth(Words)
    ) u_ram (
      .clk_i,
      .we_i   (ram_we_q[b]),
      .waddr_i(ram_waddr_q),
      .wdata_i(ram_wdata_q[8*b +: 8]),
      .raddr_i(ram_raddr),
      .rdata_o(ram_rdata[8*b +: 8])
    );
  end

  logic unused_bits;
  assign unused_bits = ^{host_addr_i, araddr_i, awaddr_i};

endmodule
