//! Who a PCI function is, by the numbers that the kernel keeps of it.

use std::fmt;

use systole_isa::pci;

/// The numbers of a function's configuration space (PCI Local Bus Specification 3.0, section 6.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PciIds {
    /// Vendor ID.
    pub vendor: u16,
    /// Device ID.
    pub device: u16,
    /// Subsystem vendor ID.
    pub subsystem_vendor: u16,
    /// Subsystem ID.
    pub subsystem_device: u16,
    /// Class, subclass and interface, 8 bits each.
    pub class: u32,
}

impl PciIds {
    /// All four IDs are those of our cards. The class is a hint for people and decides nothing.
    pub fn is_ours(&self) -> bool {
        (self.vendor, self.device) == (pci::VENDOR_ID, pci::DEVICE_ID)
            && (self.subsystem_vendor, self.subsystem_device) == (pci::SUBSYSTEM_VENDOR_ID, pci::SUBSYSTEM_ID)
    }

    /// The class in words (PCI Code and ID Assignment Specification 1.11, section 1).
    const fn class_name(&self) -> &'static str {
        match self.class >> 16 {
            0x01 => "mass storage controller",
            0x02 => "network controller",
            0x03 => "display controller",
            0x04 => "multimedia device",
            0x05 => "memory controller",
            0x06 => "bridge",
            0x07 => "communication controller",
            0x08 => "system peripheral",
            0x09 => "input device",
            0x0b => "processor",
            0x0c => "serial bus controller",
            0x0d => "wireless controller",
            0x10 => "encryption controller",
            0x11 => "signal processing controller",
            0x12 => "processing accelerator",
            _ => "device",
        }
    }
}

impl fmt::Display for PciIds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { vendor, device, subsystem_vendor, subsystem_device, class } = self;
        let name = self.class_name();
        write!(
            f,
            "{vendor:04x}:{device:04x}, subsystem {subsystem_vendor:04x}:{subsystem_device:04x}, a {name} (class {class:06x})"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_decides() {
        let ours = PciIds {
            vendor: pci::VENDOR_ID,
            device: pci::DEVICE_ID,
            subsystem_vendor: pci::SUBSYSTEM_VENDOR_ID,
            subsystem_device: pci::SUBSYSTEM_ID,
            class: 0,
        };
        assert!(ours.is_ours());
        for other in [
            PciIds { vendor: 1, ..ours },
            PciIds { device: 1, ..ours },
            PciIds { subsystem_vendor: 1, ..ours },
            PciIds { subsystem_device: 1, ..ours },
        ] {
            assert!(!other.is_ours(), "{other}");
        }
    }
}
