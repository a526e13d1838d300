//! Random contents of all memories.

use systole_isa::HwConfig;
use systole_isa::numerics::{Param, RowEntry};

use crate::lockstep::{Place, State};
use crate::random::Random;

/// Elements that share a style, so that a block meets one, or a few.
const STRETCH: usize = 256;

/// One value of so many is an extreme, whatever the style: it meets ordinary ones in a row.
const SPRINKLED: u64 = 100;

/// Memories full of everything: noise, extremes, zeros, constants, single ones among zeros.
pub fn fill(random: &mut Random, config: &'static HwConfig) -> State {
    let mut state = State::new(config);
    for stretch in state.chip.spad_mut().chunks_mut(STRETCH) {
        bytes(random, stretch);
    }
    for stretch in state.chip.acc_mut().chunks_mut(STRETCH) {
        integers(random, stretch);
    }
    state.chip.param_mut().iter_mut().for_each(|p| *p = record(random));
    state.chip.row_mut().iter_mut().for_each(|e| *e = entry(random));
    for (_, place) in Place::NAMED {
        if let Place::Region(region) = place {
            let bytes = &mut state.regions[usize::from(region)];
            bytes.chunks_mut(8).for_each(|b| b.copy_from_slice(&random.bits().to_le_bytes()));
        }
    }
    state
}

fn bytes(random: &mut Random, stretch: &mut [i8]) {
    let style = random.below(7);
    let constant = random.bits() as i8;
    for value in stretch.iter_mut() {
        let bits = random.bits();
        *value = match style {
            0 => 0,
            1 => i8::MIN,
            2 => [i8::MIN, i8::MAX][(bits & 1) as usize],
            3 => constant,
            4 => ((bits >> 8) as i8) >> (bits & 7),
            // One value among zeros, as softmax leaves it.
            5 => [0, 127][usize::from(bits.is_multiple_of(24))],
            _ => bits as i8,
        };
        if (bits >> 40).is_multiple_of(SPRINKLED) {
            *value = i8::MIN;
        }
    }
}

fn integers(random: &mut Random, stretch: &mut [i32]) {
    let style = random.below(10);
    let constant = (random.bits() as i32) >> random.below(32);
    for value in stretch.iter_mut() {
        let bits = random.bits();
        let noise = (bits >> 32) as i32;
        *value = match style {
            0 => 0,
            1 => [i32::MIN, i32::MAX][(bits & 1) as usize],
            2 => constant,
            // The domains of GELU and tanh, of the residual, of the sum under LayerNorm.
            3 => noise >> 16,
            4 => noise >> 14,
            5 => -((bits >> 44) as i32 & 0xffff),
            6 => [0, i32::MAX >> (bits >> 59)][usize::from(bits.is_multiple_of(24))],
            // Around the ends of a byte and of 16 bits.
            7 => [-129, -128, -127, 126, 127, 128, -32769, -32768, 32767, 32768][bits as usize % 10],
            8 => noise,
            _ => noise >> (bits & 31),
        };
        if (bits >> 8 & 0xffff).is_multiple_of(SPRINKLED) {
            *value = [i32::MIN, i32::MAX][(bits & 1) as usize];
        }
    }
}

fn record(random: &mut Random) -> Param {
    let bits = random.bits();
    let noise = (bits >> 32) as i32;
    match bits % 8 {
        0 => Param { bias: 0, mult: 1 << 14, shift: 14 },
        1 => Param { bias: i32::MIN, mult: i16::MIN, shift: (bits >> 8) as u8 & 63 },
        2 => Param { bias: i32::MAX, mult: i16::MAX, shift: (bits >> 8) as u8 & 63 },
        3 => Param { bias: noise, mult: (bits >> 8) as i16, shift: 0 },
        // As the quantizer makes them.
        4 | 5 => Param { bias: noise >> 16, mult: (bits >> 8) as i16 | 1 << 14, shift: 16 + ((bits >> 24) & 15) as u8 },
        _ => Param { bias: noise >> (bits >> 27 & 31), mult: (bits >> 8) as i16, shift: (bits >> 24) as u8 & 63 },
    }
}

fn entry(random: &mut Random) -> RowEntry {
    let bits = random.bits();
    let noise = (bits >> 32) as i32;
    match bits % 8 {
        0 => RowEntry::default(),
        // The moments of equal values: no variance.
        1 | 2 => {
            let (value, count) = (i64::from(noise >> 16), [1, 8, 16, 24, 32, 384, 4096][(bits >> 8) as usize % 7]);
            RowEntry { a: (value * count) as i32, b: (value * value * count) as u64 }
        }
        3 => RowEntry { a: [i32::MIN, i32::MAX, -1, 1][(bits >> 8) as usize % 4], b: (1 << 48) - 1 },
        4 => RowEntry::scale(noise >> (bits >> 27 & 31), (bits >> 8) as u16, (bits >> 24) as u8 & 63),
        5 => RowEntry { a: (noise >> (bits >> 27 & 31)).wrapping_abs(), b: 0 },
        _ => RowEntry { a: noise >> (bits >> 27 & 31), b: random.bits() >> (16 + (bits >> 27 & 31)) },
    }
}
