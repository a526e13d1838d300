//! A window of events with the state in which it begins.

use systole_isa::HwConfig;
use systole_isa::register::CONFIG_ID;

use super::{Action, Event, Image, Position};

/// Why a recording can be read but not replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Gap {
    /// The host wrote more than the recorder keeps.
    #[error("the host had written {bytes} bytes to device memory, and the recorder keeps {limit}; raise its limit")]
    Memory {
        /// When it was given up.
        bytes: u64,
        /// Of the recorder.
        limit: u64,
    },
    /// The window begins while a submission runs, or before its results are read.
    #[error("no submission begins in the {events} events that the recorder keeps; raise its limit")]
    Beginning {
        /// Of the recorder.
        events: u64,
    },
}

/// What happened last between a host and its device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// The device's name, as `--device` takes it.
    pub device: String,
    /// Why it was kept: an error, or that it was asked for.
    pub reason: String,
    /// Events before the first one here.
    pub lost: u64,
    /// Set if it cannot be replayed.
    pub gap: Option<Gap>,
    /// Registers and rings before the first event.
    pub start: Position,
    /// Device memory before the first event, as the host wrote it.
    pub memory: Image,
    /// In the order in which they happened.
    pub events: Vec<Event>,
}

impl Recording {
    /// The configuration of the recorded device, if its host asked for it and the answer makes sense.
    pub fn config(&self) -> Option<&'static HwConfig> {
        let asked = self.events.iter().rev().find_map(|event| match event.action {
            Action::Read { offset, value } if offset == CONFIG_ID.offset => HwConfig::by_id(value),
            _ => None,
        });
        asked.or_else(|| HwConfig::by_id(self.start.config_id()?))
    }
}
