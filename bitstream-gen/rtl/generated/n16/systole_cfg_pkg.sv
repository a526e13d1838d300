// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Configuration n16: 16 x 16 array, 256 KiB SPAD, 256 KiB ACC, 128-bit bus.
//
// Generated from the contract in driver/isa; do not edit. To regenerate:
//   cargo run -p systole-bitgen --bin systole-generate

package systole_cfg_pkg;

  localparam int unsigned ConfigId = 2;  // CONFIG_ID
  localparam int unsigned ConfigArray = 1052688;  // CONFIG_ARRAY
  localparam int unsigned ConfigParamRow = 33554944;  // CONFIG_PARAM_ROW
  localparam int unsigned N = 16;  // side of the array, vector lanes
  localparam int unsigned BusBytes = 16;  // bytes of the AXI data bus
  localparam int unsigned SpadWords = 16384;  // SPAD words of N bytes
  localparam int unsigned SpadBanks = 4;  // SPAD banks, selected by the upper address bits
  localparam int unsigned AccWords = 4096;  // ACC words of N INT32
  localparam int unsigned AccBanks = 4;  // ACC banks, selected by the upper address bits
  localparam int unsigned ParamWords = 512;  // PARAM words of N records
  localparam int unsigned RowEntries = 512;  // ROW entries
  localparam int unsigned QueueDepth = 16;  // instructions in each unit's queue
  localparam int unsigned LaneBits = 4;  // bits of a lane number
  localparam int unsigned SpadAw = 14;  // bits of a SPAD address
  localparam int unsigned AccAw = 12;  // bits of an ACC address
  localparam int unsigned ParamAw = 9;  // bits of a PARAM address
  localparam int unsigned RowAw = 9;  // bits of a ROW address

endpackage
