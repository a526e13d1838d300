// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The rules of AXI4 and AXI4-Lite, watched on all ten channels in every cycle of every run, on the harness's side as much as
// on the design's.
//
// - During a reset, and in the first cycle after it, nothing is valid.
// - What is valid and not ready stays valid, and its payload stays as it is.
// - A burst is incrementing, of full bus width, aligned, and within 4 KiB. Its last beat, and no other, is marked last.
// - No beat and no response comes without its request. The design sends no beat of a burst before the burst's request, and
//   has no more than kMostOpen bursts open in each direction.
// - Strobes are those of the first bytes of a beat, or none: rows begin aligned, and only a row's end is not whole.
//
// There are no IDs: everything is in order. see() is called once a cycle, when all signals have settled; it throws.

#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <deque>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>

template <typename Top, unsigned kBusBytes>
class AxiCheck {
 public:
  // Outstanding of systole_axi_read and systole_axi_write.
  static constexpr unsigned kMostOpen = 8;

  void see(const Top& top, uint64_t cycle) {
    if (!top.rst_ni) *this = AxiCheck();
    cycle_ = cycle;
    if (fresh_) quiet(top);
    fresh_ = !top.rst_ni;
    // Answers first: they are to requests of earlier cycles.
    answers(top);
    read_requests(top);
    write_requests(top);
    registers(top);
  }

 private:
  using Data = std::array<uint8_t, kBusBytes>;

  // What a channel offers, if that waits to be taken.
  template <typename... Signals>
  struct Channel {
    bool waiting = false;
    std::tuple<Signals...> payload;
  };

  [[noreturn]] void fail(const std::string& where, const std::string& what) const {
    throw std::runtime_error(where + ": " + what + ", in cycle " + std::to_string(cycle_));
  }
  void require(bool holds, const char* where, const char* otherwise) const {
    if (!holds) fail(where, otherwise);
  }

  // The payload is looked at only where it counts.
  template <typename Held, typename Now>
  void hold(const char* where, Held& channel, bool valid, bool ready, Now now) const {
    const bool held = channel.waiting;
    channel.waiting = valid && !ready;
    require(valid || !held, where, "VALID falls before READY came");
    require(!held || channel.payload == now(), where, "the payload changes while VALID waits for READY");
    if (channel.waiting && !held) channel.payload = now();
  }

  template <typename Signal>
  static Data bytes(const Signal& signal) {
    Data data;
    std::memcpy(data.data(), &signal, kBusBytes);
    return data;
  }

  void quiet(const Top& top) const {
    const std::pair<bool, const char*> channels[] = {
        {top.m_arvalid_o, "AXI AR"},      {top.m_awvalid_o, "AXI AW"},      {top.m_wvalid_o, "AXI W"},
        {top.m_rvalid_i, "AXI R"},        {top.m_bvalid_i, "AXI B"},        {top.s_arvalid_i, "AXI4-Lite AR"},
        {top.s_awvalid_i, "AXI4-Lite AW"}, {top.s_wvalid_i, "AXI4-Lite W"}, {top.s_rvalid_o, "AXI4-Lite R"},
        {top.s_bvalid_o, "AXI4-Lite B"}};
    for (const auto& [valid, where] : channels) require(!valid, where, "VALID in a reset");
  }

  void answers(const Top& top) {
    hold("AXI R", r_, top.m_rvalid_i, top.m_rready_o,
         [&] { return std::tuple(bytes(top.m_rdata_i), top.m_rresp_i, top.m_rlast_i); });
    if (top.m_rvalid_i) {
      require(!reads_.empty(), "AXI R", "a beat without a request");
      require(top.m_rlast_i == (reads_.front() == 1), "AXI R", "RLAST does not mark the last beat");
      if (top.m_rready_o && --reads_.front() == 0) reads_.pop_front();
    }
    hold("AXI B", b_, top.m_bvalid_i, top.m_bready_o, [&] { return std::tuple(top.m_bresp_i); });
    if (top.m_bvalid_i) {
      require(addresses_ && finished_, "AXI B", "a response before its burst is here");
      if (top.m_bready_o) addresses_--, finished_--, open_writes_--;
    }
  }

  void request(const char* where, uint64_t address, uint32_t len, uint32_t size, uint32_t burst) const {
    require(1u << size == kBusBytes && burst == 1, where, "a burst is not incrementing at full width");
    require(address % kBusBytes == 0, where, "a burst's address is not aligned");
    require(address % 4096 + (len + 1ull) * kBusBytes <= 4096, where, "a burst crosses a 4 KiB boundary");
  }

  void read_requests(const Top& top) {
    hold("AXI AR", ar_, top.m_arvalid_o, top.m_arready_i,
         [&] { return std::tuple(top.m_araddr_o, top.m_arlen_o, top.m_arsize_o, top.m_arburst_o); });
    if (!top.m_arvalid_o) return;
    request("AXI AR", top.m_araddr_o, top.m_arlen_o, top.m_arsize_o, top.m_arburst_o);
    require(reads_.size() < kMostOpen, "AXI AR", "more bursts are open than the design promises");
    if (top.m_arready_i) reads_.push_back(top.m_arlen_o + 1);
  }

  void write_requests(const Top& top) {
    const bool again = aw_.waiting;
    hold("AXI AW", aw_, top.m_awvalid_o, top.m_awready_i,
         [&] { return std::tuple(top.m_awaddr_o, top.m_awlen_o, top.m_awsize_o, top.m_awburst_o); });
    if (top.m_awvalid_o && !again) {
      request("AXI AW", top.m_awaddr_o, top.m_awlen_o, top.m_awsize_o, top.m_awburst_o);
      require(open_writes_ < kMostOpen, "AXI AW", "more bursts are open than the design promises");
      open_writes_++;
      unsent_.push_back(top.m_awlen_o + 1);
    }
    if (top.m_awvalid_o && top.m_awready_i) addresses_++;

    hold("AXI W", w_, top.m_wvalid_o, top.m_wready_i,
         [&] { return std::tuple(bytes(top.m_wdata_o), top.m_wstrb_o, top.m_wlast_o); });
    if (!top.m_wvalid_o) return;
    require(!unsent_.empty(), "AXI W", "a beat without a request");
    require(top.m_wlast_o == (unsent_.front() == 1), "AXI W", "WLAST does not mark the last beat");
    const uint64_t strobes = top.m_wstrb_o;
    require(strobes >> kBusBytes == 0 && (strobes & (strobes + 1)) == 0, "AXI W", "strobes are not of the first bytes");
    if (top.m_wready_i && --unsent_.front() == 0) {
      unsent_.pop_front();
      finished_++;
    }
  }

  void registers(const Top& top) {
    hold("AXI4-Lite R", lite_r_, top.s_rvalid_o, top.s_rready_i,
         [&] { return std::tuple(top.s_rdata_o, top.s_rresp_o); });
    if (top.s_rvalid_o) {
      require(lite_reads_, "AXI4-Lite R", "an answer without a request");
      if (top.s_rready_i) lite_reads_--;
    }
    hold("AXI4-Lite B", lite_b_, top.s_bvalid_o, top.s_bready_i,
         [&] { return std::tuple(top.s_bresp_o); });
    if (top.s_bvalid_o) {
      require(lite_addresses_ && lite_data_, "AXI4-Lite B", "an answer without a request");
      if (top.s_bready_i) lite_addresses_--, lite_data_--;
    }
    hold("AXI4-Lite AR", lite_ar_, top.s_arvalid_i, top.s_arready_o,
         [&] { return std::tuple(top.s_araddr_i); });
    hold("AXI4-Lite AW", lite_aw_, top.s_awvalid_i, top.s_awready_o,
         [&] { return std::tuple(top.s_awaddr_i); });
    hold("AXI4-Lite W", lite_w_, top.s_wvalid_i, top.s_wready_o,
         [&] { return std::tuple(top.s_wdata_i, top.s_wstrb_i); });
    lite_reads_ += top.s_arvalid_i && top.s_arready_o;
    lite_addresses_ += top.s_awvalid_i && top.s_awready_o;
    lite_data_ += top.s_wvalid_i && top.s_wready_o;
  }

  uint64_t cycle_ = 0;
  bool fresh_ = true;  // this cycle is of a reset, or the last one was

  Channel<uint64_t, uint8_t, uint8_t, uint8_t> ar_, aw_;
  Channel<Data, uint8_t, bool> r_;
  Channel<Data, uint32_t, bool> w_;
  Channel<uint8_t> b_;
  std::deque<uint32_t> reads_;   // beats to come of each burst that was asked for
  std::deque<uint32_t> unsent_;  // beats to come of each burst that was offered on AW
  uint32_t open_writes_ = 0;     // bursts offered on AW and not answered
  uint32_t addresses_ = 0;       // of these, taken on AW
  uint32_t finished_ = 0;        // and of which all beats were taken

  Channel<uint32_t, uint8_t> lite_r_, lite_w_;
  Channel<uint8_t> lite_b_;
  Channel<uint32_t> lite_ar_, lite_aw_;
  uint32_t lite_reads_ = 0, lite_addresses_ = 0, lite_data_ = 0;  // taken and not answered
};
