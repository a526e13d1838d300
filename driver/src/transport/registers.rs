//! Where a device's registers are: in a BAR, in a map of a UIO device, in physical memory.

use std::path::PathBuf;

use systole_isa::pci::REGISTER_BAR;
use systole_isa::register::WINDOW_BYTES;

use super::Location;
use super::board::Window;
use super::error::TransportError;
use super::kernel::{Kernel, page_size};
use super::pci::Card;
use super::uio::{Map, Uio};
use super::watched::Watched;
use super::window::{self, Pages, pages, too_small};

/// Registers that are found and not yet mapped.
#[derive(Clone, Debug)]
pub(super) struct Registers {
    path: PathBuf,
    pages: Pages,
    uncached: bool,
}

impl Registers {
    /// Those of a card, in its BAR.
    pub fn in_bar(card: &Card, location: &Location) -> Result<Self, TransportError> {
        let bar = card.bar(REGISTER_BAR).ok_or_else(|| TransportError::NoWindow {
            location: location.to_string(),
            found: format!("BAR {REGISTER_BAR} is no memory with an address"),
        })?;
        let what = format!("BAR {REGISTER_BAR}");
        let too_small = || too_small(&location.to_string(), &what, bar.bytes);
        if bar.bytes < WINDOW_BYTES.into() {
            return Err(too_small());
        }
        // The file begins with the page that holds the BAR's first byte, which need not begin with it.
        let inner = bar.address % page_size();
        let pages = pages(inner, WINDOW_BYTES.into(), page_size()).ok_or_else(too_small)?;
        Ok(Self { path: card.resource(REGISTER_BAR), pages, uncached: false })
    }

    /// Those of a UIO device, in one of its maps. A card bound to `uio_pci_generic`, which has no maps, shows them in its BAR.
    pub fn in_uio(
        kernel: &Kernel,
        uio: &Uio,
        card: Option<&Card>,
        location: &Location,
    ) -> Result<Self, TransportError> {
        let maps = uio.maps();
        if let (Some(card), true) = (card, maps.is_empty()) {
            return Self::in_bar(card, location);
        }
        let bar = card.and_then(|card| card.bar(REGISTER_BAR)).map(|bar| bar.address);
        let largest = maps.iter().map(|map| map.bytes).max().unwrap_or(0);
        let too_small = |what, bytes| too_small(&location.to_string(), what, bytes);
        let map = Map::of_registers(&maps, bar).ok_or_else(|| too_small("its largest map", largest))?;
        let pages = map.pages(page_size()).ok_or_else(|| too_small("its map", 0))?;
        Ok(Self { path: uio.file(kernel), pages, uncached: false })
    }

    /// Those at a physical address.
    pub fn in_memory(kernel: &Kernel, base: u64, location: &Location) -> Result<Self, TransportError> {
        let page = page_size();
        let found = pages(base, WINDOW_BYTES.into(), page).filter(|_| base.is_multiple_of(page));
        let pages = found.ok_or_else(|| TransportError::NoWindow {
            location: location.to_string(),
            found: format!("{base:#x} is no multiple of the page size {page}"),
        })?;
        // Without O_SYNC the CPU would cache registers.
        Ok(Self { path: kernel.dev.join("mem"), pages, uncached: true })
    }

    /// Maps them to be read.
    pub fn watch(&self, location: &Location) -> Result<Watched, TransportError> {
        let mapping = window::watch(&self.path, self.pages, self.uncached)?;
        Ok(Watched::new(mapping, self.pages.inner, location))
    }

    /// Maps them to be written, too.
    pub fn map(&self) -> Result<Window, TransportError> {
        Ok(Window::new(window::map(&self.path, self.pages, self.uncached)?, self.pages.inner))
    }
}
