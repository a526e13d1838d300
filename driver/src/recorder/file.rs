//! The file of a recording, little-endian, without gaps:
//!
//! | field | type |
//! |---|---|
//! | magic | `SYSTFLIT` |
//! | format version | u32, 1 |
//! | ABI hash | u64 |
//! | device, reason | text, text |
//! | events before the window | u64 |
//! | gap | u8 (0 none, 1 memory, 2 no beginning); memory: bytes u64, limit u64; no beginning: events u64 |
//! | registers at the start | u32, each: offset u32, value u32, by ascending offset |
//! | submissions, completions at the start | u64, u64 |
//! | allocations at the start | u32, each: address u64, bytes u64, pages u32, each: number u64 and its bytes; ascending |
//! | events | u32, each: at u64, until u64 (nanoseconds), times u32, kind u8, fields |
//! | checksum | u64, FNV-1a of everything before |
//!
//! Kinds, in the order of [`Action`] from 0, have their fields in the order declared there; a copy is its address, a u8
//! (1 if the bytes follow), their number as u64, and the bytes. A text is its length in bytes (u32) and UTF-8.

use std::time::Duration;

use systole_isa::ABI_HASH;

use super::{Action, Block, Event, Gap, Image, Payload, Position, Recording, RecordingError};
use crate::wire::{Reader, fnv1a, put_text};

const MAGIC: [u8; 8] = *b"SYSTFLIT";
const VERSION: u32 = 1;
const CHECKSUM_BYTES: usize = 8;
/// Alignment of allocations, as the `Device` trait promises.
const ALIGN: u64 = 64;
/// Bytes of the shortest event: RESET_LINK.
const EVENT_BYTES: usize = 8 + 8 + 4 + 1;

impl Recording {
    /// The recording as a file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend(MAGIC);
        out.extend(VERSION.to_le_bytes());
        out.extend(ABI_HASH.to_le_bytes());
        put_text(&mut out, &self.device);
        put_text(&mut out, &self.reason);
        out.extend(self.lost.to_le_bytes());
        match self.gap {
            None => out.push(0),
            Some(Gap::Memory { bytes, limit }) => {
                out.push(1);
                out.extend([bytes, limit].map(u64::to_le_bytes).as_flattened());
            }
            Some(Gap::Beginning { events }) => {
                out.push(2);
                out.extend(events.to_le_bytes());
            }
        }
        out.extend((self.start.registers.len() as u32).to_le_bytes());
        for (offset, value) in &self.start.registers {
            out.extend([*offset, *value].map(u32::to_le_bytes).as_flattened());
        }
        out.extend([self.start.submitted, self.start.completed].map(u64::to_le_bytes).as_flattened());
        out.extend((self.memory.blocks.len() as u32).to_le_bytes());
        for (address, block) in &self.memory.blocks {
            out.extend([*address, block.bytes].map(u64::to_le_bytes).as_flattened());
            out.extend((block.pages.len() as u32).to_le_bytes());
            for (page, bytes) in &block.pages {
                out.extend(page.to_le_bytes());
                out.extend(bytes);
            }
        }
        out.extend((self.events.len() as u32).to_le_bytes());
        self.events.iter().for_each(|event| put_event(&mut out, event));
        let checksum = fnv1a(&out);
        out.extend(checksum.to_le_bytes());
        out
    }

    /// Reads a file that [`Recording::to_bytes`] wrote. Allocates no more than a small multiple of the file's size.
    ///
    /// # Errors
    /// The bytes are no recording, one of another version or contract, or damaged.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RecordingError> {
        if bytes.get(..MAGIC.len()) != Some(&MAGIC) {
            return Err(RecordingError::NotARecording);
        }
        let mut header = Reader::new(bytes, MAGIC.len());
        let found = header.u32()?;
        if found != VERSION {
            return Err(RecordingError::FormatVersion { found, supported: VERSION });
        }
        let end = bytes.len().saturating_sub(CHECKSUM_BYTES).max(header.at());
        let (body, stored) = (&bytes[..end], Reader::new(bytes, end).u64()?);
        let computed = fnv1a(body);
        if stored != computed {
            return Err(RecordingError::Checksum { stored, computed });
        }
        let mut reader = Reader::new(body, header.at());
        let found = reader.u64()?;
        if found != ABI_HASH {
            return Err(RecordingError::ForeignAbi { found, supported: ABI_HASH });
        }
        let recording = Self {
            device: reader.text()?.to_owned(),
            reason: reader.text()?.to_owned(),
            lost: reader.u64()?,
            gap: gap(&mut reader)?,
            start: position(&mut reader)?,
            memory: image(&mut reader)?,
            events: events(&mut reader)?,
        };
        if reader.left() == 0 { Ok(recording) } else { Err(malformed(&reader, "more bytes than it should")) }
    }
}

fn malformed(reader: &Reader<'_>, what: &'static str) -> RecordingError {
    RecordingError::Malformed { what, offset: reader.at() }
}

fn gap(reader: &mut Reader<'_>) -> Result<Option<Gap>, RecordingError> {
    match reader.u8()? {
        0 => Ok(None),
        1 => Ok(Some(Gap::Memory { bytes: reader.u64()?, limit: reader.u64()? })),
        2 => Ok(Some(Gap::Beginning { events: reader.u64()? })),
        _ => Err(malformed(reader, "an unknown gap")),
    }
}

fn position(reader: &mut Reader<'_>) -> Result<Position, RecordingError> {
    let mut position = Position::default();
    for _ in 0..reader.u32()? {
        let (offset, value) = (reader.u32()?, reader.u32()?);
        if position.registers.last_key_value().is_some_and(|(last, _)| *last >= offset) {
            return Err(malformed(reader, "registers out of order"));
        }
        position.registers.insert(offset, value);
    }
    (position.submitted, position.completed) = (reader.u64()?, reader.u64()?);
    Ok(position)
}

fn image(reader: &mut Reader<'_>) -> Result<Image, RecordingError> {
    let (mut image, mut free) = (Image::default(), 0);
    for _ in 0..reader.u32()? {
        let (address, bytes) = (reader.u64()?, reader.u64()?);
        let end = address.checked_add(bytes).filter(|_| address.is_multiple_of(ALIGN) && address >= free);
        free = end.ok_or_else(|| malformed(reader, "an allocation that overlaps or is not aligned"))?;
        let mut block = Block { bytes, ..Block::default() };
        for _ in 0..reader.u32()? {
            let page = reader.u64()?;
            let size = block.page_bytes(page);
            if size == 0 || block.pages.last_key_value().is_some_and(|(last, _)| *last >= page) {
                return Err(malformed(reader, "a page outside its allocation or out of order"));
            }
            block.pages.insert(page, reader.take(size)?.to_vec());
        }
        // One of no bytes may share its address with the next.
        if image.blocks.contains_key(&address) {
            return Err(malformed(reader, "two allocations at one address"));
        }
        image.insert(address, block);
    }
    Ok(image)
}

fn events(reader: &mut Reader<'_>) -> Result<Vec<Event>, RecordingError> {
    let count = reader.u32()? as usize;
    reader.expect(count, EVENT_BYTES)?;
    let mut events = Vec::with_capacity(count);
    for _ in 0..count {
        let (at, until) = (Duration::from_nanos(reader.u64()?), Duration::from_nanos(reader.u64()?));
        let times = reader.u32()?;
        if times == 0 || until < at {
            return Err(malformed(reader, "an event that never happened"));
        }
        events.push(Event { at, until, times, action: action(reader)? });
    }
    Ok(events)
}

fn action(reader: &mut Reader<'_>) -> Result<Action, RecordingError> {
    Ok(match reader.u8()? {
        0 => Action::Read { offset: reader.u32()?, value: reader.u32()? },
        1 => Action::Write { offset: reader.u32()?, value: reader.u32()? },
        2 => Action::Allocate { address: reader.u64()?, bytes: reader.u64()? },
        3 => Action::Release { address: reader.u64()? },
        4 => Action::CopyTo { address: reader.u64()?, bytes: payload(reader)? },
        5 => Action::CopyFrom { address: reader.u64()?, bytes: payload(reader)? },
        6 => Action::Wait { raised: flag(reader)? },
        7 => Action::ResetLink,
        8 => Action::Failed { what: reader.text()?.to_owned() },
        _ => return Err(malformed(reader, "an unknown event")),
    })
}

fn flag(reader: &mut Reader<'_>) -> Result<bool, RecordingError> {
    match reader.u8()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(malformed(reader, "a flag that is neither 0 nor 1")),
    }
}

fn payload(reader: &mut Reader<'_>) -> Result<Payload, RecordingError> {
    let (whole, length) = (flag(reader)?, reader.u64()?);
    if !whole {
        return Ok(Payload::Omitted(length));
    }
    Ok(reader.take(usize::try_from(length).unwrap_or(usize::MAX))?.into())
}

fn put_event(out: &mut Vec<u8>, event: &Event) {
    for time in [event.at, event.until] {
        out.extend(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).to_le_bytes());
    }
    out.extend(event.times.to_le_bytes());
    match &event.action {
        Action::Read { offset, value } => put_registers(out, 0, *offset, *value),
        Action::Write { offset, value } => put_registers(out, 1, *offset, *value),
        Action::Allocate { address, bytes } => {
            out.push(2);
            out.extend([*address, *bytes].map(u64::to_le_bytes).as_flattened());
        }
        Action::Release { address } => {
            out.push(3);
            out.extend(address.to_le_bytes());
        }
        Action::CopyTo { address, bytes } => put_copy(out, 4, *address, bytes),
        Action::CopyFrom { address, bytes } => put_copy(out, 5, *address, bytes),
        Action::Wait { raised } => out.extend([6, u8::from(*raised)]),
        Action::ResetLink => out.push(7),
        Action::Failed { what } => {
            out.push(8);
            put_text(out, what);
        }
    }
}

fn put_registers(out: &mut Vec<u8>, kind: u8, offset: u32, value: u32) {
    out.push(kind);
    out.extend([offset, value].map(u32::to_le_bytes).as_flattened());
}

fn put_copy(out: &mut Vec<u8>, kind: u8, address: u64, payload: &Payload) {
    out.push(kind);
    out.extend(address.to_le_bytes());
    let whole = if let Payload::Whole(bytes) = payload { Some(bytes) } else { None };
    out.push(u8::from(whole.is_some()));
    out.extend(payload.length().to_le_bytes());
    out.extend(whole.into_iter().flatten());
}
