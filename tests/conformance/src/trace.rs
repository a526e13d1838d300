//! Trace records.

use systole_isa::Unit;
use systole_isa::register;
use systole_isa::ring::{SUBMIT_TRACE, Submission, TraceRecord};

use crate::Target;
use crate::host::{Host, end, tagged};
use crate::rings::step;

const RECORD: u64 = size_of::<TraceRecord>() as u64;

/// A buffer for `records` records.
pub fn buffer(host: &mut Host, records: u32) -> u64 {
    let base = host.allocate(u64::from(records) * RECORD);
    host.write(register::TRACE_BASE_LO, base as u32);
    host.write(register::TRACE_BASE_HI, (base >> 32) as u32);
    host.write(register::TRACE_SIZE, records);
    base
}

/// The first `count` records of a buffer.
pub fn records(host: &mut Host, base: u64, count: u32) -> Vec<TraceRecord> {
    let bytes = host.copy_from(base, (u64::from(count) * RECORD) as usize);
    bytes.chunks_exact(RECORD as usize).map(bytemuck::pod_read_unaligned).collect()
}

pub(crate) fn tagged_instructions_leave_records(target: &Target<'_>) {
    let mut host = target.host(16);
    let base = buffer(&mut host, 8);
    let code = [tagged(step(), 5, 0, 0), tagged(step(), 0, 0, 0), tagged(step(), 0xffff, 0, 0), end()];
    let silent = host.submission(1, &code);
    host.submit(&silent);
    assert_eq!(host.take().cause, 0);
    assert_eq!(host.read(register::TRACE_COUNT), 0, "not asked for");
    for id in [9, 10] {
        host.submit(&Submission { flags: SUBMIT_TRACE, id, ..silent });
        assert_eq!(host.take().cause, 0);
    }
    assert_eq!(host.read(register::TRACE_COUNT), 4, "the second follows the first");
    let records = records(&mut host, base, 4);
    let vector = Unit::Vector as u8;
    let seen: Vec<_> = records.iter().map(|r| (r.tag, r.unit, r.reserved, r.instruction, r.id)).collect();
    assert_eq!(
        seen,
        [(5, vector, 0, 0, 9), (0xffff, vector, 0, 2, 9), (5, vector, 0, 0, 10), (0xffff, vector, 0, 2, 10)]
    );
    assert!(records.iter().all(|r| r.start <= r.end));
    assert!(records.windows(2).all(|pair| pair[0].end <= pair[1].start), "a unit executes in order");
    host.write(register::TRACE_SIZE, 2);
    assert_eq!(host.read(register::TRACE_COUNT), 0, "writing the size starts afresh");
}

pub(crate) fn a_full_trace_buffer_stops_recording(target: &Target<'_>) {
    let mut host = target.host(16);
    let base = buffer(&mut host, 4);
    host.write(register::TRACE_SIZE, 3);
    let mut code: Vec<_> = (1..=5).map(|tag| tagged(step(), tag, 0, 0)).collect();
    code.push(end());
    let traced = Submission { flags: SUBMIT_TRACE, ..host.submission(1, &code) };
    host.submit(&traced);
    let completion = host.take();
    assert_eq!((completion.cause, completion.instruction), (0, 6), "a full buffer is no fault");
    assert_eq!(host.read(register::TRACE_COUNT), 3);
    let tags: Vec<u16> = records(&mut host, base, 4).iter().map(|r| r.tag).collect();
    assert_eq!(tags, [1, 2, 3, 0], "nothing is written behind the end");
    host.write(register::TRACE_SIZE, 0);
    host.submit(&traced);
    assert_eq!(host.take().cause, 0);
    assert_eq!(host.read(register::TRACE_COUNT), 0);
}
