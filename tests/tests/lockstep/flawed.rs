//! The machinery must find, place, shrink and replay what it was made for, so here are executors with a flaw.

use std::path::Path;
use std::time::Duration;

use systole_driver::{Device, DeviceError};
use systole_isa::config::{N8, N16};
use systole_isa::instruction::{Function, Sync};
use systole_isa::{HwConfig, INSTRUCTION_BYTES, Instruction, Op};
use systole_sim::{Chip, Interleaving, Simulator};
use systole_tests::lockstep::{Case, Difference, Failure, Machine, Mode, Reproducer, Target, check, generate};
use systole_tests::random::Random;

/// A simulator that executes other instructions than it is given.
struct Flawed {
    simulator: Simulator,
    flaw: fn(&mut Instruction),
}

impl Device for Flawed {
    fn read(&mut self, offset: u32) -> Result<u32, DeviceError> {
        self.simulator.read(offset)
    }
    fn write(&mut self, offset: u32, value: u32) -> Result<(), DeviceError> {
        self.simulator.write(offset, value)
    }
    fn allocate(&mut self, bytes: u64) -> Result<u64, DeviceError> {
        self.simulator.allocate(bytes)
    }
    fn release(&mut self, address: u64) -> Result<(), DeviceError> {
        self.simulator.release(address)
    }
    fn copy_to(&mut self, address: u64, bytes: &[u8]) -> Result<(), DeviceError> {
        let (code, rest) = bytes.as_chunks::<INSTRUCTION_BYTES>();
        let decoded: Result<Vec<Instruction>, _> = code.iter().map(Instruction::decode).collect();
        match decoded {
            Ok(mut code) if rest.is_empty() => {
                code.iter_mut().for_each(self.flaw);
                let code: Vec<[u8; INSTRUCTION_BYTES]> = code.iter().map(Instruction::encode).collect();
                self.simulator.copy_to(address, code.as_flattened())
            }
            _ => self.simulator.copy_to(address, bytes),
        }
    }
    fn copy_from(&mut self, address: u64, bytes: &mut [u8]) -> Result<(), DeviceError> {
        self.simulator.copy_from(address, bytes)
    }
    fn wait_interrupt(&mut self, timeout: Duration) -> Result<bool, DeviceError> {
        self.simulator.wait_interrupt(timeout)
    }
}

impl Machine for Flawed {
    fn chip(&self) -> Chip {
        self.simulator.chip().clone()
    }
    fn set_chip(&mut self, chip: &Chip) {
        self.simulator.chip_mut().clone_from(chip);
    }
}

fn with_flaw(config: &'static HwConfig, flaw: fn(&mut Instruction), test: impl FnOnce(&Target<'_>)) {
    let open = || -> Box<dyn Machine + Send> {
        let simulator = Simulator::new(config).with_interleaving(Interleaving::Random { seed: 3 });
        Box::new(Flawed { simulator, flaw })
    };
    test(&Target { name: "the flawed executor", open: &open });
}

/// The first failure among so many programs, and the program.
pub fn first_failure(target: &Target<'_>, config: &'static HwConfig, programs: u64) -> (Case, Failure) {
    let found = (0..programs).find_map(|seed| {
        let case = generate::program(&mut Random(seed), config, super::LENGTH);
        check(target, &case).err().map(|failure| (case, *failure))
    });
    found.unwrap_or_else(|| panic!("no failure in {programs} programs"))
}

/// Bytes that are not zero.
pub fn weight(case: &Case) -> usize {
    use systole_tests::lockstep::Place;
    Place::NAMED.iter().map(|(_, place)| case.state.image(*place).iter().filter(|b| **b != 0).count()).sum()
}

/// Saves, reads back, and replays: the flaw shows again, and a sound simulator passes.
pub fn replays(target: &Target<'_>, failure: &Failure) {
    let root = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let saved = Reproducer::save(root.path(), failure).unwrap();
    let [loaded] = <[Reproducer; 1]>::try_from(Reproducer::all(root.path())).unwrap();
    assert_eq!((&loaded.path, &loaded.case), (&saved.path, &failure.case));
    let again = target.compare(&loaded.case, failure.smallest.mode).unwrap_err();
    assert_eq!((again.index, &again.difference), (failure.smallest.index, &failure.smallest.difference));
    super::on_simulator(failure.case.config(), |sound| {
        for mode in Mode::ALL {
            sound.compare(&loaded.case, mode).unwrap_or_else(|d| panic!("{}", d.report));
        }
    });
}

#[test]
fn a_wrong_dimension_is_found_placed_shrunk_and_replayed() {
    // The array forgets the last of K when the right operand is transposed and longer than a tile.
    fn forgets(instruction: &mut Instruction) {
        if let Op::Gemm(gemm) = &mut instruction.op {
            gemm.k -= u16::from(gemm.transpose_b && gemm.k > 8);
        }
    }
    with_flaw(&N8, forgets, |target| {
        let (case, failure) = first_failure(target, &N8, 40);
        let first = &failure.first;
        assert_eq!((first.mode, case.code[first.index].op), (Mode::Serial, first.instruction.op));
        let Op::Gemm(gemm) = failure.smallest.instruction.op else { panic!("{}", failure.smallest.report) };
        assert!(matches!(first.instruction.op, Op::Gemm(g) if g.transpose_b && g.k > 8), "{}", first.report);
        // One product, whose factors are all that is left.
        assert_eq!((failure.case.code.len(), gemm.m, gemm.k, gemm.n), (1, 1, 9, 1), "{}", failure.smallest.report);
        assert!(weight(&failure.case) <= 2, "{} bytes", weight(&failure.case));
        let report = &failure.smallest.report;
        assert!(report.contains("gemm ") && report.contains("holds [") && report.contains("read before:"), "{report}");
        replays(target, &failure);
    });
}

#[test]
fn a_rounding_of_one_function_is_found_and_placed() {
    fn rounds(instruction: &mut Instruction) {
        if let Op::Map(map) = &mut instruction.op {
            map.out_shift -= u8::from(map.function == Function::Tanh && map.out_shift == 5);
        }
    }
    with_flaw(&N16, rounds, |target| {
        let (_, failure) = first_failure(target, &N16, 400);
        let Op::Map(map) = failure.smallest.instruction.op else { panic!("{}", failure.smallest.report) };
        assert_eq!((map.function, map.out_shift, map.rows, map.cols), (Function::Tanh, 5, 1, 1));
        assert_eq!(failure.case.code.len(), 1);
        replays(target, &failure);
    });
}

#[test]
fn a_missing_wait_is_found_although_each_instruction_is_right() {
    fn hurries(instruction: &mut Instruction) {
        if let Op::Store(_) = instruction.op {
            instruction.sync = Sync { wait: 0, ..instruction.sync };
        }
    }
    with_flaw(&N8, hurries, |target| {
        let (case, failure) = first_failure(target, &N8, 40);
        assert_eq!(failure.first.mode, Mode::Whole);
        target.compare(&case, Mode::Serial).unwrap_or_else(|d| panic!("alone, nothing is wrong: {}", d.report));
        // The writer and the store that does not wait for it.
        assert_eq!(failure.case.code.len(), 2, "{}", failure.smallest.report);
        assert!(matches!(failure.case.code[1].op, Op::Store(_)), "{}", failure.smallest.report);
        replays(target, &failure);
    });
}

#[test]
fn faults_are_differences_too() {
    // ROW asks for one row too many, which at the memory's end is a fault.
    fn overruns(instruction: &mut Instruction) {
        if let Op::Row(row) = &mut instruction.op {
            row.rows += u16::from(row.dst + row.rows == 512 || row.src + row.rows == 512);
        }
    }
    with_flaw(&N8, overruns, |target| {
        let (_, failure) = first_failure(target, &N8, 400);
        assert!(matches!(failure.smallest.difference, Difference::Fault(_)), "{}", failure.smallest.report);
        assert_eq!((failure.case.code.len(), weight(&failure.case)), (1, 0));
        replays(target, &failure);
    });
}

#[test]
#[should_panic(expected = "in memory.json is damaged")]
fn a_damaged_reproducer_is_not_passed() {
    fn wrong(instruction: &mut Instruction) {
        if let Op::Gemm(gemm) = &mut instruction.op {
            gemm.accumulate = !gemm.accumulate;
        }
    }
    with_flaw(&N8, wrong, |target| {
        let (_, failure) = first_failure(target, &N8, 40);
        let root = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let saved = Reproducer::save(root.path(), &failure).unwrap();
        let file = saved.path.join("memory.json");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replacen("\": \"", "\": \"0", 1)).unwrap();
        Reproducer::load(Path::new(&saved.path));
    });
}
