//! A trial in the guest: the card is given to a kernel driver, opened through ours, and put through the cases.

use std::fmt::Display;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{anyhow, bail};
use systole_conformance::{Target, outcomes};
use systole_driver::Device;
use systole_driver::transport::{self, Kernel, Location, Options};
use systole_runtime::{RunOptions, Session};
use systole_sim::Simulator;

use super::bind::{Card, newest_uio};
use super::console::Line;
use super::emulator::RESERVED;
use super::iommu::{self, Pins};
use super::trial::{INTERRUPTED, IOMMU, MODEL, Naming, Trial, UIO_WITH_MAPS, UNPINNED, VFIO_DRIVER};
use super::{init, interrupt, latency};
use crate::model;

/// Longest wait for anything that the card should do: the computer may be busy, and emulates another.
const PATIENCE: Duration = Duration::from_secs(60);
/// What the built-in model is asked.
const TEXTS: [&str; 3] = ["Where is the station?", "", "The cat took a nap on the couch, and then another one."];

/// The module of the test fixture.
const FIXTURE_NAME: &str = "systole_zynq";

type Board = Box<dyn Device + Send>;

/// Counts cases and prints lines.
#[derive(Debug, Default)]
pub struct Reporter {
    cases: usize,
    failed: usize,
}

impl Reporter {
    /// Prints a line.
    pub fn print(&self, line: &Line) -> anyhow::Result<()> {
        Ok(writeln!(std::io::stdout(), "{}", line.print()?)?)
    }

    /// Reports a case.
    fn case(&mut self, trial: &Trial, name: &str, started: Instant, error: Option<String>) -> anyhow::Result<()> {
        self.cases += 1;
        self.failed += usize::from(error.is_some());
        let seconds = started.elapsed().as_secs_f64();
        self.print(&Line::Case { trial: trial.name.into(), name: name.into(), seconds, error })
    }

    /// Prints the last line; true if nothing failed.
    pub fn close(self) -> anyhow::Result<bool> {
        self.print(&Line::Closing { cases: self.cases, failed: self.failed })?;
        Ok(self.failed == 0)
    }
}

/// Runs a trial. What goes wrong is a failed case; an error is returned only if it cannot be said.
pub fn run(trial: &Trial, fixture: Option<&Path>, reporter: &mut Reporter) -> anyhow::Result<()> {
    let started = Instant::now();
    let bench = match Bench::prepare(trial, fixture) {
        Ok(bench) => bench,
        Err(error) => {
            let error = Some(format!("the card could not be given to the driver: {error}"));
            return trial.cases().iter().try_for_each(|name| reporter.case(trial, name, started, error.clone()));
        }
    };
    if let Some(way) = bench.way() {
        reporter.print(&Line::Way { trial: trial.name.into(), way })?;
    }
    let pins = trial.iommu().then(Pins::now);
    // The suite takes a device or a panic, which it catches.
    let open = || bench.open().unwrap_or_else(|error| panic!("{error}"));
    let target = Target::new(&open).with_patience(PATIENCE);
    let mut started = Instant::now();
    for (name, outcome) in outcomes(&target) {
        reporter.case(trial, name, started, outcome.err())?;
        started = Instant::now();
    }
    let found = bench.open().and_then(same_as_simulator);
    reporter.case(trial, MODEL, started, text(found))?;
    if let Some(before) = pins {
        let started = Instant::now();
        let found = bench.open().and_then(|device| iommu::provoke(device, &trial.address(), PATIENCE));
        reporter.case(trial, IOMMU, started, text(found))?;
        reporter.case(trial, UNPINNED, Instant::now(), text(before.and_then(Pins::all_released)))?;
    }
    if trial.unguarded() {
        let started = Instant::now();
        let found = interrupt::provoke(&bench.card, &bench.location, PATIENCE);
        reporter.case(trial, INTERRUPTED, started, text(found))?;
    }
    for (name, duration) in bench.open().and_then(latency::measure).unwrap_or_default() {
        let microseconds = 1e6 * duration.as_secs_f64();
        reporter.print(&Line::Figure { trial: trial.name.into(), name: name.into(), microseconds })?;
    }
    Ok(())
}

fn text(outcome: Result<(), impl Display>) -> Option<String> {
    outcome.err().map(|error| error.to_string())
}

/// A card that can be opened again and again.
struct Bench {
    card: Card,
    location: Location,
    /// The card is reset from outside: the way to it has no reset.
    outside: bool,
    /// The kernel resets the card when it is opened.
    resets: bool,
}

impl Bench {
    fn prepare(trial: &Trial, fixture: Option<&Path>) -> anyhow::Result<Self> {
        let card = Card::find(trial.address())?;
        card.bind(trial.driver)?;
        if trial.driver == Some(UIO_WITH_MAPS) {
            card.silence()?;
        }
        if trial.fixture {
            let module = fixture.ok_or_else(|| anyhow!("there is no module for it"))?;
            card.switch_on()?;
            let (memory, size) = (RESERVED.start, RESERVED.end - RESERVED.start);
            let mut parameters = format!("memory={memory:#x} size={size}");
            if trial.naming == Naming::Uio {
                parameters += &format!(" window={:#x} irq={}", card.registers()?, card.interrupt()?);
            }
            init::unload(FIXTURE_NAME)?;
            init::load(module, &parameters)?;
        }
        let place = match trial.naming {
            Naming::Pci => format!("pci:{}", trial.address()),
            Naming::Uio => format!("uio:{}", newest_uio()?),
            Naming::Mem => format!("mem:{:#x}", card.registers()?),
        };
        let location = format!("{place},dma={}", trial.dma).parse()?;
        Ok(Self { card, location, outside: trial.fixture, resets: trial.driver == Some(VFIO_DRIVER) })
    }

    /// What `probe` says of the way to the card; none if it does not list the place.
    fn way(&self) -> Option<String> {
        let found = transport::probe(&Kernel::host());
        let card = found.into_iter().find(|candidate| candidate.location.place == self.location.place)?;
        card.way.ok().map(|way| way.to_string())
    }

    /// A device as after power-up.
    fn open(&self) -> anyhow::Result<Board> {
        if self.outside {
            self.card.reset()?;
            self.card.switch_on()?;
        }
        Ok(transport::open(&self.location, Options { reset: !self.outside && !self.resets })?)
    }
}

/// Runs the built-in model on the device and on the simulator of this process.
fn same_as_simulator(device: Board) -> anyhow::Result<()> {
    let model = model::built_in()?;
    let inputs = TEXTS.map(|text| model.encode(text, None));
    let inputs = inputs.into_iter().collect::<Result<Vec<_>, _>>()?;
    let options = RunOptions { deadline: PATIENCE, pace: None, ..RunOptions::default() };
    let mut board = Session::new(model.clone(), device)?;
    let config = board.config();
    let found = board.hidden_integers(&inputs, &options)?;
    let expected = Session::new(model, Box::new(Simulator::new(config)))?.hidden_integers(&inputs, &options)?;
    if expected.iter().flatten().all(|value| *value == 0) {
        bail!("the simulator gives zeros, which proves nothing");
    }
    for (text, (found, expected)) in found.iter().zip(&expected).enumerate() {
        let differ = found.iter().zip(expected).filter(|(a, b)| a != b).count();
        if differ > 0 || found.len() != expected.len() {
            bail!("text {text}: {differ} of {} integers differ, {} came", expected.len(), found.len());
        }
    }
    Ok(())
}
