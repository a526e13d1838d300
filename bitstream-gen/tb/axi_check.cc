// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Must-fail tests of the harness's AXI rules (axi_check.h): a lawful exchange passes, and with one signal changed in one
// cycle each rule is found to be broken, by name. Prints what goes unnoticed.

#include <cstdio>
#include <vector>

#include "axi_check.h"

namespace {

// Ports of systole_top with a bus of eight bytes.
struct Top {
  uint8_t rst_ni = 1;
  uint8_t m_arvalid_o = 0, m_arready_i = 0, m_arlen_o = 1, m_arsize_o = 3, m_arburst_o = 1;
  uint64_t m_araddr_o = 0x1000;
  uint8_t m_rvalid_i = 0, m_rready_o = 0, m_rresp_i = 0, m_rlast_i = 0;
  uint64_t m_rdata_i = 5;
  uint8_t m_awvalid_o = 0, m_awready_i = 0, m_awlen_o = 1, m_awsize_o = 3, m_awburst_o = 1;
  uint64_t m_awaddr_o = 0x2000;
  uint8_t m_wvalid_o = 0, m_wready_i = 0, m_wlast_o = 0, m_wstrb_o = 0xff;
  uint64_t m_wdata_o = 6;
  uint8_t m_bvalid_i = 0, m_bready_o = 0, m_bresp_i = 0;
  uint8_t s_awvalid_i = 0, s_awready_o = 0, s_wvalid_i = 0, s_wready_o = 0, s_wstrb_i = 0xf;
  uint16_t s_awaddr_i = 8, s_araddr_i = 4;
  uint32_t s_wdata_i = 7, s_rdata_o = 8;
  uint8_t s_bvalid_o = 0, s_bready_i = 0, s_bresp_o = 0;
  uint8_t s_arvalid_i = 0, s_arready_o = 0, s_rvalid_o = 0, s_rready_i = 0, s_rresp_o = 0;
};

using Exchange = std::vector<Top>;

// A read and a write of two beats, a register read and a register written; everything waits for a cycle.
Exchange lawful() {
  Exchange cycles(11);
  cycles[0].rst_ni = 0;
  for (int c : {2, 3}) {
    Top& top = cycles[c];
    top.m_arvalid_o = top.m_awvalid_o = top.m_wvalid_o = 1;
    top.s_arvalid_i = top.s_awvalid_i = top.s_wvalid_i = 1;
    top.m_arready_i = top.m_awready_i = top.m_wready_i = c == 3;
    top.s_arready_o = top.s_awready_o = top.s_wready_o = c == 3;
  }
  for (int c : {4, 5}) {
    Top& top = cycles[c];
    top.m_rvalid_i = top.m_wvalid_o = top.m_wlast_o = top.s_rvalid_o = top.s_bvalid_o = 1;
    top.m_wstrb_o = 0x0f;
    top.m_rready_o = top.m_wready_i = top.s_rready_i = top.s_bready_i = c == 5;
  }
  for (int c : {6, 7}) {
    Top& top = cycles[c];
    top.m_rvalid_i = top.m_rlast_i = top.m_bvalid_i = 1;
    top.m_rready_o = top.m_bready_o = c == 7;
  }
  return cycles;
}

// Requests that are taken and never answered.
Exchange unanswered(bool reads, int count) {
  Exchange cycles(2 + count);
  for (int c = 2; c < 2 + count; c++) {
    (reads ? cycles[c].m_arvalid_o : cycles[c].m_awvalid_o) = 1;
    (reads ? cycles[c].m_arready_i : cycles[c].m_awready_i) = 1;
  }
  return cycles;
}

// What the rules say of it; empty: nothing.
std::string verdict(const Exchange& cycles) {
  AxiCheck<Top, 8> check;
  try {
    for (size_t c = 0; c < cycles.size(); c++) check.see(cycles[c], c);
    return "";
  } catch (const std::exception& failure) {
    return failure.what();
  }
}

int failures = 0;

void expect(const std::string& found, const std::string& expected) {
  if (expected.empty() ? found.empty() : found.rfind(expected, 0) == 0) return;
  std::printf("expected `%s`, found `%s`\n", expected.c_str(), found.c_str());
  failures++;
}

template <typename Signal, typename Value>
void plant(int cycle, Signal Top::* signal, Value value, const std::string& expected) {
  Exchange cycles = lawful();
  cycles[cycle].*signal = static_cast<Signal>(value);
  expect(verdict(cycles), expected + ", in cycle " + std::to_string(cycle));
}

// A channel whose offer waits from `cycle` - 1 to `cycle`.
template <typename Signal>
void channel(const std::string& name, int cycle, uint8_t Top::* valid, Signal Top::* payload) {
  plant(cycle, valid, 0, name + ": VALID falls before READY came");
  plant(cycle, payload, 0x40, name + ": the payload changes while VALID waits for READY");
  plant(0, valid, 1, name + ": VALID in a reset");
  plant(1, valid, 1, name + ": VALID in a reset");
}

}  // namespace

int main() {
  expect(verdict(lawful()), "");
  channel("AXI AR", 3, &Top::m_arvalid_o, &Top::m_araddr_o);
  channel("AXI R", 5, &Top::m_rvalid_i, &Top::m_rdata_i);
  channel("AXI AW", 3, &Top::m_awvalid_o, &Top::m_awaddr_o);
  channel("AXI W", 5, &Top::m_wvalid_o, &Top::m_wdata_o);
  channel("AXI W", 5, &Top::m_wvalid_o, &Top::m_wstrb_o);
  channel("AXI B", 7, &Top::m_bvalid_i, &Top::m_bresp_i);
  channel("AXI4-Lite AR", 3, &Top::s_arvalid_i, &Top::s_araddr_i);
  channel("AXI4-Lite R", 5, &Top::s_rvalid_o, &Top::s_rdata_o);
  channel("AXI4-Lite AW", 3, &Top::s_awvalid_i, &Top::s_awaddr_i);
  channel("AXI4-Lite W", 3, &Top::s_wvalid_i, &Top::s_wdata_i);
  channel("AXI4-Lite B", 5, &Top::s_bvalid_o, &Top::s_bresp_o);

  for (auto [name, address, len, size, burst] :
       {std::tuple{"AXI AR", &Top::m_araddr_o, &Top::m_arlen_o, &Top::m_arsize_o, &Top::m_arburst_o},
        std::tuple{"AXI AW", &Top::m_awaddr_o, &Top::m_awlen_o, &Top::m_awsize_o, &Top::m_awburst_o}}) {
    const std::string channel = name;
    plant(2, address, 0x1004, channel + ": a burst's address is not aligned");
    plant(2, address, 0x1ff8, channel + ": a burst crosses a 4 KiB boundary");
    plant(3, len, 2, channel + ": the payload changes while VALID waits for READY");
    plant(2, size, 2, channel + ": a burst is not incrementing at full width");
    plant(2, burst, 0, channel + ": a burst is not incrementing at full width");
  }
  for (bool reads : {true, false}) {
    const std::string name = reads ? "AXI AR" : "AXI AW";
    expect(verdict(unanswered(reads, 8)), "");
    expect(verdict(unanswered(reads, 9)), name + ": more bursts are open than the design promises, in cycle 10");
  }

  plant(4, &Top::m_rlast_i, 1, "AXI R: RLAST does not mark the last beat");
  plant(6, &Top::m_rlast_i, 0, "AXI R: RLAST does not mark the last beat");
  plant(3, &Top::m_rvalid_i, 1, "AXI R: a beat without a request");
  plant(8, &Top::m_rvalid_i, 1, "AXI R: a beat without a request");
  plant(2, &Top::m_wlast_o, 1, "AXI W: WLAST does not mark the last beat");
  plant(4, &Top::m_wlast_o, 0, "AXI W: WLAST does not mark the last beat");
  plant(4, &Top::m_wstrb_o, 0xf0, "AXI W: strobes are not of the first bytes");
  plant(6, &Top::m_wvalid_o, 1, "AXI W: a beat without a request");
  plant(4, &Top::m_bvalid_i, 1, "AXI B: a response before its burst is here");
  plant(8, &Top::m_bvalid_i, 1, "AXI B: a response before its burst is here");
  plant(3, &Top::s_rvalid_o, 1, "AXI4-Lite R: an answer without a request");
  plant(6, &Top::s_rvalid_o, 1, "AXI4-Lite R: an answer without a request");
  plant(3, &Top::s_bvalid_o, 1, "AXI4-Lite B: an answer without a request");
  plant(6, &Top::s_bvalid_o, 1, "AXI4-Lite B: an answer without a request");
  return failures != 0;
}
