// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The memory behind the bus: blocks in a 64-bit address space. What lies in no block answers with an error.
//
// A block is the model's own, or somebody else's, who may read and write it at the same time: another process, or its
// guest. Such bytes are moved by relaxed atomic accesses, so that the compiler assumes nothing about them.

#pragma once

#include <cstdint>
#include <cstring>
#include <map>
#include <vector>

class Dram {
 public:
  enum Access : uint32_t { kRead = 1, kWrite = 2 };

  void map(uint64_t address, uint64_t bytes) {
    Block& block = blocks_[address];
    block.own.assign(bytes, 0);
    block.data = block.own.data();
    block.bytes = bytes;
    block.access = kRead | kWrite;
    last_ = nullptr;
  }

  void map_external(uint64_t address, uint8_t* memory, uint64_t bytes, uint32_t access) {
    blocks_[address] = Block{{}, memory, bytes, access, true};
    last_ = nullptr;
  }

  void unmap(uint64_t address) {
    blocks_.erase(address);
    last_ = nullptr;
  }

  // Copies bytes out if all of them lie in one block that may be read, else copies none.
  bool read(uint64_t address, uint8_t* to, uint64_t bytes) const {
    const Block* block = find(address, bytes, kRead);
    if (!block) return false;
    const uint8_t* from = block->data + (address - base_);
    if (!block->external) {
      if (bytes) std::memcpy(to, from, bytes);
    } else {
      for (uint64_t i = 0; i < bytes; i++) to[i] = __atomic_load_n(from + i, __ATOMIC_RELAXED);
    }
    return true;
  }

  // Copies bytes in if all of them lie in one block that may be written, else copies none.
  bool write(uint64_t address, const uint8_t* from, uint64_t bytes) {
    const Block* block = find(address, bytes, kWrite);
    if (!block) return false;
    uint8_t* to = block->data + (address - base_);
    if (!block->external) {
      if (bytes) std::memcpy(to, from, bytes);
    } else {
      for (uint64_t i = 0; i < bytes; i++) __atomic_store_n(to + i, from[i], __ATOMIC_RELAXED);
    }
    return true;
  }

  // Notes an access of the bus that was answered with an error.
  void refuse(uint64_t address) {
    refused_ = true;
    refused_address_ = address;
  }

  // Takes the address of the last one, if there was one since the last call.
  bool take_refused(uint64_t* address) {
    const bool was = refused_;
    if (was) *address = refused_address_;
    refused_ = false;
    return was;
  }

 private:
  struct Block {
    std::vector<uint8_t> own;
    uint8_t* data = nullptr;
    uint64_t bytes = 0;
    uint32_t access = 0;
    bool external = false;
  };

  // The block in which all bytes lie, if it permits the access; base_ is its address.
  const Block* find(uint64_t address, uint64_t bytes, Access access) const {
    if (!last_ || address < base_ || address - base_ >= last_->bytes) {
      auto after = blocks_.upper_bound(address);
      if (after == blocks_.begin()) return nullptr;
      --after;
      base_ = after->first;
      last_ = &after->second;
    }
    const uint64_t at = address - base_;
    if (at > last_->bytes || bytes > last_->bytes - at || !(last_->access & access)) return nullptr;
    return last_;
  }

  std::map<uint64_t, Block> blocks_;
  bool refused_ = false;
  uint64_t refused_address_ = 0;
  // The block of the last access: bursts stay in one.
  mutable const Block* last_ = nullptr;
  mutable uint64_t base_ = 0;
};
