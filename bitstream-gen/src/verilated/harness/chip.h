// SPDX-License-Identifier: MIT OR Apache-2.0
//
// One memory on chip as a byte image, read and written behind the design's back.

#pragma once

#include <verilated.h>
#include <verilated_syms.h>

#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

class ChipMemory {
 public:
  // RAM blocks that hold consecutive words (banks), or copies of the same words.
  ChipMemory(VerilatedContext& context, const std::vector<std::string>& blocks, size_t word_bytes, bool copies)
      : word_bytes_(word_bytes), copies_(copies) {
    for (const auto& block : blocks) {
      const VerilatedScope* scope = context.scopeFind(block.c_str());
      VerilatedVar* var = scope ? scope->varFind("mem_q") : nullptr;
      if (!var) throw std::runtime_error("the design has no memory at " + block);
      blocks_.push_back(static_cast<uint8_t*>(var->datap()));
      words_ = var->elements(1);
    }
    // Verilator keeps words of up to 8, 16, 32 and 64 bits in integers, wider ones in 32-bit pieces.
    stride_ = word_bytes <= 2 ? word_bytes : word_bytes <= 4 ? 4 : word_bytes <= 8 ? 8 : (word_bytes + 3) / 4 * 4;
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
    for (size_t b = 0; b < (copies_ ? 1 : blocks_.size()); b++)
      for (size_t w = 0; w < words_; w++) std::memcpy(image + at(b, w), blocks_[b] + w * stride_, word_bytes_);
  }

 private:
  size_t at(size_t block, size_t word) const { return ((copies_ ? 0 : block * words_) + word) * word_bytes_; }

  std::vector<uint8_t*> blocks_;
  size_t word_bytes_, words_ = 0, stride_ = 0;
  bool copies_;
};

inline std::vector<std::string> banks(const std::string& memory, int count) {
  std::vector<std::string> names;
  for (int b = 0; b < count; b++) names.push_back(memory + ".g_bank[" + std::to_string(b) + "].u_ram");
  return names;
}
