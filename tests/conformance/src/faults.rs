//! Every cause that a program or a submission can reach, with unit, instruction and address.

use systole_isa::instruction::{Format, Gemm, Load, Memory, OPERATIONS, Row, Store};
use systole_isa::ring::{Region, SUBMIT_TRACE, Submission};
use systole_isa::{ABI_HASH, Cause, Fault, SEMAPHORE_MAX, Unit, register};

use crate::Target;
use crate::host::{Code, Host, INPUT, OUTPUT, REGION_BYTES, encoded, end, fault, tagged};
use crate::regions::{load, store};
use crate::rings::step;

/// An address where no executor has memory.
const NOWHERE: u64 = 0x00ff_fff0_0000_0000;

/// Runs a program that must fault, and checks what the completion and the registers say.
fn faults(host: &mut Host, what: &str, code: &[Code], expected: Fault) {
    let completion = host.run(code);
    assert_eq!(fault(&completion), Some(expected), "{what}");
    host.until("the fault is latched", |h| h.read(register::STATUS) & 2 != 0);
    let latched = (
        host.read(register::FAULT),
        host.read(register::FAULT_INSTRUCTION),
        u64::from(host.read(register::FAULT_ADDRESS_HI)) << 32 | u64::from(host.read(register::FAULT_ADDRESS_LO)),
    );
    let code = expected.cause as u32 | (expected.unit as u32) << 8;
    assert_eq!(latched, (code, expected.instruction, expected.address), "{what}");
    host.reset();
    host.succeed(&[encoded(step(), 0, 0), end()]);
}

fn control(instruction: u32, cause: Cause) -> Fault {
    Fault { unit: Unit::Control, instruction, cause, address: 0 }
}

/// `code` behind two harmless instructions, so that its index is 2.
fn third(code: Code) -> [Code; 4] {
    [encoded(step(), 0, 0), encoded(step(), 0, 0), code, end()]
}

/// First byte of an operation's field.
fn field(operation: &str, name: &str) -> usize {
    let operation = OPERATIONS.iter().find(|o| o.name == operation).expect("a declared operation");
    operation.fields.iter().find(|f| f.name == name).expect("a declared field").offset
}

fn with(mut code: Code, byte: usize, value: u8) -> Code {
    code[byte] = value;
    code
}

pub fn what_is_no_instruction_is_illegal(target: &Target<'_>) {
    let mut host = target.host(4);
    let good = encoded(load(0, 1, 8, host.config.n), 0, 0);
    let row = encoded(step(), 0, 0);
    let unassigned = (1..=u8::MAX).find(|o| OPERATIONS.iter().all(|d| d.opcode != *o)).expect("a free opcode");
    for (what, code) in [
        ("empty memory", [0; 32]),
        ("all ones", [0xff; 32]),
        ("an unassigned opcode", with(row, 0, unassigned)),
        ("a stray bit in the last byte", with(row, 31, 1)),
        ("a stray flag", with(row, 1, 0x80)),
        ("an unassigned code", with(good, field("Load", "memory"), 0x77)),
    ] {
        faults(&mut host, what, &third(code), control(2, Cause::IllegalInstruction));
    }
}

pub fn reserved_features_are_unimplemented(target: &Target<'_>) {
    let mut host = target.host(4);
    let good = encoded(load(0, 1, 8, host.config.n), 0, 0);
    for code in Memory::CODES.iter().filter(|c| c.doc.is_none()) {
        let code = with(good, field("Load", "memory"), code.code);
        faults(&mut host, "memory", &third(code), control(2, Cause::Unimplemented));
    }
    for code in Format::CODES.iter().filter(|c| c.doc.is_none()) {
        let code = with(good, field("Load", "format"), code.code);
        faults(&mut host, "format", &third(code), control(2, Cause::Unimplemented));
    }
    for operation in OPERATIONS {
        for flag in operation.flags.iter().filter(|f| f.doc.is_none()) {
            let mut code = [0; 32];
            (code[0], code[1]) = (operation.opcode, 1 << flag.bit);
            faults(&mut host, flag.name, &third(code), control(2, Cause::Unimplemented));
        }
    }
}

pub fn broken_operand_rules_are_illegal(target: &Target<'_>) {
    let mut host = target.host(4);
    let n = host.config.n;
    let words = n as u16;
    let gemm = Gemm {
        accumulate: false,
        transpose_b: false,
        a: 0,
        a_stride: 1,
        b: 100,
        b_stride: 1,
        c: 0,
        c_stride: 1,
        m: 2,
        k: words,
        n: words,
    };
    let good = load(0, 2, words, n);
    for (what, code) in [
        ("region 8", encoded(Load { region: 8, ..good }, 0, 0)),
        ("no rows", encoded(Load { rows: 0, ..good }, 0, 0)),
        ("offset not aligned", encoded(Load { offset: 16, ..good }, 0, 0)),
        ("pitch not aligned", encoded(Load { pitch: 8, ..good }, 0, 0)),
        ("i8 to acc", encoded(Load { memory: Memory::Acc, ..good }, 0, 0)),
        ("rows that overlap on chip", encoded(Load { dst_stride: 0, ..good }, 0, 0)),
        ("rows that overlap in memory", encoded(Store { pitch: 0, ..store(0, 2, words, n) }, 0, 0)),
        ("an empty product", encoded(Gemm { m: 0, ..gemm }, 0, 0)),
        ("a product without depth", encoded(Gemm { k: 0, ..gemm }, 0, 0)),
        ("no entries", encoded(Row { rows: 0, ..step() }, 0, 0)),
        ("entries that overlap in part", encoded(Row { rows: 2, dst: 1, ..step() }, 0, 0)),
    ] {
        faults(&mut host, what, &third(code), control(2, Cause::IllegalOperand));
    }
}

pub fn words_behind_a_memory_are_out_of_bounds(target: &Target<'_>) {
    let mut host = target.host(4);
    let config = host.config;
    let (spad, acc, param, row) = (config.spad_words, config.acc_words, config.param_words, config.row_entries);
    let words = config.n as u16;
    let to = |memory, format, dst: u32, rows| {
        let dst = u16::try_from(dst).expect("memories have 2^16 words at most");
        encoded(Load { memory, format, dst, pitch: 0, ..load(0, rows, words, config.n) }, 0, 0)
    };
    let entries = |src: u32, rows| encoded(Row { src: src as u16, dst: src as u16, rows, ..step() }, 0, 0);
    for (what, code, cause, address) in [
        ("across the end of spad", to(Memory::Spad, Format::I8, spad - 1, 2), Cause::SpadBounds, spad),
        ("behind the end of spad", to(Memory::Spad, Format::I8, spad + 7, 1), Cause::SpadBounds, spad + 7),
        ("across the end of acc", to(Memory::Acc, Format::I32, acc - 1, 2), Cause::AccBounds, acc),
        ("behind the end of acc", to(Memory::Acc, Format::I16, acc + 100, 1), Cause::AccBounds, acc + 100),
        ("across the end of param", to(Memory::Param, Format::Record, param - 1, 2), Cause::ParamBounds, param),
        ("behind the end of param", to(Memory::Param, Format::Record, 0xffff, 1), Cause::ParamBounds, 0xffff),
        ("across the end of row", entries(row - 1, 2), Cause::RowBounds, row),
        ("behind the end of row", entries(row, 1), Cause::RowBounds, row),
    ] {
        let address = address.into();
        faults(&mut host, what, &third(code), Fault { address, ..control(2, cause) });
    }
    // The last word of each is inside.
    host.succeed(&[
        to(Memory::Spad, Format::I8, spad - 1, 1),
        to(Memory::Acc, Format::I32, acc - 1, 1),
        to(Memory::Param, Format::Record, param - 1, 1),
        entries(row - 1, 1),
        end(),
    ]);
}

pub fn end_stands_last_and_only_there(target: &Target<'_>) {
    let mut host = target.host(4);
    let step = || encoded(step(), 0, 0);
    faults(&mut host, "no end", &[step(), step()], control(1, Cause::ProgramEnd));
    faults(&mut host, "one end too many", &[step(), end(), end()], control(1, Cause::ProgramEnd));
    faults(&mut host, "only a step", &[step()], control(0, Cause::ProgramEnd));
}

pub fn regions_bound_every_access(target: &Target<'_>) {
    let mut host = target.host(4);
    let n = host.config.n;
    let size = REGION_BYTES;
    let reads = |cause, address: u32| Fault { unit: Unit::Load, instruction: 2, cause, address: address.into() };
    let writes = |cause, address: u32| Fault { unit: Unit::Store, instruction: 2, cause, address: address.into() };
    let load = |offset, rows, cols| encoded(Load { offset, pitch: 64, ..load(0, rows, cols, n) }, 0, 0);
    let store = |region, offset, rows| encoded(Store { region, offset, pitch: 64, ..store(0, rows, 32, n) }, 0, 0);
    for (what, code, expected) in [
        ("a row across the end", load(size - 32, 1, 33), reads(Cause::RegionBounds, size)),
        ("a row behind the end", load(size, 1, 1), reads(Cause::RegionBounds, size)),
        ("the third row", load(size - 128, 3, 8), reads(Cause::RegionBounds, size)),
        ("the largest offset", load(0xffff_ffe0, 1, 8), reads(Cause::RegionBounds, 0xffff_ffe0)),
        ("a store across the end", store(OUTPUT, size - 64, 2), writes(Cause::RegionBounds, size)),
        ("a store to the input", store(INPUT, 96, 1), writes(Cause::RegionReadOnly, 96)),
        ("an unused region", store(7, 0, 1), writes(Cause::RegionBounds, 0)),
    ] {
        faults(&mut host, what, &third(code), expected);
    }
    host.succeed(&third(load(size - 32, 1, 32)));
}

pub fn regions_must_be_well_formed(target: &Target<'_>) {
    let mut host = target.host(4);
    let code = encoded(Load { offset: 32, ..load(0, 1, 8, host.config.n) }, 0, 0);
    let good = host.regions[usize::from(INPUT)];
    for (what, region) in [
        ("base not aligned", Region { base: good.base + 8, ..good }),
        ("size not aligned", Region { size: good.size - 1, ..good }),
        ("around the end of the address space", Region { base: u64::MAX - 31, ..good }),
    ] {
        host.regions[usize::from(INPUT)] = region;
        let expected = Fault { unit: Unit::Load, instruction: 2, cause: Cause::RegionMalformed, address: 32 };
        faults(&mut host, what, &third(code), expected);
    }
    // A region that is not used may be anything.
    host.regions[usize::from(INPUT)] = good;
    host.regions[6] = Region { base: 1, size: 1, flags: 1 };
    host.succeed(&third(code));
}

pub fn a_post_above_the_maximum_overflows(target: &Target<'_>) {
    let mut host = target.host(4);
    let max = SEMAPHORE_MAX as usize;
    let mut code = vec![encoded(step(), 0, 1 << 11); max];
    code.push(end());
    host.succeed(&code);
    code.insert(0, encoded(step(), 0, 1 << 11));
    let expected =
        Fault { unit: Unit::Vector, instruction: SEMAPHORE_MAX, cause: Cause::SemaphoreOverflow, address: 0 };
    faults(&mut host, "one post too many", &code, expected);
}

pub fn deadlock_names_the_oldest_waiting_instruction(target: &Target<'_>) {
    let mut host = target.host(4);
    let n = host.config.n;
    let code = [
        encoded(load(0, 1, 8, n), 0, 1),
        encoded(store(0, 1, 8, n), 1 | 1 << 5, 0),
        encoded(step(), 1 << 6, 0),
        encoded(load(8, 1, 8, n), 1 << 7, 0),
        end(),
    ];
    let waits = |unit, instruction| Fault { unit, instruction, cause: Cause::Deadlock, address: 0 };
    faults(&mut host, "three units wait", &code, waits(Unit::Store, 1));
    // Semaphores start at zero, whatever the last submission left.
    host.succeed(&[encoded(step(), 0, 2), end()]);
    faults(&mut host, "posted by the last submission", &third(encoded(step(), 2, 0)), waits(Unit::Vector, 2));
    // A program that would end if queues were longer.
    let mut deep = vec![encoded(step(), 1, 0); host.config.queue_depth as usize + 2];
    deep.extend([encoded(load(0, 1, 8, n), 0, 1), end()]);
    faults(&mut host, "a full queue holds up fetch", &deep, waits(Unit::Vector, 0));
}

pub fn bad_submissions_complete_with_their_fault(target: &Target<'_>) {
    let mut host = target.host(16);
    let good = host.submission(7, &[end()]);
    for (submission, cause, address) in [
        (Submission { abi_hash: ABI_HASH ^ 1, ..good }, Cause::AbiMismatch, 0),
        (Submission { abi_hash: ABI_HASH ^ 1 << 63, ..good }, Cause::AbiMismatch, 0),
        (Submission { program: good.program + 16, ..good }, Cause::RingMalformed, good.program + 16),
        (Submission { regions: good.regions + 1, ..good }, Cause::RingMalformed, good.regions + 1),
        (Submission { instructions: 0, ..good }, Cause::ProgramEnd, 0),
    ] {
        host.submit(&submission);
        let completion = host.take();
        assert_eq!(completion.id, 7);
        assert_eq!(fault(&completion), Some(Fault { address, ..control(0, cause) }));
    }
    host.submit(&good);
    assert_eq!(host.take().cause, 0, "the engine goes on");
}

pub fn memory_that_is_not_there_is_a_bus_error(target: &Target<'_>) {
    let mut host = target.host(16);
    let n = host.config.n;
    let good = host.submission(7, &[end()]);
    let bus = |unit, instruction, address| Fault { unit, instruction, cause: Cause::Bus, address };
    for (submission, address) in
        [(Submission { program: NOWHERE, ..good }, NOWHERE), (Submission { regions: NOWHERE, ..good }, NOWHERE)]
    {
        host.submit(&submission);
        assert_eq!(fault(&host.take()), Some(bus(Unit::Control, 0, address)));
    }
    host.reset();
    let tables = host.regions;
    for region in [INPUT, OUTPUT] {
        host.regions[usize::from(region)].base = NOWHERE;
    }
    let load = encoded(Load { offset: 64, ..load(0, 1, 8, n) }, 0, 0);
    faults(&mut host, "input", &third(load), bus(Unit::Load, 2, 64));
    let store = encoded(Store { offset: 96, ..store(0, 1, 8, n) }, 0, 0);
    faults(&mut host, "output", &third(store), bus(Unit::Store, 2, 96));
    host.regions = tables;
    host.write(register::TRACE_BASE_HI, (NOWHERE >> 32) as u32);
    host.write(register::TRACE_BASE_LO, 0);
    host.write(register::TRACE_SIZE, 4);
    let traced = host.submission(1, &[tagged(step(), 1, 0, 0), end()]);
    host.submit(&Submission { flags: SUBMIT_TRACE, ..traced });
    assert_eq!(fault(&host.take()), Some(bus(Unit::Vector, 0, NOWHERE)));
}

/// An executor without timing reports 0 cycles, and its watchdog never bites.
pub fn the_watchdog_bites_where_there_is_timing(target: &Target<'_>) {
    let mut host = target.host(4);
    let mut code = vec![encoded(step(), 0, 0); 200];
    code.push(end());
    let timed = host.succeed(&code).cycles > 0;
    let submission = host.submission(1, &code);
    let cause = if timed { Cause::Watchdog } else { Cause::None };
    host.submit(&Submission { watchdog: 1, ..submission });
    assert_eq!(host.take().cause, cause as u8, "the submission's limit");
    host.reset();
    host.write(register::WATCHDOG, 1);
    host.submit(&submission);
    assert_eq!(host.take().cause, cause as u8, "the default limit");
    host.reset();
    host.submit(&Submission { watchdog: u32::MAX, ..submission });
    assert_eq!(host.take().cause, 0, "the submission's limit comes before the default");
    host.write(register::WATCHDOG, 0);
    host.succeed(&code);
}

pub fn the_first_fault_stays_latched_until_reset(target: &Target<'_>) {
    let mut host = target.host(16);
    let deadlock = host.run(&[encoded(step(), 0, 0), encoded(step(), 2, 0), end()]);
    assert_eq!(fault(&deadlock).map(|f| f.cause), Some(Cause::Deadlock));
    let illegal = host.run(&[[0; 32], end()]);
    assert_eq!(fault(&illegal).map(|f| f.cause), Some(Cause::IllegalInstruction));
    host.succeed(&[end()]);
    host.write(register::IRQ_STATUS, 3);
    host.settle();
    assert_eq!(host.read(register::STATUS), 2, "clearing the interrupt does not clear the fault");
    assert_eq!(host.read(register::FAULT), Cause::Deadlock as u32 | (Unit::Vector as u32) << 8);
    assert_eq!(host.read(register::FAULT_INSTRUCTION), 1);
    host.write(register::RESET, 1);
    host.until("the fault is cleared", |h| h.read(register::STATUS) == 0);
    assert_eq!([register::FAULT, register::FAULT_INSTRUCTION].map(|r| host.read(r)), [0; 2]);
}
