// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The AXI4 subordinate: answers the design's bursts from memory, in order, with a latency, a bandwidth and random
// back-pressure. That the bursts are what the design promises is axi_check.h's to say.
//
// A write reaches memory when its response is sent, not before: a design that does not wait for responses shows. Each cycle
// drive() sets the design's inputs, and after they have settled sample() takes what was handed over.

#pragma once

#include <cstdint>
#include <cstring>
#include <deque>
#include <vector>

#include "abi.h"
#include "dram.h"

template <typename Top, unsigned kBusBytes>
class Bus {
 public:
  Bus(const Settings& settings, Dram& dram) : settings_(settings), dram_(dram), random_(settings.seed * 2 + 1) {}

  // Forgets all bursts, as the design does at a reset.
  void reset() {
    reads_.clear();
    writes_.clear();
    beats_.clear();
    read_valid_ = response_valid_ = false;
  }

  void drive(Top& top, uint64_t cycle) {
    if (settings_.milli_bytes) {
      credit_ += settings_.milli_bytes;
      if (credit_ > 4 * kCost) credit_ = 4 * kCost;
    }
    // When both directions want the last credit, they take turns.
    const bool beat_waits = !writes_.empty() || !beats_.empty();
    const bool read_first = !beat_waits || (cycle & 1) == 0;
    if (!read_valid_) {
      read_valid_ = !reads_.empty() && cycle >= reads_.front().due && (read_first || credit_ >= 2 * kCost || !limited()) &&
                    affordable() && !withheld();
      if (read_valid_) {
        Burst& burst = reads_.front();
        const bool there = dram_.read(burst.address, reinterpret_cast<uint8_t*>(&top.m_rdata_i), kBusBytes);
        // An error's data is no zero, so that using it shows.
        if (!there) {
          std::memset(&top.m_rdata_i, 0xe7, kBusBytes);
          dram_.refuse(burst.address);
        }
        top.m_rresp_i = there ? 0 : 3;
        top.m_rlast_i = burst.beats == 1;
        pay();
      }
    }
    top.m_rvalid_i = read_valid_;
    top.m_arready_i = reads_.size() < settings_.outstanding && !withheld();
    top.m_awready_i = writes_.size() < settings_.outstanding && !withheld();
    // A ready may come and go, so credit is paid only by a beat that is taken.
    top.m_wready_i = beats_.size() < 512 && affordable() && !withheld();
    if (!response_valid_ && !writes_.empty() && writes_.front().complete && cycle >= writes_.front().due && !withheld()) {
      top.m_bresp_i = commit(writes_.front());
      response_valid_ = true;
    }
    top.m_bvalid_i = response_valid_;
  }

  void sample(const Top& top, uint64_t cycle) {
    if (top.m_rvalid_i && top.m_rready_o) {
      read_valid_ = false;
      Burst& burst = reads_.front();
      burst.address += kBusBytes;
      if (--burst.beats == 0) reads_.pop_front();
    }
    if (top.m_bvalid_i && top.m_bready_o) {
      response_valid_ = false;
      writes_.pop_front();
    }
    const uint64_t due = cycle + settings_.latency;
    if (top.m_arvalid_o && top.m_arready_i) reads_.push_back({top.m_araddr_o, due, top.m_arlen_o + 1u});
    if (top.m_awvalid_o && top.m_awready_i) writes_.push_back({top.m_awaddr_o, due, top.m_awlen_o + 1u});
    if (top.m_wvalid_o && top.m_wready_i) {
      pay();
      Beat beat;
      std::memcpy(beat.data, &top.m_wdata_o, kBusBytes);
      beat.strobes = top.m_wstrb_o;
      beats_.push_back(beat);
    }
    if (!beats_.empty()) match(cycle);
  }

 private:
  static constexpr uint64_t kCost = 1000ull * kBusBytes;

  struct Beat {
    uint8_t data[kBusBytes];
    uint32_t strobes;
  };

  struct Burst {
    uint64_t address, due;
    uint32_t beats;
    bool complete = false;
    std::vector<Beat> data = {};
  };

  bool limited() const { return settings_.milli_bytes != 0; }
  bool affordable() const { return !limited() || credit_ >= kCost; }
  void pay() {
    if (limited()) credit_ -= credit_ < kCost ? credit_ : kCost;
  }

  bool withheld() {
    if (!settings_.back_pressure) return false;
    random_ ^= random_ << 13;
    random_ ^= random_ >> 7;
    random_ ^= random_ << 17;
    return (random_ >> 16) % 100 < settings_.back_pressure;
  }

  // Gives beats to the oldest burst that is not complete; beats may come before their address.
  void match(uint64_t cycle) {
    for (Burst& burst : writes_) {
      while (!burst.complete && !beats_.empty()) {
        burst.data.push_back(beats_.front());
        beats_.pop_front();
        burst.complete = burst.data.size() == burst.beats;
        burst.due = cycle + settings_.latency;
      }
    }
  }

  // Writes a burst to memory; the response.
  uint8_t commit(const Burst& burst) {
    uint8_t response = 0;
    uint64_t address = burst.address;
    for (const Beat& beat : burst.data) {
      for (unsigned b = 0; b < kBusBytes; b++) {
        if (!(beat.strobes >> b & 1)) continue;
        if (dram_.write(address + b, &beat.data[b], 1)) continue;
        response = 3;
        dram_.refuse(address + b);
      }
      address += kBusBytes;
    }
    return response;
  }

  const Settings settings_;
  Dram& dram_;
  uint64_t random_;
  uint64_t credit_ = 0;
  std::deque<Burst> reads_, writes_;
  std::deque<Beat> beats_;
  bool read_valid_ = false, response_valid_ = false;
};
