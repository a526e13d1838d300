//! A register window through `/dev/mem`, for parts of the chip that no driver holds. Root only, without interrupt.

use systole_isa::register::WINDOW_BYTES;

use super::board::{Parts, Uncontrolled};
use super::error::TransportError;
use super::interrupt::Polling;
use super::kernel::{Kernel, page_size};
use super::lock::Lock;
use super::pci::Function;
use super::window::{map, pages, registers};
use super::{Location, physical};

/// Opens the window at a physical address.
pub(super) fn open(kernel: &Kernel, base: u64, location: &Location, lock: Lock) -> Result<Parts, TransportError> {
    let name = location.to_string();
    let page = page_size();
    let found = pages(base, WINDOW_BYTES.into(), page).filter(|_| base.is_multiple_of(page)).ok_or_else(|| {
        TransportError::NoWindow {
            location: name.clone(),
            found: format!("{base:#x} is no multiple of the page size {page}"),
        }
    })?;
    free(kernel, base)?;
    let memory = physical::of_chip(kernel, location)?;
    // Without O_SYNC the CPU would cache registers.
    let window = registers(map(&kernel.dev.join("mem"), found, true)?, found);
    let control = Uncontrolled { location: name };
    Ok(Parts { window, memory, interrupt: Box::new(Polling), control: Box::new(control), lock })
}

/// Refuses a window of a card that a driver of the kernel uses. A UIO driver does nothing with it.
fn free(kernel: &Kernel, base: u64) -> Result<(), TransportError> {
    match Function::all(kernel).into_iter().find(|card| card.covers(base)) {
        Some(card) => match card.driver() {
            Some(driver) => Err(TransportError::WindowTaken { base, address: card.address, driver }),
            None => Ok(()),
        },
        None => Ok(()),
    }
}
