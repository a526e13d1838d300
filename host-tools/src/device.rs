//! `--device`: which executor runs the program.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use systole_bitgen::verilated;
use systole_driver::transport::{self, Kernel, Location};
use systole_driver::{Cancellable, Device, Pace};
use systole_isa::{HwConfig, config};
use systole_runtime::RunOptions;

use crate::identity::Identity;
use crate::interrupted;
use crate::verilated_args::VerilatedArgs;

/// What `--device` takes, for the help of every command that has it.
pub const HELP: &str = "\
The executor: sim (the functional simulator, as n16), sim:n8, sim:n16 or sim:n32; rtl:n8, rtl:n16 or rtl:n32 (the \
SystemVerilog, compiled by Verilator: the same results, slowly, with cycles); a board as pci:0000:00:04.0, uio:0 or \
mem:0x40000000, with ,dma=host, ,dma=local or ,dma=udmabuf0 to choose the memory; or auto, a board if one answers, else sim";

/// An executor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceSpec {
    /// A board if one answers, else the simulator.
    Auto,
    /// The functional simulator of this process.
    Sim(&'static HwConfig),
    /// The SystemVerilog, compiled by Verilator.
    Rtl(&'static HwConfig),
    /// A board of this machine.
    Board(Location),
}

/// An executor that is ready to be used.
pub struct Opened {
    /// It.
    pub device: Box<dyn Device + Send>,
    /// What it is; never [`DeviceSpec::Auto`].
    pub spec: DeviceSpec,
    /// Its configuration; that of a board is known only now.
    pub config: &'static HwConfig,
    /// Why it was taken, where that was not asked for by name.
    pub why: Option<String>,
}

impl Opened {
    /// Says on stderr what `auto` took, and why: results stay alone on stdout.
    pub fn tell(&self) {
        if let Some(why) = &self.why {
            crate::output::note(&format!("device {}: {why}", self.spec));
        }
    }
}

impl DeviceSpec {
    /// The simulator that is used unless something else is asked for.
    pub const DEFAULT: Self = Self::Sim(&config::N16);

    /// Every one that is always there.
    fn all() -> impl Iterator<Item = Self> {
        config::NAMED.map(Self::Sim).into_iter().chain(config::NAMED.map(Self::Rtl))
    }

    /// Opens the device; that of the RTL is translated and compiled first, unless it was before.
    pub fn open(&self, rtl: &VerilatedArgs) -> anyhow::Result<Opened> {
        let opened = |device, config| Opened { device, spec: self.clone(), config, why: None };
        match self {
            Self::Auto => auto(&kernel()),
            Self::Sim(config) => Ok(opened(simulator(config), config)),
            Self::Rtl(config) => Ok(opened(cancellable(verilated::open(config, &rtl.options())?), config)),
            Self::Board(location) => {
                let mut device = open_board(&kernel(), location, transport::Options::default())?;
                let config = Identity::read(&mut *device)?.usable()?;
                Ok(opened(device, config))
            }
        }
    }

    /// The configuration to compile for. A board is asked.
    pub fn config(&self) -> anyhow::Result<&'static HwConfig> {
        match self {
            Self::Sim(config) | Self::Rtl(config) => Ok(config),
            Self::Auto | Self::Board(_) => Ok(self.open(&VerilatedArgs::default())?.config),
        }
    }

    /// How long a submission may take: the seconds that were asked for, else what follows from its program.
    pub fn patience(&self, rtl: &VerilatedArgs, asked: Option<Duration>) -> RunOptions {
        let (deadline, pace) = match (asked, self) {
            (Some(deadline), _) => (deadline, None),
            // Its memory may be as slow as somebody likes, and a waveform takes its time.
            (None, Self::Rtl(_)) if rtl.given().is_some() => (Duration::from_secs(86_400), None),
            (None, Self::Rtl(_)) => (Duration::from_secs(30), Some(Pace::VERILATED)),
            (None, Self::Auto | Self::Sim(_) | Self::Board(_)) => (Duration::from_secs(2), Some(Pace::BOARD)),
        };
        RunOptions { deadline, pace, ..RunOptions::default() }
    }
}

/// The kernel whose devices are used; SYSTOLE_SYSROOT names another root than / for its files.
pub fn kernel() -> Kernel {
    match std::env::var_os("SYSTOLE_SYSROOT").filter(|root| !root.is_empty()) {
        Some(root) => Kernel::under(root.as_ref()),
        None => Kernel::host(),
    }
}

/// Opens a board, which an interrupted command stops and gives back before it ends.
pub fn open_board(
    kernel: &Kernel,
    location: &Location,
    options: transport::Options,
) -> anyhow::Result<Box<dyn Device + Send>> {
    interrupted::check()?;
    let hold = interrupted::hold(format!(
        "the engine of {location} may still run and its bus mastering be on; `systole reset --device {location}` ends both"
    ));
    let device = transport::open_on(kernel, location, options)?;
    Ok(Box::new(Cancellable::new(device, interrupted::cancel()).with_guard(hold)))
}

/// A device that stops when the command is interrupted.
fn cancellable(device: impl Device + Send + 'static) -> Box<dyn Device + Send> {
    Box::new(Cancellable::new(device, interrupted::cancel()))
}

/// The first board that answers, else the simulator.
fn auto(kernel: &Kernel) -> anyhow::Result<Opened> {
    let mut why_not = Vec::new();
    for candidate in transport::probe(kernel) {
        let location = candidate.location;
        let tried = open_board(kernel, &location, transport::Options::default());
        let tried = tried.and_then(|mut device| {
            let identity = Identity::read(&mut *device)?;
            Ok((device, identity.usable()?, identity))
        });
        match tried {
            Ok((device, config, identity)) => {
                let why = Some(format!("it answers as {identity}"));
                return Ok(Opened { device, spec: DeviceSpec::Board(location), config, why });
            }
            Err(error) => why_not.push(format!("{location}: {error}")),
        }
    }
    let why = if why_not.is_empty() { "there is no board".to_owned() } else { why_not.join("; ") };
    let mut opened = DeviceSpec::DEFAULT.open(&VerilatedArgs::default())?;
    opened.why = Some(format!("{why}; `systole doctor` says what is missing"));
    Ok(opened)
}

impl Default for DeviceSpec {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl FromStr for DeviceSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = || {
            let names: Vec<String> = Self::all().map(|d| d.to_string()).collect();
            format!(
                "no such device; choose sim (that is {}) or one of {}, a board as pci:0000:00:04.0, uio:0 or mem:0x40000000, or \
                 auto",
                Self::DEFAULT,
                names.join(", ")
            )
        };
        match text.split_once(':') {
            None if text == "sim" => Ok(Self::DEFAULT),
            None if text == "auto" => Ok(Self::Auto),
            Some(("sim", name)) => HwConfig::by_name(name).map(Self::Sim).ok_or_else(known),
            Some(("rtl", name)) => HwConfig::by_name(name).map(Self::Rtl).ok_or_else(known),
            Some(("pci" | "uio" | "mem", _)) => {
                text.parse().map(Self::Board).map_err(|e: transport::ParseLocationError| e.to_string())
            }
            _ => Err(known()),
        }
    }
}

impl fmt::Display for DeviceSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Sim(config) => write!(f, "sim:{}", config.name),
            Self::Rtl(config) => write!(f, "rtl:{}", config.name),
            Self::Board(location) => write!(f, "{location}"),
        }
    }
}

/// `--device` of commands that only talk to the device, with the options of the RTL at their defaults.
#[derive(clap::Args, Clone, Debug)]
pub struct DeviceArg {
    #[arg(long, short, default_value = "sim", value_name = "DEVICE", help = HELP)]
    pub device: DeviceSpec,
}

/// The simulator, to stand in for a device or to be compared with it.
pub fn simulator(config: &'static HwConfig) -> Box<dyn Device + Send> {
    cancellable(systole_sim::Simulator::new(config))
}

/// Parses `--deadline`: seconds.
pub fn parse_deadline(text: &str) -> Result<Duration, String> {
    let seconds: Option<f64> = text.parse().ok().filter(|s| (0.001..=1e6).contains(s));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| "give seconds from 0.001 to 1000000".to_owned())
}

/// Parses `--config`.
pub fn parse_config(name: &str) -> Result<&'static HwConfig, String> {
    let known = config::NAMED.map(|c| c.name).join(", ");
    HwConfig::by_name(name).ok_or_else(|| format!("no such configuration; choose one of {known}"))
}

/// An executor of this process, for what cannot be done on a board.
pub fn parse_executor(text: &str) -> Result<DeviceSpec, String> {
    match text.parse()? {
        spec @ (DeviceSpec::Sim(_) | DeviceSpec::Rtl(_)) => Ok(spec),
        _ => Err("only sim and rtl have their memory where a recording has it; choose one of these".to_owned()),
    }
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
    fn boards_are_named_as_the_driver_names_them() {
        for text in ["auto", "pci:0000:00:04.0", "uio:0", "mem:0x40000000,dma=udmabuf0"] {
            assert_eq!(text.parse::<DeviceSpec>().unwrap().to_string(), text);
        }
        assert!("pci:x".parse::<DeviceSpec>().unwrap_err().contains("`pci:x` names no board"));
    }

    #[test]
    fn others_are_refused_with_the_choice() {
        for wrong in ["", "sim:", "sim:n7", "SIM", "rtl", "rtl:n7", "board:n8", "sim:n8:x"] {
            let error = wrong.parse::<DeviceSpec>().unwrap_err();
            assert_eq!(
                error,
                "no such device; choose sim (that is sim:n16) or one of sim:n8, sim:n16, sim:n32, rtl:n8, rtl:n16, rtl:n32, a \
                 board as pci:0000:00:04.0, uio:0 or mem:0x40000000, or auto"
            );
        }
    }

    #[test]
    fn auto_without_a_board_takes_the_simulator_and_says_why() {
        let empty = tempfile::tempdir().unwrap();
        let opened = auto(&Kernel::under(empty.path())).unwrap();
        assert_eq!(opened.spec, DeviceSpec::DEFAULT);
        assert_eq!(opened.why.as_deref(), Some("there is no board; `systole doctor` says what is missing"));
    }
}
