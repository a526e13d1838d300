//! What is known of each granule of 32 bytes of the writable regions.
//!
//! Rows in DRAM begin on granules, so every access to a granule covers a prefix of it: two accesses to the same granule
//! always meet in its first byte, and a length says which bytes were stored. Only STORE writes and only LOAD reads, each
//! in order.

use std::ops::Range;

use systole_isa::access::DramBlock;
use systole_isa::{DRAM_ALIGN, REGIONS, Unit};

use super::schedule::{Actor, Clash};
use super::structure::queue_of;
use super::{Place, Position};
use crate::RegionSpec;

const GRANULE: u32 = DRAM_ALIGN;

enum Contents {
    /// Filled by the host, never stored to.
    Constant,
    /// Neither filled nor written.
    Nothing,
    Stored(Granules),
}

/// One entry for each granule. Vectors of zeros cost nothing until they are touched.
struct Granules {
    loads: Vec<Position>,
    stores: Vec<Position>,
    /// Bytes from the granule's start that hold something.
    bytes: Vec<u8>,
}

pub(super) struct Dram<'a> {
    regions: [Contents; REGIONS],
    specs: &'a [RegionSpec; REGIONS],
    load: usize,
    store: usize,
}

impl<'a> Dram<'a> {
    pub fn new(specs: &'a [RegionSpec; REGIONS]) -> Self {
        let region = |spec: &RegionSpec| match (spec.writable, spec.initialised) {
            (false, true) => Contents::Constant,
            (false, false) => Contents::Nothing,
            (true, initialised) => {
                let count = (spec.size / GRANULE) as usize;
                let bytes = vec![if initialised { GRANULE as u8 } else { 0 }; count];
                Contents::Stored(Granules { loads: vec![0; count], stores: vec![0; count], bytes })
            }
        };
        let queue = |unit| queue_of(unit).unwrap_or_default();
        Self { regions: specs.each_ref().map(region), specs, load: queue(Unit::Load), store: queue(Unit::Store) }
    }

    /// Loads or stores a block whose bounds are checked.
    pub fn access(&mut self, block: &DramBlock, actor: &Actor) -> Result<(), Clash> {
        let region = usize::from(block.region);
        let place = |offset| Place::Byte { region: block.region, name: self.specs[region].name.clone(), offset };
        match &mut self.regions[region] {
            Contents::Constant => Ok(()),
            Contents::Nothing => Err(Clash::Unwritten { place: place(block.offset) }),
            Contents::Stored(granules) if block.write => {
                let known = actor.clock[self.load];
                for (at, bytes) in rows(block).flat_map(prefixes) {
                    let position = granules.loads[at];
                    if position > known {
                        let place = place(at as u32 * GRANULE);
                        return Err(Clash::Race {
                            place,
                            writes: true,
                            queue: self.load,
                            position,
                            other_writes: false,
                        });
                    }
                    granules.stores[at] = actor.position;
                    granules.bytes[at] = granules.bytes[at].max(bytes);
                }
                Ok(())
            }
            Contents::Stored(granules) => {
                let known = actor.clock[self.store];
                for (at, bytes) in rows(block).flat_map(prefixes) {
                    let (position, stored) = (granules.stores[at], granules.bytes[at]);
                    if stored < bytes {
                        return Err(Clash::Unwritten { place: place(at as u32 * GRANULE + u32::from(stored)) });
                    }
                    if position > known {
                        let place = place(at as u32 * GRANULE);
                        return Err(Clash::Race {
                            place,
                            writes: false,
                            queue: self.store,
                            position,
                            other_writes: true,
                        });
                    }
                    granules.loads[at] = actor.position;
                }
                Ok(())
            }
        }
    }
}

/// The rows as byte ranges. Rows that overlap or touch are one range, so that work is bounded by the region's size.
fn rows(block: &DramBlock) -> impl Iterator<Item = Range<u64>> + use<> {
    let DramBlock { offset, pitch, rows, bytes, .. } = *block;
    let (count, bytes) = if pitch <= bytes { (1, block.end() - u64::from(offset)) } else { (rows, u64::from(bytes)) };
    (0..count).map(move |row| {
        let start = u64::from(offset) + u64::from(row) * u64::from(pitch);
        start..start + bytes
    })
}

/// The granules of a row, with the bytes it covers of each.
fn prefixes(row: Range<u64>) -> impl Iterator<Item = (usize, u8)> {
    let granule = u64::from(GRANULE);
    (row.start / granule..row.end.div_ceil(granule)).map(move |at| {
        let bytes = (row.end - at * granule).min(granule);
        (at as usize, bytes as u8)
    })
}
