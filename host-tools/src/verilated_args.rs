//! What surrounds the RTL when it is the executor: the memory behind its bus, and a waveform.

use std::fs::File;
use std::ops::Range;
use std::path::PathBuf;

use anyhow::{anyhow, bail};
use systole_bitgen::verilated::{MemoryTiming, Options, Verilator, Waveform, WaveformFormat};

use crate::device::DeviceSpec;

/// Cycles of a waveform unless said otherwise; a small text on a small model, and not yet a full disk.
const RECORDED: Range<u64> = 0..1_000_000;

/// Options that only the RTL has.
#[derive(clap::Args, Debug, Default)]
#[command(next_help_heading = "Options of the RTL")]
pub struct VerilatedArgs {
    /// Cycles from a memory access to its first beat; 40 by default
    #[arg(long, value_name = "CYCLES", value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    latency: Option<u32>,

    /// Bytes that memory moves a cycle, such as 5.3; by default as many as the bus
    #[arg(long, value_name = "BYTES", value_parser = parse_milli)]
    bytes_per_cycle: Option<u32>,

    /// Percent of cycles in which memory holds back, at random: 0 to 99
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u32).range(0..=99))]
    back_pressure: Option<u32>,

    /// Record a waveform as VCD
    #[arg(long, value_name = "FILE", group = "waveform")]
    vcd: Option<PathBuf>,

    /// Record a waveform as FST, many times smaller
    #[arg(long, value_name = "FILE", group = "waveform")]
    fst: Option<PathBuf>,

    /// The waveform's cycles, such as 5000..6000; the first million by default
    #[arg(long, value_name = "A..B", value_parser = parse_range, requires = "waveform")]
    cycles: Option<Range<u64>>,
}

impl VerilatedArgs {
    /// Refuses what the device cannot do, before anything that takes time.
    pub fn check(&self, device: &DeviceSpec) -> anyhow::Result<()> {
        match device {
            DeviceSpec::Sim(config) => {
                let Some(option) = self.given() else { return Ok(()) };
                bail!("{option} is for the RTL, and {device} has no timing; choose --device rtl:{}", config.name)
            }
            DeviceSpec::Auto | DeviceSpec::Board(_) => {
                let Some(option) = self.given() else { return Ok(()) };
                bail!("{option} is for the RTL, and {device} has memory of its own; choose --device rtl:n8")
            }
            DeviceSpec::Rtl(_) => {
                Verilator::find()?;
                let Some(Waveform { path, .. }) = self.waveform() else { return Ok(()) };
                match File::create(&path) {
                    Ok(_) => Ok(()),
                    Err(e) => Err(anyhow!(
                        "cannot write {}: {e}; check that its directory exists and is writable",
                        path.display()
                    )),
                }
            }
        }
    }

    /// The first option that was given.
    pub fn given(&self) -> Option<&'static str> {
        let options = [
            ("--latency", self.latency.is_some()),
            ("--bytes-per-cycle", self.bytes_per_cycle.is_some()),
            ("--back-pressure", self.back_pressure.is_some()),
            ("--vcd", self.vcd.is_some()),
            ("--fst", self.fst.is_some()),
        ];
        options.into_iter().find_map(|(name, given)| given.then_some(name))
    }

    fn waveform(&self) -> Option<Waveform> {
        let vcd = self.vcd.as_ref().map(|path| (path, WaveformFormat::Vcd));
        let (path, format) = vcd.or(self.fst.as_ref().map(|path| (path, WaveformFormat::Fst)))?;
        Some(Waveform { path: path.clone(), format, cycles: self.cycles.clone().unwrap_or(RECORDED) })
    }

    /// For the model.
    pub fn options(&self) -> Options {
        let usual = MemoryTiming::default();
        let memory = MemoryTiming {
            latency: self.latency.unwrap_or(usual.latency),
            milli_bytes_per_cycle: self.bytes_per_cycle.or(usual.milli_bytes_per_cycle),
            back_pressure: self.back_pressure.unwrap_or(usual.back_pressure),
            ..usual
        };
        Options { memory, waveform: self.waveform(), ..Options::default() }
    }
}

/// Bytes a cycle in thousandths.
fn parse_milli(text: &str) -> Result<u32, String> {
    let bytes: Option<f64> = text.parse().ok().filter(|b| (0.001..=1024.0).contains(b));
    bytes.map(|b| (b * 1000.0).round() as u32).ok_or_else(|| "give a number from 0.001 to 1024".to_owned())
}

fn parse_range(text: &str) -> Result<Range<u64>, String> {
    let numbers = text.split_once("..").and_then(|(a, b)| Some(a.parse().ok()?..b.parse().ok()?));
    numbers
        .filter(|r: &Range<u64>| !r.is_empty())
        .ok_or_else(|| "give two numbers with the smaller one first, such as 5000..6000".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_have_two_ends_in_order() {
        assert_eq!(parse_range("0..10"), Ok(0..10));
        for wrong in ["", "..", "5", "5..", "..5", "5..5", "6..5", "-1..5", "0..=5", "a..b"] {
            assert!(parse_range(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn bandwidth_is_positive_and_kept_in_thousandths() {
        assert_eq!((parse_milli("5.3"), parse_milli("16")), (Ok(5300), Ok(16_000)));
        for wrong in ["", "0", "-1", "nan", "inf", "1e9", "x"] {
            assert!(parse_milli(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_given_reaches_the_model() {
        let arguments = VerilatedArgs {
            latency: Some(7),
            bytes_per_cycle: Some(2500),
            back_pressure: Some(30),
            fst: Some("a".into()),
            cycles: Some(3..9),
            ..VerilatedArgs::default()
        };
        let options = arguments.options();
        let MemoryTiming { latency, milli_bytes_per_cycle, back_pressure, .. } = options.memory;
        assert_eq!((latency, milli_bytes_per_cycle, back_pressure), (7, Some(2500), 30));
        let waveform = Waveform { path: "a".into(), format: WaveformFormat::Fst, cycles: 3..9 };
        assert_eq!(options.waveform, Some(waveform));
        assert_eq!(VerilatedArgs::default().options(), Options::default());
    }
}
