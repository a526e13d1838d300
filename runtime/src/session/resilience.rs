//! What a session does about a device that fails, and what it tells about it.

use std::time::SystemTime;

use systole_driver::{Device, DeviceError, RecoveryCounts, RecoveryPolicy};
use systole_isa::HwConfig;

/// How far device memory is believed. Memory without error correction may flip a bit, and nothing tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Integrity {
    /// Read back after a recovery only, when memory may have suffered.
    #[default]
    AfterRecovery,
    /// What the host wrote is read back after each run, before its result is believed: submission, region table, program,
    /// constants and input. A flip there, before or during the run, is found, unless it was undone meanwhile. A flip in
    /// what the device itself writes, workspace and output, is not.
    ReadBack,
    /// Each submission runs twice, the outputs must agree, and then all is read back. A flip anywhere is found, unless it
    /// strikes both runs alike. Costs twice the time.
    Twice,
}

/// What is done about a device that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resilience {
    /// Times that a request is submitted again before it is given up.
    pub resubmissions: u32,
    /// How the device is recovered in between; `None` never does.
    pub recovery: Option<RecoveryPolicy>,
    /// How far its memory is believed.
    pub integrity: Integrity,
}

impl Default for Resilience {
    /// Three more submissions, the recovery's defaults, memory is believed until a recovery.
    fn default() -> Self {
        Self { resubmissions: 3, recovery: Some(RecoveryPolicy::default()), integrity: Integrity::AfterRecovery }
    }
}

/// Opens the device to go on with, for the configuration of the one that failed; any other would do as well.
pub type Fallback = Box<dyn FnOnce(&'static HwConfig) -> Result<Box<dyn Device + Send>, DeviceError> + Send>;

/// What went wrong in a session, and what was done about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Events {
    /// Submissions beyond the first of a request.
    pub resubmissions: u64,
    /// Results that were thrown away, since device memory had changed.
    pub corruptions: u64,
    /// Recoveries of the device.
    pub recoveries: RecoveryCounts,
    /// Set once the device was given up.
    pub fell_back: Option<FellBack>,
}

/// When and why a session went on with its fallback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FellBack {
    /// Submissions that the first device had completed.
    pub submission: u64,
    /// Time of day.
    pub at: SystemTime,
    /// The error that ended it.
    pub reason: String,
}
