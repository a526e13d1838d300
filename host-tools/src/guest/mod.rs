//! A guest that tries the driver on a real kernel: Linux in QEMU, with our card behind an IOMMU.
//!
//! Place in the stack: below the command `virtual-board test`, which runs on the host, and `virtual-board guest`, which is
//! the same program as the guest's first process.
//!
//! 1. [`fetch`] finds QEMU, a kernel and its modules; [`initramfs`] packs this program and the modules.
//! 2. [`emulator`] knows QEMU's command line; [`run`](mod@run) starts the cards' servers and QEMU, and waits.
//! 3. In the guest, [`init`] mounts and loads, [`bind`] gives a card to a kernel driver, [`attempt`] opens it through our
//!    driver and runs the cases of a [`trial`], [`exit`] ends the machine.
//! 4. [`console`] is what the guest says, [`verdict`] what the host makes of it.

pub mod archive;
pub mod attempt;
pub mod bind;
pub mod console;
pub mod elf;
pub mod emulator;
pub mod exit;
pub mod fetch;
pub mod init;
pub mod initramfs;
mod interrupt;
mod iommu;
mod latency;
pub mod run;
pub mod tool;
pub mod trial;
pub mod verdict;
