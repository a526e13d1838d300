//! A bus that stops answering: the engine notices within BUS_TIMEOUT, says so, and takes nothing that comes late for the
//! answer to something else.
//!
//! Only for executors whose bus can be made to hang, so these cases are no part of [`crate::CASES`].

use std::time::Duration;

use systole_driver::bus::{BusChannel, BusHang};
use systole_driver::{Device, RegisterAccess};
use systole_isa::ring::Submission;
use systole_isa::{Cause, register};

use crate::host::{Code, Host, INPUT, OUTPUT, encoded, end};
use crate::regions::{load, store};

/// STATUS: a fault is latched.
const FAULT: u32 = 2;
/// STATUS: the bus hung and owes answers.
const HUNG: u32 = 8;
/// Cycles that the engine waits, more than any memory here takes.
const TIMEOUT: u32 = 600;
/// Cycles after which a run is stopped, more than a whole one takes.
const WATCHDOG: u32 = 4000;
/// When late answers come: long after the engine has given up.
const LATE: u64 = 10_000;

/// An executor whose bus can be made to hang.
pub struct HangTarget<'a> {
    open: &'a dyn Fn(BusHang) -> Box<dyn Device + Send>,
    patience: Duration,
}

/// What the engine waits for when the bus hangs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    Slot,
    Regions,
    /// What is in flight when the watchdog stops the program.
    Stop,
    Completion,
}

impl Wait {
    const ALL: [Self; 4] = [Self::Slot, Self::Regions, Self::Stop, Self::Completion];

    /// Every way to make the bus hang there, in the first submission of a device.
    fn hangs(self) -> Vec<(BusChannel, u32)> {
        use BusChannel::{Ar, Aw, B, R, W};
        match self {
            Self::Slot => vec![(Ar, 0), (R, 0)],
            Self::Regions => vec![(Ar, 1), (R, 1)],
            // The fetch, a load, a store.
            Self::Stop => vec![(Ar, 2), (R, 2), (Ar, 4), (R, 4), (Aw, 0), (W, 0), (B, 0)],
            Self::Completion => vec![(Aw, 0), (W, 0), (B, 0)],
        }
    }

    /// A program that gets as far: one that stores would wait for its own writes.
    fn code(self, n: u32) -> Vec<Code> {
        if self == Self::Completion { vec![end()] } else { copy(n) }
    }
}

/// Moves what is in the input to the output.
fn copy(n: u32) -> Vec<Code> {
    vec![encoded(load(0, 16, 64, n), 0, 1), encoded(store(0, 16, 64, n), 1, 0), end()]
}

impl<'a> HangTarget<'a> {
    /// An executor, by how it is opened with a bus that will hang.
    pub fn new(open: &'a dyn Fn(BusHang) -> Box<dyn Device + Send>, patience: Duration) -> Self {
        Self { open, patience }
    }

    /// A host whose first submission has met a bus that hangs.
    fn hung(&self, wait: Wait, hang: BusHang) -> Host {
        let mut host = Host::new((self.open)(hang), 4, self.patience);
        host.write(register::IRQ_ENABLE, 2);
        host.write(register::BUS_TIMEOUT, TIMEOUT);
        let code = wait.code(host.config.n);
        let submission = host.submission(9, &code);
        host.submit(&Submission { watchdog: WATCHDOG, ..submission });
        host.until("the engine gives up", |h| h.read(register::STATUS) & FAULT != 0);
        let address = match wait {
            Wait::Slot => Some(host.sq),
            Wait::Regions => Some(submission.regions),
            Wait::Stop => None,
            Wait::Completion => Some(host.cq),
        };
        let latched = host.device.get_pair(register::FAULT_ADDRESS_LO, register::FAULT_ADDRESS_HI).expect("reads");
        assert_eq!(host.read(register::FAULT), Cause::BusHung as u32, "{wait:?}, {hang:?}: cause and unit");
        assert!(address.is_none_or(|a| a == latched), "{wait:?}, {hang:?}: {latched:#x} instead of {address:x?}");
        assert_eq!(host.read(register::IRQ_STATUS), 2, "{wait:?}, {hang:?}: a fault and no completion");
        assert!(host.device.wait_interrupt(Duration::ZERO).expect("waits"), "{wait:?}, {hang:?}: the line is raised");
        let taken = u32::from(wait != Wait::Slot);
        let indices = (host.read(register::SQ_HEAD), host.read(register::CQ_TAIL));
        assert_eq!(indices, (taken, 0), "{wait:?}, {hang:?}: the submission is taken and not completed");
        host
    }
}

/// The right bytes come out, several times.
fn works(host: &mut Host, what: &str) {
    let Host { regions, .. } = *host;
    for turn in 1..=3 {
        let bytes: Vec<u8> = (0..1024).map(|i: u32| (i * turn + turn) as u8).collect();
        host.copy_to(regions[usize::from(INPUT)].base, &bytes);
        let code = copy(host.config.n);
        host.succeed(&code);
        assert_eq!(host.bytes(OUTPUT)[..1024], bytes, "{what}: run {turn}");
    }
    host.settle();
    assert_eq!(host.read(register::STATUS), 0, "{what}");
}

/// Every wait of the engine outside a run is bounded; a reset waits for the bus, and one of the link helps.
fn a_dead_bus_halts_the_engine_until_the_link_is_reset(target: &HangTarget<'_>) {
    for wait in Wait::ALL {
        for (channel, after) in wait.hangs() {
            let what = format!("{wait:?}, {channel:?}");
            let mut host = target.hung(wait, BusHang { channel, after, late: None });
            assert_eq!(host.read(register::STATUS), FAULT | HUNG, "{what}");
            host.write(register::CONTROL, 0);
            host.write(register::RESET, 1);
            for _ in 0..1000 {
                assert_eq!(host.read(register::STATUS), FAULT | HUNG, "{what}: a reset must not forget what is owed");
            }
            assert_eq!(host.read(register::FAULT), Cause::BusHung as u32, "{what}");
            host.device.reset_link().expect("the link is reset");
            assert_eq!(host.read(register::STATUS), 0, "{what}");
            host.set_up();
            works(&mut host, &what);
        }
    }
}

/// What comes after the engine has given up is nobody's, with and without a reset meanwhile.
fn late_answers_are_thrown_away(target: &HangTarget<'_>) {
    for wait in Wait::ALL {
        for (channel, after) in wait.hangs() {
            for early in [false, true] {
                let what = format!("{wait:?}, {channel:?}, reset before the answer: {early}");
                let mut host = target.hung(wait, BusHang { channel, after, late: Some(LATE) });
                assert_eq!(host.read(register::STATUS), FAULT | HUNG, "{what}");
                if early {
                    host.write(register::RESET, 1);
                    assert_eq!(host.read(register::STATUS), FAULT | HUNG, "{what}: too early");
                } else {
                    host.until("the answers have come", |h| h.read(register::STATUS) & HUNG == 0);
                    assert_eq!(host.read(register::STATUS), FAULT, "{what}: halted until a reset");
                    assert_eq!(host.read(register::CQ_TAIL), 0, "{what}: a late answer completes nothing");
                }
                host.reset();
                assert_eq!(host.read(register::FAULT), 0, "{what}");
                works(&mut host, &what);
            }
        }
    }
}

/// A run that waits for a dead bus is the watchdog's, or a reset's, and then bounded like every wait.
fn a_reset_ends_a_run_on_a_dead_bus(target: &HangTarget<'_>) {
    let mut host =
        Host::new((target.open)(BusHang { channel: BusChannel::R, after: 2, late: None }), 4, target.patience);
    host.write(register::BUS_TIMEOUT, TIMEOUT);
    let code = copy(host.config.n);
    let submission = host.submission(9, &code);
    host.submit(&submission);
    host.until("the submission is taken", |h| h.read(register::SQ_HEAD) == 1);
    host.write(register::RESET, 1);
    host.until("the engine gives up", |h| h.read(register::STATUS) == FAULT | HUNG);
    assert_eq!(host.read(register::FAULT), Cause::BusHung as u32);
}

/// A case: what holds if it passes, and the case itself.
type Case = (&'static str, fn(&HangTarget<'_>));

/// Every case.
pub const CASES: &[Case] = &[
    ("a_dead_bus_halts_the_engine_until_the_link_is_reset", a_dead_bus_halts_the_engine_until_the_link_is_reset),
    ("late_answers_are_thrown_away", late_answers_are_thrown_away),
    ("a_reset_ends_a_run_on_a_dead_bus", a_reset_ends_a_run_on_a_dead_bus),
];

/// Runs every case.
///
/// # Panics
/// If one fails.
pub fn suite(target: &HangTarget<'_>) {
    for (name, run) in CASES {
        println!("{name}");
        run(target);
    }
}
