// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The register file: storage of the registers that the host writes, write strobes, and the read
// multiplexer. Reads are combinational and have no effect; a register that reacts to a read is
// watched by its owner. A write takes effect on the next edge and its strobe is combinational.
// Undeclared offsets read zero and ignore writes.
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

  always_comb begin
    unique case (read_addr_i)
      RegMagic: read_data_o = hw_i.magic;
      RegAbiHashLo: read_data_o = hw_i.abi_hash_lo;
      RegAbiHashHi: read_data_o = hw_i.abi_hash_hi;
      RegBuildId: read_data_o = hw_i.build_id;
      RegConfigId: read_data_o = hw_i.config_id;
      RegConfigArray: read_data_o = hw_i.config_array;
      RegConfigSpad: read_data_o = hw_i.config_spad;
      RegConfigAcc: read_data_o = hw_i.config_acc;
      RegConfigParamRow: read_data_o = hw_i.config_param_row;
      RegControl: read_data_o = q_q.control;
      RegStatus: read_data_o = hw_i.status;
      RegIrqEnable: read_data_o = q_q.irq_enable;
      RegIrqStatus: read_data_o = hw_i.irq_status;
      RegWatchdog: read_data_o = q_q.watchdog;
      RegFault: read_data_o = hw_i.fault;
      RegFaultInstruction: read_data_o = hw_i.fault_instruction;
      RegFaultAddressLo: read_data_o = hw_i.fault_address_lo;
      RegFaultAddressHi: read_data_o = hw_i.fault_address_hi;
      RegSqBaseLo: read_data_o = q_q.sq_base_lo;
      RegSqBaseHi: read_data_o = q_q.sq_base_hi;
      RegSqSize: read_data_o = q_q.sq_size;
      RegSqHead: read_data_o = hw_i.sq_head;
      RegSqTail: read_data_o = q_q.sq_tail;
      RegCqBaseLo: read_data_o = q_q.cq_base_lo;
      RegCqBaseHi: read_data_o = q_q.cq_base_hi;
      RegCqSize: read_data_o = q_q.cq_size;
      RegCqHead: read_data_o = q_q.cq_head;
      RegCqTail: read_data_o = hw_i.cq_tail;
      RegTraceBaseLo: read_data_o = q_q.trace_base_lo;
      RegTraceBaseHi: read_data_o = q_q.trace_base_hi;
      RegTraceSize: read_data_o = q_q.trace_size;
      RegTraceCount: read_data_o = hw_i.trace_count;
      RegCycleLo: read_data_o = hw_i.cycle_lo;
      RegCycleHi: read_data_o = hw_i.cycle_hi;
      RegLoadBusy: read_data_o = hw_i.load_busy;
      RegLoadWait: read_data_o = hw_i.load_wait;
      RegLoadStall: read_data_o = hw_i.load_stall;
      RegGemmBusy: read_data_o = hw_i.gemm_busy;
      RegGemmWait: read_data_o = hw_i.gemm_wait;
      RegGemmStall: read_data_o = hw_i.gemm_stall;
      RegVectorBusy: read_data_o = hw_i.vector_busy;
      RegVectorWait: read_data_o = hw_i.vector_wait;
      RegVectorStall: read_data_o = hw_i.vector_stall;
      RegStoreBusy: read_data_o = hw_i.store_busy;
      RegStoreWait: read_data_o = hw_i.store_wait;
      RegStoreStall: read_data_o = hw_i.store_stall;
      default: read_data_o = '0;
    endcase
  end

  assign q_o = q_q;
  assign we_o = we;
  assign we_data_o = write_data_i & mask;

  // At most one register is written at a time.
  assert property (@(posedge clk_i) disable iff (!rst_ni) $onehot0(we));

endmodule
