//! [`Windows`]: all memory of others on one device's bus.

use std::cell::Cell;
use std::collections::BTreeMap;

use super::Window;

/// Windows by their first address; none overlaps another. An access may run from one into the next.
#[derive(Clone, Debug, Default)]
pub struct Windows {
    windows: BTreeMap<u64, Window>,
    refused: Cell<Option<u64>>,
}

impl PartialEq for Windows {
    /// What was refused does not count.
    fn eq(&self, other: &Self) -> bool {
        self.windows == other.windows
    }
}

impl Eq for Windows {}

/// What an access does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    Read,
    Write,
}

impl Windows {
    /// Puts a window at an address.
    pub fn map(&mut self, address: u64, window: Window) {
        self.windows.insert(address, window);
    }

    /// Takes away the window that begins at an address, if one does.
    pub fn unmap(&mut self, address: u64) {
        self.windows.remove(&address);
    }

    /// Copies bytes out; false, with nothing copied, if one of them lies in no window that may be read.
    #[must_use]
    pub fn read(&self, address: u64, to: &mut [u8]) -> bool {
        let Some(pieces) = self.all_pieces(address, to.len(), Access::Read) else { return false };
        let mut rest = to;
        pieces.into_iter().all(|piece| {
            let (head, tail) = std::mem::take(&mut rest).split_at_mut(piece.bytes);
            rest = tail;
            piece.window.memory.read(piece.offset, head).is_ok()
        })
    }

    /// Copies bytes in; false, with nothing copied, if one of them lies in no window that may be written.
    #[must_use]
    pub fn write(&self, address: u64, from: &[u8]) -> bool {
        let Some(pieces) = self.all_pieces(address, from.len(), Access::Write) else { return false };
        let mut rest = from;
        pieces.into_iter().all(|piece| {
            let (head, tail) = rest.split_at(piece.bytes);
            rest = tail;
            piece.window.memory.write(piece.offset, head).is_ok()
        })
    }

    /// Takes the address of the last access that was refused, if there was one since the last call.
    pub fn take_refused(&mut self) -> Option<u64> {
        self.refused.take()
    }

    /// As [`Windows::pieces`], and notes what is refused.
    fn all_pieces(&self, address: u64, bytes: usize, access: Access) -> Option<Vec<Piece<'_>>> {
        let pieces = self.pieces(address, bytes, access);
        if pieces.is_none() {
            self.refused.set(Some(address));
        }
        pieces
    }

    /// Where the bytes of an access lie, in ascending order; `None` if not all may be accessed. No byte lies anywhere.
    fn pieces(&self, address: u64, bytes: usize, access: Access) -> Option<Vec<Piece<'_>>> {
        let mut pieces = Vec::new();
        let (mut at, mut left) = (address, bytes);
        loop {
            let (base, window) = self.windows.range(..=at).next_back()?;
            let allowed = if access == Access::Read { window.readable } else { window.writable };
            let offset = at - base;
            let room = window.bytes().checked_sub(offset).filter(|room| *room > 0 && allowed)?;
            let bytes = usize::try_from(room).map_or(left, |room| room.min(left));
            pieces.push(Piece { window, offset, bytes });
            left -= bytes;
            if left == 0 {
                return Some(pieces);
            }
            at = at.checked_add(bytes as u64)?;
        }
    }
}

/// A part of an access, inside one window.
struct Piece<'a> {
    window: &'a Window,
    offset: u64,
    bytes: usize,
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::memory::SharedMapping;

    const PAGE: u64 = 4096;

    fn window(readable: bool, writable: bool) -> Window {
        Window { memory: Arc::new(SharedMapping::anonymous(PAGE as usize).unwrap()), readable, writable }
    }

    #[test]
    fn accesses_run_over_adjacent_windows_and_not_over_gaps() {
        let mut windows = Windows::default();
        for page in [1, 2, 4] {
            windows.map(page * PAGE, window(true, true));
        }
        let bytes: Vec<u8> = (0..200).collect();
        assert!(windows.write(2 * PAGE - 100, &bytes));
        let mut back = [0; 200];
        assert!(windows.read(2 * PAGE - 100, &mut back));
        assert_eq!(back, *bytes);
        let mut half = [0; 100];
        assert!(windows.read(2 * PAGE, &mut half));
        assert_eq!(half, bytes[100..]);
        for (address, len) in [(3 * PAGE - 1, 2), (PAGE - 1, 2), (3 * PAGE, 1), (5 * PAGE, 1), (0, 1), (u64::MAX, 2)] {
            assert!(
                !windows.read(address, &mut vec![0; len]) && !windows.write(address, &vec![1; len]),
                "{address:#x}"
            );
        }
        assert_eq!((windows.take_refused(), windows.take_refused()), (Some(u64::MAX), None));
        assert!(windows.read(3 * PAGE - 1, &mut back[..1]) && back[0] == 0, "a refused write leaves nothing behind");
        windows.unmap(2 * PAGE);
        assert!(!windows.read(2 * PAGE - 100, &mut back) && windows.read(2 * PAGE - 100, &mut half));
    }

    #[test]
    fn windows_may_be_for_one_direction() {
        let mut windows = Windows::default();
        windows.map(0, window(true, false));
        windows.map(PAGE, window(false, true));
        assert!(windows.read(0, &mut [0; 8]) && !windows.write(0, &[0; 8]));
        assert!(windows.write(PAGE, &[0; 8]) && !windows.read(PAGE, &mut [0; 8]));
        assert!(!windows.read(PAGE - 4, &mut [0; 8]) && !windows.write(PAGE - 4, &[0; 8]));
    }
}
