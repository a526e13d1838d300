// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the library of a Verilated model exports. Every function but systole_open takes what systole_open returned; a model
// is used by one thread at a time. The other side of this declaration is ffi.rs.

#pragma once

#include <cstdint>

extern "C" {

struct Model;

// How the memory behind the bus behaves, and what is recorded.
struct Settings {
  uint64_t seed;             // of back-pressure and of what flip-flops hold before the reset
  uint64_t hang_late;        // cycles that a channel that hung stays silent; 0: for good
  uint64_t trace_start;      // first cycle of the waveform
  uint64_t trace_end;        // first cycle after it
  const char* trace_path;    // null: no waveform
  uint32_t latency;          // cycles from a request to the first beat, and from the last beat to the response
  uint32_t outstanding;      // bursts that the memory accepts before it has answered the first
  uint32_t milli_bytes;      // thousandths of a byte a cycle, both directions together; 0: no limit
  uint32_t back_pressure;    // percent of cycles in which a ready or a new valid is withheld
  uint32_t hang_channel;     // the channel that hangs, of HangChannel
  uint32_t hang_after;       // bursts that pass it before
};

enum HangChannel : uint32_t { kNothing, kReadAddress, kReadData, kWriteAddress, kWriteData, kWriteResponse };

enum Status : uint32_t { kOk = 0, kFailed = 1 };

// Changes with every change of this file.
uint32_t systole_abi(void);
// A model after its reset, or null with the reason in `error`.
Model* systole_open(const Settings* settings, char* error, uint64_t error_bytes);
void systole_close(Model* model);

// AXI4-Lite accesses; they take a few cycles.
uint32_t systole_read(Model* model, uint32_t offset, uint32_t* value);
uint32_t systole_write(Model* model, uint32_t offset, uint32_t value);
// Runs until the interrupt line is raised, at most `cycles`; a raised line runs nothing.
uint32_t systole_run(Model* model, uint64_t cycles, uint32_t* raised);
// Runs so many cycles, whatever the line says.
uint32_t systole_advance(Model* model, uint64_t cycles);
// Resets the design; bursts in flight are forgotten by both sides, memory stays.
uint32_t systole_reset(Model* model);
// Cycles since the model was opened.
uint64_t systole_cycles(const Model* model);
// Why the last call failed; valid until the next call.
const char* systole_message(const Model* model);

// Memory behind the bus. Ranges are checked by the caller.
void systole_map(Model* model, uint64_t address, uint64_t bytes);
// Memory of the caller's, which stays until systole_unmap and which others may write at any time. Address and bytes are
// multiples of 4096, so that no beat of the bus runs over its end. Bit 0 of `access` permits reads, bit 1 writes.
void systole_map_external(Model* model, uint64_t address, uint8_t* memory, uint64_t bytes, uint32_t access);
void systole_unmap(Model* model, uint64_t address);
// Takes the address of the design's last access that was answered with an error; 0 if there was none since the last call.
uint32_t systole_take_refused(Model* model, uint64_t* address);
uint32_t systole_copy_to(Model* model, uint64_t address, const uint8_t* from, uint64_t bytes);
uint32_t systole_copy_from(const Model* model, uint64_t address, uint8_t* to, uint64_t bytes);

// The memories on chip (0 SPAD, 1 ACC, 2 PARAM, 3 ROW), behind the design's back: bytes of an image, and the image.
uint64_t systole_chip_bytes(const Model* model, uint32_t memory);
void systole_chip_read(const Model* model, uint32_t memory, uint8_t* image);
void systole_chip_write(Model* model, uint32_t memory, const uint8_t* image);
}
