//! A session on a board that misbehaves: each fault, what it takes to get over it, and that the bytes are right.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use systole_driver::{Device, DeviceError, EngineError, Pace, RecoveryPolicy};
use systole_isa::config::N8;
use systole_isa::ring::Submission;
use systole_runtime::checkpoint::Encoding;
use systole_runtime::compile::compile;
use systole_runtime::quantize::QuantizedModel;
use systole_runtime::{Error, Events, Integrity, Resilience, RunOptions, Session};
use systole_sim::Simulator;
use systole_sim::faults::Faulty;
use systole_tests::random::{Random, encoding};

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../host-tools/models/small.systole");
const RESILIENCE: Resilience = Resilience {
    resubmissions: 3,
    recovery: Some(RecoveryPolicy {
        tries: 2,
        grace: Duration::from_millis(50),
        self_test: Some(Duration::from_secs(1)),
        link: true,
    }),
    integrity: Integrity::ReadBack,
};

fn model() -> QuantizedModel {
    static OPENED: LazyLock<QuantizedModel> =
        LazyLock::new(|| QuantizedModel::from_bytes(&std::fs::read(MODEL).unwrap(), Path::new(MODEL)).unwrap());
    OPENED.clone()
}

fn request() -> Vec<Encoding> {
    vec![encoding(&mut Random(5), 1000, 4)]
}

fn options() -> RunOptions {
    RunOptions { deadline: Duration::from_millis(40), ..RunOptions::default() }
}

fn right() -> &'static [Vec<i16>] {
    static STATES: LazyLock<Vec<Vec<i16>>> = LazyLock::new(|| {
        let mut session = Session::new(model(), Box::new(Simulator::new(&N8))).unwrap();
        session.hidden_integers(&request(), &RunOptions::default()).unwrap()
    });
    &STATES
}

fn session(plan: &str, resilience: Resilience) -> Session {
    let device = Faulty::new(Simulator::new(&N8), plan.parse().unwrap());
    Session::new(model(), Box::new(device)).unwrap().with_resilience(resilience)
}

/// Two requests, which must end in the right bytes, and what they took.
fn survives(plan: &str, resilience: Resilience) -> Events {
    let mut session = session(plan, resilience);
    for _ in 0..2 {
        let states = session.hidden_integers(&request(), &options()).unwrap_or_else(|e| panic!("{plan}: {e}"));
        assert!(states == right(), "{plan}: wrong bytes");
    }
    session.events()
}

#[test]
fn each_fault_takes_its_rung() {
    // Fault; submissions again, aborts, soft resets, resets of the link.
    for (plan, expected) in [
        ("reset@99", [0, 0, 0, 0]),
        ("lost-interrupt@1", [0, 0, 0, 0]),
        ("early-interrupt@1", [0, 0, 0, 0]),
        ("duplicate-interrupt@1", [0, 0, 0, 0]),
        ("slow-completion@1,delay=5", [0, 0, 0, 0]),
        ("slow-completion@1,delay=100000", [0, 1, 0, 0]),
        ("copy-error@1", [0, 1, 0, 0]),
        ("stuck-busy@1", [1, 0, 1, 0]),
        ("bus-error@1", [1, 0, 1, 0]),
        ("reset@1", [1, 0, 1, 0]),
        ("hung-reads@1", [1, 0, 0, 1]),
        ("hung-writes@1", [1, 0, 0, 1]),
        ("late-reads@1,delay=5", [1, 0, 1, 0]),
        ("late-reads@1,delay=60000", [1, 0, 0, 1]),
        ("link-down@1", [1, 0, 0, 1]),
        ("stale-abi@1", [1, 0, 0, 1]),
        // The second doorbell is the self-test's.
        ("stuck-busy@1,reset@2", [1, 0, 1, 0]),
        ("stuck-busy@1,link-down@2", [1, 0, 0, 1]),
        ("reset@1,reset@3,reset@5", [3, 0, 3, 0]),
    ] {
        let Events { resubmissions, recoveries, .. } = survives(plan, RESILIENCE);
        let found = [resubmissions, recoveries.aborts, recoveries.soft_resets, recoveries.link_resets];
        assert_eq!(found, expected, "{plan}");
    }
}

#[test]
fn faults_of_chance_are_survived() {
    for kind in ["ones", "corrupt-completion", "bit-flip"] {
        let events: Vec<Events> = (0..25).map(|seed| survives(&format!("{kind}@1,seed={seed}"), RESILIENCE)).collect();
        assert!(events.iter().any(|e| *e != Events::default()), "{kind} does something");
        assert!(events.iter().all(|e| e.resubmissions <= 2), "{kind}: {events:?}");
    }
}

/// A flip in the output, when it is written and not read: only a second run tells.
#[test]
fn late_flips_need_two_runs() {
    let plans: Vec<String> = (0..25).map(|seed| format!("late-bit-flip@1,seed={seed}")).collect();
    let twice = Resilience { integrity: Integrity::Twice, ..RESILIENCE };
    assert!(plans.iter().any(|plan| survives(plan, twice).corruptions > 0));
    let believed = |plan: &String| {
        session(plan, RESILIENCE).hidden_integers(&request(), &options()).is_ok_and(|states| states != right())
    };
    assert!(plans.iter().any(believed), "reading back the host's bytes does not find all, as its documentation says");
}

#[test]
fn requests_end_in_typed_errors_when_nothing_helps() {
    let fails = |plan: &str, resilience| session(plan, resilience).hidden_integers(&request(), &options()).unwrap_err();
    let gone = fails("unplug@1", RESILIENCE);
    assert!(matches!(gone, Error::Unrecovered { .. }) && gone.is_of_device());
    assert!(gone.to_string().starts_with("the device failed: the device does not answer: "), "{gone}");
    let stubborn = fails("rate=1,kinds=reset", Resilience { recovery: None, ..RESILIENCE });
    assert!(matches!(stubborn, Error::Unrecovered { .. }), "{stubborn}");
    let dead = fails("hung-reads@1", Resilience { recovery: None, resubmissions: 0, ..RESILIENCE });
    assert!(
        dead.to_string().contains("the device stopped with bus hung at instruction 0 of the control unit"),
        "{dead}"
    );
    let soft = RecoveryPolicy { link: false, ..RecoveryPolicy::default() };
    let started = std::time::Instant::now();
    let dead = fails("hung-writes@1", Resilience { recovery: Some(soft), ..RESILIENCE });
    assert!(dead.to_string().contains("reset the link with `systole reset --level link`"), "{dead}");
    assert!(started.elapsed() < Duration::from_secs(2), "a bus that is dead is not waited for again and again");
    let untested = RecoveryPolicy { self_test: None, ..RecoveryPolicy::default() };
    let again = fails("rate=1,kinds=reset", Resilience { recovery: Some(untested), ..RESILIENCE });
    assert!(again.to_string().starts_with("SQ_TAIL reads 0x0 instead of "), "{again}");
}

/// Least cycles that a margin of safety is worth, and the most that the program of [`request`] may be estimated at.
const ESTIMATE: std::ops::Range<u64> = 10_000..1_000_000;

fn cycles() -> u64 {
    let cycles = compile(&model().encoder, &N8, 4, 1).unwrap().cycles_at_most().unwrap();
    assert!(ESTIMATE.contains(&cycles), "{cycles}");
    cycles
}

#[test]
fn a_board_that_hangs_is_given_up_within_seconds() {
    let started = Instant::now();
    let mut dead = session("rate=1,kinds=stuck-busy", Resilience::default());
    let error = dead.hidden_integers(&request(), &RunOptions::default()).unwrap_err();
    // The deadline is what follows from the program, and not minutes.
    let deadline = Duration::from_secs(2) + Pace::BOARD.longest(cycles());
    assert!(deadline < Duration::from_secs(3), "{deadline:?}");
    let Error::Unrecovered { first: EngineError::Timeout { waited, .. }, .. } = error else { panic!("{error}") };
    assert!((deadline..deadline + Duration::from_secs(10)).contains(&waited), "{waited:?} for {deadline:?}");
    // One deadline, four self-tests of a second, and a computer that is busy.
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
}

/// It comes back each time and passes its self-test, every second doorbell, but never completes the request.
#[test]
fn a_request_that_hangs_twice_is_given_up() {
    let plan = "stuck-busy@1,stuck-busy@3,stuck-busy@5,stuck-busy@7";
    let mut alone = session(plan, RESILIENCE);
    let error = alone.hidden_integers(&request(), &options()).unwrap_err();
    assert!(matches!(error, Error::Engine(EngineError::Timeout { .. })), "{error}");
    assert_eq!((alone.events().resubmissions, alone.events().recoveries.soft_resets), (1, 2));
    let simulator = |config| -> Result<Box<dyn Device + Send>, _> { Ok(Box::new(Simulator::new(config))) };
    let mut with_fallback = session(plan, RESILIENCE).with_fallback(Box::new(simulator));
    assert!(with_fallback.hidden_integers(&request(), &options()).unwrap() == right());
    assert!(with_fallback.events().fell_back.is_some());
}

/// A device that notes the limit of the last submission.
struct Limited(Simulator, Arc<AtomicU32>);

impl Device for Limited {
    fn read(&mut self, offset: u32) -> Result<u32, DeviceError> {
        self.0.read(offset)
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
        if let Ok(submission) = bytemuck::try_pod_read_unaligned::<Submission>(bytes)
            && submission.abi_hash == systole_isa::ABI_HASH
        {
            self.1.store(submission.watchdog, Ordering::Relaxed);
        }
        self.0.copy_to(address, bytes)
    }
    fn copy_from(&mut self, address: u64, bytes: &mut [u8]) -> Result<(), DeviceError> {
        self.0.copy_from(address, bytes)
    }
    fn wait_interrupt(&mut self, timeout: Duration) -> Result<bool, DeviceError> {
        self.0.wait_interrupt(timeout)
    }
}

#[test]
fn the_devices_watchdog_is_set_from_the_program() {
    let watchdog = Arc::new(AtomicU32::new(1));
    let device = Limited(Simulator::new(&N8), Arc::clone(&watchdog));
    let mut session = Session::new(model(), Box::new(device)).unwrap();
    let mut limit = |options| {
        session.hidden_integers(&request(), &options).unwrap();
        watchdog.load(Ordering::Relaxed)
    };
    assert_eq!(u64::from(limit(RunOptions::default())), cycles() * u64::from(Pace::BOARD.margin));
    assert_eq!(limit(RunOptions { pace: None, ..RunOptions::default() }), 0);
}

#[test]
fn a_fallback_finishes_what_the_device_left() {
    let mut session =
        session("unplug@3", RESILIENCE).with_fallback(Box::new(|config| -> Result<Box<dyn Device + Send>, _> {
            Ok(Box::new(Simulator::new(config)))
        }));
    for count in 1..=5 {
        assert!(session.hidden_integers(&request(), &options()).unwrap() == right());
        assert_eq!(session.events().fell_back.is_some(), count >= 3);
    }
    let fell_back = session.events().fell_back.unwrap();
    assert_eq!(fell_back.submission, 2);
    assert!(fell_back.reason.starts_with("the device failed: "), "{}", fell_back.reason);
    assert_eq!((session.report().submissions, session.report().compiled), (5, 2));
}
