// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A bus that stops answering, between the design and its memory: one channel goes silent, from a burst of its own on, for
// good or until so many cycles have passed since something was first held back.
//
// What is held back is hidden from the design each cycle: a READY, or a VALID that the design has not seen yet, so that the
// memory keeps to AXI.

#pragma once

#include <cstdint>

#include "abi.h"

template <typename Top>
class Hang {
 public:
  explicit Hang(const Settings& settings)
      : channel_(settings.hang_channel), after_(settings.hang_after), late_(settings.hang_late) {}

  // A reset of the link mends the bus.
  void reset() { channel_ = kNothing; }

  // After the memory has driven the design's inputs.
  void hide(Top& top, uint64_t cycle) {
    if (channel_ == kNothing || passed_ < after_) return;
    if (holding_ && late_ && cycle >= since_ + late_) return reset();
    const bool held = channel_ == kReadData        ? top.m_rvalid_i
                      : channel_ == kWriteResponse ? top.m_bvalid_i
                                                   : wanted_;
    if (held && !holding_) {
      holding_ = true;
      since_ = cycle;
    }
    switch (channel_) {
      case kReadAddress: top.m_arready_i = 0; break;
      case kReadData: top.m_rvalid_i = 0; break;
      case kWriteAddress: top.m_awready_i = 0; break;
      case kWriteData: top.m_wready_i = 0; break;
      default: top.m_bvalid_i = 0;
    }
  }

  // After the design's outputs have settled.
  void sample(const Top& top) {
    switch (channel_) {
      case kReadAddress: count(top.m_arvalid_o, top.m_arready_i); break;
      case kReadData: count(top.m_rvalid_i && top.m_rlast_i, top.m_rready_o); break;
      case kWriteAddress: count(top.m_awvalid_o, top.m_awready_i); break;
      case kWriteData: count(top.m_wvalid_o && top.m_wlast_o, top.m_wready_i); break;
      case kWriteResponse: count(top.m_bvalid_i, top.m_bready_o); break;
      default: break;
    }
    wanted_ = channel_ == kReadAddress ? top.m_arvalid_o : channel_ == kWriteAddress ? top.m_awvalid_o : top.m_wvalid_o;
  }

 private:
  void count(bool valid, bool ready) { passed_ += valid && ready; }

  uint32_t channel_;
  const uint32_t after_;
  const uint64_t late_;
  uint64_t passed_ = 0, since_ = 0;
  bool wanted_ = false, holding_ = false;
};
