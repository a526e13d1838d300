// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The design's memories as byte images, read and written behind its back.

#pragma once

#include <verilated.h>
#include <verilated_syms.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

// One logical memory: RAM blocks that hold consecutive words (banks), or copies of the same words.
class Memory {
 public:
  Memory(const std::vector<std::string>& blocks, size_t word_bytes, bool copies)
      : word_bytes_(word_bytes), copies_(copies) {
    for (const auto& block : blocks) {
      const VerilatedScope* scope = Verilated::threadContextp()->scopeFind(block.c_str());
      VerilatedVar* var = scope ? scope->varFind("mem_q") : nullptr;
      if (!var) {
        std::fprintf(stderr, "no memory at %s\n", block.c_str());
        std::exit(2);
      }
      blocks_.push_back(static_cast<uint8_t*>(var->datap()));
      words_ = var->elements(1);
      // Verilator keeps words of up to 8, 16, 32 and 64 bits in integers, wider ones in 32-bit pieces.
      stride_ = word_bytes <= 8 ? word_bytes : (word_bytes + 3) / 4 * 4;
    }
  }

  size_t bytes() const { return word_bytes_ * words_ * (copies_ ? 1 : blocks_.size()); }

  void write(const uint8_t* image) {
    for (size_t b = 0; b < blocks_.size(); b++) {
      for (size_t w = 0; w < words_; w++) {
        std::memset(blocks_[b] + w * stride_, 0, stride_);
        std::memcpy(blocks_[b] + w * stride_, image + at(b, w), word_bytes_);
      }
    }
  }

  void read(uint8_t* image) const {
    for (size_t b = 0; b < blocks_.size(); b++)
      for (size_t w = 0; w < words_; w++) std::memcpy(image + at(b, w), blocks_[b] + w * stride_, word_bytes_);
  }

 private:
  size_t at(size_t block, size_t word) const {
    return ((copies_ ? 0 : block * words_) + word) * word_bytes_;
  }

  std::vector<uint8_t*> blocks_;
  size_t word_bytes_, words_ = 0, stride_ = 0;
  bool copies_;
};

inline std::vector<std::string> banks(const std::string& memory, int count) {
  std::vector<std::string> names;
  for (int b = 0; b < count; b++) names.push_back(memory + ".g_bank[" + std::to_string(b) + "].u_ram");
  return names;
}

// The protocol's own streams; what Verilator prints on standard output goes to standard error instead.
inline FILE* answers() {
  static FILE* stream = [] {
    FILE* own = fdopen(dup(1), "wb");
    dup2(2, 1);
    return own;
  }();
  return stream;
}

inline void read_exactly(void* to, size_t bytes) {
  if (bytes && std::fread(to, 1, bytes, stdin) != bytes) std::exit(0);
}

inline void write_exactly(const void* from, size_t bytes) {
  if (bytes && std::fwrite(from, 1, bytes, answers()) != bytes) std::exit(2);
}
