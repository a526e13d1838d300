//! The host's side without a virtual machine: a [`Device`] over the client of the crate `vfio_user`, which is not ours.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::fs::{MemfdFlags, memfd_create};
use systole_driver::memory::SharedMapping;
use systole_driver::{BusMaster, Device, DeviceError};
use systole_isa::pci::{LOCAL_MEMORY_BASE, MEMORY_BAR, REGISTER_BAR};
use systole_isa::register::{self, WINDOW_BYTES};
use systole_sim::virtual_board::{Card, Ended, Error, Socket, serve};
use vfio_user::Client;

/// Bytes of memory that a device may allocate.
pub const MEMORY: u64 = 64 << 20;
/// Where the host's memory is for the card.
pub const HOST_BASE: u64 = 1 << 32;
/// The beginning of host memory is mapped in pieces, so that accesses run over the edges between them; then comes the rest.
const PIECES: [u64; 16] = [1 << 16; 16];

const REGISTERS: u32 = REGISTER_BAR as u32;
const CARD_MEMORY: u32 = MEMORY_BAR as u32;
pub const CONFIG: u32 = 7;
const INTX: u32 = 0;
const MSIX: u32 = 2;
const EVENTFD_TRIGGER: u32 = 4 | 32;
const UNMASK: u32 = 1 | 16;

/// A card that is served by a thread.
pub struct Board {
    pub path: PathBuf,
    server: JoinHandle<Result<Ended, Error>>,
    _directory: tempfile::TempDir,
}

impl Board {
    /// Serves one host.
    pub fn new(device: Box<dyn BusMaster + Send>) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("board");
        let socket = Socket::bind(&path).expect("a socket");
        let mut card = Card::new(device, MEMORY).expect("a card");
        let server = std::thread::spawn(move || serve(&mut card, &socket.accept()?));
        Self { path, server, _directory: directory }
    }

    /// Waits for the server's end, which must not be a panic.
    pub fn ended(self) -> Result<Ended, Error> {
        self.server.join().expect("the server does not panic")
    }
}

/// What a host uses of a card.
#[derive(Clone, Copy, Debug)]
pub struct Uses {
    pub memory: Memory,
    pub interrupt: Interrupt,
}

#[derive(Clone, Copy, Debug)]
pub enum Memory {
    /// The host's, by DMA.
    Host,
    /// The card's, mapped.
    Mapped,
    /// The card's, by messages.
    Messages,
}

#[derive(Clone, Copy, Debug)]
pub enum Interrupt {
    Msix,
    Intx,
}

pub const DMA: Uses = Uses { memory: Memory::Host, interrupt: Interrupt::Msix };

/// A host with a card.
pub struct Host {
    pub client: Client,
    uses: Uses,
    /// Memory by the card's address minus `base`; by messages if `None`.
    memory: Option<SharedMapping>,
    file: File,
    base: u64,
    blocks: BTreeMap<u64, u64>,
    event: File,
    /// Interrupts that came.
    pub interrupts: u64,
    board: Option<Board>,
}

impl Host {
    /// Plugs the device in as a card.
    pub fn new(device: Box<dyn BusMaster + Send>, uses: Uses) -> Self {
        let board = Board::new(device);
        let mut client = Client::new(&board.path).expect("the client connects");
        let file = File::from(memfd_create("host", MemfdFlags::CLOEXEC).expect("memory"));
        file.set_len(MEMORY).expect("memory");
        let (base, memory) = match uses.memory {
            Memory::Host => {
                let mut offset = 0;
                for bytes in PIECES.into_iter().chain([MEMORY - PIECES.iter().sum::<u64>()]) {
                    client.dma_map(offset, HOST_BASE + offset, bytes, file.as_raw_fd()).expect("a mapping");
                    offset += bytes;
                }
                (HOST_BASE, Some(SharedMapping::of_file(&file, 0, MEMORY as usize).expect("a mapping")))
            }
            Memory::Mapped => {
                let region = client.region(CARD_MEMORY).expect("the card has memory");
                assert_eq!((region.size, region.sparse_areas[0].size), (MEMORY, MEMORY));
                let place = region.file_offset.as_ref().expect("the card's memory can be mapped");
                let mapping = SharedMapping::of_file(place.file(), place.start(), MEMORY as usize);
                (LOCAL_MEMORY_BASE, Some(mapping.expect("a mapping")))
            }
            Memory::Messages => (LOCAL_MEMORY_BASE, None),
        };
        let event = File::from(eventfd(0, EventfdFlags::NONBLOCK).expect("an event descriptor"));
        let index = if let Interrupt::Msix = uses.interrupt { MSIX } else { INTX };
        client.set_irqs(index, EVENTFD_TRIGGER, 0, 1, &[event.as_raw_fd()]).expect("the interrupt is set");
        let blocks = BTreeMap::new();
        let mut host = Self { client, uses, memory, file, base, blocks, event, interrupts: 0, board: Some(board) };
        host.enable();
        host
    }

    /// Enables memory space and bus mastering, or takes the latter away.
    pub fn command(&mut self, mastering: bool) {
        let command: u16 = 0b010 | u16::from(mastering) << 2;
        self.client.region_write(CONFIG, 4, &command.to_le_bytes()).expect("the command register is written");
    }

    fn enable(&mut self) {
        self.command(true);
    }

    /// The file that is the host's memory.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// How the server ended, after the host's goodbye.
    pub fn leave(mut self) -> Result<Ended, Error> {
        self.board.take().map_or(Ok(Ended::Disconnected), |board| {
            // The server may have gone first.
            let _ = self.client.shutdown();
            board.ended()
        })
    }

    /// Takes the interrupts that have come; their number.
    pub fn take_interrupts(&mut self) -> u64 {
        let mut count = [0; 8];
        let came = self.event.read(&mut count).map_or(0, |_| u64::from_ne_bytes(count));
        self.interrupts += came;
        came
    }

    fn offset(&self, address: u64, bytes: usize) -> Result<u64, DeviceError> {
        let bytes = bytes as u64;
        let block = self.blocks.range(..=address).next_back();
        let inside = block.is_some_and(|(base, size)| address - base <= *size && bytes <= size - (address - base));
        if inside { Ok(address - self.base) } else { Err(DeviceError::MemoryRange { address, bytes }) }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Some(board) = self.board.take() {
            // The server may have gone first.
            let _ = self.client.shutdown();
            let ended = board.ended();
            assert!(std::thread::panicking() || ended.is_ok(), "{ended:?}");
        }
    }
}

fn gone(error: vfio_user::Error) -> DeviceError {
    DeviceError::Stopped { reason: error.to_string() }
}

fn check(offset: u32) -> Result<(), DeviceError> {
    if offset < WINDOW_BYTES && offset.is_multiple_of(4) { Ok(()) } else { Err(DeviceError::RegisterOffset { offset }) }
}

impl Device for Host {
    fn read(&mut self, offset: u32) -> Result<u32, DeviceError> {
        check(offset)?;
        let mut bytes = [0; 4];
        self.client.region_read(REGISTERS, offset.into(), &mut bytes).map_err(gone)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn write(&mut self, offset: u32, value: u32) -> Result<(), DeviceError> {
        check(offset)?;
        self.client.region_write(REGISTERS, offset.into(), &value.to_le_bytes()).map_err(gone)
    }

    fn allocate(&mut self, bytes: u64) -> Result<u64, DeviceError> {
        let mut address = self.base;
        for (block, size) in &self.blocks {
            if address + bytes <= *block {
                break;
            }
            address = (block + size).next_multiple_of(64);
        }
        let available = (self.base + MEMORY).saturating_sub(address);
        if bytes > available {
            return Err(DeviceError::OutOfMemory { requested: bytes, available });
        }
        self.blocks.insert(address, bytes);
        self.copy_to(address, &vec![0; bytes as usize])?;
        Ok(address)
    }

    fn release(&mut self, address: u64) -> Result<(), DeviceError> {
        self.blocks.remove(&address).map(drop).ok_or(DeviceError::MemoryRange { address, bytes: 0 })
    }

    fn copy_to(&mut self, address: u64, bytes: &[u8]) -> Result<(), DeviceError> {
        let offset = self.offset(address, bytes.len())?;
        match &self.memory {
            Some(memory) => memory.write(offset, bytes).map_err(|e| DeviceError::Stopped { reason: e.to_string() }),
            None => bytes
                .chunks(1 << 16)
                .zip((offset..).step_by(1 << 16))
                .try_for_each(|(part, at)| self.client.region_write(CARD_MEMORY, at, part).map_err(gone)),
        }
    }

    fn copy_from(&mut self, address: u64, bytes: &mut [u8]) -> Result<(), DeviceError> {
        let offset = self.offset(address, bytes.len())?;
        match &self.memory {
            Some(memory) => memory.read(offset, bytes).map_err(|e| DeviceError::Stopped { reason: e.to_string() }),
            None => bytes
                .chunks_mut(1 << 16)
                .zip((offset..).step_by(1 << 16))
                .try_for_each(|(part, at)| self.client.region_read(CARD_MEMORY, at, part).map_err(gone)),
        }
    }

    fn wait_interrupt(&mut self, timeout: Duration) -> Result<bool, DeviceError> {
        let start = Instant::now();
        loop {
            if self.take_interrupts() > 0
                && let Interrupt::Intx = self.uses.interrupt
            {
                self.client.set_irqs(INTX, UNMASK, 0, 1, &[]).map_err(gone)?;
            }
            if self.read(register::IRQ_STATUS.offset)? & self.read(register::IRQ_ENABLE.offset)? != 0 {
                return Ok(true);
            }
            let left = timeout.saturating_sub(start.elapsed());
            if left.is_zero() {
                return Ok(false);
            }
            let wait = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() };
            poll(&mut [PollFd::new(&self.event, PollFlags::IN)], Some(&wait)).expect("the event can be waited for");
        }
    }

    fn reset_link(&mut self) -> Result<(), DeviceError> {
        self.client.reset().map_err(gone)?;
        self.enable();
        Ok(())
    }
}
