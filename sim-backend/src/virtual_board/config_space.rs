//! The card's PCI configuration space: a header of type 0, power management, PCI Express with function level reset, MSI-X.
//!
//! Numbers are those of the PCI Local Bus Specification 3.0 (header, MSI-X), the PCI Bus Power Management Specification
//! 1.2 and the PCI Express Base Specification 3.0 (7.8).

use systole_isa::pci::{
    CLASS, DEVICE_ID, MEMORY_BAR, MSIX_BAR, REGISTER_BAR, SUBSYSTEM_ID, SUBSYSTEM_VENDOR_ID, VECTORS, VENDOR_ID,
};
use systole_isa::register::WINDOW_BYTES;

/// Bytes of the configuration space of a PCI Express function.
pub(super) const CONFIG_BYTES: usize = 4096;
/// Bytes of the BAR with the MSI-X table.
pub(super) const MSIX_BAR_BYTES: u32 = 4096;
/// Where in it the pending bits are.
pub(super) const PENDING_OFFSET: u32 = 2048;

const COMMAND: usize = 0x04;
const STATUS: usize = 0x06;
const BARS: usize = 0x10;
const CAPABILITIES: usize = 0x34;
const INTERRUPT_LINE: usize = 0x3c;
const POWER: usize = 0x40;
const EXPRESS: usize = 0x50;
const DEVICE_CONTROL: usize = EXPRESS + 8;
const MSIX: usize = 0x90;

/// COMMAND: memory space, bus master, parity and SERR response, INTx disable.
const COMMAND_WRITABLE: u16 = 0x0546;
const BUS_MASTER: u16 = 1 << 2;
const INTX_DISABLE: u16 = 1 << 10;
/// STATUS: INTx is asserted.
const INTX_ASSERTED: u8 = 1 << 3;
/// DEVICE_CONTROL, high byte: initiate a function level reset. Reads 0.
const FUNCTION_RESET: u8 = 1 << 7;

/// What a write asks for beside being kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Nothing,
    FunctionReset,
}

/// The bytes, and which of their bits the host may write.
#[derive(Clone, Debug)]
pub(super) struct ConfigSpace {
    bytes: [u8; CONFIG_BYTES],
    writable: [u8; CONFIG_BYTES],
}

impl ConfigSpace {
    /// As after power-up. `memory` is the size of the card's own memory, a power of two of at least a page; without
    /// `vectors` there is no MSI-X, and the interrupt pin is all.
    pub fn new(memory: Option<u64>, vectors: bool) -> Self {
        let mut space = Self { bytes: [0; CONFIG_BYTES], writable: [0; CONFIG_BYTES] };
        space.put(0x00, &VENDOR_ID.to_le_bytes());
        space.put(0x02, &DEVICE_ID.to_le_bytes());
        space.allow(COMMAND, &COMMAND_WRITABLE.to_le_bytes());
        // There is a list of capabilities.
        space.put(STATUS, &[1 << 4]);
        space.put(0x09, &CLASS.to_le_bytes()[..3]);
        // Cache line size.
        space.allow(0x0c, &[0xff]);
        space.bar(REGISTER_BAR, WINDOW_BYTES.into(), 0);
        if let Some(bytes) = memory {
            // 64 bits, prefetchable.
            space.bar(MEMORY_BAR, bytes, 0b1100);
        }
        if vectors {
            space.bar(MSIX_BAR, MSIX_BAR_BYTES.into(), 0);
        }
        space.put(0x2c, &SUBSYSTEM_VENDOR_ID.to_le_bytes());
        space.put(0x2e, &SUBSYSTEM_ID.to_le_bytes());
        space.put(CAPABILITIES, &[POWER as u8]);
        space.allow(INTERRUPT_LINE, &[0xff]);
        // Pin A.
        space.put(INTERRUPT_LINE + 1, &[1]);

        // Version 3, no D1, D2 nor PME; going back to D0 resets nothing.
        space.put(POWER, &[0x01, EXPRESS as u8, 0x03, 0x00, 1 << 3]);
        space.allow(POWER + 4, &[0b11]);

        // Version 2, endpoint; role-based error reporting, function level reset; a link of one lane at 2.5 GT/s.
        space.put(EXPRESS, &[0x10, if vectors { MSIX as u8 } else { 0 }, 0x02, 0x00]);
        space.put(EXPRESS + 4, &(1u32 << 15 | 1 << 28).to_le_bytes());
        space.allow(DEVICE_CONTROL, &[0xff, 0x7f]);
        space.put(EXPRESS + 12, &(1u32 | 1 << 4).to_le_bytes());
        space.put(EXPRESS + 18, &(1u16 | 1 << 4).to_le_bytes());

        if vectors {
            space.put(MSIX, &[0x11, 0]);
            space.put(MSIX + 2, &(VECTORS - 1).to_le_bytes());
            // Enable and function mask.
            space.allow(MSIX + 3, &[0xc0]);
            space.put(MSIX + 4, &(MSIX_BAR as u32).to_le_bytes());
            space.put(MSIX + 8, &(MSIX_BAR as u32 | PENDING_OFFSET).to_le_bytes());
        }
        space
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn allow(&mut self, at: usize, bits: &[u8]) {
        self.writable[at..at + bits.len()].copy_from_slice(bits);
    }

    /// A memory BAR. The address bits below its size do not exist, which is how a host finds the size.
    fn bar(&mut self, index: usize, bytes: u64, kind: u32) {
        let at = BARS + 4 * index;
        let address = (!(bytes - 1)).to_le_bytes();
        self.put(at, &kind.to_le_bytes());
        self.allow(at, if kind & 0b100 != 0 { &address } else { &address[..4] });
    }

    /// Copies bytes out; false if they are not all inside.
    #[must_use]
    pub fn read(&self, offset: u64, to: &mut [u8], intx_asserted: bool) -> bool {
        let Some(at) = inside(offset, to.len()) else { return false };
        to.copy_from_slice(&self.bytes[at..at + to.len()]);
        if intx_asserted && let Some(status) = STATUS.checked_sub(at).and_then(|i| to.get_mut(i)) {
            *status |= INTX_ASSERTED;
        }
        true
    }

    /// Writes what may be written; `None` if the bytes are not all inside.
    pub fn write(&mut self, offset: u64, from: &[u8]) -> Option<Effect> {
        let at = inside(offset, from.len())?;
        for (i, new) in from.iter().enumerate() {
            let (old, mask) = (&mut self.bytes[at + i], self.writable[at + i]);
            *old = *old & !mask | new & mask;
        }
        let control = (DEVICE_CONTROL + 1).checked_sub(at).and_then(|i| from.get(i));
        let reset = control.is_some_and(|byte| byte & FUNCTION_RESET != 0);
        Some(if reset { Effect::FunctionReset } else { Effect::Nothing })
    }

    /// The card may read and write the host's memory.
    pub fn bus_master(&self) -> bool {
        self.command() & BUS_MASTER != 0
    }

    /// The card must not assert INTx.
    pub fn intx_disabled(&self) -> bool {
        self.command() & INTX_DISABLE != 0
    }

    fn command(&self) -> u16 {
        u16::from_le_bytes([self.bytes[COMMAND], self.bytes[COMMAND + 1]])
    }
}

fn inside(offset: u64, bytes: usize) -> Option<usize> {
    let at = usize::try_from(offset).ok()?;
    (at.checked_add(bytes)? <= CONFIG_BYTES).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<const BYTES: usize>(space: &ConfigSpace, at: usize) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        assert!(space.read(at as u64, &mut bytes, false));
        bytes
    }

    #[test]
    fn a_host_finds_the_size_of_every_bar() {
        let mut space = ConfigSpace::new(Some(64 << 20), true);
        assert_eq!(space.write(BARS as u64, &[0xff; 24]), Some(Effect::Nothing));
        let found = [0, 1, 2, 3, 4, 5].map(|bar| u32::from_le_bytes(read(&space, BARS + 4 * bar)));
        assert_eq!(found, [0xffff_f000, 0, 0xfc00_000c, 0xffff_ffff, 0xffff_f000, 0]);
        let mut without = ConfigSpace::new(None, true);
        assert_eq!(without.write(BARS as u64 + 8, &[0xff; 8]), Some(Effect::Nothing));
        assert_eq!(read::<8>(&without, BARS + 8), [0; 8]);
    }

    #[test]
    fn the_capabilities_are_one_list() {
        let space = ConfigSpace::new(None, true);
        assert_eq!(read::<1>(&space, STATUS)[0] & 1 << 4, 1 << 4);
        let mut found = Vec::new();
        let mut at = read::<1>(&space, CAPABILITIES)[0];
        while at != 0 {
            let [id, next] = read(&space, at.into());
            found.push(id);
            at = next;
        }
        assert_eq!(found, [0x01, 0x10, 0x11]);
    }

    #[test]
    fn without_vectors_there_is_no_msix() {
        let mut space = ConfigSpace::new(None, false);
        assert_eq!(read::<2>(&space, EXPRESS), [0x10, 0], "the last capability");
        assert_eq!(space.write(BARS as u64 + 4 * MSIX_BAR as u64, &[0xff; 4]), Some(Effect::Nothing));
        assert_eq!(read::<4>(&space, BARS + 4 * MSIX_BAR), [0; 4]);
        assert_eq!(read::<1>(&space, INTERRUPT_LINE + 1), [1]);
    }

    #[test]
    fn only_what_is_writable_changes() {
        let fresh = ConfigSpace::new(Some(4096), true);
        for ones in [0xff, 0x00] {
            let mut space = fresh.clone();
            let effect = space.write(0, &[ones; CONFIG_BYTES]);
            assert_eq!(effect == Some(Effect::FunctionReset), ones == 0xff);
            for (at, (new, old)) in space.bytes.iter().zip(&fresh.bytes).enumerate() {
                assert_eq!((new ^ old) & !fresh.writable[at], 0, "{at:#x}");
            }
            assert_eq!(space.bus_master() && space.intx_disabled(), ones == 0xff);
        }
        assert_eq!(fresh.clone().write(DEVICE_CONTROL as u64, &[0, 0x80]), Some(Effect::FunctionReset));
        assert_eq!(fresh.clone().write(DEVICE_CONTROL as u64, &[0x80]), Some(Effect::Nothing));
    }

    #[test]
    fn the_interrupt_shows_in_the_status() {
        let space = ConfigSpace::new(None, true);
        for (start, len) in [(6u64, 1), (4, 4), (0, 64), (6, 2)] {
            let mut bytes = vec![0; len];
            assert!(space.read(start, &mut bytes, true));
            assert_eq!(bytes[6 - start as usize], 1 << 4 | 1 << 3);
            assert!(space.read(start, &mut bytes, false));
            assert_eq!(bytes[6 - start as usize], 1 << 4);
        }
    }

    #[test]
    fn what_leaves_the_space_is_refused() {
        let mut space = ConfigSpace::new(None, true);
        for (offset, len) in [(4096, 1), (4095, 2), (u64::MAX, 1), (0, 4097)] {
            assert!(!space.read(offset, &mut vec![0; len], true));
            assert_eq!(space.write(offset, &vec![0; len]), None);
        }
    }
}
