//! UIO: interrupts from `/dev/uioN`, and registers from its maps or, for a card bound to `uio_pci_generic`, which has no
//! maps, from the card's BARs.
//! (`Documentation/driver-api/uio-howto.rst`)

use std::fs::File;
use std::path::PathBuf;

use systole_isa::register::WINDOW_BYTES;

use super::board::{Control, Parts, Uncontrolled};
use super::config::{INTX_DISABLE, MEMORY};
use super::error::{TransportError, opening, system};
use super::interrupt::{Rearm, UioInterrupt};
use super::kernel::{self, Kernel};
use super::lock::Lock;
use super::pci::{Card, Function};
use super::registers::Registers;
use super::resource::SysfsControl;
use super::target::Part;
use super::window::{Pages, pages};
use super::{Location, Options, physical};

/// A UIO device as sysfs shows it.
#[derive(Clone, Debug)]
pub(super) struct Uio {
    pub number: u32,
    path: PathBuf,
}

/// A map of a UIO device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Map {
    index: u64,
    name: String,
    address: u64,
    /// Bytes.
    pub bytes: u64,
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
    pub fn function(&self, kernel: &Kernel) -> Option<Function> {
        let device = self.path.join("device");
        if kernel::link_name(&device.join("subsystem"))? != "pci" {
            return None;
        }
        Function::find(kernel, kernel::link_name(&device)?.parse().ok()?).ok()
    }

    /// Its device file.
    pub fn file(&self, kernel: &Kernel) -> PathBuf {
        kernel.dev.join(format!("uio{}", self.number))
    }

    fn open(&self, kernel: &Kernel) -> Result<File, TransportError> {
        let path = self.file(kernel);
        kernel::open(&path).map_err(opening(&path))
    }

    /// What its driver shows of its memory.
    pub fn maps(&self) -> Vec<Map> {
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
        Map::of_registers(&self.maps(), None).map(|map| map.address)
    }
}

impl Map {
    /// The map with the registers: the one at the card's BAR 0, else the one that is named for it, else the first that is
    /// large enough. Map N is not BAR N: drivers count what they show.
    pub fn of_registers(maps: &[Self], bar: Option<u64>) -> Option<&Self> {
        let large = || maps.iter().filter(|map| map.bytes >= WINDOW_BYTES.into());
        let named = |map: &&Self| ["systole", "registers", "regs"].iter().any(|name| map.name.contains(name));
        large().find(|map| Some(map.address) == bar).or_else(|| large().find(named)).or_else(|| large().next())
    }

    /// Map `index` begins `index` pages into the device's file.
    pub fn pages(&self, page: u64) -> Option<Pages> {
        let pages = pages(self.offset, self.bytes, page)?;
        Some(Pages { offset: self.index.checked_mul(page)?, ..pages })
    }
}

/// Opens a card by its UIO device.
pub(super) fn open_card(
    kernel: &Kernel,
    uio: &Uio,
    card: Card,
    location: &Location,
    options: Options,
    lock: Lock,
) -> Result<Parts, TransportError> {
    let file = uio.open(kernel)?;
    let config = card.config()?;
    let mut control = SysfsControl::new(card.clone(), config.clone());
    if options.reset {
        control.reset()?;
    }
    let memory = physical::of_card(kernel, &card, location)?;
    let window = Registers::in_uio(kernel, uio, Some(&card), location)?.map()?;
    let generic = card.driver().as_deref() == Some("uio_pci_generic");
    if generic {
        // uio_pci_generic switches the function on, and leaves the rest of the command register to us.
        let quiet = config.command(MEMORY | INTX_DISABLE, 0);
        quiet.map_err(system("write", card.file("config").display().to_string()))?;
    }
    let rearm = if generic { Rearm::Command(config) } else { Rearm::Control };
    let interrupt = Box::new(UioInterrupt::new(file, rearm));
    Ok(Parts { window, memory, interrupt, control: Box::new(control), lock })
}

/// Opens a part of the chip.
pub(super) fn open_part(
    kernel: &Kernel,
    uio: &Uio,
    part: &Part,
    location: &Location,
    options: Options,
    lock: Lock,
) -> Result<Parts, TransportError> {
    let mut control = Uncontrolled { location: location.to_string() };
    if options.reset {
        control.reset()?;
    }
    let interrupt = Box::new(UioInterrupt::new(uio.open(kernel)?, Rearm::Control));
    let memory = physical::of_chip(kernel, location)?;
    Ok(Parts { window: part.window()?, memory, interrupt, control: Box::new(control), lock })
}
