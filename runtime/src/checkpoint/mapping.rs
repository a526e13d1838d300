//! A read-only memory mapping of a file: the one place of this crate with `unsafe`.
#![allow(unsafe_code)] // memmap2's constructor; the argument stands at the block.

use std::fs::File;
use std::ops::Deref;
use std::path::Path;

use super::error::Result;
use super::files::io;

/// The bytes of a file, mapped privately and read-only.
///
/// The kernel does not promise that nobody else changes the file meanwhile: a writer could change bytes under a reader,
/// and a shortened file raises SIGBUS. The mapping is therefore never handed out: the loader copies every weight out
/// of it, checks the copy, and unmaps. What was checked can then no longer change.
pub(crate) struct MappedFile(memmap2::Mmap);

impl MappedFile {
    /// Maps the whole file. An empty file gives an empty slice.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(io(path))?;
        // SAFETY: the mapping is read-only and lives only inside the loader, which reads each byte into owned memory and
        // validates that; a concurrent writer can give a wrong weight (checked) or SIGBUS, as with any mapped
        // checkpoint, and the documentation of `Checkpoint::open` asks that the file is not changed meanwhile.
        let map = unsafe { memmap2::Mmap::map(&file) }.map_err(io(path))?;
        Ok(Self(map))
    }
}

impl Deref for MappedFile {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}
