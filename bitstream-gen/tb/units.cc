// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Bench of systole_core: a server on standard input and output that fills memories, starts units and reads memories.
//
//   'W' memory, image        fill a memory (0 SPAD, 1 ACC, 2 PARAM, 3 ROW)
//   'R' memory               answer: image
//   'X' mask, 32 bytes each  start the units of the mask (1 GEMM, 2 VECTOR) together; answer: cycles until all are done

#include "Vsystole_core.h"
#include "memories.h"

int main(int argc, char** argv) {
  VerilatedContext context;
  context.commandArgs(argc, argv);
  Vsystole_core top{&context};
  answers();
  const size_t n = BENCH_N;
  auto tick = [&] {
    top.clk_i = 0;
    top.eval();
    top.clk_i = 1;
    top.eval();
  };
  top.clr_i = top.gemm_start_i = top.vector_start_i = 0;
  top.spad_wreq_i = top.acc_wreq_i = top.param_we_i = top.spad_rreq_i = top.acc_rreq_i = 0;
  top.rst_ni = 0;
  tick();
  tick();
  top.rst_ni = 1;
  tick();

  const std::string core = "TOP.systole_core";
  Memory memories[4] = {
      {banks(core + ".u_spad", 4), n, false},
      {banks(core + ".u_acc", 4), 4 * n, false},
      {{core + ".u_vector.u_param"}, 8 * n, false},
      {{core + ".u_vector.u_row_scale", core + ".u_vector.u_row_stat"}, 10, true},
  };

  for (;;) {
    uint8_t command, argument;
    read_exactly(&command, 1);
    read_exactly(&argument, 1);
    if (command == 'W') {
      std::vector<uint8_t> image(memories[argument].bytes());
      read_exactly(image.data(), image.size());
      memories[argument].write(image.data());
    } else if (command == 'R') {
      std::vector<uint8_t> image(memories[argument].bytes());
      memories[argument].read(image.data());
      write_exactly(image.data(), image.size());
    } else if (command == 'X') {
      if (argument & 1) read_exactly(&top.gemm_inst_i, 32);
      if (argument & 2) read_exactly(&top.vector_inst_i, 32);
      top.gemm_start_i = argument & 1;
      top.vector_start_i = argument >> 1 & 1;
      uint32_t cycles = 0;
      uint8_t running = argument;
      while (running && cycles < 10'000'000) {
        tick();
        cycles++;
        top.gemm_start_i = top.vector_start_i = 0;
        top.eval();
        if (top.gemm_done_o) running &= ~1;
        if (top.vector_done_o) running &= ~2;
      }
      if (running) cycles = UINT32_MAX;
      // What done promises: the next reader, a cycle later, sees everything.
      tick();
      write_exactly(&cycles, 4);
    } else {
      std::fprintf(stderr, "unknown command %d\n", command);
      return 2;
    }
    std::fflush(answers());
  }
}
