//! `systole validate`: is this device a good one?

use std::process::ExitCode;
use std::time::Duration;

use systole_driver::{Device, DeviceError, power_up, transport};

use crate::device::{DeviceArg, DeviceSpec, kernel, open_board};
use crate::failure::{self, Kind};
use crate::interrupted;
use crate::logging;
use crate::output::{Output, plain};
use crate::validate::{Item, Trial, contract, measurements};
use crate::verilated_args::VerilatedArgs;
use crate::view::alarm;

const EXAMPLES: &str = "\
Examples:
  systole validate --device pci:0000:00:04.0
  systole validate --device auto --json | jq -r 'select(.passed | not) | .item'
  systole validate                                 the simulator, to see what is tried

Measured: register access, memory patterns, host copies, interrupt, a product, the device's own transfers, latency. Then
the contract, case by case, every operation against the scalar reference among them; on a board without those that
provoke bus errors. A process that runs the board keeps it from being validated.
--json writes one object an item: {\"item\", \"passed\", \"detail\", \"figures\"}, figures by name with its unit.
Exit code 1 if anything failed.";

/// Test a device: link, registers, memory, bandwidth, every operation, interrupts, latency
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    device: DeviceArg,
    /// Leave out the contract's cases; the measurements alone take a second
    #[arg(long)]
    quick: bool,
    /// One JSON object an item instead of a table
    #[arg(long)]
    json: bool,
}

impl Args {
    /// Runs the command.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        logging::install(None)?;
        // Opened once to know the configuration and what `auto` means, and closed again.
        let first = self.device.device.open(&VerilatedArgs::default())?;
        first.tell();
        let (spec, config) = (first.spec, first.config);
        drop(first.device);
        let open = || fresh(&spec);
        let board = matches!(spec, DeviceSpec::Board(_));
        // The RTL copies as fast as the simulator, but computes a thousand times slower.
        let (patience, runs) = if matches!(spec, DeviceSpec::Rtl(_)) { (120, 50) } else { (10, 1000) };
        let bytes = if board { 4 << 20 } else { 1 << 20 };
        let patience = Duration::from_secs(patience);
        let trial = Trial { open: &open, config, bus_errors: !board, patience, bytes, runs };

        let mut out = Output::new();
        if !self.json {
            out.line(format_args!("{spec} ({})", config.name))?;
        }
        let (mut tried, mut failed) = (0, 0);
        let mut show = |item: Item| -> anyhow::Result<()> {
            // An item that was interrupted found nothing.
            interrupted::check()?;
            tried += 1;
            failed += usize::from(!item.passed);
            if self.json {
                out.json(&item)?;
            } else {
                line(&mut out, &item)?;
            }
            // An item may take seconds.
            Ok(out.flush()?)
        };
        measurements(&trial).try_for_each(&mut show)?;
        if !self.quick {
            contract(&trial, &mut show)?;
        }
        if failed == 0 {
            if !self.json {
                out.line(format_args!("{tried} items passed"))?;
                out.flush()?;
            }
            return Ok(ExitCode::SUCCESS);
        }
        let message = format!("{spec}: {failed} of {tried} items failed; compare with `systole validate --device sim`");
        Ok(failure::report(Kind::Check, &message))
    }
}

fn line(out: &mut Output, item: &Item) -> std::io::Result<()> {
    let state = if item.passed { "passed".to_owned() } else { alarm("FAILED") };
    out.line(format!("{state}  {:<36}  {}", plain(&item.item), plain(&item.detail)).trim_end())
}

/// The device as after power-up: by a reset of the link where there is one, else by its registers.
fn fresh(spec: &DeviceSpec) -> anyhow::Result<Box<dyn Device + Send>> {
    let DeviceSpec::Board(location) = spec else { return Ok(spec.open(&VerilatedArgs::default())?.device) };
    let mut device = open_board(&kernel(), location, transport::Options::default())?;
    match device.reset_link() {
        Ok(()) => {}
        Err(DeviceError::Unsupported { .. }) => power_up(&mut *device)?,
        Err(error) => return Err(error.into()),
    }
    Ok(device)
}
