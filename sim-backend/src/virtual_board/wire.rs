//! Messages of vfio-user on a Unix socket, as the protocol's specification 0.9 (QEMU, `docs/interop/vfio-user.rst`) and
//! `linux/vfio.h` lay them out, in the machine's byte order.

use std::fs::File;
use std::io::{IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use bytemuck::{Pod, Zeroable};
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};

use super::Error;

/// Most bytes that one message reads or writes, which we tell the host.
pub(super) const MAX_TRANSFER: u32 = 1 << 20;
/// Most descriptors in one message, which we tell the host.
pub(super) const MAX_DESCRIPTORS: usize = 8;
/// Longest message: a transfer, and what is around it.
const MAX_MESSAGE: usize = MAX_TRANSFER as usize + 4096;

/// `Header::flags`: the kind of message.
const KIND: u32 = 0xf;
/// `Header::flags`: this is a reply.
const REPLY: u32 = 1;
/// `Header::flags`: no reply is wanted.
const NO_REPLY: u32 = 1 << 4;
/// `Header::flags`: `Header::error` says why it was not done.
const ERROR: u32 = 1 << 5;

macro_rules! layouts { ($( $(#[$doc:meta])+ $Name:ident $bytes:literal { $($field:ident: $ty:ty),+ $(,)? } )+) => { $(
    $(#[$doc])+
    #[derive(Clone, Copy, Debug, Default, Pod, Zeroable)]
    #[repr(C)]
    pub(super) struct $Name { $(pub $field: $ty),+ }
    const _: () = assert!(size_of::<$Name>() == $bytes);
)+ } }

layouts! {
    /// What every message begins with.
    Header 16 { id: u16, command: u16, bytes: u32, flags: u32, error: u32 }
    /// Body of VERSION, before a text in JSON.
    Version 4 { major: u16, minor: u16 }
    /// Body of DMA_MAP.
    DmaMap 32 { argsz: u32, flags: u32, offset: u64, address: u64, size: u64 }
    /// Body of DMA_UNMAP and of its reply.
    DmaUnmap 24 { argsz: u32, flags: u32, address: u64, size: u64 }
    /// Body of DEVICE_GET_INFO.
    DeviceInfo 16 { argsz: u32, flags: u32, regions: u32, irqs: u32 }
    /// Body of DEVICE_GET_REGION_INFO, in the reply before [`SparseArea`].
    RegionInfo 32 { argsz: u32, flags: u32, index: u32, capabilities: u32, size: u64, offset: u64 }
    /// A capability of a region: one area may be mapped.
    SparseArea 32 { id: u16, version: u16, next: u32, areas: u32, reserved: u32, offset: u64, size: u64 }
    /// Body of DEVICE_GET_IRQ_INFO.
    IrqInfo 16 { argsz: u32, flags: u32, index: u32, count: u32 }
    /// Body of DEVICE_SET_IRQS.
    SetIrqs 20 { argsz: u32, flags: u32, index: u32, start: u32, count: u32 }
    /// Body of REGION_READ and REGION_WRITE, before the data.
    RegionAccess 16 { offset: u64, region: u32, count: u32 }
    /// Body of DMA_READ.
    DmaAccess 16 { address: u64, count: u64 }
}

/// A command of the host's.
#[derive(Debug)]
pub(super) struct Message {
    pub header: Header,
    pub body: Vec<u8>,
    pub files: Vec<File>,
}

impl Message {
    /// Waits for the next one; `None` if the host closed the connection between two.
    ///
    /// # Errors
    /// The connection broke, is silent in the middle of a message for longer than its time limit, or what came is none.
    pub fn receive(stream: &UnixStream) -> Result<Option<Self>, Error> {
        let mut header = Header::default();
        let mut files = Vec::new();
        let bytes = bytemuck::bytes_of_mut(&mut header);
        let mut filled = 0;
        while filled < bytes.len() {
            match receive_with_files(stream, &mut bytes[filled..], &mut files)? {
                0 if filled == 0 => return Ok(None),
                0 => return Err(Error::Protocol { expected: "a header of 16 bytes", found: filled as u64 }),
                more => filled += more,
            }
        }
        let Some(len) =
            (header.bytes as usize).checked_sub(size_of::<Header>()).filter(|_| header.bytes as usize <= MAX_MESSAGE)
        else {
            return Err(Error::Protocol { expected: "a message's size, 16 to 1052672", found: header.bytes.into() });
        };
        let mut body = vec![0; len];
        (&*stream).read_exact(&mut body).map_err(connection("read"))?;
        Ok(Some(Self { header, body, files }))
    }

    /// The beginning of the body, and what follows it.
    ///
    /// # Errors
    /// `EINVAL`: the body ends before.
    pub fn parse<T: Pod>(&self) -> Result<(T, &[u8]), Errno> {
        let (head, rest) = self.body.split_at_checked(size_of::<T>()).ok_or(Errno::INVAL)?;
        Ok((bytemuck::pod_read_unaligned(head), rest))
    }

    /// An answer of the host's.
    pub const fn is_reply(&self) -> bool {
        self.header.flags & KIND == REPLY
    }

    /// The host wants no answer.
    pub const fn is_silent(&self) -> bool {
        self.header.flags & NO_REPLY != 0
    }

    /// Answers it.
    ///
    /// # Errors
    /// The connection broke.
    pub fn reply(
        &self,
        stream: &UnixStream,
        answer: Result<&[u8], Errno>,
        file: Option<BorrowedFd<'_>>,
    ) -> Result<(), Error> {
        let body = answer.unwrap_or_default();
        let header = Header {
            id: self.header.id,
            command: self.header.command,
            bytes: (size_of::<Header>() + body.len()) as u32,
            flags: if answer.is_ok() { REPLY } else { REPLY | ERROR },
            error: answer.err().map_or(0, |errno| errno.raw_os_error() as u32),
        };
        let bytes = [bytemuck::bytes_of(&header), body].concat();
        let sent = match file {
            Some(file) => send_with_file(stream, &bytes, file)?,
            None => 0,
        };
        (&*stream).write_all(&bytes[sent..]).map_err(connection("write"))
    }
}

/// Has the host read memory, and say nothing of it.
///
/// # Errors
/// The connection broke.
pub(super) fn command_to_read(stream: &UnixStream, command: u16, address: u64, count: u64) -> Result<(), Error> {
    let bytes = (size_of::<Header>() + size_of::<DmaAccess>()) as u32;
    let header = Header { id: 0, command, bytes, flags: NO_REPLY, error: 0 };
    let body = DmaAccess { address, count };
    let message = [bytemuck::bytes_of(&header), bytemuck::bytes_of(&body)].concat();
    (&*stream).write_all(&message).map_err(connection("write"))
}

/// Receives some bytes and the descriptors that came with them.
fn receive_with_files(stream: &UnixStream, to: &mut [u8], files: &mut Vec<File>) -> Result<usize, Error> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = rustix::io::retry_on_intr(|| {
        recvmsg(stream, &mut [IoSliceMut::new(to)], &mut control, RecvFlags::CMSG_CLOEXEC)
    })
    .map_err(|e| connection("recvmsg")(e.into()))?;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = message {
            files.extend(descriptors.map(|d: OwnedFd| File::from(d)));
        }
    }
    Ok(received.bytes)
}

/// Sends bytes with a descriptor; how many of them were sent.
fn send_with_file(stream: &UnixStream, bytes: &[u8], file: BorrowedFd<'_>) -> Result<usize, Error> {
    let files = [file];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    // The space is that of one descriptor.
    control.push(SendAncillaryMessage::ScmRights(&files));
    rustix::io::retry_on_intr(|| sendmsg(stream, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL))
        .map_err(|e| connection("sendmsg")(e.into()))
}

/// For `map_err`: a call on the connection.
pub(super) fn connection(call: &'static str) -> impl FnOnce(std::io::Error) -> Error {
    move |source| Error::Connection { call, source }
}
