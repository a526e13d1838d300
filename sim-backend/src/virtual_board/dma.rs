//! The host's memory that the card may reach: what the host mapped, on the card's bus while bus mastering is enabled.

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::Arc;

use rustix::io::Errno;
use systole_driver::bus::{BusMaster, WINDOW_ALIGN, Window};
use systole_driver::memory::SharedMapping;
use systole_isa::pci::LOCAL_MEMORY_BASE;

/// Most mappings at a time. The system allows a process some 65,000 in all (`vm.max_map_count`).
pub(super) const MAX_MAPPINGS: usize = 32_768;

/// A range that the host asks to be mapped.
#[derive(Debug)]
pub(super) struct Range {
    /// First address on the card's bus.
    pub address: u64,
    /// Length.
    pub bytes: u64,
    /// The card may read it.
    pub readable: bool,
    /// The card may write it.
    pub writable: bool,
}

impl Range {
    /// The address behind the range, if the range is one: not empty, whole pages, below the card's own memory.
    fn end(&self) -> Result<u64, Errno> {
        let whole = self.address.is_multiple_of(WINDOW_ALIGN) && self.bytes.is_multiple_of(WINDOW_ALIGN);
        let end = self.address.checked_add(self.bytes).filter(|end| *end <= LOCAL_MEMORY_BASE);
        end.filter(|_| whole && self.bytes > 0).ok_or(Errno::INVAL)
    }
}

/// What is mapped, by address.
#[derive(Debug, Default)]
pub(super) struct Dma {
    windows: BTreeMap<u64, Window>,
    mastering: bool,
}

impl Dma {
    /// Maps a range of a file.
    ///
    /// # Errors
    /// `EINVAL`: no range of whole pages, or the file ends before it; `EEXIST`: part of it is mapped; `ENOSPC`: too many
    /// mappings; `EACCES` and others: the file cannot be mapped.
    pub fn map(&mut self, device: &mut dyn BusMaster, range: &Range, file: &File, offset: u64) -> Result<(), Errno> {
        let end = range.end()?;
        let before = self.windows.range(..end).next_back();
        if before.is_some_and(|(base, window)| base + window.bytes() > range.address) {
            return Err(Errno::EXIST);
        }
        if self.windows.len() >= MAX_MAPPINGS {
            return Err(Errno::NOSPC);
        }
        // Access behind a file's end is a signal that ends the process.
        let about = file.metadata().map_err(errno)?;
        let inside = offset.checked_add(range.bytes).is_some_and(|end| end <= about.len());
        if !about.is_file() || !inside || !offset.is_multiple_of(WINDOW_ALIGN) {
            return Err(Errno::INVAL);
        }
        let bytes = usize::try_from(range.bytes).map_err(|_| Errno::INVAL)?;
        let memory = Arc::new(SharedMapping::of_file(file, offset, bytes).map_err(errno)?);
        let window = Window { memory, readable: range.readable, writable: range.writable };
        if self.mastering {
            device.map(range.address, window.clone());
        }
        self.windows.insert(range.address, window);
        Ok(())
    }

    /// Takes away all mappings inside a range, be there any or not.
    ///
    /// # Errors
    /// `EINVAL`: it is no range, or would cut a mapping in two.
    pub fn unmap(&mut self, device: &mut dyn BusMaster, address: u64, bytes: u64) -> Result<(), Errno> {
        let end = address.checked_add(bytes).ok_or(Errno::INVAL)?;
        let cut = |(base, window): (&u64, &Window), at: u64| *base < at && at < base + window.bytes();
        if [address, end].iter().any(|at| self.windows.range(..at).next_back().is_some_and(|w| cut(w, *at))) {
            return Err(Errno::INVAL);
        }
        let inside: Vec<u64> = self.windows.range(address..end).map(|(base, _)| *base).collect();
        for base in inside {
            device.unmap(base);
            self.windows.remove(&base);
        }
        Ok(())
    }

    /// Takes everything away.
    pub fn clear(&mut self, device: &mut dyn BusMaster) {
        std::mem::take(&mut self.windows).into_keys().for_each(|base| device.unmap(base));
    }

    /// Takes the command register's bit: without it the card reaches nothing.
    pub fn enable(&mut self, device: &mut dyn BusMaster, mastering: bool) {
        if mastering == std::mem::replace(&mut self.mastering, mastering) {
            return;
        }
        for (base, window) in &self.windows {
            if mastering { device.map(*base, window.clone()) } else { device.unmap(*base) }
        }
    }
}

/// The system's own word for what went wrong.
pub(super) fn errno(error: std::io::Error) -> Errno {
    Errno::from_io_error(&error).unwrap_or(Errno::IO)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Simulator;
    use rustix::fs::{MemfdFlags, memfd_create};
    use systole_driver::Device;
    use systole_isa::config::N8;

    const PAGE: u64 = 4096;

    fn file(bytes: u64) -> File {
        let file = File::from(memfd_create("test", MemfdFlags::CLOEXEC).unwrap());
        file.set_len(bytes).unwrap();
        file
    }

    fn range(address: u64, bytes: u64) -> Range {
        Range { address, bytes, readable: true, writable: true }
    }

    #[test]
    fn a_mapping_is_reachable_while_the_card_masters_the_bus() {
        let (mut device, mut dma, file) = (Simulator::new(&N8), Dma::default(), file(2 * PAGE));
        dma.map(&mut device, &range(PAGE, 2 * PAGE), &file, 0).unwrap();
        assert!(device.copy_to(PAGE, &[1]).is_err());
        dma.enable(&mut device, true);
        device.copy_to(2 * PAGE, &[1]).unwrap();
        dma.enable(&mut device, true);
        dma.enable(&mut device, false);
        assert!(device.copy_to(PAGE, &[1]).is_err());
        dma.enable(&mut device, true);
        dma.unmap(&mut device, 0, 1 << 40).unwrap();
        assert!(device.copy_to(PAGE, &[1]).is_err());
    }

    #[test]
    fn what_is_no_mapping_is_refused() {
        let (mut device, mut dma, file) = (Simulator::new(&N8), Dma::default(), file(4 * PAGE));
        let mut map = |address, bytes, offset| dma.map(&mut device, &range(address, bytes), &file, offset);
        for (address, bytes, offset) in [
            (0, 0, 0),
            (1, PAGE, 0),
            (0, PAGE + 1, 0),
            (0, PAGE, 1),
            (0, 5 * PAGE, 0),
            (0, PAGE, 4 * PAGE),
            (0, PAGE, !(PAGE - 1)),
            (0u64.wrapping_sub(PAGE), PAGE, 0),
            (LOCAL_MEMORY_BASE - PAGE, 2 * PAGE, 0),
            (0, 1 << 51, 0),
        ] {
            assert_eq!(map(address, bytes, offset), Err(Errno::INVAL), "{address:#x} {bytes:#x} {offset:#x}");
        }
        map(4 * PAGE, 2 * PAGE, 0).unwrap();
        for (address, bytes) in [(4, 2), (4, 1), (5, 1), (5, 2), (3, 2), (3, 4)] {
            assert_eq!(map(address * PAGE, bytes * PAGE, 0), Err(Errno::EXIST), "{address} {bytes}");
        }
        map(3 * PAGE, PAGE, 0).unwrap();
        map(6 * PAGE, PAGE, 3 * PAGE).unwrap();
        let no_file = File::open("/dev/null").unwrap();
        assert_eq!(dma.map(&mut device, &range(0, PAGE), &no_file, 0), Err(Errno::INVAL));
    }

    #[test]
    fn mappings_are_taken_away_whole() {
        let (mut device, mut dma, file) = (Simulator::new(&N8), Dma::default(), file(4 * PAGE));
        dma.enable(&mut device, true);
        for base in [0, 2, 6] {
            dma.map(&mut device, &range(base * PAGE, 2 * PAGE), &file, 0).unwrap();
        }
        for (address, bytes) in [(0, PAGE), (PAGE, PAGE), (PAGE, 4 * PAGE), (5 * PAGE, 2 * PAGE), (PAGE, u64::MAX)] {
            assert_eq!(dma.unmap(&mut device, address, bytes), Err(Errno::INVAL), "{address:#x}");
        }
        dma.unmap(&mut device, 4 * PAGE, 2 * PAGE).unwrap();
        device.copy_to(2 * PAGE - 1, &[1, 2]).unwrap();
        dma.unmap(&mut device, 2 * PAGE, 3 * PAGE).unwrap();
        assert!(device.copy_to(2 * PAGE, &[1]).is_err());
        device.copy_to(7 * PAGE, &[1]).unwrap();
        dma.clear(&mut device);
        assert!(device.copy_to(7 * PAGE, &[1]).is_err() && device.copy_to(0, &[1]).is_err());
    }
}
