//! The engine against a scripted device: what it believes, what it refuses, and what it leaves behind.

mod build;
mod mock;

use std::time::Duration;

use build::{load, program, store, sync};
use mock::{Answer, Irq, Mock};
use systole_driver::{Bindings, Buffer, Closed, Engine, EngineError, Expected, LoadedProgram, Program};
use systole_driver::{Recovery, RecoveryCounts, RecoveryPolicy, RunOptions, RunReport, Rung, verify};
use systole_isa::config::N16;
use systole_isa::{Cause, Fault, Unit, register};

struct Bench {
    mock: Mock,
    engine: Engine,
    program: LoadedProgram,
    input: Buffer,
    output: Buffer,
}

fn open(mock: &Mock) -> Result<Engine, EngineError> {
    Engine::open(Box::new(mock.clone()))
}

fn copy_program() -> Program {
    let mut load = sync(load(0, 2), 0, 1);
    load.sync.tag = 1;
    program(&[load, sync(store(0, 2, 0), 1, 0)])
}

fn bench() -> Bench {
    let mock = Mock::new();
    let mut engine = open(&mock).unwrap();
    let program = engine.upload(&verify(copy_program()).unwrap()).unwrap();
    let input = engine.allocate(4096).unwrap();
    let output = engine.allocate(8192).unwrap();
    Bench { mock, engine, program, input, output }
}

impl Bench {
    fn run(&mut self, trace: bool) -> Result<RunReport, EngineError> {
        self.run_within(trace, Duration::from_millis(60))
    }

    fn run_within(&mut self, trace: bool, deadline: Duration) -> Result<RunReport, EngineError> {
        let bindings = Bindings::new().bind(0, &self.input).bind(1, &self.output);
        self.engine.run(&self.program, &bindings, RunOptions { trace, deadline })
    }

    fn fails(&mut self, answer: Answer, trace: bool) -> String {
        self.mock.script(&[answer]);
        let message = self.run(trace).unwrap_err().to_string();
        let finished = self.recover().unwrap().finished;
        assert!(finished.is_none(), "what failed is not taken for done");
        assert_eq!(self.run(false).unwrap().executed, 3, "the next run must be clean");
        message
    }

    fn recover(&mut self) -> Result<Recovery, EngineError> {
        self.engine.poisoned().expect("an error in flight poisons").recover(&POLICY)
    }
}

/// The mock computes nothing, so it would fail a self-test.
const POLICY: RecoveryPolicy =
    RecoveryPolicy { tries: 2, grace: Duration::from_millis(20), self_test: None, link: true };

#[test]
fn a_run_writes_a_submission_and_reads_a_completion() {
    let mut bench = bench();
    // Several turns around the rings.
    for _ in 0..40 {
        assert_eq!(bench.run(false).unwrap(), RunReport { cycles: Some(77), trace: vec![], executed: 3 });
    }
    let state = bench.mock.state();
    let (submission, table) = &state.submissions[39];
    assert_eq!((submission.id, submission.instructions, submission.abi_hash), (40, 3, systole_isa::ABI_HASH));
    assert_eq!((table[0].size, mock::writable(&table[0])), (4096, false));
    assert_eq!((table[1].size, mock::writable(&table[1])), (4096, true), "a region is no larger than the program says");
    assert!(table[2..].iter().all(|r| r.size == 0));
    assert_eq!(state.resets, 1);
}

#[test]
fn traces_are_returned_when_asked_for() {
    let mut bench = bench();
    assert!(bench.run(false).unwrap().trace.is_empty());
    let mut memory = None;
    for _ in 0..3 {
        let trace = bench.run(true).unwrap().trace;
        assert_eq!((trace.len(), trace[0].tag, trace[0].instruction), (1, 1, 0));
        let next = bench.mock.state().next;
        assert_eq!(*memory.get_or_insert(next), next, "later runs allocate nothing on the device");
    }
}

#[test]
fn completions_are_found_without_and_after_interrupts() {
    let mut bench = bench();
    bench.mock.script(&[Answer::Completes(Irq::Lost), Answer::Late(1), Answer::Late(5), Answer::Completes(Irq::Lost)]);
    for _ in 0..6 {
        assert_eq!(bench.run(false).unwrap().executed, 3);
    }
    assert_eq!(bench.mock.state().resets, 1);
}

#[test]
fn strangers_are_refused() {
    let with = |register: u32, value| {
        let mock = Mock::new();
        mock.state().registers.insert(register, value);
        open(&mock).err().map(|e| e.to_string()).unwrap_or_default()
    };
    let hash = systole_isa::ABI_HASH;
    assert_eq!(
        with(register::MAGIC.offset, u32::MAX),
        "the device does not answer: MAGIC reads 0xffffffff, and MAGIC too; check power, cable and bitstream, then `systole \
         reset --level link` or reboot"
    );
    assert_eq!(
        with(register::MAGIC.offset, 0),
        "MAGIC reads 0x00000000 instead of 0x54535953: this is no Systole device; check the address or program the board"
    );
    assert_eq!(
        with(register::ABI_HASH_HI.offset, 5),
        format!(
            "the device has contract {:#018x}, this systole has {hash:#018x}; program the board with a \
             bitstream of this version, or use the systole that built the board's",
            5 << 32 | hash & 0xffff_ffff
        )
    );
    assert_eq!(
        with(register::CONFIG_ID.offset, 9),
        "CONFIG_ID reads 9, which names no configuration of this systole (n8, n16, n32); program the board with a \
         bitstream for one of them"
    );
    assert_eq!(
        with(register::CONFIG_SPAD.offset, 512),
        "CONFIG_SPAD reads 0x200, but configuration `n8` has 0x4000; build the bitstream again and \
         program the board with it"
    );
}

#[test]
fn programs_and_bindings_must_fit() {
    let mut bench = bench();
    let foreign = Program { config: &N16, ..copy_program() };
    assert_eq!(
        bench.engine.upload(&verify(foreign).unwrap()).unwrap_err().to_string(),
        "the program is for configuration `n16`, the device has `n8`; compile it again for `n8` with \
         `systole compile`"
    );
    let small = bench.engine.allocate(64).unwrap();
    let mut other = self::bench();
    let mut refused = |bindings: Bindings<'_>| {
        bench.engine.run(&bench.program, &bindings, RunOptions::default()).unwrap_err().to_string()
    };
    let input = Bindings::new().bind(0, &bench.input);
    assert_eq!(refused(input), "region 1 `output` is not bound; bind a buffer of 4096 bytes");
    assert_eq!(
        refused(input.bind(1, &small)),
        "region 1 `output` needs 4096 bytes, the bound buffer has 64; bind a larger one"
    );
    assert_eq!(
        refused(input.bind(1, &bench.input)),
        "regions 0 and 1 share a buffer that the program writes; bind two buffers"
    );
    assert_eq!(
        refused(input.bind(1, &other.output)),
        "a buffer of another engine was passed; allocate or upload it with the engine that uses it"
    );
    let bindings = Bindings::new().bind(0, &other.input).bind(1, &other.output);
    assert!(matches!(
        other.engine.run(&bench.program, &bindings, RunOptions::default()),
        Err(EngineError::Foreign { what: "program" })
    ));
    assert_eq!(bench.mock.state().submissions.len(), 0);
}

#[test]
fn faults_are_typed_and_leave_a_clean_engine() {
    let mut bench = bench();
    bench.mock.script(&[Answer::Edited(|e| (e.cause, e.unit, e.instruction, e.address) = (4, 1, 1, 0x4000))]);
    let expected = Fault { unit: Unit::Load, instruction: 1, cause: Cause::SpadBounds, address: 0x4000 };
    let error = bench.run(false).unwrap_err();
    assert!(matches!(&error, EngineError::Faulted(fault) if *fault == expected));
    assert_eq!(
        error.to_string(),
        "the device stopped with scratchpad bounds at instruction 1 of the load unit, address 0x4000; the program was \
         verified, so the device or its memory is at fault; compare with the simulator"
    );
    assert_eq!(bench.recover().unwrap(), Recovery { rung: Rung::SoftReset, finished: None });
    assert_eq!(bench.run(false).unwrap().executed, 3);
    assert_eq!(bench.mock.state().resets, 2);
}

#[test]
fn completions_that_make_no_sense_are_refused() {
    let mut bench = bench();
    let broken = "the device broke the protocol; program the board again";
    for (answer, expected) in [
        (Answer::Edited(|e| e.id += 1), "completion id is 0x2, expected 0x1"),
        (Answer::Edited(|e| e.cause = 200), "completion cause is 0xc8, expected 0x13"),
        (Answer::Edited(|e| e.unit = 3), "completion unit is 0x3, expected 0x0"),
        (Answer::Edited(|e| (e.cause, e.unit) = (4, 9)), "completion unit is 0x9, expected 0x4"),
        (Answer::Edited(|e| (e.cause, e.instruction) = (4, 3)), "faulting instruction is 0x3, expected 0x2"),
        (Answer::Edited(|e| e.instruction = 2), "number of executed instructions is 0x2, expected 0x3"),
        (Answer::WildTail, "CQ_TAIL is 0x7, expected 0x1"),
    ] {
        let mut fresh = self::bench();
        assert_eq!(fresh.fails(answer, false), format!("{expected}: {broken}"));
    }
    for (answer, expected) in [
        (Answer::Trace(|t| t.clear()), "TRACE_COUNT is 0x0, expected 0x1"),
        (Answer::Trace(|t| t.push(t[0])), "TRACE_COUNT is 0x2, expected 0x1"),
        (Answer::Trace(|t| t[0].instruction = 3), "trace record instruction is 0x3, expected 0x2"),
        (Answer::Trace(|t| t[0].unit = 5), "trace record unit is 0x5, expected 0x4"),
        (Answer::Trace(|t| t[0].id = 0), "trace record id is 0x0, expected"),
        (Answer::Trace(|t| t[0].start = 10), "trace record start is 0xa, expected 0x9"),
    ] {
        let message = bench.fails(answer, true);
        assert!(message.starts_with(expected) && message.ends_with(broken), "{message}");
    }
}

#[test]
fn a_silent_device_times_out_and_is_reset() {
    let mut bench = bench();
    let message = bench.fails(Answer::Hangs, false);
    assert!(message.starts_with("no completion after "), "{message}");
    assert!(message.contains("submissions taken: false"), "{message}");
    // The phase of a stale entry does not complete anything.
    let message = bench.fails(Answer::Edited(|e| e.phase ^= 1), false);
    assert!(message.starts_with("CQ_TAIL without a completion is 0x2, expected 0x1"), "{message}");
    let RecoveryCounts { soft_resets, aborts, exhausted, .. } = bench.engine.recoveries();
    assert_eq!((soft_resets, aborts, exhausted), (2, 0, 0));
}

#[test]
fn a_poisoned_engine_does_nothing_until_it_is_recovered() {
    let mut bench = bench();
    bench.mock.script(&[Answer::Dies]);
    assert!(matches!(bench.run(false), Err(EngineError::Device(_))));
    let allocated = bench.mock.state().memory.len();
    drop(bench.engine.upload(&verify(copy_program()).unwrap()));
    assert!(matches!(bench.run(false), Err(EngineError::Poisoned)));
    assert!(matches!(bench.engine.allocate(64), Err(EngineError::Poisoned)));
    assert!(matches!(bench.engine.write(&bench.input, 0, &[1]), Err(EngineError::Poisoned)));
    assert!(matches!(bench.engine.read(&bench.input, 0, &mut [1]), Err(EngineError::Poisoned)));
    assert_eq!(bench.mock.state().memory.len(), allocated, "memory in flight is not released");
    assert!(matches!(bench.recover(), Err(EngineError::Device(_))), "it is still dead");
    assert!(matches!(bench.run(false), Err(EngineError::Poisoned)));
    bench.mock.state().dead = false;
    assert_eq!(bench.recover().unwrap(), Recovery { rung: Rung::SoftReset, finished: None });
    assert!(bench.engine.poisoned().is_none());
    assert_eq!(bench.run(false).unwrap().executed, 3);
    let counts = RecoveryCounts { soft_resets: 1, exhausted: 1, failed_rungs: 4, ..RecoveryCounts::default() };
    assert_eq!(bench.engine.recoveries(), counts);
}

#[test]
fn a_completion_that_comes_too_late_is_taken_all_the_same() {
    let mut bench = bench();
    for trace in [false, true] {
        // Later than the deadline, but before the device has stopped.
        bench.mock.script(&[Answer::Disabled]);
        let message = bench.run(trace).unwrap_err().to_string();
        assert!(message.starts_with("no completion after "), "{message}");
        let Recovery { rung, finished } = bench.recover().unwrap();
        let report = finished.expect("it has completed");
        assert_eq!((rung, report.executed, report.trace.len()), (Rung::Abort, 3, usize::from(trace)));
        assert_eq!(bench.run(false).unwrap().executed, 3);
    }
    assert_eq!(bench.mock.state().resets, 1);
    assert_eq!(bench.engine.recoveries().aborts, 2);
    assert_eq!(bench.mock.state().submissions.len(), 4, "nothing ran twice");
}

#[test]
fn a_lost_link_makes_handles_stale() {
    let mut bench = bench();
    bench.mock.script(&[Answer::Hangs]);
    bench.run(false).unwrap_err();
    bench.mock.state().stuck = true;
    bench.mock.state().registers.insert(register::SQ_HEAD.offset, 1);
    assert_eq!(bench.recover().unwrap(), Recovery { rung: Rung::LinkReset, finished: None });
    assert_eq!(
        bench.run(false).unwrap_err().to_string(),
        "a program of generation 0 was passed, the device is in generation 1: a reset of the link lost its memory; allocate \
         or upload it again"
    );
    assert!(matches!(
        bench.engine.read(&bench.output, 0, &mut [0]),
        Err(EngineError::Stale { what: "buffer", generation: 0, now: 1 })
    ));
    bench.program = bench.engine.upload(&verify(copy_program()).unwrap()).unwrap();
    assert!(matches!(bench.run(false), Err(EngineError::Stale { what: "buffer", .. })));
    bench.input = bench.engine.allocate(4096).unwrap();
    bench.output = bench.engine.allocate(4096).unwrap();
    assert_eq!(bench.run(false).unwrap().executed, 3);
}

#[test]
fn another_build_is_not_mistaken_for_the_expected_one() {
    let mock = Mock::new();
    mock.state().registers.insert(register::BUILD_ID.offset, 0x12);
    let refused = |expected: Expected| {
        let failed = Closed::new(Box::new(mock.clone())).identify(expected).err().unwrap();
        let message = failed.to_string();
        // The device comes back and can be asked again.
        Closed::new(failed.closed.into_device()).identify(Expected::default()).unwrap();
        message
    };
    assert_eq!(
        refused(Expected { build_id: Some(0x34), config: None }),
        "BUILD_ID reads 0x00000012 instead of 0x00000034: another bitstream runs on the board; load the right one with \
         `systole program`"
    );
    assert_eq!(
        refused(Expected { build_id: Some(0x12), config: Some(&N16) }),
        "the device has configuration `n8` instead of `n16`; load a bitstream for `n16` with `systole program`"
    );
    assert_eq!(mock.state().resets, 0, "identification changes nothing");
    // A recovery accepts no other device than before.
    let mut bench = bench();
    bench.mock.script(&[Answer::Hangs]);
    bench.run(false).unwrap_err();
    bench.mock.state().registers.insert(register::BUILD_ID.offset, 0x12);
    assert!(matches!(bench.recover(), Err(EngineError::BuildMismatch { expected: 0, found: 0x12 })));
}

#[test]
fn a_device_that_forgets_is_found_before_the_deadline() {
    let mut bench = bench();
    let long = Duration::from_secs(600);
    bench.mock.script(&[Answer::Forgets]);
    let error = bench.run_within(false, long).unwrap_err();
    assert_eq!(
        error.to_string(),
        "SQ_TAIL reads 0x0 instead of 0x1: something else reset the device; make sure that no other process uses it, and \
         that its power is stable"
    );
    bench.recover().unwrap();
    bench.mock.script(&[Answer::Halts]);
    let error = bench.run_within(false, long).unwrap_err();
    let fault = Fault { unit: Unit::Control, instruction: 0, cause: Cause::RingMalformed, address: 0x40 };
    assert!(matches!(error, EngineError::Faulted(found) if found == fault), "{error}");
}

#[test]
fn ones_are_believed_only_of_a_living_device() {
    use systole_driver::{DeviceError, RegisterAccess};
    let mut mock = Mock::new();
    mock.state().registers.insert(register::STATUS.offset, u32::MAX);
    assert_eq!(mock.get(register::STATUS).unwrap(), u32::MAX);
    mock.state().registers.insert(register::MAGIC.offset, u32::MAX);
    assert!(matches!(mock.get(register::STATUS), Err(DeviceError::LinkDown { register: "STATUS" })));
}

#[test]
fn memory_can_be_read_back() {
    let mut bench = bench();
    let bytes: Vec<u8> = (0..8192u32).map(|i| ((i * 7) >> 3) as u8).collect();
    bench.engine.write(&bench.output, 0, &bytes).unwrap();
    assert!(bench.engine.holds(&bench.output, 0, &bytes).unwrap());
    assert!(!bench.engine.holds(&bench.output, 1, &bytes[..8191]).unwrap());
    assert!(bench.engine.holds(&bench.output, 1, &bytes).is_err());
    let source = verify(copy_program()).unwrap();
    bench.run(false).unwrap();
    // The arena is the first allocation, the program the second.
    let blocks: Vec<u64> = bench.mock.state().memory.keys().copied().take(2).collect();
    let table = bench.mock.state().submissions[0].0.regions - blocks[0];
    for (block, byte) in [(0, 0), (0, table as usize), (1, 40)] {
        assert!(bench.engine.intact(&bench.program, &source).unwrap());
        let flip = |mock: &Mock| mock.state().memory.get_mut(&blocks[block]).unwrap()[byte] ^= 4;
        flip(&bench.mock);
        assert!(!bench.engine.intact(&bench.program, &source).unwrap(), "{block}, {byte}");
        flip(&bench.mock);
        bench.run(false).unwrap();
    }
}

#[test]
fn a_reset_that_does_not_finish_is_an_error() {
    let mock = Mock::new();
    mock.state().registers.insert(register::SQ_HEAD.offset, 3);
    mock.state().stuck = true;
    let message = open(&mock).err().map(|e| e.to_string()).unwrap_or_default();
    assert!(message.starts_with("SQ_HEAD reads 0x3 instead of 0, "), "{message}");
}

#[test]
fn memory_is_bounded_and_returned() {
    let mut bench = bench();
    let Bench { mock, engine, .. } = &mut bench;
    let before = mock.state().memory.len();
    let buffer = engine.allocate(100).unwrap();
    engine.write(&buffer, 90, &[7; 10]).unwrap();
    let mut back = [0; 11];
    engine.read(&buffer, 89, &mut back).unwrap();
    assert_eq!(back, [0, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7]);
    assert_eq!(
        engine.write(&buffer, 91, &[7; 10]).unwrap_err().to_string(),
        "10 bytes at offset 91 do not fit into a buffer of 100 bytes; allocate a larger one"
    );
    assert!(engine.read(&buffer, u64::MAX, &mut back).is_err());
    engine.release(buffer).unwrap();
    assert_eq!(mock.state().memory.len(), before);
    for _ in 0..10 {
        drop(engine.allocate(64).unwrap());
    }
    assert!(mock.state().memory.len() <= before + 1, "dropped buffers are released by the next allocation");
    bench.run(true).unwrap();
    let Bench { mock, engine, program, input, output } = bench;
    drop((program, input, output));
    drop(engine);
    assert_eq!(mock.state().memory.len(), 0, "a closed engine leaves nothing behind");
    assert_eq!(mock.state().registers[&register::CONTROL.offset], 0);
}
