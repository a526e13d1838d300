//! Boards, opened through the kernel's own interfaces.
//!
//! 1. [`Location`] says where a board is; [`probe()`] lists those that there are, [`doctor()`] says what keeps them from
//!    being used.
//! 2. [`open`] makes a [`Device`] of it. For a PCI card, what the kernel has bound to it decides the way: `vfio-pci`,
//!    `uio_pci_generic`, or nothing, which leaves sysfs.
//!
//! | way | file | memory | interrupt |
//! |---|---|---|---|
//! | VFIO | `vfio.rs` | mapped through the IOMMU; the card's own | MSI-X, MSI, pin |
//! | UIO | `uio.rs` | the card's own, huge pages; for a device of the chip a u-dma-buf | pin |
//! | sysfs | `resource.rs` | the card's own, huge pages | none: it is polled |
//! | `/dev/mem` | `mem.rs` | u-dma-buf | none: it is polled |
//!
//! Invariants: one process owns a device, whichever way it is opened; a board may use memory only once it has answered
//! with its identity, and no longer when it is dropped; nothing here panics on what a kernel or a card says.

mod board;
mod doctor;
mod error;
mod interrupt;
pub(crate) mod kernel;
mod location;
mod lock;
mod mem;
mod pci;
mod physical;
mod probe;
mod resource;
mod uio;
mod vfio;
mod window;

pub use doctor::{Check, State, doctor};
pub use error::TransportError;
pub use kernel::Kernel;
pub use location::{Dma, Location, ParseLocationError, PciAddress, Place};
pub use probe::{Candidate, Way, probe};

use crate::Device;
use board::Board;
use lock::Lock;
use pci::Function;
use uio::Uio;

/// How to open a board.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Reset the whole function first, so that it is as after power-up. A card whose link is lost needs it; one that
    /// knows no such reset refuses it.
    pub reset: bool,
}

/// Opens a board of this machine.
///
/// # Errors
/// There is none, another process owns it, the kernel does not let this user have it, or something else answers.
pub fn open(location: &Location, options: Options) -> Result<Box<dyn Device + Send>, TransportError> {
    open_on(&Kernel::host(), location, options)
}

/// As [`open`], on a kernel that is given.
///
/// # Errors
/// As [`open`].
#[tracing::instrument(level = "debug", skip_all, fields(%location))]
pub fn open_on(
    kernel: &Kernel,
    location: &Location,
    options: Options,
) -> Result<Box<dyn Device + Send>, TransportError> {
    let name = location.to_string();
    let lock = || Lock::take(kernel, &lock::key(kernel, location.place), &name);
    let parts = match location.place {
        Place::Pci(address) => {
            let card = Function::find(kernel, address)?;
            match Way::of_card(kernel, &card)? {
                Way::Vfio | Way::VfioIommufd => vfio::open(kernel, card, location, lock()?)?,
                Way::Uio(number) => uio::open(kernel, &Uio::find(kernel, number)?, location, lock()?)?,
                Way::Sysfs => resource::open(kernel, card, location, lock()?)?,
            }
        }
        Place::Uio(number) => uio::open(kernel, &Uio::find(kernel, number)?, location, lock()?)?,
        Place::Mem(base) => mem::open(kernel, base, location, lock()?)?,
    };
    Ok(Box::new(Board::new(parts, &name, options.reset)?))
}

#[cfg(test)]
mod tests;
