//! Whole programs: semaphores, queues, interleavings, faults.

mod support;

use proptest::prelude::*;
use std::sync::{Arc, Mutex};
use support::Random;
use support::host::{Host, encoded, end};
use systole_driver::{Bindings, Device, Engine, Program, RegionSpec, RunOptions};
use systole_isa::config::{N8, NAMED};
use systole_isa::instruction::{
    End, Format, Function, Gemm, Load, Map, Memory as Place, Output, Row, RowKind, Stat, Store,
};
use systole_isa::{ABI_HASH, Cause, HwConfig, Instruction, Op, REGIONS, SEMAPHORE_MAX, Unit};
use systole_sim::{Interleaving, Queues, Simulator, Step};

fn load(dst: u16, offset: u32) -> Load {
    Load { memory: Place::Spad, format: Format::I8, region: 0, dst, dst_stride: 1, offset, pitch: 32, rows: 8, cols: 8 }
}

fn gemm(a: u16, b: u16, c: u16) -> Gemm {
    Gemm { accumulate: false, transpose_b: false, a, a_stride: 1, b, b_stride: 1, c, c_stride: 1, m: 8, k: 8, n: 8 }
}

fn map(src: u16, dst: u16) -> Map {
    Map { src, src_stride: 1, dst, dst_stride: 1, rows: 8, cols: 8, output: Output::Spad8, ..support::plain_map() }
}

fn store(src: u16, offset: u32) -> Store {
    Store {
        memory: Place::Spad,
        format: Format::I8,
        region: 1,
        src,
        src_stride: 1,
        offset,
        pitch: 32,
        rows: 8,
        cols: 8,
    }
}

fn row() -> Row {
    Row { kind: RowKind::Scale, frac: 0, src: 0, dst: 0, rows: 1, count: 0, num: 0, eps: 0 }
}

/// A host with 2 KiB of input as region 0 and 4 KiB of output as region 1.
fn host(device: Simulator) -> Host {
    let mut host = Host::new(device, 16);
    let input = host.region(0, 2048);
    host.region(1, 4096);
    host.device.copy_to(input, &input_bytes()).unwrap();
    host
}

fn input_bytes() -> Vec<u8> {
    let mut random = Random(42);
    (0..2048).map(|_| (random.next() % 7) as u8).collect()
}

/// The blocks of the pipeline below.
const BLOCKS: u32 = 7;
const LOADED: u16 = 1;
const FREE: u16 = 2;
const PRODUCT: u16 = 4;
const DRAINED: u16 = 8;
const MAPPED: u16 = 16;
const STORED: u16 = 32;

/// Load, multiply, map and store, each stage double-buffered against the next. Left out waits make it racy.
fn pipeline(wait: impl Fn(u16) -> u16) -> Vec<[u8; 32]> {
    let mut code = vec![encoded(load(0, 0), 0, 0)];
    for i in 0..BLOCKS {
        let (half, again) = ((i % 2) as u16 * 8, |semaphore| if i < 2 { 0 } else { wait(semaphore) });
        code.push(encoded(load(8 + half, 256 * (i % 8)), again(FREE), LOADED));
        code.push(encoded(gemm(0, 8 + half, half), wait(LOADED) | again(DRAINED), FREE | PRODUCT));
        code.push(encoded(map(half, 32 + half), wait(PRODUCT) | again(STORED), DRAINED | MAPPED));
        code.push(encoded(store(32 + half, 256 * i), wait(MAPPED), STORED));
    }
    code.push(end());
    code
}

fn output_of(device: Simulator, code: &[[u8; 32]]) -> Vec<u8> {
    let mut host = host(device);
    let completion = host.run(code);
    assert_eq!((completion.cause, completion.instruction), (0, code.len() as u32));
    let mut bytes = vec![0; 4096];
    let base = host.regions[1].base;
    host.device.copy_from(base, &mut bytes).unwrap();
    bytes
}

#[test]
fn a_product_comes_out_as_computed_by_hand() {
    let code = pipeline(|s| s);
    let output = output_of(Simulator::new(&N8), &code);
    let mut host = host(Simulator::new(&N8));
    let mut input = vec![0; 2048];
    let base = host.regions[0].base;
    host.device.copy_from(base, &mut input).unwrap();
    for block in 0..BLOCKS as usize {
        for (r, c) in (0..8).flat_map(|r| (0..8).map(move |c| (r, c))) {
            let sum: i32 =
                (0..8).map(|k| i32::from(input[32 * r + k]) * i32::from(input[256 * block + 32 * k + c])).sum();
            assert_eq!(i32::from(output[256 * block + 32 * r + c] as i8), sum.min(127), "block {block} {r} {c}");
        }
    }
}

#[test]
fn every_interleaving_of_a_race_free_program_gives_the_same_bytes() {
    let code = pipeline(|s| s);
    let expected = output_of(Simulator::new(&N8), &code);
    for seed in 0..200 {
        for queues in [Queues::Hardware, Queues::Unbounded] {
            let device = Simulator::new(&N8).with_interleaving(Interleaving::Random { seed }).with_queues(queues);
            assert_eq!(output_of(device, &code), expected, "seed {seed}");
        }
    }
}

#[test]
fn a_verified_program_runs_through_the_engine() {
    let region = |name: &str, size, writable| RegionSpec { name: name.into(), size, writable, initialised: !writable };
    let mut regions = <[RegionSpec; REGIONS]>::default();
    regions[0] = region("input", 2048, false);
    regions[1] = region("output", 4096, true);
    let program = Program {
        config: &N8,
        abi_hash: ABI_HASH,
        tokens: 1,
        batch: 1,
        code: pipeline(|s| s),
        regions,
        tags: Vec::new(),
    };
    let verified = systole_driver::verify(program).unwrap();
    let expected = output_of(Simulator::new(&N8), &verified.code);
    let mut engine = Engine::open(Box::new(Simulator::new(&N8))).unwrap();
    let loaded = engine.upload(&verified).unwrap();
    let (input, output) = (engine.allocate(2048).unwrap(), engine.allocate(4096).unwrap());
    engine.write(&input, 0, &input_bytes()).unwrap();
    let bindings = Bindings::new().bind(0, &input).bind(1, &output);
    for _ in 0..70 {
        let report = engine.run(&loaded, &bindings, RunOptions::default()).unwrap();
        assert_eq!((report.cycles, report.executed), (None, verified.code.len() as u32));
        let mut bytes = vec![0; 4096];
        engine.read(&output, 0, &mut bytes).unwrap();
        assert_eq!(bytes, expected);
    }
}

#[test]
fn random_interleavings_reveal_a_missing_wait() {
    for missing in [LOADED, FREE, PRODUCT, DRAINED, MAPPED, STORED] {
        let code = pipeline(|s| s & !missing);
        let expected = output_of(Simulator::new(&N8), &pipeline(|s| s));
        let revealed = (0..200).any(|seed| {
            output_of(Simulator::new(&N8).with_interleaving(Interleaving::Random { seed }), &code) != expected
        });
        assert!(revealed, "semaphore mask {missing}");
    }
}

#[test]
fn observers_see_legal_orders_that_differ() {
    let code = pipeline(|s| s);
    let mut orders = std::collections::HashSet::new();
    for seed in 0..20 {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        let observe = move |step: &Step<'_>| {
            let written = step.accesses.blocks().find(|b| b.kind.writes()).and_then(|b| step.chip.digest(b));
            log.lock().unwrap().push((step.index, step.instruction.op.unit(), step.instruction.sync, written));
        };
        output_of(Simulator::new(&N8).with_interleaving(Interleaving::Random { seed }).with_observer(observe), &code);
        let seen = seen.lock().unwrap();
        assert_eq!(seen.len(), code.len() - 1);
        let mut counts = [0i32; 16];
        for (at, (index, unit, sync, digest)) in seen.iter().enumerate() {
            assert!(seen[..at].iter().all(|(before, u, ..)| u != unit || before < index), "a queue is in order");
            assert_eq!(digest.is_some(), *unit != Unit::Store);
            (0..16).for_each(|s| counts[s] -= i32::from(sync.wait >> s & 1));
            assert!(counts.iter().all(|c| *c >= 0), "a wait was taken that nobody posted");
            (0..16).for_each(|s| counts[s] += i32::from(sync.post >> s & 1));
        }
        orders.insert(seen.iter().map(|(index, ..)| *index).collect::<Vec<_>>());
    }
    assert!(orders.len() > 10, "{} orders", orders.len());
}

#[test]
fn a_full_queue_holds_up_fetch() {
    // Seventeen instructions wait for a post that comes behind them; the hardware's queue holds sixteen.
    let blocked = |count: usize| {
        let mut code = vec![encoded(row(), 1, 1); count];
        code.push(encoded(load(0, 0), 0, 1));
        code.push(end());
        code
    };
    assert_eq!(host(Simulator::new(&N8)).run(&blocked(16)).cause, 0);
    let fault = host(Simulator::new(&N8)).run(&blocked(17));
    assert_eq!((fault.cause, fault.unit, fault.instruction), (Cause::Deadlock as u8, Unit::Vector as u8, 0));
    assert_eq!(host(Simulator::new(&N8).with_queues(Queues::Unbounded)).run(&blocked(17)).cause, 0);
}

#[test]
fn semaphores_start_at_zero_in_every_submission() {
    let mut host = host(Simulator::new(&N8));
    assert_eq!(host.run(&[encoded(row(), 0, 1), end()]).cause, 0);
    assert_eq!(host.run(&[encoded(row(), 1, 0), end()]).cause, Cause::Deadlock as u8);
}

#[test]
fn every_cause_names_unit_instruction_and_address() {
    let limit = SEMAPHORE_MAX as usize;
    let mut overflow = vec![encoded(row(), 0, 0x8000); limit + 1];
    overflow.push(end());
    let mut full = vec![encoded(row(), 0, 0x8000); limit];
    full.push(encoded(row(), 0x8000, 0x8000));
    full.push(end());
    let reserved = {
        let mut bytes = encoded(map(0, 0), 0, 0);
        bytes[28] = 5;
        bytes
    };
    let mut read_only = host(Simulator::new(&N8));
    read_only.regions[1].flags = 0;
    let mut malformed = host(Simulator::new(&N8));
    malformed.regions[0].size = 100;
    let mut unmapped = host(Simulator::new(&N8));
    unmapped.regions[0].base = 1 << 20;
    let plain = || host(Simulator::new(&N8));
    let one = |op: Op| vec![encoded(op, 0, 0), end()];
    let (control, at) = (Unit::Control, |unit, index, address| (unit, index, address));
    let cases = [
        (plain(), vec![[0; 32], end()], Cause::IllegalInstruction, at(control, 0, 0)),
        (plain(), vec![reserved, end()], Cause::Unimplemented, at(control, 0, 0)),
        (plain(), one(Gemm { m: 0, ..gemm(0, 0, 0) }.into()), Cause::IllegalOperand, at(control, 0, 0)),
        (plain(), one(load(16380, 0).into()), Cause::SpadBounds, at(control, 0, 16384)),
        (plain(), one(gemm(0, 0, 4090).into()), Cause::AccBounds, at(control, 0, 4096)),
        (plain(), one(Map { channel: true, param: 600, ..map(0, 0) }.into()), Cause::ParamBounds, at(control, 0, 600)),
        (plain(), one(Row { rows: 513, ..row() }.into()), Cause::RowBounds, at(control, 0, 512)),
        (plain(), one(load(0, 1824 + 32).into()), Cause::RegionBounds, at(Unit::Load, 0, 2048)),
        (read_only, one(store(0, 64).into()), Cause::RegionReadOnly, at(Unit::Store, 0, 64)),
        (malformed, one(load(0, 32).into()), Cause::RegionMalformed, at(Unit::Load, 0, 32)),
        (unmapped, one(load(0, 32).into()), Cause::Bus, at(Unit::Load, 0, 32)),
        (plain(), overflow, Cause::SemaphoreOverflow, at(Unit::Vector, 65535, 0)),
        (plain(), full, Cause::None, at(control, 65537, 0)),
        (plain(), vec![end(), end()], Cause::ProgramEnd, at(control, 0, 0)),
        (plain(), vec![encoded(row(), 0, 0); 3], Cause::ProgramEnd, at(control, 2, 0)),
        (plain(), vec![encoded(End {}, 0, 1)], Cause::IllegalOperand, at(control, 0, 0)),
    ];
    for (mut host, code, cause, (unit, index, address)) in cases {
        let c = host.run(&code);
        assert_eq!((c.cause, c.unit, c.instruction, c.address), (cause as u8, unit as u8, index, address), "{cause}");
    }
}

/// Field values near the edges, for programs that are more often legal than random bytes.
fn awkward_op(config: &HwConfig, random: &mut Random) -> Op {
    let mut word = |limit: u32| match random.below(8) {
        0 => u16::MAX,
        1 => limit as u16,
        2 => 0,
        _ => random.below(40) as u16,
    };
    let (a, b, c, s) = (word(config.spad_words), word(config.spad_words), word(config.acc_words), word(3));
    let (m, k, n) = (word(100), word(100), word(100));
    match word(4) % 5 {
        0 => Gemm {
            accumulate: s % 2 == 0,
            transpose_b: a % 2 == 0,
            a,
            a_stride: s,
            b,
            b_stride: k,
            c,
            c_stride: n,
            m,
            k,
            n,
        }
        .into(),
        1 => Load { dst: a, dst_stride: s, rows: m, cols: n, offset: u32::from(b) * 32, ..load(0, 0) }.into(),
        2 => Store { src: a, src_stride: s, rows: m, cols: n, offset: u32::from(b) * 32, ..store(0, 0) }.into(),
        3 => Row { src: a, dst: b, rows: m, ..row() }.into(),
        _ => Map {
            src: c,
            src_stride: s,
            dst: a,
            dst_stride: n,
            rows: m,
            cols: k,
            stat: Stat::Sum,
            row_out: b,
            function: Function::Gelu,
            ..map(0, 0)
        }
        .into(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn no_bytes_panic(code in prop::collection::vec(any::<[u8; 32]>(), 1..6), opcodes in prop::collection::vec(0usize..7, 6)) {
        let mut host = host(Simulator::new(&N8));
        let code: Vec<_> = code.into_iter().zip(opcodes).map(|(mut bytes, o)| {
            bytes[0] = [0x01, 0x10, 0x20, 0x30, 0x31, 0x40, bytes[0]][o];
            bytes
        }).collect();
        host.run(&code);
    }

    #[test]
    fn no_operands_panic(seed: u64, config in prop::sample::select(&NAMED[..]), random_order: bool) {
        let mut random = Random(seed);
        let order = if random_order { Interleaving::Random { seed } } else { Interleaving::FetchOrder };
        let mut host = host(Simulator::new(config).with_interleaving(order));
        for _ in 0..8 {
            let code = [encoded(awkward_op(config, &mut random), 0, random.below(4) as u16), end()];
            prop_assert!(Instruction::decode(&code[0]).is_ok());
            let completion = host.run(&code);
            prop_assert!(Cause::from_code(completion.cause).is_some());
        }
    }
}
