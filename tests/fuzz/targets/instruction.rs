//! 32 bytes to an instruction and back; what configurations accept, the simulator executes like its reference.
#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use systole_isa::config::{N8, NAMED};
use systole_isa::ring::{REGION_WRITE, Region};
use systole_isa::{INSTRUCTION_BYTES, Instruction, Op, access};
use systole_sim::{Chip, Memory, Regions, Scratch, execute, reference};

/// Elements that the naive reference may touch.
const BUDGET: u64 = 1 << 14;

struct State {
    chip: Chip,
    memory: Memory,
    regions: Regions,
    scratch: Scratch,
}

thread_local! {
    static STATE: RefCell<State> = RefCell::new(State::new());
}

impl State {
    fn new() -> Self {
        let (mut memory, mut regions) = (Memory::default(), Regions::default());
        for region in &mut regions.0[..2] {
            let base = memory.allocate(1 << 12).expect("room");
            *region = Region { base, size: 1 << 12, flags: REGION_WRITE };
        }
        Self { chip: Chip::new(&N8), memory, regions, scratch: Scratch::default() }
    }
}

fn cost(op: &Op) -> u64 {
    match op {
        Op::Gemm(g) => u64::from(g.m) * u64::from(g.k) * u64::from(g.n),
        Op::Map(m) => u64::from(m.rows) * u64::from(m.cols),
        Op::Load(l) => u64::from(l.rows) * u64::from(l.cols),
        Op::Store(s) => u64::from(s.rows) * u64::from(s.cols),
        Op::Row(r) => r.rows.into(),
        Op::End(_) => 0,
    }
}

fuzz_target!(|bytes: [u8; INSTRUCTION_BYTES]| {
    let Ok(instruction) = Instruction::decode(&bytes) else { return };
    assert_eq!(instruction.encode(), bytes);
    assert!(!instruction.to_string().is_empty());
    for config in NAMED {
        if let Ok(accesses) = access::check(&instruction, config) {
            assert!(accesses.blocks().all(|b| b.end() <= b.space.words(config)));
        }
    }
    if cost(&instruction.op) > BUDGET {
        return;
    }
    STATE.with_borrow_mut(|s| {
        let (mut chip, mut memory) = (s.chip.clone(), s.memory.clone());
        let slow = reference::execute(&instruction, &mut chip, &mut memory, &s.regions);
        let fast = execute(&instruction, &mut s.chip, &mut s.memory, &s.regions, &mut s.scratch);
        assert_eq!(fast, slow, "{instruction}");
        assert!(s.chip.difference(&chip).is_none() && s.memory == memory, "{instruction}");
    });
});
