//! A PCI function's configuration space.
//!
//! Offsets and bits are those of the PCI Local Bus Specification 3.0, section 6.2.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

const COMMAND: u64 = 0x04;
/// Command bit: the function answers in its memory BARs.
pub(super) const MEMORY: u16 = 1 << 1;
/// Command bit: the function may read and write memory.
pub(super) const MASTER: u16 = 1 << 2;
/// Command bit: the function does not assert its interrupt pin. Bit 2 of byte 5.
pub(super) const INTX_DISABLE: u16 = 1 << 10;

/// A function's configuration space in a file.
#[derive(Clone, Debug)]
pub(super) struct Config {
    file: Arc<File>,
    /// Where it begins.
    base: u64,
}

impl Config {
    /// The one that begins at `base`.
    pub fn new(file: Arc<File>, base: u64) -> Self {
        Self { file, base }
    }

    /// Sets bits of the command register, and clears others.
    pub fn command(&self, set: u16, clear: u16) -> io::Result<()> {
        let mut bytes = [0; 2];
        self.file.read_exact_at(&mut bytes, self.base + COMMAND)?;
        let command = u16::from_le_bytes(bytes);
        if command == u16::MAX {
            return Err(io::Error::new(
                io::ErrorKind::NotConnected,
                "the configuration space reads ones: the card is gone",
            ));
        }
        let wanted = (command | set) & !clear;
        if wanted != command {
            self.file.write_all_at(&wanted.to_le_bytes(), self.base + COMMAND)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_change_the_asked_bits_only() {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(&[0xab; 64], 0).unwrap();
        file.write_all_at(&0x0401u16.to_le_bytes(), 16 + COMMAND).unwrap();
        let config = Config::new(Arc::new(file.try_clone().unwrap()), 16);
        let command = || {
            let mut bytes = [0; 4];
            file.read_exact_at(&mut bytes, 16 + COMMAND).unwrap();
            assert_eq!(bytes[2..], [0xab; 2], "the status behind it clears what is written as one");
            u16::from_le_bytes([bytes[0], bytes[1]])
        };
        config.command(MEMORY | MASTER, INTX_DISABLE).unwrap();
        assert_eq!(command(), 0x0007);
        config.command(INTX_DISABLE, MASTER).unwrap();
        assert_eq!(command(), 0x0403);
        file.write_all_at(&[0xff; 2], 16 + COMMAND).unwrap();
        assert_eq!(config.command(MASTER, 0).unwrap_err().kind(), io::ErrorKind::NotConnected);
        assert_eq!(command(), u16::MAX, "nothing is written to a card that is gone");
    }
}
