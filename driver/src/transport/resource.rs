//! A PCI card through sysfs: registers in `resource0`, no driver, no interrupt. It works wherever there is a kernel, but
//! for root only.

use systole_isa::pci::REGISTER_BAR;
use systole_isa::register::WINDOW_BYTES;

use super::board::{Control, Parts, Window};
use super::error::{TransportError, system};
use super::interrupt::Polling;
use super::kernel::{Kernel, page_size};
use super::lock::Lock;
use super::pci::{Config, Function, INTX_DISABLE, MASTER, MEMORY};
use super::window::{map, pages, registers, too_small};
use super::{Location, physical};
use crate::DeviceError;

/// A function that is reset and connected through sysfs.
pub(super) struct SysfsControl {
    card: Function,
    config: Config,
    /// It was switched on here and is to be switched off again.
    enabled: bool,
}

impl SysfsControl {
    /// Of a function that its driver has switched on.
    pub fn new(card: Function, config: Config) -> Self {
        Self { card, config, enabled: false }
    }

    /// Switches a function on that has no driver.
    pub fn switch_on(card: Function, config: Config) -> Result<Self, DeviceError> {
        card.enable(true)?;
        let control = Self { card, config, enabled: true };
        // Nobody would serve its pin, which devices of others may share.
        control.command(MEMORY | INTX_DISABLE, 0)?;
        Ok(control)
    }

    fn command(&self, set: u16, clear: u16) -> Result<(), DeviceError> {
        let target = self.card.path.join("config").display().to_string();
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

/// The register window in BAR 0.
pub(super) fn register_bar(card: &Function, location: &Location) -> Result<Window, TransportError> {
    let bar = card.bar(REGISTER_BAR).ok_or_else(|| TransportError::NoWindow {
        location: location.to_string(),
        found: format!("BAR {REGISTER_BAR} is no memory with an address"),
    })?;
    if bar.bytes < WINDOW_BYTES.into() {
        return Err(too_small(&location.to_string(), &format!("BAR {REGISTER_BAR}"), bar.bytes));
    }
    // The file begins with the page that holds the BAR's first byte, which need not begin with it.
    let inner = bar.address % page_size();
    let found =
        pages(inner, WINDOW_BYTES.into(), page_size()).ok_or_else(|| too_small(&location.to_string(), "BAR", 0))?;
    Ok(registers(map(&card.resource(REGISTER_BAR), found, false)?, found))
}

/// Opens a card that has no driver.
pub(super) fn open(kernel: &Kernel, card: Function, location: &Location, lock: Lock) -> Result<Parts, TransportError> {
    let memory = physical::of_card(kernel, &card, location)?;
    let control = SysfsControl::switch_on(card.clone(), card.config()?)?;
    let window = register_bar(&card, location)?;
    Ok(Parts { window, memory, interrupt: Box::new(Polling), control: Box::new(control), lock })
}
