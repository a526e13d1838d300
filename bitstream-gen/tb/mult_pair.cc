// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Runs the clock of mult_pair to its end. Answer: 1 if a product was wrong, 0 if none; cycles.

#include <cstdio>

#include "Vmult_pair.h"

int main(int argc, char** argv) {
  VerilatedContext context;
  context.commandArgs(argc, argv);
  Vmult_pair top{&context};
  long cycles = 0;
  auto tick = [&] {
    top.clk_i = 0;
    top.eval();
    top.clk_i = 1;
    top.eval();
    cycles++;
  };
  top.rst_ni = 0;
  tick();
  top.rst_ni = 1;
  while (!top.done_o) tick();
  std::printf("%d %ld\n", top.wrong_o, cycles);
}
