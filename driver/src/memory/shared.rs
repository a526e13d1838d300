//! [`SharedMapping`]: a mapped file range and volatile copies.

#![allow(unsafe_code, reason = "volatile accesses to mapped memory")]

use std::io;
use std::os::fd::AsRawFd;
use std::sync::atomic::{Ordering, fence};

use memmap2::{Advice, MmapOptions, MmapRaw};

/// An access that leaves its mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{bytes} bytes at offset {offset:#x} leave a mapping of {size:#x} bytes")]
pub struct OutOfRange {
    /// First byte.
    pub offset: u64,
    /// Length.
    pub bytes: u64,
    /// The mapping's size.
    pub size: u64,
}

/// A range of a file, of a device's BAR or of anonymous memory, shared with a device or another process.
///
/// Each copy is bounded and made of volatile accesses of 8, 4 or 1 bytes, the widest that alignment allows; two sides
/// that copy at the same time may see each other's bytes half-written, never anything else. Order between copies and
/// register accesses is program order: a write is complete before a later write of a register
/// ([`SharedMapping::write_u32`] has a barrier before it), a read happens after an earlier read of one.
#[derive(Debug)]
pub struct SharedMapping {
    map: MmapRaw,
}

impl SharedMapping {
    /// Maps `bytes` bytes of a file, shared, to be read and written. `offset` is a multiple of the page size.
    ///
    /// # Errors
    /// Those of `mmap`.
    pub fn of_file(file: &impl AsRawFd, offset: u64, bytes: usize) -> io::Result<Self> {
        Ok(Self { map: MmapOptions::new().offset(offset).len(bytes).map_raw(file)? })
    }

    /// Zeroed memory of this process alone, `bytes` bytes, a multiple of the page size. It is populated at once.
    ///
    /// # Errors
    /// Those of `mmap`.
    pub fn anonymous(bytes: usize) -> io::Result<Self> {
        if cfg!(miri) {
            // Which knows neither populating nor advice.
            return Ok(Self { map: MmapOptions::new().len(bytes).map_anon()?.into() });
        }
        Self::private(MmapOptions::new().len(bytes).populate())
    }

    /// As [`SharedMapping::anonymous`], made of huge pages of `1 << page_bits` bytes, of which `bytes` is a multiple.
    ///
    /// # Errors
    /// Those of `mmap`: ENOMEM where no huge page is free.
    pub fn huge(bytes: usize, page_bits: u8) -> io::Result<Self> {
        Self::private(MmapOptions::new().len(bytes).huge(Some(page_bits)).populate())
    }

    /// A child of this process does not get it: while one shared the pages, writing to them would give this process
    /// new ones, and the device would go on with the old.
    fn private(options: &MmapOptions) -> io::Result<Self> {
        let map: MmapRaw = options.map_anon()?.into();
        map.advise(Advice::DontFork)?;
        Ok(Self { map })
    }

    /// Bytes.
    pub fn size(&self) -> usize {
        self.map.len()
    }

    /// Where it is mapped, for a system call that pins or maps it for a device.
    pub fn address(&self) -> *mut u8 {
        self.map.as_mut_ptr()
    }

    /// Copies bytes out.
    ///
    /// # Errors
    /// The range is not inside.
    pub fn read(&self, offset: u64, to: &mut [u8]) -> Result<(), OutOfRange> {
        let at = self.check(offset, to.len())?;
        let (head, words, tail) = split(self.map.as_ptr() as usize + at, to.len());
        let (first, rest) = to.split_at_mut(head);
        let (middle, last) = rest.split_at_mut(8 * words);
        self.read_bytes(at, first);
        for (i, word) in middle.chunks_exact_mut(8).enumerate() {
            // SAFETY: `check` and `split` put the 8 bytes inside the mapping, on a multiple of 8; the mapping lives as
            // long as self, and a volatile read needs no more than that of memory that others write.
            let value = unsafe { self.at(at + head + 8 * i).cast::<u64>().read_volatile() };
            word.copy_from_slice(&value.to_ne_bytes());
        }
        self.read_bytes(at + head + 8 * words, &mut last[..tail]);
        fence(Ordering::Acquire);
        Ok(())
    }

    /// Copies bytes in.
    ///
    /// # Errors
    /// The range is not inside.
    pub fn write(&self, offset: u64, from: &[u8]) -> Result<(), OutOfRange> {
        let at = self.check(offset, from.len())?;
        let (head, words, _) = split(self.map.as_ptr() as usize + at, from.len());
        let (first, rest) = from.split_at(head);
        let (middle, last) = rest.split_at(8 * words);
        self.write_bytes(at, first);
        let (middle, _) = middle.as_chunks::<8>();
        for (i, word) in middle.iter().enumerate() {
            let value = u64::from_ne_bytes(*word);
            // SAFETY: as in `read`.
            unsafe { self.at(at + head + 8 * i).cast::<u64>().write_volatile(value) }
        }
        self.write_bytes(at + head + 8 * words, last);
        fence(Ordering::Release);
        Ok(())
    }

    /// Reads a 32-bit register in one access, little-endian.
    ///
    /// # Errors
    /// The offset is not inside or no multiple of 4.
    pub fn read_u32(&self, offset: u64) -> Result<u32, OutOfRange> {
        let at = self.check_u32(offset)?;
        // SAFETY: inside and on a multiple of 4; else as in `read`.
        let value = unsafe { self.at(at).cast::<u32>().read_volatile() };
        barrier();
        Ok(u32::from_le(value))
    }

    /// Writes a 32-bit register in one access, little-endian, after everything written before.
    ///
    /// # Errors
    /// The offset is not inside or no multiple of 4.
    pub fn write_u32(&self, offset: u64, value: u32) -> Result<(), OutOfRange> {
        let at = self.check_u32(offset)?;
        barrier();
        // SAFETY: inside and on a multiple of 4; else as in `read`.
        unsafe { self.at(at).cast::<u32>().write_volatile(value.to_le()) }
        Ok(())
    }

    /// The address of an offset, which the caller has checked.
    fn at(&self, offset: usize) -> *mut u8 {
        self.map.as_mut_ptr().wrapping_add(offset)
    }

    fn read_bytes(&self, at: usize, to: &mut [u8]) {
        for (i, byte) in to.iter_mut().enumerate() {
            // SAFETY: the caller checked the range; else as in `read`.
            *byte = unsafe { self.at(at + i).read_volatile() };
        }
    }

    fn write_bytes(&self, at: usize, from: &[u8]) {
        for (i, byte) in from.iter().enumerate() {
            // SAFETY: the caller checked the range; else as in `read`.
            unsafe { self.at(at + i).write_volatile(*byte) }
        }
    }

    fn check(&self, offset: u64, bytes: usize) -> Result<usize, OutOfRange> {
        let size = self.size() as u64;
        inside(offset, bytes as u64, size).ok_or(OutOfRange { offset, bytes: bytes as u64, size })
    }

    /// The start of a mapping is a multiple of the page size, so the offset decides.
    fn check_u32(&self, offset: u64) -> Result<usize, OutOfRange> {
        let at = self.check(offset, 4)?;
        let size = self.size() as u64;
        if at.is_multiple_of(4) { Ok(at) } else { Err(OutOfRange { offset, bytes: 4, size }) }
    }
}

/// Keeps accesses to memory on their side of an access to a register, as a device sees them, which on ARM is in another
/// domain than the processors: their own fences do not reach it.
fn barrier() {
    #[cfg(target_arch = "aarch64")]
    // SAFETY: a barrier changes neither registers nor memory.
    unsafe {
        std::arch::asm!("dmb osh", options(nostack, preserves_flags));
    }
    #[cfg(not(target_arch = "aarch64"))]
    fence(Ordering::SeqCst);
}

/// A range of a file that is only looked at: the kernel maps it without the right to write, so that nothing in this process
/// can change what it shows.
#[derive(Debug)]
pub struct ReadOnlyMapping(SharedMapping);

impl ReadOnlyMapping {
    /// Maps `bytes` bytes of a file, shared, to be read. `offset` is a multiple of the page size.
    ///
    /// # Errors
    /// Those of `mmap`.
    pub fn of_file(file: &impl AsRawFd, offset: u64, bytes: usize) -> io::Result<Self> {
        Ok(Self(SharedMapping { map: MmapOptions::new().offset(offset).len(bytes).map_raw_read_only(file)? }))
    }

    /// As [`SharedMapping::read_u32`].
    ///
    /// # Errors
    /// As there.
    pub fn read_u32(&self, offset: u64) -> Result<u32, OutOfRange> {
        self.0.read_u32(offset)
    }
}

/// The offset, if the range is inside `size` bytes.
fn inside(offset: u64, bytes: u64, size: u64) -> Option<usize> {
    let end = offset.checked_add(bytes)?;
    if end <= size { usize::try_from(offset).ok() } else { None }
}

/// How many single bytes, words of 8 and again single bytes a copy of `bytes` bytes at `address` is made of.
const fn split(address: usize, bytes: usize) -> (usize, usize, usize) {
    let to_word = address.wrapping_neg() % 8;
    let head = if to_word < bytes { to_word } else { bytes };
    (head, (bytes - head) / 8, (bytes - head) % 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_exact_at_every_alignment() {
        let map = SharedMapping::anonymous(4096).unwrap();
        for offset in 0..17 {
            for length in 0..40usize {
                let bytes: Vec<u8> = (0..length).map(|i| (i * 7 + offset + 1) as u8).collect();
                map.write(0, &[0xee; 80]).unwrap();
                map.write(offset as u64, &bytes).unwrap();
                let mut all = [0; 80];
                map.read(0, &mut all).unwrap();
                let (before, rest) = all.split_at(offset);
                let (copied, after) = rest.split_at(length);
                assert_eq!(copied, bytes);
                assert!(before.iter().chain(after).all(|b| *b == 0xee), "offset {offset} length {length}");
                let mut back = vec![0; length];
                map.read(offset as u64, &mut back).unwrap();
                assert_eq!(back, bytes);
            }
        }
    }

    #[test]
    fn what_leaves_the_mapping_is_refused() {
        let map = SharedMapping::anonymous(4096).unwrap();
        for (offset, bytes) in [(4096, 1), (4090, 7), (u64::MAX, 1), (u64::MAX, 0), (1 << 63, 8)] {
            let refused = OutOfRange { offset, bytes, size: 4096 };
            assert_eq!(map.read(offset, &mut vec![0; bytes as usize]), Err(refused));
            assert_eq!(map.write(offset, &vec![0; bytes as usize]), Err(refused));
        }
        map.read(4096, &mut []).unwrap();
        for offset in [1, 2, 4093, 4096, u64::MAX] {
            assert!(map.read_u32(offset).is_err() && map.write_u32(offset, 0).is_err(), "{offset}");
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri maps no files")]
    fn registers_are_little_endian_words_of_the_file() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(8192).unwrap();
        let (a, b) = (SharedMapping::of_file(&file, 4096, 4096), SharedMapping::of_file(&file, 0, 8192));
        let (a, b) = (a.unwrap(), b.unwrap());
        a.write_u32(8, 0x1234_5678).unwrap();
        let mut bytes = [0; 4];
        b.read(4096 + 8, &mut bytes).unwrap();
        assert_eq!(bytes, [0x78, 0x56, 0x34, 0x12]);
        assert_eq!(b.read_u32(4104), Ok(0x1234_5678));
        let c = ReadOnlyMapping::of_file(&file, 4096, 4096).unwrap();
        assert_eq!(c.read_u32(8), Ok(0x1234_5678));
        assert!(c.read_u32(4096).is_err());
    }
}
