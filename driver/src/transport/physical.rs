//! Memory for a device that reaches physical addresses: the card's own, huge pages or a u-dma-buf.

use systole_isa::pci::{LOCAL_MEMORY_BASE, MEMORY_BAR};

use super::error::TransportError;
use super::kernel::{self, Kernel, page_size};
use super::pci::{Bar, Card};
use super::window::{map, pages};
use super::{Dma, Location};
use crate::memory::huge::HugePages;
use crate::memory::{Coherent, DmaBuffer, DmaMemory, Local, Pool, udmabuf};

/// The memory that a card is used with.
pub(super) fn of_card(kernel: &Kernel, card: &Card, location: &Location) -> Result<Box<dyn DmaMemory>, TransportError> {
    let bounds = bounds(kernel, card);
    match (&location.dma, card.bar(MEMORY_BAR)) {
        (Dma::Auto | Dma::Local, Some(bar)) => return local(card, bar),
        (Dma::Local, None) => return Err(no_local(location)),
        _ => reaches(&bounds, card, location)?,
    }
    match &location.dma {
        Dma::UDmaBuf(name) => Ok(udmabuf::open(kernel, name)?),
        Dma::Auto | Dma::Host | Dma::Local => huge_pages(kernel, location),
    }
}

/// The memory that a device of the chip is used with. Huge pages are no choice: nothing says that it sees the caches.
pub(super) fn of_chip(kernel: &Kernel, location: &Location) -> Result<Box<dyn DmaMemory>, TransportError> {
    let no_memory = |reason: &str| TransportError::NoMemory {
        location: location.to_string(),
        reason: reason.to_owned(),
        mend: "load one with `sudo modprobe u-dma-buf udmabuf0=67108864`, or declare it in the device tree".to_owned(),
    };
    tracing::warn!(%location, "no IOMMU: what the device does to memory is bounded by itself alone");
    match &location.dma {
        Dma::UDmaBuf(name) => Ok(udmabuf::open(kernel, name)?),
        Dma::Local | Dma::Host => Err(no_memory("a device of the chip is used with a u-dma-buf")),
        Dma::Auto => match udmabuf::names(kernel).first() {
            Some(name) => Ok(udmabuf::open(kernel, name)?),
            None => Err(no_memory("there is no u-dma-buf")),
        },
    }
}

/// The error of a card without memory of its own.
pub(super) fn no_local(location: &Location) -> TransportError {
    TransportError::NoMemory {
        location: location.to_string(),
        reason: format!("the card shows no memory of its own in BAR {MEMORY_BAR}"),
        mend: "leave out `,dma=local`".to_owned(),
    }
}

/// The card's own memory, whose address on its bus is fixed.
fn local(card: &Card, bar: Bar) -> Result<Box<dyn DmaMemory>, TransportError> {
    let path = card.resource(MEMORY_BAR);
    // A BAR of memory is as large as a page and aligned to its size.
    let pages = pages(0, bar.bytes, page_size()).ok_or_else(|| TransportError::NoWindow {
        location: card.address.to_string(),
        found: format!("BAR {MEMORY_BAR} of {} bytes", bar.bytes),
    })?;
    let buffer = DmaBuffer::new(map(&path, pages, false)?, LOCAL_MEMORY_BASE, Coherent, Local);
    Ok(Box::new(Pool::new(Some(buffer))))
}

/// What is between a card and the machine's memory.
enum Bounds {
    /// Nothing.
    None,
    /// An IOMMU that lets the card through to all of it.
    Open,
    /// An IOMMU that translates: physical addresses fault, or hit what is mapped for somebody else.
    Translated { group: String },
}

/// Finds out, and says aloud what a card could do.
fn bounds(kernel: &Kernel, card: &Card) -> Bounds {
    let Some(group) = card.iommu_group() else {
        tracing::warn!(
            card = %card.address,
            "no IOMMU between the card and memory: a defect of the card can overwrite anything; switch the IOMMU on \
             (intel_iommu=on or amd_iommu=on) and bind the card to vfio-pci"
        );
        return Bounds::None;
    };
    let kind = kernel::text(&kernel.sys.join("kernel/iommu_groups").join(&group).join("type"));
    if kind.as_deref().ok() != Some("identity") {
        return Bounds::Translated { group };
    }
    tracing::warn!(
        card = %card.address,
        "the IOMMU lets the card through to all memory: a defect of the card can overwrite anything; bind it to vfio-pci"
    );
    Bounds::Open
}

/// Refuses a card that does not reach physical addresses.
fn reaches(bounds: &Bounds, card: &Card, location: &Location) -> Result<(), TransportError> {
    let Bounds::Translated { group } = bounds else { return Ok(()) };
    Err(TransportError::NoMemory {
        location: location.to_string(),
        reason: format!("the IOMMU translates for its group {group}, so that it cannot reach physical memory"),
        mend: format!("bind it to vfio-pci, which uses the IOMMU: {}", super::error::bind_command(card.address)),
    })
}

/// Huge pages of all sizes that have free ones.
fn huge_pages(kernel: &Kernel, location: &Location) -> Result<Box<dyn DmaMemory>, TransportError> {
    let sizes = free_sizes(kernel);
    if sizes.is_empty() {
        return Err(TransportError::NoMemory {
            location: location.to_string(),
            reason: "no huge page is free".to_owned(),
            mend: "reserve 128 MiB with `echo 64 | sudo tee /proc/sys/vm/nr_hugepages`".to_owned(),
        });
    }
    Ok(Box::new(Pool::new(HugePages::new(&kernel.proc, sizes, page_size())?)))
}

/// Logarithms of the sizes of huge pages of which some are free.
pub(super) fn free_sizes(kernel: &Kernel) -> Vec<u8> {
    let directory = kernel.sys.join("kernel/mm/hugepages");
    let size = |name: &String| {
        let kib: u64 = name.strip_prefix("hugepages-")?.strip_suffix("kB")?.parse().ok()?;
        let free = kernel::number(&directory.join(name).join("free_hugepages")).ok()?;
        (kib.is_power_of_two() && free > 0).then(|| kib.ilog2() as u8 + 10)
    };
    kernel::entries(&directory).iter().filter_map(size).collect()
}
