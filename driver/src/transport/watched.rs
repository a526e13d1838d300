//! [`Watched`]: a board's registers, read beside the process that owns it.
//!
//! A second mapping of the register window needs no lock and changes nothing: the kernel maps it without the right to
//! write, and no register of the contract has an effect when it is read (CYCLE_LO latches CYCLE_HI, no more). VFIO gives a
//! card's files to one process alone, so a card's window is mapped from sysfs whatever holds it; some kernels refuse that
//! (CONFIG_IO_STRICT_DEVMEM).

use std::time::Duration;

use systole_isa::register::WINDOW_BYTES;

use super::{Kernel, Location, TransportError, target};
use crate::memory::ReadOnlyMapping;
use crate::{Device, DeviceError};

/// The registers of a board, to be read only.
#[derive(Debug)]
pub struct Watched {
    mapping: ReadOnlyMapping,
    base: u64,
    location: String,
}

impl Watched {
    /// Maps the window of a board of ours. A card is ours by its IDs, whatever its registers read; a part of the chip only if
    /// MAGIC says so.
    ///
    /// # Errors
    /// There is none, it is foreign, or the kernel does not let this user look.
    pub fn open(kernel: &Kernel, location: &Location) -> Result<Self, TransportError> {
        target::watch(kernel, location)
    }

    /// The window that begins `base` bytes into a mapping.
    pub(super) fn new(mapping: ReadOnlyMapping, base: u64, location: &Location) -> Self {
        Self { mapping, base, location: location.to_string() }
    }

    fn refused(&self, what: &'static str) -> DeviceError {
        let instead = "open the device to change it";
        DeviceError::Unsupported { what, device: format!("{}, which is only watched", self.location), instead }
    }
}

impl Device for Watched {
    fn read(&mut self, offset: u32) -> Result<u32, DeviceError> {
        let outside = DeviceError::RegisterOffset { offset };
        if offset >= WINDOW_BYTES {
            return Err(outside);
        }
        self.mapping.read_u32(self.base + u64::from(offset)).map_err(|_| outside)
    }

    fn write(&mut self, _offset: u32, _value: u32) -> Result<(), DeviceError> {
        Err(self.refused("writing a register"))
    }

    fn allocate(&mut self, _bytes: u64) -> Result<u64, DeviceError> {
        Err(self.refused("memory"))
    }

    fn release(&mut self, _address: u64) -> Result<(), DeviceError> {
        Err(self.refused("memory"))
    }

    fn copy_to(&mut self, _address: u64, _bytes: &[u8]) -> Result<(), DeviceError> {
        Err(self.refused("memory"))
    }

    fn copy_from(&mut self, _address: u64, _bytes: &mut [u8]) -> Result<(), DeviceError> {
        Err(self.refused("memory"))
    }

    fn wait_interrupt(&mut self, _timeout: Duration) -> Result<bool, DeviceError> {
        Err(self.refused("waiting for the interrupt"))
    }
}
