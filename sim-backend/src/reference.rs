//! The oracle: every operation element by element, as the contract words it.
//!
//! Nothing here is shared with the kernels, not even the check of a DRAM access: it goes byte by byte. The arithmetic is
//! that of [`systole_isa::numerics`] and nothing else.

use crate::chip::Chip;
use crate::memory::Memory;
use crate::region::{Regions, Stop};
use systole_isa::access::{self, DramBlock};
use systole_isa::instruction::{Format, Gemm, Load, Map, Memory as Place, Output, Row, Stat, Store};
use systole_isa::numerics::{Param, RowEntry, add_stage, convert_row, function, output_stage, row_stage, saturate};
use systole_isa::ring::REGION_WRITE;
use systole_isa::{Cause, DRAM_ALIGN, Instruction, Op};

/// Executes one instruction like [`crate::execute()`], slowly.
///
/// # Errors
/// As [`crate::execute()`].
pub fn execute(instruction: &Instruction, chip: &mut Chip, memory: &mut Memory, regions: &Regions) -> Result<(), Stop> {
    let accesses =
        access::check(instruction, chip.config()).map_err(|r| Stop { cause: r.cause, address: r.address })?;
    if let Some(dram) = &accesses.dram {
        check_bytes(dram, regions)?;
    }
    match &instruction.op {
        Op::End(_) => Ok(()),
        Op::Load(op) => load(op, chip, memory, regions),
        Op::Store(op) => store(op, chip, memory, regions),
        Op::Gemm(op) => {
            gemm(op, chip);
            Ok(())
        }
        Op::Map(op) => {
            map(op, chip);
            Ok(())
        }
        Op::Row(op) => {
            row(op, chip);
            Ok(())
        }
    }
}

/// Checks every byte of an access: the region is sound, each byte is inside, and it may be written.
fn check_bytes(dram: &DramBlock, regions: &Regions) -> Result<(), Stop> {
    let region = regions.0[usize::from(dram.region)];
    let align = u64::from(DRAM_ALIGN);
    let end = u128::from(region.base) + u128::from(region.size);
    let first = u64::from(dram.offset);
    let aligned = region.base.is_multiple_of(align) && u64::from(region.size).is_multiple_of(align);
    if !aligned || end > u128::from(u64::MAX) {
        return Err(Stop { cause: Cause::RegionMalformed, address: first });
    }
    for r in 0..u64::from(dram.rows) {
        for b in 0..u64::from(dram.bytes) {
            let offset = first + r * u64::from(dram.pitch) + b;
            if offset >= u64::from(region.size) {
                return Err(Stop { cause: Cause::RegionBounds, address: offset });
            }
        }
    }
    if dram.write && region.flags & REGION_WRITE == 0 {
        return Err(Stop { cause: Cause::RegionReadOnly, address: first });
    }
    Ok(())
}

/// Element `col` of row `r` of a block on chip; also addresses the lanes behind the last column.
fn element(base: u16, stride: u16, r: u16, col: usize, n: usize) -> usize {
    (usize::from(base) + usize::from(r) * usize::from(stride)) * n + col
}

/// Columns of `cols`, and then those up to the end of the last word.
fn padded(cols: u16, n: usize) -> usize {
    usize::from(cols).div_ceil(n) * n
}

fn load(op: &Load, chip: &mut Chip, memory: &Memory, regions: &Regions) -> Result<(), Stop> {
    let n = chip.n();
    let bytes = op.format.bytes() as usize;
    for r in 0..op.rows {
        let row = u64::from(op.offset) + u64::from(r) * u64::from(op.pitch);
        for col in 0..padded(op.cols, n) {
            let mut element_bytes = [0; 8];
            if col < usize::from(op.cols) {
                let address = regions.0[usize::from(op.region)].base + row + (col * bytes) as u64;
                memory
                    .copy_from(address, &mut element_bytes[..bytes])
                    .map_err(|_| Stop { cause: Cause::Bus, address: row })?;
            }
            let at = element(op.dst, op.dst_stride, r, col, n);
            let [b0, b1, b2, b3, ..] = element_bytes;
            match (op.memory, op.format) {
                (Place::Spad, _) => chip.spad[at] = b0 as i8,
                (Place::Acc, Format::I16) => chip.acc[at] = i16::from_le_bytes([b0, b1]).into(),
                (Place::Acc, _) => chip.acc[at] = i32::from_le_bytes([b0, b1, b2, b3]),
                (Place::Param, _) => chip.param[at] = Param::from_bytes(element_bytes),
            }
        }
    }
    Ok(())
}

fn store(op: &Store, chip: &Chip, memory: &mut Memory, regions: &Regions) -> Result<(), Stop> {
    let n = chip.n();
    let bytes = op.format.bytes() as usize;
    for r in 0..op.rows {
        let row = u64::from(op.offset) + u64::from(r) * u64::from(op.pitch);
        for col in 0..usize::from(op.cols) {
            let at = element(op.src, op.src_stride, r, col, n);
            let value = match (op.memory, op.format) {
                (Place::Acc, Format::I16) => saturate(chip.acc[at].into(), 16),
                (Place::Acc, _) => chip.acc[at],
                (Place::Spad | Place::Param, _) => chip.spad[at].into(),
            };
            let address = regions.0[usize::from(op.region)].base + row + (col * bytes) as u64;
            memory
                .copy_to(address, &value.to_le_bytes()[..bytes])
                .map_err(|_| Stop { cause: Cause::Bus, address: row })?;
        }
    }
    Ok(())
}

fn gemm(op: &Gemm, chip: &mut Chip) {
    let n = chip.n();
    for i in 0..op.m {
        for j in 0..padded(op.n, n) {
            let c = element(op.c, op.c_stride, i, j, n);
            if j >= usize::from(op.n) {
                chip.acc[c] = 0;
                continue;
            }
            let mut sum = if op.accumulate { chip.acc[c] } else { 0 };
            for k in 0..op.k {
                let a = chip.spad[element(op.a, op.a_stride, i, k.into(), n)];
                let b = if op.transpose_b {
                    chip.spad[element(op.b, op.b_stride, j as u16, k.into(), n)]
                } else {
                    chip.spad[element(op.b, op.b_stride, k, j, n)]
                };
                sum = sum.wrapping_add(i32::from(a) * i32::from(b));
            }
            chip.acc[c] = sum;
        }
    }
}

fn map(op: &Map, chip: &mut Chip) {
    let n = chip.n();
    for r in 0..op.rows {
        for col in 0..padded(op.cols, n) {
            let inside = col < usize::from(op.cols);
            let y = if inside { map_element(op, chip, r, col) } else { 0 };
            let dst = element(op.dst, op.dst_stride, r, col, n);
            match op.output {
                Output::None => {}
                Output::Spad8 => chip.spad[dst] = y as i8,
                Output::Acc16 | Output::Acc18 | Output::Acc32 => chip.acc[dst] = y,
            }
            if inside && op.stat != Stat::None {
                let entry = &mut chip.row[usize::from(op.row_out) + usize::from(r)];
                *entry = entry.gather(op.stat, y, op.stat_init && col == 0);
            }
        }
    }
}

fn map_element(op: &Map, chip: &Chip, r: u16, col: usize) -> i32 {
    let n = chip.n();
    let src = element(op.src, op.src_stride, r, col, n);
    let mut x = if op.src_spad { chip.spad[src].into() } else { chip.acc[src] };
    if op.row_sub || op.row_scale {
        let entry: RowEntry = chip.row[usize::from(op.row_in) + usize::from(r)];
        x = row_stage(x, entry, op.row_sub, op.row_scale);
    }
    if op.channel {
        x = chip.param[element(op.param, 0, 0, if op.broadcast { 0 } else { col }, n)].apply(x);
    }
    if op.add {
        x = add_stage(x, chip.acc[element(op.aux, op.src_stride, r, col, n)]);
    }
    output_stage(function(op.function, x), op.out_shift.into(), op.output.bits())
}

fn row(op: &Row, chip: &mut Chip) {
    for r in 0..op.rows {
        let entry = chip.row[usize::from(op.src) + usize::from(r)];
        chip.row[usize::from(op.dst) + usize::from(r)] = convert_row(op.kind, entry, op.frac, op.count, op.num, op.eps);
    }
}
