//! `systole top`: what a device does right now.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;

use serde::Serialize;

use crate::device::{DeviceArg, DeviceSpec, kernel};
use crate::live::demo::Demo;
use crate::live::watched::Board;
use crate::live::{Rates, Sample, Source, UNITS, Unit};
use crate::logging;
use crate::output::{Output, plain};
use crate::verilated_args::VerilatedArgs;
use crate::view::table::{bar, table};
use crate::view::units::{grouped, scaled};

const EXAMPLES: &str = "\
Examples:
  systole top --device pci:0000:00:04.0          beside the process that runs the board
  systole top --device rtl:n8 --once             the SystemVerilog at work on the built-in model
  systole top --device uio:0 --json --interval 1 | jq .submissions_per_second

A board's registers are read through a second mapping: nothing is written, no lock is taken. sim and rtl live in the process
that uses them, so for these the built-in model runs here. The unit counters are those of the present submission or the
last; sim has no timing, and counts none. bytes_per_cycle is busy minus stalled cycles times the bus width, by all cycles
of the busiest unit: an upper bound, since a beat need not be full.
--json writes one object a sample: {\"device\", \"config\", \"running\", \"fault\", \"queue_depth\", \"completions\",
\"submissions_per_second\", \"clock_hz\", \"units\": {\"LOAD\": {\"busy\", \"wait\", \"stall\"}, ...}, \"bytes_per_cycle\"}.";

/// Show a device's counters live: busy, waiting and stalled units, queue, submissions a second
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    device: DeviceArg,
    /// Seconds between two samples
    #[arg(long, default_value_t = 1.0, value_name = "SECONDS", value_parser = parse_seconds)]
    interval: f64,
    /// One sample and no more
    #[arg(long)]
    once: bool,
    /// One JSON object a sample
    #[arg(long)]
    json: bool,
}

/// A sample as `--json` has it.
#[derive(Serialize)]
struct Line<'a> {
    device: &'a str,
    config: &'static str,
    running: bool,
    fault: Option<String>,
    queue_depth: u32,
    completions: u64,
    submissions_per_second: f64,
    clock_hz: f64,
    units: std::collections::BTreeMap<&'static str, Unit>,
    bytes_per_cycle: Option<f64>,
}

impl Args {
    /// Runs the command.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        logging::install(None)?;
        let (name, mut source) = source(&self.device.device)?;
        let interval = Duration::from_secs_f64(self.interval);
        let redrawn = !self.json && !self.once && std::io::stdout().is_terminal();
        let mut out = Output::new();
        let mut before = source.sample(Duration::ZERO)?;
        loop {
            let sample = source.sample(interval)?;
            let rates = Rates::between(&before, &sample);
            if self.json {
                out.json(&line(&name, &sample, rates))?;
            } else {
                if redrawn {
                    // Home, then everything below goes.
                    out.line("\u{1b}[H\u{1b}[J")?;
                }
                show(&mut out, &source.describe(), &sample, rates)?;
            }
            out.flush()?;
            if self.once {
                return Ok(ExitCode::SUCCESS);
            }
            before = sample;
        }
    }
}

/// What is watched, and its name.
pub fn source(spec: &DeviceSpec) -> anyhow::Result<(String, Box<dyn Source>)> {
    if let DeviceSpec::Board(location) = spec {
        return Ok((spec.to_string(), Box::new(Board::open(&kernel(), location)?)));
    }
    let opened = spec.open(&VerilatedArgs::default())?;
    opened.tell();
    Ok((opened.spec.to_string(), Box::new(Demo::start(opened)?)))
}

/// Bytes that LOAD and STORE may have moved, by cycle.
fn bytes_per_cycle(sample: &Sample) -> Option<f64> {
    let cycles = sample.units.iter().map(|u| u64::from(u.busy) + u64::from(u.wait)).max().filter(|c| *c > 0)?;
    let moving = |unit: Unit| u64::from(unit.busy.saturating_sub(unit.stall)) * u64::from(sample.config.bus_bytes);
    Some((moving(sample.units[0]) + moving(sample.units[3])) as f64 / cycles as f64)
}

fn line<'a>(device: &'a str, sample: &Sample, rates: Rates) -> Line<'a> {
    Line {
        device,
        config: sample.config.name,
        running: sample.running,
        fault: sample.fault.map(|cause| cause.to_string()),
        queue_depth: sample.queued,
        completions: sample.completions,
        submissions_per_second: rates.completions,
        clock_hz: rates.cycles,
        units: UNITS.into_iter().zip(sample.units).collect(),
        bytes_per_cycle: bytes_per_cycle(sample),
    }
}

fn show(out: &mut Output, what: &str, sample: &Sample, rates: Rates) -> anyhow::Result<()> {
    let state = match (sample.fault, sample.running) {
        (Some(cause), _) => format!("fault: {cause}"),
        (None, true) => "running".to_owned(),
        (None, false) => "idle".to_owned(),
    };
    out.line(format_args!("{}  {state}", plain(what)))?;
    let bytes = bytes_per_cycle(sample).map_or(String::new(), |b| format!(", at most {b:.2} bytes a cycle"));
    out.line(format_args!(
        "{:.1} submissions/s, {} queued, {} completed, counter at {}Hz{bytes}",
        rates.completions,
        sample.queued,
        grouped(sample.completions),
        scaled(rates.cycles as u64)
    ))?;
    let mut rows = table(&["unit", ">busy", ">wait", ">stall", "busy share"]);
    let all = sample.units.iter().map(|u| u64::from(u.busy) + u64::from(u.wait)).max().unwrap_or(0).max(1);
    for (name, unit) in UNITS.into_iter().zip(sample.units) {
        let share = bar(f64::from(unit.busy) / all as f64, 20);
        let cycles = [unit.busy, unit.wait, unit.stall].map(|n| grouped(n.into()));
        rows.add_row([name, &cycles[0], &cycles[1], &cycles[2], &share]);
    }
    out.line(rows)?;
    Ok(())
}

fn parse_seconds(text: &str) -> Result<f64, String> {
    let seconds: Option<f64> = text.parse().ok().filter(|s| (0.01..=3600.0).contains(s));
    seconds.ok_or_else(|| "give seconds from 0.01 to 3600".to_owned())
}
