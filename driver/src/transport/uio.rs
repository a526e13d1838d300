//! UIO: interrupts from `/dev/uioN`, and registers from its maps or, for a card bound to `uio_pci_generic`, which has no
//! maps, from the card's BARs.
//! (`Documentation/driver-api/uio-howto.rst`)

use std::path::{Path, PathBuf};

use systole_isa::pci::REGISTER_BAR;
use systole_isa::register::WINDOW_BYTES;

use super::board::{Parts, Uncontrolled, Window};
use super::error::{TransportError, opening, system};
use super::interrupt::{Rearm, UioInterrupt};
use super::kernel::{self, Kernel, page_size};
use super::lock::Lock;
use super::pci::{Function, INTX_DISABLE, MEMORY};
use super::resource::{SysfsControl, register_bar};
use super::window::{Pages, map, pages, registers, too_small};
use super::{Location, physical};

/// A UIO device as sysfs shows it.
#[derive(Clone, Debug)]
pub(super) struct Uio {
    pub number: u32,
    path: PathBuf,
}

/// A map of a UIO device.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Map {
    index: u64,
    name: String,
    address: u64,
    bytes: u64,
    /// Where it begins in its first page.
    offset: u64,
}

impl Uio {
    /// The device of this number, if there is one.
    pub fn find(kernel: &Kernel, number: u32) -> Result<Self, TransportError> {
        let path = kernel.sys.join(format!("class/uio/uio{number}"));
        if !path.exists() {
            return Err(TransportError::Missing {
                location: format!("uio:{number}"),
                path: path.display().to_string(),
            });
        }
        Ok(Self { number, path })
    }

    /// Every device there is.
    pub fn all(kernel: &Kernel) -> Vec<Self> {
        let names = kernel::entries(&kernel.sys.join("class/uio"));
        names.iter().filter_map(|name| Self::find(kernel, name.strip_prefix("uio")?.parse().ok()?).ok()).collect()
    }

    /// What its driver calls it.
    pub fn name(&self) -> String {
        kernel::text(&self.path.join("name")).unwrap_or_default()
    }

    /// The PCI function behind it, if there is one.
    pub fn card(&self, kernel: &Kernel) -> Option<Function> {
        let device = self.path.join("device");
        if kernel::link_name(&device.join("subsystem"))? != "pci" {
            return None;
        }
        Function::find(kernel, kernel::link_name(&device)?.parse().ok()?).ok()
    }

    fn maps(&self) -> Vec<Map> {
        let directory = self.path.join("maps");
        let map = |entry: &String| {
            let number = |name| kernel::number(&directory.join(entry).join(name)).ok();
            Some(Map {
                index: entry.strip_prefix("map")?.parse().ok()?,
                name: kernel::text(&directory.join(entry).join("name")).unwrap_or_default(),
                address: number("addr")?,
                bytes: number("size")?,
                // Kernels before 2.6.35 have none.
                offset: number("offset").unwrap_or(0),
            })
        };
        kernel::entries(&directory).iter().filter_map(map).collect()
    }

    /// Whether its driver shows the registers; else they are in the card's BAR.
    pub fn has_maps(&self) -> bool {
        !self.maps().is_empty()
    }

    /// The physical address of its registers, if it has maps.
    pub fn registers(&self) -> Option<u64> {
        register_map(&self.maps(), None).map(|map| map.address)
    }
}

/// The map with the registers: the one at the card's BAR 0, else the one that is named for it, else the first that is
/// large enough. Map N is not BAR N: drivers count what they show.
fn register_map(maps: &[Map], bar: Option<u64>) -> Option<&Map> {
    let large = || maps.iter().filter(|map| map.bytes >= WINDOW_BYTES.into());
    let named = |map: &&Map| ["systole", "registers", "regs"].iter().any(|name| map.name.contains(name));
    large().find(|map| Some(map.address) == bar).or_else(|| large().find(named)).or_else(|| large().next())
}

/// Map `index` begins `index` pages into the device's file.
fn place(map: &Map, page: u64) -> Option<Pages> {
    let pages = pages(map.offset, map.bytes, page)?;
    Some(Pages { offset: map.index.checked_mul(page)?, ..pages })
}

/// Opens a UIO device.
pub(super) fn open(kernel: &Kernel, uio: &Uio, location: &Location, lock: Lock) -> Result<Parts, TransportError> {
    let path = kernel.dev.join(format!("uio{}", uio.number));
    let file = kernel::open(&path).map_err(opening(&path))?;
    let maps = uio.maps();
    let Some(card) = uio.card(kernel) else {
        let control = Uncontrolled { location: location.to_string() };
        let memory = physical::of_chip(kernel, location)?;
        return Ok(Parts {
            window: mapped(&path, &maps, None, location)?,
            memory,
            interrupt: Box::new(UioInterrupt::new(file, Rearm::Control)),
            control: Box::new(control),
            lock,
        });
    };
    let config = card.config()?;
    let memory = physical::of_card(kernel, &card, location)?;
    let control = SysfsControl::new(card.clone(), config.clone());
    let generic = card.driver().as_deref() == Some("uio_pci_generic");
    let window = if maps.is_empty() {
        register_bar(&card, location)?
    } else {
        mapped(&path, &maps, card.bar(REGISTER_BAR).map(|bar| bar.address), location)?
    };
    if generic {
        // uio_pci_generic switches the function on, and leaves the rest of the command register to us.
        let quiet = config.command(MEMORY | INTX_DISABLE, 0);
        quiet.map_err(system("write", card.path.join("config").display().to_string()))?;
    }
    let rearm = if generic { Rearm::Command(config) } else { Rearm::Control };
    let interrupt = Box::new(UioInterrupt::new(file, rearm));
    Ok(Parts { window, memory, interrupt, control: Box::new(control), lock })
}

/// The register window in one of the device's maps.
fn mapped(path: &Path, maps: &[Map], bar: Option<u64>, location: &Location) -> Result<Window, TransportError> {
    let name = location.to_string();
    let largest = maps.iter().map(|map| map.bytes).max().unwrap_or(0);
    let found = register_map(maps, bar).ok_or_else(|| too_small(&name, "its largest map", largest))?;
    let pages = place(found, page_size()).ok_or_else(|| too_small(&name, "its map", 0))?;
    Ok(registers(map(path, pages, false)?, pages))
}
