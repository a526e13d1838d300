//! What a device does right now: the counters behind `systole top` and `systole metrics`.
//!
//! 1. A [`Source`] is where samples come from: a board's registers, read beside the process that runs it ([`watched`]),
//!    or, since an executor of this process has nobody else, a demonstration that runs here ([`demo`]).
//! 2. A [`Sample`] is what the registers say at one moment; [`Rates`] is what changed between two.
//! 3. [`prometheus`] writes a sample in the text format of Prometheus.
//!
//! The unit counters restart with each submission, so they describe the present one or, between two, the last.

pub mod demo;
pub mod prometheus;
pub mod watched;

use std::time::{Duration, Instant};

use serde::Serialize;
use systole_driver::{Device, DeviceError, RegisterAccess};
use systole_isa::register;
use systole_isa::{Cause, HwConfig};

/// The units in the order of their counters.
pub const UNITS: [&str; 4] = ["LOAD", "GEMM", "VECTOR", "STORE"];

/// Cycles of one unit in a submission.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Unit {
    /// It executed.
    pub busy: u32,
    /// Its next instruction waited for a semaphore.
    pub wait: u32,
    /// It executed, but a bus or memory port made no progress.
    pub stall: u32,
}

/// The registers at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Configuration.
    pub config: &'static HwConfig,
    /// BUILD_ID.
    pub build_id: u32,
    /// When it was taken.
    pub at: Instant,
    /// The free-running cycle counter; nanoseconds on an executor without timing.
    pub cycle: u64,
    /// A submission runs.
    pub running: bool,
    /// The first fault since the last reset.
    pub fault: Option<Cause>,
    /// Submissions that the device has not yet taken.
    pub queued: u32,
    /// Completions seen since watching began.
    pub completions: u64,
    /// By unit.
    pub units: [Unit; 4],
}

impl Sample {
    /// Reads a device; `completions` are counted by whoever reads again and again.
    pub fn take(device: &mut dyn Device, config: &'static HwConfig, completions: u64) -> Result<Self, DeviceError> {
        use register::*;
        let status = device.get(STATUS)?;
        let slots = device.get(SQ_SIZE)?;
        let (head, tail) = (device.get(SQ_HEAD)?, device.get(SQ_TAIL)?);
        let counters = [
            (LOAD_BUSY, LOAD_WAIT, LOAD_STALL),
            (GEMM_BUSY, GEMM_WAIT, GEMM_STALL),
            (VECTOR_BUSY, VECTOR_WAIT, VECTOR_STALL),
            (STORE_BUSY, STORE_WAIT, STORE_STALL),
        ];
        let mut units = [Unit::default(); 4];
        for (unit, (busy, wait, stall)) in units.iter_mut().zip(counters) {
            *unit = Unit { busy: device.get(busy)?, wait: device.get(wait)?, stall: device.get(stall)? };
        }
        let fault = if status & 2 == 0 { None } else { Cause::from_code(device.get(FAULT)? as u8) };
        Ok(Self {
            config,
            build_id: device.get(BUILD_ID)?,
            at: Instant::now(),
            cycle: device.get_pair(CYCLE_LO, CYCLE_HI)?,
            running: status & 1 != 0,
            fault,
            queued: distance(head, tail, slots),
            completions,
            units,
        })
    }
}

/// Steps from one slot to another around a ring; 0 where the numbers make no sense.
fn distance(from: u32, to: u32, slots: u32) -> u32 {
    if slots == 0 || from >= slots || to >= slots { 0 } else { (to + slots - from) % slots }
}

/// What changed between two samples.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rates {
    /// Completions a second.
    pub completions: f64,
    /// Cycles a second: the clock, or 1e9 on an executor without timing.
    pub cycles: f64,
}

impl Rates {
    /// From an earlier to a later sample.
    pub fn between(earlier: &Sample, later: &Sample) -> Self {
        let seconds = later.at.saturating_duration_since(earlier.at).as_secs_f64();
        let a_second = |n: u64| if seconds > 0.0 { n as f64 / seconds } else { 0.0 };
        Self {
            completions: a_second(later.completions.saturating_sub(earlier.completions)),
            cycles: a_second(later.cycle.wrapping_sub(earlier.cycle)),
        }
    }
}

/// Where samples come from.
pub trait Source {
    /// Watches for a while and returns the last sample.
    fn sample(&mut self, during: Duration) -> anyhow::Result<Sample>;
    /// What it watches, in a line.
    fn describe(&self) -> String;
}

#[cfg(test)]
mod tests {
    use super::*;
    use systole_isa::config::N8;
    use systole_sim::Simulator;

    #[test]
    fn a_sample_is_what_the_registers_say() {
        let mut device = Simulator::new(&N8);
        device.set(register::SQ_SIZE, 16).unwrap();
        device.set(register::SQ_TAIL, 3).unwrap();
        let sample = Sample::take(&mut device, &N8, 7).unwrap();
        assert_eq!((sample.queued, sample.running, sample.fault, sample.completions), (3, false, None, 7));
    }

    #[test]
    fn distances_go_around_the_ring() {
        assert_eq!([distance(0, 3, 16), distance(14, 1, 16), distance(5, 5, 16)], [3, 3, 0]);
        assert_eq!([distance(0, 3, 0), distance(16, 3, 16), distance(0, u32::MAX, 16)], [0; 3]);
    }

    #[test]
    fn rates_are_differences_by_time() {
        let mut device = Simulator::new(&N8);
        let earlier = Sample { cycle: 100, ..Sample::take(&mut device, &N8, 10).unwrap() };
        let at = earlier.at + Duration::from_secs(2);
        let later = Sample { at, cycle: 300, completions: 40, ..earlier.clone() };
        assert_eq!(Rates::between(&earlier, &later), Rates { completions: 15.0, cycles: 100.0 });
        assert_eq!(Rates::between(&later, &later), Rates::default());
    }
}
