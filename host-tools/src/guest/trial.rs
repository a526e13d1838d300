//! The ways to reach a card that a guest tries, and the cases of each.

use std::str::FromStr;

use systole_conformance::CASES;

/// The built-in model gives the simulator's bytes.
pub const MODEL: &str = "the_built_in_model_gives_the_simulators_bytes";
/// An access outside every mapping faults in the IOMMU, and comes back as an error.
pub const IOMMU: &str = "an_access_outside_every_mapping_faults_in_the_iommu";

/// A run that is interrupted switches the card's bus mastering off.
pub const INTERRUPTED: &str = "an_interrupted_run_gives_the_card_back";

/// Closed devices leave no page pinned for the card.
pub const UNPINNED: &str = "closed_devices_leave_no_page_pinned";

/// How the driver is told to open a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// `pci:0000:00:04.0`.
    Pci,
    /// `uio:0`, whichever number it got.
    Uio,
    /// `mem:0x...`, the physical address of its registers.
    Mem,
}

/// A way to reach a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trial {
    /// What to call it.
    pub name: &'static str,
    /// Device number of the card on bus 0.
    pub slot: u8,
    /// The kernel driver that the card is bound to; `None` if it is bound to none.
    pub driver: Option<&'static str>,
    /// How it is opened.
    pub naming: Naming,
    /// The memory to share: `host`, `local`, or a u-dma-buf's name.
    pub dma: &'static str,
    /// Needs the module of the test fixture, which shows the card as a part of the chip.
    pub fixture: bool,
}

/// Device number of the card with MSI-X.
pub const CARD: u8 = 4;
/// Device number of the card with nothing but an interrupt pin.
pub const PIN_CARD: u8 = 5;

/// The kernel's driver for VFIO.
pub const VFIO_DRIVER: &str = "vfio-pci";
/// Of the kernel's drivers for UIO with maps this one, of module `uio_cif`, asks least of a card. Its cards do not silence
/// their interrupt as ours do, so that it is used without.
pub const UIO_WITH_MAPS: &str = "hilscher";

/// A card bound to VFIO behind an IOMMU.
const VFIO: Trial =
    Trial { name: "vfio", slot: CARD, driver: Some(VFIO_DRIVER), naming: Naming::Pci, dma: "host", fixture: false };

/// All of them. Those that use the pin of [`CARD`] come last: from then on QEMU may pass accesses to the card's own memory
/// on as messages, hundreds of times slower.
pub const TRIALS: [Trial; 9] = [
    VFIO,
    Trial { name: "vfio-card-memory", dma: "local", ..VFIO },
    Trial { name: "vfio-intx", slot: PIN_CARD, ..VFIO },
    Trial { name: "resource", driver: None, ..VFIO },
    Trial { name: "resource-card-memory", driver: None, dma: "local", ..VFIO },
    Trial { name: "uio", driver: Some("uio_pci_generic"), ..VFIO },
    Trial { name: "uio-maps", driver: Some(UIO_WITH_MAPS), naming: Naming::Uio, ..VFIO },
    Trial { name: "mem", driver: None, naming: Naming::Mem, dma: "udmabuf0", fixture: true, ..VFIO },
    Trial { name: "uio-platform", driver: None, naming: Naming::Uio, dma: "udmabuf0", fixture: true, ..VFIO },
];

impl Trial {
    /// An IOMMU translates for it.
    pub fn iommu(&self) -> bool {
        self.driver == Some(VFIO_DRIVER) && self.dma == "host"
    }

    /// The card may write to memory of the host, and nothing but the driver keeps it from that.
    pub fn unguarded(&self) -> bool {
        self.dma == "host" && !self.iommu()
    }

    /// The card's address on PCI.
    pub fn address(&self) -> String {
        format!("0000:00:{:02x}.0", self.slot)
    }

    /// The names of its cases.
    pub fn cases(&self) -> Vec<&'static str> {
        let own = [MODEL].into_iter().chain(self.iommu().then_some([IOMMU, UNPINNED]).into_iter().flatten());
        let interrupted = self.unguarded().then_some(INTERRUPTED);
        CASES.iter().map(|case| case.name).chain(own).chain(interrupted).collect()
    }
}

impl FromStr for Trial {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = TRIALS.map(|t| t.name).join(", ");
        TRIALS.into_iter().find(|t| t.name == name).ok_or_else(|| format!("no such transport; choose from {known}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trials_are_found_by_their_names() {
        for trial in TRIALS {
            assert_eq!(trial.name.parse(), Ok(trial));
        }
        assert!("pci".parse::<Trial>().unwrap_err().contains("vfio, vfio-card-memory"));
    }

    #[test]
    fn the_iommu_is_tried_where_it_translates() {
        let tried = |name: &str| name.parse::<Trial>().unwrap().cases().contains(&IOMMU);
        assert!(tried("vfio") && tried("vfio-intx"));
        assert!(!tried("vfio-card-memory") && !tried("uio") && !tried("resource"));
    }
}
