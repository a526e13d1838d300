//! Trace records, with host time in place of cycles.

use crate::memory::Memory;
use std::time::Instant;
use systole_isa::ring::TraceRecord;

/// The trace buffer as the TRACE registers describe it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tracer {
    /// Bus address.
    pub base: u64,
    /// Records that fit.
    pub size: u32,
    /// Records written.
    pub count: u32,
    /// When the device was made: zero of its clock.
    pub epoch: Instant,
}

impl Tracer {
    /// Nanoseconds since the device was made.
    pub fn now(&self) -> u64 {
        nanoseconds(self.epoch)
    }

    /// Appends a record unless the buffer is full.
    ///
    /// # Errors
    /// The record's bus address, when it is not device memory.
    pub fn write(&mut self, memory: &mut Memory, record: TraceRecord) -> Result<(), u64> {
        if self.count >= self.size {
            return Ok(());
        }
        let address = self.base.saturating_add(u64::from(self.count) * size_of::<TraceRecord>() as u64);
        let little_endian = TraceRecord {
            tag: record.tag.to_le(),
            unit: record.unit,
            reserved: 0,
            instruction: record.instruction.to_le(),
            id: record.id.to_le(),
            start: record.start.to_le(),
            end: record.end.to_le(),
        };
        memory.copy_to(address, bytemuck::bytes_of(&little_endian)).map_err(|_| address)?;
        self.count += 1;
        Ok(())
    }
}

/// Nanoseconds since `epoch`; 64 bits last for 584 years.
pub(crate) fn nanoseconds(epoch: Instant) -> u64 {
    epoch.elapsed().as_nanos() as u64
}
