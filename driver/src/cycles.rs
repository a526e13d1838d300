//! How long a program may take, estimated from the program alone.
//!
//! The estimate adds up what each instruction takes when nothing overlaps, with the throughputs of docs/hardware.md and a
//! generous allowance for all that surrounds them. So it is an upper bound for memory like that of the Verilated model, and
//! no prediction: a good schedule overlaps its units and needs a fraction.

use std::time::Duration;

use systole_isa::{HwConfig, Instruction, Op};

use crate::{Program, ProgramError};

/// Around an instruction: fetch, semaphores, the depth of its pipeline (at most 7 N / 2 + 6, for N = 32), and the latency
/// of memory, 40 cycles in the Verilated model.
const INSTRUCTION: u64 = 256;
/// Around a row of LOAD or STORE, which is at least one burst of its own.
const TRANSFER_ROW: u64 = 16;
/// A row of ROW; the slowest kind takes 114 cycles.
const CONVERSION: u64 = 120;

/// How fast a device surely is, for deadlines that only a hang misses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Least cycles a second.
    pub hertz: u32,
    /// Times that a program may take longer than its estimate, as it does with slow memory.
    pub margin: u32,
}

impl Pace {
    /// A board: none is clocked below 10 MHz, the slowest of ours has 50 MHz.
    pub const BOARD: Self = Self { hertz: 10_000_000, margin: 8 };
    /// The Verilated RTL: a hundred thousand cycles a second, or a twentieth of that on a busy computer.
    pub const VERILATED: Self = Self { hertz: 5_000, margin: 8 };

    /// Longest time for a program of so many estimated cycles.
    pub fn longest(self, cycles: u64) -> Duration {
        let cycles = u128::from(cycles) * u128::from(self.margin);
        let nanoseconds = cycles * 1_000_000_000 / u128::from(self.hertz.max(1));
        Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
    }

    /// The device's own limit, for WATCHDOG: 0, which is none, where the register cannot hold it.
    pub fn watchdog(self, cycles: u64) -> u32 {
        u32::try_from(cycles.saturating_mul(self.margin.into())).unwrap_or(0)
    }
}

impl Program {
    /// Cycles that the program takes at most with memory that keeps up: an estimate from above, see the module.
    ///
    /// # Errors
    /// An instruction does not decode.
    pub fn cycles_at_most(&self) -> Result<u64, ProgramError> {
        self.instructions()
            .try_fold(0u64, |sum, instruction| Ok(sum.saturating_add(at_most(&instruction?, self.config))))
    }
}

fn at_most(instruction: &Instruction, config: &HwConfig) -> u64 {
    let n = u64::from(config.n);
    let words = |columns: u16| u64::from(columns).div_ceil(n);
    // One beat more where a row begins inside a word.
    let transfer = |rows: u16, bytes: u64| u64::from(rows) * (TRANSFER_ROW + bytes / u64::from(config.bus_bytes) + 1);
    INSTRUCTION
        + match &instruction.op {
            Op::End(_) => 0,
            Op::Load(l) => transfer(l.rows, u64::from(l.cols) * u64::from(l.format.bytes())),
            Op::Store(s) => transfer(s.rows, u64::from(s.cols) * u64::from(s.format.bytes())),
            Op::Gemm(g) => words(g.k) * words(g.n) * u64::from(g.m).max(n),
            Op::Map(m) => u64::from(m.rows) * words(m.cols) * if m.add { 2 } else { 1 },
            Op::Row(r) => u64::from(r.rows) * CONVERSION,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_are_cycles_times_margin_over_clock() {
        assert_eq!(Pace::BOARD.longest(10_000_000), Duration::from_secs(8));
        assert_eq!(Pace::VERILATED.longest(5_000), Duration::from_secs(8));
        assert_eq!(Pace::BOARD.longest(0), Duration::ZERO);
        assert_eq!(Pace { hertz: 0, margin: u32::MAX }.longest(u64::MAX), Duration::from_nanos(u64::MAX));
    }

    #[test]
    fn a_limit_beyond_the_register_is_none() {
        assert_eq!(Pace::BOARD.watchdog(1000), 8000);
        assert_eq!(Pace::BOARD.watchdog(u64::from(u32::MAX / 8)), u32::MAX / 8 * 8);
        assert_eq!(Pace::BOARD.watchdog(u64::from(u32::MAX / 8) + 1), 0);
        assert_eq!(Pace::BOARD.watchdog(u64::MAX), 0);
    }
}
