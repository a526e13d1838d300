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
    /// What nextpnr calls the part.
    pub flag: &'static str,
    /// Wrapper module.
    pub top: &'static str,
    /// Directory of the wrapper below `rtl/board/`.
    pub directory: &'static str,
    /// Directory there of what all boards with such parts share.
    pub family: &'static str,
    /// Pins and clocks.
    pub constraints: &'static str,
    /// What Yosys maps the part's cells to at last.
    pub cells: &'static str,
    /// The board's oscillator in MHz.
    pub oscillator_mhz: u32,
    /// Clock of the accelerator in MHz: the oscillator's times `feedback` by `reference`.
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
    flag: "--85k",
    top: "ulx3s_top",
    directory: "ulx3s",
    family: "ecp5",
    constraints: include_str!("../../rtl/board/ulx3s/ulx3s.lpf"),
    cells: include_str!("../../rtl/board/ecp5/carry.v"),
    oscillator_mhz: 25,
    clock_mhz: 70,
    reference: 5,
    feedback: 14,
    divide: 10,
    seed: 2,
};

/// LFE5UM5G-85F on an ECPIX-5: the same die in its fastest grade. openFPGALoader calls the board's third revision
/// `ecpix5_r03`, for its other cable.
pub const ECP5_5G_85K: Target = Target {
    name: "ecp5-5g-85k",
    part: "LFE5UM5G-85F",
    package: "CABGA554",
    speed: 8,
    board: "ECPIX5",
    flag: "--um5g-85k",
    top: "ecpix5_top",
    directory: "ecpix5",
    constraints: include_str!("../../rtl/board/ecpix5/ecpix5.lpf"),
    oscillator_mhz: 100,
    clock_mhz: 100,
    reference: 1,
    feedback: 1,
    divide: 6,
    ..ECP5_85K
};

/// Every target.
pub const TARGETS: [&Target; 2] = [&ECP5_85K, &ECP5_5G_85K];

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
            assert_eq!(target.clock_mhz * target.reference, target.oscillator_mhz * target.feedback);
            // The phase detector wants 3.125 MHz or more.
            assert!(1000 * target.oscillator_mhz / target.reference >= 3_125, "{}", target.name);
            assert!((400..=800).contains(&(target.clock_mhz * target.divide)), "{}", target.name);
        }
    }

    #[test]
    fn an_unknown_target_lists_the_known_ones() {
        let error = Target::by_name("ice40").unwrap_err().to_string();
        assert!(error.contains("ice40") && error.contains("ecp5-85k"), "{error}");
    }
}
