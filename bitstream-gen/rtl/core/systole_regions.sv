// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The region table of the running submission, in LUT RAM: written beat by beat as it comes from memory, read by LOAD and
// STORE in the same cycle.
//
// A beat holds a part of a region, one, or several, as the bus is wide.

module systole_regions
  import systole_pkg::*;
  import systole_cfg_pkg::*;
#(
  parameter int unsigned Readers = 2,
  localparam int unsigned Iw = $clog2(NumRegions)
) (
  input  logic                       clk_i,

  input  logic                       we_i,
  input  logic [7:0]                 beat_i,
  input  logic [8*BusBytes-1:0]      wdata_i,

  input  logic [Readers-1:0][Iw-1:0] index_i,
  output region_t [Readers-1:0]      rdata_o
);

  logic unused_beat;
  assign unused_beat = ^beat_i;

  if (BusBytes <= RegionBytes) begin : g_parts
    localparam int unsigned Parts = RegionBytes / BusBytes;
    localparam int unsigned Pw = $clog2(Parts);

    for (genvar r = 0; r < Readers; r++) begin : g_reader
      logic [Parts-1:0][8*BusBytes-1:0] parts;

      for (genvar p = 0; p < Parts; p++) begin : g_part
        (* ram_style = "distributed" *) logic [8*BusBytes-1:0] mem_q[NumRegions];

        always_ff @(posedge clk_i) begin
          if (we_i && 32'(beat_i) % Parts == p) mem_q[beat_i[Pw +: Iw]] <= wdata_i;
        end
        assign parts[p] = mem_q[index_i[r]];
      end
      assign rdata_o[r] = parts;
    end
  end else begin : g_several
    localparam int unsigned Several = BusBytes / RegionBytes;
    localparam int unsigned Sw = $clog2(Several);

    for (genvar r = 0; r < Readers; r++) begin : g_reader
      (* ram_style = "distributed" *) logic [8*BusBytes-1:0] mem_q[NumRegions/Several];
      region_t [Several-1:0] several;

      always_ff @(posedge clk_i) begin
        if (we_i) mem_q[beat_i[Iw-Sw-1:0]] <= wdata_i;
      end
      assign several    = mem_q[index_i[r][Iw-1:Sw]];
      assign rdata_o[r] = several[index_i[r][Sw-1:0]];
    end
  end

endmodule
