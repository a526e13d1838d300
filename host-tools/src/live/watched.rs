//! A board that another process runs.

use std::time::{Duration, Instant};

use systole_driver::RegisterAccess;
use systole_driver::transport::{Kernel, Location, Watched};
use systole_isa::{HwConfig, register};

use super::{Sample, Source, distance};
use crate::identity::Identity;

/// Between two looks at CQ_TAIL. A ring has 16 slots, so more than 8000 completions a second would be counted short.
const LOOK: Duration = Duration::from_millis(2);

/// A watched board.
pub struct Board {
    device: Watched,
    config: &'static HwConfig,
    location: String,
    tail: u32,
    completions: u64,
}

impl Board {
    /// Begins to watch.
    pub fn open(kernel: &Kernel, location: &Location) -> anyhow::Result<Self> {
        let mut device = Watched::open(kernel, location)?;
        let config = Identity::read(&mut device)?.usable()?;
        let tail = device.get(register::CQ_TAIL)?;
        Ok(Self { device, config, location: location.to_string(), tail, completions: 0 })
    }

    fn look(&mut self) -> anyhow::Result<()> {
        let (slots, tail) = (self.device.get(register::CQ_SIZE)?, self.device.get(register::CQ_TAIL)?);
        self.completions += u64::from(distance(self.tail, tail, slots));
        self.tail = tail;
        Ok(())
    }
}

impl Source for Board {
    fn sample(&mut self, during: Duration) -> anyhow::Result<Sample> {
        let started = Instant::now();
        loop {
            self.look()?;
            let left = during.saturating_sub(started.elapsed());
            if left.is_zero() {
                return Ok(Sample::take(&mut self.device, self.config, self.completions)?);
            }
            std::thread::sleep(left.min(LOOK));
        }
    }

    fn describe(&self) -> String {
        format!("{} ({}), watched", self.location, self.config.name)
    }
}
