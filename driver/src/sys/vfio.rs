//! VFIO: devices, groups and containers. Structures and numbers are those of `linux/vfio.h`; the fields that the driver
//! does not use are there for the layout.

#![allow(unsafe_code, reason = "ioctl")]

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use super::ioctl::{call, call_with_number};
use super::{Calls, IovaRange, iommufd};
use crate::memory::SharedMapping;

/// Interrupt kind: the level-triggered pin.
pub(crate) const INTX: u32 = 0;
/// Interrupt kind: MSI.
pub(crate) const MSI: u32 = 1;
/// Interrupt kind: MSI-X.
pub(crate) const MSIX: u32 = 2;
/// Every device of a group is bound to VFIO or to nothing.
pub(crate) const GROUP_VIABLE: u32 = 1;

const TYPE1V2_IOMMU: usize = 3;
const REGION_MMAP: u32 = 4;
const IRQ_DATA_NONE: u32 = 1;
const IRQ_DATA_EVENTFD: u32 = 4;
const IRQ_ACTION_UNMASK: u32 = 1 << 4;
const IRQ_ACTION_TRIGGER: u32 = 1 << 5;
const DMA_READ_WRITE: u32 = 3;
const INFO_CAPABILITIES: u32 = 2;
const CAPABILITY_IOVA_RANGE: u16 = 1;

/// A region of a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Region {
    /// Where it begins in the device's file.
    pub offset: u64,
    /// Bytes; 0 if there is none.
    pub bytes: u64,
    /// It may be mapped.
    pub mappable: bool,
}

#[repr(C)]
#[derive(Default)]
struct GroupStatus {
    size: u32,
    flags: u32,
}

#[repr(C)]
#[derive(Default)]
struct RegionInfo {
    size: u32,
    flags: u32,
    index: u32,
    capability_offset: u32,
    bytes: u64,
    offset: u64,
}
const _: () = assert!(size_of::<RegionInfo>() == 32);

#[repr(C)]
#[derive(Default)]
struct IrqInfo {
    size: u32,
    flags: u32,
    index: u32,
    count: u32,
}
const _: () = assert!(size_of::<IrqInfo>() == 16);

/// With one event; the header is `size_of` minus 4.
#[repr(C)]
#[derive(Default)]
struct IrqSet {
    size: u32,
    flags: u32,
    index: u32,
    start: u32,
    count: u32,
    event: RawFd,
}
const _: () = assert!(size_of::<IrqSet>() == 24);

#[repr(C)]
struct DmaMap {
    size: u32,
    flags: u32,
    address: u64,
    iova: u64,
    bytes: u64,
}
const _: () = assert!(size_of::<DmaMap>() == 32);

#[repr(C)]
struct DmaUnmap {
    size: u32,
    flags: u32,
    iova: u64,
    bytes: u64,
}
const _: () = assert!(size_of::<DmaUnmap>() == 24);

/// The header and room for what the kernel tells behind it.
#[repr(C, align(8))]
struct IommuInfo {
    bytes: [u8; INFO_BYTES],
}
/// More than any kernel tells: some hundred ranges.
const INFO_BYTES: usize = 4096;

/// The kernel of this machine.
#[derive(Debug)]
pub(crate) struct Linux;

impl Calls for Linux {
    fn api_version(&self, container: &File) -> io::Result<i32> {
        // SAFETY: VFIO_GET_API_VERSION ignores its argument.
        unsafe { call_with_number(container, 100, 0) }
    }

    fn group_status(&self, group: &File) -> io::Result<u32> {
        let mut status = GroupStatus { size: size_of::<GroupStatus>() as u32, ..Default::default() };
        // SAFETY: VFIO_GROUP_GET_STATUS fills in a vfio_group_status.
        unsafe { call(group, 103, &mut status) }?;
        Ok(status.flags)
    }

    fn set_container(&self, group: &File, container: &File) -> io::Result<()> {
        let mut descriptor: RawFd = container.as_raw_fd();
        // SAFETY: VFIO_GROUP_SET_CONTAINER reads an int.
        unsafe { call(group, 104, &mut descriptor) }.map(drop)
    }

    fn set_iommu(&self, container: &File) -> io::Result<()> {
        // SAFETY: VFIO_SET_IOMMU takes the driver's number.
        unsafe { call_with_number(container, 102, TYPE1V2_IOMMU) }.map(drop)
    }

    fn group_device(&self, group: &File, address: &str) -> io::Result<File> {
        let name = CString::new(address)?;
        // SAFETY: VFIO_GROUP_GET_DEVICE_FD reads a string up to its zero byte; the pointer is that of a live CString,
        // passed as the number that the call's argument is.
        let descriptor = unsafe { call_with_number(group, 106, name.as_ptr().expose_provenance()) }?;
        // SAFETY: the call returned a descriptor that nobody else owns.
        Ok(unsafe { OwnedFd::from_raw_fd(descriptor) }.into())
    }

    fn container_ranges(&self, container: &File) -> io::Result<Vec<IovaRange>> {
        let mut info = IommuInfo { bytes: [0; INFO_BYTES] };
        info.bytes[..4].copy_from_slice(&(INFO_BYTES as u32).to_ne_bytes());
        // SAFETY: VFIO_IOMMU_GET_INFO writes no further than the size in the first field.
        unsafe { call(container, 112, &mut info) }?;
        Ok(iova_ranges(&info.bytes).unwrap_or_default())
    }

    fn container_map(&self, container: &File, iova: u64, memory: &SharedMapping) -> io::Result<()> {
        let bytes = memory.size() as u64;
        let size = size_of::<DmaMap>() as u32;
        let address = memory.address().expose_provenance() as u64;
        let mut map = DmaMap { size, flags: DMA_READ_WRITE, address, iova, bytes };
        // SAFETY: VFIO_IOMMU_MAP_DMA reads a vfio_iommu_type1_dma_map. It pins the pages, which are those of a mapping
        // that is only accessed by volatile copies, so that a device may write to them from now on; they stay pinned
        // when the mapping goes away first.
        unsafe { call(container, 113, &mut map) }.map(drop)
    }

    fn container_unmap(&self, container: &File, iova: u64, bytes: u64) -> io::Result<u64> {
        let mut unmap = DmaUnmap { size: size_of::<DmaUnmap>() as u32, flags: 0, iova, bytes };
        // SAFETY: VFIO_IOMMU_UNMAP_DMA reads a vfio_iommu_type1_dma_unmap and writes its size.
        unsafe { call(container, 114, &mut unmap) }?;
        Ok(unmap.bytes)
    }

    fn bind(&self, device: &File, iommu: &File) -> io::Result<()> {
        iommufd::bind(device, iommu)
    }

    fn allocate_space(&self, iommu: &File) -> io::Result<u32> {
        iommufd::allocate_space(iommu)
    }

    fn attach(&self, device: &File, space: u32) -> io::Result<()> {
        iommufd::attach(device, space)
    }

    fn space_ranges(&self, iommu: &File, space: u32) -> io::Result<Vec<IovaRange>> {
        iommufd::ranges(iommu, space)
    }

    fn space_map(&self, iommu: &File, space: u32, iova: u64, memory: &SharedMapping) -> io::Result<()> {
        iommufd::map(iommu, space, iova, memory)
    }

    fn space_unmap(&self, iommu: &File, space: u32, iova: u64, bytes: u64) -> io::Result<u64> {
        iommufd::unmap(iommu, space, iova, bytes)
    }

    fn region(&self, device: &File, index: u32) -> io::Result<Region> {
        let mut info = RegionInfo { size: size_of::<RegionInfo>() as u32, index, ..Default::default() };
        // SAFETY: VFIO_DEVICE_GET_REGION_INFO fills in a vfio_region_info, no further than its size.
        unsafe { call(device, 108, &mut info) }?;
        Ok(Region { offset: info.offset, bytes: info.bytes, mappable: info.flags & REGION_MMAP != 0 })
    }

    fn interrupts(&self, device: &File, kind: u32) -> io::Result<u32> {
        let mut info = IrqInfo { size: size_of::<IrqInfo>() as u32, index: kind, ..Default::default() };
        // SAFETY: VFIO_DEVICE_GET_IRQ_INFO fills in a vfio_irq_info.
        unsafe { call(device, 109, &mut info) }?;
        Ok(info.count)
    }

    fn enable_interrupt(&self, device: &File, kind: u32, event: BorrowedFd<'_>) -> io::Result<()> {
        set_irq(device, IRQ_DATA_EVENTFD | IRQ_ACTION_TRIGGER, kind, 1, event.as_raw_fd())
    }

    fn disable_interrupts(&self, device: &File, kind: u32) -> io::Result<()> {
        set_irq(device, IRQ_DATA_NONE | IRQ_ACTION_TRIGGER, kind, 0, 0)
    }

    fn unmask_interrupt(&self, device: &File, kind: u32) -> io::Result<()> {
        set_irq(device, IRQ_DATA_NONE | IRQ_ACTION_UNMASK, kind, 1, 0)
    }

    fn reset(&self, device: &File) -> io::Result<()> {
        // SAFETY: VFIO_DEVICE_RESET ignores its argument.
        unsafe { call_with_number(device, 111, 0) }.map(drop)
    }
}

fn set_irq(device: &File, flags: u32, index: u32, count: u32, event: RawFd) -> io::Result<()> {
    let mut set = IrqSet { size: size_of::<IrqSet>() as u32, flags, index, start: 0, count, event };
    // SAFETY: VFIO_DEVICE_SET_IRQS reads a vfio_irq_set of the size in its first field, with one descriptor behind it.
    unsafe { call(device, 110, &mut set) }.map(drop)
}

/// The ranges in an answer of VFIO_IOMMU_GET_INFO: a chain of capabilities, each with the offset of the next. None if
/// the kernel does not tell, or nonsense.
fn iova_ranges(info: &[u8]) -> Option<Vec<IovaRange>> {
    let u16_at = |at: usize| Some(u16::from_ne_bytes(info.get(at..at + 2)?.try_into().ok()?));
    let u32_at = |at: usize| Some(u32::from_ne_bytes(info.get(at..at + 4)?.try_into().ok()?));
    let u64_at = |at: usize| Some(u64::from_ne_bytes(info.get(at..at + 8)?.try_into().ok()?));
    if u32_at(4)? & INFO_CAPABILITIES == 0 {
        return None;
    }
    let mut at = u32_at(16)? as usize;
    while at != 0 && u16_at(at)? != CAPABILITY_IOVA_RANGE {
        // Forward only, so that a circle ends.
        at = Some(u32_at(at + 4)? as usize).filter(|next| *next > at)?;
    }
    let count = if at == 0 { return None } else { u32_at(at + 8)? as usize };
    (0..count).map(|i| Some((u64_at(at + 16 + 16 * i)?, u64_at(at + 24 + 16 * i)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An answer with two capabilities, the second of which lists `ranges`.
    fn answer(ranges: &[IovaRange]) -> Vec<u8> {
        let mut info = vec![0; 256];
        let mut put = |at: usize, bytes: &[u8]| info[at..at + bytes.len()].copy_from_slice(bytes);
        put(4, &3u32.to_ne_bytes());
        put(16, &24u32.to_ne_bytes());
        put(24, &2u16.to_ne_bytes());
        put(28, &48u32.to_ne_bytes());
        put(48, &1u16.to_ne_bytes());
        put(56, &(ranges.len() as u32).to_ne_bytes());
        for (i, (first, last)) in ranges.iter().enumerate() {
            put(64 + 16 * i, &first.to_ne_bytes());
            put(72 + 16 * i, &last.to_ne_bytes());
        }
        info
    }

    #[test]
    fn ranges_are_found_behind_other_capabilities() {
        let ranges = [(0, 0xfedf_ffff), (0xfef0_0000, 0x7f_ffff_ffff)];
        assert_eq!(iova_ranges(&answer(&ranges)), Some(ranges.to_vec()));
    }

    #[test]
    fn nonsense_has_no_ranges() {
        let good = answer(&[(0, 9)]);
        let with = |at: usize, value: u32| {
            let mut info = good.clone();
            info[at..at + 4].copy_from_slice(&value.to_ne_bytes());
            iova_ranges(&info)
        };
        assert_eq!(with(4, 1), None, "no capabilities");
        assert_eq!(with(16, 0), None, "an empty chain");
        assert_eq!(with(28, 24), None, "a circle");
        assert_eq!(with(28, 0), None, "no such capability");
        assert_eq!(with(28, 254), None, "a capability behind the end");
        assert_eq!(with(56, 1000), None, "more ranges than there is room for");
        assert_eq!(iova_ranges(&[]), None);
    }
}
