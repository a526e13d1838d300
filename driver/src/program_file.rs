//! The program file, little-endian, without gaps:
//!
//! | field | type |
//! |---|---|
//! | magic | `SYSTPROG` |
//! | format version | u32, 1 |
//! | ABI hash | u64 |
//! | configuration's name | text |
//! | tokens, batch | u32, u32 |
//! | 8 regions | name: text, size: u32, flags: u8 (bit 0 writable, bit 1 initialised) |
//! | number of tags, tags | u32, each layer: u32 (all ones for none), operation: text |
//! | number of instructions, instructions | u32, 32 bytes each |
//! | checksum | u64, FNV-1a of everything before |
//!
//! A text is its length in bytes (u32) and UTF-8. The checksum finds damage, not malice: a file is as untrusted after it
//! as before, and what it holds is submitted only after [`crate::verify`].

use systole_isa::{ABI_HASH, HwConfig, INSTRUCTION_BYTES, REGIONS};

use crate::verifier::MAX_INSTRUCTIONS;
use crate::wire::{Malformed, Reader, fnv1a, put_text};
use crate::{Program, ProgramError, RegionSpec, Tag};

const MAGIC: [u8; 8] = *b"SYSTPROG";
const VERSION: u32 = 1;
const CHECKSUM_BYTES: usize = 8;
const NO_LAYER: u32 = u32::MAX;
/// Tags are numbered by 16 bits, from 1.
const MAX_TAGS: usize = u16::MAX as usize;
const WRITABLE: u8 = 1;
const INITIALISED: u8 = 2;

impl Program {
    /// The program as a file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(1024 + self.code.len() * INSTRUCTION_BYTES);
        out.extend(MAGIC);
        out.extend(VERSION.to_le_bytes());
        out.extend(self.abi_hash.to_le_bytes());
        put_text(&mut out, self.config.name);
        out.extend(self.tokens.to_le_bytes());
        out.extend(self.batch.to_le_bytes());
        for region in &self.regions {
            put_text(&mut out, &region.name);
            out.extend(region.size.to_le_bytes());
            let writable = if region.writable { WRITABLE } else { 0 };
            out.push(writable | if region.initialised { INITIALISED } else { 0 });
        }
        out.extend((self.tags.len() as u32).to_le_bytes());
        for tag in &self.tags {
            out.extend(tag.layer.map_or(NO_LAYER, u32::from).to_le_bytes());
            put_text(&mut out, &tag.op);
        }
        out.extend((self.code.len() as u32).to_le_bytes());
        out.extend(self.code.as_flattened());
        let checksum = fnv1a(&out);
        out.extend(checksum.to_le_bytes());
        out
    }

    /// Reads a file that [`Program::to_bytes`] wrote. Allocates no more than a small multiple of the file's size.
    ///
    /// # Errors
    /// The bytes are no program file, or one of another version, contract or configuration, or damaged.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ProgramError> {
        if bytes.get(..MAGIC.len()) != Some(&MAGIC) {
            return Err(ProgramError::NotAProgram);
        }
        let mut reader = Reader::new(bytes, MAGIC.len());
        let version = reader.u32()?;
        if version != VERSION {
            return Err(ProgramError::FormatVersion { found: version, supported: VERSION });
        }
        let end = bytes.len().saturating_sub(CHECKSUM_BYTES).max(reader.at());
        let (body, stored) = (&bytes[..end], Reader::new(bytes, end).u64()?);
        let computed = fnv1a(body);
        if stored != computed {
            return Err(ProgramError::Checksum { stored, computed });
        }
        let mut reader = Reader::new(body, reader.at());
        let abi_hash = reader.u64()?;
        if abi_hash != ABI_HASH {
            return Err(ProgramError::ForeignAbi { program: abi_hash, driver: ABI_HASH });
        }
        let program = program(&mut reader, abi_hash)?;
        match reader.left() {
            0 => Ok(program),
            bytes => Err(ProgramError::Trailing { bytes }),
        }
    }
}

impl From<Malformed> for ProgramError {
    fn from(malformed: Malformed) -> Self {
        match malformed {
            Malformed::Truncated { offset, wanted, available } => Self::Truncated { offset, wanted, available },
            Malformed::Text { offset } => Self::Text { offset },
        }
    }
}

fn program(reader: &mut Reader<'_>, abi_hash: u64) -> Result<Program, ProgramError> {
    let name = reader.text()?;
    let config = HwConfig::by_name(name).ok_or_else(|| ProgramError::UnknownConfig { name: name.into() })?;
    let (tokens, batch) = (reader.u32()?, reader.u32()?);
    let mut regions: [RegionSpec; REGIONS] = Default::default();
    for (index, spec) in regions.iter_mut().enumerate() {
        *spec = region(reader, index)?;
    }
    // A tag takes at least 8 bytes here.
    let count = count(reader, "tags", MAX_TAGS, 8)?;
    let mut tags = Vec::with_capacity(count);
    for _ in 0..count {
        tags.push(tag(reader)?);
    }
    let count = self::count(reader, "instructions", MAX_INSTRUCTIONS, INSTRUCTION_BYTES)?;
    let (code, _) = reader.take(count * INSTRUCTION_BYTES)?.as_chunks::<INSTRUCTION_BYTES>();
    Ok(Program { config, abi_hash, tokens, batch, code: code.to_vec(), regions, tags })
}

fn region(reader: &mut Reader<'_>, region: usize) -> Result<RegionSpec, ProgramError> {
    let (name, size) = (reader.text()?.to_owned(), reader.u32()?);
    let flags = reader.u8()?;
    if flags & !(WRITABLE | INITIALISED) != 0 {
        return Err(ProgramError::RegionFlags { region, flags });
    }
    Ok(RegionSpec { name, size, writable: flags & WRITABLE != 0, initialised: flags & INITIALISED != 0 })
}

fn tag(reader: &mut Reader<'_>) -> Result<Tag, ProgramError> {
    let layer = match reader.u32()? {
        NO_LAYER => None,
        layer => Some(u16::try_from(layer).map_err(|_| ProgramError::Layer { layer })?),
    };
    Ok(Tag { layer, op: reader.text()?.to_owned() })
}

/// A number of elements of at least `bytes` bytes each, at most `max`.
fn count(reader: &mut Reader<'_>, what: &'static str, max: usize, bytes: usize) -> Result<usize, ProgramError> {
    let count = reader.u32()? as usize;
    if count > max {
        return Err(ProgramError::TooMany { what, count, max });
    }
    reader.expect(count, bytes)?;
    Ok(count)
}
