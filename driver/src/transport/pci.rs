//! A PCI function as sysfs shows it, and its configuration space.
//!
//! Offsets and bits of the configuration space are those of the PCI Local Bus Specification 3.0, section 6.2.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use systole_isa::pci;

use super::PciAddress;
use super::error::{TransportError, opening, system};
use super::kernel::{self, Kernel};
use crate::DeviceError;

const COMMAND: u64 = 0x04;
/// Command bit: the function answers in its memory BARs.
pub(super) const MEMORY: u16 = 1 << 1;
/// Command bit: the function may read and write memory.
pub(super) const MASTER: u16 = 1 << 2;
/// Command bit: the function does not assert its interrupt pin. Bit 2 of byte 5.
pub(super) const INTX_DISABLE: u16 = 1 << 10;
/// Resource flag of the kernel (`linux/ioport.h`): memory, not I/O ports.
const RESOURCE_MEMORY: u64 = 0x200;

/// A function's configuration space in a file.
#[derive(Clone, Debug)]
pub(super) struct Config {
    file: Arc<File>,
    /// Where it begins.
    base: u64,
}

impl Config {
    /// The one that begins at `base`.
    pub fn new(file: Arc<File>, base: u64) -> Self {
        Self { file, base }
    }

    /// Sets bits of the command register, and clears others.
    pub fn command(&self, set: u16, clear: u16) -> io::Result<()> {
        let mut bytes = [0; 2];
        self.file.read_exact_at(&mut bytes, self.base + COMMAND)?;
        let command = u16::from_le_bytes(bytes);
        if command == u16::MAX {
            return Err(io::Error::new(
                io::ErrorKind::NotConnected,
                "the configuration space reads ones: the card is gone",
            ));
        }
        let wanted = (command | set) & !clear;
        if wanted != command {
            self.file.write_all_at(&wanted.to_le_bytes(), self.base + COMMAND)?;
        }
        Ok(())
    }
}

/// A BAR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bar {
    /// Physical address.
    pub address: u64,
    /// Bytes.
    pub bytes: u64,
}

/// A function.
#[derive(Clone, Debug)]
pub(super) struct Function {
    pub address: PciAddress,
    pub path: PathBuf,
}

impl Function {
    /// The function at this address, if the kernel has found one.
    pub fn find(kernel: &Kernel, address: PciAddress) -> Result<Self, TransportError> {
        let path = kernel.sys.join("bus/pci/devices").join(address.to_string());
        if !path.exists() {
            let path = path.display().to_string();
            return Err(TransportError::Missing { location: format!("pci:{address}"), path });
        }
        Ok(Self { address, path })
    }

    /// Every function there is.
    pub fn all(kernel: &Kernel) -> Vec<Self> {
        let directory = kernel.sys.join("bus/pci/devices");
        let names = kernel::entries(&directory).into_iter();
        names.filter_map(|name| Some(Self { address: name.parse().ok()?, path: directory.join(name) })).collect()
    }

    /// It has the IDs of our cards.
    pub fn is_ours(&self) -> bool {
        let id = |name| kernel::number(&self.path.join(name)).ok();
        id("vendor") == Some(pci::VENDOR_ID.into()) && id("device") == Some(pci::DEVICE_ID.into())
    }

    /// The driver that the kernel has bound to it.
    pub fn driver(&self) -> Option<String> {
        kernel::link_name(&self.path.join("driver"))
    }

    /// The number of its IOMMU group, if an IOMMU is between it and memory.
    pub fn iommu_group(&self) -> Option<String> {
        kernel::link_name(&self.path.join("iommu_group"))
    }

    /// The number of its UIO device, if it has one.
    pub fn uio(&self) -> Option<u32> {
        kernel::entries(&self.path.join("uio")).iter().find_map(|name| name.strip_prefix("uio")?.parse().ok())
    }

    /// A memory BAR, if the function has it and the kernel has given it an address.
    pub fn bar(&self, number: usize) -> Option<Bar> {
        bar(&kernel::text(&self.path.join("resource")).ok()?, number)
    }

    /// The file that shows a BAR.
    pub fn resource(&self, number: usize) -> PathBuf {
        self.path.join(format!("resource{number}"))
    }

    /// Whether one of its memory BARs holds this physical address.
    pub fn covers(&self, address: u64) -> bool {
        let inside = |bar: Bar| address.checked_sub(bar.address).is_some_and(|offset| offset < bar.bytes);
        (0..6).filter_map(|number| self.bar(number)).any(inside)
    }

    /// Its configuration space, to be read and written.
    pub fn config(&self) -> Result<Config, TransportError> {
        let path = self.path.join("config");
        let file = kernel::open(&path).map_err(opening(&path))?;
        Ok(Config::new(Arc::new(file), 0))
    }

    /// Switches it on, as a driver of the kernel would.
    pub fn enable(&self, on: bool) -> Result<(), DeviceError> {
        let path = self.path.join("enable");
        fs::write(&path, if on { "1" } else { "0" }).map_err(system("write", path.display().to_string()))
    }

    /// Resets it in whichever way the kernel knows.
    ///
    /// # Errors
    /// [`DeviceError::Unsupported`] if the kernel knows none.
    pub fn reset(&self) -> Result<(), DeviceError> {
        let path = self.path.join("reset");
        if !path.exists() {
            return Err(DeviceError::Unsupported {
                what: "a reset of the function",
                device: self.address.to_string(),
                instead: "the kernel found no way to reset it; reset the engine, or switch the machine off and on",
            });
        }
        fs::write(&path, "1").map_err(system("write", path.display().to_string()))
    }
}

/// A memory BAR in the text of `resource`: a line for each, with first and last address and flags.
fn bar(resource: &str, number: usize) -> Option<Bar> {
    let mut fields = resource.lines().nth(number)?.split_whitespace();
    let mut next = || u64::from_str_radix(fields.next()?.strip_prefix("0x")?, 16).ok();
    let (first, last, flags) = (next()?, next()?, next()?);
    if flags & RESOURCE_MEMORY == 0 || first == 0 {
        return None;
    }
    Some(Bar { address: first, bytes: last.checked_sub(first)?.checked_add(1)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESOURCE: &str = "\
0x00000000fea00000 0x00000000fea00fff 0x0000000000040200
0x0000000000000000 0x0000000000000000 0x0000000000000000
0x0000000800000000 0x000000080fffffff 0x000000000014220c
0x0000000000000000 0x0000000000000000 0x0000000000000000
0x000000000000c000 0x000000000000c01f 0x0000000000040101
0xffffffffffffffff 0x0000000000000000 0x0000000000000200
";

    #[test]
    fn bars_are_ranges_of_memory() {
        assert_eq!(bar(RESOURCE, 0), Some(Bar { address: 0xfea0_0000, bytes: 4096 }));
        assert_eq!(bar(RESOURCE, 1), None, "there is none");
        assert_eq!(bar(RESOURCE, 2), Some(Bar { address: 0x8_0000_0000, bytes: 256 << 20 }), "64 bits");
        assert_eq!(bar(RESOURCE, 4), None, "I/O ports");
        assert_eq!(bar(RESOURCE, 5), None, "backwards");
        assert_eq!(bar(RESOURCE, 6), None, "behind the end");
        assert_eq!(bar("0x1 zzz", 0), None);
    }

    #[test]
    fn commands_change_the_asked_bits_only() {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(&[0xab; 64], 0).unwrap();
        file.write_all_at(&0x0401u16.to_le_bytes(), 16 + COMMAND).unwrap();
        let config = Config::new(Arc::new(file.try_clone().unwrap()), 16);
        let command = || {
            let mut bytes = [0; 4];
            file.read_exact_at(&mut bytes, 16 + COMMAND).unwrap();
            assert_eq!(bytes[2..], [0xab; 2], "the status behind it clears what is written as one");
            u16::from_le_bytes([bytes[0], bytes[1]])
        };
        config.command(MEMORY | MASTER, INTX_DISABLE).unwrap();
        assert_eq!(command(), 0x0007);
        config.command(INTX_DISABLE, MASTER).unwrap();
        assert_eq!(command(), 0x0403);
        file.write_all_at(&[0xff; 2], 16 + COMMAND).unwrap();
        assert_eq!(config.command(MASTER, 0).unwrap_err().kind(), io::ErrorKind::NotConnected);
        assert_eq!(command(), u16::MAX, "nothing is written to a card that is gone");
    }
}
