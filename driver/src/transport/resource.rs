//! A PCI card through sysfs: registers in `resource0`, no driver, no interrupt. It works wherever there is a kernel, but
//! for root only.

use super::board::{Control, Parts};
use super::config::{Config, INTX_DISABLE, MASTER, MEMORY};
use super::error::{TransportError, system};
use super::interrupt::Polling;
use super::kernel::Kernel;
use super::lock::Lock;
use super::pci::Card;
use super::registers::Registers;
use super::{Location, Options, physical};
use crate::DeviceError;

/// A function that is reset and connected through sysfs.
pub(super) struct SysfsControl {
    card: Card,
    config: Config,
    /// It was switched on here and is to be switched off again.
    enabled: bool,
}

impl SysfsControl {
    /// Of a function that its driver has switched on.
    pub fn new(card: Card, config: Config) -> Self {
        Self { card, config, enabled: false }
    }

    /// Switches a function on that has no driver.
    pub fn switch_on(card: Card, config: Config) -> Result<Self, DeviceError> {
        card.enable(true)?;
        let control = Self { card, config, enabled: true };
        // Nobody would serve its pin, which devices of others may share.
        control.command(MEMORY | INTX_DISABLE, 0)?;
        Ok(control)
    }

    fn command(&self, set: u16, clear: u16) -> Result<(), DeviceError> {
        let target = self.card.file("config").display().to_string();
        self.config.command(set, clear).map_err(system("write", target))
    }
}

impl Control for SysfsControl {
    fn reset(&mut self) -> Result<(), DeviceError> {
        self.card.reset()?;
        // The pin stays as `switch_on` or the driver left it, also where a reset loses that.
        self.command(if self.enabled { MEMORY | INTX_DISABLE } else { MEMORY }, 0)
    }

    fn connect(&mut self) -> Result<(), DeviceError> {
        self.command(MEMORY | MASTER, 0)
    }

    fn disconnect(&mut self) -> Result<(), DeviceError> {
        self.command(0, MASTER)
    }
}

impl Drop for SysfsControl {
    fn drop(&mut self) {
        if self.enabled
            && let Err(error) = self.card.enable(false)
        {
            tracing::warn!(%error, "the card could not be switched off");
        }
    }
}

/// Opens a card that has no driver.
pub(super) fn open(
    kernel: &Kernel,
    card: Card,
    location: &Location,
    options: Options,
    lock: Lock,
) -> Result<Parts, TransportError> {
    if options.reset {
        // Before it is switched on: the configuration space of a card whose link is dead cannot be written.
        card.reset()?;
    }
    let memory = physical::of_card(kernel, &card, location)?;
    let control = SysfsControl::switch_on(card.clone(), card.config()?)?;
    let window = Registers::in_bar(&card, location)?.map()?;
    Ok(Parts { window, memory, interrupt: Box::new(Polling), control: Box::new(control), lock })
}
