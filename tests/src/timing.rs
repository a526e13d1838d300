//! Cycles that instructions take, as the device's trace tells them.

use std::time::Duration;

use systole_driver::Device;
use systole_isa::ring::{REGION_WRITE, SUBMIT_TRACE, Submission};
use systole_isa::{HwConfig, Op, register};

use systole_conformance::host::{Host, INPUT, OUTPUT, end, fault, tagged};
use systole_conformance::trace;

/// Bytes of the input and of the output region.
pub const REGION: u32 = 1 << 20;
/// Region index of the read-only input.
pub const SOURCE: u8 = INPUT;
/// Region index of the writable output.
pub const TARGET: u8 = OUTPUT;

/// A device that runs instructions and tells how long they took.
pub struct Stopwatch {
    host: Host,
    records: u64,
}

impl Stopwatch {
    /// Room for so many instructions in a run.
    const RECORDS: u32 = 256;

    /// Sets the device up; it must be as after power-up.
    pub fn new(device: Box<dyn Device + Send>) -> Self {
        let mut host = Host::new(device, 4, Duration::from_secs(600));
        host.regions[usize::from(SOURCE)] = host.region(REGION, 0);
        host.regions[usize::from(TARGET)] = host.region(REGION, REGION_WRITE);
        let records = trace::buffer(&mut host, Self::RECORDS);
        Self { host, records }
    }

    /// The device's configuration.
    pub fn config(&self) -> &'static HwConfig {
        self.host.config
    }

    /// Runs operations of one unit, without semaphores between them. Cycles from the start of the first to the end of
    /// the last, whatever lies between them included.
    pub fn cycles(&mut self, operations: &[Op]) -> u64 {
        let count = u32::try_from(operations.len()).expect("a program is short");
        assert!((1..=Self::RECORDS).contains(&count));
        assert!(operations.iter().all(|op| op.unit() == operations[0].unit()), "units run side by side");
        let mut code: Vec<_> = operations.iter().map(|op| tagged(*op, 1, 0, 0)).collect();
        code.push(end());
        let traced = Submission { flags: SUBMIT_TRACE, ..self.host.submission(1, &code) };
        self.host.write(register::TRACE_SIZE, Self::RECORDS);
        self.host.submit(&traced);
        assert_eq!(fault(&self.host.take()), None);
        assert_eq!(self.host.read(register::TRACE_COUNT), count);
        let records = trace::records(&mut self.host, self.records, count);
        records[records.len() - 1].end - records[0].start
    }
}
