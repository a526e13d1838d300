//! A failing case as files: `program.prog`, which `systole inspect --disassemble` shows, and `memory.json`.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use systole_driver::Program;
use systole_isa::Instruction;

use super::Failure;
use super::case::{Case, Place, State};

const PROGRAM: &str = "program.prog";
const MEMORY: &str = "memory.json";

/// Words that are not zero, by their number, as hexadecimal bytes.
type Words = BTreeMap<usize, String>;

/// Contents of `memory.json`.
#[derive(Serialize, Deserialize)]
struct Memory {
    /// What was found, for people.
    found: Vec<String>,
    /// By the names of [`Place::NAMED`].
    memories: BTreeMap<String, Words>,
}

/// A saved case.
#[derive(Debug)]
pub struct Reproducer {
    /// Its directory.
    pub path: PathBuf,
    /// The case.
    pub case: Case,
}

impl Reproducer {
    /// Writes a failure to a directory of its own below `root`.
    ///
    /// # Errors
    /// Nothing can be written.
    pub fn save(root: &Path, failure: &Failure) -> io::Result<Self> {
        let Failure { smallest, case, .. } = failure;
        let program = case.program().to_bytes();
        let memories = Place::NAMED.map(|(name, place)| (name.to_owned(), words(&case.state, place)));
        let found = smallest.report.lines().map(str::to_owned).collect();
        let mut memory = serde_json::to_string_pretty(&Memory { found, memories: memories.into() })?;
        memory.push('\n');
        let hash = program.iter().chain(memory.as_bytes());
        let hash = hash.fold(0x811c_9dc5u32, |h, b| (h ^ u32::from(*b)).wrapping_mul(0x0100_0193));
        let path = root.join(format!("{}-{}-{hash:08x}", case.config().name, smallest.instruction.op.mnemonic()));
        std::fs::create_dir_all(&path)?;
        std::fs::write(path.join(PROGRAM), program)?;
        std::fs::write(path.join(MEMORY), memory)?;
        Ok(Self { path, case: case.clone() })
    }

    /// Reads what [`Reproducer::save`] wrote.
    ///
    /// # Panics
    /// It is damaged or for another contract: a reproducer that cannot be replayed is no passed test.
    pub fn load(path: &Path) -> Self {
        let wrong = |what: &dyn std::fmt::Display| -> ! { panic!("{}: {what}", path.display()) };
        let read = |name: &str| std::fs::read(path.join(name)).unwrap_or_else(|e| wrong(&e));
        let program = Program::from_bytes(&read(PROGRAM)).unwrap_or_else(|e| wrong(&e));
        let memory: Memory = serde_json::from_slice(&read(MEMORY)).unwrap_or_else(|e| wrong(&e));
        let mut state = State::new(program.config);
        for (name, place) in Place::NAMED {
            let words = memory.memories.get(name).unwrap_or_else(|| wrong(&format!("no {name}")));
            set(&mut state, place, words).unwrap_or_else(|| wrong(&format!("{name} in {MEMORY} is damaged")));
        }
        let code: Result<Vec<Instruction>, _> = program.instructions().collect();
        let mut code = code.unwrap_or_else(|e| wrong(&e));
        code.pop();
        Self { path: path.to_owned(), case: Case { code, state } }
    }

    /// All below a directory.
    ///
    /// # Panics
    /// As [`Reproducer::load`].
    pub fn all(root: &Path) -> Vec<Self> {
        let entries = std::fs::read_dir(root).unwrap_or_else(|e| panic!("{}: {e}", root.display()));
        let mut paths: Vec<PathBuf> = entries.map(|e| e.expect("readable").path()).filter(|p| p.is_dir()).collect();
        paths.sort();
        paths.iter().map(|path| Self::load(path)).collect()
    }
}

fn words(state: &State, place: Place) -> Words {
    let image = state.image(place);
    let words = image.chunks(state.word_bytes(place)).enumerate();
    let used = words.filter(|(_, word)| word.iter().any(|b| *b != 0));
    used.map(|(at, word)| (at, word.iter().map(|b| format!("{b:02x}")).collect())).collect()
}

/// `None` if a word is no word of this place.
fn set(state: &mut State, place: Place, words: &Words) -> Option<()> {
    let (mut image, bytes) = (state.image(place), state.word_bytes(place));
    for (at, text) in words {
        let word = image.get_mut(at.checked_mul(bytes)?..)?.get_mut(..bytes)?;
        let digits: Option<Vec<u8>> = text.chars().map(|c| c.to_digit(16).map(|d| d as u8)).collect();
        let (pairs, rest) = digits.as_ref()?.as_chunks::<2>();
        if pairs.len() != bytes || !rest.is_empty() {
            return None;
        }
        word.iter_mut().zip(pairs).for_each(|(to, [high, low])| *to = high << 4 | low);
    }
    state.set_image(place, image);
    Some(())
}
