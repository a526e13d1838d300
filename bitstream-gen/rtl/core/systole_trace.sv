// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Trace records of the units, and the one writer that they share with the engine's completions.
//
// A unit never waits for room: its record is taken, the lowest unit's first, and dropped when size_i are written. A completion
// is asked for when the units are stopped and the bus is quiet, so that no record is under way then.

module systole_trace
  import systole_pkg::*;
  import systole_cfg_pkg::*;
(
  input  logic                  clk_i,
  input  logic                  rst_ni,
  input  logic                  clr_i,

  input  logic [63:0]           cycle_i,
  input  logic [63:0]           id_i,        // of the submission
  input  logic [63:0]           base_i,
  input  logic [31:0]           size_i,      // records that there is room for
  input  logic                  restart_i,   // counts from 0 again

  // What the units have to tell.
  input  logic [3:0]            valid_i,
  output logic [3:0]            ready_o,
  input  logic [3:0][15:0]      tag_i,
  input  logic [3:0][31:0]      index_i,
  input  logic [3:0][31:0]      start_i,
  input  logic [3:0][31:0]      end_i,

  output logic                  busy_o,
  output logic [31:0]           count_o,
  // The bus refused a record: whose, and where.
  output logic                  failed_o,
  output unit_e                 unit_o,
  output logic [31:0]           failed_index_o,
  output logic [63:0]           failed_address_o,

  input  logic                  completion_valid_i,
  input  logic [63:0]           completion_addr_i,
  input  completion_t           completion_i,
  output logic                  done_o,
  output logic                  error_o,
  output logic                  writing_o,   // a record, of either kind

  output logic                  req_valid_o,
  input  logic                  req_ready_i,
  output logic [63:0]           req_addr_o,
  output logic [7:0]            req_len_o,
  output logic                  wvalid_o,
  input  logic                  wready_i,
  output logic [8*BusBytes-1:0] wdata_o,
  output logic [BusBytes-1:0]   wstrb_o,
  input  logic                  resp_i,
  input  logic                  resp_error_i
);

  logic          busy_q, made_q;
  logic [1:0]    pick, unit_q;
  trace_record_t record_q;
  logic [63:0]   addr_q;
  logic [31:0]   count_q, index_q, start_q, end_q;
  logic [15:0]   tag_q;

  always_comb begin
    pick = '0;
    for (int u = 3; u >= 0; u--) begin
      if (valid_i[u]) pick = 2'(u);
    end
    ready_o       = '0;
    ready_o[pick] = valid_i != '0 && !busy_q;
  end

  // Stamps are the low halves of what was the cycle less than 2^32 cycles ago: their upper half is that of now, or the
  // one before.
  logic [63:0] now_q;
  logic [31:0] before_q;

  always_ff @(posedge clk_i) begin
    now_q    <= cycle_i;
    before_q <= cycle_i[63:32] - 32'd1;
  end

  function automatic logic [63:0] stamp(logic [63:0] now, logic [31:0] before_now, logic [31:0] low);
    return {low > now[31:0] ? before_now : now[63:32], low};
  endfunction

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      busy_q  <= 1'b0;
      made_q  <= 1'b0;
      count_q <= '0;
    end else begin
      made_q <= busy_q && !done_o;
      if (!busy_q) busy_q <= valid_i != '0 && count_q < size_i && !clr_i;
      else if (done_o) busy_q <= 1'b0;
      if (restart_i) count_q <= '0;
      else if (busy_q && done_o && !error_o) count_q <= count_q + 32'd1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!busy_q) begin
      unit_q  <= pick;
      addr_q  <= base_i + (64'(count_q) << 5);
      tag_q   <= tag_i[pick];
      index_q <= index_i[pick];
      start_q <= start_i[pick];
      end_q   <= end_i[pick];
    end
    // The record is made from what was picked a cycle later, and stays until it is written.
    if (!made_q) begin
      record_q <= '{tag: tag_q, unit: 8'(unit_q) + UnitLoad, reserved: '0, instruction: index_q, id: id_i,
                    start: stamp(now_q, before_q, start_q),
                    end_cycle: stamp(now_q, before_q, end_q)};
    end
  end

  assign busy_o           = busy_q;
  assign count_o          = count_q;
  assign failed_o         = busy_q && done_o && error_o;
  assign unit_o           = unit_e'(record_q.unit);
  assign failed_index_o   = record_q.instruction;
  assign failed_address_o = addr_q;

  systole_record u_record (
    .clk_i,
    .rst_ni,
    .valid_i (busy_q ? made_q : completion_valid_i),
    .addr_i  (busy_q ? addr_q : completion_addr_i),
    .data_i  (busy_q ? record_q : completion_i),
    .done_o,
    .error_o,
    .busy_o  (writing_o),
    .req_valid_o,
    .req_ready_i,
    .req_addr_o,
    .req_len_o,
    .wvalid_o,
    .wready_i,
    .wdata_o,
    .wstrb_o,
    .resp_i,
    .resp_error_i
  );

endmodule
