//! [`RtlDevice`]: the design as an executor.

use super::ffi::Handle;
use super::memory::Allocations;
use super::{Error, Model, Options};
use std::time::{Duration, Instant};
use systole_driver::bus::{BusMaster, Window, Windows};
use systole_driver::recorder::Placement;
use systole_driver::{Device, DeviceError};
use systole_isa::HwConfig;
use systole_isa::access::Space;
use systole_isa::register::{self, WINDOW_BYTES};

/// Cycles between two looks at the clock on the wall. Fewer and the looks would cost more than the cycles of the
/// smallest configuration; many more, and a wait on the largest would end late.
const SLICE: u64 = 256;
/// STATUS: a submission runs.
const STATUS_RUNNING: u32 = 1;

/// The RTL of one configuration, with its clock, its host bus and its memory.
///
/// The clock runs in register accesses (a few cycles each) and in [`Device::wait_interrupt`], nowhere else. So with
/// the same options and the same calls, everything happens in the same cycle on every run; only how many cycles a wait
/// of given length contains depends on the host, at least 256.
pub struct RtlDevice {
    handle: Handle,
    memory: Allocations,
    windows: Windows,
    config: &'static HwConfig,
}

impl RtlDevice {
    /// A device of this configuration, as after power-up; its model is built first if need be.
    ///
    /// # Errors
    /// Tools are missing or fail, or the model cannot be loaded.
    pub fn open(config: &'static HwConfig, options: &Options) -> Result<Self, Error> {
        Model::build(config, options)?.start(options)
    }

    pub(super) fn new(handle: Handle, config: &'static HwConfig, options: &Options) -> Self {
        Self { handle, memory: Allocations::new(options.memory_limit), windows: Windows::default(), config }
    }

    /// The configuration.
    pub const fn config(&self) -> &'static HwConfig {
        self.config
    }

    /// Cycles since power-up.
    pub fn cycles(&self) -> u64 {
        self.handle.cycles()
    }

    /// Runs the clock until the interrupt line is raised, at most `cycles`; true if it is raised.
    ///
    /// # Errors
    /// The design stopped.
    pub fn run(&mut self, cycles: u64) -> Result<bool, DeviceError> {
        self.handle.run(cycles).map_err(stopped)
    }

    /// A memory on chip, as little-endian words in the order of their addresses: N bytes (SPAD), N INT32 (ACC), N
    /// records of 8 bytes (PARAM), entries of 10 bytes (ROW).
    pub fn chip(&self, space: Space) -> Vec<u8> {
        self.handle.chip_read(number(space))
    }

    /// Replaces the contents of a memory on chip, behind the design's back; false if the image has another size.
    #[must_use]
    pub fn set_chip(&mut self, space: Space, image: &[u8]) -> bool {
        self.handle.chip_write(number(space), image)
    }
}

/// The memory's number in `abi.h`.
const fn number(space: Space) -> u32 {
    match space {
        Space::Spad => 0,
        Space::Acc => 1,
        Space::Param => 2,
        Space::Row => 3,
    }
}

fn stopped(reason: String) -> DeviceError {
    DeviceError::Stopped { reason }
}

fn check_offset(offset: u32) -> Result<(), DeviceError> {
    if offset < WINDOW_BYTES && offset.is_multiple_of(4) { Ok(()) } else { Err(DeviceError::RegisterOffset { offset }) }
}

impl Device for RtlDevice {
    fn read(&mut self, offset: u32) -> Result<u32, DeviceError> {
        check_offset(offset)?;
        self.handle.read(offset).map_err(stopped)
    }

    fn write(&mut self, offset: u32, value: u32) -> Result<(), DeviceError> {
        check_offset(offset)?;
        self.handle.write(offset, value).map_err(stopped)
    }

    fn allocate(&mut self, bytes: u64) -> Result<u64, DeviceError> {
        let address = self.memory.allocate(bytes)?;
        self.handle.map(address, bytes);
        Ok(address)
    }

    fn release(&mut self, address: u64) -> Result<(), DeviceError> {
        self.memory.release(address)?;
        self.handle.unmap(address);
        Ok(())
    }

    fn copy_to(&mut self, address: u64, bytes: &[u8]) -> Result<(), DeviceError> {
        let len = bytes.len() as u64;
        let copied = match self.memory.check(address, len) {
            Ok(()) => self.handle.copy_to(address, bytes),
            Err(_) => self.windows.write(address, bytes),
        };
        if copied { Ok(()) } else { Err(DeviceError::MemoryRange { address, bytes: len }) }
    }

    fn copy_from(&mut self, address: u64, bytes: &mut [u8]) -> Result<(), DeviceError> {
        let len = bytes.len() as u64;
        let copied = match self.memory.check(address, len) {
            Ok(()) => self.handle.copy_from(address, bytes),
            Err(_) => self.windows.read(address, bytes),
        };
        if copied { Ok(()) } else { Err(DeviceError::MemoryRange { address, bytes: len }) }
    }

    /// Runs the clock until the line is raised or the time is up; some cycles pass even in no time, so that who polls
    /// gets on.
    fn wait_interrupt(&mut self, timeout: Duration) -> Result<bool, DeviceError> {
        let started = Instant::now();
        loop {
            if self.run(SLICE)? {
                return Ok(true);
            }
            if started.elapsed() >= timeout {
                return Ok(false);
            }
        }
    }

    fn reset_link(&mut self) -> Result<(), DeviceError> {
        self.handle.reset().map_err(stopped)
    }
}

impl BusMaster for RtlDevice {
    fn map(&mut self, address: u64, window: Window) {
        self.handle.map_external(address, window.clone());
        self.windows.map(address, window);
    }

    fn unmap(&mut self, address: u64) {
        self.windows.unmap(address);
        self.handle.unmap(address);
    }

    fn interrupt(&mut self) -> Result<bool, DeviceError> {
        self.run(0)
    }

    fn advance(&mut self) -> Result<bool, DeviceError> {
        self.handle.advance(SLICE).map_err(stopped)?;
        Ok(self.read(register::STATUS.offset)? & STATUS_RUNNING != 0)
    }

    fn take_refused(&mut self) -> Option<u64> {
        self.handle.take_refused()
    }
}

impl Placement for RtlDevice {
    fn allocate_at(&mut self, address: u64, bytes: u64) -> Result<(), DeviceError> {
        self.memory.allocate_at(address, bytes)?;
        self.handle.map(address, bytes);
        Ok(())
    }
}
