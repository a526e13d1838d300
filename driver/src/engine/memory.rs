//! The engine's memory: allocation, bounded copies, and whether it still holds what the host wrote.

use std::sync::Arc;

use super::buffer::allocate;
use super::{Buffer, Engine, EngineError, LoadedProgram};
use crate::{DeviceError, Verified};

/// Bytes that are read back at a time.
const CHUNK: usize = 1 << 16;

impl Engine {
    /// Reserves zeroed device memory.
    ///
    /// # Errors
    /// The memory is exhausted or the engine poisoned.
    pub fn allocate(&mut self, bytes: u64) -> Result<Buffer, EngineError> {
        self.collect()?;
        Ok(allocate(&mut *self.device, &self.dropped, bytes, self.generation)?)
    }

    /// Copies host bytes into a buffer.
    ///
    /// # Errors
    /// The range leaves the buffer, the buffer belongs to another engine or generation, or the engine is poisoned.
    pub fn write(&mut self, buffer: &Buffer, offset: u64, bytes: &[u8]) -> Result<(), EngineError> {
        let address = self.locate(buffer, offset, bytes.len())?;
        Ok(self.device.copy_to(address, bytes)?)
    }

    /// Copies a buffer to host bytes.
    ///
    /// # Errors
    /// As [`Engine::write`].
    pub fn read(&mut self, buffer: &Buffer, offset: u64, bytes: &mut [u8]) -> Result<(), EngineError> {
        let address = self.locate(buffer, offset, bytes.len())?;
        Ok(self.device.copy_from(address, bytes)?)
    }

    /// Releases a buffer at once, and all that were dropped before; dropping it does the same later.
    ///
    /// # Errors
    /// The device refuses.
    pub fn release(&mut self, buffer: Buffer) -> Result<(), EngineError> {
        drop(buffer);
        self.collect()
    }

    /// Reads a buffer back: whether it holds these bytes.
    ///
    /// # Errors
    /// As [`Engine::write`].
    pub fn holds(&mut self, buffer: &Buffer, offset: u64, bytes: &[u8]) -> Result<bool, EngineError> {
        let address = self.locate(buffer, offset, bytes.len())?;
        let mut read = vec![0; CHUNK.min(bytes.len())];
        for (chunk, at) in bytes.chunks(CHUNK).zip((address..).step_by(CHUNK)) {
            let read = &mut read[..chunk.len()];
            self.device.copy_from(at, read)?;
            if read != chunk {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Reads back what told the device what to do in the last run: the submission, the region table, and the program,
    /// uploaded from `source`. Whether all are as the host wrote them.
    ///
    /// # Errors
    /// As [`Engine::write`].
    pub fn intact(&mut self, program: &LoadedProgram, source: &Verified) -> Result<bool, EngineError> {
        self.ready()?;
        Ok(self.channel.intact(&mut *self.device)? && self.holds(&program.code, 0, source.code.as_flattened())?)
    }

    pub(super) fn ready(&self) -> Result<(), EngineError> {
        if self.poison.is_none() { Ok(()) } else { Err(EngineError::Poisoned) }
    }

    /// Releases what was dropped, unless the device may still be using it.
    pub(super) fn collect(&mut self) -> Result<(), EngineError> {
        self.ready()?;
        Ok(self.drain()?)
    }

    pub(super) fn drain(&mut self) -> Result<(), DeviceError> {
        let mut dropped = self.dropped.lock();
        while let Some(address) = dropped.pop() {
            self.device.release(address)?;
        }
        Ok(())
    }

    /// Refuses a buffer of another engine, or from before memory was lost.
    pub(super) fn check(&self, buffer: &Buffer, what: &'static str) -> Result<(), EngineError> {
        if !Arc::ptr_eq(&buffer.owner, &self.dropped) {
            return Err(EngineError::Foreign { what });
        }
        let (generation, now) = (buffer.generation, self.generation);
        if generation == now { Ok(()) } else { Err(EngineError::Stale { what, generation, now }) }
    }

    /// The bus address of a range inside a buffer of this engine.
    fn locate(&self, buffer: &Buffer, offset: u64, bytes: usize) -> Result<u64, EngineError> {
        self.ready()?;
        self.check(buffer, "buffer")?;
        let bytes = bytes as u64;
        match offset.checked_add(bytes) {
            Some(end) if end <= buffer.size => Ok(buffer.address + offset),
            _ => Err(EngineError::BufferRange { offset, bytes, size: buffer.size }),
        }
    }
}
