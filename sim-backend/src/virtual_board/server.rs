//! The conversation with a host: commands of vfio-user, answered one after the other, and time for the card in between.

use std::fs::File;
use std::io::ErrorKind;
use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::card::Card;
use super::dma::Range;
use super::wire::{
    DeviceInfo, DmaMap, DmaUnmap, IrqInfo, MAX_DESCRIPTORS, MAX_TRANSFER, Message, RegionAccess, RegionInfo, SetIrqs,
    SparseArea, Version, command_to_read, connection,
};
use super::{Error, MAX_MAPPINGS};

/// Longest silence of a host in the middle of a message, or before it takes an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Commands of the protocol.
mod command {
    pub const VERSION: u16 = 1;
    pub const DMA_MAP: u16 = 2;
    pub const DMA_UNMAP: u16 = 3;
    pub const DEVICE_GET_INFO: u16 = 4;
    pub const DEVICE_GET_REGION_INFO: u16 = 5;
    pub const DEVICE_GET_IRQ_INFO: u16 = 7;
    pub const DEVICE_SET_IRQS: u16 = 8;
    pub const REGION_READ: u16 = 9;
    pub const REGION_WRITE: u16 = 10;
    pub const DMA_READ: u16 = 11;
    pub const DEVICE_RESET: u16 = 13;
}

/// Regions of a PCI device: six BARs, ROM, configuration space, VGA.
const REGIONS: u32 = 9;
/// `RegionInfo::flags`: may be read, written, mapped, and capabilities follow.
const REGION_READ: u32 = 1;
const REGION_WRITE: u32 = 2;
const REGION_MMAP: u32 = 4;
const REGION_CAPABILITIES: u32 = 8;
/// `SparseArea::id`.
const SPARSE_MMAP: u16 = 1;
/// `DeviceInfo::flags`: can be reset, is a PCI device.
const DEVICE_RESET: u32 = 1;
const DEVICE_PCI: u32 = 2;
/// `DmaMap::flags`.
const DMA_READ: u32 = 1;
const DMA_WRITE: u32 = 2;
/// `DmaUnmap::flags`: everything.
const UNMAP_ALL: u32 = 4;

/// Kinds of interrupts of a PCI device: INTx, MSI, MSI-X, error, request.
const IRQS: u32 = 5;
const INTX: u32 = 0;
const MSIX: u32 = 2;
/// `IrqInfo::flags`: signalled by an event descriptor; can be masked; masks itself.
const IRQ_EVENTFD: u32 = 1;
const IRQ_MASKABLE: u32 = 2;
const IRQ_AUTOMASKED: u32 = 4;
/// `SetIrqs::flags`: what is done, and with which data.
const DATA_NONE: u32 = 1;
const DATA_EVENTFD: u32 = 4;
const ACTION_MASK: u32 = 8;
const ACTION_UNMASK: u32 = 16;
const ACTION_TRIGGER: u32 = 32;

/// How the conversation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ended {
    /// The host closed the connection.
    Disconnected,
    /// The card was pulled out, as its plan of faults had it.
    Unplugged,
}

/// Serves a card to a host until it closes the connection. Afterwards the card is as after power-up, unless it was pulled
/// out.
///
/// # Errors
/// The connection broke, or the host does not speak vfio-user.
pub fn serve(card: &mut Card, stream: &UnixStream) -> Result<Ended, Error> {
    stream.set_read_timeout(Some(PATIENCE)).map_err(connection("setsockopt"))?;
    stream.set_write_timeout(Some(PATIENCE)).map_err(connection("setsockopt"))?;
    let ended = converse(card, stream);
    card.abandon();
    match ended {
        // So ends a host that was killed before it took its last answer.
        Err(Error::Connection { source, .. }) if is_hang_up(source.kind()) => Ok(Ended::Disconnected),
        ended => ended,
    }
}

const fn is_hang_up(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)
}

fn converse(card: &mut Card, stream: &UnixStream) -> Result<Ended, Error> {
    let mut busy = false;
    while card.is_plugged() {
        // The card's clock runs while the host is silent, and the host is heard while it runs.
        if !is_readable(stream, busy)? {
            busy = card.advance();
            report(card, stream)?;
            continue;
        }
        let Some(message) = Message::receive(stream)? else { return Ok(Ended::Disconnected) };
        if message.is_reply() {
            // To a report, from a host that answers even what wants no answer.
            continue;
        }
        let answer = answer(card, &message);
        tracing::trace!(command = message.header.command, refused = ?answer.as_ref().err(), "answered");
        // Whatever it was, it may have given the card something to do.
        busy = true;
        match answer {
            _ if message.is_silent() => {}
            Ok(answer) => message.reply(stream, Ok(&answer.body), answer.file)?,
            Err(errno) => message.reply(stream, Err(errno), None)?,
        }
        report(card, stream)?;
    }
    Ok(Ended::Unplugged)
}

/// Has the host try what the card was refused, so that its IOMMU sees it too. The host's answer is not waited for: the
/// host may be waiting for ours.
fn report(card: &mut Card, stream: &UnixStream) -> Result<(), Error> {
    match card.take_refused() {
        Some(address) => command_to_read(stream, command::DMA_READ, address, 4),
        None => Ok(()),
    }
}

/// Waits for the host, or just looks.
fn is_readable(stream: &UnixStream, just_look: bool) -> Result<bool, Error> {
    const NOW: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };
    let wait = just_look.then_some(&NOW);
    match poll(&mut [PollFd::new(stream, PollFlags::IN)], wait) {
        Ok(ready) => Ok(ready > 0),
        Err(Errno::INTR) => Ok(false),
        Err(error) => Err(connection("poll")(error.into())),
    }
}

/// What goes back to the host.
#[derive(Debug, Default)]
struct Answer<'a> {
    body: Vec<u8>,
    file: Option<BorrowedFd<'a>>,
}

impl From<&[u8]> for Answer<'_> {
    fn from(body: &[u8]) -> Self {
        Self { body: body.to_vec(), file: None }
    }
}

fn answer<'a>(card: &'a mut Card, message: &Message) -> Result<Answer<'a>, Errno> {
    match message.header.command {
        command::VERSION => version(message),
        command::DMA_MAP => {
            let (map, _) = message.parse::<DmaMap>()?;
            let range = Range {
                address: map.address,
                bytes: map.size,
                readable: map.flags & DMA_READ != 0,
                writable: map.flags & DMA_WRITE != 0,
            };
            card.map(&range, message.files.first(), map.offset)?;
            Ok(Answer::default())
        }
        command::DMA_UNMAP => {
            let (unmap, _) = message.parse::<DmaUnmap>()?;
            let range = match unmap.flags {
                0 => Some((unmap.address, unmap.size)),
                UNMAP_ALL => None,
                // Nobody keeps a record of written pages.
                _ => return Err(Errno::OPNOTSUPP),
            };
            card.unmap(range)?;
            Ok(bytemuck::bytes_of(&unmap).into())
        }
        command::DEVICE_GET_INFO => {
            let info = DeviceInfo { argsz: 16, flags: DEVICE_RESET | DEVICE_PCI, regions: REGIONS, irqs: IRQS };
            Ok(bytemuck::bytes_of(&info).into())
        }
        command::DEVICE_GET_REGION_INFO => region_info(card, message),
        command::DEVICE_GET_IRQ_INFO => irq_info(card, message),
        command::DEVICE_SET_IRQS => set_irqs(card, message),
        command::REGION_READ => {
            let (access, _) = message.parse::<RegionAccess>()?;
            if access.count > MAX_TRANSFER {
                return Err(Errno::INVAL);
            }
            let head = bytemuck::bytes_of(&access);
            let mut body = vec![0; head.len() + access.count as usize];
            let (start, data) = body.split_at_mut(head.len());
            start.copy_from_slice(head);
            card.read(access.region, access.offset, data)?;
            Ok(Answer { body, file: None })
        }
        command::REGION_WRITE => {
            let (access, data) = message.parse::<RegionAccess>()?;
            if data.len() != access.count as usize {
                return Err(Errno::INVAL);
            }
            card.write(access.region, access.offset, data)?;
            Ok(bytemuck::bytes_of(&access).into())
        }
        command::DEVICE_RESET => {
            card.reset();
            Ok(Answer::default())
        }
        _ => Err(Errno::OPNOTSUPP),
    }
}

/// Agrees on version 0.0, the only one there is. What the host can do does not matter: we send nothing but answers.
fn version<'a>(message: &Message) -> Result<Answer<'a>, Errno> {
    let (asked, capabilities) = message.parse::<Version>()?;
    tracing::debug!(?asked, capabilities = %String::from_utf8_lossy(capabilities), "a host");
    if asked.major != 0 {
        return Err(Errno::INVAL);
    }
    let text = format!(
        "{{\"capabilities\":{{\"max_msg_fds\":{MAX_DESCRIPTORS},\"max_data_xfer_size\":{MAX_TRANSFER},\
         \"max_dma_maps\":{MAX_MAPPINGS}}}}}\0"
    );
    Ok(Answer { body: [bytemuck::bytes_of(&Version::default()), text.as_bytes()].concat(), file: None })
}

fn region_info<'a>(card: &'a Card, message: &Message) -> Result<Answer<'a>, Errno> {
    let (asked, _) = message.parse::<RegionInfo>()?;
    if asked.index >= REGIONS {
        return Err(Errno::INVAL);
    }
    let size = card.region_bytes(asked.index);
    let head = size_of::<RegionInfo>() as u32;
    let mut info = RegionInfo { argsz: head, index: asked.index, size, ..RegionInfo::default() };
    if size > 0 {
        info.flags = REGION_READ | REGION_WRITE;
    }
    let Some(file) = card.region_file(asked.index) else { return Ok(bytemuck::bytes_of(&info).into()) };
    info.argsz += size_of::<SparseArea>() as u32;
    info.flags |= REGION_MMAP | REGION_CAPABILITIES;
    info.capabilities = head;
    // A host that has no room for all of it asks again.
    if asked.argsz < info.argsz {
        return Ok(bytemuck::bytes_of(&info).into());
    }
    let area = SparseArea { id: SPARSE_MMAP, version: 1, areas: 1, size, ..SparseArea::default() };
    Ok(Answer { body: [bytemuck::bytes_of(&info), bytemuck::bytes_of(&area)].concat(), file: Some(file) })
}

fn irq_info<'a>(card: &Card, message: &Message) -> Result<Answer<'a>, Errno> {
    let (asked, _) = message.parse::<IrqInfo>()?;
    let (flags, count) = match asked.index {
        INTX => (IRQ_EVENTFD | IRQ_MASKABLE | IRQ_AUTOMASKED, 1),
        MSIX if card.vectors() > 0 => (IRQ_EVENTFD, card.vectors()),
        index if index < IRQS => (0, 0),
        _ => return Err(Errno::INVAL),
    };
    Ok(bytemuck::bytes_of(&IrqInfo { argsz: 16, flags, index: asked.index, count }).into())
}

fn set_irqs<'a>(card: &mut Card, message: &Message) -> Result<Answer<'a>, Errno> {
    let (set, _) = message.parse::<SetIrqs>()?;
    let count = match set.index {
        INTX => 1,
        MSIX => card.vectors(),
        index if index < IRQS => 0,
        _ => return Err(Errno::INVAL),
    };
    if set.start.checked_add(set.count).is_none_or(|end| end > count) || message.files.len() > 1 {
        return Err(Errno::INVAL);
    }
    let none = set.count == 0;
    let interrupts = card.interrupts();
    match (set.index, set.flags) {
        (INTX, flags) if flags == ACTION_TRIGGER | DATA_EVENTFD => interrupts.set_intx(event(message)?),
        (MSIX, flags) if flags == ACTION_TRIGGER | DATA_EVENTFD => interrupts.set_vector(event(message)?),
        (INTX, flags) if flags == ACTION_TRIGGER | DATA_NONE && none => interrupts.set_intx(None),
        (MSIX, flags) if flags == ACTION_TRIGGER | DATA_NONE && none => interrupts.set_vector(None),
        (INTX, flags) if flags == ACTION_TRIGGER | DATA_NONE => interrupts.fire_intx(),
        (MSIX, flags) if flags == ACTION_TRIGGER | DATA_NONE => interrupts.fire_vector(),
        (INTX, flags) if flags == ACTION_MASK | DATA_NONE => interrupts.mask_intx(true),
        (INTX, flags) if flags == ACTION_UNMASK | DATA_NONE => interrupts.mask_intx(false),
        // Kinds of interrupts that the card has not are taken away as often as wanted.
        (_, flags) if flags == ACTION_TRIGGER | DATA_NONE && none => {}
        _ => return Err(Errno::OPNOTSUPP),
    }
    Ok(Answer::default())
}

/// The event descriptor that came with a message; none takes away what was there.
fn event(message: &Message) -> Result<Option<File>, Errno> {
    message.files.first().map(File::try_clone).transpose().map_err(super::dma::errno)
}
