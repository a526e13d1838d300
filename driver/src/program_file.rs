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
        let mut reader = Reader { bytes, at: 0 };
        if bytes.get(..MAGIC.len()) != Some(&MAGIC) {
            return Err(ProgramError::NotAProgram);
        }
        reader.at = MAGIC.len();
        let version = reader.u32()?;
        if version != VERSION {
            return Err(ProgramError::FormatVersion { found: version, supported: VERSION });
        }
        let end = bytes.len().saturating_sub(CHECKSUM_BYTES).max(reader.at);
        let (body, stored) = (&bytes[..end], Reader { bytes, at: end }.u64()?);
        let computed = fnv1a(body);
        if stored != computed {
            return Err(ProgramError::Checksum { stored, computed });
        }
        reader.bytes = body;
        let abi_hash = reader.u64()?;
        if abi_hash != ABI_HASH {
            return Err(ProgramError::ForeignAbi { program: abi_hash, driver: ABI_HASH });
        }
        let program = reader.program(abi_hash)?;
        match body.len() - reader.at {
            0 => Ok(program),
            bytes => Err(ProgramError::Trailing { bytes }),
        }
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn program(&mut self, abi_hash: u64) -> Result<Program, ProgramError> {
        let name = self.text()?;
        let config = HwConfig::by_name(name).ok_or_else(|| ProgramError::UnknownConfig { name: name.into() })?;
        let (tokens, batch) = (self.u32()?, self.u32()?);
        let mut regions: [RegionSpec; REGIONS] = Default::default();
        for (index, region) in regions.iter_mut().enumerate() {
            *region = self.region(index)?;
        }
        // A tag takes at least 8 bytes here, so a false count cannot ask for more memory than the file's own.
        let count = self.count("tags", MAX_TAGS, 8)?;
        let mut tags = Vec::with_capacity(count);
        for _ in 0..count {
            tags.push(self.tag()?);
        }
        let count = self.count("instructions", MAX_INSTRUCTIONS, INSTRUCTION_BYTES)?;
        let (code, _) = self.take(count * INSTRUCTION_BYTES)?.as_chunks::<INSTRUCTION_BYTES>();
        Ok(Program { config, abi_hash, tokens, batch, code: code.to_vec(), regions, tags })
    }

    fn region(&mut self, region: usize) -> Result<RegionSpec, ProgramError> {
        let (name, size) = (self.text()?.to_owned(), self.u32()?);
        let flags = self.take(1)?[0];
        if flags & !(WRITABLE | INITIALISED) != 0 {
            return Err(ProgramError::RegionFlags { region, flags });
        }
        Ok(RegionSpec { name, size, writable: flags & WRITABLE != 0, initialised: flags & INITIALISED != 0 })
    }

    fn tag(&mut self) -> Result<Tag, ProgramError> {
        let layer = match self.u32()? {
            NO_LAYER => None,
            layer => Some(u16::try_from(layer).map_err(|_| ProgramError::Layer { layer })?),
        };
        Ok(Tag { layer, op: self.text()?.to_owned() })
    }

    /// A number of elements of at least `bytes` bytes each, at most `max`.
    fn count(&mut self, what: &'static str, max: usize, bytes: usize) -> Result<usize, ProgramError> {
        let count = self.u32()? as usize;
        if count > max {
            return Err(ProgramError::TooMany { what, count, max });
        }
        let (wanted, available) = (count * bytes, self.bytes.len() - self.at);
        if wanted > available { Err(ProgramError::Truncated { offset: self.at, wanted, available }) } else { Ok(count) }
    }

    fn text(&mut self) -> Result<&'a str, ProgramError> {
        let length = self.u32()? as usize;
        let offset = self.at;
        std::str::from_utf8(self.take(length)?).map_err(|_| ProgramError::Text { offset })
    }

    fn u32(&mut self) -> Result<u32, ProgramError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn u64(&mut self) -> Result<u64, ProgramError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ProgramError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn take(&mut self, wanted: usize) -> Result<&'a [u8], ProgramError> {
        let rest = &self.bytes[self.at..];
        let truncated = ProgramError::Truncated { offset: self.at, wanted, available: rest.len() };
        let (taken, _) = rest.split_at_checked(wanted).ok_or(truncated)?;
        self.at += wanted;
        Ok(taken)
    }
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u32).to_le_bytes());
    out.extend(text.as_bytes());
}

fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x100_0000_01b3))
}
