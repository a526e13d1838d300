//! Submission and completion rings, RESET and CONTROL.

use systole_isa::instruction::{Row, RowKind};
use systole_isa::ring::Submission;
use systole_isa::{Cause, register};

use crate::Target;
use crate::host::{Code, Host, encoded, end, fault};

/// An instruction that is legal and does little.
pub fn step() -> Row {
    Row { kind: RowKind::Scale, frac: 0, src: 0, dst: 0, rows: 1, count: 0, num: 0, eps: 0 }
}

fn steps(count: usize) -> Vec<Code> {
    let mut code = vec![encoded(step(), 0, 0); count];
    code.push(end());
    code
}

pub fn a_submission_completes_with_its_id_and_count(target: &Target<'_>) {
    let mut host = target.host(4);
    let submission = host.submission(0x1234_5678_9abc_def0, &steps(2));
    host.submit(&submission);
    let completion = host.take();
    assert_eq!(completion.id, 0x1234_5678_9abc_def0);
    assert_eq!((completion.cause, completion.unit, completion.phase), (0, 0, 1));
    assert_eq!((completion.instruction, completion.address), (3, 0));
    host.settle();
    assert_eq!(host.read(register::STATUS), 0);
    assert_eq!((host.read(register::SQ_HEAD), host.read(register::CQ_TAIL)), (1, 1));
}

pub fn rings_wrap_and_the_phase_flips(target: &Target<'_>) {
    for slots in [2, 4, 16] {
        let mut host = target.host(slots);
        let mut submission = host.submission(0, &steps(1));
        for id in 0..u64::from(5 * slots + 1) {
            submission.id = id;
            host.submit(&submission);
            let completion = host.take();
            let phase = if (id / u64::from(slots)).is_multiple_of(2) { 1 } else { 0 };
            assert_eq!((completion.id, completion.phase), (id, phase), "{slots} slots");
        }
    }
}

pub fn a_disabled_engine_takes_nothing(target: &Target<'_>) {
    let mut host = target.host(8);
    host.write(register::CONTROL, 0);
    for id in 0..5 {
        let submission = host.submission(id, &steps(1));
        host.submit(&submission);
    }
    std::thread::sleep(std::time::Duration::from_millis(5));
    assert_eq!((host.read(register::SQ_HEAD), host.read(register::CQ_TAIL)), (0, 0));
    assert_eq!(host.read(register::SQ_TAIL), 5, "the doorbell is kept");
    host.write(register::CONTROL, 1);
    assert_eq!([(); 5].map(|()| host.take().id), [0, 1, 2, 3, 4]);
}

pub fn submissions_back_to_back_complete_in_order(target: &Target<'_>) {
    let mut host = target.host(16);
    // Longer and shorter programs in turn, none waited for.
    let lengths = [40, 1, 7, 0, 100, 3, 0, 64, 2, 9, 17, 1, 0, 33, 5];
    for (id, length) in lengths.into_iter().enumerate() {
        let submission = host.submission(id as u64, &steps(length));
        host.submit(&submission);
    }
    for (id, length) in lengths.into_iter().enumerate() {
        let completion = host.take();
        assert_eq!((completion.id, completion.cause), (id as u64, 0));
        assert_eq!(completion.instruction as usize, length + 1);
    }
    host.settle();
    assert_eq!(host.read(register::SQ_HEAD), 15);
}

pub fn a_full_completion_ring_holds_the_engine(target: &Target<'_>) {
    let mut host = target.host(4);
    for id in 0..3 {
        let submission = host.submission(id, &steps(1));
        host.submit(&submission);
    }
    host.until("the ring is full", |h| h.read(register::CQ_TAIL) == 3);
    host.settle();
    assert_eq!(host.read(register::STATUS), 0, "full, but nothing waits");
    let waiting = host.submission(3, &steps(1));
    host.submit(&waiting);
    host.until("the engine waits", |h| h.read(register::STATUS) & 4 != 0);
    assert_eq!((host.read(register::CQ_TAIL), host.slot(3).phase), (3, 0), "nothing is overwritten");
    assert_eq!(host.take().id, 0);
    host.until("the engine goes on", |h| h.read(register::CQ_TAIL) == 0);
    assert_eq!([(); 3].map(|()| host.take().id), [1, 2, 3]);
    host.settle();
    assert_eq!(host.read(register::STATUS), 0);
}

pub fn rings_may_differ_in_size(target: &Target<'_>) {
    let mut host = target.host(4);
    host.write(register::CONTROL, 0);
    host.reset();
    host.write(register::CQ_SIZE, 2);
    let submission = host.submission(1, &steps(1));
    for turn in 0..7u32 {
        host.submit(&submission);
        host.until("a completion", |h| h.read(register::CQ_TAIL) == (turn + 1) % 2);
        assert_eq!(u32::from(host.slot(turn % 2).phase), 1 - turn / 2 % 2);
        host.write(register::CQ_HEAD, (turn + 1) % 2);
    }
    assert_eq!(host.read(register::SQ_HEAD), 3);
}

/// A way to break a ring, and the cause that it must give.
type Break = (&'static str, fn(&mut Host));

fn halts(target: &Target<'_>, cause: Cause, cases: &[Break]) {
    for (name, broken) in cases {
        let mut host = target.host(4);
        broken(&mut host);
        let submission = host.submission(1, &steps(1));
        host.submit(&submission);
        host.until(name, |h| h.read(register::STATUS) & 2 != 0);
        host.settle();
        assert_eq!(host.read(register::FAULT), cause as u32, "{name}");
        assert_eq!(host.read(register::STATUS) & 3, 2, "{name}");
        assert_eq!(host.read(register::IRQ_STATUS), 2, "{name}");
        host.set_up();
        host.submit(&submission);
        std::thread::sleep(std::time::Duration::from_millis(2));
        assert_eq!(host.slot(0).phase, 0, "{name}: halted although the rings are mended");
        host.reset();
        assert_eq!(host.read(register::FAULT), 0, "{name}");
        host.submit(&submission);
        assert_eq!((host.take().phase, host.read(register::FAULT)), (1, 0), "{name}");
    }
}

pub fn malformed_rings_halt_the_engine_until_reset(target: &Target<'_>) {
    halts(
        target,
        Cause::RingMalformed,
        &[
            ("submission ring without size", |h| h.write(register::SQ_SIZE, 0)),
            ("completion ring of one slot", |h| h.write(register::CQ_SIZE, 1)),
            ("size no power of two", |h| h.write(register::CQ_SIZE, 12)),
            ("ring too large", |h| h.write(register::SQ_SIZE, 65536)),
            ("submission ring not aligned", |h| {
                let low = h.read(register::SQ_BASE_LO);
                h.write(register::SQ_BASE_LO, low + 32);
            }),
            ("completion ring not aligned", |h| {
                let low = h.read(register::CQ_BASE_LO);
                h.write(register::CQ_BASE_LO, low + 8);
            }),
            ("completion head behind the end", |h| h.write(register::CQ_HEAD, 4)),
        ],
    );
    let mut host = target.host(4);
    host.write(register::SQ_TAIL, 4);
    host.until("tail behind the end", |h| h.read(register::STATUS) & 2 != 0);
    assert_eq!(host.read(register::FAULT), Cause::RingMalformed as u32);
    let address =
        u64::from(host.read(register::FAULT_ADDRESS_HI)) << 32 | u64::from(host.read(register::FAULT_ADDRESS_LO));
    assert_eq!(address, host.sq, "the ring's base");
}

pub fn rings_without_memory_halt_the_engine(target: &Target<'_>) {
    halts(
        target,
        Cause::Bus,
        &[
            ("no memory at the submission ring", |h| h.write(register::SQ_BASE_HI, 0x00ff_fff0)),
            ("no memory at the completion ring", |h| h.write(register::CQ_BASE_HI, 0x00ff_fff0)),
        ],
    );
}

pub fn reset_clears_what_it_should(target: &Target<'_>) {
    let mut host = target.host(2);
    for _ in 0..3 {
        host.succeed(&steps(1));
    }
    host.write(register::RESET, 2);
    assert_eq!(host.read(register::SQ_HEAD), 1, "only bit 0 resets");
    let kept = [register::SQ_BASE_LO, register::SQ_SIZE, register::CQ_BASE_LO, register::CQ_SIZE, register::CONTROL];
    let before = kept.map(|r| host.read(r));
    host.write(register::RESET, 1);
    host.until("indices are 0", |h| h.read(register::SQ_HEAD) == 0 && h.read(register::CQ_TAIL) == 0);
    assert_eq!((host.read(register::SQ_TAIL), host.read(register::CQ_HEAD)), (0, 0));
    assert_eq!(kept.map(|r| host.read(r)), before);
    host.set_up();
    assert_eq!(host.succeed(&steps(1)).phase, 1, "the phase starts afresh");
}

/// Whether the submission is still running when the reset comes is the executor's affair.
pub fn reset_in_flight_leaves_a_usable_engine(target: &Target<'_>) {
    let mut host = target.host(4);
    let long = host.submission(5, &steps(500));
    for _ in 0..3 {
        host.submit(&Submission { id: 5, ..long });
        host.write(register::CONTROL, 0);
        host.write(register::RESET, 1);
        host.until("nothing runs", |h| h.read(register::STATUS) & 1 == 0);
        assert_eq!((host.read(register::SQ_HEAD), host.read(register::CQ_TAIL)), (0, 0));
        let completion = host.slot(0);
        if completion.phase == 1 {
            let aborted = fault(&completion).is_none_or(|f| f.cause == Cause::Aborted);
            assert!(completion.id == 5 && aborted, "{completion:?}");
        }
        host.set_up();
        assert_eq!(host.succeed(&steps(3)).phase, 1);
        host.reset();
    }
}
