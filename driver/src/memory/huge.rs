//! Huge pages: memory of this process that is contiguous, page by page, and whose physical address the kernel tells.
//!
//! Such pages are neither swapped nor moved, save by memory hot-unplug. Only for a device that no IOMMU translates for.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::{Coherent, DmaBuffer, Physical, SharedMapping, Source};
use crate::DeviceError;

/// Bit 63 of a page's entry: it is in memory. Bits 0 to 54 are its frame then.
/// (`Documentation/admin-guide/mm/pagemap.rst`)
const PRESENT: u64 = 1 << 63;
const FRAME: u64 = (1 << 55) - 1;

/// Huge pages, as long as there are free ones.
pub(crate) struct HugePages {
    pagemap: File,
    /// Logarithms of the sizes there are, the next last.
    sizes: Vec<u8>,
    /// Bytes of an ordinary page.
    page: u64,
}

impl HugePages {
    /// Pages of these sizes, given as logarithms, the smallest first. `proc` is where the process file system is mounted,
    /// `page` the size of the host's pages.
    ///
    /// # Errors
    /// The kernel does not let this process see where its pages are.
    pub fn new(proc: &Path, mut sizes: Vec<u8>, page: u64) -> Result<Self, DeviceError> {
        sizes.sort_unstable_by_key(|bits| std::cmp::Reverse(*bits));
        let path = proc.join("self/pagemap");
        let system = |source| DeviceError::System { call: "open", target: path.display().to_string(), source };
        Ok(Self { pagemap: File::open(&path).map_err(system)?, sizes, page })
    }

    /// The physical address of a mapping's first byte.
    fn locate(&self, memory: &SharedMapping) -> io::Result<u64> {
        let mut entry = [0; 8];
        self.pagemap.read_exact_at(&mut entry, entry_offset(memory.address() as u64, self.page))?;
        physical(u64::from_ne_bytes(entry), self.page)
    }
}

impl Source<Coherent, Physical> for HugePages {
    fn next(&mut self) -> Result<Option<DmaBuffer<Coherent, Physical>>, DeviceError> {
        while let Some(&bits) = self.sizes.last() {
            let system = |call, target| move |source| DeviceError::System { call, target, source };
            let memory = match SharedMapping::huge(1 << bits, bits) {
                Ok(memory) => memory,
                Err(error) if error.raw_os_error() == Some(rustix::io::Errno::NOMEM.raw_os_error()) => {
                    self.sizes.pop();
                    continue;
                }
                Err(error) => {
                    return Err(system("mmap", format!("a huge page of {} KiB", (1u64 << bits) >> 10))(error));
                }
            };
            let address = self.locate(&memory).map_err(system("read", "/proc/self/pagemap".to_owned()))?;
            return Ok(Some(DmaBuffer::new(memory, address, Coherent, Physical)));
        }
        Ok(None)
    }
}

/// Where the entry of a virtual address is in the page map.
const fn entry_offset(address: u64, page: u64) -> u64 {
    address / page * 8
}

/// The physical address in an entry.
fn physical(entry: u64, page: u64) -> io::Result<u64> {
    if entry & PRESENT == 0 {
        return Err(io::Error::other("a page that was just written is not in memory"));
    }
    match entry & FRAME {
        // The kernel's answer to those who may not know (Linux 4.2 and later).
        0 => Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "physical addresses are hidden from this process; give it CAP_SYS_ADMIN, or bind the card to vfio-pci",
        )),
        frame => Ok(frame * page),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_frames_of_the_hosts_pages() {
        for page in [4 << 10, 16 << 10, 64 << 10] {
            assert_eq!(physical(PRESENT | 1 << 61 | 0x1234, page).unwrap(), 0x1234 * page);
            assert_eq!(physical(PRESENT | FRAME >> 10, page).unwrap(), (FRAME >> 10) * page);
            assert_eq!(entry_offset(5 * page + 17, page), 40);
        }
        assert_eq!(physical(PRESENT, 4096).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        assert_eq!(physical(0x1234, 4096).unwrap_err().to_string(), "a page that was just written is not in memory");
    }

    #[test]
    fn without_free_pages_there_is_none() {
        let proc = tempfile::tempdir().unwrap();
        assert!(matches!(HugePages::new(proc.path(), vec![21], 4096), Err(DeviceError::System { call: "open", .. })));
        std::fs::create_dir(proc.path().join("self")).unwrap();
        File::create(proc.path().join("self/pagemap")).unwrap();
        assert!(HugePages::new(proc.path(), vec![], 4096).unwrap().next().unwrap().is_none());
    }
}
