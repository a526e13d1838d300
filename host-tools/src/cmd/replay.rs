//! `systole replay`: a recording of the flight recorder, run again and compared.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{anyhow, bail};
use systole_bitgen::verilated::RtlDevice;
use systole_driver::recorder::replay::{Options, Placement};
use systole_driver::recorder::{Recording, replay};
use systole_isa::{HwConfig, config};
use systole_sim::Simulator;

use crate::device::{DeviceSpec, parse_executor};
use crate::failure::{self, Kind};
use crate::input::slurp;
use crate::logging;
use crate::output::{Output, plain};
use crate::verilated_args::VerilatedArgs;

const EXAMPLES: &str = "\
Examples:
  systole run --record run.rec --text \"one cat\" && systole replay run.rec
  systole replay run.rec --device rtl:n8       the same calls on the SystemVerilog, with a waveform: --vcd run.vcd
  systole replay run.rec --events | tail -30   what happened last

A run that fails leaves a recording too; its error says where. Replayed are register accesses and copies, at the same bus
addresses; compared is what does not depend on time: identity, faults, completions but for their cycles, results. Exit
code 1 if something differs: then the recorded device did something else than this executor.
--json writes {\"file\", \"device\", \"recorded_on\", \"reason\", \"events\", \"replayed\", \"compared\", \"completions\", \"in_flight\",
\"difference\"}, with difference null or {\"event\", \"at_ns\", \"action\", \"finding\"}; with --events one object an event:
{\"event\", \"at_ns\", \"until_ns\", \"times\", \"action\"}.";

/// Replay a recording on the simulator or the RTL, and find the first difference
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// A file of `systole run --record`, or one that a failure left
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The executor: sim:n8 to sim:n32, or rtl:n8 to rtl:n32; otherwise sim with the recorded configuration
    #[arg(long, short, value_name = "DEVICE", value_parser = parse_executor)]
    device: Option<DeviceSpec>,
    /// List the events instead
    #[arg(long, conflicts_with = "device")]
    events: bool,
    /// Longest wait for a completion, in seconds
    #[arg(long, default_value_t = 600, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    deadline: u64,
    /// Most device memory, in MiB: a recording may ask for any amount
    #[arg(long, default_value_t = 1024, value_name = "MIB", value_parser = clap::value_parser!(u64).range(1..=1 << 20))]
    memory: u64,
    /// JSON instead of text
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    rtl: VerilatedArgs,
}

impl Args {
    /// Runs the command.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        logging::install(None)?;
        let refused = |e: &dyn std::fmt::Display| anyhow!("{}: {e}", self.file.display());
        let recording = Recording::from_bytes(&slurp(&self.file)?).map_err(|e| refused(&e))?;
        let mut out = Output::new();
        if self.events {
            self.list(&mut out, &recording)?;
            out.flush()?;
            return Ok(ExitCode::SUCCESS);
        }
        let recorded = recording.config().unwrap_or(&config::N16);
        let spec = self.device.clone().unwrap_or(DeviceSpec::Sim(recorded));
        self.rtl.check(&spec)?;
        let mut device = self.executor(&spec)?;
        let options = Options { deadline: Duration::from_secs(self.deadline), memory: self.memory << 20 };
        let outcome = replay(&recording, &mut *device, &options).map_err(|e| refused(&e))?;
        let difference = &outcome.difference;
        if self.json {
            out.json(&serde_json::json!({
                "file": self.file, "device": spec.to_string(), "recorded_on": recording.device,
                "reason": recording.reason, "events": recording.events.len(), "replayed": outcome.events,
                "compared": outcome.compared, "completions": outcome.completions, "in_flight": outcome.in_flight,
                "difference": difference.as_ref().map(|d| serde_json::json!({
                    "event": d.event, "at_ns": d.at.as_nanos() as u64, "action": d.action, "finding": d.finding.to_string(),
                })),
            }))?;
        } else {
            let (file, on) = (self.file.to_string_lossy(), plain(&recording.device));
            out.line(format_args!("{}  recorded on {on}: {}", plain(&file), plain(&recording.reason)))?;
            let verdict = if difference.is_none() { "no difference" } else { "DIFFERENT" };
            let flight = match outcome.in_flight {
                0 => String::new(),
                n => format!(", {n} still in flight at the end"),
            };
            out.line(format_args!(
                "{spec}  {} of {} events, {} results compared, {} completions{flight}: {verdict}",
                outcome.events,
                recording.events.len(),
                outcome.compared,
                outcome.completions
            ))?;
        }
        out.flush()?;
        match difference {
            None => Ok(ExitCode::SUCCESS),
            Some(difference) => Ok(failure::report(Kind::Check, &difference.to_string())),
        }
    }

    fn list(&self, out: &mut Output, recording: &Recording) -> anyhow::Result<()> {
        for (index, event) in recording.events.iter().enumerate() {
            let action = event.action.to_string();
            if self.json {
                out.json(&serde_json::json!({
                    "event": index, "at_ns": event.at.as_nanos() as u64, "until_ns": event.until.as_nanos() as u64,
                    "times": event.times, "action": action,
                }))?;
                continue;
            }
            let times = if event.times > 1 { format!(" ({} times)", event.times) } else { String::new() };
            let at = event.at.as_secs_f64() * 1e3;
            out.line(format_args!("{index:>6} {at:>12.3} ms  {}{times}", plain(&action)))?;
        }
        Ok(())
    }

    fn executor(&self, spec: &DeviceSpec) -> anyhow::Result<Box<dyn Placement>> {
        let (DeviceSpec::Sim(config) | DeviceSpec::Rtl(config)) = spec else {
            bail!("only sim and rtl have their memory where a recording has it; choose one of these");
        };
        let config: &'static HwConfig = config;
        Ok(match spec {
            DeviceSpec::Rtl(_) => Box::new(RtlDevice::open(config, &self.rtl.options())?),
            _ => Box::new(Simulator::new(config)),
        })
    }
}
