//! The interface of an executor: simulator, Verilated RTL or board.

use std::time::Duration;

/// What can go wrong between the host and a device.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// The register window ends before this offset, or the offset is not aligned to 4.
    #[error("register offset {offset:#x} is outside the register window or not a multiple of 4")]
    RegisterOffset {
        /// Byte offset.
        offset: u32,
    },
    /// The device has no room for a buffer.
    #[error(
        "device memory is exhausted: {requested} bytes wanted, {available} available; use a shorter or smaller batch"
    )]
    OutOfMemory {
        /// Bytes asked for.
        requested: u64,
        /// Bytes left.
        available: u64,
    },
    /// A copy touches memory that was not allocated.
    #[error("bus address {address:#x} with {bytes} bytes is not device memory")]
    MemoryRange {
        /// First address.
        address: u64,
        /// Length.
        bytes: u64,
    },
    /// Every read gives ones: the device left the bus, lost its power or its link.
    #[error(
        "the device does not answer: {register} reads 0xffffffff, and MAGIC too; check power, cable and bitstream, then \
         `systole reset --level link` or reboot"
    )]
    LinkDown {
        /// Register that was read first.
        register: &'static str,
    },
    /// The operating system refused something.
    #[error("{call} on {target}: {source}; `systole doctor` says what is missing")]
    System {
        /// What was called: `open`, `mmap`, `VFIO_IOMMU_MAP_DMA`.
        call: &'static str,
        /// File, device or range.
        target: String,
        /// The reason, with its errno.
        source: std::io::Error,
    },
    /// This transport cannot do that.
    #[error("{what} is not possible on {device}; {instead}")]
    Unsupported {
        /// What was asked for.
        what: &'static str,
        /// Of which device or transport.
        device: String,
        /// What to do.
        instead: &'static str,
    },
    /// The process is to end, and the device was stopped.
    #[error("cancelled")]
    Cancelled,
    /// The device does nothing any more: a Verilated model whose assertion failed, or one that does not answer.
    #[error("the device stopped: {reason}; open it again")]
    Stopped {
        /// Its own words.
        reason: String,
    },
}

/// An executor. Bus addresses are what instructions' regions and the rings hold; on every executor they are opaque to
/// the host.
///
/// Implementations need not check register values: that is the engine's task on the device side and
/// `Engine`'s on the host side.
pub trait Device {
    /// Reads the 32-bit register at a byte offset of the window.
    ///
    /// # Errors
    /// The offset is outside the window or unaligned, or the device cannot be reached.
    fn read(&mut self, offset: u32) -> Result<u32, DeviceError>;

    /// Writes the 32-bit register at a byte offset of the window.
    ///
    /// # Errors
    /// As [`Device::read`].
    fn write(&mut self, offset: u32, value: u32) -> Result<(), DeviceError>;

    /// Reserves zeroed memory that both sides reach; the address is a multiple of 64.
    ///
    /// # Errors
    /// The memory is exhausted.
    fn allocate(&mut self, bytes: u64) -> Result<u64, DeviceError>;

    /// Gives back memory by the address [`Device::allocate`] returned.
    ///
    /// # Errors
    /// No allocation begins at this address.
    fn release(&mut self, address: u64) -> Result<(), DeviceError>;

    /// Copies host bytes to device memory.
    ///
    /// # Errors
    /// The range is not inside one allocation.
    fn copy_to(&mut self, address: u64, bytes: &[u8]) -> Result<(), DeviceError>;

    /// Copies device memory to host bytes.
    ///
    /// # Errors
    /// The range is not inside one allocation.
    fn copy_from(&mut self, address: u64, bytes: &mut [u8]) -> Result<(), DeviceError>;

    /// Sleeps until the interrupt line is raised, at most `timeout`; true if it is raised.
    ///
    /// # Errors
    /// The device cannot be reached.
    fn wait_interrupt(&mut self, timeout: Duration) -> Result<bool, DeviceError>;

    /// Resets the whole function, below the engine: registers are as after power-up, allocations stay and what they
    /// hold is undefined where memory is the device's own.
    ///
    /// # Errors
    /// [`DeviceError::Unsupported`] where the transport has no such reset; the device cannot be reached.
    fn reset_link(&mut self) -> Result<(), DeviceError> {
        Err(DeviceError::Unsupported {
            what: "a reset of the link",
            device: "this device".to_owned(),
            instead: "open it again",
        })
    }
}

/// So that what wraps a device can wrap one whose type is chosen when the program runs.
impl<D: Device + ?Sized> Device for Box<D> {
    fn read(&mut self, offset: u32) -> Result<u32, DeviceError> {
        (**self).read(offset)
    }
    fn write(&mut self, offset: u32, value: u32) -> Result<(), DeviceError> {
        (**self).write(offset, value)
    }
    fn allocate(&mut self, bytes: u64) -> Result<u64, DeviceError> {
        (**self).allocate(bytes)
    }
    fn release(&mut self, address: u64) -> Result<(), DeviceError> {
        (**self).release(address)
    }
    fn copy_to(&mut self, address: u64, bytes: &[u8]) -> Result<(), DeviceError> {
        (**self).copy_to(address, bytes)
    }
    fn copy_from(&mut self, address: u64, bytes: &mut [u8]) -> Result<(), DeviceError> {
        (**self).copy_from(address, bytes)
    }
    fn wait_interrupt(&mut self, timeout: Duration) -> Result<bool, DeviceError> {
        (**self).wait_interrupt(timeout)
    }
    fn reset_link(&mut self) -> Result<(), DeviceError> {
        (**self).reset_link()
    }
}
