// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A board seen from its USB serial adapter. Input, again and again: bytes to send (16 bits, little-endian), bytes to wait
// for (16 bits), and the bytes to send. Answer: the bytes that came. A board that falls silent ends the bench.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#if defined(TOP_ulx3s_top)
#include "Vulx3s_top.h"
using Board = Vulx3s_top;
#else
#include "Vecpix5_top.h"
using Board = Vecpix5_top;
#endif

namespace {

// Cycles of a bit: the clock that the bench tells the board, by 2 Mbaud.
constexpr int kBit = 8;
constexpr int kSilence = 1'000'000;

VerilatedContext context;
Board* board;

// The pins, as the board calls them.
#if defined(TOP_ulx3s_top)
void clock(bool high) { board->clk_25mhz = high; }
void press(bool down) { board->btn_reset = down; }
void to_board(bool high) { board->ftdi_txd = high; }
bool from_board() { return board->ftdi_rxd; }
#else
void clock(bool high) { board->clk_100mhz = high; }
void press(bool down) { board->btn_reset_n = !down; }
void to_board(bool high) { board->uart_rxd = high; }
bool from_board() { return board->uart_txd; }
#endif

// The board's transmitter, sampled in the middle of its bits.
int receiving = 0, wait_bit = 0;
uint8_t shift = 0;
std::vector<uint8_t> received;

void cycle() {
  clock(false);
  board->eval();
  clock(true);
  board->eval();
  if (receiving == 0) {
    if (!from_board()) receiving = 1, wait_bit = kBit + kBit / 2;
  } else if (--wait_bit == 0) {
    wait_bit = kBit;
    if (receiving <= 8) {
      shift = static_cast<uint8_t>(shift >> 1 | from_board() << 7);
      receiving++;
    } else {
      if (!from_board()) std::fprintf(stderr, "a byte has no stop bit\n"), std::exit(2);
      received.push_back(shift);
      receiving = 0;
    }
  }
}

void send(uint8_t byte) {
  for (int bits = 0x200 | byte << 1, i = 0; i < 10; i++) {
    to_board(bits >> i & 1);
    for (int c = 0; c < kBit; c++) cycle();
  }
}

bool read_exactly(void* bytes, size_t count) { return std::fread(bytes, 1, count, stdin) == count; }

}  // namespace

int main(int argc, char** argv) {
  context.commandArgs(argc, argv);
  board = new Board{&context};
  to_board(true);
  // Flip-flops of the part begin as their reset wants them, those of a simulator do not: the button is held at first.
  press(true);
  for (int i = 0; i < 50; i++) cycle();
  press(false);
  for (int i = 0; i < 50; i++) cycle();
  received.clear();
  receiving = 0;

  uint16_t counts[2];
  while (read_exactly(counts, sizeof counts)) {
    std::vector<uint8_t> bytes(counts[0]);
    if (!read_exactly(bytes.data(), bytes.size())) break;
    received.clear();
    for (uint8_t byte : bytes) send(byte);
    for (int i = 0; received.size() < counts[1]; i++) {
      if (i == kSilence) return std::fprintf(stderr, "no answer\n"), 2;
      cycle();
    }
    std::fwrite(received.data(), 1, counts[1], stdout);
    std::fflush(stdout);
  }
  delete board;
}
