//! [`DmaBuffer`]: mapped memory with the device's address for it.

use std::io;

use super::{SharedMapping, outside};
use crate::DeviceError;

/// How host and device see what the other wrote.
pub(crate) trait Sharing: Send {
    /// Before the device may read what the host wrote.
    fn to_device(&self, offset: u64, bytes: u64) -> io::Result<()>;
    /// Before the host may read what the device wrote.
    fn to_host(&self, offset: u64, bytes: u64) -> io::Result<()>;
}

/// Each sees at once what the other wrote: the hardware keeps caches coherent, or none is in between.
#[derive(Debug)]
pub(crate) struct Coherent;

impl Sharing for Coherent {
    fn to_device(&self, _: u64, _: u64) -> io::Result<()> {
        Ok(())
    }

    fn to_host(&self, _: u64, _: u64) -> io::Result<()> {
        Ok(())
    }
}

/// The address is that of physical memory, without translation: a device with a defect reaches everything else as well.
#[derive(Debug)]
pub(crate) struct Physical;

/// The address is one of the card's own bus, where its own memory is.
#[derive(Debug)]
pub(crate) struct Local;

/// Memory that a device reaches.
///
/// `A` says where the address comes from, and undoes it when it is dropped, which is before the memory goes away. `S`
/// says what is necessary between an access of the host and one of the device.
#[derive(Debug)]
pub(crate) struct DmaBuffer<S, A> {
    _addressing: A,
    mapping: SharedMapping,
    address: u64,
    sharing: S,
}

impl<S: Sharing, A> DmaBuffer<S, A> {
    /// A mapping that the device reaches at `address`.
    pub fn new(mapping: SharedMapping, address: u64, sharing: S, addressing: A) -> Self {
        Self { _addressing: addressing, mapping, address, sharing }
    }

    /// The device's address of the first byte.
    pub fn address(&self) -> u64 {
        self.address
    }

    /// Bytes.
    pub fn size(&self) -> u64 {
        self.mapping.size() as u64
    }

    /// Copies host bytes in.
    ///
    /// # Errors
    /// The range is not inside; the kernel does not sync.
    pub fn copy_to(&self, offset: u64, bytes: &[u8]) -> Result<(), DeviceError> {
        let range = |_| outside(self.address.wrapping_add(offset), bytes.len());
        // What shares its cache lines with these bytes must be fresh, since it is written back with them.
        self.sharing.to_host(offset, bytes.len() as u64).map_err(sync)?;
        self.mapping.write(offset, bytes).map_err(range)?;
        self.sharing.to_device(offset, bytes.len() as u64).map_err(sync)
    }

    /// Copies bytes out.
    ///
    /// # Errors
    /// As [`DmaBuffer::copy_to`].
    pub fn copy_from(&self, offset: u64, bytes: &mut [u8]) -> Result<(), DeviceError> {
        let length = bytes.len();
        self.sharing.to_host(offset, length as u64).map_err(sync)?;
        self.mapping.read(offset, bytes).map_err(|_| outside(self.address.wrapping_add(offset), length))
    }

    /// Writes zeros.
    ///
    /// # Errors
    /// As [`DmaBuffer::copy_to`].
    pub fn clear(&self, offset: u64, bytes: u64) -> Result<(), DeviceError> {
        const ZEROS: &[u8] = &[0; 4096];
        for done in (0..bytes).step_by(ZEROS.len()) {
            let left = (bytes - done).min(ZEROS.len() as u64);
            self.copy_to(offset + done, &ZEROS[..left as usize])?;
        }
        Ok(())
    }
}

fn sync(source: io::Error) -> DeviceError {
    DeviceError::System { call: "write", target: "the sync files of a DMA buffer".to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_stay_inside_and_clearing_is_exact() {
        let buffer = DmaBuffer::new(SharedMapping::anonymous(16384).unwrap(), 1 << 40, Coherent, Physical);
        buffer.copy_to(0, &[7; 16384]).unwrap();
        buffer.clear(100, 9000).unwrap();
        let mut bytes = vec![1; 16384];
        buffer.copy_from(0, &mut bytes).unwrap();
        assert!(bytes.iter().enumerate().all(|(i, b)| *b == if (100..9100).contains(&i) { 0 } else { 7 }));
        for result in [buffer.copy_to(16380, &[0; 5]), buffer.copy_from(16384, &mut [0]), buffer.clear(u64::MAX, 1)] {
            assert!(matches!(result, Err(DeviceError::MemoryRange { .. })));
        }
    }
}
