//! [`Card`]: a device behind PCI: BARs, configuration space, interrupts, the host's memory.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use rustix::io::Errno;
use systole_driver::memory::SharedMapping;
use systole_driver::{BusMaster, DeviceError, Window};
use systole_isa::pci::{LOCAL_MEMORY_BASE, MEMORY_BAR, MSIX_BAR, REGISTER_BAR, VECTORS};
use systole_isa::register::WINDOW_BYTES;

use super::Error;
use super::config_space::{CONFIG_BYTES, ConfigSpace, Effect, MSIX_BAR_BYTES};
use super::dma::{Dma, Range};
use super::interrupts::Interrupts;

/// VFIO's number of the configuration space among the regions; a BAR's number is its own.
pub(super) const CONFIG_REGION: u32 = 7;

/// A device as a PCI function.
///
/// Whatever a host does, the card reaches no memory but its own and what the host mapped, and answers what makes no sense
/// with an error number. A device that stopped is off the bus from then on: everything reads as ones.
pub struct Card {
    device: Box<dyn BusMaster + Send>,
    config: ConfigSpace,
    interrupts: Interrupts,
    dma: Dma,
    local: Option<LocalMemory>,
    /// Kept as written. VFIO hosts mask vectors themselves and say by other means where they lead.
    msix_table: Vec<u8>,
    /// There is MSI-X.
    vectors: bool,
    /// What the card may not reach is tried on the host all the same.
    reports: bool,
    lost: bool,
}

/// The card's own memory, which hosts may map as well.
struct LocalMemory {
    file: File,
    memory: Arc<SharedMapping>,
}

impl LocalMemory {
    fn new(bytes: u64) -> Result<Self, Error> {
        let failed = |source| Error::CardMemory { bytes, source };
        let len = usize::try_from(bytes)
            .ok()
            .filter(|b| b.is_power_of_two() && *b >= 4096)
            .ok_or(Error::MemorySize { bytes })?;
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let file = File::from(memfd_create("systole card memory", flags).map_err(|e| failed(e.into()))?);
        file.set_len(bytes).map_err(failed)?;
        // A host that made it smaller would end this process.
        fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL).map_err(|e| failed(e.into()))?;
        let memory = Arc::new(SharedMapping::of_file(&file, 0, len).map_err(failed)?);
        Ok(Self { file, memory })
    }
}

impl Card {
    /// Plugs in a device that is as after power-up, beside `memory` bytes of the card's own memory: 0 for none, else a
    /// power of two of at least 4096.
    ///
    /// # Errors
    /// [`Error::MemorySize`]; [`Error::CardMemory`] if the system has not so much.
    pub fn new(mut device: Box<dyn BusMaster + Send>, memory: u64) -> Result<Self, Error> {
        let local = if memory == 0 { None } else { Some(LocalMemory::new(memory)?) };
        if let Some(local) = &local {
            let window = Window { memory: Arc::clone(&local.memory), readable: true, writable: true };
            device.map(LOCAL_MEMORY_BASE, window);
        }
        Ok(Self {
            device,
            config: ConfigSpace::new((memory != 0).then_some(memory), true),
            interrupts: Interrupts::default(),
            dma: Dma::default(),
            local,
            msix_table: vec![0; MSIX_BAR_BYTES as usize],
            vectors: true,
            reports: false,
            lost: false,
        })
    }

    /// The same card without MSI-X: its interrupt pin is all.
    #[must_use]
    pub fn without_vectors(mut self) -> Self {
        self.vectors = false;
        self.config = self.fresh_config();
        self
    }

    /// The same card, which tells its host of every access outside of what the host mapped, by a command to read there:
    /// QEMU's IOMMU refuses it and reports a fault to the guest. Not every host takes commands.
    #[must_use]
    pub fn with_fault_reports(mut self) -> Self {
        self.reports = true;
        self
    }

    /// Where the card tried to reach what is not mapped, if the host is to know.
    pub(super) fn take_refused(&mut self) -> Option<u64> {
        self.device.take_refused().filter(|_| self.reports)
    }

    fn fresh_config(&self) -> ConfigSpace {
        ConfigSpace::new(self.local.as_ref().map(|local| local.memory.size() as u64), self.vectors)
    }

    /// Vectors of MSI-X.
    pub(super) fn vectors(&self) -> u32 {
        if self.vectors { VECTORS.into() } else { 0 }
    }

    /// Bytes of a VFIO region; 0 where there is none.
    pub(super) fn region_bytes(&self, region: u32) -> u64 {
        match region {
            CONFIG_REGION => CONFIG_BYTES as u64,
            bar if bar == REGISTER_BAR as u32 => WINDOW_BYTES.into(),
            bar if bar == MEMORY_BAR as u32 => self.local.as_ref().map_or(0, |local| local.memory.size() as u64),
            bar if bar == MSIX_BAR as u32 && self.vectors => MSIX_BAR_BYTES.into(),
            _ => 0,
        }
    }

    /// What a host maps to reach a region without messages.
    pub(super) fn region_file(&self, region: u32) -> Option<BorrowedFd<'_>> {
        self.local.as_ref().filter(|_| region == MEMORY_BAR as u32).map(|local| local.file.as_fd())
    }

    /// Reads a region.
    ///
    /// # Errors
    /// `EINVAL`: the bytes are not inside it, or no whole registers or parts of one.
    pub(super) fn read(&mut self, region: u32, offset: u64, to: &mut [u8]) -> Result<(), Errno> {
        let at = inside(offset, to.len(), self.region_bytes(region))?;
        if self.lost {
            to.fill(0xff);
            return Ok(());
        }
        let done = match region {
            CONFIG_REGION => self.config.read(offset, to, self.interrupts.intx_asserted()),
            bar if bar == REGISTER_BAR as u32 => self.read_registers(at as u32, to),
            bar if bar == MSIX_BAR as u32 => {
                to.copy_from_slice(&self.msix_table[at..at + to.len()]);
                true
            }
            _ => self.local.as_ref().is_some_and(|local| local.memory.read(offset, to).is_ok()),
        };
        if done { Ok(()) } else { Err(Errno::INVAL) }
    }

    /// Writes a region.
    ///
    /// # Errors
    /// `EINVAL`: the bytes are not inside it, or no whole registers.
    pub(super) fn write(&mut self, region: u32, offset: u64, from: &[u8]) -> Result<(), Errno> {
        let at = inside(offset, from.len(), self.region_bytes(region))?;
        if self.lost {
            return Ok(());
        }
        let done = match region {
            CONFIG_REGION => self.write_config(offset, from),
            bar if bar == REGISTER_BAR as u32 => self.write_registers(at as u32, from),
            bar if bar == MSIX_BAR as u32 => {
                self.msix_table[at..at + from.len()].copy_from_slice(from);
                true
            }
            _ => self.local.as_ref().is_some_and(|local| local.memory.write(offset, from).is_ok()),
        };
        if done { Ok(()) } else { Err(Errno::INVAL) }
    }

    /// Registers one after the other, or a part of one.
    fn read_registers(&mut self, offset: u32, to: &mut [u8]) -> bool {
        let first = offset % 4;
        let part = first as usize + to.len() <= 4;
        if !part && (first != 0 || !to.len().is_multiple_of(4)) {
            return false;
        }
        for (i, word) in to.chunks_mut(4).enumerate() {
            let register = offset - first + 4 * i as u32;
            let value = self.on_device(|device| device.read(register)).unwrap_or(u32::MAX);
            let bytes = value.to_le_bytes();
            word.copy_from_slice(&bytes[first as usize..first as usize + word.len()]);
        }
        self.update_line();
        true
    }

    fn write_registers(&mut self, offset: u32, from: &[u8]) -> bool {
        let (words, rest) = from.as_chunks::<4>();
        if !offset.is_multiple_of(4) || !rest.is_empty() {
            return false;
        }
        for (i, word) in words.iter().enumerate() {
            let (register, value) = (offset + 4 * i as u32, u32::from_le_bytes(*word));
            self.on_device(|device| device.write(register, value));
            self.update_line();
        }
        true
    }

    fn write_config(&mut self, offset: u64, from: &[u8]) -> bool {
        let Some(effect) = self.config.write(offset, from) else { return false };
        match effect {
            Effect::FunctionReset => self.reset(),
            Effect::Nothing => {
                self.interrupts.disable_intx(self.config.intx_disabled());
                self.dma.enable(&mut *self.device, self.config.bus_master());
            }
        }
        true
    }

    /// Everything is as after power-up, but for what the host mapped, its event descriptors, and the bytes in memory.
    pub(super) fn reset(&mut self) {
        tracing::debug!("function level reset");
        self.config = self.fresh_config();
        self.msix_table.fill(0);
        self.dma.enable(&mut *self.device, false);
        self.on_device(|device| device.reset_link());
        self.update_line();
        self.interrupts.disable_intx(false);
    }

    /// The host is gone, and what was its own with it.
    pub(super) fn abandon(&mut self) {
        self.interrupts = Interrupts::default();
        self.reset();
        self.dma.clear(&mut *self.device);
    }

    /// Maps a range of a file of the host's; without a file the card reaches nothing there.
    ///
    /// # Errors
    /// As [`Dma::map`].
    pub(super) fn map(&mut self, range: &Range, file: Option<&File>, offset: u64) -> Result<(), Errno> {
        match file {
            Some(file) => self.dma.map(&mut *self.device, range, file, offset),
            None => {
                tracing::debug!(?range, "mapped without a file, and out of the card's reach");
                Ok(())
            }
        }
    }

    /// Takes away what is mapped in a range, or everything.
    ///
    /// # Errors
    /// As [`Dma::unmap`].
    pub(super) fn unmap(&mut self, range: Option<(u64, u64)>) -> Result<(), Errno> {
        match range {
            Some((address, bytes)) => self.dma.unmap(&mut *self.device, address, bytes),
            None => {
                self.dma.clear(&mut *self.device);
                Ok(())
            }
        }
    }

    /// What the host is told of the interrupt line.
    pub(super) fn interrupts(&mut self) -> &mut Interrupts {
        &mut self.interrupts
    }

    /// Lets time pass on the card; true while it has work.
    pub(super) fn advance(&mut self) -> bool {
        let busy = self.on_device(|device| device.advance()).unwrap_or(false);
        self.update_line();
        busy
    }

    /// Nobody has pulled it out.
    pub(super) fn is_plugged(&self) -> bool {
        self.device.is_plugged()
    }

    fn update_line(&mut self) {
        let line = self.on_device(|device| device.interrupt()).unwrap_or(false);
        self.interrupts.set_line(line);
    }

    /// Asks the device, unless it stopped; `None` if it does not answer.
    fn on_device<T>(&mut self, ask: impl FnOnce(&mut dyn BusMaster) -> Result<T, DeviceError>) -> Option<T> {
        if self.lost {
            return None;
        }
        ask(&mut *self.device)
            .inspect_err(|error| {
                tracing::error!(%error, "the card left the bus");
                self.lost = true;
            })
            .ok()
    }
}

/// The offset, if the bytes are inside a region of `size` bytes.
fn inside(offset: u64, bytes: usize, size: u64) -> Result<usize, Errno> {
    let end = offset.checked_add(bytes as u64).filter(|end| *end <= size).ok_or(Errno::INVAL)?;
    usize::try_from(end).map(|end| end - bytes).map_err(|_| Errno::INVAL)
}
