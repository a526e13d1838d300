//! System calls that need unsafe code: one small function each.
//!
//! [`Calls`] is the seam: [`Linux`] makes the calls, tests put a kernel of their own behind it and let calls fail. What
//! rustix and memmap2 wrap safely (poll, eventfd, flock, mmap) is called where it is needed.

mod ioctl;
mod iommufd;
mod vfio;

use std::fs::File;
use std::io;
use std::os::fd::BorrowedFd;

use crate::memory::SharedMapping;

pub(crate) use vfio::{GROUP_VIABLE, INTX, Linux, MSI, MSIX, Region};

/// Addresses that an IOMMU translates, first and last.
pub(crate) type IovaRange = (u64, u64);

/// What VFIO and iommufd do for the driver. `linux/vfio.h` and `linux/iommufd.h` define each call.
pub(crate) trait Calls: std::fmt::Debug + Send + Sync {
    /// Version of a container's interface; 0 is the only one there is.
    fn api_version(&self, container: &File) -> io::Result<i32>;
    /// Flags of a group, [`GROUP_VIABLE`] among them.
    fn group_status(&self, group: &File) -> io::Result<u32>;
    /// Puts a group into a container.
    fn set_container(&self, group: &File, container: &File) -> io::Result<()>;
    /// Has a container use the IOMMU driver "type 1, version 2".
    fn set_iommu(&self, container: &File) -> io::Result<()>;
    /// Opens a group's device by its PCI address.
    fn group_device(&self, group: &File, address: &str) -> io::Result<File>;
    /// Addresses that may be mapped; empty where the kernel does not say.
    fn container_ranges(&self, container: &File) -> io::Result<Vec<IovaRange>>;
    /// Pins memory and lets the device reach all of it at `iova`.
    fn container_map(&self, container: &File, iova: u64, memory: &SharedMapping) -> io::Result<()>;
    /// Undoes that; returns how many bytes were unmapped.
    fn container_unmap(&self, container: &File, iova: u64, bytes: u64) -> io::Result<u64>;

    /// Gives a device to an iommufd.
    fn bind(&self, device: &File, iommu: &File) -> io::Result<()>;
    /// Makes an address space and returns its number.
    fn allocate_space(&self, iommu: &File) -> io::Result<u32>;
    /// Puts a bound device into an address space.
    fn attach(&self, device: &File, space: u32) -> io::Result<()>;
    /// As [`Calls::container_ranges`].
    fn space_ranges(&self, iommu: &File, space: u32) -> io::Result<Vec<IovaRange>>;
    /// As [`Calls::container_map`].
    fn space_map(&self, iommu: &File, space: u32, iova: u64, memory: &SharedMapping) -> io::Result<()>;
    /// As [`Calls::container_unmap`].
    fn space_unmap(&self, iommu: &File, space: u32, iova: u64, bytes: u64) -> io::Result<u64>;

    /// Where a region of the device is in its file: BARs by number, then ROM and configuration space.
    fn region(&self, device: &File, index: u32) -> io::Result<Region>;
    /// How many interrupts of a kind the device has.
    fn interrupts(&self, device: &File, kind: u32) -> io::Result<u32>;
    /// Has the first interrupt of a kind signal an eventfd.
    fn enable_interrupt(&self, device: &File, kind: u32, event: BorrowedFd<'_>) -> io::Result<()>;
    /// Switches off all interrupts of a kind.
    fn disable_interrupts(&self, device: &File, kind: u32) -> io::Result<()>;
    /// Lets a level-triggered interrupt come again, which the kernel masks when it has come.
    fn unmask_interrupt(&self, device: &File, kind: u32) -> io::Result<()>;
    /// Resets the function.
    fn reset(&self, device: &File) -> io::Result<()>;
}
