//! iommufd, the successor of VFIO's containers (devices can be bound to it since Linux 6.6). Structures and numbers are
//! those of `linux/iommufd.h` and, for the two calls on the device, `linux/vfio.h`.

#![allow(unsafe_code, reason = "ioctl")]

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, RawFd};

use super::IovaRange;
use super::ioctl::call;
use crate::memory::SharedMapping;

/// IOMMU_IOAS_MAP_FIXED_IOVA, _WRITEABLE and _READABLE.
const MAP_FLAGS: u32 = 7;
/// As many ranges as are asked for; more would be holes in the middle that nobody has seen.
const RANGES: usize = 64;

#[repr(C)]
#[derive(Default)]
struct Bind {
    size: u32,
    flags: u32,
    iommufd: RawFd,
    out_device: u32,
}

#[repr(C)]
#[derive(Default)]
struct Attach {
    size: u32,
    flags: u32,
    space: u32,
}

#[repr(C)]
#[derive(Default)]
struct AllocateSpace {
    size: u32,
    flags: u32,
    out_space: u32,
}

#[repr(C)]
struct Ranges {
    size: u32,
    space: u32,
    count: u32,
    reserved: u32,
    allowed: u64,
    out_alignment: u64,
}
const _: () = assert!(size_of::<Ranges>() == 32);

#[repr(C)]
struct Map {
    size: u32,
    flags: u32,
    space: u32,
    reserved: u32,
    address: u64,
    bytes: u64,
    iova: u64,
}
const _: () = assert!(size_of::<Map>() == 40);

#[repr(C)]
struct Unmap {
    size: u32,
    space: u32,
    iova: u64,
    bytes: u64,
}
const _: () = assert!(size_of::<Unmap>() == 24);

pub fn bind(device: &File, iommu: &File) -> io::Result<()> {
    let mut bind = Bind { size: size_of::<Bind>() as u32, iommufd: iommu.as_raw_fd(), ..Default::default() };
    // SAFETY: VFIO_DEVICE_BIND_IOMMUFD reads a vfio_device_bind_iommufd, whose later fields the given size
    // leaves out, and writes its last field.
    unsafe { call(device, 118, &mut bind) }.map(drop)
}

pub fn attach(device: &File, space: u32) -> io::Result<()> {
    let mut attach = Attach { size: size_of::<Attach>() as u32, flags: 0, space };
    // SAFETY: VFIO_DEVICE_ATTACH_IOMMUFD_PT reads a vfio_device_attach_iommufd_pt and writes its last field.
    unsafe { call(device, 119, &mut attach) }.map(drop)
}

pub fn allocate_space(iommu: &File) -> io::Result<u32> {
    let mut allocate = AllocateSpace { size: size_of::<AllocateSpace>() as u32, ..Default::default() };
    // SAFETY: IOMMU_IOAS_ALLOC reads an iommu_ioas_alloc and writes its last field.
    unsafe { call(iommu, 0x81, &mut allocate) }?;
    Ok(allocate.out_space)
}

pub fn ranges(iommu: &File, space: u32) -> io::Result<Vec<IovaRange>> {
    let mut found = [[0u64; 2]; RANGES];
    let allowed = found.as_mut_ptr().expose_provenance() as u64;
    let size = size_of::<Ranges>() as u32;
    let mut ranges = Ranges { size, space, count: RANGES as u32, reserved: 0, allowed, out_alignment: 0 };
    // SAFETY: IOMMU_IOAS_IOVA_RANGES reads an iommu_ioas_iova_ranges, writes its count, and writes up to the count that
    // it was given of pairs of u64 to where `allowed` points: `found`, which has that many and is live.
    unsafe { call(iommu, 0x84, &mut ranges) }?;
    Ok(found.iter().take(ranges.count as usize).map(|[first, last]| (*first, *last)).collect())
}

pub fn map(iommu: &File, space: u32, iova: u64, memory: &SharedMapping) -> io::Result<()> {
    let address = memory.address().expose_provenance() as u64;
    let (size, bytes) = (size_of::<Map>() as u32, memory.size() as u64);
    let mut map = Map { size, flags: MAP_FLAGS, space, reserved: 0, address, bytes, iova };
    // SAFETY: IOMMU_IOAS_MAP reads an iommu_ioas_map. What it does to the memory is what VFIO_IOMMU_MAP_DMA does.
    unsafe { call(iommu, 0x85, &mut map) }.map(drop)
}

pub fn unmap(iommu: &File, space: u32, iova: u64, bytes: u64) -> io::Result<u64> {
    let mut unmap = Unmap { size: size_of::<Unmap>() as u32, space, iova, bytes };
    // SAFETY: IOMMU_IOAS_UNMAP reads an iommu_ioas_unmap and writes its length.
    unsafe { call(iommu, 0x86, &mut unmap) }?;
    Ok(unmap.bytes)
}
