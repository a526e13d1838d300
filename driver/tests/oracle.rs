//! The verifier against an oracle that knows nothing of clocks: it runs an abstract model of the device under many
//! interleavings and compares. What the verifier accepts must never fault and never depend on the interleaving.

mod build;
mod generator;

use std::collections::{BTreeMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use build::{INPUT, gemm, load, map, program, store, sync};
use generator::{Cell, Footprint, choices, generate};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use systole_driver::{Refused, verify};
use systole_isa::Instruction;

/// How a run of the model ends: the contents, or the fault.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    Contents(BTreeMap<Cell, u64>),
    Unwritten(usize),
    Deadlock,
}

/// How far an instruction is. The model may interleave other units between any two of these steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Start,
    Read,
    WriteHalf,
    WriteRest,
    Post,
}

/// A small generator of numbers, so that an interleaving is a seed.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % bound
    }
}

struct Model<'a> {
    code: &'a [Instruction],
    footprints: &'a [Footprint],
    depth: usize,
    queues: [VecDeque<usize>; 4],
    steps: [Step; 4],
    values: [u64; 4],
    fetched: usize,
    semaphores: [u32; 16],
    contents: BTreeMap<Cell, u64>,
}

impl Model<'_> {
    /// Runs to the end. `stubborn` of 8 times the unit that moved last moves again.
    fn run(mut self, seed: u64, stubborn: usize) -> Outcome {
        let mut numbers = Numbers(seed);
        let mut last = 0;
        loop {
            self.fetch();
            let movable: Vec<usize> = (0..4).filter(|q| self.can_move(*q)).collect();
            if movable.is_empty() {
                let finished = self.fetched == self.code.len() && self.queues.iter().all(VecDeque::is_empty);
                return if finished { Outcome::Contents(self.contents) } else { Outcome::Deadlock };
            }
            let keep = movable.contains(&last) && numbers.below(8) < stubborn;
            last = if keep { last } else { movable[numbers.below(movable.len())] };
            if let Err(index) = self.advance(last) {
                return Outcome::Unwritten(index);
            }
        }
    }

    fn fetch(&mut self) {
        while let Some(instruction) = self.code.get(self.fetched) {
            let queue = &mut self.queues[instruction.op.unit() as usize - 1];
            if queue.len() >= self.depth {
                break;
            }
            queue.push_back(self.fetched);
            self.fetched += 1;
        }
    }

    fn can_move(&self, q: usize) -> bool {
        let Some(index) = self.queues[q].front() else { return false };
        let wait = self.code[*index].sync.wait;
        self.steps[q] != Step::Start || (0..16).all(|s| wait >> s & 1 == 0 || self.semaphores[s] > 0)
    }

    fn advance(&mut self, q: usize) -> Result<(), usize> {
        let index = self.queues[q][0];
        let (instruction, footprint) = (&self.code[index], &self.footprints[index]);
        self.steps[q] = match self.steps[q] {
            Step::Start => {
                (0..16).filter(|s| instruction.sync.wait >> s & 1 == 1).for_each(|s| self.semaphores[s] -= 1);
                Step::Read
            }
            Step::Read => {
                let mut hasher = DefaultHasher::new();
                index.hash(&mut hasher);
                for cell in &footprint.reads {
                    let constant = matches!(cell, Cell::Byte(INPUT, _)).then_some(1);
                    constant.or(self.contents.get(cell).copied()).ok_or(index)?.hash(&mut hasher);
                }
                self.values[q] = hasher.finish();
                Step::WriteHalf
            }
            Step::WriteHalf => {
                self.write(q, footprint, 0);
                Step::WriteRest
            }
            Step::WriteRest => {
                self.write(q, footprint, 1);
                Step::Post
            }
            Step::Post => {
                (0..16).filter(|s| instruction.sync.post >> s & 1 == 1).for_each(|s| self.semaphores[s] += 1);
                self.queues[q].pop_front();
                Step::Start
            }
        };
        Ok(())
    }

    fn write(&mut self, q: usize, footprint: &Footprint, parity: usize) {
        for (at, cell) in footprint.writes.iter().enumerate().filter(|(at, _)| at % 2 == parity) {
            self.contents.insert(*cell, self.values[q].wrapping_add(at as u64));
        }
    }
}

/// The different outcomes of many interleavings, under the device's queue depth and under endless queues.
fn outcomes(code: &[Instruction]) -> Vec<Outcome> {
    let footprints: Vec<Footprint> = code.iter().map(Footprint::of).collect();
    let mut outcomes = Vec::new();
    for seed in 0..40 {
        let model = Model {
            code,
            footprints: &footprints,
            depth: if seed % 2 == 0 { 16 } else { usize::MAX },
            queues: Default::default(),
            steps: [Step::Start; 4],
            values: [0; 4],
            fetched: 0,
            semaphores: [0; 16],
            contents: BTreeMap::new(),
        };
        let outcome = model.run(seed, seed as usize % 9);
        if !outcomes.contains(&outcome) {
            outcomes.push(outcome);
        }
    }
    outcomes
}

fn is_sound(outcomes: &[Outcome]) -> bool {
    matches!(outcomes, [Outcome::Contents(_)])
}

#[test]
fn the_oracle_finds_each_kind_of_fault() {
    let good =
        [sync(load(0, 9), 0, 1), sync(gemm(0, 1, 0), 1, 2), sync(map(0, 20, 1), 2, 4), sync(store(20, 1, 0), 4, 0)];
    assert!(is_sound(&outcomes(&good)));
    let race = [sync(load(0, 9), 0, 1), sync(gemm(0, 1, 0), 1, 0), sync(load(4, 1), 0, 0)];
    let found = outcomes(&race);
    assert!(found.len() > 1 && found.iter().all(|o| matches!(o, Outcome::Contents(_))));
    let unwritten = [sync(load(0, 9), 0, 0), sync(gemm(0, 1, 0), 0, 0)];
    assert!(outcomes(&unwritten).contains(&Outcome::Unwritten(1)));
    let deadlock = [sync(load(0, 9), 1, 0), sync(store(0, 1, 0), 0, 1)];
    assert!(!is_sound(&outcomes(&deadlock)));
    let full: Vec<_> = [vec![sync(load(0, 1), 1, 0)], vec![sync(load(1, 1), 0, 0); 16], good.to_vec()].concat();
    assert!(outcomes(&full).contains(&Outcome::Deadlock));
}

#[test]
fn accepted_programs_are_sound() {
    let (mut accepted, mut refused, mut proved) = (0, 0, 0);
    let mut runner = TestRunner::new(Config { cases: 4000, ..Config::default() });
    let result = runner.run(&(choices(48), any::<bool>()), |(choices, sloppy)| {
        let code = generate(&choices, sloppy);
        let verdict = verify(program(&code));
        let found = outcomes(&code);
        match &verdict {
            Ok(_) => prop_assert!(is_sound(&found), "accepted, but {} outcomes: {code:#?}", found.len()),
            Err(refusal) => prop_assert!(sloppy, "refused though ordered: {refusal}"),
        }
        Ok(())
    });
    result.unwrap();
    // Not by accepting nothing, and not by refusing at random: most refused programs show their fault in the sample.
    let mut runner = TestRunner::deterministic();
    for _ in 0..400 {
        let code = generate(&choices(48).new_tree(&mut runner).unwrap().current(), true);
        match verify(program(&code)) {
            Ok(_) => accepted += 1,
            Err(_) => {
                refused += 1;
                proved += usize::from(!is_sound(&outcomes(&code)));
            }
        }
    }
    assert!(accepted > 50 && refused > 50, "{accepted} accepted, {refused} refused");
    assert!(proved * 10 > refused * 8, "{proved} of {refused} refusals shown by an interleaving");
}

/// Dropping any one semaphore of a minimal chain is a fault that both find.
#[test]
fn verdicts_agree_on_a_chain_without_one_link() {
    let chain = [
        sync(load(0, 9), 0, 1),
        sync(gemm(0, 1, 0), 1, 2),
        sync(map(0, 20, 1), 2, 4),
        sync(store(20, 1, 0), 4, 8),
        sync(load(20, 1), 8, 0),
    ];
    for link in 0..4 {
        let cut: Vec<Instruction> =
            chain.iter().map(|i| sync(i.op, i.sync.wait & !(1 << link), i.sync.post & !(1 << link))).collect();
        assert!(matches!(verify(program(&cut)), Err(Refused::Instruction { .. })), "link {link}");
        assert!(!is_sound(&outcomes(&cut)), "link {link}");
    }
}
