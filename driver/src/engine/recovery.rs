//! The way back from an error in flight, rung by rung, each bounded, logged and counted.
//!
//! 1. *Abort*: the device takes no other submission, and what was in flight may still finish. What the driver believes
//!    comes from the registers and the completion ring, never from what it was doing.
//! 2. *Soft reset* of the engine: memory stays. The device is identified again, gets empty rings and passes a self-test.
//! 3. *Reset of the link*, where the transport has one: device memory may be lost, so the generation counts up.

use std::time::Duration;

use super::submission::{Channel, Pending};
use super::{Engine, EngineError, Poison, RunReport, identify};
use crate::DeviceError;

/// How far and how long to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecoveryPolicy {
    /// Times that each reset is tried, 1 or more.
    pub tries: u32,
    /// Longest time that an aborted submission may take to finish.
    pub grace: Duration,
    /// Deadline of the self-test; `None` leaves it out.
    pub self_test: Option<Duration>,
    /// Whether the link may be reset, which other functions of the same card may notice.
    pub link: bool,
}

impl Default for RecoveryPolicy {
    /// Two tries, 100 ms of grace, a self-test of at most a second, the link too.
    fn default() -> Self {
        Self { tries: 2, grace: Duration::from_millis(100), self_test: Some(Duration::from_secs(1)), link: true }
    }
}

/// What brought the device back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rung {
    /// Aborting the ring sufficed.
    Abort,
    /// A reset of the engine.
    SoftReset,
    /// A reset of the link.
    LinkReset,
}

/// A recovery that succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// The highest rung that was needed.
    pub rung: Rung,
    /// The report of the submission in flight, if it has completed after all. Otherwise it may be submitted again.
    pub finished: Option<RunReport>,
}

/// Recoveries of one engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecoveryCounts {
    /// Aborts that sufficed: the submission in flight had completed after all.
    pub aborts: u64,
    /// Soft resets that sufficed.
    pub soft_resets: u64,
    /// Resets of the link that sufficed.
    pub link_resets: u64,
    /// Rungs that did not help.
    pub failed_rungs: u64,
    /// Recoveries that no rung brought to an end.
    pub exhausted: u64,
}

impl std::ops::AddAssign for RecoveryCounts {
    fn add_assign(&mut self, other: Self) {
        self.aborts += other.aborts;
        self.soft_resets += other.soft_resets;
        self.link_resets += other.link_resets;
        self.failed_rungs += other.failed_rungs;
        self.exhausted += other.exhausted;
    }
}

pub(super) fn climb(engine: &mut Engine, policy: &RecoveryPolicy) -> Result<Recovery, EngineError> {
    if let Some(Poison::InFlight(pending)) = engine.poison.replace(Poison::Lost) {
        match abort(engine, pending, policy.grace) {
            Ok(Some(report)) => {
                tracing::info!(id = pending.id, "the submission had completed after all");
                engine.poison = None;
                engine.recoveries.aborts += 1;
                return Ok(Recovery { rung: Rung::Abort, finished: Some(report) });
            }
            Ok(None) => tracing::debug!(id = pending.id, "aborted without a completion"),
            Err(error) => tracing::debug!(id = pending.id, %error, "aborted in disorder"),
        }
    }
    let mut outcome = try_rung(engine, Rung::SoftReset, policy);
    if let Err(error) = &outcome
        && policy.link
    {
        tracing::warn!(%error, "the soft reset did not help");
        match try_rung(engine, Rung::LinkReset, policy) {
            // The soft reset's error says more.
            Err(EngineError::Device(DeviceError::Unsupported { .. })) => {}
            other => outcome = other,
        }
    }
    let counts = &mut engine.recoveries;
    match &outcome {
        Ok(Recovery { rung: Rung::LinkReset, .. }) => counts.link_resets += 1,
        Ok(_) => counts.soft_resets += 1,
        Err(error) => {
            counts.exhausted += 1;
            tracing::warn!(%error, "the device could not be recovered");
        }
    }
    outcome
}

/// The report of the submission in flight, if it completed and the rings are in order.
fn abort(engine: &mut Engine, pending: Pending, grace: Duration) -> Result<Option<RunReport>, EngineError> {
    let Some(entry) = engine.channel.abort(&mut *engine.device, grace)? else { return Ok(None) };
    let report = engine.finish(&entry, pending)?;
    engine.channel.resume(&mut *engine.device)?;
    Ok(Some(report))
}

fn try_rung(engine: &mut Engine, rung: Rung, policy: &RecoveryPolicy) -> Result<Recovery, EngineError> {
    let mut tries = 0..policy.tries.max(1);
    loop {
        tries.next();
        match restart(engine, rung, policy) {
            Ok(()) => {
                tracing::info!(?rung, "the device is back");
                return Ok(Recovery { rung, finished: None });
            }
            Err(error) => {
                engine.poison = Some(Poison::Lost);
                engine.recoveries.failed_rungs += 1;
                tracing::debug!(?rung, %error, "a rung did not hold");
                // A bus that hung answers a second reset no more than the first.
                let futile = match error {
                    EngineError::Device(DeviceError::Unsupported { .. }) => true,
                    EngineError::BusHung { .. } => rung == Rung::SoftReset,
                    _ => false,
                };
                if tries.is_empty() || futile {
                    return Err(error);
                }
            }
        }
    }
}

/// Reset, identification, empty rings, self-test.
fn restart(engine: &mut Engine, rung: Rung, policy: &RecoveryPolicy) -> Result<(), EngineError> {
    if rung == Rung::LinkReset {
        engine.device.reset_link()?;
        engine.generation += 1;
        engine.trace = None;
    }
    identify::reset(&mut *engine.device)?;
    identify::identify(&mut *engine.device, engine.identity.into())?;
    engine.channel = Channel::open(&mut *engine.device, engine.arena.address)?;
    engine.poison = None;
    policy.self_test.map_or(Ok(()), |deadline| engine.self_test(deadline))
}
