// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The Verilated accelerator between its host and its memory: clock, AXI4-Lite manager, AXI4 memory, waveform.
//
// SYSTOLE_N, SYSTOLE_BUS_BYTES, SYSTOLE_SPAD_BANKS and SYSTOLE_ACC_BANKS come from the build.

#include <cstdarg>
#include <cstdio>
#include <memory>

#include "Vsystole_top.h"
#include "abi.h"
#include "axi_check.h"
#include "bus.h"
#include "chip.h"
#include "dram.h"
#include "hang.h"

#if VM_TRACE_FST
#include <verilated_fst_c.h>
using Waveform = VerilatedFstC;
#elif VM_TRACE
#include <verilated_vcd_c.h>
using Waveform = VerilatedVcdC;
#endif

namespace {

// What the runtime printed since the last call; a failing assertion's text among it.
thread_local std::string printed;

// Longest wait for an AXI4-Lite handshake.
constexpr uint64_t kRegisterCycles = 1000;

}  // namespace

extern "C" int systole_print(const char* format, ...) {
  char line[1024];
  va_list arguments;
  va_start(arguments, format);
  const int written = std::vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  if (printed.size() < 8192) printed += line;
  return written;
}

struct Model {
  explicit Model(const Settings& settings)
      : settings_(settings), path_(settings.trace_path ? settings.trace_path : ""), bus_(settings, dram_), hang_(settings) {
    // A failing assertion must not end the process; gotFinish() tells.
    context_.fatalOnError(false);
    context_.randReset(2);
    context_.randSeed(static_cast<int>(settings.seed & 0x7fffffff) | 1);
    context_.traceEverOn(!path_.empty());
    top_ = std::make_unique<Vsystole_top>(&context_, "TOP");
    open_waveform();
    reset();

    const std::string core = "TOP.systole_top.u_core";
    const size_t n = SYSTOLE_N;
    chip_.emplace_back(context_, banks(core + ".u_spad", SYSTOLE_SPAD_BANKS), n, false);
    chip_.emplace_back(context_, banks(core + ".u_acc", SYSTOLE_ACC_BANKS), 4 * n, false);
    chip_.emplace_back(context_, std::vector<std::string>{core + ".u_vector.u_param"}, 8 * n, false);
    chip_.emplace_back(context_, std::vector<std::string>{core + ".u_vector.u_row_scale", core + ".u_vector.u_row_stat"}, 10,
                       true);
  }

  ~Model() {
#if VM_TRACE
    if (waveform_) waveform_->close();
#endif
    top_->final();
  }

  void cycle() {
    Vsystole_top& top = *top_;
    bus_.drive(top, cycles_);
    hang_.hide(top, cycles_);
    top.clk_i = 0;
    top.eval();
    dump(0);
    check_.see(top, cycles_);
    if (top.rst_ni) {
      hang_.sample(top);
      bus_.sample(top, cycles_);
    }
    address_taken_ = top.s_awvalid_i && top.s_awready_o;
    data_taken_ = top.s_wvalid_i && top.s_wready_o;
    written_ = top.s_bvalid_o && top.s_bready_i;
    request_taken_ = top.s_arvalid_i && top.s_arready_o;
    answered_ = top.s_rvalid_o && top.s_rready_i;
    answer_ = top.s_rdata_o;
    response_ = answered_ ? top.s_rresp_o : top.s_bresp_o;
    top.clk_i = 1;
    top.eval();
    dump(1);
    cycles_++;
    if (context_.gotFinish()) throw std::runtime_error(printed.empty() ? "the design stopped" : printed);
  }

  void reset_link() {
    hang_.reset();
    reset();
  }

  void reset() {
    Vsystole_top& top = *top_;
    top.s_awvalid_i = top.s_wvalid_i = top.s_bready_i = top.s_arvalid_i = top.s_rready_i = 0;
    // Flip-flops begin with anything, so the falling edge is what resets them.
    top.clk_i = 0;
    top.rst_ni = 1;
    top.eval();
    top.rst_ni = 0;
    bus_.reset();
    for (int i = 0; i < 4; i++) cycle();
    top.rst_ni = 1;
    cycle();
  }

  uint32_t read(uint32_t offset) {
    Vsystole_top& top = *top_;
    top.s_arvalid_i = 1;
    top.s_araddr_i = offset;
    top.s_rready_i = 1;
    for (uint64_t i = 0; i < kRegisterCycles; i++) {
      cycle();
      if (request_taken_) top.s_arvalid_i = 0;
      if (answered_) {
        top.s_rready_i = 0;
        const uint32_t value = answer_;
        if (response_ & 2) throw std::runtime_error("AXI4-Lite: a read was answered with an error");
        return value;
      }
    }
    throw std::runtime_error("AXI4-Lite: a read is not answered");
  }

  void write(uint32_t offset, uint32_t value) {
    Vsystole_top& top = *top_;
    top.s_awvalid_i = top.s_wvalid_i = top.s_bready_i = 1;
    top.s_awaddr_i = offset;
    top.s_wdata_i = value;
    top.s_wstrb_i = 0xf;
    for (uint64_t i = 0; i < kRegisterCycles; i++) {
      cycle();
      if (address_taken_) top.s_awvalid_i = 0;
      if (data_taken_) top.s_wvalid_i = 0;
      if (written_) {
        top.s_bready_i = 0;
        if (response_ & 2) throw std::runtime_error("AXI4-Lite: a write was answered with an error");
        return;
      }
    }
    throw std::runtime_error("AXI4-Lite: a write is not answered");
  }

  bool run(uint64_t limit) {
    for (uint64_t i = 0; i < limit && !top_->irq_o; i++) cycle();
    return top_->irq_o;
  }

  void advance(uint64_t cycles) {
    for (uint64_t i = 0; i < cycles; i++) cycle();
  }

  Dram dram_;
  std::vector<ChipMemory> chip_;
  uint64_t cycles_ = 0;
  std::string message_;

 private:
  void open_waveform() {
#if VM_TRACE
    if (path_.empty()) return;
    waveform_ = std::make_unique<Waveform>();
    top_->trace(waveform_.get(), 99);
    waveform_->open(path_.c_str());
    if (!waveform_->isOpen()) throw std::runtime_error("cannot write the waveform to " + path_);
#else
    if (!path_.empty()) throw std::runtime_error("this model was built without waveforms");
#endif
  }

  // Two samples a cycle, of 10 ns: a nominal 100 MHz.
  void dump([[maybe_unused]] unsigned half) {
#if VM_TRACE
    if (waveform_ && cycles_ >= settings_.trace_start && cycles_ < settings_.trace_end)
      waveform_->dump(10 * cycles_ + 5 * half);
#endif
  }

  const Settings settings_;
  const std::string path_;
  VerilatedContext context_;
  std::unique_ptr<Vsystole_top> top_;
  Bus<Vsystole_top, SYSTOLE_BUS_BYTES> bus_;
  AxiCheck<Vsystole_top, SYSTOLE_BUS_BYTES> check_;
  Hang<Vsystole_top> hang_;
#if VM_TRACE
  std::unique_ptr<Waveform> waveform_;
#endif
  // What was handed over in the last cycle.
  bool address_taken_ = false, data_taken_ = false, written_ = false, request_taken_ = false, answered_ = false;
  uint32_t answer_ = 0;
  uint8_t response_ = 0;
};

namespace {

// No exception leaves the library: what fails is a status and a message.
template <typename Body>
uint32_t guarded(Model* model, Body body) {
  printed.clear();
  try {
    body();
    return kOk;
  } catch (const std::exception& failure) {
    model->message_ = failure.what();
    return kFailed;
  }
}

}  // namespace

extern "C" {

#define EXPORT __attribute__((visibility("default")))

EXPORT uint32_t systole_abi(void) { return 4; }

EXPORT Model* systole_open(const Settings* settings, char* error, uint64_t error_bytes) {
  printed.clear();
  try {
    return new Model(*settings);
  } catch (const std::exception& failure) {
    std::snprintf(error, error_bytes, "%s", failure.what());
    return nullptr;
  }
}

EXPORT void systole_close(Model* model) { delete model; }

EXPORT uint32_t systole_read(Model* model, uint32_t offset, uint32_t* value) {
  return guarded(model, [&] { *value = model->read(offset); });
}

EXPORT uint32_t systole_write(Model* model, uint32_t offset, uint32_t value) {
  return guarded(model, [&] { model->write(offset, value); });
}

EXPORT uint32_t systole_run(Model* model, uint64_t cycles, uint32_t* raised) {
  return guarded(model, [&] { *raised = model->run(cycles); });
}

EXPORT uint32_t systole_advance(Model* model, uint64_t cycles) {
  return guarded(model, [&] { model->advance(cycles); });
}

EXPORT uint32_t systole_reset(Model* model) {
  return guarded(model, [&] { model->reset_link(); });
}

EXPORT uint64_t systole_cycles(const Model* model) { return model->cycles_; }

EXPORT const char* systole_message(const Model* model) { return model->message_.c_str(); }

EXPORT void systole_map(Model* model, uint64_t address, uint64_t bytes) { model->dram_.map(address, bytes); }

EXPORT void systole_map_external(Model* model, uint64_t address, uint8_t* memory, uint64_t bytes, uint32_t access) {
  model->dram_.map_external(address, memory, bytes, access);
}

EXPORT void systole_unmap(Model* model, uint64_t address) { model->dram_.unmap(address); }

EXPORT uint32_t systole_take_refused(Model* model, uint64_t* address) {
  return model->dram_.take_refused(address) ? 1 : 0;
}

EXPORT uint32_t systole_copy_to(Model* model, uint64_t address, const uint8_t* from, uint64_t bytes) {
  return model->dram_.write(address, from, bytes) ? kOk : kFailed;
}

EXPORT uint32_t systole_copy_from(const Model* model, uint64_t address, uint8_t* to, uint64_t bytes) {
  return model->dram_.read(address, to, bytes) ? kOk : kFailed;
}

EXPORT uint64_t systole_chip_bytes(const Model* model, uint32_t memory) {
  return memory < model->chip_.size() ? model->chip_[memory].bytes() : 0;
}

EXPORT void systole_chip_read(const Model* model, uint32_t memory, uint8_t* image) {
  if (memory < model->chip_.size()) model->chip_[memory].read(image);
}

EXPORT void systole_chip_write(Model* model, uint32_t memory, const uint8_t* image) {
  if (memory < model->chip_.size()) model->chip_[memory].write(image);
}

}  // extern "C"
