// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The memory behind the bus: blocks apart from each other in a 64-bit address space. What lies in no block answers with
// an error.

#pragma once

#include <cstdint>
#include <map>
#include <vector>

class Dram {
 public:
  void map(uint64_t address, uint64_t bytes) {
    blocks_[address] = std::vector<uint8_t>(bytes, 0);
    last_ = nullptr;
  }

  void unmap(uint64_t address) {
    blocks_.erase(address);
    last_ = nullptr;
  }

  // The bytes at an address if all of them lie in one block, else null.
  uint8_t* find(uint64_t address, uint64_t bytes) const {
    if (!last_ || address < base_ || address - base_ >= last_->size()) {
      auto after = blocks_.upper_bound(address);
      if (after == blocks_.begin()) return nullptr;
      --after;
      base_ = after->first;
      last_ = const_cast<std::vector<uint8_t>*>(&after->second);
    }
    const uint64_t at = address - base_;
    if (at > last_->size() || bytes > last_->size() - at) return nullptr;
    return last_->data() + at;
  }

 private:
  std::map<uint64_t, std::vector<uint8_t>> blocks_;
  // The block of the last access: bursts stay in one.
  mutable std::vector<uint8_t>* last_ = nullptr;
  mutable uint64_t base_ = 0;
};
