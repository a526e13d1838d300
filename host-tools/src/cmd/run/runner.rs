//! A session on the device, alone or beside one on the simulator.

use systole_runtime::checkpoint::Encoding;
use systole_runtime::crosscheck::CrossCheck;
use systole_runtime::{RunOptions, Session};

/// What embeds.
pub enum Runner {
    /// The device alone.
    Alone(Box<Session>),
    /// With every result compared.
    Checked(Box<CrossCheck>),
}

impl Runner {
    /// The session on the device.
    pub fn session(&self) -> &Session {
        match self {
            Self::Alone(session) => session,
            Self::Checked(both) => both.board(),
        }
    }

    /// One vector an encoding.
    pub fn embed(
        &mut self,
        encodings: &[Encoding],
        options: &RunOptions,
    ) -> Result<Vec<Vec<f32>>, systole_runtime::Error> {
        match self {
            Self::Alone(session) => session.embed(encodings, options),
            Self::Checked(both) => both.embed(encodings, options),
        }
    }
}
