//! Addresses of device memory; the bytes are the model's.
//!
//! As on the simulator, addresses lie above 4 GiB and apart from each other, and none is used twice: an address whose
//! upper half was lost, an access over the end of a buffer and a buffer used after its release are bus errors.

use std::collections::BTreeMap;
use systole_driver::DeviceError;

/// Bytes that may be allocated unless the options say otherwise.
pub(super) const DEFAULT_LIMIT: u64 = 4 << 30;
/// Alignment of every allocation, as the `Device` trait promises.
const ALIGN: u64 = 64;
/// Unmapped bytes behind every allocation, at least.
const GUARD: u64 = 4096;
/// First address.
const BASE: u64 = 0x5a_0000_0000;

/// What is allocated.
#[derive(Debug)]
pub(super) struct Allocations {
    blocks: BTreeMap<u64, u64>,
    next: u64,
    limit: u64,
    used: u64,
}

impl Allocations {
    pub fn new(limit: u64) -> Self {
        Self { blocks: BTreeMap::new(), next: BASE, limit, used: 0 }
    }

    /// Reserves an address range.
    pub fn allocate(&mut self, bytes: u64) -> Result<u64, DeviceError> {
        let available = self.limit.saturating_sub(self.used);
        let after = bytes.checked_add(GUARD).and_then(|b| b.checked_next_multiple_of(ALIGN));
        let Some(next) = after.and_then(|b| self.next.checked_add(b)).filter(|_| bytes <= available) else {
            return Err(DeviceError::OutOfMemory { requested: bytes, available });
        };
        let address = std::mem::replace(&mut self.next, next);
        self.blocks.insert(address, bytes);
        self.used += bytes;
        Ok(address)
    }

    /// Reserves a given range.
    pub fn allocate_at(&mut self, address: u64, bytes: u64) -> Result<(), DeviceError> {
        let before = self.blocks.range(..=address).next_back().map(|(base, size)| base + size);
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

    /// Gives a range back.
    pub fn release(&mut self, address: u64) -> Result<(), DeviceError> {
        let bytes = self.blocks.remove(&address).ok_or(DeviceError::MemoryRange { address, bytes: 0 })?;
        self.used -= bytes;
        Ok(())
    }

    /// Refuses a range that is not inside one allocation.
    pub fn check(&self, address: u64, bytes: u64) -> Result<(), DeviceError> {
        let block = self.blocks.range(..=address).next_back();
        let inside = block.is_some_and(|(base, size)| {
            let start = address - base;
            start <= *size && bytes <= size - start
        });
        if inside { Ok(()) } else { Err(DeviceError::MemoryRange { address, bytes }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_apart_and_checked_to_the_byte() {
        let mut memory = Allocations::new(1000);
        let a = memory.allocate(100).unwrap();
        let b = memory.allocate(0).unwrap();
        let c = memory.allocate(64).unwrap();
        assert!([a, b, c].iter().all(|x| x % 64 == 0 && *x > u64::from(u32::MAX)));
        assert!(b >= a + 100 + GUARD && c >= b + GUARD);
        for (address, bytes) in [(a, 100), (a + 99, 1), (a + 100, 0), (b, 0), (c + 32, 32)] {
            memory.check(address, bytes).unwrap();
        }
        for (address, bytes) in [(a, 101), (a + 100, 1), (a + 101, 0), (a - 1, 1), (c, u64::MAX), (0, 1), (u64::MAX, 1)]
        {
            assert!(
                matches!(memory.check(address, bytes), Err(DeviceError::MemoryRange { .. })),
                "{address:#x} {bytes}"
            );
        }
        memory.release(a).unwrap();
        assert!(memory.check(a, 1).is_err() && memory.release(a).is_err() && memory.release(c + 64).is_err());
    }

    #[test]
    fn the_limit_counts_what_is_live() {
        let mut memory = Allocations::new(1000);
        let a = memory.allocate(600).unwrap();
        assert!(matches!(memory.allocate(401), Err(DeviceError::OutOfMemory { requested: 401, available: 400 })));
        assert!(memory.allocate(u64::MAX).is_err());
        memory.release(a).unwrap();
        assert_ne!(memory.allocate(1000).unwrap(), a, "addresses are not used twice");
    }
}
