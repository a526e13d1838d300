//! Chips full of awkward values, and the comparison of kernels with the reference.
#![allow(dead_code, reason = "each test binary uses a part")]

pub mod host;

use std::cell::RefCell;
use systole_isa::instruction::{Function, Map, Output, Stat, Sync};
use systole_isa::numerics::{Param, ROW_B_MASK, RowEntry};
use systole_isa::ring::{REGION_WRITE, Region};
use systole_isa::{HwConfig, Instruction, Op};
use systole_sim::{Chip, Memory, Regions, Scratch, Stop, reference};

/// SplitMix64.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: u32) -> u32 {
        (self.next() >> 32) as u32 % n
    }

    /// Every magnitude is equally likely, and extremes are frequent.
    pub fn i32(&mut self) -> i32 {
        let x = self.next();
        match x % 8 {
            0 => [i32::MIN, i32::MAX, 0, -1, 1, i32::MIN + 1, 32512, -32768][(x >> 8) as usize % 8],
            _ => ((x >> 32) as i32) >> ((x >> 8) % 32),
        }
    }

    pub fn i8(&mut self) -> i8 {
        let x = self.next();
        match x % 4 {
            0 => [i8::MIN, i8::MAX, 0, -1][(x >> 8) as usize % 4],
            _ => (x >> 32) as i8,
        }
    }
}

/// What the memories of a test hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fill {
    /// All magnitudes.
    Mixed,
    /// Zeros: rows without sum or variance.
    Zero,
    /// The most negative values, largest scales, no shift.
    Lowest,
    /// The most positive values.
    Highest,
}

impl Fill {
    pub const ALL: [Self; 4] = [Self::Mixed, Self::Zero, Self::Lowest, Self::Highest];
}

pub fn filled(config: &'static HwConfig, fill: Fill, seed: u64) -> Chip {
    let mut chip = Chip::new(config);
    let mut random = Random(seed);
    let value = |random: &mut Random| match fill {
        Fill::Mixed => random.i32(),
        Fill::Zero => 0,
        Fill::Lowest => i32::MIN,
        Fill::Highest => i32::MAX,
    };
    chip.acc_mut().iter_mut().for_each(|x| *x = value(&mut random));
    chip.spad_mut().iter_mut().for_each(|x| {
        *x = match fill {
            Fill::Mixed => random.i8(),
            other => value(&mut random).clamp(-128, 127) as i8 * i8::from(other != Fill::Zero),
        }
    });
    // Scales must be able to saturate (small shifts) and to vanish (63).
    let shift = |random: &mut Random| match (fill, random.below(4)) {
        (Fill::Lowest | Fill::Highest, _) | (_, 0) => 0,
        (_, 1) => random.below(64) as u8,
        (_, 2) => 63,
        _ => random.below(24) as u8,
    };
    chip.param_mut().iter_mut().for_each(|p| {
        let mult = value(&mut random).clamp(i16::MIN.into(), i16::MAX.into()) as i16;
        *p = Param { bias: value(&mut random), mult, shift: shift(&mut random) };
    });
    chip.row_mut().iter_mut().for_each(|e| {
        *e = match random.below(2) {
            0 => RowEntry::scale(value(&mut random), random.next() as u16, shift(&mut random)),
            _ => RowEntry { a: value(&mut random), b: random.next() & ROW_B_MASK },
        }
    });
    chip
}

/// Device memory with a writable region 0 and a read-only region 1, filled.
pub fn dram(seed: u64, size: u32) -> (Memory, Regions) {
    let (mut memory, mut regions, mut random) = (Memory::default(), Regions::default(), Random(seed));
    for (r, flags) in [(0, REGION_WRITE), (1, 0)] {
        let base = memory.allocate(size.into()).expect("a test's memory fits");
        let bytes: Vec<u8> = (0..size).map(|_| random.i8() as u8).collect();
        memory.copy_to(base, &bytes).expect("just allocated");
        regions.0[r] = Region { base, size, flags };
    }
    (memory, regions)
}

pub fn instruction(op: impl Into<Op>) -> Instruction {
    Instruction { sync: Sync::default(), op: op.into() }
}

thread_local! {
    /// Used by one instruction after another: what it holds must not leak into the next.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Runs kernels and reference from the same state; both must refuse alike, or leave equal memories everywhere.
pub fn agree(op: impl Into<Op>, chip: &Chip, memory: &Memory, regions: &Regions) -> Result<(), Stop> {
    let instruction = instruction(op);
    let (mut fast, mut slow) = ((chip.clone(), memory.clone()), (chip.clone(), memory.clone()));
    let outcome = SCRATCH
        .with_borrow_mut(|scratch| systole_sim::execute(&instruction, &mut fast.0, &mut fast.1, regions, scratch));
    let expected = reference::execute(&instruction, &mut slow.0, &mut slow.1, regions);
    assert_eq!(outcome, expected, "{instruction}");
    assert_same(&fast, &slow, &instruction);
    outcome
}

/// Compares every memory, on chip and off.
pub fn assert_same(a: &(Chip, Memory), b: &(Chip, Memory), after: &Instruction) {
    assert_eq!(a.0.difference(&b.0), None, "chip memory differs after {after}");
    assert!(a.1 == b.1, "device memory differs after {after}");
}

/// A MAP that copies ACC to ACC; tests change what they are about.
pub fn plain_map() -> Map {
    Map {
        src_spad: false,
        row_sub: false,
        row_scale: false,
        channel: false,
        broadcast: false,
        add: false,
        stat_init: false,
        src: 0,
        src_stride: 0,
        dst: 0,
        dst_stride: 0,
        aux: 0,
        param: 0,
        rows: 1,
        cols: 1,
        row_in: 0,
        row_out: 0,
        function: Function::None,
        stat: Stat::None,
        output: Output::Acc32,
        out_shift: 0,
    }
}
