//! The flight recorder: what it keeps is what happened, and a replay finds what is different.

use std::path::Path;
use std::time::Duration;

use systole_bitgen::verilated::{Options as RtlOptions, RtlDevice};
use systole_driver::recorder::replay::{Finding, Options};
use systole_driver::recorder::{Action, Gap, Limits, Payload, Placement, Recorded, Recorder, Recording, replay};
use systole_driver::{Device, DeviceError};
use systole_isa::config::{N8, N16};
use systole_isa::{HwConfig, register};
use systole_runtime::quantize::QuantizedModel;
use systole_runtime::{RunOptions, Session};
use systole_sim::Simulator;

const BUILT_IN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../host-tools/models/small.systole");
const TEXTS: [&str; 3] = ["one cat", "two dogs and a bird", "Where is the station?"];
const ALL: Limits = Limits { events: 1 << 20, bytes: 1 << 30 };

fn model() -> QuantizedModel {
    QuantizedModel::from_bytes(&std::fs::read(BUILT_IN).unwrap(), Path::new(BUILT_IN)).unwrap()
}

/// Runs the built-in model over some texts, `rounds` times, one submission a text; the session stays open, so that what
/// is recorded ends with its last run.
fn session(device: impl Device + Send + 'static, limits: Limits, rounds: usize) -> (Session, Recorder) {
    let model = model();
    let texts: Vec<_> = TEXTS.iter().map(|t| model.encode(t, None).unwrap()).collect();
    let (device, recorder) = Recorded::new(Box::new(device), "sim:n8", limits);
    let mut session = Session::new(model, Box::new(device)).unwrap();
    let options = RunOptions { batch: 1, ..RunOptions::default() };
    for _ in 0..rounds {
        session.embed(&texts, &options).unwrap();
    }
    (session, recorder)
}

fn recorded(limits: Limits, rounds: usize) -> Recording {
    let (_session, recorder) = session(Simulator::new(&N8), limits, rounds);
    recorder.recording("it was asked for")
}

fn quick() -> Options {
    Options { deadline: Duration::from_millis(50), ..Options::default() }
}

#[test]
fn a_run_of_the_built_in_model_replays_without_difference() {
    let recording = recorded(ALL, 1);
    assert_eq!((recording.lost, recording.gap, recording.config().map(|c| c.name)), (0, None, Some("n8")));
    let outcome = replay(&recording, &mut Simulator::new(&N8), &quick()).unwrap();
    assert_eq!(outcome.difference, None);
    assert_eq!((outcome.events, outcome.completions, outcome.in_flight), (recording.events.len(), 3, 0));
    // Every output, and the identity.
    assert!(outcome.compared > 3 + 3 + 8, "{outcome:?}");
    assert!(Recording::from_bytes(&recording.to_bytes()) == Ok(recording), "the file holds all of it");
}

/// The window begins wherever its length lets it, with rings of 16 slots at any slot and in either phase.
#[test]
fn a_window_that_begins_in_mid_run_replays_too() {
    let whole: u64 = recorded(ALL, 15).events.iter().map(|e| u64::from(e.times)).sum();
    let (mut phases, mut slots) = ([0; 2], std::collections::BTreeSet::new());
    for events in [20, 33, 57, 80, 101, 150, 199, 260, 300] {
        let recording = recorded(Limits { events, ..ALL }, 15);
        assert!(recording.events.len() <= events && recording.events.len() + 40 > events, "{events}");
        let kept: u64 = recording.events.iter().map(|e| u64::from(e.times)).sum();
        assert_eq!((recording.gap, recording.lost + kept), (None, whole));
        let outcome = replay(&recording, &mut Simulator::new(&N8), &quick()).unwrap();
        assert_eq!(outcome.difference, None, "{events} events");
        assert!(outcome.completions > 0);
        phases[(recording.start.completed / 16 % 2) as usize] += 1;
        slots.insert(recording.start.completed % 16);
    }
    assert!(phases.iter().all(|n| *n > 0) && slots.len() > 3, "{phases:?} {slots:?}");
}

/// The index of the last event that a closure changes.
fn change(recording: &mut Recording, mut wanted: impl FnMut(&mut Action) -> bool) -> usize {
    let found = recording.events.iter_mut().rposition(|e| wanted(&mut e.action));
    found.expect("there is such an event")
}

#[test]
fn a_wrong_result_is_found_at_its_event() {
    let recording = recorded(ALL, 1);
    let first = |recording: &Recording| {
        let outcome = replay(recording, &mut Simulator::new(&N8), &quick()).unwrap();
        outcome.difference.expect("there is a difference")
    };

    let mut output = recording.clone();
    let at = change(&mut output, |action| match action {
        Action::CopyFrom { bytes: Payload::Whole(bytes), .. } if bytes.len() > 64 => {
            bytes[70] ^= 4;
            true
        }
        _ => false,
    });
    let found = first(&output);
    assert_eq!(found.event, at);
    assert!(matches!(found.finding, Finding::Memory { offset: 70, recorded, found, .. } if recorded == found ^ 4));

    let mut completion = recording.clone();
    let at = change(&mut completion, |action| match action {
        // The second copy of the entry, which is known to be whole.
        Action::CopyFrom { bytes: Payload::Whole(bytes), .. } if bytes.len() == 32 => {
            bytes[8] = 14;
            true
        }
        _ => false,
    });
    let found = first(&completion);
    assert_eq!(found.event, at);
    assert!(found.to_string().contains("the completion was \"bus error\" of submission 3"), "{found}");

    let mut identity = recording.clone();
    let at = change(&mut identity, |action| match action {
        Action::Read { offset, value } if *offset == register::MAGIC.offset => {
            *value = u32::MAX;
            true
        }
        _ => false,
    });
    let found = first(&identity);
    assert_eq!(found.event, at);
    let text = found.finding.to_string();
    assert_eq!(text, "MAGIC was 0xffffffff, the replay has 0x54535953");
}

/// Times are not results: cycles, build and interrupts of another executor are its own.
#[test]
fn what_depends_on_time_or_build_is_not_compared() {
    let mut recording = recorded(ALL, 1);
    for event in &mut recording.events {
        match &mut event.action {
            Action::Read { offset, value }
                if [register::BUILD_ID.offset, register::IRQ_STATUS.offset].contains(offset) =>
            {
                *value ^= 0x55;
            }
            Action::CopyFrom { bytes: Payload::Whole(bytes), .. } if bytes.len() == 32 => bytes[24] = 99,
            Action::Wait { raised } => *raised = !*raised,
            _ => {}
        }
    }
    assert_eq!(replay(&recording, &mut Simulator::new(&N8), &quick()).unwrap().difference, None);
}

/// A device that takes the first doorbells, and of the later ones only the number.
struct Silent {
    inner: Simulator,
    left: u32,
    tail: u32,
}

impl Device for Silent {
    fn read(&mut self, offset: u32) -> Result<u32, DeviceError> {
        if offset == register::SQ_TAIL.offset { Ok(self.tail) } else { self.inner.read(offset) }
    }
    fn write(&mut self, offset: u32, value: u32) -> Result<(), DeviceError> {
        if offset == register::SQ_TAIL.offset {
            self.tail = value;
            let Some(left) = self.left.checked_sub(1) else { return Ok(()) };
            self.left = left;
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
        self.inner.copy_to(address, bytes)
    }
    fn copy_from(&mut self, address: u64, bytes: &mut [u8]) -> Result<(), DeviceError> {
        self.inner.copy_from(address, bytes)
    }
    fn wait_interrupt(&mut self, timeout: Duration) -> Result<bool, DeviceError> {
        std::thread::sleep(timeout);
        self.inner.wait_interrupt(timeout)
    }
}

#[test]
fn a_completion_that_never_came_is_found_and_polling_takes_little_room() {
    let model = model();
    let texts: Vec<_> = TEXTS.iter().map(|t| model.encode(t, None).unwrap()).collect();
    let device = Silent { inner: Simulator::new(&N8), left: 2, tail: 0 };
    let (device, recorder) = Recorded::new(Box::new(device), "sim:n8", ALL);
    let mut session = Session::new(model, Box::new(device)).unwrap();
    let options = RunOptions { batch: 1, deadline: Duration::from_millis(200), ..RunOptions::default() };
    let error = session.embed(&texts, &options).unwrap_err();
    let recording = recorder.recording(error.to_string());
    let polls = recording.events.iter().map(|e| e.times).max();
    assert!(polls > Some(10), "{polls:?} looks alike are one event");
    let outcome = replay(&recording, &mut Simulator::new(&N8), &quick()).unwrap();
    let difference = outcome.difference.unwrap();
    assert!(matches!(difference.finding, Finding::NeverCompleted { found } if found.id == 3), "{difference}");
    let reset = &recording.events[difference.event].action;
    assert_eq!(*reset, Action::Write { offset: register::RESET.offset, value: 1 });
}

#[test]
fn what_cannot_be_replayed_says_why() {
    let refusal = |recording: &Recording, config: &'static HwConfig, options: &Options| {
        replay(recording, &mut Simulator::new(config), options).unwrap_err().to_string()
    };
    let little = recorded(Limits { bytes: 10_000, ..ALL }, 1);
    assert!(matches!(little.gap, Some(Gap::Memory { limit: 10_000, .. })), "{:?}", little.gap);
    assert!(little.events.len() > 20, "the events are kept without their bytes");
    assert!(little.events.iter().all(|e| !matches!(&e.action, Action::CopyTo { bytes: Payload::Whole(_), .. })));
    let text = refusal(&little, &N8, &quick());
    assert!(text.contains("bytes to device memory, and the recorder keeps 10000; raise its limit"), "{text}");
    assert!(Recording::from_bytes(&little.to_bytes()) == Ok(little));

    let whole = recorded(ALL, 1);
    assert_eq!(
        refusal(&whole, &N16, &quick()),
        "the recorded device has configuration `n8`, this one `n16`; replay on one with `n8`"
    );
    let text = refusal(&whole, &N8, &Options { memory: 100_000, ..quick() });
    assert!(text.contains("and 100000 are allowed; raise the limit"), "{text}");
}

#[test]
fn a_window_without_a_beginning_says_so() {
    let (mut device, recorder) = Recorded::new(Box::new(Simulator::new(&N8)), "sim:n8", Limits { events: 3, ..ALL });
    for (offset, value) in [
        (register::SQ_SIZE.offset, 16),
        (register::SQ_TAIL.offset, 1),
        (register::WATCHDOG.offset, 1),
        (register::WATCHDOG.offset, 2),
        (register::WATCHDOG.offset, 3),
        (register::WATCHDOG.offset, 4),
    ] {
        device.write(offset, value).unwrap();
    }
    assert_eq!(recorder.recording("").gap, Some(Gap::Beginning { events: 3 }));
    device.write(register::RESET.offset, 1).unwrap();
    device.write(register::RESET.offset, 1).unwrap();
    for value in 0..2 {
        device.write(register::WATCHDOG.offset, value).unwrap();
    }
    assert_eq!(recorder.recording("").gap, None, "the first reset took it out of flight, the second begins anew");
}

/// Whatever a file says, it ends in an error or an outcome.
#[test]
fn damaged_and_hostile_files_are_refused_or_replayed() {
    let whole = recorded(Limits { events: 60, ..ALL }, 3).to_bytes();
    for length in (0..whole.len()).step_by(997).chain(whole.len() - 40..whole.len()) {
        assert!(Recording::from_bytes(&whole[..length]).is_err(), "{length}");
    }
    let seal = |body: &[u8]| {
        let sum = body.iter().fold(0xcbf2_9ce4_8422_2325u64, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x100_0000_01b3));
        [body, &sum.to_le_bytes()].concat()
    };
    let (mut refused, mut replayed) = (0, 0);
    // Where the structure is: the header and the events behind the image.
    let events = whole.len().saturating_sub(20_000);
    for at in (8..400).chain((events..whole.len() - 8).step_by(37)) {
        let mut body = whole[..whole.len() - 8].to_vec();
        body[at] ^= 1 << (at % 8);
        assert!(Recording::from_bytes(&[&body[..], &whole[whole.len() - 8..]].concat()).is_err(), "{at}");
        match Recording::from_bytes(&seal(&body)) {
            Err(_) => refused += 1,
            Ok(recording) => {
                let options = Options { deadline: Duration::from_millis(1), memory: 64 << 20 };
                match replay(&recording, &mut Simulator::new(&N8), &options) {
                    Ok(_) => replayed += 1,
                    Err(_) => refused += 1,
                }
            }
        }
    }
    assert!(refused > 0 && replayed > 0, "{refused} {replayed}");
}

#[test]
fn memory_can_be_placed_where_none_is() {
    let mut device = Simulator::new(&N8);
    let taken = device.allocate(1000).unwrap();
    for (address, bytes) in [(taken, 64), (taken + 960, 64), (taken - 64, 65), (u64::MAX - 63, 64)] {
        assert!(matches!(device.allocate_at(address, bytes), Err(DeviceError::MemoryRange { .. })), "{address:#x}");
    }
    device.allocate_at(0x1000, 128).unwrap();
    device.allocate_at(taken - 64, 64).unwrap();
    device.allocate_at(taken + (1 << 20), 64).unwrap();
    let next = device.allocate(64).unwrap();
    assert!(next > taken + (1 << 20), "what is allocated later is apart from it");
    device.copy_to(0x1000, &[7; 128]).unwrap();
    device.release(0x1000).unwrap();
}

#[test]
#[ignore = "needs Verilator 5"]
fn the_simulators_recording_replays_on_the_rtl() {
    // A window in mid-run, so that the RTL's rings are turned too.
    let recording = recorded(Limits { events: 60, ..ALL }, 12);
    assert!(recording.start.completed > 16);
    let mut rtl = RtlDevice::open(&N8, &RtlOptions::default()).unwrap_or_else(|e| panic!("{e}"));
    let outcome = replay(&recording, &mut rtl, &Options::default()).unwrap();
    assert_eq!(outcome.difference, None);
    assert!(outcome.completions > 0 && outcome.compared > 0, "{outcome:?}");
}
