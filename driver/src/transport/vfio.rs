//! VFIO: a PCI card that reaches the memory that is mapped for it and nothing else.
//! (`Documentation/driver-api/vfio.rst`)
//!
//! The kernel has two ways in: the card's own file together with an iommufd, from Linux 6.6 on, and its IOMMU group in a
//! container. Behind both is the same device file.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use systole_isa::pci::{LOCAL_MEMORY_BASE, MEMORY_BAR, REGISTER_BAR};
use systole_isa::register::WINDOW_BYTES;

use super::board::{Control, Parts, Window};
use super::config::{Config, MASTER, MEMORY};
use super::error::{TransportError, opening, system};
use super::interrupt::{Interrupt, Polling, VfioInterrupt};
use super::kernel::{self, Kernel, page_size};
use super::lock::Lock;
use super::pci::{Card, Function};
use super::physical::no_local;
use super::window::too_small;
use super::{Dma, Location, Options};
use crate::DeviceError;
use crate::memory::{AddressSpace, Coherent, DmaBuffer, DmaMemory, Local, Mapped, Pool, SharedMapping};
use crate::sys::{Calls, GROUP_VIABLE, IovaRange, Region};

/// Number of the region that is the configuration space (`linux/vfio.h`).
const CONFIG_REGION: u32 = 7;

/// The files through which a card is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Its own, by this name, and an iommufd.
    Iommufd(String),
    /// Its group's, by this number, and a container.
    Group(String),
}

impl Way {
    /// What must be open to this user.
    pub fn files(&self, kernel: &Kernel) -> [PathBuf; 2] {
        match self {
            Self::Iommufd(name) => [kernel.dev.join("vfio/devices").join(name), kernel.dev.join("iommu")],
            Self::Group(number) => [kernel.dev.join("vfio/vfio"), kernel.dev.join("vfio").join(number)],
        }
    }
}

/// The way in that the kernel offers; the newer one if both, unless it is closed to this user. The group's file is not tried:
/// it can be open only once, and whoever has it or is about to would be in the way.
pub(super) fn way(kernel: &Kernel, card: &Card) -> Option<Way> {
    let own = kernel::entries(&card.file("vfio-dev")).into_iter().next().map(Way::Iommufd);
    let own = own.filter(|way| way.files(kernel).iter().all(|file| file.exists()));
    match (own, card.iommu_group().map(Way::Group)) {
        (Some(own), Some(group)) => {
            let open = own.files(kernel).iter().all(|file| kernel::open(file).is_ok());
            Some(if open { own } else { group })
        }
        (own, group) => own.or(group),
    }
}

/// The translation of a container.
#[derive(Debug)]
struct Container {
    calls: Arc<dyn Calls>,
    file: File,
    /// Closing it would take the card out of the container.
    _group: File,
}

impl AddressSpace for Container {
    fn calls(&self) -> [&'static str; 2] {
        ["VFIO_IOMMU_GET_INFO", "VFIO_IOMMU_MAP_DMA"]
    }

    fn ranges(&self) -> io::Result<Vec<IovaRange>> {
        self.calls.container_ranges(&self.file)
    }

    fn map(&self, iova: u64, memory: &SharedMapping) -> io::Result<()> {
        self.calls.container_map(&self.file, iova, memory)
    }

    fn unmap(&self, iova: u64, bytes: u64) -> io::Result<u64> {
        self.calls.container_unmap(&self.file, iova, bytes)
    }
}

/// The translation of an iommufd's address space.
#[derive(Debug)]
struct Space {
    calls: Arc<dyn Calls>,
    iommu: File,
    id: u32,
}

impl AddressSpace for Space {
    fn calls(&self) -> [&'static str; 2] {
        ["IOMMU_IOAS_IOVA_RANGES", "IOMMU_IOAS_MAP"]
    }

    fn ranges(&self) -> io::Result<Vec<IovaRange>> {
        self.calls.space_ranges(&self.iommu, self.id)
    }

    fn map(&self, iova: u64, memory: &SharedMapping) -> io::Result<()> {
        self.calls.space_map(&self.iommu, self.id, iova, memory)
    }

    fn unmap(&self, iova: u64, bytes: u64) -> io::Result<u64> {
        self.calls.space_unmap(&self.iommu, self.id, iova, bytes)
    }
}

/// A device file and the translation that the card behind it is under.
type Opened = (File, Arc<dyn AddressSpace>);

fn open_file(path: &Path) -> Result<File, TransportError> {
    kernel::open(path).map_err(opening(path))
}

fn through_iommufd(kernel: &Kernel, name: &str) -> Result<Opened, TransportError> {
    let calls = Arc::clone(&kernel.calls);
    let [device, iommu] = Way::Iommufd(name.to_owned()).files(kernel);
    let (device, iommu) = (open_file(&device)?, open_file(&iommu)?);
    calls.bind(&device, &iommu).map_err(system("VFIO_DEVICE_BIND_IOMMUFD", name))?;
    let id = calls.allocate_space(&iommu).map_err(system("IOMMU_IOAS_ALLOC", "/dev/iommu"))?;
    calls.attach(&device, id).map_err(system("VFIO_DEVICE_ATTACH_IOMMUFD_PT", name))?;
    Ok((device, Arc::new(Space { calls, iommu, id })))
}

fn through_group(kernel: &Kernel, card: &Card, number: &str) -> Result<Opened, TransportError> {
    let calls = Arc::clone(&kernel.calls);
    let container = open_file(&kernel.dev.join("vfio/vfio"))?;
    let version = calls.api_version(&container).map_err(system("VFIO_GET_API_VERSION", "/dev/vfio/vfio"))?;
    if version != 0 {
        return Err(DeviceError::Unsupported {
            what: "VFIO of another version than 0",
            device: format!("this kernel, whose version is {version}"),
            instead: "bind the card to uio_pci_generic",
        }
        .into());
    }
    let group = open_file(&kernel.dev.join("vfio").join(number))?;
    let target = || format!("group {number}");
    let flags = calls.group_status(&group).map_err(system("VFIO_GROUP_GET_STATUS", target()))?;
    if flags & GROUP_VIABLE == 0 {
        let (address, others) = (card.address, others(kernel, card, number));
        return Err(TransportError::Group { address, group: number.to_owned(), others });
    }
    calls.set_container(&group, &container).map_err(system("VFIO_GROUP_SET_CONTAINER", target()))?;
    calls.set_iommu(&container).map_err(system("VFIO_SET_IOMMU", target()))?;
    let address = card.address.to_string();
    let device = calls.group_device(&group, &address).map_err(system("VFIO_GROUP_GET_DEVICE_FD", address.clone()))?;
    Ok((device, Arc::new(Container { calls, file: container, _group: group })))
}

/// The devices of a group that a driver other than vfio-pci holds.
fn others(kernel: &Kernel, card: &Card, group: &str) -> String {
    let names = kernel::entries(&kernel.sys.join("kernel/iommu_groups").join(group).join("devices"));
    let held = names.iter().filter_map(|name| {
        let driver =
            Function::find(kernel, name.parse().ok()?).ok().filter(|other| other.address != card.address)?.driver()?;
        (driver != "vfio-pci").then(|| format!("{name} ({driver})"))
    });
    held.collect::<Vec<_>>().join(", ")
}

/// A card that is reset and connected through its device file.
struct VfioControl {
    calls: Arc<dyn Calls>,
    device: Arc<File>,
    config: Config,
    card: Card,
}

impl VfioControl {
    fn command(&self, set: u16, clear: u16) -> Result<(), DeviceError> {
        self.config
            .command(set, clear)
            .map_err(system("write", format!("configuration space of {}", self.card.address)))
    }
}

impl Control for VfioControl {
    fn reset(&mut self) -> Result<(), DeviceError> {
        use rustix::io::Errno;
        self.calls.reset(&self.device).map_err(|source| match source.raw_os_error().map(Errno::from_raw_os_error) {
            // The kernel's answer where it found no way to reset the function.
            Some(Errno::NOTTY | Errno::INVAL) => DeviceError::Unsupported {
                what: "a reset of the function",
                device: self.card.address.to_string(),
                instead: "reset the engine, or switch the machine off and on",
            },
            _ => system("VFIO_DEVICE_RESET", self.card.address.to_string())(source),
        })?;
        self.command(MEMORY, 0)
    }

    fn connect(&mut self) -> Result<(), DeviceError> {
        self.command(MEMORY | MASTER, 0)
    }

    fn disconnect(&mut self) -> Result<(), DeviceError> {
        self.command(0, MASTER)
    }
}

/// Opens a card that is bound to `vfio-pci`.
pub(super) fn open(
    kernel: &Kernel,
    card: Card,
    location: &Location,
    options: Options,
    lock: Lock,
) -> Result<Parts, TransportError> {
    let (device, space) = match way(kernel, &card) {
        Some(Way::Iommufd(name)) => through_iommufd(kernel, &name)?,
        Some(Way::Group(number)) => through_group(kernel, &card, &number)?,
        None => return Err(TransportError::NoIommu { address: card.address }),
    };
    let (calls, device) = (Arc::clone(&kernel.calls), Arc::new(device));
    let region = |index: u32| {
        calls
            .region(&device, index)
            .map_err(system("VFIO_DEVICE_GET_REGION_INFO", format!("region {index} of {}", card.address)))
    };
    let config = Config::new(Arc::clone(&device), region(CONFIG_REGION)?.offset);
    let mut control =
        VfioControl { calls: Arc::clone(&calls), device: Arc::clone(&device), config, card: card.clone() };
    // A BAR of a function that does not answer in memory faults when it is touched.
    if options.reset {
        control.reset()?
    } else {
        control.command(MEMORY, 0)?
    }
    let window = window(&device, region(REGISTER_BAR as u32)?, location)?;
    let memory = match location.dma {
        Dma::Auto | Dma::Host => Box::new(Mapped::new(space, page_size())?),
        Dma::Local => local(&device, region(MEMORY_BAR as u32)?, location)?,
        Dma::UDmaBuf(_) => {
            return Err(TransportError::NoMemory {
                location: location.to_string(),
                reason: "behind an IOMMU memory needs no u-dma-buf".to_owned(),
                mend: "leave out `,dma=`".to_owned(),
            });
        }
    };
    let interrupt = VfioInterrupt::enable(calls.clone(), Arc::clone(&device))
        .map_err(system("eventfd", card.address.to_string()))?;
    let interrupt: Box<dyn Interrupt> = match interrupt {
        Some(interrupt) => Box::new(interrupt),
        None => {
            tracing::warn!(card = %card.address, "the card has no interrupt that VFIO can pass on: it is polled");
            Box::new(Polling)
        }
    };
    Ok(Parts { window, memory, interrupt, control: Box::new(control), lock })
}

fn window(device: &File, region: Region, location: &Location) -> Result<Window, TransportError> {
    let what = format!("BAR {REGISTER_BAR}");
    if region.bytes < WINDOW_BYTES.into() {
        return Err(too_small(&location.to_string(), &what, region.bytes));
    }
    Ok(Window::new(map(device, region, &what, location)?, 0))
}

fn map(device: &File, region: Region, what: &str, location: &Location) -> Result<SharedMapping, TransportError> {
    if !region.mappable {
        return Err(DeviceError::Unsupported {
            what: "to map a BAR that is smaller than a page",
            device: location.to_string(),
            instead: "use a kernel with pages of 4 KiB, or a card whose BARs fill a page",
        }
        .into());
    }
    let bytes = usize::try_from(region.bytes).map_err(io::Error::other);
    let mapping = bytes.and_then(|bytes| SharedMapping::of_file(device, region.offset, bytes));
    Ok(mapping.map_err(system("mmap", format!("{what} of {location}")))?)
}

/// The card's own memory. The translation is held all the same: without one, the device file cannot be used.
fn local(device: &File, region: Region, location: &Location) -> Result<Box<dyn DmaMemory>, TransportError> {
    if region.bytes == 0 {
        return Err(no_local(location));
    }
    let mapping = map(device, region, &format!("BAR {MEMORY_BAR}"), location)?;
    Ok(Box::new(Pool::new(Some(DmaBuffer::new(mapping, LOCAL_MEMORY_BASE, Coherent, Local)))))
}
