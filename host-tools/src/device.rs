//! `--device`: which executor runs the program.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use systole_bitgen::verilated;
use systole_driver::Device;
use systole_isa::{HwConfig, config};

use crate::verilated_args::VerilatedArgs;

/// An executor and its configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceSpec {
    /// The functional simulator of this process.
    Sim(&'static HwConfig),
    /// The SystemVerilog, compiled by Verilator.
    Rtl(&'static HwConfig),
}

impl DeviceSpec {
    /// Every one that can be named.
    fn all() -> impl Iterator<Item = Self> {
        config::NAMED.map(Self::Sim).into_iter().chain(config::NAMED.map(Self::Rtl))
    }

    /// Makes the device; that of the RTL is translated and compiled first, unless it was before.
    pub fn open(self, rtl: &VerilatedArgs) -> anyhow::Result<Box<dyn Device + Send>> {
        match self {
            Self::Sim(config) => Ok(Box::new(systole_sim::Simulator::new(config))),
            Self::Rtl(config) => Ok(verilated::open(config, &rtl.options())?),
        }
    }

    /// The configuration to compile for.
    pub fn config(self) -> &'static HwConfig {
        match self {
            Self::Sim(config) | Self::Rtl(config) => config,
        }
    }

    /// Longest time for a submission. The RTL runs some hundred thousand cycles a second, so that a batch of long texts
    /// may take hours; a program that hangs is found by the design itself.
    pub fn deadline(self) -> Duration {
        const MINUTE: Duration = Duration::from_secs(60);
        match self {
            Self::Sim(_) => 10 * MINUTE,
            Self::Rtl(_) => 24 * 60 * MINUTE,
        }
    }
}

impl FromStr for DeviceSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = || {
            let names: Vec<String> = Self::all().map(|d| d.to_string()).collect();
            format!("no such device; choose sim (that is {}) or one of {}", Self::Sim(&config::N16), names.join(", "))
        };
        match text.split_once(':') {
            None if text == "sim" => Ok(Self::Sim(&config::N16)),
            Some(("sim", name)) => HwConfig::by_name(name).map(Self::Sim).ok_or_else(known),
            Some(("rtl", name)) => HwConfig::by_name(name).map(Self::Rtl).ok_or_else(known),
            _ => Err(known()),
        }
    }
}

impl fmt::Display for DeviceSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sim(config) => write!(f, "sim:{}", config.name),
            Self::Rtl(config) => write!(f, "rtl:{}", config.name),
        }
    }
}

/// Parses `--config`.
pub fn parse_config(name: &str) -> Result<&'static HwConfig, String> {
    let known = config::NAMED.map(|c| c.name).join(", ");
    HwConfig::by_name(name).ok_or_else(|| format!("no such configuration; choose one of {known}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_configuration_can_be_named() {
        assert_eq!("sim".parse(), Ok(DeviceSpec::Sim(&config::N16)));
        for spec in DeviceSpec::all() {
            assert_eq!(spec.to_string().parse(), Ok(spec));
        }
    }

    #[test]
    fn others_are_refused_with_the_choice() {
        for wrong in ["", "sim:", "sim:n7", "SIM", "rtl", "rtl:n7", "board:n8", "sim:n8:x"] {
            let error = wrong.parse::<DeviceSpec>().unwrap_err();
            assert_eq!(
                error,
                "no such device; choose sim (that is sim:n16) or one of sim:n8, sim:n16, sim:n32, rtl:n8, rtl:n16, rtl:n32"
            );
        }
    }
}
