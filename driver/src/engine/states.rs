//! What a device is to its host, as types: [`Closed`], [`Identified`], ready ([`Engine`]), [`Poisoned`].

use std::sync::Arc;

use super::buffer::{Dropped, allocate};
use super::identify::{self, Expected, Identity};
use super::recovery::{self, Recovery, RecoveryPolicy};
use super::submission::{ARENA_BYTES, Channel};
use super::{Engine, EngineError};
use crate::Device;

/// A device that nobody has spoken to.
pub struct Closed {
    device: Box<dyn Device + Send>,
}

/// A device that is one of ours, in whatever state.
pub struct Identified {
    device: Box<dyn Device + Send>,
    identity: Identity,
}

/// An engine after an error in flight. The device may still work, so all that is left is to recover it; or to drop the
/// engine, which stops the device.
pub struct Poisoned<'a>(&'a mut Engine);

/// A step that was not taken.
#[derive(thiserror::Error)]
#[error("{error}")]
pub struct Failed {
    /// The device, as it was before.
    pub closed: Closed,
    /// Why.
    pub error: EngineError,
}

impl std::fmt::Debug for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.error.fmt(f)
    }
}

impl From<Failed> for EngineError {
    /// Gives the device up.
    fn from(failed: Failed) -> Self {
        failed.error
    }
}

impl Closed {
    /// A device, untouched.
    pub fn new(device: Box<dyn Device + Send>) -> Self {
        Self { device }
    }

    /// Asks who answers, and changes nothing.
    ///
    /// # Errors
    /// The device is none of ours, implements another contract or configuration, or is not the expected one.
    pub fn identify(mut self, expected: Expected) -> Result<Identified, Failed> {
        match identify::identify(&mut *self.device, expected) {
            Ok(identity) => Ok(Identified { device: self.device, identity }),
            Err(error) => Err(Failed { closed: self, error }),
        }
    }

    /// The device.
    pub fn into_device(self) -> Box<dyn Device + Send> {
        self.device
    }
}

impl Identified {
    /// Who answered.
    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// Resets the device and hands it empty rings.
    ///
    /// # Errors
    /// The device cannot be reset or has no memory.
    pub fn start(self) -> Result<Engine, Failed> {
        let Self { mut device, identity } = self;
        let dropped = Arc::new(Dropped::default());
        let opened = allocate(&mut *device, &dropped, ARENA_BYTES, 0).map_err(EngineError::from).and_then(|arena| {
            identify::reset(&mut *device)?;
            Ok((Channel::open(&mut *device, arena.address)?, arena))
        });
        match opened {
            Ok((channel, arena)) => {
                tracing::debug!(config = identity.config.name, build_id = identity.build_id, "opened");
                Ok(Engine::new(device, identity, dropped, arena, channel))
            }
            Err(error) => {
                // The device was not enabled, so nobody uses this memory.
                for address in dropped.lock().drain(..) {
                    if let Err(error) = device.release(address) {
                        tracing::error!(%error, "could not release device memory");
                    }
                }
                Err(Failed { closed: Closed { device }, error })
            }
        }
    }

    /// The device.
    pub fn into_device(self) -> Box<dyn Device + Send> {
        self.device
    }
}

impl<'a> Poisoned<'a> {
    pub(super) fn of(engine: &'a mut Engine) -> Self {
        Self(engine)
    }

    /// Climbs the ladder: abort the ring and take what completed after all; soft reset; reset of the link. After each
    /// reset the device is identified again and tested.
    ///
    /// # Errors
    /// What stopped the last rung. The engine stays poisoned, and another attempt begins at the soft reset.
    pub fn recover(self, policy: &RecoveryPolicy) -> Result<Recovery, EngineError> {
        recovery::climb(self.0, policy)
    }
}
