//! Device memory as values: a dropped [`Buffer`] is given back.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytemuck::Zeroable;
use systole_isa::REGIONS;
use systole_isa::ring::{REGION_WRITE, Region};

use super::EngineError;
use crate::{Device, DeviceError, RegionSpec};

/// Addresses of dropped buffers. Dropping cannot reach the device, which the engine owns, so the engine releases them
/// at its next opportunity.
#[derive(Debug, Default)]
pub(super) struct Dropped(Mutex<Vec<u64>>);

impl Dropped {
    /// The list; a panic elsewhere cannot leave it inconsistent.
    pub fn lock(&self) -> MutexGuard<'_, Vec<u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Memory of one engine's device. Dropping it returns it: the engine releases it before its next allocation or run.
#[derive(Debug)]
pub struct Buffer {
    pub(super) address: u64,
    pub(super) size: u64,
    pub(super) owner: Arc<Dropped>,
    /// The engine's when it was allocated.
    pub(super) generation: u32,
}

impl Buffer {
    /// Bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The generation of the engine's memory that it belongs to.
    pub fn generation(&self) -> u32 {
        self.generation
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.owner.lock().push(self.address);
    }
}

/// The buffers of a run, by region index.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bindings<'a>([Option<&'a Buffer>; REGIONS]);

impl<'a> Bindings<'a> {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// Binds a region index below [`REGIONS`]; others are ignored, and so is a region that the program does not use.
    #[must_use]
    pub fn bind(mut self, region: usize, buffer: &'a Buffer) -> Self {
        if let Some(slot) = self.0.get_mut(region) {
            *slot = Some(buffer);
        }
        self
    }

    /// Checks the bindings and lays out the region table. A region is as large as the program declares, not as the
    /// buffer is, so the device stops whatever the verifier did not foresee.
    pub(super) fn table(
        &self,
        specs: &[RegionSpec; REGIONS],
        check: impl Fn(&Buffer) -> Result<(), EngineError>,
    ) -> Result<[Region; REGIONS], EngineError> {
        let mut table = [Region::zeroed(); REGIONS];
        for (region, spec) in specs.iter().enumerate().filter(|(_, spec)| spec.size > 0) {
            let name = || spec.name.clone();
            let Some(buffer) = self.0[region] else {
                return Err(EngineError::Unbound { region, name: name(), size: spec.size });
            };
            check(buffer)?;
            if buffer.size < u64::from(spec.size) {
                let (needed, given) = (spec.size, buffer.size);
                return Err(EngineError::BufferTooSmall { region, name: name(), needed, given });
            }
            let flags = if spec.writable { REGION_WRITE } else { 0 };
            let shares = |o: &Region| o.size > 0 && o.base == buffer.address;
            let writes = |o: &Region| (o.flags | flags) & REGION_WRITE != 0;
            if let Some(first) = table.iter().position(|o| shares(o) && writes(o)) {
                return Err(EngineError::Shared { first, second: region });
            }
            table[region] = Region { base: buffer.address, size: spec.size, flags };
        }
        Ok(table)
    }
}

/// Memory for an owner.
pub(super) fn allocate(
    device: &mut (dyn Device + Send),
    owner: &Arc<Dropped>,
    size: u64,
    generation: u32,
) -> Result<Buffer, DeviceError> {
    // A buffer of nothing still has an address of its own.
    let address = device.allocate(size.max(1))?;
    Ok(Buffer { address, size, owner: Arc::clone(owner), generation })
}
