//! `systole reset`: brings a device back, as gently as wanted.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::bail;
use clap::ValueEnum;
use systole_driver::{Device, RegisterAccess};
use systole_isa::register;

use crate::device::{DeviceArg, DeviceSpec, kernel, open_board};
use crate::identity::Identity;
use crate::logging;
use crate::output::Output;
use crate::verilated_args::VerilatedArgs;

const EXAMPLES: &str = "\
Examples:
  systole reset --device pci:0000:00:04.0                 abort what runs, clear rings and faults
  systole reset --device pci:0000:00:04.0 --level soft    let the running submission finish first
  systole reset --device pci:0000:00:04.0 --level link    the whole function; for one that reads as ones

A board that another process runs is refused: end that process first. Afterwards the device is identified again.
--json writes {\"device\", \"level\", \"status_before\", \"status_after\", \"identity\"}; status_before is null when the device
did not answer before a reset of the link.";

/// STATUS: a submission runs.
const RUNNING: u32 = 1;
/// STATUS: the bus hung and owes answers, for which a reset waits.
const HUNG: u32 = 8;

/// Reset a device
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    device: DeviceArg,
    /// How much is reset
    #[arg(long, value_enum, default_value_t = Level::Engine)]
    level: Level,
    /// Longest time for the running submission with --level soft, in seconds
    #[arg(long, default_value_t = 10, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(0..=86_400))]
    wait: u64,
    /// One JSON object instead of a line
    #[arg(long)]
    json: bool,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    /// Take no more submissions, wait for the running one, then as engine
    Soft,
    /// Abort what runs; clear queues, semaphores, rings and faults
    Engine,
    /// Reset the whole function: registers are as after power-up
    Link,
}

impl Level {
    const fn name(self) -> &'static str {
        match self {
            Self::Soft => "soft",
            Self::Engine => "engine",
            Self::Link => "link",
        }
    }
}

impl Args {
    /// Runs the command.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        logging::install(None)?;
        let spec = &self.device.device;
        let (mut device, before) = match (spec, self.level) {
            // One whose link is down does not answer until it is reset.
            (DeviceSpec::Board(location), Level::Link) => {
                let options = systole_driver::transport::Options { reset: true };
                (open_board(&kernel(), location, options)?, None)
            }
            _ => {
                let opened = spec.open(&VerilatedArgs::default())?;
                opened.tell();
                let mut device = opened.device;
                let before = device.get(register::STATUS)?;
                if self.level == Level::Link {
                    device.reset_link()?;
                }
                (device, Some(before))
            }
        };
        if self.level == Level::Soft {
            device.set(register::CONTROL, 0)?;
            let waited = until_clear(&mut *device, RUNNING, Duration::from_secs(self.wait))?;
            if let Some(waited) = waited {
                bail!(
                    "a submission still runs after {} s; wait longer with --wait, or abort it with --level engine",
                    waited.as_secs()
                );
            }
        }
        if self.level != Level::Link {
            device.set(register::CONTROL, 0)?;
            device.set(register::RESET, 1)?;
        }
        if let Some(waited) = until_clear(&mut *device, RUNNING | HUNG, Duration::from_secs(2))? {
            bail!(
                "STATUS reads {:#x} {} s after the engine's reset; try --level link, or program the board again",
                device.get(register::STATUS)?,
                waited.as_secs()
            );
        }
        let after = device.get(register::STATUS)?;
        let identity = Identity::read(&mut *device)?;
        identity.usable()?;
        let mut out = Output::new();
        if self.json {
            out.json(&serde_json::json!({
                "device": spec.to_string(), "level": self.level.name(), "status_before": before, "status_after": after,
                "identity": identity.json(),
            }))?;
        } else {
            let before = before.map_or("unknown".to_owned(), |status| format!("{status:#x}"));
            let level = self.level.name();
            out.line(format_args!("{spec} ({identity}): reset ({level}), STATUS {before} -> {after:#x}"))?;
        }
        out.flush()?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Waits until these bits of STATUS are clear; gives the time waited if they are not.
fn until_clear(device: &mut dyn Device, bits: u32, patience: Duration) -> anyhow::Result<Option<Duration>> {
    let started = Instant::now();
    loop {
        let waited = started.elapsed();
        if device.get(register::STATUS)? & bits == 0 {
            return Ok(None);
        }
        if waited >= patience {
            return Ok(Some(waited));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}
