//! Device DRAM: sparse allocations in a 64-bit address space.
//!
//! Addresses lie above 4 GiB and apart from each other, and none is used twice. So an address whose upper half was
//! lost, an access that runs over the end of its buffer and a buffer used after its release are errors here, although
//! a board might let them pass.
//!
//! Beside its allocations there may be memory of others ([`Memory::map`]): the RAM of a guest, whose device this is.
//! Its bytes change at any time, so they are copied, where those of allocations are used in place.

use std::collections::BTreeMap;
use systole_driver::DeviceError;
use systole_driver::bus::{Window, Windows};

/// Bytes that may be allocated unless [`Memory::with_limit`] says otherwise.
pub const DEFAULT_LIMIT: u64 = 4 << 30;
/// Alignment of every allocation, as the `Device` trait promises.
const ALIGN: u64 = 64;
/// Unmapped bytes behind every allocation, at least.
const GUARD: u64 = 4096;
/// What memory holds whose power was gone.
const GARBAGE: u8 = 0xa5;
/// First address.
const BASE: u64 = 0x5a_0000_0000;

/// The memory behind the bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    blocks: BTreeMap<u64, Vec<u8>>,
    windows: Windows,
    next: u64,
    limit: u64,
    used: u64,
}

impl Default for Memory {
    fn default() -> Self {
        Self::with_limit(DEFAULT_LIMIT)
    }
}

impl Memory {
    /// An empty memory that hands out at most `limit` bytes at a time.
    pub fn with_limit(limit: u64) -> Self {
        Self { blocks: BTreeMap::new(), windows: Windows::default(), next: BASE, limit, used: 0 }
    }

    pub(crate) fn set_limit(&mut self, limit: u64) {
        self.limit = limit;
    }

    /// Reserves `bytes` zeroed bytes; the address is a multiple of 64. No byte is also allowed and has an address.
    ///
    /// # Errors
    /// [`DeviceError::OutOfMemory`] beyond the limit, or when the host has no more.
    pub fn allocate(&mut self, bytes: u64) -> Result<u64, DeviceError> {
        let available = self.limit.saturating_sub(self.used);
        let exhausted = DeviceError::OutOfMemory { requested: bytes, available };
        let address = self.next;
        let after = bytes.checked_add(GUARD).and_then(|b| b.checked_next_multiple_of(ALIGN));
        let (Some(next), Ok(len)) = (after.and_then(|b| address.checked_add(b)), usize::try_from(bytes)) else {
            return Err(exhausted);
        };
        let mut block = Vec::new();
        if bytes > available || block.try_reserve_exact(len).is_err() {
            return Err(exhausted);
        }
        block.resize(len, 0);
        self.blocks.insert(address, block);
        self.next = next;
        self.used += bytes;
        Ok(address)
    }

    /// Reserves `bytes` zeroed bytes at `address`.
    ///
    /// # Errors
    /// As [`Memory::allocate`], or [`DeviceError::MemoryRange`] when the range touches another allocation or wraps.
    pub fn allocate_at(&mut self, address: u64, bytes: u64) -> Result<(), DeviceError> {
        let before = self.blocks.range(..=address).next_back().map(|(base, block)| base + block.len() as u64);
        let after = self.blocks.range(address..).next().map(|(base, _)| *base);
        let end = address.checked_add(bytes).and_then(|e| e.checked_add(GUARD + ALIGN));
        let free = end.is_some_and(|end| {
            before.is_none_or(|b| b <= address) && after.is_none_or(|a| a > address && end - GUARD - ALIGN <= a)
        });
        let Some(end) = end.filter(|_| free) else {
            return Err(DeviceError::MemoryRange { address, bytes });
        };
        let next = self.next.max(end / ALIGN * ALIGN);
        self.next = address;
        let allocated = self.allocate(bytes).map(|_| ());
        self.next = next;
        allocated
    }

    /// Gives back the allocation that begins at `address`.
    ///
    /// # Errors
    /// [`DeviceError::MemoryRange`] when none does.
    pub fn release(&mut self, address: u64) -> Result<(), DeviceError> {
        let block = self.blocks.remove(&address).ok_or(DeviceError::MemoryRange { address, bytes: 0 })?;
        self.used -= block.len() as u64;
        Ok(())
    }

    /// Loses what allocations hold, as a card does with its power; memory of others stays.
    pub(crate) fn lose(&mut self) {
        self.blocks.values_mut().for_each(|block| block.fill(GARBAGE));
    }

    /// Puts memory of somebody else at an address, as [`systole_driver::BusMaster::map`] says.
    pub fn map(&mut self, address: u64, window: Window) {
        self.windows.map(address, window);
    }

    /// Takes it away.
    pub fn unmap(&mut self, address: u64) {
        self.windows.unmap(address);
    }

    /// The last access to what is no memory, as [`systole_driver::BusMaster::take_refused`] says.
    pub fn take_refused(&mut self) -> Option<u64> {
        self.windows.take_refused()
    }

    /// Copies host bytes in.
    ///
    /// # Errors
    /// [`DeviceError::MemoryRange`] when the range is neither inside one allocation nor in windows.
    pub fn copy_to(&mut self, address: u64, bytes: &[u8]) -> Result<(), DeviceError> {
        if let Some(block) = self.get_mut(address, bytes.len()) {
            block.copy_from_slice(bytes);
            return Ok(());
        }
        let written = self.windows.write(address, bytes);
        if written { Ok(()) } else { Err(DeviceError::MemoryRange { address, bytes: bytes.len() as u64 }) }
    }

    /// Copies bytes out.
    ///
    /// # Errors
    /// [`DeviceError::MemoryRange`] when the range is neither inside one allocation nor in windows.
    pub fn copy_from(&self, address: u64, bytes: &mut [u8]) -> Result<(), DeviceError> {
        if let Some(block) = self.get(address, bytes.len()) {
            bytes.copy_from_slice(block);
            return Ok(());
        }
        let read = self.windows.read(address, bytes);
        if read { Ok(()) } else { Err(DeviceError::MemoryRange { address, bytes: bytes.len() as u64 }) }
    }

    /// The bytes at an address, of an allocation in place, of windows as a copy in `copy`; `None` where not all are
    /// memory.
    pub(crate) fn view<'a>(&'a self, address: u64, len: usize, copy: &'a mut Vec<u8>) -> Option<&'a [u8]> {
        if let Some(block) = self.get(address, len) {
            return Some(block);
        }
        copy.resize(len, 0);
        self.windows.read(address, copy).then_some(copy)
    }

    /// Has all bytes at an address written by `fill`; `None`, and nothing is written, where not all are memory.
    pub(crate) fn fill(
        &mut self,
        address: u64,
        len: usize,
        copy: &mut Vec<u8>,
        fill: impl FnOnce(&mut [u8]),
    ) -> Option<()> {
        if let Some(block) = self.get_mut(address, len) {
            fill(block);
            return Some(());
        }
        copy.resize(len, 0);
        fill(copy);
        self.windows.write(address, copy).then_some(())
    }

    /// The bytes at an address, if all of them lie inside one allocation.
    fn get(&self, address: u64, len: usize) -> Option<&[u8]> {
        let (base, block) = self.blocks.range(..=address).next_back()?;
        let start = usize::try_from(address - base).ok()?;
        block.get(start..start.checked_add(len)?)
    }

    /// As [`Memory::get`], to be written.
    fn get_mut(&mut self, address: u64, len: usize) -> Option<&mut [u8]> {
        let (base, block) = self.blocks.range_mut(..=address).next_back()?;
        let start = usize::try_from(address - base).ok()?;
        block.get_mut(start..start.checked_add(len)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allocations_are_zeroed_aligned_and_apart() {
        let mut memory = Memory::default();
        let a = memory.allocate(100).unwrap();
        let b = memory.allocate(0).unwrap();
        let c = memory.allocate(64).unwrap();
        assert!([a, b, c].iter().all(|x| x % 64 == 0 && *x > u64::from(u32::MAX)));
        assert!(b >= a + 100 + GUARD && c >= b + GUARD);
        let mut bytes = [1; 100];
        memory.copy_from(a, &mut bytes).unwrap();
        assert_eq!(bytes, [0; 100]);
    }

    #[test]
    fn copies_outside_an_allocation_fail() {
        let mut memory = Memory::default();
        let a = memory.allocate(100).unwrap();
        let b = memory.allocate(100).unwrap();
        memory.copy_to(a + 99, &[7]).unwrap();
        memory.copy_to(a + 100, &[]).unwrap();
        for (address, len) in [(a + 99, 2), (a - 1, 1), (a, 101), (a + 100, 1), (b + 101, 0), (0, 1), (u64::MAX, 2)] {
            assert!(matches!(memory.copy_to(address, &vec![0; len]), Err(DeviceError::MemoryRange { .. })));
        }
        memory.release(a).unwrap();
        assert!(memory.copy_to(a, &[0]).is_err() && memory.release(a).is_err() && memory.release(b + 64).is_err());
    }

    #[test]
    fn the_limit_counts_what_is_live() {
        let mut memory = Memory::with_limit(1000);
        let a = memory.allocate(600).unwrap();
        assert!(matches!(memory.allocate(401), Err(DeviceError::OutOfMemory { requested: 401, available: 400 })));
        assert!(memory.allocate(u64::MAX).is_err());
        memory.release(a).unwrap();
        assert_ne!(memory.allocate(1000).unwrap(), a, "addresses are not used twice");
    }
}
