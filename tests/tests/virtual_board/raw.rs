//! A host that sends what it likes.

use std::io::{IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

pub const VERSION: u16 = 1;
pub const DMA_MAP: u16 = 2;
pub const DMA_UNMAP: u16 = 3;
pub const DEVICE_GET_REGION_INFO: u16 = 5;
pub const DEVICE_GET_IRQ_INFO: u16 = 7;
pub const DEVICE_SET_IRQS: u16 = 8;
pub const REGION_READ: u16 = 9;
pub const REGION_WRITE: u16 = 10;
pub const DEVICE_RESET: u16 = 13;

pub struct Raw {
    stream: UnixStream,
}

/// Little-endian bytes of some numbers.
macro_rules! bytes {
    ($($value:expr),*) => { [$( &$value.to_le_bytes()[..] ),*].concat() };
}
pub(crate) use bytes;

impl Raw {
    pub fn connect(path: &Path) -> Self {
        let stream = UnixStream::connect(path).expect("the server listens");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a time limit");
        Self { stream }
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the server reads");
    }

    /// A command and its body.
    pub fn message(command: u16, body: &[u8]) -> Vec<u8> {
        [bytes!(7u16, command, 16 + body.len() as u32, 0u32, 0u32), body.to_vec()].concat()
    }

    /// The answer's body, or the error number that it carries; `None` if the server hung up.
    pub fn answer(&mut self) -> Option<Result<Vec<u8>, u32>> {
        let mut header = [0; 16];
        self.stream.read_exact(&mut header).ok()?;
        let word = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().expect("four bytes"));
        assert_eq!(word(0) & 0xffff, 7, "the id comes back");
        assert_eq!(word(8) & 1, 1, "an answer");
        let mut body = vec![0; word(4) as usize - 16];
        self.stream.read_exact(&mut body).ok()?;
        Some(if word(8) & 1 << 5 != 0 { Err(word(12)) } else { Ok(body) })
    }

    /// Sends a command; its answer.
    pub fn ask(&mut self, command: u16, body: &[u8]) -> Result<Vec<u8>, u32> {
        self.send(&Self::message(command, body));
        self.answer().expect("the server is there")
    }

    /// Sends a command with a descriptor; its answer.
    pub fn ask_with(&mut self, command: u16, body: &[u8], file: impl AsFd) -> Result<Vec<u8>, u32> {
        let message = Self::message(command, body);
        let files: [BorrowedFd<'_>; 1] = [file.as_fd()];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        assert!(control.push(SendAncillaryMessage::ScmRights(&files)));
        let sent = sendmsg(&self.stream, &[IoSlice::new(&message)], &mut control, SendFlags::NOSIGNAL);
        assert_eq!(sent, Ok(message.len()));
        self.answer().expect("the server is there")
    }

    /// Reads a region.
    pub fn read(&mut self, region: u32, offset: u64, count: u32) -> Result<Vec<u8>, u32> {
        self.ask(REGION_READ, &bytes!(offset, region, count)).map(|body| body[16..].to_vec())
    }

    /// Writes a region.
    pub fn write(&mut self, region: u32, offset: u64, data: &[u8]) -> Result<(), u32> {
        let body = [bytes!(offset, region, data.len() as u32), data.to_vec()].concat();
        self.ask(REGION_WRITE, &body).map(drop)
    }
}
