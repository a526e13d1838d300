//! Memory that somebody else reads and writes at the same time: registers, DMA buffers, a guest's RAM.
//!
//! 1. [`SharedMapping`] is the only way to touch it ([`ReadOnlyMapping`] to look at it): bounded copies by volatile accesses. No reference to such memory
//!    ever exists, since the compiler may assume of a reference that nobody else writes what it points to.
//! 2. `DmaBuffer` is a mapping with the address under which the device knows it; its type says how that address came
//!    about (`Iova`, `Physical`, `Local`) and whether host and device see the same (`Coherent`, `Synced`).
//! 3. A `DmaMemory` hands out pieces: `Pool` of buffers that are there or can be had (`huge`, `udmabuf`, the
//!    card's own memory), `Mapped` of one buffer for each piece, mapped through an IOMMU.

mod buffer;
pub(crate) mod huge;
mod mapped;
mod pool;
mod ranges;
mod shared;
pub(crate) mod udmabuf;

pub(crate) use buffer::{Coherent, DmaBuffer, Local, Physical, Sharing};
pub(crate) use mapped::{AddressSpace, Mapped};
pub(crate) use pool::{Pool, Source};
pub(crate) use ranges::Ranges;
pub use shared::{OutOfRange, ReadOnlyMapping, SharedMapping};

use crate::DeviceError;

/// Memory that host and device reach, in pieces. The methods are those of [`crate::Device`].
pub(crate) trait DmaMemory: Send {
    /// Reserves zeroed memory; the address is a multiple of 64.
    fn allocate(&mut self, bytes: u64) -> Result<u64, DeviceError>;
    /// Gives it back.
    fn release(&mut self, address: u64) -> Result<(), DeviceError>;
    /// Copies host bytes in; the range is inside one piece.
    fn copy_to(&mut self, address: u64, bytes: &[u8]) -> Result<(), DeviceError>;
    /// Copies bytes out; the range is inside one piece.
    fn copy_from(&mut self, address: u64, bytes: &mut [u8]) -> Result<(), DeviceError>;
}

/// Alignment of every piece, a cache line of the device's bus.
const ALIGN: u64 = 64;

/// The error of a copy that leaves its piece.
const fn outside(address: u64, bytes: usize) -> DeviceError {
    DeviceError::MemoryRange { address, bytes: bytes as u64 }
}
