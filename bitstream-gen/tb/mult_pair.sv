// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Both versions of prim_mult_pair beside each other, on every triple of operands, one in each cycle.

module mult_pair (
  input  logic clk_i,
  input  logic rst_ni,
  output logic done_o,    // every triple's products were compared
  output logic wrong_o    // one of them differed from the products of 32 bits
);

  logic [24:0]               triple_q;
  logic signed [2:0][7:0]    operand;
  logic [1:0]                valid_q;
  logic signed [1:0][31:0]   expected_q[2];
  logic signed [1:0][15:0]   generic_product, packed_product;
  logic [1:0][7:0]           unused_a;

  assign operand = triple_q[23:0];

  prim_mult_pair #(
    .Packed(1'b0)
  ) u_generic (
    .clk_i,
    .load_i(1'b1),
    .w0_i  (operand[0]),
    .w1_i  (operand[1]),
    .a_i   (operand[2]),
    .a_o   (unused_a[0]),
    .p0_o  (generic_product[0]),
    .p1_o  (generic_product[1])
  );

  prim_mult_pair #(
    .Packed(1'b1)
  ) u_packed (
    .clk_i,
    .load_i(1'b1),
    .w0_i  (operand[0]),
    .w1_i  (operand[1]),
    .a_i   (operand[2]),
    .a_o   (unused_a[1]),
    .p0_o  (packed_product[0]),
    .p1_o  (packed_product[1])
  );

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      triple_q <= '0;
      valid_q  <= '0;
      wrong_o  <= 1'b0;
    end else begin
      if (!triple_q[24]) triple_q <= triple_q + 25'd1;
      valid_q <= {valid_q[0], !triple_q[24]};
      for (int unsigned i = 0; i < 2; i++) begin
        if (valid_q[1] && (expected_q[1][i] != 32'(signed'(generic_product[i]))
                        || expected_q[1][i] != 32'(signed'(packed_product[i])))) wrong_o <= 1'b1;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    for (int unsigned i = 0; i < 2; i++) expected_q[0][i] <= 32'(signed'(operand[2])) * 32'(signed'(operand[i]));
    expected_q[1] <= expected_q[0];
  end

  assign done_o = triple_q[24] && valid_q == '0;

endmodule
