//! Mapping a window of registers or memory that need not begin or end at a page.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;
use systole_isa::register::WINDOW_BYTES;

use super::error::{TransportError, opening, system};
use crate::memory::{ReadOnlyMapping, SharedMapping};

/// Which pages of a file hold a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pages {
    /// First byte mapped.
    pub offset: u64,
    /// Bytes mapped.
    pub bytes: u64,
    /// Where the window begins in what is mapped.
    pub inner: u64,
}

/// The pages of a window of `bytes` bytes at `start`, which must not wrap around.
pub(super) fn pages(start: u64, bytes: u64, page: u64) -> Option<Pages> {
    let offset = start / page * page;
    let end = start.checked_add(bytes)?.checked_next_multiple_of(page)?;
    Some(Pages { offset, bytes: end - offset, inner: start - offset })
}

/// Maps bytes of a file, to be read and written. With `uncached`, accesses go past the CPU's caches where the file decides
/// that, as `/dev/mem` does.
pub(super) fn map(path: &Path, pages: Pages, uncached: bool) -> Result<SharedMapping, TransportError> {
    mapped(path, pages, uncached, true, SharedMapping::of_file)
}

/// As [`map`], to be read only: neither file nor mapping can be written.
pub(super) fn watch(path: &Path, pages: Pages, uncached: bool) -> Result<ReadOnlyMapping, TransportError> {
    mapped(path, pages, uncached, false, ReadOnlyMapping::of_file)
}

fn mapped<M>(
    path: &Path,
    pages: Pages,
    uncached: bool,
    write: bool,
    map: impl FnOnce(&File, u64, usize) -> io::Result<M>,
) -> Result<M, TransportError> {
    let flags = if uncached { OFlags::SYNC } else { OFlags::empty() };
    let mut options = OpenOptions::new();
    let file = options.read(true).write(write).custom_flags(flags.bits() as i32).open(path).map_err(opening(path))?;
    let bytes = usize::try_from(pages.bytes).map_err(io::Error::other);
    let mapping = bytes.and_then(|bytes| map(&file, pages.offset, bytes));
    let target = format!("{:#x} bytes at {:#x} of {}", pages.bytes, pages.offset, path.display());
    Ok(mapping.map_err(system("mmap", target))?)
}

/// The window's size, as an error tells of one that is smaller.
pub(super) fn too_small(location: &str, what: &str, bytes: u64) -> TransportError {
    let found = format!("{what} has {bytes} bytes and not {WINDOW_BYTES}");
    TransportError::NoWindow { location: location.to_owned(), found }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_found_in_whole_pages() {
        for page in [4 << 10, 16 << 10, 64 << 10] {
            assert_eq!(pages(0, 4096, page), Some(Pages { offset: 0, bytes: page, inner: 0 }));
            let at = 0x4_0000_0000 + page;
            assert_eq!(pages(at, page + 1, page), Some(Pages { offset: at, bytes: 2 * page, inner: 0 }));
            assert_eq!(pages(at + 0x100, page, page), Some(Pages { offset: at, bytes: 2 * page, inner: 0x100 }));
            assert_eq!(pages(u64::MAX - 5, 4096, page), None);
            assert_eq!(pages(u64::MAX - 5, 1, page), None);
        }
        assert_eq!(pages(0xfea0_3000, 4096, 65536), Some(Pages { offset: 0xfea0_0000, bytes: 65536, inner: 0x3000 }));
    }
}
