//! How a card looks on PCI. Not part of the contract's hash: what a program does depends on none of it, and who answers
//! behind the registers is found by MAGIC and the ABI hash.

/// Vendor ID. It stands in many FPGA designs without an ID of their own, and alone proves nothing.
pub const VENDOR_ID: u16 = 0x1234;
/// Device ID: "SY".
pub const DEVICE_ID: u16 = 0x5953;
/// Subsystem vendor ID. Together with the three other numbers it says that a card is ours.
pub const SUBSYSTEM_VENDOR_ID: u16 = VENDOR_ID;
/// Subsystem ID.
pub const SUBSYSTEM_ID: u16 = DEVICE_ID;
/// Class, subclass, interface: processing accelerator.
pub const CLASS: u32 = 0x12_00_00;
/// BAR of the registers, [`crate::register::WINDOW_BYTES`] bytes, 32 bits.
pub const REGISTER_BAR: usize = 0;
/// BAR of the card's own memory, 64 bits, prefetchable, so that it takes number 3 as well. A card without has none.
pub const MEMORY_BAR: usize = 2;
/// BAR of the MSI-X table and its pending bits.
pub const MSIX_BAR: usize = 4;
/// Interrupt vectors.
pub const VECTORS: u16 = 1;
/// Where the card's own memory begins on its bus, beyond every address that a host or an IOMMU gives.
pub const LOCAL_MEMORY_BASE: u64 = 1 << 52;
