//! The virtual board: a device of this process as a PCI card of a virtual machine, over the protocol vfio-user.
//!
//! Place in the stack: beside the boards. A guest's driver sees registers in BAR 0, the card's own memory in BAR 2, an
//! interrupt, and has its memory read and written by the card; what computes is any [`systole_driver::BusMaster`].
//!
//! 1. [`Card`] is a device behind PCI.
//! 2. [`Socket`] waits for a host, QEMU's `vfio-user-pci` or any other that speaks the protocol.
//! 3. [`serve`] answers it until it goes away.
//!
//! ```no_run
//! use systole_sim::Simulator;
//! use systole_sim::virtual_board::{Card, Socket, serve};
//!
//! let mut card = Card::new(Box::new(Simulator::new(&systole_isa::config::N16)), 64 << 20)?;
//! let socket = Socket::bind("board.sock".as_ref())?;
//! serve(&mut card, &socket.accept()?)?;
//! # Ok::<(), systole_sim::virtual_board::Error>(())
//! ```
//!
//! Invariants: one thread, so that nobody sees an interrupt before its completion; no message makes it panic, and none
//! makes the card reach memory that the host did not map. What the host can do is end the process, by making a file
//! smaller that it mapped: it is trusted with that much, a guest is not.
//!
//! The server is our own because that of the crate `vfio_user` panics on a malformed version message, takes the data of a
//! refused write for the next message, and cannot leave its host; that crate's client is what the tests speak to it with.

mod card;
mod config_space;
mod dma;
mod error;
mod interrupts;
mod server;
mod socket;
mod wire;

pub use card::Card;
use dma::MAX_MAPPINGS;
pub use error::Error;
pub use server::{Ended, serve};
pub use socket::Socket;
