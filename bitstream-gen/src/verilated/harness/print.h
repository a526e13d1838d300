// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Where Verilator's runtime prints: into the running model's message instead of standard output. Included before
// everything else.

#pragma once

extern "C" int systole_print(const char* format, ...) __attribute__((format(printf, 1, 2), visibility("hidden")));

#define VL_PRINTF systole_print
