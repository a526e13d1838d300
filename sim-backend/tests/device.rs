//! Registers, rings, faults, interrupts and trace of the simulator.

mod support;

use std::time::Duration;
use support::host::{Host, encoded, end};
use systole_driver::{Device, DeviceError};
use systole_isa::config::{N8, N16, NAMED};
use systole_isa::instruction::{Instruction, Row, RowKind, Sync};
use systole_isa::register::{self, Access, MAGIC_VALUE, REGISTERS, WINDOW_BYTES};
use systole_isa::ring::{SUBMIT_INTERRUPT, SUBMIT_TRACE, Submission, TraceRecord};
use systole_isa::{ABI_HASH, Cause, Unit};
use systole_sim::Simulator;

fn host(slots: u32) -> Host {
    Host::new(Simulator::new(&N8), slots)
}

/// An instruction that is legal and does little.
fn step(wait: u16, post: u16) -> [u8; 32] {
    encoded(Row { kind: RowKind::Scale, frac: 0, src: 0, dst: 0, rows: 1, count: 0, num: 0, eps: 0 }, wait, post)
}

#[test]
fn identity_registers_describe_the_configuration() {
    for config in NAMED {
        let mut device = Simulator::new(config);
        let mut read = |offset: u32| device.read(offset).unwrap();
        assert_eq!(read(register::MAGIC.offset), MAGIC_VALUE);
        let hash = u64::from(read(register::ABI_HASH_HI.offset)) << 32 | u64::from(read(register::ABI_HASH_LO.offset));
        assert_eq!(hash, ABI_HASH);
        assert_eq!(read(register::BUILD_ID.offset), 0);
        assert_eq!(read(register::CONFIG_ID.offset), config.id);
        assert_eq!(read(register::CONFIG_ARRAY.offset), config.n | config.n << 8 | 16 << 16);
        assert_eq!(read(register::CONFIG_SPAD.offset), 16384);
        assert_eq!(read(register::CONFIG_ACC.offset), 4096);
        assert_eq!(read(register::CONFIG_PARAM_ROW.offset), 512 | 512 << 16);
    }
}

#[test]
fn registers_keep_their_reset_value_and_access_kind() {
    let mut device = Simulator::new(&N16);
    for declared in REGISTERS {
        let clock = declared.name.starts_with("CYCLE");
        let initial = device.read(declared.offset).unwrap();
        assert!(clock || declared.reset.is_none_or(|reset| reset == initial), "{}", declared.name);
        device.write(declared.offset, 0).unwrap();
        let after = device.read(declared.offset).unwrap();
        assert!(clock || after == if declared.access == Access::ReadOnly { initial } else { 0 }, "{}", declared.name);
    }
    for register in [register::SQ_BASE_LO, register::TRACE_BASE_HI, register::WATCHDOG, register::CQ_SIZE] {
        device.write(register.offset, 0xdead_beef).unwrap();
        assert_eq!(device.read(register.offset).unwrap(), 0xdead_beef);
    }
    device.write(register::IRQ_ENABLE.offset, u32::MAX).unwrap();
    assert_eq!(device.read(register::IRQ_ENABLE.offset).unwrap(), 3, "bits that are not there read 0");
    device.write(0x0f0, 7).unwrap();
    assert_eq!(device.read(0x0f0).unwrap(), 0, "no register is there");
    for offset in [2, WINDOW_BYTES, WINDOW_BYTES + 4, u32::MAX] {
        assert!(matches!(device.read(offset), Err(DeviceError::RegisterOffset { offset: o }) if o == offset));
        assert!(device.write(offset, 0).is_err());
    }
}

#[test]
fn the_cycle_counter_latches_its_high_half() {
    let mut host = host(2);
    let mut now = || u64::from(host.read(register::CYCLE_LO)) | u64::from(host.read(register::CYCLE_HI)) << 32;
    let before = now();
    std::thread::sleep(Duration::from_millis(1));
    assert!(now() >= before + 1_000_000);
}

#[test]
fn a_submission_completes_with_its_id_and_count() {
    let mut host = host(4);
    let submission = host.submission(0x1234_5678_9abc_def0, &[step(0, 1), step(1, 0), end()]);
    host.submit(&submission);
    let completion = host.take();
    assert_eq!(completion.id, 0x1234_5678_9abc_def0);
    assert_eq!((completion.cause, completion.unit, completion.phase, completion.instruction), (0, 0, 1, 3));
    assert_eq!((completion.address, completion.cycles), (0, 0));
    assert_eq!(host.read(register::STATUS), 0);
    assert_eq!(host.read(register::SQ_HEAD), 1);
    assert_eq!(host.read(register::CQ_TAIL), 1);
}

#[test]
fn rings_wrap_and_the_phase_flips() {
    let mut host = host(4);
    for id in 0..23 {
        let submission = host.submission(id, &[end()]);
        host.submit(&submission);
        let completion = host.take();
        assert_eq!((completion.id, completion.phase), (id, if id / 4 % 2 == 0 { 1 } else { 0 }));
    }
}

#[test]
fn several_submissions_wait_for_one_doorbell() {
    let mut host = host(8);
    host.write(register::CONTROL, 0);
    for id in 0..5 {
        let submission = host.submission(id, &[end()]);
        host.submit(&submission);
    }
    assert_eq!(host.read(register::CQ_TAIL), 0, "a disabled engine takes nothing");
    host.write(register::CONTROL, 1);
    assert_eq!((0..5).map(|_| host.take().id).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
}

#[test]
fn a_full_completion_ring_holds_the_engine_until_a_slot_is_free() {
    let mut host = host(4);
    for id in 0..3 {
        let submission = host.submission(id, &[end()]);
        host.submit(&submission);
    }
    assert_eq!(host.read(register::STATUS), 0, "full, but nothing waits");
    let waiting = host.submission(3, &[end()]);
    host.submit(&waiting);
    assert_eq!((host.read(register::STATUS), host.read(register::CQ_TAIL), host.read(register::SQ_HEAD)), (4, 3, 3));
    assert_eq!(host.take().id, 0);
    assert_eq!((host.read(register::STATUS), host.read(register::CQ_TAIL)), (0, 0));
    assert_eq!([host.take().id, host.take().id, host.take().id], [1, 2, 3]);
}

#[test]
fn malformed_rings_halt_the_engine_until_reset() {
    type Break = fn(&mut Host);
    let cases: [(&str, Break); 9] = [
        ("size unset", |h| h.write(register::SQ_SIZE, 0)),
        ("size one", |h| h.write(register::CQ_SIZE, 1)),
        ("no power of two", |h| h.write(register::CQ_SIZE, 12)),
        ("too large", |h| h.write(register::SQ_SIZE, 65536)),
        ("base not aligned", |h| {
            let low = h.read(register::SQ_BASE_LO);
            h.write(register::SQ_BASE_LO, low + 32);
        }),
        ("completion base not aligned", |h| h.write(register::CQ_BASE_LO, 8)),
        ("completion head behind the end", |h| h.write(register::CQ_HEAD, 4)),
        ("no memory at the submission ring", |h| h.write(register::SQ_BASE_HI, 0)),
        ("no memory at the completion ring", |h| h.write(register::CQ_BASE_HI, u32::MAX)),
    ];
    for (name, broken) in cases {
        let mut host = host(4);
        broken(&mut host);
        let submission = host.submission(1, &[end()]);
        host.submit(&submission);
        let cause = if name.starts_with("no memory") { Cause::Bus } else { Cause::RingMalformed };
        assert_eq!(host.read(register::FAULT), cause as u32, "{name}");
        assert_eq!(host.read(register::STATUS), 2, "{name}");
        assert_eq!(host.read(register::IRQ_STATUS), 2, "{name}");
        host.set_up();
        host.submit(&submission);
        assert_eq!(host.slot(0).phase, 0, "{name}: halted although the rings are mended");
        host.write(register::RESET, 1);
        assert_eq!((host.read(register::STATUS), host.read(register::FAULT)), (0, 0), "{name}");
        host.set_up();
        host.submit(&submission);
        assert_eq!((host.take().phase, host.read(register::STATUS)), (1, 0), "{name}");
    }
    let mut host = host(4);
    host.write(register::SQ_TAIL, 4);
    assert_eq!(host.read(register::FAULT), Cause::RingMalformed as u32, "tail behind the end");
    assert_eq!(host.read(register::FAULT_ADDRESS_HI), (host.sq >> 32) as u32);
}

#[test]
fn reset_clears_indices_and_phase_and_nothing_without_its_bit() {
    let mut host = host(2);
    for _ in 0..3 {
        assert_eq!(host.run(&[end()]).cause, 0);
    }
    host.write(register::RESET, 2);
    assert_eq!(host.read(register::SQ_HEAD), 1);
    host.write(register::RESET, 1);
    for index in [register::SQ_HEAD, register::CQ_TAIL] {
        assert_eq!(host.read(index), 0);
    }
    for index in [register::SQ_TAIL, register::CQ_HEAD] {
        assert_eq!(host.read(index), 0);
    }
    assert_eq!(host.read(register::CONTROL), 1);
    host.set_up();
    assert_eq!(host.run(&[end()]).phase, 1);
}

#[test]
fn a_bad_submission_completes_with_its_fault() {
    let mut host = host(16);
    let good = host.submission(7, &[end()]);
    let cases: [(Submission, Cause, u64); 6] = [
        (Submission { abi_hash: ABI_HASH ^ 1, ..good }, Cause::AbiMismatch, 0),
        (Submission { program: good.program + 16, ..good }, Cause::RingMalformed, good.program + 16),
        (Submission { regions: good.regions + 1, ..good }, Cause::RingMalformed, good.regions + 1),
        (Submission { program: 64, ..good }, Cause::Bus, 64),
        (Submission { regions: u64::MAX - 31, ..good }, Cause::Bus, u64::MAX - 31),
        (Submission { instructions: 0, ..good }, Cause::ProgramEnd, 0),
    ];
    for (submission, cause, address) in cases {
        host.submit(&submission);
        let c = host.take();
        assert_eq!((c.id, c.cause, c.unit, c.instruction, c.address), (7, cause as u8, 0, 0, address), "{cause}");
    }
    host.submit(&good);
    assert_eq!(host.take().cause, 0, "the engine goes on");
}

#[test]
fn the_first_fault_stays_latched_until_reset() {
    let mut host = host(16);
    assert_eq!(host.run(&[step(0, 0), step(2, 0), end()]).cause, Cause::Deadlock as u8);
    assert_eq!(host.run(&[[0; 32], end()]).cause, Cause::IllegalInstruction as u8);
    assert_eq!(host.run(&[end()]).cause, 0);
    assert_eq!(host.read(register::STATUS), 2);
    assert_eq!(host.read(register::FAULT), Cause::Deadlock as u32 | (Unit::Vector as u32) << 8);
    assert_eq!(host.read(register::FAULT_INSTRUCTION), 1);
    host.write(register::IRQ_STATUS, 3);
    assert_eq!(host.read(register::STATUS), 2, "clearing the interrupt does not clear the fault");
    host.write(register::RESET, 1);
    assert_eq!([register::STATUS, register::FAULT, register::FAULT_INSTRUCTION].map(|r| host.read(r)), [0; 3]);
}

#[test]
fn interrupts_follow_enable_and_are_cleared_by_ones() {
    let mut host = host(16);
    let quiet = host.submission(1, &[end()]);
    host.submit(&quiet);
    assert_eq!(host.read(register::IRQ_STATUS), 0, "not asked for");
    let loud = Submission { flags: SUBMIT_INTERRUPT, ..quiet };
    host.submit(&loud);
    assert_eq!(host.read(register::IRQ_STATUS), 1);
    let timeout = Duration::from_secs(3600);
    assert!(!host.device.wait_interrupt(timeout).unwrap(), "not enabled; returns at once");
    host.write(register::IRQ_ENABLE, 2);
    assert!(!host.device.wait_interrupt(timeout).unwrap());
    host.write(register::IRQ_ENABLE, 1);
    assert!(host.device.wait_interrupt(timeout).unwrap());
    host.submit(&Submission { abi_hash: 0, ..loud });
    assert_eq!(host.read(register::IRQ_STATUS), 3);
    host.write(register::IRQ_STATUS, 1);
    assert_eq!(host.read(register::IRQ_STATUS), 2);
    assert!(!host.device.wait_interrupt(timeout).unwrap());
    host.write(register::IRQ_STATUS, 2);
    assert_eq!(host.read(register::IRQ_STATUS), 0);
}

#[test]
fn trace_records_fill_the_buffer_and_stop_at_its_end() {
    let mut host = host(16);
    let buffer = host.device.allocate(3 * 32).unwrap();
    host.write(register::TRACE_BASE_LO, buffer as u32);
    host.write(register::TRACE_BASE_HI, (buffer >> 32) as u32);
    host.write(register::TRACE_SIZE, 3);
    let tagged = |tag| {
        let mut bytes = step(0, 0);
        let mut i = Instruction::decode(&bytes).unwrap();
        i.sync = Sync { tag, ..i.sync };
        bytes = i.encode();
        bytes
    };
    let code = [tagged(5), tagged(0), tagged(6), end()];
    let silent = host.submission(1, &code);
    host.submit(&silent);
    assert_eq!(host.read(register::TRACE_COUNT), 0, "not asked for");
    let traced = Submission { flags: SUBMIT_TRACE, id: 9, ..silent };
    host.submit(&traced);
    assert_eq!(host.read(register::TRACE_COUNT), 2);
    host.submit(&traced);
    assert_eq!(host.read(register::TRACE_COUNT), 3);
    let mut records = [TraceRecord::default(); 3];
    host.device.copy_from(buffer, bytemuck::cast_slice_mut(&mut records)).unwrap();
    let seen = records.map(|r| (r.tag, r.unit, r.instruction, r.id));
    assert_eq!(seen, [(5, 3, 0, 9), (6, 3, 2, 9), (5, 3, 0, 9)]);
    assert!(records.iter().all(|r| r.start <= r.end) && records[0].end <= records[1].start);
    host.write(register::TRACE_SIZE, 2);
    assert_eq!(host.read(register::TRACE_COUNT), 0);
    host.write(register::TRACE_BASE_HI, 0);
    host.submit(&traced);
    let head = host.read(register::CQ_TAIL) - 1;
    let fault = host.slot(head);
    assert_eq!((fault.cause, fault.unit, fault.address), (Cause::Bus as u8, 3, buffer & 0xffff_ffff));
}
