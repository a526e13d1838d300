//! The boards a bitstream can be built for.

use super::Error;

/// A part on a board, and how to build for it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Target {
    /// Name on the command line.
    pub name: &'static str,
    /// Device.
    pub part: &'static str,
    /// Package.
    pub package: &'static str,
    /// Speed grade.
    pub speed: u32,
    /// Board with this part for which the wrapper and the pins are.
    pub board: &'static str,
    /// Wrapper module.
    pub top: &'static str,
    /// Directory of the wrapper below `rtl/board/`.
    pub directory: &'static str,
    /// Pins and clocks.
    pub constraints: &'static str,
    /// What Yosys maps the part's cells to at last.
    pub cells: &'static str,
    /// Clock of the accelerator in MHz: the oscillator's 25 MHz times `feedback` by `reference`.
    pub clock_mhz: u32,
    /// PLL: divider of the oscillator.
    pub reference: u32,
    /// PLL: multiplier of the divided oscillator.
    pub feedback: u32,
    /// PLL: its oscillator runs at `clock_mhz` times this, 400 to 800 MHz.
    pub divide: u32,
    /// What decides between equally good placements.
    pub seed: u32,
}

/// LFE5U-85F on an ULX3S. Memory is block RAM, the host link a serial line.
pub const ECP5_85K: Target = Target {
    name: "ecp5-85k",
    part: "LFE5U-85F",
    package: "CABGA381",
    speed: 6,
    board: "ULX3S",
    top: "ulx3s_top",
    directory: "ulx3s",
    constraints: include_str!("../../rtl/board/ulx3s/ulx3s.lpf"),
    cells: include_str!("../../rtl/board/ulx3s/carry.v"),
    clock_mhz: 65,
    reference: 5,
    feedback: 13,
    divide: 10,
    seed: 2,
};

/// Every target.
pub const TARGETS: [&Target; 1] = [&ECP5_85K];

impl Target {
    /// The target called `name`.
    ///
    /// # Errors
    /// [`Error::UnknownTarget`] with the names there are.
    pub fn by_name(name: &str) -> Result<&'static Self, Error> {
        TARGETS
            .into_iter()
            .find(|t| t.name == name)
            .ok_or_else(|| Error::UnknownTarget { name: name.to_owned(), known: TARGETS.map(|t| t.name).join(", ") })
    }

    /// Part, package and speed grade in one word, as bundles name them.
    pub fn device(&self) -> String {
        format!("{}-{}{}", self.part, self.speed, self.package)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pll_stays_in_its_range() {
        for target in TARGETS {
            assert_eq!(target.clock_mhz * target.reference, 25 * target.feedback);
            // The phase detector wants 3.125 MHz or more.
            assert!(25_000 / target.reference >= 3_125, "{}", target.name);
            assert!((400..=800).contains(&(target.clock_mhz * target.divide)), "{}", target.name);
        }
    }

    #[test]
    fn an_unknown_target_lists_the_known_ones() {
        let error = Target::by_name("ice40").unwrap_err().to_string();
        assert!(error.contains("ice40") && error.contains("ecp5-85k"), "{error}");
    }
}
