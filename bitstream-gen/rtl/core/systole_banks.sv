// SPDX-License-Identifier: MIT OR Apache-2.0
//
// An on-chip memory of several banks behind fixed-priority ports.
//
// The upper address bits select the bank; each bank serves one read and one write a cycle. Port 0 has the highest
// priority and, being the only one at its rank, is always granted. A request holds until its grant, which is
// combinational. Read data is valid three cycles after the grant (address register, RAM, output register). Write data
// comes in the cycle after the grant, when a register says already whose a bank takes: every bit of a word hangs on that.
// What was written with a grant in cycle t is seen by reads granted from t + 2 on.

module systole_banks #(
  parameter int unsigned Banks = 4,
  parameter int unsigned Words = 4096,
  parameter int unsigned Width = 64,
  parameter int unsigned Readers = 4,
  parameter int unsigned Writers = 2,
  localparam int unsigned Aw = $clog2(Words)
) (
  input  logic                          clk_i,
  input  logic                          rst_ni,

  input  logic [Readers-1:0]            rreq_i,
  input  logic [Readers-1:0][Aw-1:0]    raddr_i,
  output logic [Readers-1:0]            rgnt_o,
  output logic [Readers-1:0]            rvalid_o,
  output logic [Readers-1:0][Width-1:0] rdata_o,

  input  logic [Writers-1:0]            wreq_i,
  input  logic [Writers-1:0][Aw-1:0]    waddr_i,
  input  logic [Writers-1:0][Width-1:0] wdata_i,   // of the cycle before's grants
  output logic [Writers-1:0]            wgnt_o
);

  localparam int unsigned Bw = $clog2(Banks);
  // Bits that a replica of a select serves.
  localparam int unsigned Part = 32;
  localparam int unsigned Rw = Aw - Bw;

  logic [Banks-1:0][Width-1:0] bank_rdata;

  // A port is served unless one before it asks for the same bank. That is told from the addresses, which come early, so
  // that a late request passes few gates.
  always_comb begin
    rgnt_o = rreq_i;
    for (int unsigned p = 1; p < Readers; p++) begin
      for (int unsigned q = 0; q < p; q++) begin
        if (raddr_i[q][Aw-1 -: Bw] == raddr_i[p][Aw-1 -: Bw] && rreq_i[q]) rgnt_o[p] = 1'b0;
      end
    end
  end

  always_comb begin
    wgnt_o = wreq_i;
    for (int unsigned p = 1; p < Writers; p++) begin
      for (int unsigned q = 0; q < p; q++) begin
        if (waddr_i[q][Aw-1 -: Bw] == waddr_i[p][Aw-1 -: Bw] && wreq_i[q]) wgnt_o[p] = 1'b0;
      end
    end
  end

  for (genvar b = 0; b < Banks; b++) begin : g_bank
    logic [Rw-1:0]      raddr, raddr_q, waddr, waddr_q, waddr_qq;
    logic [Writers-1:0] asks;
    logic [Width-1:0]   wdata, wdata_q;
    logic               we_q, we_qq;

    always_comb begin
      // The first that asks is the one that is served, and what a bank does not use may be anything: nothing here waits for
      // the requests of the last rank, which come late and would have the way to every bit of a word before them.
      raddr = raddr_i[Readers-1][Rw-1:0];
      for (int unsigned p = Readers - 1; p > 0; p--) begin
        if (rreq_i[p-1] && raddr_i[p-1][Aw-1 -: Bw] == Bw'(b)) raddr = raddr_i[p-1][Rw-1:0];
      end
      waddr = waddr_i[Writers-1][Rw-1:0];
      for (int unsigned p = 0; p < Writers; p++) asks[p] = wreq_i[p] && waddr_i[p][Aw-1 -: Bw] == Bw'(b);
      for (int unsigned p = Writers - 1; p > 0; p--) begin
        if (asks[p-1]) waddr = waddr_i[p-1][Rw-1:0];
      end
    end

    always_ff @(posedge clk_i) begin
      raddr_q  <= raddr;
      waddr_q  <= waddr;
      waddr_qq <= waddr_q;
      wdata_q  <= wdata;
    end

    always_ff @(posedge clk_i or negedge rst_ni) begin
      if (!rst_ni) {we_qq, we_q} <= '0;
      else {we_qq, we_q} <= {we_q, |asks};
    end

    for (genvar i = 0; i < Width / Part; i++) begin : g_part
      logic [Writers-2:0] asked;

      prim_replica #(
        .Width(Writers - 1)
      ) u_asked (
        .clk_i,
        .data_i(asks[Writers-2:0]),
        .data_o(asked)
      );

      always_comb begin
        wdata[Part*i +: Part] = wdata_i[Writers-1][Part*i +: Part];
        for (int unsigned p = Writers - 1; p > 0; p--) begin
          if (asked[p-1]) wdata[Part*i +: Part] = wdata_i[p-1][Part*i +: Part];
        end
      end
    end

    prim_ram_1r1w #(
      .Width(Width),
      .Depth(Words / Banks)
    ) u_ram (
      .clk_i,
      .we_i   (we_qq),
      .waddr_i(waddr_qq),
      .wdata_i(wdata_q),
      .raddr_i(raddr_q),
      .rdata_o(bank_rdata[b])
    );
  end

  // The bank of each port's read follows it through the pipeline.
  for (genvar p = 0; p < Readers; p++) begin : g_port
    logic [Bw-1:0] bank_q;
    logic [2:0]    valid_q;

    always_ff @(posedge clk_i) bank_q <= raddr_i[p][Aw-1 -: Bw];

    for (genvar i = 0; i < Width / Part; i++) begin : g_part
      logic [Bw-1:0] bank;

      prim_replica #(
        .Width(Bw)
      ) u_bank (
        .clk_i,
        .data_i(bank_q),
        .data_o(bank)
      );

      always_ff @(posedge clk_i) rdata_o[p][Part*i +: Part] <= bank_rdata[bank][Part*i +: Part];
    end

    always_ff @(posedge clk_i or negedge rst_ni) begin
      if (!rst_ni) valid_q <= '0;
      else valid_q <= {valid_q[1:0], rgnt_o[p]};
    end

    assign rvalid_o[p] = valid_q[2];
  end

  // Port 0 never waits; grants answer requests; a bank serves one port.
  assert property (@(posedge clk_i) disable iff (!rst_ni) rreq_i[0] |-> rgnt_o[0]);
  assert property (@(posedge clk_i) disable iff (!rst_ni) wreq_i[0] |-> wgnt_o[0]);
  assert property (@(posedge clk_i) disable iff (!rst_ni) (rgnt_o & ~rreq_i) == '0 && (wgnt_o & ~wreq_i) == '0);
  for (genvar b = 0; b < Banks; b++) begin : g_check
    logic [Readers-1:0] reads;
    logic [Writers-1:0] writes;

    always_comb begin
      for (int unsigned p = 0; p < Readers; p++) reads[p] = rgnt_o[p] && raddr_i[p][Aw-1 -: Bw] == Bw'(b);
      for (int unsigned p = 0; p < Writers; p++) writes[p] = wgnt_o[p] && waddr_i[p][Aw-1 -: Bw] == Bw'(b);
    end
    assert property (@(posedge clk_i) disable iff (!rst_ni) $onehot0(reads) && $onehot0(writes));
  end

endmodule
