//! PCI functions as sysfs shows them: any [`Function`] to be asked who it is, and a [`Card`] of ours to be used.

use std::fs;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;

use super::config::Config;
use super::error::{TransportError, opening, system};
use super::kernel::{self, Kernel};
use super::pci_ids::PciIds;
use super::{Location, PciAddress};
use crate::DeviceError;

/// Resource flag of the kernel (`linux/ioport.h`): memory, not I/O ports.
const RESOURCE_MEMORY: u64 = 0x200;

/// A BAR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bar {
    /// Physical address.
    pub address: u64,
    /// Bytes.
    pub bytes: u64,
}

/// A function of the bus, whoever made it. What can be asked here is what the kernel keeps of it: no file of the function
/// is opened, and nothing reaches the hardware.
#[derive(Clone, Debug)]
pub(super) struct Function {
    pub address: PciAddress,
    /// Private: who opens a file below it needs a [`Card`].
    path: PathBuf,
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

    /// The function with a memory BAR that holds this physical address.
    pub fn covering(kernel: &Kernel, address: u64) -> Option<Self> {
        let inside = |bar: Bar| address.checked_sub(bar.address).is_some_and(|offset| offset < bar.bytes);
        let covers = |function: &Self| (0..6).filter_map(|number| function.bar(number)).any(inside);
        Self::all(kernel).into_iter().find(covers)
    }

    /// Its numbers, as the kernel read them when it found the function: right also when the link is dead.
    pub fn ids(&self) -> Result<PciIds, DeviceError> {
        let number = |name: &str| {
            let path = self.path.join(name);
            kernel::number(&path).map_err(system("read", path.display().to_string()))
        };
        // No ID is of ones alone.
        let id = |name| -> Result<u16, DeviceError> { Ok(number(name)?.try_into().unwrap_or(u16::MAX)) };
        Ok(PciIds {
            vendor: id("vendor")?,
            device: id("device")?,
            subsystem_vendor: id("subsystem_vendor")?,
            subsystem_device: id("subsystem_device")?,
            class: number("class")? as u32,
        })
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
}

/// A function that is a card of ours. There is none without proof: everything that locks, enables, resets, maps or writes to
/// a function takes a card.
#[derive(Clone, Debug)]
pub(super) struct Card(Function);

impl Deref for Card {
    type Target = Function;

    fn deref(&self) -> &Function {
        &self.0
    }
}

impl Card {
    /// Proves that a function is ours; `location` is for the message.
    ///
    /// # Errors
    /// [`TransportError::Foreign`] says what it is instead.
    pub fn prove(function: Function, location: &Location) -> Result<Self, TransportError> {
        let ids = function.ids()?;
        if ids.is_ours() {
            return Ok(Self(function));
        }
        let (location, driver) = (location.to_string(), function.driver());
        Err(TransportError::Foreign { location, address: function.address, ids, driver })
    }

    /// Every card of ours.
    pub fn all(kernel: &Kernel) -> impl Iterator<Item = Self> {
        let ours = |function: &Function| function.ids().is_ok_and(|ids| ids.is_ours());
        Function::all(kernel).into_iter().filter(ours).map(Self)
    }

    /// One of its files.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The file that shows a BAR.
    pub fn resource(&self, number: usize) -> PathBuf {
        self.file(&format!("resource{number}"))
    }

    /// Its configuration space, to be read and written.
    pub fn config(&self) -> Result<Config, TransportError> {
        let path = self.file("config");
        let file = kernel::open(&path).map_err(opening(&path))?;
        Ok(Config::new(Arc::new(file), 0))
    }

    /// Switches it on, as a driver of the kernel would.
    pub fn enable(&self, on: bool) -> Result<(), DeviceError> {
        let path = self.file("enable");
        fs::write(&path, if on { "1" } else { "0" }).map_err(system("write", path.display().to_string()))
    }

    /// Resets it in whichever way the kernel knows.
    ///
    /// # Errors
    /// [`DeviceError::Unsupported`] if the kernel knows none.
    pub fn reset(&self) -> Result<(), DeviceError> {
        let path = self.file("reset");
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
}
