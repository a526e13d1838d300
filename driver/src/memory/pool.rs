//! [`Pool`]: pieces of buffers that are physically there.

use std::collections::BTreeMap;

use super::{ALIGN, DmaBuffer, DmaMemory, Ranges, Sharing, outside};
use crate::DeviceError;

/// Where a pool gets buffers from.
pub(crate) trait Source<S, A>: Send {
    /// The next buffer, or `None` when there is no more.
    fn next(&mut self) -> Result<Option<DmaBuffer<S, A>>, DeviceError>;
}

/// The one buffer there is.
impl<S: Sharing, A: Send> Source<S, A> for Option<DmaBuffer<S, A>> {
    fn next(&mut self) -> Result<Option<DmaBuffer<S, A>>, DeviceError> {
        Ok(self.take())
    }
}

/// Memory in pieces of buffers that a source gives.
///
/// Buffers whose addresses touch count as one: physical memory comes in huge pages, and a piece may be larger than one.
pub(crate) struct Pool<S, A> {
    source: Box<dyn Source<S, A>>,
    /// By address.
    buffers: BTreeMap<u64, DmaBuffer<S, A>>,
    ranges: Ranges,
}

impl<S: Sharing, A> Pool<S, A> {
    /// An empty pool.
    pub fn new(source: impl Source<S, A> + 'static) -> Self {
        Self { source: Box::new(source), buffers: BTreeMap::new(), ranges: Ranges::default() }
    }

    /// Calls `copy` for each buffer that the range touches, with the offset in it and the range's part there.
    fn each(
        &self,
        address: u64,
        bytes: usize,
        mut copy: impl FnMut(&DmaBuffer<S, A>, u64, std::ops::Range<usize>) -> Result<(), DeviceError>,
    ) -> Result<(), DeviceError> {
        if !self.ranges.contains(address, bytes as u64) {
            return Err(outside(address, bytes));
        }
        let mut done = 0;
        while done < bytes {
            let at = address + done as u64;
            let found = self.buffers.range(..=at).next_back().map(|(start, buffer)| (at - start, buffer));
            let (offset, buffer) = found.ok_or(outside(address, bytes))?;
            let length = buffer.size().saturating_sub(offset).min((bytes - done) as u64) as usize;
            if length == 0 {
                return Err(outside(address, bytes));
            }
            copy(buffer, offset, done..done + length)?;
            done += length;
        }
        Ok(())
    }
}

impl<S: Sharing, A: Send> DmaMemory for Pool<S, A> {
    fn allocate(&mut self, bytes: u64) -> Result<u64, DeviceError> {
        let exhausted = |available| DeviceError::OutOfMemory { requested: bytes, available };
        let length = bytes.max(1).checked_next_multiple_of(ALIGN).ok_or(exhausted(self.ranges.available()))?;
        let address = loop {
            if let Some(address) = self.ranges.allocate(length, ALIGN) {
                break address;
            }
            let Some(buffer) = self.source.next()? else { return Err(exhausted(self.ranges.available())) };
            self.ranges.add(buffer.address(), buffer.size());
            self.buffers.insert(buffer.address(), buffer);
        };
        self.each(address, length as usize, |buffer, offset, range| buffer.clear(offset, range.len() as u64))?;
        Ok(address)
    }

    fn release(&mut self, address: u64) -> Result<(), DeviceError> {
        self.ranges.release(address).map(drop).ok_or(outside(address, 0))
    }

    fn copy_to(&mut self, address: u64, bytes: &[u8]) -> Result<(), DeviceError> {
        self.each(address, bytes.len(), |buffer, offset, range| buffer.copy_to(offset, &bytes[range]))
    }

    fn copy_from(&mut self, address: u64, bytes: &mut [u8]) -> Result<(), DeviceError> {
        self.each(address, bytes.len(), |buffer, offset, range| buffer.copy_from(offset, &mut bytes[range]))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Coherent, Physical, SharedMapping};
    use super::*;

    const PAGE: u64 = 8192;

    /// Pages at these addresses, in this order.
    struct Pages(Vec<u64>);

    impl Source<Coherent, Physical> for Pages {
        fn next(&mut self) -> Result<Option<DmaBuffer<Coherent, Physical>>, DeviceError> {
            let buffer = |address| {
                let buffer =
                    DmaBuffer::new(SharedMapping::anonymous(PAGE as usize).unwrap(), address, Coherent, Physical);
                buffer.copy_to(0, &[0xee; PAGE as usize]).unwrap();
                buffer
            };
            Ok(self.0.pop().map(buffer))
        }
    }

    #[test]
    fn a_piece_may_span_pages_that_touch() {
        // Taken from the end: three that do not touch, until the fourth fills the gap.
        let base = 1 << 33;
        let mut pool = Pool::new(Pages(vec![base + 9 * PAGE, base + PAGE, base + 5 * PAGE, base + 2 * PAGE, base]));
        assert_eq!(pool.allocate(3 * PAGE).unwrap(), base);
        let bytes: Vec<u8> = (0..3 * PAGE).map(|i| (i % 251) as u8).collect();
        let mut back = vec![1; 3 * PAGE as usize];
        pool.copy_from(base, &mut back).unwrap();
        assert!(back.iter().all(|b| *b == 0), "zeroed in every page");
        pool.copy_to(base, &bytes).unwrap();
        pool.copy_from(base, &mut back).unwrap();
        assert_eq!(back, bytes);
        let mut part = [0; 100];
        pool.copy_from(base + 2 * PAGE - 50, &mut part).unwrap();
        assert_eq!(part, bytes[2 * PAGE as usize - 50..][..100]);
        pool.release(base).unwrap();
        let OutOfMemory { available } = exhausted(pool.allocate(4 * PAGE));
        assert_eq!(available, 5 * PAGE, "every page was asked for");
        let again = pool.allocate(PAGE).unwrap();
        let mut back = vec![1; PAGE as usize];
        pool.copy_from(again, &mut back).unwrap();
        assert!(back.iter().all(|b| *b == 0), "zeroed again");
    }

    struct OutOfMemory {
        available: u64,
    }

    fn exhausted(result: Result<u64, DeviceError>) -> OutOfMemory {
        match result {
            Err(DeviceError::OutOfMemory { available, .. }) => OutOfMemory { available },
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_not_one_piece_is_refused() {
        let mut pool = Pool::new(Pages(vec![1 << 33]));
        let (a, b) = (pool.allocate(100).unwrap(), pool.allocate(64).unwrap());
        assert_eq!(b, a + 128, "rounded to cache lines");
        pool.copy_to(a + 64, &[1; 64]).unwrap();
        for (address, bytes) in [(a - 1, 1), (a + 64, 65), (b + 64, 1), (0, 1), (u64::MAX, 1)] {
            assert!(matches!(pool.copy_to(address, &vec![0; bytes]), Err(DeviceError::MemoryRange { .. })));
            assert!(matches!(pool.copy_from(address, &mut vec![0; bytes]), Err(DeviceError::MemoryRange { .. })));
        }
        assert!(pool.release(a + 64).is_err() && pool.release(b).is_ok() && pool.release(b).is_err());
        assert!(pool.allocate(u64::MAX).is_err());
    }
}
