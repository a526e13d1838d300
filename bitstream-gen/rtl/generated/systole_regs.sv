// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The register file: storage of the registers that the host writes, write strobes, and the read
// multiplexer. Read data follow the address by one cycle and reading has no effect; a register that
// reacts to a read is watched by its owner. A write takes effect on the next edge and its strobe is
// combinational. Undeclared offsets read zero and ignore writes.
//
// Generated from the contract in driver/isa; do not edit. To regenerate:
//   cargo run -p systole-bitgen --bin systole-generate

module systole_regs
  import systole_pkg::*;
(
  input  logic        clk_i,
  input  logic        rst_ni,

  // One write a cycle; bytes without strobe keep their value, or count as zero in a command.
  input  logic        write_i,
  input  logic [11:0] write_addr_i,
  input  logic [31:0] write_data_i,
  input  logic [3:0]  write_strb_i,

  input  logic [11:0] read_addr_i,
  output logic [31:0] read_data_o,

  input  reg_hw_t     hw_i,
  input  logic        clear_indices_i,
  output reg_q_t      q_o,
  output reg_we_t     we_o,
  output logic [31:0] we_data_o
);

  reg_q_t q_d, q_q;
  reg_we_t we;
  logic [31:0] mask;

  assign mask = {{8{write_strb_i[3]}}, {8{write_strb_i[2]}}, {8{write_strb_i[1]}}, {8{write_strb_i[0]}}};

  always_comb begin
    we = '0;
    we.control = write_i && write_addr_i == RegControl;
    we.reset = write_i && write_addr_i == RegReset;
    we.irq_enable = write_i && write_addr_i == RegIrqEnable;
    we.irq_status = write_i && write_addr_i == RegIrqStatus;
    we.watchdog = write_i && write_addr_i == RegWatchdog;
    we.bus_timeout = write_i && write_addr_i == RegBusTimeout;
    we.sq_base_lo = write_i && write_addr_i == RegSqBaseLo;
    we.sq_base_hi = write_i && write_addr_i == RegSqBaseHi;
    we.sq_size = write_i && write_addr_i == RegSqSize;
    we.sq_tail = write_i && write_addr_i == RegSqTail;
    we.cq_base_lo = write_i && write_addr_i == RegCqBaseLo;
    we.cq_base_hi = write_i && write_addr_i == RegCqBaseHi;
    we.cq_size = write_i && write_addr_i == RegCqSize;
    we.cq_head = write_i && write_addr_i == RegCqHead;
    we.trace_base_lo = write_i && write_addr_i == RegTraceBaseLo;
    we.trace_base_hi = write_i && write_addr_i == RegTraceBaseHi;
    we.trace_size = write_i && write_addr_i == RegTraceSize;
  end

  always_comb begin
    q_d = q_q;
    if (we.control) q_d.control = (q_q.control & ~mask) | (write_data_i & mask);
    if (we.irq_enable) q_d.irq_enable = (q_q.irq_enable & ~mask) | (write_data_i & mask);
    if (we.watchdog) q_d.watchdog = (q_q.watchdog & ~mask) | (write_data_i & mask);
    if (we.bus_timeout) q_d.bus_timeout = (q_q.bus_timeout & ~mask) | (write_data_i & mask);
    if (we.sq_base_lo) q_d.sq_base_lo = (q_q.sq_base_lo & ~mask) | (write_data_i & mask);
    if (we.sq_base_hi) q_d.sq_base_hi = (q_q.sq_base_hi & ~mask) | (write_data_i & mask);
    if (we.sq_size) q_d.sq_size = (q_q.sq_size & ~mask) | (write_data_i & mask);
    if (we.sq_tail) q_d.sq_tail = (q_q.sq_tail & ~mask) | (write_data_i & mask);
    if (we.cq_base_lo) q_d.cq_base_lo = (q_q.cq_base_lo & ~mask) | (write_data_i & mask);
    if (we.cq_base_hi) q_d.cq_base_hi = (q_q.cq_base_hi & ~mask) | (write_data_i & mask);
    if (we.cq_size) q_d.cq_size = (q_q.cq_size & ~mask) | (write_data_i & mask);
    if (we.cq_head) q_d.cq_head = (q_q.cq_head & ~mask) | (write_data_i & mask);
    if (we.trace_base_lo) q_d.trace_base_lo = (q_q.trace_base_lo & ~mask) | (write_data_i & mask);
    if (we.trace_base_hi) q_d.trace_base_hi = (q_q.trace_base_hi & ~mask) | (write_data_i & mask);
    if (we.trace_size) q_d.trace_size = (q_q.trace_size & ~mask) | (write_data_i & mask);
    q_d.control = q_d.control & 32'h00000001;
    q_d.irq_enable = q_d.irq_enable & 32'h00000003;
    if (clear_indices_i) begin
      q_d.sq_tail = '0;
      q_d.cq_head = '0;
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) q_q <= RegFileReset;
    else q_q <= q_d;
  end

  logic [9:0][31:0] page_q;
  logic [9:0] hit_q;

  always_ff @(posedge clk_i) begin
    hit_q[0] <= read_addr_i[11:5] == 7'd0;
    unique case (read_addr_i[4:2])
      RegMagic[4:2]: page_q[0] <= hw_i.magic;
      RegAbiHashLo[4:2]: page_q[0] <= hw_i.abi_hash_lo;
      RegAbiHashHi[4:2]: page_q[0] <= hw_i.abi_hash_hi;
      RegBuildId[4:2]: page_q[0] <= hw_i.build_id;
      RegConfigId[4:2]: page_q[0] <= hw_i.config_id;
      RegConfigArray[4:2]: page_q[0] <= hw_i.config_array;
      RegConfigSpad[4:2]: page_q[0] <= hw_i.config_spad;
      RegConfigAcc[4:2]: page_q[0] <= hw_i.config_acc;
      default: page_q[0] <= '0;
    endcase
    hit_q[1] <= read_addr_i[11:5] == 7'd1;
    unique case (read_addr_i[4:2])
      RegConfigParamRow[4:2]: page_q[1] <= hw_i.config_param_row;
      default: page_q[1] <= '0;
    endcase
    hit_q[2] <= read_addr_i[11:5] == 7'd2;
    unique case (read_addr_i[4:2])
      RegControl[4:2]: page_q[2] <= q_q.control;
      RegStatus[4:2]: page_q[2] <= hw_i.status;
      RegIrqEnable[4:2]: page_q[2] <= q_q.irq_enable;
      RegIrqStatus[4:2]: page_q[2] <= hw_i.irq_status;
      RegWatchdog[4:2]: page_q[2] <= q_q.watchdog;
      RegBusTimeout[4:2]: page_q[2] <= q_q.bus_timeout;
      default: page_q[2] <= '0;
    endcase
    hit_q[3] <= read_addr_i[11:5] == 7'd3;
    unique case (read_addr_i[4:2])
      RegFault[4:2]: page_q[3] <= hw_i.fault;
      RegFaultInstruction[4:2]: page_q[3] <= hw_i.fault_instruction;
      RegFaultAddressLo[4:2]: page_q[3] <= hw_i.fault_address_lo;
      RegFaultAddressHi[4:2]: page_q[3] <= hw_i.fault_address_hi;
      default: page_q[3] <= '0;
    endcase
    hit_q[4] <= read_addr_i[11:5] == 7'd4;
    unique case (read_addr_i[4:2])
      RegSqBaseLo[4:2]: page_q[4] <= q_q.sq_base_lo;
      RegSqBaseHi[4:2]: page_q[4] <= q_q.sq_base_hi;
      RegSqSize[4:2]: page_q[4] <= q_q.sq_size;
      RegSqHead[4:2]: page_q[4] <= hw_i.sq_head;
      RegSqTail[4:2]: page_q[4] <= q_q.sq_tail;
      default: page_q[4] <= '0;
    endcase
    hit_q[5] <= read_addr_i[11:5] == 7'd5;
    unique case (read_addr_i[4:2])
      RegCqBaseLo[4:2]: page_q[5] <= q_q.cq_base_lo;
      RegCqBaseHi[4:2]: page_q[5] <= q_q.cq_base_hi;
      RegCqSize[4:2]: page_q[5] <= q_q.cq_size;
      RegCqHead[4:2]: page_q[5] <= q_q.cq_head;
      RegCqTail[4:2]: page_q[5] <= hw_i.cq_tail;
      default: page_q[5] <= '0;
    endcase
    hit_q[6] <= read_addr_i[11:5] == 7'd6;
    unique case (read_addr_i[4:2])
      RegTraceBaseLo[4:2]: page_q[6] <= q_q.trace_base_lo;
      RegTraceBaseHi[4:2]: page_q[6] <= q_q.trace_base_hi;
      RegTraceSize[4:2]: page_q[6] <= q_q.trace_size;
      RegTraceCount[4:2]: page_q[6] <= hw_i.trace_count;
      default: page_q[6] <= '0;
    endcase
    hit_q[7] <= read_addr_i[11:5] == 7'd8;
    unique case (read_addr_i[4:2])
      RegCycleLo[4:2]: page_q[7] <= hw_i.cycle_lo;
      RegCycleHi[4:2]: page_q[7] <= hw_i.cycle_hi;
      RegLoadBusy[4:2]: page_q[7] <= hw_i.load_busy;
      RegLoadWait[4:2]: page_q[7] <= hw_i.load_wait;
      RegLoadStall[4:2]: page_q[7] <= hw_i.load_stall;
      default: page_q[7] <= '0;
    endcase
    hit_q[8] <= read_addr_i[11:5] == 7'd9;
    unique case (read_addr_i[4:2])
      RegGemmBusy[4:2]: page_q[8] <= hw_i.gemm_busy;
      RegGemmWait[4:2]: page_q[8] <= hw_i.gemm_wait;
      RegGemmStall[4:2]: page_q[8] <= hw_i.gemm_stall;
      RegVectorBusy[4:2]: page_q[8] <= hw_i.vector_busy;
      RegVectorWait[4:2]: page_q[8] <= hw_i.vector_wait;
      RegVectorStall[4:2]: page_q[8] <= hw_i.vector_stall;
      default: page_q[8] <= '0;
    endcase
    hit_q[9] <= read_addr_i[11:5] == 7'd10;
    unique case (read_addr_i[4:2])
      RegStoreBusy[4:2]: page_q[9] <= hw_i.store_busy;
      RegStoreWait[4:2]: page_q[9] <= hw_i.store_wait;
      RegStoreStall[4:2]: page_q[9] <= hw_i.store_stall;
      default: page_q[9] <= '0;
    endcase
  end

  always_comb begin
    read_data_o = '0;
    for (int unsigned p = 0; p <= 9; p++) begin
      read_data_o = read_data_o | (page_q[p] & {32{hit_q[p]}});
    end
  end

  assign q_o = q_q;
  assign we_o = we;
  assign we_data_o = write_data_i & mask;

  logic unused_low;
  assign unused_low = ^read_addr_i[1:0];

  // At most one register is written at a time.
  assert property (@(posedge clk_i) disable iff (!rst_ni) $onehot0(we));

endmodule
