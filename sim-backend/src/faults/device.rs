//! [`Faulty`]: a device that does what its plan says.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use systole_driver::{BusMaster, Device, DeviceError, Window};
use systole_isa::register::{self, Access, REGISTERS};

use super::hung::Hung;
use super::{FaultCounts, FaultKind, FaultPlan, memory};

/// What memory of the device's own holds after its power was gone.
const GARBAGE: u8 = 0xa5;

/// How register reads end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Up,
    /// So many more reads give ones.
    Ones(u32),
    /// Until the link is reset.
    Down,
    /// For ever.
    Unplugged,
}

/// What is done when the submission has completed.
#[derive(Clone, Copy, Debug)]
enum Afterwards {
    Corrupt,
    Flip { tail: u32 },
}

/// What ails the submission in flight; a doorbell and a reset end it.
#[derive(Debug, Default)]
struct Ailment {
    /// A doorbell that the device has not heard of: its value, and when it will.
    doorbell: Option<(u32, Option<Instant>)>,
    /// STATUS says busy.
    busy: bool,
    /// The interrupt does not come.
    deaf: bool,
    /// An interrupt comes without a completion.
    spurious: bool,
    /// What happens when CQ_TAIL has left this value.
    afterwards: Option<(u32, Afterwards)>,
}

/// A device behind which a [`FaultPlan`] plays.
///
/// Faults come in with doorbells, so what strikes depends on the submissions alone. A device without a reset of its link
/// gets one here: registers as after power-up, memory full of garbage.
pub struct Faulty<D> {
    device: D,
    plan: FaultPlan,
    random: fastrand::Rng,
    doorbells: u64,
    counts: Arc<FaultCounts>,
    link: Link,
    ailment: Ailment,
    hung: Option<Hung>,
    /// The next doorbell meets the interrupt of this one.
    duplicate: bool,
    stale_abi: bool,
    copy_error: bool,
    /// What is allocated, to be lost with the power.
    blocks: BTreeMap<u64, u64>,
}

impl<D: Device> Faulty<D> {
    /// Wraps a device.
    pub fn new(device: D, plan: FaultPlan) -> Self {
        let random = fastrand::Rng::with_seed(plan.seed);
        Self {
            device,
            plan,
            random,
            doorbells: 0,
            counts: Arc::default(),
            link: Link::Up,
            ailment: Ailment::default(),
            hung: None,
            duplicate: false,
            stale_abi: false,
            copy_error: false,
            blocks: BTreeMap::new(),
        }
    }

    /// What has struck so far; it goes on counting when the device has gone elsewhere.
    pub fn counts(&self) -> Arc<FaultCounts> {
        Arc::clone(&self.counts)
    }

    /// An interrupt that the device did not raise.
    fn alarmed(&mut self) -> bool {
        self.hung.is_some_and(|hung| hung.interrupt) || std::mem::take(&mut self.ailment.spurious)
    }

    const fn dead(&self) -> bool {
        matches!(self.link, Link::Down | Link::Unplugged)
    }

    fn ring(&mut self, tail: u32) -> Result<(), DeviceError> {
        if self.hung.is_some() {
            self.ailment.doorbell = Some((tail, None));
            return Ok(());
        }
        self.doorbells += 1;
        self.ailment = Ailment::default();
        let late = |factor: f64| Some(Instant::now() + self.plan.delay.mul_f64(factor));
        if std::mem::take(&mut self.duplicate) {
            self.ailment.spurious = true;
            self.ailment.doorbell = Some((tail, late(0.1)));
        }
        let Some(kind) = self.plan.next(self.doorbells, &mut self.random) else { return self.deliver(tail) };
        tracing::debug!(%kind, doorbell = self.doorbells, "fault");
        self.counts.add(kind);
        match kind {
            FaultKind::Ones => self.link = Link::Ones(self.random.u32(1..=4)),
            FaultKind::LinkDown => return self.cut(Link::Down),
            FaultKind::Unplug => return self.cut(Link::Unplugged),
            FaultKind::LostInterrupt => {
                (self.ailment.deaf, self.ailment.doorbell) = (true, Some((tail, late(0.1))));
            }
            FaultKind::EarlyInterrupt => {
                (self.ailment.spurious, self.ailment.doorbell) = (true, Some((tail, late(0.1))));
            }
            FaultKind::DuplicateInterrupt => self.duplicate = true,
            FaultKind::StuckBusy => (self.ailment.busy, self.ailment.doorbell) = (true, Some((tail, None))),
            FaultKind::SlowCompletion => {
                let factor = 2.0 * self.random.f64();
                self.ailment.doorbell = Some((tail, Some(Instant::now() + self.plan.delay.mul_f64(factor))));
            }
            FaultKind::CorruptCompletion => self.afterwards(Afterwards::Corrupt)?,
            FaultKind::StaleAbi => {
                self.stale_abi = true;
                return self.device.write(register::RESET.offset, 1);
            }
            FaultKind::CopyError => self.copy_error = true,
            FaultKind::BusError => memory::if_there(memory::lose_program(&mut self.device, tail))?,
            FaultKind::HungReads => return self.hang(tail, true, None),
            FaultKind::HungWrites => return self.hang(tail, false, None),
            FaultKind::LateReads => return self.hang(tail, true, late(1.0)),
            FaultKind::BitFlip => memory::if_there(memory::flip(&mut self.device, tail, &mut self.random))?,
            FaultKind::LateBitFlip => self.afterwards(Afterwards::Flip { tail })?,
            FaultKind::Reset => return self.device.write(register::RESET.offset, 1),
        }
        self.deliver(tail)
    }

    /// Halts the device, because its slot is not read or its completion not acknowledged.
    fn hang(&mut self, tail: u32, reads: bool, due: Option<Instant>) -> Result<(), DeviceError> {
        let (submission, completion) = memory::slots(&mut self.device, tail)?;
        let completions = self.device.read(register::CQ_TAIL.offset)?;
        let address = if reads { submission } else { completion };
        if reads {
            self.ailment.doorbell = Some((tail, None));
        } else {
            self.deliver(tail)?;
        }
        self.hung = Some(Hung { address, due, completions, reset: false, interrupt: true });
        Ok(())
    }

    fn cut(&mut self, link: Link) -> Result<(), DeviceError> {
        self.link = link;
        // The device goes back to what it is without a host.
        self.device.write(register::RESET.offset, 1)
    }

    fn afterwards(&mut self, what: Afterwards) -> Result<(), DeviceError> {
        self.ailment.afterwards = Some((self.device.read(register::CQ_TAIL.offset)?, what));
        Ok(())
    }

    /// Rings, unless the doorbell is held back.
    fn deliver(&mut self, tail: u32) -> Result<(), DeviceError> {
        if self.ailment.doorbell.is_some() {
            return Ok(());
        }
        self.device.write(register::SQ_TAIL.offset, tail)?;
        self.settle()
    }

    /// Does what is due.
    fn settle(&mut self) -> Result<(), DeviceError> {
        if self.hung.is_some_and(|hung| hung.reset && hung.answered()) {
            (self.hung, self.ailment) = (None, Ailment::default());
            self.device.write(register::RESET.offset, 1)?;
        }
        if let Some((tail, Some(due))) = self.ailment.doorbell
            && Instant::now() >= due
        {
            self.ailment.doorbell = None;
            self.device.write(register::SQ_TAIL.offset, tail)?;
        }
        if let Some((before, what)) = self.ailment.afterwards
            && self.device.read(register::CQ_TAIL.offset)? != before
        {
            self.ailment.afterwards = None;
            memory::if_there(match what {
                Afterwards::Corrupt => memory::corrupt(&mut self.device, before, &mut self.random),
                Afterwards::Flip { tail } => memory::flip(&mut self.device, tail, &mut self.random),
            })?;
        }
        Ok(())
    }

    fn copy(&mut self) -> Result<(), DeviceError> {
        self.settle()?;
        if std::mem::take(&mut self.copy_error) {
            let source = std::io::Error::other("the DMA engine reports an error");
            return Err(DeviceError::System { call: "copy", target: "device memory".to_owned(), source });
        }
        Ok(())
    }

    /// Power off and on, for a device that cannot.
    fn power_cycle(&mut self) -> Result<(), DeviceError> {
        self.device.write(register::RESET.offset, 1)?;
        for r in REGISTERS {
            match r.access {
                Access::ReadWrite => self.device.write(r.offset, r.reset.unwrap_or(0))?,
                Access::WriteOneToClear => self.device.write(r.offset, u32::MAX)?,
                Access::ReadOnly | Access::Command => {}
            }
        }
        for (&address, &bytes) in &self.blocks {
            let garbage = vec![GARBAGE; usize::try_from(bytes).unwrap_or(0)];
            self.device.copy_to(address, &garbage)?;
        }
        Ok(())
    }
}

impl<D: Device> Device for Faulty<D> {
    fn read(&mut self, offset: u32) -> Result<u32, DeviceError> {
        self.settle()?;
        match self.link {
            Link::Down | Link::Unplugged => return Ok(u32::MAX),
            Link::Ones(left) => {
                self.link = if left > 1 { Link::Ones(left - 1) } else { Link::Up };
                return Ok(u32::MAX);
            }
            Link::Up => {}
        }
        let value = self.device.read(offset)?;
        let value = self.hung.map_or(value, |hung| hung.read(offset, value));
        Ok(match self.ailment.doorbell {
            Some((tail, _)) if offset == register::SQ_TAIL.offset => tail,
            _ if offset == register::STATUS.offset => value | u32::from(self.ailment.busy),
            _ if offset == register::ABI_HASH_LO.offset && self.stale_abi => !value,
            _ => value,
        })
    }

    fn write(&mut self, offset: u32, value: u32) -> Result<(), DeviceError> {
        if self.dead() {
            return Ok(());
        }
        self.settle()?;
        if offset == register::SQ_TAIL.offset {
            return self.ring(value);
        }
        if offset == register::RESET.offset && value & 1 == 1 {
            if let Some(hung) = &mut self.hung {
                hung.reset = true;
                return self.settle();
            }
            self.ailment = Ailment::default();
        }
        if let Some(hung) = &mut self.hung
            && offset == register::IRQ_STATUS.offset
            && value & 2 != 0
        {
            hung.interrupt = false;
        }
        if offset == register::CONTROL.offset && value & 1 == 0 {
            // What was slow had begun: it finishes while the host gives up.
            if let Some((_, due @ Some(_))) = &mut self.ailment.doorbell {
                *due = Some(Instant::now());
                self.settle()?;
            }
        }
        self.device.write(offset, value)
    }

    fn allocate(&mut self, bytes: u64) -> Result<u64, DeviceError> {
        let address = self.device.allocate(bytes)?;
        self.blocks.insert(address, bytes);
        Ok(address)
    }

    fn release(&mut self, address: u64) -> Result<(), DeviceError> {
        self.device.release(address)?;
        self.blocks.remove(&address);
        Ok(())
    }

    fn copy_to(&mut self, address: u64, bytes: &[u8]) -> Result<(), DeviceError> {
        self.copy()?;
        self.device.copy_to(address, bytes)
    }

    fn copy_from(&mut self, address: u64, bytes: &mut [u8]) -> Result<(), DeviceError> {
        self.copy()?;
        self.device.copy_from(address, bytes)
    }

    fn wait_interrupt(&mut self, timeout: Duration) -> Result<bool, DeviceError> {
        self.settle()?;
        if self.alarmed() {
            return Ok(true);
        }
        let left = match self.ailment.doorbell {
            Some((_, Some(due))) => due.saturating_duration_since(Instant::now()),
            Some((_, None)) => timeout,
            None if self.ailment.deaf || self.dead() => timeout,
            None => return self.device.wait_interrupt(timeout),
        };
        std::thread::sleep(left.min(timeout));
        self.settle()?;
        let silent = self.ailment.doorbell.is_some() || self.ailment.deaf || self.dead();
        if silent { Ok(false) } else { self.device.wait_interrupt(timeout.saturating_sub(left)) }
    }

    fn reset_link(&mut self) -> Result<(), DeviceError> {
        if self.link == Link::Unplugged {
            return Err(DeviceError::LinkDown { register: "MAGIC" });
        }
        (self.link, self.ailment, self.hung) = (Link::Up, Ailment::default(), None);
        (self.duplicate, self.stale_abi, self.copy_error) = (false, false, false);
        match self.device.reset_link() {
            Err(DeviceError::Unsupported { .. }) => self.power_cycle(),
            other => other,
        }
    }
}

/// At the bus of a virtual board an interrupt is a level, and what comes early or twice is a pulse.
impl<D: BusMaster> BusMaster for Faulty<D> {
    fn map(&mut self, address: u64, window: Window) {
        self.device.map(address, window);
    }

    fn unmap(&mut self, address: u64) {
        self.device.unmap(address);
    }

    fn interrupt(&mut self) -> Result<bool, DeviceError> {
        self.settle()?;
        if self.alarmed() {
            return Ok(true);
        }
        let silent = self.ailment.doorbell.is_some() || self.ailment.deaf || self.dead();
        if silent { Ok(false) } else { self.device.interrupt() }
    }

    /// A doorbell that comes late is work as well.
    fn advance(&mut self) -> Result<bool, DeviceError> {
        self.settle()?;
        let late = matches!(self.ailment.doorbell, Some((_, Some(_))));
        Ok(self.device.advance()? || late)
    }

    fn take_refused(&mut self) -> Option<u64> {
        self.device.take_refused()
    }

    fn is_plugged(&self) -> bool {
        self.link != Link::Unplugged
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Simulator;
    use systole_isa::config::N8;

    /// A host that rings before it has set up a ring finds the device where it was.
    #[test]
    fn a_doorbell_without_a_ring_does_not_take_the_device_away() {
        for kind in FaultKind::ALL {
            let mut device = Faulty::new(Simulator::new(&N8), format!("{kind}@1").parse().unwrap());
            device.write(register::SQ_TAIL.offset, 1).unwrap_or_else(|e| panic!("{kind}: {e}"));
            assert_eq!(device.counts().total(), 1, "{kind}");
        }
    }
}
