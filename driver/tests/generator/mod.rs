//! Random programs for property tests: legal operands over few words, so that they meet often; semaphores where one
//! instruction depends on another; and, when asked for, some of these left out.

#![allow(dead_code, reason = "each test binary uses a part")]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use systole_isa::access::{self, Space};
use systole_isa::config::N8;
use systole_isa::instruction::{Format, Gemm, Load, Map, Memory, Output, Row, RowKind, Stat, Store};
use systole_isa::{Instruction, Op, Unit};

use crate::build::{INPUT, OUTPUT, gemm, load, map, row, store, sync};

/// A word on chip or a byte in DRAM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cell {
    Word(u8, u32),
    Byte(u8, u64),
}

/// What an instruction reads and writes, cell by cell.
#[derive(Clone, Debug, Default)]
pub struct Footprint {
    pub reads: BTreeSet<Cell>,
    pub writes: BTreeSet<Cell>,
}

impl Footprint {
    pub fn of(instruction: &Instruction) -> Self {
        let accesses = access::of(instruction, &N8);
        let mut out = Self::default();
        for block in accesses.blocks() {
            let space = Space::ALL.iter().position(|s| *s == block.space).unwrap_or_default() as u8;
            for (row, word) in (0..block.rows).flat_map(|r| (0..block.words).map(move |w| (r, w))) {
                let cell = Cell::Word(space, block.base + row * block.stride + word);
                out.note(cell, block.kind.reads(), block.kind.writes());
            }
        }
        if let Some(d) = accesses.dram {
            for (row, byte) in (0..u64::from(d.rows)).flat_map(|r| (0..u64::from(d.bytes)).map(move |b| (r, b))) {
                let cell = Cell::Byte(d.region, u64::from(d.offset) + row * u64::from(d.pitch) + byte);
                out.note(cell, !d.write, d.write);
            }
        }
        out
    }

    fn note(&mut self, cell: Cell, reads: bool, writes: bool) {
        if reads {
            self.reads.insert(cell);
        }
        if writes {
            self.writes.insert(cell);
        }
    }

    /// True if the order of the two matters.
    pub fn conflicts(&self, other: &Self) -> bool {
        let meet = |a: &BTreeSet<Cell>, b: &BTreeSet<Cell>| a.iter().any(|cell| b.contains(cell));
        meet(&self.writes, &other.writes) || meet(&self.writes, &other.reads) || meet(&self.reads, &other.writes)
    }
}

/// Raw material of one instruction.
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    kind: u8,
    a: u8,
    b: u8,
    c: u8,
    shape: u8,
    slip: u8,
}

/// Up to `length` choices.
pub fn choices(length: usize) -> impl Strategy<Value = Vec<Choice>> {
    let choice = any::<(u8, u8, u8, u8, u8, u8)>();
    let choice = choice.prop_map(|(kind, a, b, c, shape, slip)| Choice { kind, a, b, c, shape, slip });
    prop::collection::vec(choice, 1..length)
}

impl Choice {
    fn op(&self) -> Op {
        let (a, b, c) = (u16::from(self.a), u16::from(self.b), u16::from(self.c));
        let rows = u16::from(self.shape & 3) + 1;
        let stride = u16::from(self.shape >> 2 & 1) + 1;
        let flag = self.shape & 8 != 0;
        let format = if flag { Format::I32 } else { Format::I16 };
        let offset = u32::from(self.b % 4) * 32;
        let cols = 4 + (c & 4);
        match self.kind % 16 {
            0 | 1 => Load { dst_stride: stride, offset, ..load(a % 24, rows) }.into(),
            2 => Load { memory: Memory::Acc, format, dst_stride: stride, offset, ..load(a % 10, rows) }.into(),
            3 => Load { memory: Memory::Param, format: Format::Record, pitch: 64, offset, ..load(a % 4, 1) }.into(),
            4 | 12 | 13 => {
                Load { region: OUTPUT, offset, cols: 4 + (c & 12), dst_stride: 2, ..load(a % 24, rows) }.into()
            }
            5 | 6 => Gemm {
                m: rows,
                accumulate: flag,
                transpose_b: c & 1 != 0,
                a_stride: stride - 1,
                c_stride: stride,
                ..gemm(a % 16, b % 16, c % 10)
            }
            .into(),
            7 => Map {
                src_stride: stride,
                channel: flag,
                param: if flag { c % 4 } else { 0 },
                ..map(a % 10, b % 24, rows)
            }
            .into(),
            8 => Map {
                output: Output::Acc32,
                add: flag,
                aux: if flag { b % 10 } else { 0 },
                ..map(a % 10, a % 10, rows)
            }
            .into(),
            9 => Map {
                src_spad: true,
                output: Output::None,
                dst: 0,
                dst_stride: 0,
                stat: Stat::Max,
                stat_init: flag,
                row_out: b % 6,
                ..map(a % 24, 0, rows)
            }
            .into(),
            10 => Row { kind: RowKind::Scale, dst: b % 6, ..row(a % 6, rows.min(if a % 6 == b % 6 { 4 } else { 1 })) }
                .into(),
            11 | 14 => Store { offset, cols, src_stride: stride, ..store(a % 24, rows, 0) }.into(),
            _ => Store { memory: Memory::Acc, format, offset, ..store(a % 10, rows, 0) }.into(),
        }
    }

    /// The operation, or a load in its place if it would read what was never written; rarely that is kept.
    fn instruction(&self, written: &BTreeSet<Cell>, sloppy: bool) -> Option<(Instruction, Footprint)> {
        let replacement = Load { memory: Memory::Spad, ..load(u16::from(self.a) % 24, 4) };
        [self.op(), replacement.into()].into_iter().find_map(|op| {
            let instruction = Instruction::new(op);
            access::check(&instruction, &N8).ok()?;
            let footprint = Footprint::of(&instruction);
            let known = |c: &Cell| written.contains(c) || matches!(c, Cell::Byte(INPUT, _));
            (footprint.reads.iter().all(known) || (sloppy && self.slip % 50 == 7)).then_some((instruction, footprint))
        })
    }
}

/// Instructions (without END) that wait for what they depend on. If `sloppy`, some waits and posts are missing.
pub fn generate(choices: &[Choice], sloppy: bool) -> Vec<Instruction> {
    let mut code: Vec<(Instruction, Footprint)> = Vec::new();
    let mut written = BTreeSet::new();
    // For each pair of units, the last instruction of the first that the second has waited for.
    let mut ordered: BTreeMap<(u8, u8), usize> = BTreeMap::new();
    for choice in choices {
        let Some((mut instruction, footprint)) = choice.instruction(&written, sloppy) else { continue };
        let unit = instruction.op.unit();
        for other in Unit::QUEUED.into_iter().filter(|o| *o != unit) {
            let last = code.iter().rposition(|(i, f)| i.op.unit() == other && f.conflicts(&footprint));
            let Some(last) = last.filter(|l| ordered.get(&(other as u8, unit as u8)).is_none_or(|o| o < l)) else {
                continue;
            };
            ordered.insert((other as u8, unit as u8), last);
            // About one slip in a program, so that it is not hidden by others: no wait, no post, neither, or a post
            // of somebody else's semaphore.
            let slip = if sloppy { choice.slip % 40 } else { 40 };
            let semaphore = semaphore(other, unit);
            let posted = if (3..6).contains(&slip) { (semaphore + 5) % 12 } else { semaphore };
            if slip != 0 && slip != 1 {
                code[last].0.sync.post |= 1 << posted;
            }
            if slip != 0 && slip != 2 {
                instruction.sync.wait |= 1 << semaphore;
            }
        }
        written.extend(footprint.writes.iter().copied());
        code.push((instruction, footprint));
    }
    code.into_iter()
        .map(|(instruction, _)| sync(instruction.op, instruction.sync.wait, instruction.sync.post))
        .collect()
}

/// One semaphore for each ordered pair of different units.
fn semaphore(from: Unit, to: Unit) -> u8 {
    let (from, to) = (from as u8 - 1, to as u8 - 1);
    from * 3 + to - u8::from(to > from)
}
