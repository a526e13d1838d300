//! The items must find what they were made for, so here are devices with a flaw.

use std::time::Duration;

use systole_driver::{Device, DeviceError};
use systole_isa::config::N8;
use systole_isa::register;
use systole_sim::Simulator;

use super::{Item, Trial, contract, measurements};

/// A simulator with one thing wrong.
struct Flawed {
    inner: Simulator,
    flaw: Flaw,
}

#[derive(Clone, Copy, PartialEq)]
enum Flaw {
    None,
    /// A data line to memory is stuck at zero.
    StuckBit,
    /// Two address lines of memory are one.
    Aliased,
    /// A bit of WATCHDOG is not kept.
    ScratchBit,
    /// The interrupt never comes.
    NoInterrupt,
    /// Results of the device are off by one in one place.
    WrongResult,
    /// Completions never come.
    Silent,
}

impl Device for Flawed {
    fn read(&mut self, offset: u32) -> Result<u32, DeviceError> {
        let value = self.inner.read(offset)?;
        let scratch = self.flaw == Flaw::ScratchBit && offset == register::WATCHDOG.offset;
        Ok(if scratch { value & !0x0000_0400 } else { value })
    }
    fn write(&mut self, offset: u32, value: u32) -> Result<(), DeviceError> {
        if self.flaw == Flaw::Silent && offset == register::SQ_TAIL.offset {
            return Ok(());
        }
        self.inner.write(offset, value)
    }
    fn allocate(&mut self, bytes: u64) -> Result<u64, DeviceError> {
        self.inner.allocate(bytes)
    }
    fn release(&mut self, address: u64) -> Result<(), DeviceError> {
        self.inner.release(address)
    }
    fn copy_to(&mut self, address: u64, bytes: &[u8]) -> Result<(), DeviceError> {
        let mut bytes = bytes.to_vec();
        if self.flaw == Flaw::StuckBit && bytes.len() > 4096 {
            bytes.iter_mut().skip(3).step_by(8).for_each(|byte| *byte &= !0x10);
        }
        if self.flaw == Flaw::Aliased && bytes.len() > 8192 {
            bytes.copy_within(4096..8192, 0);
        }
        self.inner.copy_to(address, &bytes)
    }
    fn copy_from(&mut self, address: u64, bytes: &mut [u8]) -> Result<(), DeviceError> {
        self.inner.copy_from(address, bytes)?;
        // The tile of the self-test.
        if self.flaw == Flaw::WrongResult && bytes.len() == 8 * 32 {
            bytes[33] ^= 1;
        }
        Ok(())
    }
    fn wait_interrupt(&mut self, timeout: Duration) -> Result<bool, DeviceError> {
        Ok(self.flaw != Flaw::NoInterrupt && self.inner.wait_interrupt(timeout)?)
    }
}

fn items(flaw: Flaw) -> Vec<Item> {
    let open =
        || -> anyhow::Result<Box<dyn Device + Send>> { Ok(Box::new(Flawed { inner: Simulator::new(&N8), flaw })) };
    let patience = Duration::from_millis(100);
    let trial = Trial { open: &open, config: &N8, bus_errors: true, patience, bytes: 1 << 16, runs: 20 };
    let mut items: Vec<Item> = measurements(&trial).collect();
    if flaw == Flaw::None {
        contract(&trial, |item| {
            items.push(item);
            Ok(())
        })
        .unwrap();
    }
    items
}

fn failed(flaw: Flaw) -> Vec<String> {
    items(flaw).into_iter().filter(|i| !i.passed).map(|i| format!("{}: {}", i.item, i.detail)).collect()
}

#[test]
fn a_device_without_flaw_passes_and_is_measured() {
    let items = items(Flaw::None);
    let failed: Vec<&Item> = items.iter().filter(|i| !i.passed).collect();
    assert!(failed.is_empty(), "{failed:?}");
    assert_eq!(items.len(), 7 + systole_conformance::CASES.len());
    let latency = items.iter().find(|i| i.item.starts_with("latency")).unwrap();
    assert!(latency.figures["median_us"].as_f64() <= latency.figures["p99_us"].as_f64(), "{latency:?}");
    assert!(items[2].figures["to_device_mb_s"].as_f64() > Some(0.0));
}

#[test]
fn every_flaw_is_found_by_its_item() {
    let one = |flaw| {
        let mut failed = failed(flaw);
        assert_eq!(failed.len(), 1, "{failed:?}");
        failed.remove(0)
    };
    assert_eq!(
        one(Flaw::ScratchBit),
        "link: identity and scratch register: WATCHDOG reads 0x55555155 instead of 0x55555555 in access 3; check the link"
    );
    assert_eq!(one(Flaw::WrongResult).split_once(": 1 bytes").unwrap().0, "GEMM: one tile",);
    assert!(one(Flaw::NoInterrupt).starts_with("interrupt: IRQ_STATUS reads 0x00000001"));
    let stuck = failed(Flaw::StuckBit);
    assert!(
        stuck[0].starts_with("memory: walking ones and addresses: ") && stuck[0].contains("bytes of memory are wrong")
    );
    let aliased = failed(Flaw::Aliased);
    assert!(aliased[0].starts_with("memory: walking ones and addresses: "), "{aliased:?}");
    let silent = failed(Flaw::Silent);
    assert!(silent.iter().any(|f| f.starts_with("latency: empty program: SQ_TAIL reads 0x0")), "{silent:?}");
}
