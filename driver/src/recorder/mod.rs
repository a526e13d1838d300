//! The flight recorder: what happened last between host and device, to be read and replayed.
//!
//! 1. [`Recorded`] is a device that keeps the last calls of its host, with times, in bounded memory ([`Limits`]).
//! 2. [`Recorder`], its other end, gives a [`Recording`] whenever it is asked, also when the device hangs or is lost.
//! 3. [`Recording::to_bytes`] and [`Recording::from_bytes`] make a file of it; who reads one trusts nothing in it.
//! 4. [`replay()`] does everything again on another executor, at the same bus addresses, and names the first difference.
//!
//! So that the window can begin in mid-run, the recorder follows what the host did before it: the registers' values, how
//! far the rings had come, what is allocated, and what the host wrote there. What *submissions* before the window stored
//! is not followed: so a window begins with a submission, and a verified program reads only what the host filled or what
//! it stored itself.

mod error;
mod event;
mod file;
mod image;
mod position;
mod recording;
pub mod replay;
mod window;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::{Device, DeviceError, register_name};

pub use error::RecordingError;
pub use event::{Action, Event, Payload};
pub use image::{Block, Image};
pub use position::Position;
pub use recording::{Gap, Recording};
pub use replay::{Placement, replay};
pub use window::Limits;

use window::Window;

/// The readable end of a recorded device.
#[derive(Clone, Debug)]
pub struct Recorder {
    window: Arc<Mutex<Window>>,
    device: String,
}

impl Recorder {
    /// What happened last. `reason` says why it is kept: an error's text, or that it was asked for.
    pub fn recording(&self, reason: impl Into<String>) -> Recording {
        self.lock().recording(self.device.clone(), reason.into())
    }

    /// A panic elsewhere cannot leave the window inconsistent: it is changed by whole events.
    fn lock(&self) -> MutexGuard<'_, Window> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, action: Action) {
        self.lock().push(action);
    }
}

/// A device whose calls are recorded.
#[derive(Debug)]
pub struct Recorded<D: Device + ?Sized> {
    recorder: Recorder,
    device: Box<D>,
}

impl<D: Device + ?Sized> Recorded<D> {
    /// Records a device, which nobody has used yet; `name` is what `--device` calls it.
    pub fn new(device: Box<D>, name: impl Into<String>, limits: Limits) -> (Self, Recorder) {
        let recorder = Recorder { window: Arc::new(Mutex::new(Window::new(limits))), device: name.into() };
        (Self { recorder: recorder.clone(), device }, recorder)
    }

    /// Records how a call ended.
    fn note<T>(
        &self,
        ended: Result<T, DeviceError>,
        call: impl FnOnce() -> String,
        action: impl FnOnce(&T) -> Action,
    ) -> Result<T, DeviceError> {
        self.recorder.push(match &ended {
            Ok(value) => action(value),
            Err(error) => Action::Failed { what: format!("{}: {error}", call()) },
        });
        ended
    }
}

impl<D: Device + ?Sized> Device for Recorded<D> {
    fn read(&mut self, offset: u32) -> Result<u32, DeviceError> {
        let ended = self.device.read(offset);
        self.note(ended, || format!("read {}", register_name(offset)), |&value| Action::Read { offset, value })
    }

    fn write(&mut self, offset: u32, value: u32) -> Result<(), DeviceError> {
        // Recorded before it takes effect: the simulator works, and others may hang, during the write.
        self.recorder.push(Action::Write { offset, value });
        self.device.write(offset, value).inspect_err(|error| {
            let what = format!("write {}: {error}", register_name(offset));
            self.recorder.push(Action::Failed { what });
        })
    }

    fn allocate(&mut self, bytes: u64) -> Result<u64, DeviceError> {
        let ended = self.device.allocate(bytes);
        self.note(ended, || format!("allocate {bytes} bytes"), |&address| Action::Allocate { address, bytes })
    }

    fn release(&mut self, address: u64) -> Result<(), DeviceError> {
        let ended = self.device.release(address);
        self.note(ended, || format!("release {address:#x}"), |()| Action::Release { address })
    }

    fn copy_to(&mut self, address: u64, bytes: &[u8]) -> Result<(), DeviceError> {
        let ended = self.device.copy_to(address, bytes);
        let call = || format!("copy {} bytes to {address:#x}", bytes.len());
        self.note(ended, call, |()| Action::CopyTo { address, bytes: bytes.into() })
    }

    fn copy_from(&mut self, address: u64, bytes: &mut [u8]) -> Result<(), DeviceError> {
        let ended = self.device.copy_from(address, bytes);
        let call = || format!("copy {} bytes from {address:#x}", bytes.len());
        self.note(ended, call, |()| Action::CopyFrom { address, bytes: (&*bytes).into() })
    }

    fn wait_interrupt(&mut self, timeout: Duration) -> Result<bool, DeviceError> {
        let ended = self.device.wait_interrupt(timeout);
        self.note(ended, || format!("wait {timeout:?} for the interrupt"), |&raised| Action::Wait { raised })
    }

    fn reset_link(&mut self) -> Result<(), DeviceError> {
        let ended = self.device.reset_link();
        self.note(ended, || "reset the link".to_owned(), |()| Action::ResetLink)
    }
}
