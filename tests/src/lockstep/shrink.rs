//! Makes a failing case small: few instructions, small operands, memories full of zeros.

mod crop;

use systole_isa::instruction::OPERATIONS;
use systole_isa::{INSTRUCTION_BYTES, Instruction, Op};

use super::case::{Case, Place, legal};
use super::compare::{Divergence, Mode, Target};
use super::synchronise;
use crate::random::Random;

/// Most runs of one step of shrinking; a run takes some ten milliseconds on the RTL.
const RUNS: usize = 1000;

struct Shrinker<'a> {
    target: &'a Target<'a>,
    mode: Mode,
    case: Case,
    divergence: Divergence,
    runs: usize,
}

/// A smaller case that fails on the target as well, in the same mode, and how: a program without the instructions that do
/// not matter, operands as small as they may be, memories with the words that matter.
pub fn shrink(target: &Target<'_>, case: &Case, mode: Mode, divergence: &Divergence) -> (Case, Divergence) {
    let mut shrinker = Shrinker { target, mode, case: case.clone(), divergence: divergence.clone(), runs: 0 };
    shrinker.program();
    shrinker.noise();
    // What is left of one step may give another one room.
    for _ in 0..2 {
        for step in [Shrinker::program, Shrinker::operands, Shrinker::memories] {
            shrinker.runs = 0;
            step(&mut shrinker);
        }
    }
    (shrinker.case, shrinker.divergence)
}

impl Shrinker<'_> {
    /// Takes a candidate if it fails.
    fn take(&mut self, case: Case) -> bool {
        self.runs += 1;
        if self.runs > RUNS || case.code.iter().any(|i| !legal(&i.op, case.config())) {
            return false;
        }
        match self.target.compare(&case, self.mode) {
            Ok(()) => false,
            Err(divergence) => {
                (self.case, self.divergence) = (case, *divergence);
                true
            }
        }
    }

    /// The case with other instructions, in the semaphores that they need.
    fn with(&self, code: Vec<Instruction>) -> Case {
        let ops: Vec<_> = code.iter().map(|i| i.op).collect();
        Case { code: synchronise(&ops, self.case.config()), state: self.case.state.clone() }
    }

    fn program(&mut self) {
        let index = self.divergence.index;
        // The instruction alone, from where its predecessors lead by the reference.
        if let Ok(state) = self.case.after(index) {
            let code = vec![Instruction::new(self.case.code[index].op)];
            if self.take(Case { code, state }) {
                return;
            }
        }
        self.take(self.with(self.case.code[..=index].to_vec()));
        let mut size = self.case.code.len().div_ceil(2);
        loop {
            let mut start = self.case.code.len();
            while start > 0 {
                start = start.saturating_sub(size);
                let mut code = self.case.code.clone();
                code.drain(start..(start + size).min(code.len()));
                if !code.is_empty() {
                    self.take(self.with(code));
                }
            }
            if size == 1 {
                return;
            }
            size = size.div_ceil(2);
        }
    }

    /// Fills the memories with numbers none of which is zero, if it fails with these as well: a flaw that shows with any
    /// data is then not lost because a smaller operand happens to meet a zero.
    fn noise(&mut self) {
        let (mut state, mut random) = (self.case.state.clone(), Random(0));
        for (_, place) in Place::NAMED {
            let bytes = state.image(place).len();
            state.set_image(place, (0..bytes).map(|_| random.bits() as u8 | 1).collect());
        }
        self.take(Case { state, ..self.case.clone() });
    }

    fn operands(&mut self) {
        let lanes = self.case.config().n as u16;
        for index in 0..self.case.code.len() {
            while crop::cropped(&self.case.code[index].op, lanes).into_iter().any(|op| self.exchange(index, op)) {}
            for operand in operands(&self.case.code[index]) {
                // One operand as far down as it goes, then the next.
                while operand.smaller(&self.case.code[index]).into_iter().any(|i| self.exchange(index, i.op)) {}
            }
        }
    }

    /// Tries another operation in the place of one.
    fn exchange(&mut self, index: usize, op: Op) -> bool {
        let mut code = self.case.code.clone();
        code[index].op = op;
        self.take(self.with(code))
    }

    fn memories(&mut self) {
        for (_, place) in Place::NAMED {
            let words = self.case.state.image(place).len() / self.case.state.word_bytes(place);
            self.clear(place, 0..words);
        }
        // Within the words that are left, byte by byte.
        for (_, place) in Place::NAMED {
            let image = self.case.state.image(place);
            let left: Vec<usize> = (0..image.len()).filter(|at| image[*at] != 0).collect();
            for at in left.into_iter().take(64) {
                let mut state = self.case.state.clone();
                let mut image = state.image(place);
                image[at] = 0;
                state.set_image(place, image);
                self.take(Case { state, ..self.case.clone() });
            }
        }
    }

    /// Clears words if that changes nothing, otherwise the halves of them.
    fn clear(&mut self, place: Place, words: std::ops::Range<usize>) {
        let (mut state, bytes) = (self.case.state.clone(), self.case.state.word_bytes(place));
        let mut image = state.image(place);
        let part = &mut image[words.start * bytes..words.end * bytes];
        if part.iter().all(|b| *b == 0) {
            return;
        }
        part.fill(0);
        state.set_image(place, image);
        if self.take(Case { state, ..self.case.clone() }) || words.len() == 1 {
            return;
        }
        let middle = words.start.midpoint(words.end);
        self.clear(place, words.start..middle);
        self.clear(place, middle..words.end);
    }
}

/// A flag or a field.
enum Operand {
    Flag(u8),
    Field { offset: usize, bytes: usize },
}

/// What an instruction has.
fn operands(instruction: &Instruction) -> Vec<Operand> {
    let opcode = instruction.encode()[0];
    let operation = OPERATIONS.iter().find(|o| o.opcode == opcode).expect("every operation is declared");
    let flags = operation.flags.iter().map(|flag| Operand::Flag(flag.bit));
    let fields = operation.fields.iter().map(|field| Operand::Field { offset: field.offset, bytes: field.bytes });
    flags.chain(fields).collect()
}

impl Operand {
    /// The instruction with a flag cleared, or a field nearer to zero.
    fn smaller(&self, instruction: &Instruction) -> Vec<Instruction> {
        let bytes = Instruction::new(instruction.op).encode();
        let decode = |bytes: [u8; INSTRUCTION_BYTES]| Instruction::decode(&bytes).ok();
        match *self {
            Self::Flag(bit) => {
                let mut changed = bytes;
                changed[1] &= !(1 << bit);
                if changed == bytes { Vec::new() } else { decode(changed).into_iter().collect() }
            }
            Self::Field { offset, bytes: width } => {
                let mut wide = [0; 4];
                wide[..width].copy_from_slice(&bytes[offset..offset + width]);
                let value = u32::from_le_bytes(wide);
                // Offsets in DRAM go by 32.
                let steps = [0, 1, value / 2, value / 4 * 3, value.saturating_sub(32), value.saturating_sub(1)];
                let with = |step: u32| {
                    let mut changed = bytes;
                    changed[offset..offset + width].copy_from_slice(&step.to_le_bytes()[..width]);
                    decode(changed)
                };
                steps.into_iter().filter(|s| *s < value).filter_map(with).collect()
            }
        }
    }
}
