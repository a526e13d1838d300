//! `--device`: which executor runs the program.

use std::fmt;
use std::str::FromStr;

use systole_driver::Device;
use systole_isa::{HwConfig, config};

/// An executor and its configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceSpec {
    /// The functional simulator of this process.
    Sim(&'static HwConfig),
}

impl DeviceSpec {
    /// Makes the device.
    pub fn open(self) -> Box<dyn Device + Send> {
        match self {
            Self::Sim(config) => Box::new(systole_sim::Simulator::new(config)),
        }
    }

    /// The configuration to compile for.
    pub fn config(self) -> &'static HwConfig {
        match self {
            Self::Sim(config) => config,
        }
    }
}

impl FromStr for DeviceSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = || {
            let names: Vec<String> = config::NAMED.iter().map(|c| Self::Sim(c).to_string()).collect();
            format!("no such device; choose sim (that is {}) or one of {}", Self::Sim(&config::N16), names.join(", "))
        };
        match text.split_once(':') {
            None if text == "sim" => Ok(Self::Sim(&config::N16)),
            Some(("sim", name)) => HwConfig::by_name(name).map(Self::Sim).ok_or_else(known),
            _ => Err(known()),
        }
    }
}

impl fmt::Display for DeviceSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sim(config) => write!(f, "sim:{}", config.name),
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
        for config in config::NAMED {
            let spec = DeviceSpec::Sim(config);
            assert_eq!(spec.to_string().parse(), Ok(spec));
        }
    }

    #[test]
    fn others_are_refused_with_the_choice() {
        for wrong in ["", "sim:", "sim:n7", "SIM", "board:n8", "sim:n8:x"] {
            let error = wrong.parse::<DeviceSpec>().unwrap_err();
            assert_eq!(error, "no such device; choose sim (that is sim:n16) or one of sim:n8, sim:n16, sim:n32");
        }
    }
}
