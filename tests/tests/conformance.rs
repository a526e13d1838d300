//! The conformance suite on every executor of this repository, and the suite's own ability to fail.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use systole_conformance::hangs::{self, HangTarget};
use systole_conformance::{CASES, Target, suite};
use systole_driver::{Device, DeviceError};
use systole_isa::HwConfig;
use systole_isa::config::{N8, N16, N32};
use systole_isa::register;
use systole_sim::{Interleaving, Queues, Simulator};

fn simulator(config: &'static HwConfig) {
    suite(&Target::new(&|| Box::new(Simulator::new(config))));
}

#[test]
fn simulator_n8() {
    simulator(&N8);
}

#[test]
fn simulator_n16() {
    simulator(&N16);
}

#[test]
fn simulator_n32() {
    simulator(&N32);
}

#[test]
fn simulator_in_random_order() {
    let order = Interleaving::Random { seed: 11 };
    suite(&Target::new(&|| Box::new(Simulator::new(&N16).with_interleaving(order))));
}

/// A simulator with one thing wrong.
struct Flawed {
    simulator: Simulator,
    flaw: Flaw,
}

#[derive(Clone, Copy, Debug)]
enum Flaw {
    /// Another address in FAULT_ADDRESS_LO.
    FaultAddress,
    /// IRQ_STATUS cannot be cleared.
    StuckInterrupt,
    /// The last byte of every copy of a page to the host is flipped.
    WrongByte,
    /// The phase never flips.
    StuckPhase,
    /// WATCHDOG forgets.
    Forgetful,
}

impl Device for Flawed {
    fn read(&mut self, offset: u32) -> Result<u32, DeviceError> {
        let value = self.simulator.read(offset)?;
        let wrong = matches!(self.flaw, Flaw::FaultAddress) && offset == register::FAULT_ADDRESS_LO.offset;
        Ok(if wrong { value + 32 } else { value })
    }
    fn write(&mut self, offset: u32, value: u32) -> Result<(), DeviceError> {
        let dropped = match self.flaw {
            Flaw::StuckInterrupt => offset == register::IRQ_STATUS.offset,
            Flaw::Forgetful => offset == register::WATCHDOG.offset,
            _ => false,
        };
        if dropped { Ok(()) } else { self.simulator.write(offset, value) }
    }
    fn allocate(&mut self, bytes: u64) -> Result<u64, DeviceError> {
        self.simulator.allocate(bytes)
    }
    fn release(&mut self, address: u64) -> Result<(), DeviceError> {
        self.simulator.release(address)
    }
    fn copy_to(&mut self, address: u64, bytes: &[u8]) -> Result<(), DeviceError> {
        self.simulator.copy_to(address, bytes)
    }
    fn copy_from(&mut self, address: u64, bytes: &mut [u8]) -> Result<(), DeviceError> {
        self.simulator.copy_from(address, bytes)?;
        match self.flaw {
            Flaw::WrongByte if bytes.len() >= 4096 => bytes[4095] ^= 1,
            Flaw::StuckPhase if bytes.len() == 32 => bytes[10] |= 1,
            _ => {}
        }
        Ok(())
    }
    fn wait_interrupt(&mut self, timeout: Duration) -> Result<bool, DeviceError> {
        self.simulator.wait_interrupt(timeout)
    }
}

/// Names of the cases that fail on a flawed simulator.
fn failures(flaw: Flaw) -> String {
    let open = || -> Box<dyn Device + Send> { Box::new(Flawed { simulator: Simulator::new(&N8), flaw }) };
    let target = Target::new(&open).with_patience(Duration::from_millis(200));
    let panic = catch_unwind(AssertUnwindSafe(|| suite(&target))).expect_err("a flaw is noticed");
    panic.downcast_ref::<String>().expect("a message").clone()
}

#[test]
fn every_flaw_is_noticed_by_the_case_that_looks_for_it() {
    for (flaw, case) in [
        (Flaw::FaultAddress, "regions_bound_every_access"),
        (Flaw::StuckInterrupt, "completion_interrupts_are_asked_for_and_enabled"),
        (Flaw::WrongByte, "nothing_outside_the_stored_bytes_changes"),
        (Flaw::StuckPhase, "rings_wrap_and_the_phase_flips"),
        (Flaw::Forgetful, "read_write_registers_keep_what_is_written"),
    ] {
        let failed = failures(flaw);
        assert!(failed.contains(case), "{flaw:?}: {failed}");
        assert!(!failed.contains("identity_describes_a_named_configuration"), "{flaw:?}: {failed}");
    }
}

#[test]
fn what_may_hang_a_board_is_left_out_on_request() {
    // This one answers nothing that is not its memory, by panicking.
    struct Fragile(Simulator);
    impl Device for Fragile {
        fn read(&mut self, offset: u32) -> Result<u32, DeviceError> {
            let value = self.0.read(offset)?;
            let bus = offset == register::FAULT.offset && value & 0xff == systole_isa::Cause::Bus as u32;
            assert!(!bus, "the bus hangs");
            Ok(value)
        }
        fn write(&mut self, offset: u32, value: u32) -> Result<(), DeviceError> {
            self.0.write(offset, value)
        }
        fn allocate(&mut self, bytes: u64) -> Result<u64, DeviceError> {
            self.0.allocate(bytes)
        }
        fn release(&mut self, address: u64) -> Result<(), DeviceError> {
            self.0.release(address)
        }
        fn copy_to(&mut self, address: u64, bytes: &[u8]) -> Result<(), DeviceError> {
            self.0.copy_to(address, bytes)
        }
        fn copy_from(&mut self, address: u64, bytes: &mut [u8]) -> Result<(), DeviceError> {
            self.0.copy_from(address, bytes)
        }
        fn wait_interrupt(&mut self, timeout: Duration) -> Result<bool, DeviceError> {
            self.0.wait_interrupt(timeout)
        }
    }
    let open = || -> Box<dyn Device + Send> { Box::new(Fragile(Simulator::new(&N8).with_queues(Queues::Hardware))) };
    suite(&Target::new(&open).without_bus_errors());
    assert!(catch_unwind(AssertUnwindSafe(|| suite(&Target::new(&open)))).is_err());
    assert_eq!(CASES.iter().map(|c| c.name).collect::<std::collections::BTreeSet<_>>().len(), CASES.len());
}

fn simulator_hangs(config: &'static HwConfig) {
    let open = |hang| -> Box<dyn Device + Send> { Box::new(Simulator::new(config).with_bus_hang(hang)) };
    hangs::suite(&HangTarget::new(&open, Duration::from_secs(10)));
}

#[test]
fn a_simulator_whose_bus_hangs_keeps_the_contract() {
    simulator_hangs(&N8);
    simulator_hangs(&N32);
}
