//! [`Mapped`]: memory that an IOMMU lets the device reach, and nothing else.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use rustix::process::{Resource, getrlimit};

use super::{ALIGN, Coherent, DmaBuffer, DmaMemory, Ranges, SharedMapping, outside};
use crate::DeviceError;
use crate::sys::IovaRange;

/// The least address that is handed out where the IOMMU has room above: an address whose upper half got lost is nobody's.
const ABOVE: u64 = 1 << 32;
/// What every IOMMU translates, where the kernel does not say: 39 bits are the least that Intel's has.
const UNTOLD: IovaRange = (0, (1 << 39) - 1);

/// An IOMMU's translation for one device.
pub(crate) trait AddressSpace: Send + Sync {
    /// What the two calls below are for the kernel, for messages.
    fn calls(&self) -> [&'static str; 2];
    /// Addresses that may be mapped; empty if the kernel does not say.
    fn ranges(&self) -> io::Result<Vec<IovaRange>>;
    /// Lets the device reach memory at `iova`.
    fn map(&self, iova: u64, memory: &SharedMapping) -> io::Result<()>;
    /// Undoes that; how many bytes it was.
    fn unmap(&self, iova: u64, bytes: u64) -> io::Result<u64>;
}

/// The address is one that the IOMMU translates. Dropping it ends the translation.
pub(crate) struct Iova {
    space: Arc<dyn AddressSpace>,
    address: u64,
    bytes: u64,
}

impl Drop for Iova {
    fn drop(&mut self) {
        match self.space.unmap(self.address, self.bytes) {
            Ok(bytes) if bytes == self.bytes => {}
            Ok(bytes) => tracing::error!(iova = self.address, bytes, expected = self.bytes, "unmapped in part"),
            Err(error) => tracing::error!(iova = self.address, %error, "could not be unmapped"),
        }
    }
}

/// Memory of this process, mapped for the device piece by piece: what the device does outside a piece faults in the
/// IOMMU. Between any two pieces an unmapped page is left, and addresses are not used again while there are others.
pub(crate) struct Mapped {
    /// Before the space, which they use.
    pieces: BTreeMap<u64, DmaBuffer<Coherent, Iova>>,
    ranges: Ranges,
    space: Arc<dyn AddressSpace>,
    page: u64,
}

impl Mapped {
    /// Nothing yet. `page` is the size of the host's pages.
    ///
    /// # Errors
    /// The kernel does not tell which addresses there are.
    pub fn new(space: Arc<dyn AddressSpace>, page: u64) -> Result<Self, DeviceError> {
        let [call, _] = space.calls();
        let target = "the IOMMU".to_owned();
        let known = space.ranges().map_err(|source| DeviceError::System { call, target, source })?;
        let mut ranges = Ranges::default();
        for (first, last) in usable(&known, page) {
            ranges.add(first, last - first);
        }
        Ok(Self { pieces: BTreeMap::new(), ranges, space, page })
    }

    fn map(&self, address: u64, bytes: u64) -> Result<DmaBuffer<Coherent, Iova>, DeviceError> {
        let system = |call, target: String| move |source| DeviceError::System { call, target, source };
        let memory = usize::try_from(bytes).map_err(io::Error::other).and_then(SharedMapping::anonymous);
        let memory = memory.map_err(system("mmap", format!("{bytes} bytes for DMA")))?;
        self.space.map(address, &memory).map_err(|source| {
            let limit =
                if source.raw_os_error() == Some(rustix::io::Errno::NOMEM.raw_os_error()) { limit() } else { None };
            let target = format!("{bytes} bytes at I/O address {address:#x}{}", limit.unwrap_or_default());
            system(self.space.calls()[1], target)(source)
        })?;
        let iova = Iova { space: Arc::clone(&self.space), address, bytes };
        Ok(DmaBuffer::new(memory, address, Coherent, iova))
    }
}

impl DmaMemory for Mapped {
    fn allocate(&mut self, bytes: u64) -> Result<u64, DeviceError> {
        let exhausted = DeviceError::OutOfMemory { requested: bytes, available: self.ranges.available() };
        let Some(length) = bytes.max(1).checked_next_multiple_of(self.page) else { return Err(exhausted) };
        let Some(address) =
            length.checked_add(self.page).and_then(|with_guard| self.ranges.allocate(with_guard, self.page))
        else {
            return Err(exhausted);
        };
        match self.map(address, length) {
            Ok(piece) => {
                self.pieces.insert(address, piece);
                Ok(address)
            }
            Err(error) => {
                self.ranges.release(address);
                Err(error)
            }
        }
    }

    fn release(&mut self, address: u64) -> Result<(), DeviceError> {
        drop(self.pieces.remove(&address).ok_or(outside(address, 0))?);
        self.ranges.release(address).map(drop).ok_or(outside(address, 0))
    }

    fn copy_to(&mut self, address: u64, bytes: &[u8]) -> Result<(), DeviceError> {
        let (start, piece) = self.pieces.range(..=address).next_back().ok_or(outside(address, bytes.len()))?;
        piece.copy_to(address - start, bytes)
    }

    fn copy_from(&mut self, address: u64, bytes: &mut [u8]) -> Result<(), DeviceError> {
        let (start, piece) = self.pieces.range(..=address).next_back().ok_or(outside(address, bytes.len()))?;
        piece.copy_from(address - start, bytes)
    }
}

/// The whole pages of the ranges above 4 GiB, as first address and end; of all of them where none reaches above.
fn usable(ranges: &[IovaRange], page: u64) -> Vec<(u64, u64)> {
    let ranges = if ranges.is_empty() { &[UNTOLD] } else { ranges };
    let pages = |least: u64| -> Vec<(u64, u64)> {
        let whole = ranges.iter().filter_map(|(first, last)| {
            let first = (*first).max(least).checked_next_multiple_of(page)?;
            let end = last.saturating_add(1) / page * page;
            (first < end).then_some((first, end))
        });
        whole.collect()
    };
    // Address 0 is what a register that nobody wrote holds.
    Some(pages(ABOVE)).filter(|above| !above.is_empty()).unwrap_or_else(|| pages(page.max(ALIGN)))
}

/// The limit that mapping memory for a device runs into first.
fn limit() -> Option<String> {
    let limit = getrlimit(Resource::Memlock).current?;
    Some(format!(" (this process may lock {limit} bytes, see `ulimit -l`)"))
}

#[cfg(test)]
mod tests;
