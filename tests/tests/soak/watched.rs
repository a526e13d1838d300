//! A device whose allocations are counted from outside.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use systole_driver::{Device, DeviceError};

pub struct Watched<D> {
    pub device: D,
    /// Allocations that are not released.
    pub live: Arc<AtomicUsize>,
}

impl<D: Device> Device for Watched<D> {
    fn read(&mut self, offset: u32) -> Result<u32, DeviceError> {
        self.device.read(offset)
    }
    fn write(&mut self, offset: u32, value: u32) -> Result<(), DeviceError> {
        self.device.write(offset, value)
    }
    fn allocate(&mut self, bytes: u64) -> Result<u64, DeviceError> {
        let address = self.device.allocate(bytes)?;
        self.live.fetch_add(1, Ordering::Relaxed);
        Ok(address)
    }
    fn release(&mut self, address: u64) -> Result<(), DeviceError> {
        self.device.release(address)?;
        self.live.fetch_sub(1, Ordering::Relaxed);
        Ok(())
    }
    fn copy_to(&mut self, address: u64, bytes: &[u8]) -> Result<(), DeviceError> {
        self.device.copy_to(address, bytes)
    }
    fn copy_from(&mut self, address: u64, bytes: &mut [u8]) -> Result<(), DeviceError> {
        self.device.copy_from(address, bytes)
    }
    fn wait_interrupt(&mut self, timeout: Duration) -> Result<bool, DeviceError> {
        self.device.wait_interrupt(timeout)
    }
}
