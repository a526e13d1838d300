// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Memories, GEMM and VECTOR. LOAD and STORE sit outside, beside the bus, and use the memories through the ports here.
//
// Priorities on the memories' ports: GEMM, then VECTOR, then STORE and LOAD. A unit takes start_i with an instruction
// that stays stable until its done_o; GEMM's only until its ready_o, when the next may start.

module systole_core
  import systole_pkg::*;
  import systole_cfg_pkg::*;
#(
  parameter bit Packed = 1'b0   // see prim_mult_pair
) (
  input  logic                       clk_i,
  input  logic                       rst_ni,
  input  logic                       clr_i,

  input  logic                       gemm_start_i,
  input  logic [InstructionBits-1:0] gemm_inst_i,
  output logic                       gemm_ready_o,
  output logic                       gemm_done_o,
  output logic                       gemm_stall_o,

  input  logic                       vector_start_i,
  input  logic [InstructionBits-1:0] vector_inst_i,
  output logic                       vector_done_o,
  output logic                       vector_stall_o,

  // LOAD: writes whole words, data with the request.
  input  logic                       spad_wreq_i,
  input  logic [SpadAw-1:0]          spad_waddr_i,
  input  logic [N-1:0][7:0]          spad_wdata_i,
  output logic                       spad_wgnt_o,
  input  logic                       acc_wreq_i,
  input  logic [AccAw-1:0]           acc_waddr_i,
  input  logic [N-1:0][31:0]         acc_wdata_i,
  output logic                       acc_wgnt_o,
  input  logic                       param_we_i,
  input  logic [ParamAw-1:0]         param_waddr_i,
  input  param_t [N-1:0]             param_wdata_i,

  // STORE: reads, data three cycles after the grant.
  input  logic                       spad_rreq_i,
  input  logic [SpadAw-1:0]          spad_raddr_i,
  output logic                       spad_rgnt_o,
  output logic                       spad_rvalid_o,
  output logic [N-1:0][7:0]          spad_rdata_o,
  input  logic                       acc_rreq_i,
  input  logic [AccAw-1:0]           acc_raddr_i,
  output logic                       acc_rgnt_o,
  output logic                       acc_rvalid_o,
  output logic [N-1:0][31:0]         acc_rdata_o
);

  // SPAD readers, by priority.
  localparam int unsigned GemmA = 0;
  localparam int unsigned GemmB = 1;
  localparam int unsigned SpadVector = 2;
  localparam int unsigned SpadStore = 3;
  // ACC readers, by priority.
  localparam int unsigned GemmC = 0;
  localparam int unsigned AccVector = 1;
  localparam int unsigned AccShared = 2;

  logic [3:0]              spad_rreq, spad_rgnt, spad_rvalid;
  logic [3:0][SpadAw-1:0]  spad_raddr;
  logic [3:0][8*N-1:0]     spad_rdata;
  logic [1:0]              spad_wreq, spad_wgnt;
  logic [1:0][SpadAw-1:0]  spad_waddr;
  logic [1:0][8*N-1:0]     spad_wdata;
  logic [2:0]              acc_rreq, acc_rgnt, acc_rvalid;
  logic [2:0][AccAw-1:0]   acc_raddr;
  logic [2:0][32*N-1:0]    acc_rdata;
  logic [1:0]              acc_wreq, acc_wgnt;
  logic [1:0][AccAw-1:0]   acc_waddr;
  logic [1:0][32*N-1:0]    acc_wdata;

  // The widest wires are those of ACC's ports, so units share two of them. STORE goes before VECTOR's second operand, LOAD
  // before its result: the bus takes or brings a word every few cycles only.
  logic              aux_rreq, vector_wreq;
  logic [AccAw-1:0]  aux_raddr, vector_waddr;
  logic [32*N-1:0]   vector_wdata;
  logic [8*N-1:0]    vector_spad_wdata;
  logic [2:0]        stored_q;  // the shared port's reads under way are STORE's

  systole_banks #(
    .Banks  (SpadBanks),
    .Words  (SpadWords),
    .Width  (8 * N),
    .Readers(4),
    .Writers(2)
  ) u_spad (
    .clk_i,
    .rst_ni,
    .rreq_i  (spad_rreq),
    .raddr_i (spad_raddr),
    .rgnt_o  (spad_rgnt),
    .rvalid_o(spad_rvalid),
    .rdata_o (spad_rdata),
    .wreq_i  (spad_wreq),
    .waddr_i (spad_waddr),
    .wdata_i (spad_wdata),
    .wgnt_o  (spad_wgnt)
  );

  systole_banks #(
    .Banks  (AccBanks),
    .Words  (AccWords),
    .Width  (32 * N),
    .Readers(3),
    .Writers(2)
  ) u_acc (
    .clk_i,
    .rst_ni,
    .rreq_i  (acc_rreq),
    .raddr_i (acc_raddr),
    .rgnt_o  (acc_rgnt),
    .rvalid_o(acc_rvalid),
    .rdata_o (acc_rdata),
    .wreq_i  (acc_wreq),
    .waddr_i (acc_waddr),
    .wdata_i (acc_wdata),
    .wgnt_o  (acc_wgnt)
  );

  systole_gemm #(
    .Packed(Packed)
  ) u_gemm (
    .clk_i,
    .rst_ni,
    .clr_i,
    .start_i  (gemm_start_i),
    .inst_i   (inst_gemm_t'(gemm_inst_i)),
    .ready_o  (gemm_ready_o),
    .done_o   (gemm_done_o),
    .stall_o  (gemm_stall_o),
    .a_req_o  (spad_rreq[GemmA]),
    .a_addr_o (spad_raddr[GemmA]),
    .a_gnt_i  (spad_rgnt[GemmA]),
    .a_rdata_i(spad_rdata[GemmA]),
    .b_req_o  (spad_rreq[GemmB]),
    .b_addr_o (spad_raddr[GemmB]),
    .b_gnt_i  (spad_rgnt[GemmB]),
    .b_rdata_i(spad_rdata[GemmB]),
    .c_rreq_o (acc_rreq[GemmC]),
    .c_raddr_o(acc_raddr[GemmC]),
    .c_rdata_i(acc_rdata[GemmC]),
    .c_wreq_o (acc_wreq[0]),
    .c_waddr_o(acc_waddr[0]),
    .c_wdata_o(acc_wdata[0])
  );

  systole_vector u_vector (
    .clk_i,
    .rst_ni,
    .clr_i,
    .start_i      (vector_start_i),
    .inst_i       (vector_inst_i),
    .done_o       (vector_done_o),
    .stall_o      (vector_stall_o),
    .spad_rreq_o  (spad_rreq[SpadVector]),
    .spad_raddr_o (spad_raddr[SpadVector]),
    .spad_rgnt_i  (spad_rgnt[SpadVector]),
    .spad_rvalid_i(spad_rvalid[SpadVector]),
    .spad_rdata_i (spad_rdata[SpadVector]),
    .spad_wreq_o  (spad_wreq[0]),
    .spad_waddr_o (spad_waddr[0]),
    .spad_wdata_o (vector_spad_wdata),
    .spad_wgnt_i  (spad_wgnt[0]),
    .acc_rreq_o   (acc_rreq[AccVector]),
    .acc_raddr_o  (acc_raddr[AccVector]),
    .acc_rgnt_i   (acc_rgnt[AccVector]),
    .acc_rvalid_i (acc_rvalid[AccVector]),
    .acc_rdata_i  (acc_rdata[AccVector]),
    .aux_rreq_o   (aux_rreq),
    .aux_raddr_o  (aux_raddr),
    .aux_rgnt_i   (acc_rgnt[AccShared] && !acc_rreq_i),
    .aux_rvalid_i (acc_rvalid[AccShared] && !stored_q[2]),
    .aux_rdata_i  (acc_rdata[AccShared]),
    .acc_wreq_o   (vector_wreq),
    .acc_waddr_o  (vector_waddr),
    .acc_wdata_o  (vector_wdata),
    .acc_wgnt_i   (acc_wgnt[1] && !acc_wreq_i),
    .param_we_i,
    .param_waddr_i,
    .param_wdata_i
  );

  assign spad_wreq[1]  = spad_wreq_i;
  assign spad_waddr[1] = spad_waddr_i;
  assign spad_wgnt_o   = spad_wgnt[1];
  assign acc_wreq[1]   = acc_wreq_i || vector_wreq;
  assign acc_waddr[1]  = acc_wreq_i ? acc_waddr_i : vector_waddr;
  assign acc_wgnt_o    = acc_wgnt[1] && acc_wreq_i;

  // Data of VECTOR and LOAD follow their requests as the memories want it; GEMM asks that much ahead.
  always_ff @(posedge clk_i) begin
    spad_wdata[0] <= vector_spad_wdata;
    spad_wdata[1] <= spad_wdata_i;
    acc_wdata[1]  <= acc_wreq_i ? acc_wdata_i : vector_wdata;
  end

  assign spad_rreq[SpadStore]  = spad_rreq_i;
  assign spad_raddr[SpadStore] = spad_raddr_i;
  assign spad_rgnt_o           = spad_rgnt[SpadStore];
  assign spad_rvalid_o         = spad_rvalid[SpadStore];
  assign spad_rdata_o          = spad_rdata[SpadStore];
  assign acc_rreq[AccShared]   = acc_rreq_i || aux_rreq;
  assign acc_raddr[AccShared]  = acc_rreq_i ? acc_raddr_i : aux_raddr;
  assign acc_rgnt_o            = acc_rgnt[AccShared] && acc_rreq_i;
  assign acc_rvalid_o          = acc_rvalid[AccShared] && stored_q[2];
  assign acc_rdata_o           = acc_rdata[AccShared];

  always_ff @(posedge clk_i) stored_q <= {stored_q[1:0], acc_rreq_i};

  // GEMM's latency is fixed, so it needs no valid; its ACC ports have the first rank.
  logic unused_first_rank;
  assign unused_first_rank = ^{spad_rvalid[GemmB:GemmA], acc_rvalid[GemmC], acc_rgnt[GemmC], acc_wgnt[0]};

endmodule
