//! An executor of this process, which runs the built-in model for as long as it is watched.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{anyhow, bail};
use systole_driver::{Device, DeviceError};
use systole_isa::{HwConfig, register};
use systole_runtime::{RunOptions, Session};

use super::{Sample, Source};
use crate::device::Opened;
use crate::model::ModelArgs;
use crate::verilated_args::VerilatedArgs;

/// What is embedded again and again.
const TEXTS: [&str; 2] = ["A kitten is sleeping on the warm sofa.", "The central bank raised interest rates."];
/// Longest wait for the first completion; the RTL takes some seconds for one.
const FIRST: Duration = Duration::from_secs(120);

/// The last sample, taken whenever the driver has taken a completion.
type Shared = Arc<Mutex<Option<Sample>>>;

/// A device that is sampled by the thread that drives it, since no other may.
struct Sampled {
    device: Box<dyn Device + Send>,
    config: &'static HwConfig,
    last: Shared,
    completions: u64,
}

impl Device for Sampled {
    fn read(&mut self, offset: u32) -> Result<u32, DeviceError> {
        self.device.read(offset)
    }
    fn write(&mut self, offset: u32, value: u32) -> Result<(), DeviceError> {
        self.device.write(offset, value)?;
        if offset == register::CQ_HEAD.offset {
            self.completions += 1;
            let sample = Sample::take(&mut *self.device, self.config, self.completions)?;
            *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(sample);
        }
        Ok(())
    }
    fn allocate(&mut self, bytes: u64) -> Result<u64, DeviceError> {
        self.device.allocate(bytes)
    }
    fn release(&mut self, address: u64) -> Result<(), DeviceError> {
        self.device.release(address)
    }
    fn copy_to(&mut self, address: u64, bytes: &[u8]) -> Result<(), DeviceError> {
        self.device.copy_to(address, bytes)
    }
    fn copy_from(&mut self, address: u64, bytes: &mut [u8]) -> Result<(), DeviceError> {
        self.device.copy_from(address, bytes)
    }
    fn wait_interrupt(&mut self, timeout: Duration) -> Result<bool, DeviceError> {
        self.device.wait_interrupt(timeout)
    }
    fn reset_link(&mut self) -> Result<(), DeviceError> {
        self.device.reset_link()
    }
}

/// The demonstration.
pub struct Demo {
    last: Shared,
    stop: Arc<AtomicBool>,
    worker: Option<JoinHandle<Result<(), systole_runtime::Error>>>,
    what: String,
}

impl Demo {
    /// Starts it.
    pub fn start(opened: Opened) -> anyhow::Result<Self> {
        let Opened { device, spec, config, .. } = opened;
        let model = ModelArgs::default().load()?.model;
        let texts: Vec<_> = TEXTS.iter().map(|text| model.encode(text, None)).collect::<Result<_, _>>()?;
        let (last, stop) = (Shared::default(), Arc::new(AtomicBool::new(false)));
        let sampled = Sampled { device, config, last: Arc::clone(&last), completions: 0 };
        let mut session = Session::new(model, Box::new(sampled))?;
        let options = RunOptions { batch: 1, ..spec.patience(&VerilatedArgs::default(), None) };
        let stopped = Arc::clone(&stop);
        let worker = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                session.embed(&texts, &options)?;
            }
            Ok(())
        });
        Ok(Self {
            last,
            stop,
            worker: Some(worker),
            what: format!("{spec}, running the built-in model in this process"),
        })
    }

    /// Ends the thread; the error is what ended it before.
    fn finish(&mut self) -> anyhow::Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        match self.worker.take().map(JoinHandle::join) {
            Some(Ok(ended)) => Ok(ended?),
            Some(Err(_)) => bail!("the demonstration panicked; please report this"),
            None => Ok(()),
        }
    }
}

impl Source for Demo {
    fn sample(&mut self, during: Duration) -> anyhow::Result<Sample> {
        let started = Instant::now();
        loop {
            let ended = self.worker.as_ref().is_none_or(JoinHandle::is_finished);
            let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if ended {
                self.finish()?;
            }
            let waited = started.elapsed();
            match last {
                Some(sample) if waited >= during || ended => return Ok(sample),
                None if waited >= FIRST || ended => {
                    return Err(anyhow!("nothing completed within {waited:?}; try `systole validate`"));
                }
                _ => std::thread::sleep(
                    during.saturating_sub(waited).clamp(Duration::from_millis(1), Duration::from_millis(20)),
                ),
            }
        }
    }

    fn describe(&self) -> String {
        self.what.clone()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // What ended it early was reported by the sample that missed it.
        let _ = self.finish();
    }
}
