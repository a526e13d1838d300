//! Registers by name: what may be read and written is checked by the compiler.

use systole_isa::register::kind::{Readable, Writable};
use systole_isa::register::{MAGIC, Register, by_offset};

use crate::{Device, DeviceError};

/// Typed register access for every [`Device`]. Reading a command register or writing an identity register does not
/// compile:
///
/// ```compile_fail
/// # use systole_driver::{Device, RegisterAccess};
/// fn wrong(device: &mut dyn Device) {
///     device.set(systole_isa::register::MAGIC, 0);
/// }
/// ```
pub trait RegisterAccess: Device {
    /// Reads a register. A dead bus reads as ones, so ones are believed only if MAGIC reads something else and the register
    /// reads the same again.
    ///
    /// # Errors
    /// As [`Device::read`]; [`DeviceError::LinkDown`].
    fn get<K: Readable>(&mut self, register: Register<K>) -> Result<u32, DeviceError> {
        let value = self.read(register.offset)?;
        tracing::trace!(register = name(register.offset), value, "read");
        if value != u32::MAX {
            return Ok(value);
        }
        if self.read(MAGIC.offset)? == u32::MAX {
            return Err(DeviceError::LinkDown { register: name(register.offset) });
        }
        self.read(register.offset)
    }

    /// Writes a register.
    ///
    /// # Errors
    /// As [`Device::write`].
    fn set<K: Writable>(&mut self, register: Register<K>, value: u32) -> Result<(), DeviceError> {
        tracing::trace!(register = name(register.offset), value, "write");
        self.write(register.offset, value)
    }

    /// Reads a 64-bit value, the low half first.
    ///
    /// # Errors
    /// As [`Device::read`].
    fn get_pair<K: Readable>(&mut self, low: Register<K>, high: Register<K>) -> Result<u64, DeviceError> {
        let low = self.get(low)?;
        Ok(u64::from(self.get(high)?) << 32 | u64::from(low))
    }

    /// Writes a 64-bit value, the low half first.
    ///
    /// # Errors
    /// As [`Device::write`].
    fn set_pair<K: Writable>(&mut self, low: Register<K>, high: Register<K>, value: u64) -> Result<(), DeviceError> {
        self.set(low, value as u32)?;
        self.set(high, (value >> 32) as u32)
    }
}

impl<D: Device + ?Sized> RegisterAccess for D {}

/// The register's name, for traces and messages.
pub fn name(offset: u32) -> &'static str {
    by_offset(offset).map_or("unknown", |r| r.name)
}
