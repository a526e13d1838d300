//! Reading a board's registers beside the process that owns it.
//!
//! A second mapping of the register window needs no lock and changes nothing: it only reads, and no register of the
//! contract has an effect when it is read (CYCLE_LO latches CYCLE_HI, no more). VFIO gives a card's files to one process
//! alone, so a card's window is mapped from sysfs whatever holds it; some kernels refuse that (CONFIG_IO_STRICT_DEVMEM).

use std::fs::OpenOptions;
use std::path::Path;
use std::time::Duration;

use anyhow::anyhow;
use systole_driver::memory::SharedMapping;
use systole_driver::transport::{Kernel, Location, Place};
use systole_driver::{Device, DeviceError};
use systole_isa::register::WINDOW_BYTES;

/// The registers of a board, to be read only.
#[derive(Debug)]
pub struct Watched {
    mapping: SharedMapping,
    base: u64,
    location: String,
}

impl Watched {
    /// Maps the window of a board.
    pub fn open(kernel: &Kernel, location: &Location) -> anyhow::Result<Self> {
        let page = 1 << 16;
        let (path, start) = match location.place {
            Place::Pci(address) => (kernel.sys.join(format!("bus/pci/devices/{address}/resource0")), 0),
            Place::Uio(number) => (kernel.dev.join(format!("uio{number}")), uio_offset(kernel, number)),
            Place::Mem(base) => (kernel.dev.join("mem"), base),
        };
        let (offset, base) = (start / page * page, start % page);
        let mapping = map(&path, offset, base + u64::from(WINDOW_BYTES)).map_err(|e| {
            anyhow!("cannot look at {location} through {}: {e}; `systole doctor` says what is missing", path.display())
        })?;
        Ok(Self { mapping, base, location: location.to_string() })
    }

    fn refused(&self, what: &'static str) -> DeviceError {
        let instead = "open the device to change it";
        DeviceError::Unsupported { what, device: format!("{}, which is only watched", self.location), instead }
    }
}

/// A card's UIO device has no maps of its own, and its window begins at 0; that of a part of the chip may begin inside
/// a page.
fn uio_offset(kernel: &Kernel, number: u32) -> u64 {
    let path = kernel.sys.join(format!("class/uio/uio{number}/maps/map0/offset"));
    let text = std::fs::read_to_string(path).unwrap_or_default();
    u64::from_str_radix(text.trim().trim_start_matches("0x"), 16).unwrap_or(0)
}

fn map(path: &Path, offset: u64, bytes: u64) -> std::io::Result<SharedMapping> {
    // Mapping shared memory takes a file that may be written, although nothing is.
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    SharedMapping::of_file(&file, offset, usize::try_from(bytes).map_err(std::io::Error::other)?)
}

impl Device for Watched {
    fn read(&mut self, offset: u32) -> Result<u32, DeviceError> {
        let outside = DeviceError::RegisterOffset { offset };
        if offset >= WINDOW_BYTES {
            return Err(outside);
        }
        self.mapping.read_u32(self.base + u64::from(offset)).map_err(|_| outside)
    }

    fn write(&mut self, _offset: u32, _value: u32) -> Result<(), DeviceError> {
        Err(self.refused("writing a register"))
    }

    fn allocate(&mut self, _bytes: u64) -> Result<u64, DeviceError> {
        Err(self.refused("memory"))
    }

    fn release(&mut self, _address: u64) -> Result<(), DeviceError> {
        Err(self.refused("memory"))
    }

    fn copy_to(&mut self, _address: u64, _bytes: &[u8]) -> Result<(), DeviceError> {
        Err(self.refused("memory"))
    }

    fn copy_from(&mut self, _address: u64, _bytes: &mut [u8]) -> Result<(), DeviceError> {
        Err(self.refused("memory"))
    }

    fn wait_interrupt(&mut self, _timeout: Duration) -> Result<bool, DeviceError> {
        Err(self.refused("waiting for the interrupt"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use systole_driver::RegisterAccess;
    use systole_isa::register::{MAGIC, MAGIC_VALUE};

    /// A machine of files, with one card whose window is a file too.
    #[test]
    fn a_window_is_read_and_never_written() {
        let root = tempfile::tempdir().unwrap();
        let card = root.path().join("sys/bus/pci/devices/0000:00:04.0");
        std::fs::create_dir_all(&card).unwrap();
        let mut window = vec![0; 4096];
        window[..4].copy_from_slice(&MAGIC_VALUE.to_le_bytes());
        std::fs::write(card.join("resource0"), &window).unwrap();
        let kernel = Kernel::under(root.path());
        let mut watched = Watched::open(&kernel, &"pci:0000:00:04.0".parse().unwrap()).unwrap();
        assert_eq!(watched.get(MAGIC).unwrap(), MAGIC_VALUE);
        assert!(matches!(watched.write(0x54, 1), Err(DeviceError::Unsupported { .. })));
        assert!(matches!(watched.read(4096), Err(DeviceError::RegisterOffset { .. })));
        assert_eq!(std::fs::read(card.join("resource0")).unwrap(), window);
        let missing = Watched::open(&kernel, &"uio:3".parse().unwrap()).unwrap_err().to_string();
        assert!(missing.starts_with("cannot look at uio:3 through "), "{missing}");
    }
}
