//! Operand rules that hold in every configuration. What breaks one is an `IllegalOperand` fault on the device, and the
//! verifier refuses it with the same words.

use crate::instruction::{Format, Instruction, Map, Memory, Op, Output, RowKind, Stat};
use crate::{DRAM_ALIGN, REGIONS};

/// Most columns that moments may cover (keeps LayerNorm's integers below 2^59).
pub const MAX_MOMENTS: u16 = 4096;

/// Checks the rules.
///
/// # Errors
/// A sentence that says which rule is broken.
pub fn check(instruction: &Instruction) -> Result<(), &'static str> {
    let need = |ok: bool, rule: &'static str| if ok { Ok(()) } else { Err(rule) };
    let dram = |region: u8, offset: u32, pitch: u32, rows: u16, cols: u16| {
        need(usize::from(region) < REGIONS, "region is 8 or more")?;
        need(rows > 0 && cols > 0, "rows and cols must be 1 or more")?;
        need(
            offset.is_multiple_of(DRAM_ALIGN) && pitch.is_multiple_of(DRAM_ALIGN),
            "offset and pitch must be multiples of 32",
        )
    };
    match &instruction.op {
        Op::End(_) => need(instruction.sync == crate::Sync::default(), "end takes no tag and no semaphores"),
        Op::Load(l) => {
            dram(l.region, l.offset, l.pitch, l.rows, l.cols)?;
            let pair = matches!(
                (l.memory, l.format),
                (Memory::Spad, Format::I8) | (Memory::Acc, Format::I16 | Format::I32) | (Memory::Param, Format::Record)
            );
            need(pair, "load takes i8 to spad, i16 or i32 to acc, record to param")
        }
        Op::Store(s) => {
            dram(s.region, s.offset, s.pitch, s.rows, s.cols)?;
            let pair =
                matches!((s.memory, s.format), (Memory::Spad, Format::I8) | (Memory::Acc, Format::I16 | Format::I32));
            need(pair, "store takes i8 from spad, i16 or i32 from acc")?;
            let row_bytes = u32::from(s.cols) * s.format.bytes();
            need(s.rows == 1 || s.pitch >= row_bytes, "stored rows must not overlap in DRAM")
        }
        Op::Gemm(g) => need(g.m > 0 && g.k > 0 && g.n > 0, "m, k and n must be 1 or more"),
        Op::Map(m) => check_map(m),
        Op::Row(r) => {
            need(r.rows > 0, "rows must be 1 or more")?;
            let rstd = r.kind == RowKind::Rstd;
            need(
                if rstd { (1..=MAX_MOMENTS).contains(&r.count) } else { r.count == 0 && r.eps == 0 },
                "count is 1..=4096 for rstd, otherwise count and eps are 0",
            )?;
            need((r.num > 0) == (r.kind == RowKind::Recip), "num is 1 or more for recip, otherwise 0")
        }
    }
}

fn check_map(m: &Map) -> Result<(), &'static str> {
    let need = |ok: bool, rule: &'static str| if ok { Ok(()) } else { Err(rule) };
    need(m.rows > 0 && m.cols > 0, "rows and cols must be 1 or more")?;
    need(m.out_shift < 32, "out_shift must be 31 or less")?;
    need(m.output != Output::None || (m.dst == 0 && m.dst_stride == 0), "dst is 0 without an output")?;
    need(m.output != Output::None || m.stat != Stat::None, "a map needs an output or a statistic")?;
    need(m.add || m.aux == 0, "aux is 0 without add")?;
    need(!(m.add && m.src_spad), "add needs a source in acc")?;
    need(m.channel || (m.param == 0 && !m.broadcast), "param is 0 and broadcast unset without channel")?;
    need(m.row_sub || m.row_scale || m.row_in == 0, "row_in is 0 without a row stage")?;
    need(
        m.stat != Stat::None || (m.row_out == 0 && !m.stat_init),
        "row_out is 0 and stat_init unset without a statistic",
    )?;
    let narrow = m.output.bits() <= 18;
    need(m.stat != Stat::Moments || narrow, "moments need an output of 18 bits or fewer")
}
