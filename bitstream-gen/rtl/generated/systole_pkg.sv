// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The hardware contract: instructions, registers, memory layouts, function tables.
//
// Generated from the contract in driver/isa; do not edit. To regenerate:
//   cargo run -p systole-bitgen --bin systole-generate

package systole_pkg;

  localparam longint unsigned AbiHash = 64'hbcfd961363f1e021;  // hash over the contract
  localparam int unsigned Magic = 32'h54535953;  // what the MAGIC register reads
  localparam int unsigned RegWindowBytes = 4096;  // bytes of the register window
  localparam int unsigned InstructionBytes = 32;  // bytes of an instruction
  localparam int unsigned InstructionBits = 256;  // bits of an instruction
  localparam int unsigned DramAlign = 32;  // alignment of DRAM offsets, pitches and regions
  localparam int unsigned NumSemaphores = 16;  // counting semaphores
  localparam int unsigned SemaphoreMax = 65535;  // largest count of a semaphore
  localparam int unsigned SemaphoreWidth = 16;  // bits of its count
  localparam int unsigned NumRegions = 8;  // entries of the region table
  localparam int unsigned ParamBytes = 8;  // bytes of a PARAM record
  localparam int unsigned MaxMoments = 4096;  // most columns behind the moments
  localparam int unsigned RegionWriteBit = 0;  // flag: stores are permitted
  localparam int unsigned SubmitInterruptBit = 0;  // flag: interrupt at the end
  localparam int unsigned SubmitTraceBit = 1;  // flag: write trace records

  // Consumers of instructions.
  typedef enum logic [7:0] {
    // Fetch and dispatch.
    UnitControl = 8'd0,
    // DRAM to chip.
    UnitLoad = 8'd1,
    // The systolic array.
    UnitGemm = 8'd2,
    // The vector lanes.
    UnitVector = 8'd3,
    // Chip to DRAM.
    UnitStore = 8'd4
  } unit_e;

  // On-chip memories that LOAD and STORE reach.
  typedef enum logic [7:0] {
    // INT8 scratchpad, N bytes a word: operands of the array.
    MemorySpad = 8'd0,
    // INT32 accumulator, N values a word: results of the array, rows under LayerNorm, the residual.
    MemoryAcc = 8'd1,
    // Per-channel records, N a word.
    MemoryParam = 8'd2
    // 8'd3 is reserved: row memory transfer
  } memory_e;

  // Element formats in DRAM.
  typedef enum logic [7:0] {
    // One byte an element; SPAD only.
    FormatI8 = 8'd0,
    // Two bytes; LOAD sign-extends to ACC, STORE saturates from ACC.
    FormatI16 = 8'd1,
    // Four bytes; ACC only.
    FormatI32 = 8'd2,
    // Eight bytes a record; LOAD to PARAM only.
    FormatRecord = 8'd3
    // 8'd4 is reserved: 4-bit weight expansion
    // 8'd5 is reserved: 2-bit weight expansion
    // 8'd6 is reserved: 6-bit weight expansion
  } format_e;

  // Functions of MAP.
  typedef enum logic [7:0] {
    // The identity.
    FunctionNone = 8'd0,
    // max(x, 0).
    FunctionRelu = 8'd1,
    // Gaussian error linear unit with the exact error function.
    FunctionGelu = 8'd2,
    // 2^x for x <= 0 in Q12; 1.0 is 127 * 256. Positive inputs count as 0.
    FunctionExp2 = 8'd3,
    // Hyperbolic tangent.
    FunctionTanh = 8'd4
    // 8'd5 is reserved: gelu with tanh
    // 8'd6 is reserved: sigmoid
    // 8'd7 is reserved: silu
  } function_e;

  // Row statistics of MAP.
  typedef enum logic [7:0] {
    // None; `row_out` is unused and zero.
    StatNone = 8'd0,
    // Largest value.
    StatMax = 8'd1,
    // Largest magnitude.
    StatAbsmax = 8'd2,
    // Sum.
    StatSum = 8'd3,
    // Sum and sum of squares; needs an output of 18 bits or fewer.
    StatMoments = 8'd4
  } stat_e;

  // Outputs of MAP.
  typedef enum logic [7:0] {
    // Nowhere: only the statistic is kept; values stay 32 bits.
    OutputNone = 8'd0,
    // SPAD, 8 bits.
    OutputSpadI8 = 8'd1,
    // ACC, 16 bits: the residual stream.
    OutputAccI16 = 8'd2,
    // ACC, 18 bits: the sum under LayerNorm.
    OutputAccI18 = 8'd3,
    // ACC, 32 bits.
    OutputAccI32 = 8'd4
  } output_e;

  // Conversions of ROW.
  typedef enum logic [7:0] {
    // `num * 2^frac / a`: the reciprocal of a softmax sum, or the quantizer of a dynamic row.
    RowKindRecip = 8'd0,
    // `a * 2^frac`: the scale of a dynamic row.
    RowKindScale = 8'd1,
    // Mean and reciprocal standard deviation over `count` values: LayerNorm.
    RowKindRstd = 8'd2
  } row_kind_e;

  // Why a submission stopped.
  typedef enum logic [7:0] {
    // The submission completed.
    CauseNone = 8'd0,
    // The bytes are no instruction: unknown opcode, unassigned code or stray bits.
    CauseIllegalInstruction = 8'd1,
    // A reserved feature of the contract that this build does not execute.
    CauseUnimplemented = 8'd2,
    // An operand breaks a rule of the instruction set.
    CauseIllegalOperand = 8'd3,
    // A word address lies behind the end of SPAD.
    CauseScratchpadBounds = 8'd4,
    // A word address lies behind the end of ACC.
    CauseAccumulatorBounds = 8'd5,
    // A word address lies behind the end of PARAM.
    CauseParamBounds = 8'd6,
    // An entry lies behind the end of ROW.
    CauseRowBounds = 8'd7,
    // A DRAM access lies outside its region.
    CauseRegionBounds = 8'd8,
    // A store into a region without write permission.
    CauseRegionReadOnly = 8'd9,
    // A region's base or size is no multiple of 32, or it wraps around the address space.
    CauseRegionMalformed = 8'd10,
    // A post would lift a semaphore above its maximum.
    CauseSemaphoreOverflow = 8'd11,
    // No unit can proceed and the program has not ended.
    CauseDeadlock = 8'd12,
    // The submission took more cycles than the watchdog allows.
    CauseWatchdog = 8'd13,
    // The bus answered an access with an error.
    CauseBusError = 8'd14,
    // The program's last instruction is no END, or an END came before the last.
    CauseProgramEnd = 8'd15,
    // The submission names another ABI hash than the device's.
    CauseAbiMismatch = 8'd16,
    // A ring's base, size or index is unusable, or an address in a submission is not aligned.
    CauseRingMalformed = 8'd17,
    // The host reset the engine while the submission ran.
    CauseAborted = 8'd18,
    // The bus did not answer the engine within BUS_TIMEOUT cycles. The engine halts without a
    // completion.
    CauseBusHung = 8'd19
  } cause_e;

  // Operation codes, byte 0 of an instruction.
  typedef enum logic [7:0] {
    OpEnd = 8'h01,
    OpLoad = 8'h10,
    OpGemm = 8'h20,
    OpMap = 8'h30,
    OpRow = 8'h31,
    OpStore = 8'h40
  } opcode_e;

  // Ends the program. The fetcher dispatches nothing after it; the submission completes when every
  // unit is idle.
  typedef struct packed {
    logic [191:0] zero_8;  // byte 8
    logic [15:0] post_mask;  // byte 6
    logic [15:0] wait_mask;  // byte 4
    logic [15:0] tag;  // byte 2
    logic [7:0] zero_flags_0;  // byte 1, bits 7:0
    opcode_e opcode;  // byte 0
  } inst_end_t;

  // Copies `rows` rows of `cols` elements from DRAM to an on-chip memory.
  typedef struct packed {
    logic [31:0] zero_28;  // byte 28
    logic [15:0] cols;  // byte 26
    logic [15:0] rows;  // byte 24
    logic [31:0] pitch;  // byte 20
    logic [31:0] offset;  // byte 16
    logic [15:0] dst_stride;  // byte 14
    logic [15:0] dst;  // byte 12
    logic [7:0] zero_11;  // byte 11
    logic [7:0] region;  // byte 10
    format_e format;  // byte 9
    memory_e memory;  // byte 8
    logic [15:0] post_mask;  // byte 6
    logic [15:0] wait_mask;  // byte 4
    logic [15:0] tag;  // byte 2
    logic [7:0] zero_flags_0;  // byte 1, bits 7:0
    opcode_e opcode;  // byte 0
  } inst_load_t;

  // Multiplies an M x K block by a K x N block, both INT8 in SPAD, into INT32 in ACC (wrapping).
  typedef struct packed {
    logic [47:0] zero_26;  // byte 26
    logic [15:0] n;  // byte 24
    logic [15:0] k;  // byte 22
    logic [15:0] m;  // byte 20
    logic [15:0] c_stride;  // byte 18
    logic [15:0] c;  // byte 16
    logic [15:0] b_stride;  // byte 14
    logic [15:0] b;  // byte 12
    logic [15:0] a_stride;  // byte 10
    logic [15:0] a;  // byte 8
    logic [15:0] post_mask;  // byte 6
    logic [15:0] wait_mask;  // byte 4
    logic [15:0] tag;  // byte 2
    logic [5:0] zero_flags_2;  // byte 1, bits 7:2
    logic transpose_b;  // byte 1, bit 1
    logic accumulate;  // byte 1, bit 0
    opcode_e opcode;  // byte 0
  } inst_gemm_t;

  // One pass of the vector lanes over `rows` x `cols`: row stage, channel stage, add, function,
  // output, statistic.
  typedef struct packed {
    logic [7:0] out_shift;  // byte 31
    output_e output_code;  // byte 30
    stat_e stat;  // byte 29
    function_e function_code;  // byte 28
    logic [15:0] row_out;  // byte 26
    logic [15:0] row_in;  // byte 24
    logic [15:0] cols;  // byte 22
    logic [15:0] rows;  // byte 20
    logic [15:0] param;  // byte 18
    logic [15:0] aux;  // byte 16
    logic [15:0] dst_stride;  // byte 14
    logic [15:0] dst;  // byte 12
    logic [15:0] src_stride;  // byte 10
    logic [15:0] src;  // byte 8
    logic [15:0] post_mask;  // byte 6
    logic [15:0] wait_mask;  // byte 4
    logic [15:0] tag;  // byte 2
    logic [0:0] zero_flags_7;  // byte 1, bits 7:7
    logic stat_init;  // byte 1, bit 6
    logic add;  // byte 1, bit 5
    logic broadcast;  // byte 1, bit 4
    logic channel;  // byte 1, bit 3
    logic row_scale;  // byte 1, bit 2
    logic row_sub;  // byte 1, bit 1
    logic src_spad;  // byte 1, bit 0
    opcode_e opcode;  // byte 0
  } inst_map_t;

  // Turns `rows` ROW statistics into ROW scales.
  typedef struct packed {
    logic [63:0] zero_24;  // byte 24
    logic [31:0] eps;  // byte 20
    logic [15:0] num;  // byte 18
    logic [15:0] count;  // byte 16
    logic [15:0] rows;  // byte 14
    logic [15:0] dst;  // byte 12
    logic [15:0] src;  // byte 10
    logic signed [7:0] frac;  // byte 9
    row_kind_e kind;  // byte 8
    logic [15:0] post_mask;  // byte 6
    logic [15:0] wait_mask;  // byte 4
    logic [15:0] tag;  // byte 2
    logic [7:0] zero_flags_0;  // byte 1, bits 7:0
    opcode_e opcode;  // byte 0
  } inst_row_t;

  // Copies `rows` rows of `cols` elements from SPAD or ACC to DRAM; exactly those bytes are
  // written.
  typedef struct packed {
    logic [31:0] zero_28;  // byte 28
    logic [15:0] cols;  // byte 26
    logic [15:0] rows;  // byte 24
    logic [31:0] pitch;  // byte 20
    logic [31:0] offset;  // byte 16
    logic [15:0] src_stride;  // byte 14
    logic [15:0] src;  // byte 12
    logic [7:0] zero_11;  // byte 11
    logic [7:0] region;  // byte 10
    format_e format;  // byte 9
    memory_e memory;  // byte 8
    logic [15:0] post_mask;  // byte 6
    logic [15:0] wait_mask;  // byte 4
    logic [15:0] tag;  // byte 2
    logic [7:0] zero_flags_0;  // byte 1, bits 7:0
    opcode_e opcode;  // byte 0
  } inst_store_t;

  // Bits of each operation that no field covers and that must be zero.
  localparam logic [InstructionBits-1:0] EndStrayBits =
    256'hffffffffffffffffffffffffffffffffffffffffffffffff000000000000ff00;
  localparam logic [InstructionBits-1:0] LoadStrayBits =
    256'hffffffff00000000000000000000000000000000ff000000000000000000ff00;
  localparam logic [InstructionBits-1:0] GemmStrayBits =
    256'hffffffffffff000000000000000000000000000000000000000000000000f800;
  localparam logic [InstructionBits-1:0] MapStrayBits =
    256'h0000000000000000000000000000000000000000000000000000000000000000;
  localparam logic [InstructionBits-1:0] RowStrayBits =
    256'hffffffffffffffff00000000000000000000000000000000000000000000ff00;
  localparam logic [InstructionBits-1:0] StoreStrayBits =
    256'hffffffff00000000000000000000000000000000ff000000000000000000ff00;

  function automatic cause_e judge_memory(logic [7:0] code);
    cause_e cause;
    unique case (code)
      MemorySpad, MemoryAcc, MemoryParam:
        cause = CauseNone;
      8'd3: cause = CauseUnimplemented;
      default: cause = CauseIllegalInstruction;
    endcase
    return cause;
  endfunction

  function automatic cause_e judge_format(logic [7:0] code);
    cause_e cause;
    unique case (code)
      FormatI8, FormatI16, FormatI32, FormatRecord:
        cause = CauseNone;
      8'd4, 8'd5, 8'd6: cause = CauseUnimplemented;
      default: cause = CauseIllegalInstruction;
    endcase
    return cause;
  endfunction

  function automatic cause_e judge_function(logic [7:0] code);
    cause_e cause;
    unique case (code)
      FunctionNone, FunctionRelu, FunctionGelu, FunctionExp2, FunctionTanh:
        cause = CauseNone;
      8'd5, 8'd6, 8'd7: cause = CauseUnimplemented;
      default: cause = CauseIllegalInstruction;
    endcase
    return cause;
  endfunction

  function automatic cause_e judge_stat(logic [7:0] code);
    cause_e cause;
    unique case (code)
      StatNone, StatMax, StatAbsmax, StatSum, StatMoments:
        cause = CauseNone;
      default: cause = CauseIllegalInstruction;
    endcase
    return cause;
  endfunction

  function automatic cause_e judge_output(logic [7:0] code);
    cause_e cause;
    unique case (code)
      OutputNone, OutputSpadI8, OutputAccI16, OutputAccI18, OutputAccI32:
        cause = CauseNone;
      default: cause = CauseIllegalInstruction;
    endcase
    return cause;
  endfunction

  function automatic cause_e judge_row_kind(logic [7:0] code);
    cause_e cause;
    unique case (code)
      RowKindRecip, RowKindScale, RowKindRstd:
        cause = CauseNone;
      default: cause = CauseIllegalInstruction;
    endcase
    return cause;
  endfunction

  // Whether the bits are an instruction: CauseNone, CauseUnimplemented for a reserved feature, else
  // CauseIllegalInstruction. Operand rules are judged elsewhere.
  function automatic cause_e judge_encoding(logic [InstructionBits-1:0] bits);
    cause_e cause;
    cause = CauseNone;
    unique case (bits[7:0])
      OpEnd: begin
        if ((bits & EndStrayBits) != '0) cause = CauseIllegalInstruction;
      end
      OpLoad: begin
        if (judge_memory(bits[71:64]) != CauseNone) begin
          cause = judge_memory(bits[71:64]);
        end
        else if (judge_format(bits[79:72]) != CauseNone) begin
          cause = judge_format(bits[79:72]);
        end
        else if ((bits & LoadStrayBits) != '0) cause = CauseIllegalInstruction;
      end
      OpGemm: begin
        if ((bits[15:8] & 8'h04) != '0) cause = CauseUnimplemented;
        else if ((bits & GemmStrayBits) != '0) cause = CauseIllegalInstruction;
      end
      OpMap: begin
        if ((bits[15:8] & 8'h80) != '0) cause = CauseUnimplemented;
        else if (judge_function(bits[231:224]) != CauseNone) begin
          cause = judge_function(bits[231:224]);
        end
        else if (judge_stat(bits[239:232]) != CauseNone) begin
          cause = judge_stat(bits[239:232]);
        end
        else if (judge_output(bits[247:240]) != CauseNone) begin
          cause = judge_output(bits[247:240]);
        end
        else if ((bits & MapStrayBits) != '0) cause = CauseIllegalInstruction;
      end
      OpRow: begin
        if (judge_row_kind(bits[71:64]) != CauseNone) begin
          cause = judge_row_kind(bits[71:64]);
        end
        else if ((bits & RowStrayBits) != '0) cause = CauseIllegalInstruction;
      end
      OpStore: begin
        if (judge_memory(bits[71:64]) != CauseNone) begin
          cause = judge_memory(bits[71:64]);
        end
        else if (judge_format(bits[79:72]) != CauseNone) begin
          cause = judge_format(bits[79:72]);
        end
        else if ((bits & StoreStrayBits) != '0) cause = CauseIllegalInstruction;
      end
      default: cause = CauseIllegalInstruction;
    endcase
    return cause;
  endfunction

  // Memory layout of 16 bytes, byte 0 in bits 7:0.
  localparam int unsigned RegionBytes = 16;
  typedef struct packed {
    logic [31:0] flags;  // byte 12
    logic [31:0] size;  // byte 8
    logic [63:0] base;  // byte 0
  } region_t;

  // Memory layout of 64 bytes, byte 0 in bits 7:0.
  localparam int unsigned SubmissionBytes = 64;
  typedef struct packed {
    logic [159:0] reserved;  // byte 44
    logic [31:0] watchdog;  // byte 40
    logic [31:0] flags;  // byte 36
    logic [31:0] instructions;  // byte 32
    logic [63:0] abi_hash;  // byte 24
    logic [63:0] regions;  // byte 16
    logic [63:0] program_base;  // byte 8
    logic [63:0] id;  // byte 0
  } submission_t;

  // Memory layout of 32 bytes, byte 0 in bits 7:0.
  localparam int unsigned CompletionBytes = 32;
  typedef struct packed {
    logic [63:0] cycles;  // byte 24
    logic [63:0] address;  // byte 16
    logic [31:0] instruction;  // byte 12
    logic [15:0] phase;  // byte 10
    logic [7:0] unit;  // byte 9
    logic [7:0] cause;  // byte 8
    logic [63:0] id;  // byte 0
  } completion_t;

  // Memory layout of 32 bytes, byte 0 in bits 7:0.
  localparam int unsigned TraceRecordBytes = 32;
  typedef struct packed {
    logic [63:0] end_cycle;  // byte 24
    logic [63:0] start;  // byte 16
    logic [63:0] id;  // byte 8
    logic [31:0] instruction;  // byte 4
    logic [7:0] reserved;  // byte 3
    logic [7:0] unit;  // byte 2
    logic [15:0] tag;  // byte 0
  } trace_record_t;

  // PARAM record, see docs/numerics.md.
  typedef struct packed {
    logic [7:0]         zero;
    logic [7:0]         shift;
    logic signed [15:0] mult;
    logic signed [31:0] bias;
  } param_t;

  // ROW entry: a statistic (a: maximum or sum, b: sum of squares) or a scale (a: what the row stage
  // subtracts, b: mantissa in bits 15:0, shift in bits 21:16).
  typedef struct packed {
    logic [47:0]        b;
    logic signed [31:0] a;
  } row_entry_t;

  // Register offsets.
  localparam logic [11:0] RegMagic = 12'h000;  // RO
  localparam logic [11:0] RegAbiHashLo = 12'h004;  // RO
  localparam logic [11:0] RegAbiHashHi = 12'h008;  // RO
  localparam logic [11:0] RegBuildId = 12'h00c;  // RO
  localparam logic [11:0] RegConfigId = 12'h010;  // RO
  localparam logic [11:0] RegConfigArray = 12'h014;  // RO
  localparam logic [11:0] RegConfigSpad = 12'h018;  // RO
  localparam logic [11:0] RegConfigAcc = 12'h01c;  // RO
  localparam logic [11:0] RegConfigParamRow = 12'h020;  // RO
  localparam logic [11:0] RegControl = 12'h040;  // RW
  localparam logic [11:0] RegReset = 12'h044;  // WO
  localparam logic [11:0] RegStatus = 12'h048;  // RO
  localparam logic [11:0] RegIrqEnable = 12'h04c;  // RW
  localparam logic [11:0] RegIrqStatus = 12'h050;  // W1C
  localparam logic [11:0] RegWatchdog = 12'h054;  // RW
  localparam logic [11:0] RegBusTimeout = 12'h058;  // RW
  localparam logic [11:0] RegFault = 12'h060;  // RO
  localparam logic [11:0] RegFaultInstruction = 12'h064;  // RO
  localparam logic [11:0] RegFaultAddressLo = 12'h068;  // RO
  localparam logic [11:0] RegFaultAddressHi = 12'h06c;  // RO
  localparam logic [11:0] RegSqBaseLo = 12'h080;  // RW
  localparam logic [11:0] RegSqBaseHi = 12'h084;  // RW
  localparam logic [11:0] RegSqSize = 12'h088;  // RW
  localparam logic [11:0] RegSqHead = 12'h08c;  // RO
  localparam logic [11:0] RegSqTail = 12'h090;  // RW
  localparam logic [11:0] RegCqBaseLo = 12'h0a0;  // RW
  localparam logic [11:0] RegCqBaseHi = 12'h0a4;  // RW
  localparam logic [11:0] RegCqSize = 12'h0a8;  // RW
  localparam logic [11:0] RegCqHead = 12'h0ac;  // RW
  localparam logic [11:0] RegCqTail = 12'h0b0;  // RO
  localparam logic [11:0] RegTraceBaseLo = 12'h0c0;  // RW
  localparam logic [11:0] RegTraceBaseHi = 12'h0c4;  // RW
  localparam logic [11:0] RegTraceSize = 12'h0c8;  // RW
  localparam logic [11:0] RegTraceCount = 12'h0cc;  // RO
  localparam logic [11:0] RegCycleLo = 12'h100;  // RO
  localparam logic [11:0] RegCycleHi = 12'h104;  // RO
  localparam logic [11:0] RegLoadBusy = 12'h110;  // RO
  localparam logic [11:0] RegLoadWait = 12'h114;  // RO
  localparam logic [11:0] RegLoadStall = 12'h118;  // RO
  localparam logic [11:0] RegGemmBusy = 12'h120;  // RO
  localparam logic [11:0] RegGemmWait = 12'h124;  // RO
  localparam logic [11:0] RegGemmStall = 12'h128;  // RO
  localparam logic [11:0] RegVectorBusy = 12'h130;  // RO
  localparam logic [11:0] RegVectorWait = 12'h134;  // RO
  localparam logic [11:0] RegVectorStall = 12'h138;  // RO
  localparam logic [11:0] RegStoreBusy = 12'h140;  // RO
  localparam logic [11:0] RegStoreWait = 12'h144;  // RO
  localparam logic [11:0] RegStoreStall = 12'h148;  // RO

  // Values the host has written.
  typedef struct packed {
    logic [31:0] control;
    logic [31:0] irq_enable;
    logic [31:0] watchdog;
    logic [31:0] bus_timeout;
    logic [31:0] sq_base_lo;
    logic [31:0] sq_base_hi;
    logic [31:0] sq_size;
    logic [31:0] sq_tail;
    logic [31:0] cq_base_lo;
    logic [31:0] cq_base_hi;
    logic [31:0] cq_size;
    logic [31:0] cq_head;
    logic [31:0] trace_base_lo;
    logic [31:0] trace_base_hi;
    logic [31:0] trace_size;
  } reg_q_t;

  // Values the hardware supplies.
  typedef struct packed {
    logic [31:0] magic;
    logic [31:0] abi_hash_lo;
    logic [31:0] abi_hash_hi;
    logic [31:0] build_id;
    logic [31:0] config_id;
    logic [31:0] config_array;
    logic [31:0] config_spad;
    logic [31:0] config_acc;
    logic [31:0] config_param_row;
    logic [31:0] status;
    logic [31:0] irq_status;
    logic [31:0] fault;
    logic [31:0] fault_instruction;
    logic [31:0] fault_address_lo;
    logic [31:0] fault_address_hi;
    logic [31:0] sq_head;
    logic [31:0] cq_tail;
    logic [31:0] trace_count;
    logic [31:0] cycle_lo;
    logic [31:0] cycle_hi;
    logic [31:0] load_busy;
    logic [31:0] load_wait;
    logic [31:0] load_stall;
    logic [31:0] gemm_busy;
    logic [31:0] gemm_wait;
    logic [31:0] gemm_stall;
    logic [31:0] vector_busy;
    logic [31:0] vector_wait;
    logic [31:0] vector_stall;
    logic [31:0] store_busy;
    logic [31:0] store_wait;
    logic [31:0] store_stall;
  } reg_hw_t;

  // One bit for each register the host may write: its write strobe.
  typedef struct packed {
    logic control;
    logic reset;
    logic irq_enable;
    logic irq_status;
    logic watchdog;
    logic bus_timeout;
    logic sq_base_lo;
    logic sq_base_hi;
    logic sq_size;
    logic sq_tail;
    logic cq_base_lo;
    logic cq_base_hi;
    logic cq_size;
    logic cq_head;
    logic trace_base_lo;
    logic trace_base_hi;
    logic trace_size;
  } reg_we_t;

  // Values after reset.
  localparam reg_q_t RegFileReset = '{
    control: 32'h00000000,
    irq_enable: 32'h00000000,
    watchdog: 32'h00000000,
    bus_timeout: 32'h01000000,
    sq_base_lo: 32'h00000000,
    sq_base_hi: 32'h00000000,
    sq_size: 32'h00000000,
    sq_tail: 32'h00000000,
    cq_base_lo: 32'h00000000,
    cq_base_hi: 32'h00000000,
    cq_size: 32'h00000000,
    cq_head: 32'h00000000,
    trace_base_lo: 32'h00000000,
    trace_base_hi: 32'h00000000,
    trace_size: 32'h00000000
  };

  localparam int unsigned FunctionSegments = 256;
  localparam logic [1:0] TableExp2 = 2'd0;
  localparam logic [15:0] TableExp2Last = 16'd16256;
  localparam logic [1:0] TableGelu = 2'd1;
  localparam logic [15:0] TableGeluLast = 16'd0;
  localparam logic [1:0] TableTanh = 2'd2;
  localparam logic [15:0] TableTanhLast = 16'd32768;

  // Function tables: entry {table, segment} holds the value at the segment's start, and what the next
  // entry adds to it (12 bits, signed).
  localparam logic [767:0][15:0] FunctionBase = {
    16'h8000, 16'h8000, 16'h8000, 16'h8000, 16'h8000, 16'h8000, 16'h8000, 16'h8000,
    16'h8000, 16'h8000, 16'h8000, 16'h8000, 16'h8000, 16'h8000, 16'h8000, 16'h8000,
    16'h8000, 16'h8000, 16'h8000, 16'h8000, 16'h8000, 16'h8000, 16'h8000, 16'h8000,
    16'h8000, 16'h8000, 16'h8000, 16'h8000, 16'h8000, 16'h8000, 16'h8000, 16'h8000,
    16'h8000, 16'h8000, 16'h8000, 16'h8000, 16'h8000, 16'h8000, 16'h8000, 16'h8000,
    16'h8000, 16'h8000, 16'h8000, 16'h8000, 16'h8000, 16'h8000, 16'h8000, 16'h8000,
    16'h8000, 16'h8000, 16'h8000, 16'h8000, 16'h8000, 16'h8000, 16'h8000, 16'h8000,
    16'h8000, 16'h8000, 16'h8000, 16'h8000, 16'h8000, 16'h8000, 16'h8000, 16'h8000,
    16'h8000, 16'h8000, 16'h8000, 16'h7fff, 16'h7fff, 16'h7fff, 16'h7fff, 16'h7fff,
    16'h7fff, 16'h7fff, 16'h7fff, 16'h7fff, 16'h7fff, 16'h7fff, 16'h7fff, 16'h7fff,
    16'h7fff, 16'h7fff, 16'h7fff, 16'h7fff, 16'h7fff, 16'h7ffe, 16'h7ffe, 16'h7ffe,
    16'h7ffe, 16'h7ffe, 16'h7ffe, 16'h7ffe, 16'h7ffe, 16'h7ffd, 16'h7ffd, 16'h7ffd,
    16'h7ffd, 16'h7ffd, 16'h7ffc, 16'h7ffc, 16'h7ffc, 16'h7ffc, 16'h7ffb, 16'h7ffb,
    16'h7ffb, 16'h7ffa, 16'h7ffa, 16'h7ffa, 16'h7ff9, 16'h7ff9, 16'h7ff8, 16'h7ff8,
    16'h7ff7, 16'h7ff7, 16'h7ff6, 16'h7ff6, 16'h7ff5, 16'h7ff4, 16'h7ff3, 16'h7ff3,
    16'h7ff2, 16'h7ff1, 16'h7ff0, 16'h7fef, 16'h7fee, 16'h7fed, 16'h7feb, 16'h7fea,
    16'h7fe9, 16'h7fe7, 16'h7fe5, 16'h7fe4, 16'h7fe2, 16'h7fe0, 16'h7fde, 16'h7fdc,
    16'h7fd9, 16'h7fd7, 16'h7fd4, 16'h7fd1, 16'h7fce, 16'h7fcb, 16'h7fc8, 16'h7fc4,
    16'h7fc0, 16'h7fbc, 16'h7fb8, 16'h7fb3, 16'h7fae, 16'h7fa9, 16'h7fa4, 16'h7f9e,
    16'h7f97, 16'h7f91, 16'h7f89, 16'h7f82, 16'h7f7a, 16'h7f71, 16'h7f68, 16'h7f5e,
    16'h7f54, 16'h7f48, 16'h7f3d, 16'h7f30, 16'h7f23, 16'h7f14, 16'h7f05, 16'h7ef5,
    16'h7ee4, 16'h7ed2, 16'h7ebf, 16'h7eaa, 16'h7e94, 16'h7e7d, 16'h7e64, 16'h7e49,
    16'h7e2d, 16'h7e0f, 16'h7df0, 16'h7dce, 16'h7daa, 16'h7d84, 16'h7d5b, 16'h7d30,
    16'h7d02, 16'h7cd1, 16'h7c9d, 16'h7c66, 16'h7c2c, 16'h7bee, 16'h7bab, 16'h7b65,
    16'h7b1b, 16'h7acb, 16'h7a77, 16'h7a1e, 16'h79bf, 16'h795b, 16'h78f0, 16'h787f,
    16'h7807, 16'h7788, 16'h7701, 16'h7672, 16'h75da, 16'h753a, 16'h7490, 16'h73dc,
    16'h731e, 16'h7254, 16'h717f, 16'h709e, 16'h6fb0, 16'h6eb5, 16'h6dac, 16'h6c95,
    16'h6b6e, 16'h6a37, 16'h68f0, 16'h6797, 16'h662d, 16'h64b0, 16'h6320, 16'h617c,
    16'h5fc4, 16'h5df6, 16'h5c13, 16'h5a1a, 16'h580a, 16'h55e2, 16'h53a3, 16'h514d,
    16'h4edd, 16'h4c56, 16'h49b6, 16'h46fd, 16'h442c, 16'h4142, 16'h3e40, 16'h3b27,
    16'h37f6, 16'h34ae, 16'h3151, 16'h2ddf, 16'h2a58, 16'h26bf, 16'h2314, 16'h1f59,
    16'h1b90, 16'h17b9, 16'h13d7, 16'hfeb, 16'hbf7, 16'h7fd, 16'h400, 16'h000,
    16'h000, 16'h000, 16'h000, 16'h000, 16'h000, 16'h000, 16'h000, 16'h000,
    16'h000, 16'h000, 16'h000, 16'h000, 16'h000, 16'h000, 16'h000, 16'h000,
    16'h000, 16'h000, 16'h000, 16'h000, 16'h000, 16'h000, 16'h000, 16'h000,
    16'h000, 16'h000, 16'h000, 16'h000, 16'h000, 16'h000, 16'h000, 16'h000,
    16'h000, 16'h000, 16'h000, 16'h000, 16'h000, 16'h000, 16'h000, 16'h000,
    16'h000, 16'h000, 16'h000, 16'h000, 16'h000, 16'h000, 16'h000, 16'h000,
    16'h000, 16'h000, 16'h000, 16'h000, 16'h000, 16'h000, 16'h000, 16'h000,
    16'h000, 16'h000, 16'h000, 16'h000, 16'h000, 16'h000, 16'h000, 16'h000,
    16'h000, 16'h000, 16'h000, 16'h000, 16'h000, 16'h000, 16'h000, 16'h000,
    16'h000, 16'h000, 16'h000, 16'h000, 16'h000, 16'h000, 16'h000, 16'h000,
    16'h000, 16'h000, 16'h000, 16'h000, 16'h000, 16'h000, 16'h000, 16'h000,
    16'h000, 16'h000, 16'h000, 16'h000, 16'h000, 16'h000, 16'h000, 16'h000,
    16'h000, 16'h000, 16'h000, 16'h000, 16'h000, 16'h000, 16'h000, 16'h000,
    16'h000, 16'h000, 16'h000, 16'h001, 16'h001, 16'h001, 16'h001, 16'h001,
    16'h001, 16'h001, 16'h002, 16'h002, 16'h002, 16'h002, 16'h003, 16'h003,
    16'h003, 16'h004, 16'h004, 16'h005, 16'h006, 16'h006, 16'h007, 16'h008,
    16'h009, 16'h00b, 16'h00c, 16'h00e, 16'h00f, 16'h011, 16'h013, 16'h016,
    16'h018, 16'h01b, 16'h01f, 16'h022, 16'h026, 16'h02b, 16'h030, 16'h035,
    16'h03b, 16'h042, 16'h04a, 16'h052, 16'h05b, 16'h064, 16'h06f, 16'h07b,
    16'h088, 16'h096, 16'h0a5, 16'h0b6, 16'h0c8, 16'h0dc, 16'h0f2, 16'h109,
    16'h123, 16'h13e, 16'h15c, 16'h17d, 16'h19f, 16'h1c5, 16'h1ee, 16'h219,
    16'h248, 16'h27a, 16'h2b0, 16'h2e9, 16'h327, 16'h369, 16'h3af, 16'h3f9,
    16'h449, 16'h49d, 16'h4f7, 16'h556, 16'h5ba, 16'h624, 16'h694, 16'h70b,
    16'h787, 16'h80a, 16'h893, 16'h923, 16'h9b9, 16'ha57, 16'hafb, 16'hba6,
    16'hc58, 16'hd11, 16'hdd1, 16'he97, 16'hf64, 16'h1038, 16'h1112, 16'h11f2,
    16'h12d8, 16'h13c4, 16'h14b5, 16'h15aa, 16'h16a4, 16'h17a2, 16'h18a4, 16'h19a7,
    16'h1aad, 16'h1bb5, 16'h1cbd, 16'h1dc4, 16'h1ecb, 16'h1fd0, 16'h20d1, 16'h21cf,
    16'h22c7, 16'h23ba, 16'h24a4, 16'h2586, 16'h265e, 16'h272b, 16'h27eb, 16'h289e,
    16'h2940, 16'h29d2, 16'h2a51, 16'h2abc, 16'h2b12, 16'h2b51, 16'h2b77, 16'h2b83,
    16'h2b73, 16'h2b47, 16'h2afb, 16'h2a8f, 16'h2a01, 16'h2950, 16'h287a, 16'h277e,
    16'h265b, 16'h250f, 16'h2399, 16'h21f8, 16'h202a, 16'h1e30, 16'h1c07, 16'h19af,
    16'h1727, 16'h146e, 16'h1184, 16'he69, 16'hb1b, 16'h79a, 16'h3e6, 16'h000,
    16'h3fac, 16'h3fd8, 16'h4005, 16'h4031, 16'h405e, 16'h408a, 16'h40b7, 16'h40e4,
    16'h4111, 16'h413e, 16'h416b, 16'h4199, 16'h41c6, 16'h41f4, 16'h4222, 16'h4250,
    16'h427e, 16'h42ac, 16'h42da, 16'h4309, 16'h4337, 16'h4366, 16'h4395, 16'h43c3,
    16'h43f2, 16'h4422, 16'h4451, 16'h4480, 16'h44b0, 16'h44e0, 16'h450f, 16'h453f,
    16'h456f, 16'h45a0, 16'h45d0, 16'h4600, 16'h4631, 16'h4662, 16'h4692, 16'h46c3,
    16'h46f5, 16'h4726, 16'h4757, 16'h4789, 16'h47ba, 16'h47ec, 16'h481e, 16'h4850,
    16'h4882, 16'h48b5, 16'h48e7, 16'h491a, 16'h494c, 16'h497f, 16'h49b2, 16'h49e6,
    16'h4a19, 16'h4a4c, 16'h4a80, 16'h4ab4, 16'h4ae7, 16'h4b1b, 16'h4b4f, 16'h4b84,
    16'h4bb8, 16'h4bed, 16'h4c21, 16'h4c56, 16'h4c8b, 16'h4cc0, 16'h4cf6, 16'h4d2b,
    16'h4d61, 16'h4d96, 16'h4dcc, 16'h4e02, 16'h4e38, 16'h4e6f, 16'h4ea5, 16'h4edc,
    16'h4f12, 16'h4f49, 16'h4f80, 16'h4fb7, 16'h4fef, 16'h5026, 16'h505e, 16'h5096,
    16'h50ce, 16'h5106, 16'h513e, 16'h5176, 16'h51af, 16'h51e8, 16'h5220, 16'h5259,
    16'h5293, 16'h52cc, 16'h5305, 16'h533f, 16'h5379, 16'h53b3, 16'h53ed, 16'h5427,
    16'h5461, 16'h549c, 16'h54d7, 16'h5512, 16'h554d, 16'h5588, 16'h55c3, 16'h55ff,
    16'h563a, 16'h5676, 16'h56b2, 16'h56ef, 16'h572b, 16'h5767, 16'h57a4, 16'h57e1,
    16'h581e, 16'h585b, 16'h5898, 16'h58d6, 16'h5913, 16'h5951, 16'h598f, 16'h59cd,
    16'h5a0c, 16'h5a4a, 16'h5a89, 16'h5ac8, 16'h5b07, 16'h5b46, 16'h5b85, 16'h5bc5,
    16'h5c05, 16'h5c44, 16'h5c84, 16'h5cc5, 16'h5d05, 16'h5d46, 16'h5d86, 16'h5dc7,
    16'h5e08, 16'h5e4a, 16'h5e8b, 16'h5ecd, 16'h5f0f, 16'h5f50, 16'h5f93, 16'h5fd5,
    16'h6017, 16'h605a, 16'h609d, 16'h60e0, 16'h6123, 16'h6167, 16'h61aa, 16'h61ee,
    16'h6232, 16'h6276, 16'h62bb, 16'h62ff, 16'h6344, 16'h6389, 16'h63ce, 16'h6413,
    16'h6459, 16'h649e, 16'h64e4, 16'h652a, 16'h6570, 16'h65b7, 16'h65fd, 16'h6644,
    16'h668b, 16'h66d2, 16'h671a, 16'h6761, 16'h67a9, 16'h67f1, 16'h6839, 16'h6881,
    16'h68ca, 16'h6913, 16'h695c, 16'h69a5, 16'h69ee, 16'h6a38, 16'h6a81, 16'h6acb,
    16'h6b15, 16'h6b60, 16'h6baa, 16'h6bf5, 16'h6c40, 16'h6c8b, 16'h6cd6, 16'h6d22,
    16'h6d6e, 16'h6dba, 16'h6e06, 16'h6e52, 16'h6e9f, 16'h6eeb, 16'h6f38, 16'h6f86,
    16'h6fd3, 16'h7021, 16'h706e, 16'h70bd, 16'h710b, 16'h7159, 16'h71a8, 16'h71f7,
    16'h7246, 16'h7295, 16'h72e5, 16'h7334, 16'h7384, 16'h73d5, 16'h7425, 16'h7476,
    16'h74c6, 16'h7518, 16'h7569, 16'h75ba, 16'h760c, 16'h765e, 16'h76b0, 16'h7702,
    16'h7755, 16'h77a8, 16'h77fb, 16'h784e, 16'h78a2, 16'h78f5, 16'h7949, 16'h799e,
    16'h79f2, 16'h7a47, 16'h7a9c, 16'h7af1, 16'h7b46, 16'h7b9c, 16'h7bf1, 16'h7c47,
    16'h7c9e, 16'h7cf4, 16'h7d4b, 16'h7da2, 16'h7df9, 16'h7e50, 16'h7ea8, 16'h7f00
  };

  localparam logic [767:0][11:0] FunctionSlope = {
    12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000,
    12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000,
    12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000,
    12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000,
    12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000,
    12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000,
    12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000,
    12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000,
    12'h000, 12'h000, 12'h000, 12'h001, 12'h000, 12'h000, 12'h000, 12'h000,
    12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000,
    12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h001, 12'h000, 12'h000,
    12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h001, 12'h000, 12'h000,
    12'h000, 12'h000, 12'h001, 12'h000, 12'h000, 12'h000, 12'h001, 12'h000,
    12'h000, 12'h001, 12'h000, 12'h000, 12'h001, 12'h000, 12'h001, 12'h000,
    12'h001, 12'h000, 12'h001, 12'h000, 12'h001, 12'h001, 12'h001, 12'h000,
    12'h001, 12'h001, 12'h001, 12'h001, 12'h001, 12'h001, 12'h002, 12'h001,
    12'h001, 12'h002, 12'h002, 12'h001, 12'h002, 12'h002, 12'h002, 12'h002,
    12'h003, 12'h002, 12'h003, 12'h003, 12'h003, 12'h003, 12'h003, 12'h004,
    12'h004, 12'h004, 12'h004, 12'h005, 12'h005, 12'h005, 12'h005, 12'h006,
    12'h007, 12'h006, 12'h008, 12'h007, 12'h008, 12'h009, 12'h009, 12'h00a,
    12'h00a, 12'h00c, 12'h00b, 12'h00d, 12'h00d, 12'h00f, 12'h00f, 12'h010,
    12'h011, 12'h012, 12'h013, 12'h015, 12'h016, 12'h017, 12'h019, 12'h01b,
    12'h01c, 12'h01e, 12'h01f, 12'h022, 12'h024, 12'h026, 12'h029, 12'h02b,
    12'h02e, 12'h031, 12'h034, 12'h037, 12'h03a, 12'h03e, 12'h043, 12'h046,
    12'h04a, 12'h050, 12'h054, 12'h059, 12'h05f, 12'h064, 12'h06b, 12'h071,
    12'h078, 12'h07f, 12'h087, 12'h08f, 12'h098, 12'h0a0, 12'h0aa, 12'h0b4,
    12'h0be, 12'h0ca, 12'h0d5, 12'h0e1, 12'h0ee, 12'h0fb, 12'h109, 12'h117,
    12'h127, 12'h137, 12'h147, 12'h159, 12'h16a, 12'h17d, 12'h190, 12'h1a4,
    12'h1b8, 12'h1ce, 12'h1e3, 12'h1f9, 12'h210, 12'h228, 12'h23f, 12'h256,
    12'h270, 12'h287, 12'h2a0, 12'h2b9, 12'h2d1, 12'h2ea, 12'h302, 12'h319,
    12'h331, 12'h348, 12'h35d, 12'h372, 12'h387, 12'h399, 12'h3ab, 12'h3bb,
    12'h3c9, 12'h3d7, 12'h3e2, 12'h3ec, 12'h3f4, 12'h3fa, 12'h3fd, 12'h400,
    12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000,
    12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000,
    12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000,
    12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000,
    12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000,
    12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000,
    12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000,
    12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000,
    12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000,
    12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000,
    12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000,
    12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000,
    12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000, 12'h000,
    12'h000, 12'h000, 12'h000, 12'hfff, 12'h000, 12'h000, 12'h000, 12'h000,
    12'h000, 12'h000, 12'hfff, 12'h000, 12'h000, 12'h000, 12'hfff, 12'h000,
    12'h000, 12'hfff, 12'h000, 12'hfff, 12'hfff, 12'h000, 12'hfff, 12'hfff,
    12'hfff, 12'hffe, 12'hfff, 12'hffe, 12'hfff, 12'hffe, 12'hffe, 12'hffd,
    12'hffe, 12'hffd, 12'hffc, 12'hffd, 12'hffc, 12'hffb, 12'hffb, 12'hffb,
    12'hffa, 12'hff9, 12'hff8, 12'hff8, 12'hff7, 12'hff7, 12'hff5, 12'hff4,
    12'hff3, 12'hff2, 12'hff1, 12'hfef, 12'hfee, 12'hfec, 12'hfea, 12'hfe9,
    12'hfe6, 12'hfe5, 12'hfe2, 12'hfdf, 12'hfde, 12'hfda, 12'hfd7, 12'hfd5,
    12'hfd1, 12'hfce, 12'hfca, 12'hfc7, 12'hfc2, 12'hfbe, 12'hfba, 12'hfb6,
    12'hfb0, 12'hfac, 12'hfa6, 12'hfa1, 12'hf9c, 12'hf96, 12'hf90, 12'hf89,
    12'hf84, 12'hf7d, 12'hf77, 12'hf70, 12'hf6a, 12'hf62, 12'hf5c, 12'hf55,
    12'hf4e, 12'hf47, 12'hf40, 12'hf3a, 12'hf33, 12'hf2c, 12'hf26, 12'hf20,
    12'hf1a, 12'hf14, 12'hf0f, 12'hf0b, 12'hf06, 12'hf02, 12'hefe, 12'hefd,
    12'hefa, 12'hef8, 12'hef8, 12'hef9, 12'hef9, 12'hefb, 12'heff, 12'hf02,
    12'hf08, 12'hf0d, 12'hf16, 12'hf1e, 12'hf28, 12'hf33, 12'hf40, 12'hf4d,
    12'hf5e, 12'hf6e, 12'hf81, 12'hf95, 12'hfaa, 12'hfc1, 12'hfda, 12'hff4,
    12'h010, 12'h02c, 12'h04c, 12'h06c, 12'h08e, 12'h0b1, 12'h0d6, 12'h0fc,
    12'h123, 12'h14c, 12'h176, 12'h1a1, 12'h1ce, 12'h1fa, 12'h229, 12'h258,
    12'h288, 12'h2b9, 12'h2ea, 12'h31b, 12'h34e, 12'h381, 12'h3b4, 12'h3e6,
    12'hfd4, 12'hfd4, 12'hfd3, 12'hfd4, 12'hfd3, 12'hfd4, 12'hfd3, 12'hfd3,
    12'hfd3, 12'hfd3, 12'hfd3, 12'hfd2, 12'hfd3, 12'hfd2, 12'hfd2, 12'hfd2,
    12'hfd2, 12'hfd2, 12'hfd2, 12'hfd1, 12'hfd2, 12'hfd1, 12'hfd1, 12'hfd2,
    12'hfd1, 12'hfd0, 12'hfd1, 12'hfd1, 12'hfd0, 12'hfd0, 12'hfd1, 12'hfd0,
    12'hfd0, 12'hfcf, 12'hfd0, 12'hfd0, 12'hfcf, 12'hfcf, 12'hfd0, 12'hfcf,
    12'hfce, 12'hfcf, 12'hfcf, 12'hfce, 12'hfcf, 12'hfce, 12'hfce, 12'hfce,
    12'hfce, 12'hfcd, 12'hfce, 12'hfcd, 12'hfce, 12'hfcd, 12'hfcd, 12'hfcc,
    12'hfcd, 12'hfcd, 12'hfcc, 12'hfcc, 12'hfcd, 12'hfcc, 12'hfcc, 12'hfcb,
    12'hfcc, 12'hfcb, 12'hfcc, 12'hfcb, 12'hfcb, 12'hfcb, 12'hfca, 12'hfcb,
    12'hfca, 12'hfcb, 12'hfca, 12'hfca, 12'hfca, 12'hfc9, 12'hfca, 12'hfc9,
    12'hfca, 12'hfc9, 12'hfc9, 12'hfc9, 12'hfc8, 12'hfc9, 12'hfc8, 12'hfc8,
    12'hfc8, 12'hfc8, 12'hfc8, 12'hfc8, 12'hfc7, 12'hfc7, 12'hfc8, 12'hfc7,
    12'hfc6, 12'hfc7, 12'hfc7, 12'hfc6, 12'hfc6, 12'hfc6, 12'hfc6, 12'hfc6,
    12'hfc6, 12'hfc5, 12'hfc5, 12'hfc5, 12'hfc5, 12'hfc5, 12'hfc5, 12'hfc4,
    12'hfc5, 12'hfc4, 12'hfc4, 12'hfc3, 12'hfc4, 12'hfc4, 12'hfc3, 12'hfc3,
    12'hfc3, 12'hfc3, 12'hfc3, 12'hfc2, 12'hfc3, 12'hfc2, 12'hfc2, 12'hfc2,
    12'hfc1, 12'hfc2, 12'hfc1, 12'hfc1, 12'hfc1, 12'hfc1, 12'hfc1, 12'hfc0,
    12'hfc0, 12'hfc1, 12'hfc0, 12'hfbf, 12'hfc0, 12'hfbf, 12'hfc0, 12'hfbf,
    12'hfbf, 12'hfbe, 12'hfbf, 12'hfbe, 12'hfbe, 12'hfbf, 12'hfbd, 12'hfbe,
    12'hfbe, 12'hfbd, 12'hfbd, 12'hfbd, 12'hfbd, 12'hfbc, 12'hfbd, 12'hfbc,
    12'hfbc, 12'hfbc, 12'hfbb, 12'hfbc, 12'hfbb, 12'hfbb, 12'hfbb, 12'hfbb,
    12'hfba, 12'hfbb, 12'hfba, 12'hfba, 12'hfba, 12'hfb9, 12'hfba, 12'hfb9,
    12'hfb9, 12'hfb9, 12'hfb8, 12'hfb9, 12'hfb8, 12'hfb8, 12'hfb8, 12'hfb8,
    12'hfb7, 12'hfb7, 12'hfb7, 12'hfb7, 12'hfb7, 12'hfb6, 12'hfb7, 12'hfb6,
    12'hfb6, 12'hfb5, 12'hfb6, 12'hfb5, 12'hfb5, 12'hfb5, 12'hfb5, 12'hfb4,
    12'hfb4, 12'hfb4, 12'hfb4, 12'hfb4, 12'hfb3, 12'hfb4, 12'hfb3, 12'hfb2,
    12'hfb3, 12'hfb2, 12'hfb3, 12'hfb1, 12'hfb2, 12'hfb2, 12'hfb1, 12'hfb1,
    12'hfb1, 12'hfb1, 12'hfb0, 12'hfb1, 12'hfb0, 12'hfaf, 12'hfb0, 12'hfaf,
    12'hfb0, 12'hfae, 12'hfaf, 12'hfaf, 12'hfae, 12'hfae, 12'hfae, 12'hfae,
    12'hfad, 12'hfad, 12'hfad, 12'hfad, 12'hfac, 12'hfad, 12'hfac, 12'hfab,
    12'hfac, 12'hfab, 12'hfab, 12'hfab, 12'hfab, 12'hfaa, 12'hfab, 12'hfaa,
    12'hfa9, 12'hfaa, 12'hfa9, 12'hfa9, 12'hfa9, 12'hfa9, 12'hfa8, 12'hfa8
  };

endpackage
