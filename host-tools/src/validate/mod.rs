//! What `systole validate` tries on a device: measurements of its own, then the contract case by case.
//!
//! 1. A [`Trial`] says how to open the device; each item opens it anew, as after power-up.
//! 2. [`measurements`] and [`contract`] give one [`Item`] each, when the iterator gets to it; none of them panics.

mod compute;
mod link;
mod memory;

use std::time::Duration;

use serde::Serialize;
use systole_conformance::{Target, outcomes};
use systole_driver::{Device, DeviceError, EngineError, Refused};
use systole_isa::HwConfig;

/// How an item ended.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Item {
    /// What was tried.
    pub item: String,
    /// Whether it holds.
    pub passed: bool,
    /// What was measured, or what is wrong.
    pub detail: String,
    /// What was measured, by name; the unit is part of the name.
    pub figures: Figures,
}

/// Measured values in the order in which they were taken.
pub type Figures = serde_json::Map<String, serde_json::Value>;

/// A device under test.
pub struct Trial<'a> {
    /// Opens it as after power-up.
    pub open: &'a dyn Fn() -> anyhow::Result<Box<dyn Device + Send>>,
    /// Its configuration.
    pub config: &'static HwConfig,
    /// Accesses to memory that does not exist may be provoked; on a board they may hang the bus.
    pub bus_errors: bool,
    /// Longest wait for anything the device should do.
    pub patience: Duration,
    /// Bytes that a measurement of copies moves.
    pub bytes: u64,
    /// Times that a latency is measured.
    pub runs: usize,
}

/// What keeps an item from passing.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// It could not be opened.
    #[error("{0}")]
    Open(anyhow::Error),
    /// The device cannot be reached.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The driver gave up.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A program of ours is refused: a defect.
    #[error("the program is refused: {0}")]
    Refused(#[from] Refused),
    /// A register does not hold what was written.
    #[error("{register} reads {found:#010x} instead of {expected:#010x} in access {access}; check the link")]
    Register {
        /// Its name.
        register: &'static str,
        /// What it should be.
        expected: u32,
        /// What came.
        found: u32,
        /// How many came before.
        access: usize,
    },
    /// Memory does not hold what was written.
    #[error(
        "{bytes} bytes of memory are wrong, the first at offset {offset:#x}: {found:#04x} instead of {expected:#04x}"
    )]
    Memory {
        /// Of the first.
        offset: usize,
        /// What it should be.
        expected: u8,
        /// What came.
        found: u8,
        /// How many.
        bytes: usize,
    },
}

/// What an item found: its figures, and a line about them.
type Found = Result<(Figures, String), Failure>;

impl Trial<'_> {
    fn device(&self) -> Result<Box<dyn Device + Send>, Failure> {
        (self.open)().map_err(Failure::Open)
    }
}

/// Link, memory, copies, product, latency, bandwidth.
pub fn measurements<'a>(trial: &'a Trial<'_>) -> impl Iterator<Item = Item> + 'a {
    type Measurement = fn(&Trial<'_>) -> Found;
    let all: [(&str, Measurement); 7] = [
        ("link: identity and scratch register", link::registers),
        ("memory: walking ones and addresses", memory::patterns),
        ("memory: host copies", memory::copies),
        ("interrupt", link::interrupt),
        ("GEMM: one tile", compute::product),
        ("device DMA: LOAD and STORE", compute::bandwidth),
        ("latency: empty program", compute::latency),
    ];
    all.into_iter().map(|(name, run)| match run(trial) {
        Ok((figures, detail)) => Item { item: name.to_owned(), passed: true, detail, figures },
        Err(failure) => {
            let (detail, figures) = (failure.to_string(), Figures::new());
            Item { item: name.to_owned(), passed: false, detail, figures }
        }
    })
}

/// Registers, rings, faults, interrupts and every operation against the scalar reference, as the conformance suite has
/// them; each outcome is handed over as it comes.
pub fn contract(trial: &Trial<'_>, mut each: impl FnMut(Item) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let open = || (trial.open)().unwrap_or_else(|e| panic!("{e}"));
    let target = Target::new(&open).with_patience(trial.patience);
    let target = if trial.bus_errors { target } else { target.without_bus_errors() };
    for (name, outcome) in outcomes(&target) {
        let item = format!("contract: {}", name.replace('_', " "));
        let (passed, detail) = (outcome.is_ok(), outcome.err().unwrap_or_default());
        each(Item { item, passed, detail, figures: Figures::new() })?;
    }
    Ok(())
}

/// The time at which so many of a hundred are done; the list is sorted, and not empty.
fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]
}

fn microseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e9).round() / 1e3
}

fn figures(all: impl IntoIterator<Item = (&'static str, f64)>) -> Figures {
    all.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect()
}

#[cfg(test)]
mod tests;
