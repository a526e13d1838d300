//! LOAD and STORE: rows between DRAM and a memory on chip.

use crate::chip::Chip;
use crate::memory::Memory;
use crate::region::Stop;
use systole_isa::Cause;
use systole_isa::instruction::{Format, Load, Memory as Place, Store};
use systole_isa::numerics::{Param, saturate};

/// Offset in the region and bus address of every run.
fn runs(base: u64, offset: u32, pitch: u32, rows: u16) -> impl Iterator<Item = (u64, u64)> {
    (0..u64::from(rows)).map(move |r| (u64::from(offset) + r * u64::from(pitch), base + r * u64::from(pitch)))
}

/// Converts a row and fills the lanes behind it with zeros.
fn fill<const BYTES: usize, T: Copy + Default>(row: &mut [T], bytes: &[u8], convert: impl Fn([u8; BYTES]) -> T) {
    let (chunks, _) = bytes.as_chunks::<BYTES>();
    let (body, tail) = row.split_at_mut(chunks.len());
    body.iter_mut().zip(chunks).for_each(|(to, from)| *to = convert(*from));
    tail.fill(T::default());
}

/// Executes a LOAD whose first byte is at bus address `base`.
pub(crate) fn load(op: &Load, base: u64, chip: &mut Chip, memory: &Memory) -> Result<(), Stop> {
    let (n, cols) = (chip.n(), usize::from(op.cols));
    let padded = cols.next_multiple_of(n);
    let mut copy = Vec::new();
    for (r, (offset, address)) in runs(base, op.offset, op.pitch, op.rows).enumerate() {
        let bytes = memory
            .view(address, cols * op.format.bytes() as usize, &mut copy)
            .ok_or(Stop { cause: Cause::Bus, address: offset })?;
        let start = (usize::from(op.dst) + r * usize::from(op.dst_stride)) * n;
        let range = start..start + padded;
        match (op.memory, op.format) {
            (Place::Spad, _) => fill(&mut chip.spad[range], bytes, i8::from_le_bytes),
            (Place::Acc, Format::I16) => fill(&mut chip.acc[range], bytes, |b| i16::from_le_bytes(b).into()),
            (Place::Acc, _) => fill(&mut chip.acc[range], bytes, i32::from_le_bytes),
            (Place::Param, _) => fill(&mut chip.param[range], bytes, Param::from_bytes),
        }
    }
    Ok(())
}

/// Executes a STORE whose first byte is at bus address `base`.
pub(crate) fn store(op: &Store, base: u64, chip: &Chip, memory: &mut Memory) -> Result<(), Stop> {
    let (n, cols) = (chip.n(), usize::from(op.cols));
    let mut copy = Vec::new();
    for (r, (offset, address)) in runs(base, op.offset, op.pitch, op.rows).enumerate() {
        let start = (usize::from(op.src) + r * usize::from(op.src_stride)) * n;
        let range = start..start + cols;
        memory
            .fill(address, cols * op.format.bytes() as usize, &mut copy, |bytes| match (op.memory, op.format) {
                (Place::Acc, Format::I16) => {
                    for (to, x) in bytes.as_chunks_mut().0.iter_mut().zip(&chip.acc[range]) {
                        *to = (saturate(i64::from(*x), 16) as i16).to_le_bytes();
                    }
                }
                (Place::Acc, _) => {
                    for (to, x) in bytes.as_chunks_mut().0.iter_mut().zip(&chip.acc[range]) {
                        *to = x.to_le_bytes();
                    }
                }
                (Place::Spad | Place::Param, _) => {
                    for (to, x) in bytes.iter_mut().zip(&chip.spad[range]) {
                        *to = x.to_le_bytes()[0];
                    }
                }
            })
            .ok_or(Stop { cause: Cause::Bus, address: offset })?;
    }
    Ok(())
}
