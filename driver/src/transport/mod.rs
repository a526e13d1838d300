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
//! Invariants: a foreign device is never locked, enabled, reset, configured or mapped to be written (`target.rs`); one process
//! owns a device, whichever way it is opened; a board may use memory only once it has answered
//! with its identity, and no longer when it is dropped; nothing here panics on what a kernel or a card says.

mod board;
mod config;
mod doctor;
mod error;
mod interrupt;
pub(crate) mod kernel;
mod location;
mod lock;
mod mem;
mod pci;
mod pci_ids;
mod physical;
mod probe;
mod registers;
mod resource;
mod target;
mod uio;
mod vfio;
mod watched;
mod window;

pub use doctor::{Check, State, doctor};
pub use error::TransportError;
pub use kernel::Kernel;
pub use location::{Dma, Location, ParseLocationError, PciAddress, Place};
pub use pci_ids::PciIds;
pub use probe::{Candidate, Way, probe};
pub use watched::Watched;

use crate::Device;
use board::Board;
use lock::Lock;
use target::Target;
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
    let target = Target::find(kernel, location)?;
    let lock = || Lock::take(kernel, &lock::key(kernel, location.place), &name);
    let parts = match target {
        Target::Card(card) => match Way::of_card(kernel, &card)? {
            Way::Vfio | Way::VfioIommufd => vfio::open(kernel, card, location, options, lock()?)?,
            Way::Uio(number) => uio::open_card(kernel, &Uio::find(kernel, number)?, card, location, options, lock()?)?,
            Way::Sysfs => resource::open(kernel, card, location, options, lock()?)?,
        },
        Target::CardOnUio(card, uio) => uio::open_card(kernel, &uio, card, location, options, lock()?)?,
        Target::PartOnUio(part, uio) => uio::open_part(kernel, &uio, &part, location, options, lock()?)?,
        Target::Part(part) => mem::open(kernel, &part, location, options, lock()?)?,
    };
    Ok(Box::new(Board::new(parts, &name)?))
}

/// Refuses, by the IDs that the kernel keeps, a location that names somebody else's card: for what comes before opening. A
/// board that is not there passes, since a bitstream may bring it.
///
/// # Errors
/// [`TransportError::Foreign`].
pub fn refuse_foreign(kernel: &Kernel, location: &Location) -> Result<(), TransportError> {
    target::refuse_foreign(kernel, location)
}

#[cfg(test)]
mod tests;
