// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Bench of systole_core: a server on standard input and output that fills memories, starts units and reads memories.
//
//   'W' memory, image        fill a memory (0 SPAD, 1 ACC, 2 PARAM, 3 ROW)
//   'R' memory               answer: image
//   'X' counts, 32 bytes each  run so many instructions on GEMM (lower four bits) and VECTOR, both units together, each
//                              instruction as soon as its unit takes it; answer: cycles until all are done

#include <cstring>

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
      const int gemms = argument & 15, vectors = argument >> 4;
      std::vector<uint8_t> code(32 * (gemms + vectors));
      read_exactly(code.data(), code.size());
      int gemms_started = 0, gemms_done = 0, vectors_started = 0, vectors_done = 0;
      uint32_t cycles = 0;
      while ((gemms_done < gemms || vectors_done < vectors) && cycles < 10'000'000) {
        top.gemm_start_i = gemms_started < gemms && top.gemm_ready_o;
        if (top.gemm_start_i) std::memcpy(&top.gemm_inst_i, &code[32 * gemms_started++], 32);
        top.vector_start_i = vectors_started < vectors && vectors_started == vectors_done;
        if (top.vector_start_i) std::memcpy(&top.vector_inst_i, &code[32 * (gemms + vectors_started++)], 32);
        tick();
        cycles++;
        top.gemm_start_i = top.vector_start_i = 0;
        top.eval();
        gemms_done += top.gemm_done_o;
        vectors_done += top.vector_done_o;
      }
      if (gemms_done < gemms || vectors_done < vectors) cycles = UINT32_MAX;
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
