//! The region table of a submission, and the check of every DRAM access against it.

use crate::memory::Memory;
use systole_isa::access::DramBlock;
use systole_isa::ring::{REGION_WRITE, Region};
use systole_isa::{Cause, DRAM_ALIGN, REGIONS};

/// Why an instruction cannot execute: what becomes a [`systole_isa::Fault`] once unit and index are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{cause} at address {address:#x}")]
pub struct Stop {
    /// The cause.
    pub cause: Cause,
    /// Word on chip or offset in the region, see [`systole_isa::Fault::address`].
    pub address: u64,
}

/// A submission's region table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Regions(pub [Region; REGIONS]);

impl Regions {
    /// Reads the table at a bus address.
    ///
    /// # Errors
    /// [`Cause::Bus`] with that address when it is not device memory.
    pub fn fetch(memory: &Memory, address: u64) -> Result<Self, Stop> {
        let mut regions = [Region::default(); REGIONS];
        memory
            .copy_from(address, bytemuck::cast_slice_mut(&mut regions))
            .map_err(|_| Stop { cause: Cause::Bus, address })?;
        Ok(Self(regions.map(|r| Region {
            base: u64::from_le(r.base),
            size: u32::from_le(r.size),
            flags: u32::from_le(r.flags),
        })))
    }

    /// The bus address of the first byte of an access, after checking all of it.
    ///
    /// # Errors
    /// In this order: [`Cause::RegionMalformed`]; [`Cause::RegionBounds`] with the offset of the first byte, run after
    /// run, that is not inside; [`Cause::RegionReadOnly`]. The first and the last carry the access's first offset.
    pub fn resolve(&self, access: &DramBlock) -> Result<u64, Stop> {
        let stop = |cause, address| Err(Stop { cause, address });
        let (offset, bytes, pitch) = (u64::from(access.offset), u64::from(access.bytes), u64::from(access.pitch));
        let Some(region) = self.0.get(usize::from(access.region)) else {
            return stop(Cause::IllegalOperand, 0);
        };
        let size = u64::from(region.size);
        let aligned = region.base.is_multiple_of(DRAM_ALIGN.into()) && size.is_multiple_of(DRAM_ALIGN.into());
        if !aligned || region.base.checked_add(size).is_none() {
            return stop(Cause::RegionMalformed, offset);
        }
        if access.end() > size {
            // Runs ascend, so the first run that ends outside holds the first bad byte.
            let run = (0..u64::from(access.rows)).map(|r| offset + r * pitch).find(|start| start + bytes > size);
            return stop(Cause::RegionBounds, run.unwrap_or(offset).max(size));
        }
        if access.write && region.flags & REGION_WRITE == 0 {
            return stop(Cause::RegionReadOnly, offset);
        }
        Ok(region.base + offset)
    }
}
