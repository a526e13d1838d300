//! Registers as after power-up, where nothing resets the whole function.

use systole_isa::register::{self, Access, REGISTERS};

use crate::{Device, DeviceError};

/// Stops and resets the engine, and gives every register that the host may write its reset value. Device memory stays. The
/// engine may need a moment more until it is idle: STATUS tells.
///
/// # Errors
/// The device cannot be reached.
pub fn power_up(device: &mut (impl Device + ?Sized)) -> Result<(), DeviceError> {
    device.write(register::CONTROL.offset, 0)?;
    device.write(register::RESET.offset, 1)?;
    for declared in REGISTERS.iter().filter(|r| r.access == Access::ReadWrite) {
        device.write(declared.offset, declared.reset.unwrap_or(0))?;
    }
    device.write(register::IRQ_STATUS.offset, u32::MAX)
}
