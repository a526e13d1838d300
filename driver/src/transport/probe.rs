//! Which boards there are, and how each would be opened.

use std::fmt;
use std::path::PathBuf;

use systole_isa::pci::{MEMORY_BAR, REGISTER_BAR};

use super::error::TransportError;
use super::kernel::Kernel;
use super::lock::{self, Lock};
use super::pci::{Card, Function};
use super::uio::Uio;
use super::{Location, Place, vfio};

/// How a board is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Way {
    /// VFIO, the card's IOMMU group in a container.
    Vfio,
    /// VFIO, the card's own file and an iommufd.
    VfioIommufd,
    /// The UIO device of this number.
    Uio(u32),
    /// The card's `resource` files.
    Sysfs,
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vfio => f.write_str("vfio"),
            Self::VfioIommufd => f.write_str("vfio (iommufd)"),
            Self::Uio(number) => write!(f, "uio{number}"),
            Self::Sysfs => f.write_str("sysfs"),
        }
    }
}

impl Way {
    /// The way that a card's driver leaves.
    pub(super) fn of_card(kernel: &Kernel, card: &Card) -> Result<Self, TransportError> {
        match (card.driver().as_deref(), card.uio()) {
            (None, _) => Ok(Self::Sysfs),
            (Some("vfio-pci"), _) => match vfio::way(kernel, card) {
                Some(vfio::Way::Iommufd(_)) => Ok(Self::VfioIommufd),
                Some(vfio::Way::Group(_)) => Ok(Self::Vfio),
                None => Err(TransportError::NoIommu { address: card.address }),
            },
            (Some(_), Some(number)) => Ok(Self::Uio(number)),
            (Some(driver), None) => Err(TransportError::Bound { address: card.address, driver: driver.to_owned() }),
        }
    }

    /// What a user must be allowed to open for it, the card's own memory included; nothing if the board has gone.
    pub(super) fn files(&self, kernel: &Kernel, place: Place) -> Vec<PathBuf> {
        let card = match place {
            Place::Pci(address) => Function::find(kernel, address).and_then(|f| Card::prove(f, &place.into())).ok(),
            Place::Uio(_) | Place::Mem(_) => None,
        };
        let of_card = |names: &[&str]| -> Vec<PathBuf> {
            let Some(card) = &card else { return Vec::new() };
            let memory = card.bar(MEMORY_BAR).map(|_| card.resource(MEMORY_BAR));
            names.iter().map(|name| card.file(name)).chain(memory).collect()
        };
        let window = || card.as_ref().map(|card| card.resource(REGISTER_BAR));
        match *self {
            Self::Vfio | Self::VfioIommufd => {
                let way = card.as_ref().and_then(|card| vfio::way(kernel, card));
                way.map(|way| way.files(kernel).into()).unwrap_or_default()
            }
            Self::Uio(number) => {
                let maps = Uio::find(kernel, number).is_ok_and(|uio| uio.has_maps());
                let own = kernel.dev.join(format!("uio{number}"));
                let window = if maps { None } else { window() };
                std::iter::once(own).chain(of_card(&["config"])).chain(window).collect()
            }
            Self::Sysfs => of_card(&["enable", "config"]).into_iter().chain(window()).collect(),
        }
    }
}

/// A device that could be a board of ours. What it is shows only when it is opened.
#[derive(Debug)]
pub struct Candidate {
    /// How to name it.
    pub location: Location,
    /// What it says of itself: PCI IDs, or the name of a UIO device.
    pub name: String,
    /// The kernel's driver that holds it.
    pub driver: Option<String>,
    /// How it would be opened, or why it cannot be.
    pub way: Result<Way, TransportError>,
    /// It is in use: by this process, unless that has not yet said who it is.
    pub owner: Option<Option<u32>>,
}

impl Candidate {
    /// It can be opened now.
    pub fn is_free(&self) -> bool {
        self.way.is_ok() && self.owner.is_none()
    }
}

/// Every card with our PCI IDs, and every UIO device of the chip whose name says that it is ours.
pub fn probe(kernel: &Kernel) -> Vec<Candidate> {
    let cards = Card::all(kernel).map(|card| Candidate {
        location: Place::Pci(card.address).into(),
        name: format!("{:04x}:{:04x}", systole_isa::pci::VENDOR_ID, systole_isa::pci::DEVICE_ID),
        driver: card.driver(),
        way: Way::of_card(kernel, &card),
        owner: Lock::owner(kernel, &lock::key(kernel, Place::Pci(card.address))),
    });
    let parts =
        Uio::all(kernel).into_iter().filter(|uio| uio.function(kernel).is_none() && uio.name().contains("systole"));
    let parts = parts.map(|uio| Candidate {
        location: Place::Uio(uio.number).into(),
        name: uio.name(),
        driver: None,
        way: Ok(Way::Uio(uio.number)),
        owner: Lock::owner(kernel, &lock::key(kernel, Place::Uio(uio.number))),
    });
    cards.chain(parts).collect()
}
