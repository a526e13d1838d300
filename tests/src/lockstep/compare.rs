//! Runs a case on an executor and on the reference, and says where they part.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use systole_isa::access::{self, Block, Space};
use systole_isa::ring::REGION_WRITE;
use systole_isa::{Fault, Instruction};

use super::case::{Case, Oracle, Place, REGION_SIZE, State};
use super::machine::Machine;
use systole_conformance::host::{Code, Host, INPUT, OUTPUT, end, fault};

/// How a program is submitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// One submission an instruction, memories compared after each.
    Serial,
    /// One submission, memories compared at its end.
    Whole,
}

impl Mode {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Serial, Self::Whole];
}

/// An executor under test.
pub struct Target<'a> {
    /// What it is called in reports.
    pub name: &'a str,
    /// Opens it, as after power-up.
    pub open: &'a dyn Fn() -> Box<dyn Machine + Send>,
}

/// Where an executor and the reference part.
#[derive(Clone, Debug)]
pub struct Divergence {
    /// How the program was submitted.
    pub mode: Mode,
    /// Index of the first instruction after which something differs.
    pub index: usize,
    /// That instruction.
    pub instruction: Instruction,
    /// What differs.
    pub difference: Difference,
    /// All of it for people: the instruction, its operands and both results.
    pub report: String,
}

/// What differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// A word of a memory; of several, the first.
    Word {
        /// Where.
        place: Place,
        /// Which.
        word: usize,
        /// Its bytes by the reference.
        expected: Vec<u8>,
        /// Its bytes on the executor.
        found: Vec<u8>,
    },
    /// The executor stopped with a fault, where there is none.
    Fault(Fault),
    /// The executor does not answer any more, or fails an assertion of its own.
    Broken(String),
}

/// An open executor.
struct Executor(Host<dyn Machine + Send>);

impl Executor {
    fn put(&mut self, state: &State) {
        self.0.device.set_chip(&state.chip);
        for (region, bytes) in [INPUT, OUTPUT].into_iter().zip(&state.regions) {
            let base = self.0.regions[usize::from(region)].base;
            self.0.copy_to(base, bytes);
        }
    }

    /// Runs instructions; what comes out is a difference only if they do not complete.
    fn run(&mut self, code: &[Instruction]) -> Option<Difference> {
        let mut bytes: Vec<Code> = code.iter().map(Instruction::encode).collect();
        bytes.push(end());
        match catch_unwind(AssertUnwindSafe(|| self.0.run(&bytes))) {
            Ok(completion) => fault(&completion).map(Difference::Fault),
            Err(panic) => {
                let text = panic.downcast_ref::<String>().cloned();
                let text = text.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()));
                Some(Difference::Broken(text.unwrap_or_default()))
            }
        }
    }

    fn state(&mut self) -> State {
        let regions = [INPUT, OUTPUT].map(|region| self.0.bytes(region));
        State { chip: self.0.device.chip(), regions }
    }
}

impl Target<'_> {
    fn start(&self, state: &State) -> Executor {
        let mut host = Host::new((self.open)(), 4, Duration::from_secs(60));
        for (region, flags) in [(INPUT, 0), (OUTPUT, REGION_WRITE)] {
            host.regions[usize::from(region)] = host.region(REGION_SIZE, flags);
        }
        let mut executor = Executor(host);
        executor.put(state);
        executor
    }

    /// Compares this executor with the reference.
    ///
    /// # Errors
    /// The first divergence.
    pub fn compare(&self, case: &Case, mode: Mode) -> Result<(), Box<Divergence>> {
        let found = match mode {
            Mode::Serial => self.serial(case),
            Mode::Whole => self.whole(case),
        };
        match found {
            None => Ok(()),
            Some((index, difference)) => {
                let report = self.report(case, mode, index, &difference);
                Err(Box::new(Divergence { mode, index, instruction: case.code[index], difference, report }))
            }
        }
    }

    fn serial(&self, case: &Case) -> Option<(usize, Difference)> {
        let (mut executor, mut oracle) = (self.start(&case.state), Oracle::new(&case.state));
        case.code.iter().enumerate().find_map(|(index, instruction)| {
            oracle.step(&instruction.op).expect("cases are legal");
            let stopped = executor.run(&[Instruction::new(instruction.op)]);
            let difference = stopped.or_else(|| difference(&oracle.state(), &executor.state()))?;
            Some((index, difference))
        })
    }

    fn whole(&self, case: &Case) -> Option<(usize, Difference)> {
        let prefix = |count: usize| {
            let expected = case.after(count).expect("cases are legal");
            let mut executor = self.start(&case.state);
            executor.run(&case.code[..count]).or_else(|| difference(&expected, &executor.state()))
        };
        let (mut good, mut bad) = (0, case.code.len());
        let mut last = prefix(bad)?;
        // The program's beginnings are programs: whoever posts comes before whoever waits.
        while bad - good > 1 {
            let middle = good.midpoint(bad);
            match prefix(middle) {
                None => good = middle,
                Some(difference) => (bad, last) = (middle, difference),
            }
        }
        Some((bad - 1, last))
    }

    fn report(&self, case: &Case, mode: Mode, index: usize, difference: &Difference) -> String {
        let instruction = case.code[index];
        let mode = match mode {
            Mode::Serial => "submitted alone",
            Mode::Whole => "submitted with the whole program",
        };
        let mut text = format!(
            "{} parts from the reference at instruction {index} of {}, {mode}:\n  {instruction}\n{difference}",
            self.name,
            case.code.len(),
        );
        if let Ok(before) = case.after(index) {
            for block in access::of(&instruction, case.config()).blocks().filter(|b| b.kind.reads()) {
                text += &operand(&before, block);
            }
        }
        text
    }
}

/// The first words of what an instruction reads.
fn operand(state: &State, block: &Block) -> String {
    /// Enough for a shrunk case.
    const SHOWN: usize = 4;
    let place = Place::Chip(block.space);
    let (image, bytes) = (state.image(place), state.word_bytes(place));
    let words: Vec<u32> = block.runs().flatten().collect();
    let shown = words.iter().take(SHOWN).map(|&w| {
        let word = &image[w as usize * bytes..(w as usize + 1) * bytes];
        format!("\n    {:?} {w}: {}", block.space, values(place, word))
    });
    let more = words.len().saturating_sub(SHOWN);
    let more = if more > 0 { format!("\n    and {more} more words") } else { String::new() };
    format!("\n  read before:{}{more}", shown.collect::<String>())
}

/// A word's values as the instruction set sees them.
fn values(place: Place, word: &[u8]) -> String {
    match place {
        Place::Chip(Space::Spad) => format!("{:?}", word.iter().map(|b| *b as i8).collect::<Vec<_>>()),
        Place::Chip(Space::Acc) => {
            let (words, _) = word.as_chunks::<4>();
            format!("{:?}", words.iter().map(|b| i32::from_le_bytes(*b)).collect::<Vec<_>>())
        }
        _ => word.iter().map(|b| format!("{b:02x}")).collect(),
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word { place, word, expected, found } => {
                let (found, expected) = (values(*place, found), values(*place, expected));
                write!(f, "  {place:?} word {word}\n    holds {found}\n   not as {expected}")
            }
            Self::Fault(fault) => write!(f, "  it stops: {fault}"),
            Self::Broken(text) => write!(f, "  it breaks: {}", text.trim()),
        }
    }
}

/// The first word in which two states differ.
fn difference(expected: &State, found: &State) -> Option<Difference> {
    if expected == found {
        return None;
    }
    Place::NAMED.into_iter().find_map(|(_, place)| {
        let bytes = expected.word_bytes(place);
        let (expected, found) = (expected.image(place), found.image(place));
        let word = expected.chunks(bytes).zip(found.chunks(bytes)).position(|(a, b)| a != b)?;
        let of = |image: &[u8]| image[word * bytes..(word + 1) * bytes].to_vec();
        Some(Difference::Word { place, word, expected: of(&expected), found: of(&found) })
    })
}
