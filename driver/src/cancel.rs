//! Ending the work on a device because the process is to end: [`Cancel`] is the wish, [`Cancellable`] fulfils it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use systole_isa::register;

use crate::{Device, DeviceError, RegisterAccess};

/// Longest sleep between two looks at the wish.
const SLICE: Duration = Duration::from_millis(20);
/// Longest time for a submission in flight to finish before it is reset.
const GRACE: Duration = Duration::from_millis(100);
/// Longest time for the reset.
const RESET: Duration = Duration::from_secs(1);
/// STATUS: a submission runs.
const BUSY: u32 = 1;

/// The wish that work ends. Clones share it; once it is there it stays.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Wishes it, from any thread.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether it was wished.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// A device that is stopped by the first call after it was cancelled: its ring takes nothing more, and a submission in
/// flight that does not finish soon is reset. From then on registers and interrupt answer [`DeviceError::Cancelled`], so
/// whoever waits for the device or wants more of it gets that error. Memory stays, to be read and given back.
pub struct Cancellable<D, G = ()> {
    device: D,
    cancel: Cancel,
    stopped: bool,
    /// Dropped after the device.
    _guard: G,
}

impl<D: Device> Cancellable<D> {
    /// Wraps a device.
    pub fn new(device: D, cancel: Cancel) -> Self {
        Self { device, cancel, stopped: false, _guard: () }
    }

    /// Keeps something until the device has been dropped.
    pub fn with_guard<G>(self, guard: G) -> Cancellable<D, G> {
        let Self { device, cancel, stopped, .. } = self;
        Cancellable { device, cancel, stopped, _guard: guard }
    }
}

impl<D: Device, G> Cancellable<D, G> {
    fn check(&mut self) -> Result<(), DeviceError> {
        if !self.cancel.is_cancelled() {
            return Ok(());
        }
        if !std::mem::replace(&mut self.stopped, true)
            && let Err(error) = self.stop()
        {
            tracing::warn!(%error, "the engine could not be stopped");
        }
        Err(DeviceError::Cancelled)
    }

    fn stop(&mut self) -> Result<(), DeviceError> {
        if self.device.get(register::MAGIC)? != register::MAGIC_VALUE {
            // Whatever it is, it is not ours to write to.
            return Ok(());
        }
        self.device.set(register::CONTROL, 0)?;
        if !self.idle_within(GRACE)? {
            self.device.set(register::RESET, 1)?;
            if !self.idle_within(RESET)? {
                tracing::warn!("the engine runs on after its reset");
            }
        }
        Ok(())
    }

    fn idle_within(&mut self, time: Duration) -> Result<bool, DeviceError> {
        let started = Instant::now();
        loop {
            let last = started.elapsed() >= time;
            if self.device.get(register::STATUS)? & BUSY == 0 {
                return Ok(true);
            }
            if last {
                return Ok(false);
            }
            std::thread::sleep(Duration::from_micros(50));
        }
    }
}

impl<D: Device, G> Device for Cancellable<D, G> {
    fn read(&mut self, offset: u32) -> Result<u32, DeviceError> {
        self.check()?;
        self.device.read(offset)
    }

    fn write(&mut self, offset: u32, value: u32) -> Result<(), DeviceError> {
        self.check()?;
        self.device.write(offset, value)
    }

    fn allocate(&mut self, bytes: u64) -> Result<u64, DeviceError> {
        self.device.allocate(bytes)
    }

    fn release(&mut self, address: u64) -> Result<(), DeviceError> {
        self.device.release(address)
    }

    fn copy_to(&mut self, address: u64, bytes: &[u8]) -> Result<(), DeviceError> {
        self.device.copy_to(address, bytes)
    }

    fn copy_from(&mut self, address: u64, bytes: &mut [u8]) -> Result<(), DeviceError> {
        self.device.copy_from(address, bytes)
    }

    fn wait_interrupt(&mut self, timeout: Duration) -> Result<bool, DeviceError> {
        let started = Instant::now();
        loop {
            self.check()?;
            let left = timeout.saturating_sub(started.elapsed());
            if self.device.wait_interrupt(left.min(SLICE))? {
                return Ok(true);
            }
            if left <= SLICE {
                return Ok(false);
            }
        }
    }

    fn reset_link(&mut self) -> Result<(), DeviceError> {
        self.check()?;
        self.device.reset_link()
    }
}
