//! [`Board`]: a device behind any of the kernel's interfaces.

use std::time::{Duration, Instant};

use systole_isa::register::{self, WINDOW_BYTES};

use super::error::{TransportError, system};
use super::interrupt::Interrupt;
use super::lock::Lock;
use crate::memory::{DmaMemory, SharedMapping};
use crate::{Device, DeviceError, RegisterAccess};

/// STATUS: a submission runs, or the bus hung and owes answers.
const MAY_WRITE: u32 = 1 | 8;
/// Longest wait for the engine when a board is given back; what runs longer is cut off from memory.
const STOPPING: Duration = Duration::from_millis(100);
/// Longest sleep between two looks at the interrupt line: what a lost interrupt costs.
const SLEEP: Duration = Duration::from_millis(20);

/// The registers: a mapping, and where in it they begin.
#[derive(Debug)]
pub(super) struct Window {
    mapping: SharedMapping,
    base: u64,
}

impl Window {
    /// The window that begins `base` bytes into a mapping.
    pub fn new(mapping: SharedMapping, base: u64) -> Self {
        Self { mapping, base }
    }

    fn at(&self, offset: u32) -> Result<u64, DeviceError> {
        let inside = offset < WINDOW_BYTES && offset.is_multiple_of(4);
        if inside { Ok(self.base + u64::from(offset)) } else { Err(DeviceError::RegisterOffset { offset }) }
    }
}

/// What is done to a whole function.
pub(super) trait Control: Send {
    /// Resets it; it answers and may use memory afterwards.
    fn reset(&mut self) -> Result<(), DeviceError>;
    /// Lets it use memory.
    fn connect(&mut self) -> Result<(), DeviceError>;
    /// Cuts it off from memory.
    fn disconnect(&mut self) -> Result<(), DeviceError>;
}

/// A part of the chip that nothing but its own registers controls.
#[derive(Debug)]
pub(super) struct Uncontrolled {
    /// For the message.
    pub location: String,
}

impl Control for Uncontrolled {
    fn reset(&mut self) -> Result<(), DeviceError> {
        Err(DeviceError::Unsupported {
            what: "a reset of the link",
            device: self.location.clone(),
            instead: "reset the engine, or program the bitstream again",
        })
    }

    fn connect(&mut self) -> Result<(), DeviceError> {
        Ok(())
    }

    fn disconnect(&mut self) -> Result<(), DeviceError> {
        Ok(())
    }
}

/// What a transport finds when it opens a device.
pub(super) struct Parts {
    pub window: Window,
    pub memory: Box<dyn DmaMemory>,
    pub interrupt: Box<dyn Interrupt>,
    pub control: Box<dyn Control>,
    pub lock: Lock,
}

/// A device. Dropping it stops the engine and cuts it off from memory before that memory is given back.
pub(super) struct Board {
    /// Fields are dropped in this order: no interrupt without its device, no device without its lock.
    interrupt: Box<dyn Interrupt>,
    memory: Box<dyn DmaMemory>,
    window: Window,
    control: Box<dyn Control>,
    _lock: Lock,
    /// What IRQ_ENABLE holds.
    enabled: u32,
}

impl Board {
    /// Checks who answers before it may use memory. Its engine is left as it is, its interrupts are switched off.
    pub fn new(parts: Parts, location: &str) -> Result<Self, TransportError> {
        let Parts { window, memory, interrupt, control, lock } = parts;
        let mut board = Self { interrupt, memory, window, control, _lock: lock, enabled: 0 };
        let found = board.get(register::MAGIC)?;
        if found != register::MAGIC_VALUE {
            return Err(TransportError::NotSystole { location: location.to_owned(), found });
        }
        board.write(register::IRQ_ENABLE.offset, 0)?;
        board.control.connect()?;
        Ok(board)
    }

    fn raised(&mut self) -> Result<bool, DeviceError> {
        Ok(self.get(register::IRQ_STATUS)? & self.enabled != 0)
    }

    /// Stops the engine, if it is ours that answers.
    fn stop(&mut self) -> Result<(), DeviceError> {
        if self.read(register::MAGIC.offset)? != register::MAGIC_VALUE {
            return Ok(());
        }
        self.set(register::IRQ_ENABLE, 0)?;
        self.set(register::CONTROL, 0)?;
        self.set(register::RESET, 1)?;
        let started = Instant::now();
        while self.get(register::STATUS)? & MAY_WRITE != 0 && started.elapsed() < STOPPING {
            std::thread::sleep(Duration::from_micros(50));
        }
        Ok(())
    }
}

impl Device for Board {
    fn read(&mut self, offset: u32) -> Result<u32, DeviceError> {
        let outside = |_| DeviceError::RegisterOffset { offset };
        self.window.mapping.read_u32(self.window.at(offset)?).map_err(outside)
    }

    fn write(&mut self, offset: u32, value: u32) -> Result<(), DeviceError> {
        let outside = |_| DeviceError::RegisterOffset { offset };
        self.window.mapping.write_u32(self.window.at(offset)?, value).map_err(outside)?;
        if offset == register::IRQ_ENABLE.offset {
            self.enabled = value;
        }
        Ok(())
    }

    fn allocate(&mut self, bytes: u64) -> Result<u64, DeviceError> {
        self.memory.allocate(bytes)
    }

    fn release(&mut self, address: u64) -> Result<(), DeviceError> {
        self.memory.release(address)
    }

    fn copy_to(&mut self, address: u64, bytes: &[u8]) -> Result<(), DeviceError> {
        self.memory.copy_to(address, bytes)
    }

    fn copy_from(&mut self, address: u64, bytes: &mut [u8]) -> Result<(), DeviceError> {
        self.memory.copy_from(address, bytes)
    }

    /// The line is read before each sleep, so that what came earlier counts, and after the last one.
    fn wait_interrupt(&mut self, timeout: Duration) -> Result<bool, DeviceError> {
        let started = Instant::now();
        loop {
            // The clock is read before the line, so that the last look comes after the deadline.
            let left = timeout.saturating_sub(started.elapsed());
            if self.raised()? {
                return Ok(true);
            }
            if left.is_zero() {
                return Ok(false);
            }
            self.interrupt.wait(left.min(SLEEP)).map_err(system("poll", "the interrupt"))?;
        }
    }

    fn reset_link(&mut self) -> Result<(), DeviceError> {
        self.control.reset()?;
        self.enabled = 0;
        self.control.connect()
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            tracing::warn!(%error, "the engine could not be stopped");
        }
        if let Err(error) = self.control.disconnect() {
            tracing::error!(%error, "the device could not be cut off from memory");
        }
    }
}
