//! The other side of a device: what a card asks of the machine that it is plugged into.
//!
//! A [`Device`] is what a host sees. Who gives a device of this process to another host, as a virtual board does, lends it
//! that host's memory in [`Window`]s, where it reads and writes as on a bus, and passes on its interrupt line and time.

mod hang;
mod windows;

use std::sync::Arc;

use crate::memory::SharedMapping;
use crate::{Device, DeviceError};

pub use hang::{BusChannel, BusHang};
pub use windows::Windows;

/// Alignment of a window's address and size, in bytes.
pub const WINDOW_ALIGN: u64 = 4096;

/// A range of the bus behind which lies memory of somebody else.
#[derive(Clone, Debug)]
pub struct Window {
    /// The bytes.
    pub memory: Arc<SharedMapping>,
    /// The device may read them.
    pub readable: bool,
    /// The device may write them.
    pub writable: bool,
}

impl Window {
    /// Bytes.
    pub fn bytes(&self) -> u64 {
        self.memory.size() as u64
    }
}

/// Two windows are equal if they show the same mapping, in the same way.
impl PartialEq for Window {
    fn eq(&self, other: &Self) -> bool {
        let same = Arc::ptr_eq(&self.memory, &other.memory);
        same && (self.readable, self.writable) == (other.readable, other.writable)
    }
}

impl Eq for Window {}

/// A device that reads and writes memory outside of its own allocations.
pub trait BusMaster: Device {
    /// Puts memory on the bus. Address and size are multiples of [`WINDOW_ALIGN`], and no other memory is there: that is
    /// the caller's task. Accesses may run from one window into the next; what lies in none is a bus error.
    fn map(&mut self, address: u64, window: Window);

    /// Takes the window that begins at `address` away; the device touches it no more when this returns. Does nothing
    /// where none begins.
    fn unmap(&mut self, address: u64);

    /// The level of the interrupt line. No time passes.
    ///
    /// # Errors
    /// The device cannot be reached.
    fn interrupt(&mut self) -> Result<bool, DeviceError>;

    /// Lets some time pass, for a device whose clock does not run by itself: a few hundred cycles, whatever the
    /// interrupt line says. True while a submission runs.
    ///
    /// # Errors
    /// The device cannot be reached.
    fn advance(&mut self) -> Result<bool, DeviceError>;

    /// Takes the address of the last access that lay in no window, if there was one since the last call. `None` also from
    /// a device that does not know.
    fn take_refused(&mut self) -> Option<u64> {
        None
    }

    /// False once the device has been pulled out of its slot, for good.
    fn is_plugged(&self) -> bool {
        true
    }
}

impl<D: BusMaster + ?Sized> BusMaster for Box<D> {
    fn map(&mut self, address: u64, window: Window) {
        (**self).map(address, window);
    }
    fn unmap(&mut self, address: u64) {
        (**self).unmap(address);
    }
    fn interrupt(&mut self) -> Result<bool, DeviceError> {
        (**self).interrupt()
    }
    fn advance(&mut self) -> Result<bool, DeviceError> {
        (**self).advance()
    }
    fn take_refused(&mut self) -> Option<u64> {
        (**self).take_refused()
    }
    fn is_plugged(&self) -> bool {
        (**self).is_plugged()
    }
}
