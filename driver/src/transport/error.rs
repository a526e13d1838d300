//! Why a board cannot be opened, and what to do about it.

use std::io;
use std::path::Path;

use systole_isa::ABI_HASH;

use super::{PciAddress, PciIds};
use crate::DeviceError;

/// What keeps a board from being opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// The kernel does not show such a device.
    #[error("there is no {location}: {path} does not exist; `systole probe` lists what there is")]
    Missing {
        /// As asked for.
        location: String,
        /// Where it would be.
        path: String,
    },
    /// It is somebody else's card.
    #[error(
        "{location} is no Systole accelerator: {address} is {ids}{}; it was not touched; `systole probe` lists the \
         boards of this machine", held(driver.as_deref())
    )]
    Foreign {
        /// As asked for.
        location: String,
        /// The card.
        address: PciAddress,
        /// What it is.
        ids: PciIds,
        /// The driver that the kernel has bound to it.
        driver: Option<String>,
    },
    /// Another process has it.
    #[error(
        "{location} is in use by {}; wait until it ends, or end it", 
        owner.map_or("another process".to_owned(), |pid| format!("process {pid}"))
    )]
    Busy {
        /// As asked for.
        location: String,
        /// Its process ID, unless it has just begun.
        owner: Option<u32>,
    },
    /// A driver that is none of the driver's ways holds it.
    #[error(
        "{address} is held by the kernel driver {driver}; free it with `echo {address} | sudo tee \
         /sys/bus/pci/drivers/{driver}/unbind`, then bind it: {}", bind_command(*address)
    )]
    Bound {
        /// The card.
        address: PciAddress,
        /// The driver's name.
        driver: String,
    },
    /// The window is one of a card that a driver holds.
    #[error(
        "the window at {base:#x} belongs to card {address}, which the driver {driver} holds; open it as pci:{address}"
    )]
    WindowTaken {
        /// Physical address.
        base: u64,
        /// The card.
        address: PciAddress,
        /// Its driver.
        driver: String,
    },
    /// It is bound to `vfio-pci`, but no IOMMU is there to be used.
    #[error(
        "{address} is bound to vfio-pci, but no IOMMU translates for it: switch on VT-d or AMD-Vi in the firmware and \
         intel_iommu=on or amd_iommu=on on the kernel's command line, or go without: `echo {address} | sudo tee \
         /sys/bus/pci/drivers/vfio-pci/unbind`"
    )]
    NoIommu {
        /// The card.
        address: PciAddress,
    },
    /// It is bound to `vfio-pci`, but a device that shares its IOMMU group is not.
    #[error(
        "{address} shares IOMMU group {group} with devices that other drivers use: {others}; put the card into another slot, \
         whose group it has to itself"
    )]
    Group {
        /// The card.
        address: PciAddress,
        /// The group's number.
        group: String,
        /// The others.
        others: String,
    },
    /// Its registers are not where they should be.
    #[error("{location} has no register window: {found}; it is none of ours, or it is not programmed")]
    NoWindow {
        /// As asked for.
        location: String,
        /// What is there.
        found: String,
    },
    /// Somebody else answers.
    #[error(
        "{location} is no Systole accelerator: MAGIC reads {found:#010x}; program it, or look for the right one with \
         `systole probe`"
    )]
    NotSystole {
        /// As asked for.
        location: String,
        /// What MAGIC reads.
        found: u32,
    },
    /// A part of the chip of another contract answers.
    #[error(
        "{location} has contract {found:#018x}, this systole has {ABI_HASH:#018x}; it was only read; program it with a \
         bitstream of this version, or use the systole that built its bitstream"
    )]
    AbiMismatch {
        /// As asked for.
        location: String,
        /// What ABI_HASH reads.
        found: u64,
    },
    /// There is no memory that both sides reach.
    #[error("{location} has no memory to share with this host: {reason}; {mend}")]
    NoMemory {
        /// As asked for.
        location: String,
        /// Why not.
        reason: String,
        /// What to do.
        mend: String,
    },
    /// This user may not.
    #[error("{path} may not be opened by this user; {mend}")]
    Denied {
        /// The file.
        path: String,
        /// What to do.
        mend: String,
    },
    /// A system call failed, or the device cannot be reached.
    #[error(transparent)]
    Device(#[from] DeviceError),
}

/// Who holds a foreign card.
fn held(driver: Option<&str>) -> String {
    driver.map_or_else(|| " without a driver".to_owned(), |driver| format!(" that the driver {driver} holds"))
}

/// The command that gives a card of ours to `vfio-pci`.
pub(super) fn bind_command(address: PciAddress) -> String {
    format!(
        "`echo vfio-pci | sudo tee /sys/bus/pci/devices/{address}/driver_override; echo {address} | sudo tee \
         /sys/bus/pci/drivers_probe`"
    )
}

/// Makes an error of a file that cannot be opened.
pub(super) fn opening(path: &Path) -> impl FnOnce(io::Error) -> TransportError + '_ {
    let target = path.display().to_string();
    move |source| match source.kind() {
        io::ErrorKind::PermissionDenied => {
            // What `/dev/mem` or a UIO device shows need not be ours, so nobody is told to make it his own.
            let unknown =
                path.file_name().is_some_and(|name| name == "mem" || name.to_string_lossy().starts_with("uio"));
            let mend = match unknown {
                true => "run this as root, or install the udev rules if it is a board".to_owned(),
                false => format!("`sudo chown $USER {target}` until the next boot, or install the udev rules"),
            };
            TransportError::Denied { path: target, mend }
        }
        _ => DeviceError::System { call: "open", target, source }.into(),
    }
}

/// Makes an error of a system call.
pub(super) fn system(call: &'static str, target: impl Into<String>) -> impl FnOnce(io::Error) -> DeviceError {
    let target = target.into();
    move |source| DeviceError::System { call, target, source }
}
