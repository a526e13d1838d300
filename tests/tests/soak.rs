//! Thousands of inferences of the built-in model on a board on which everything goes wrong at random: each ends in the
//! right bytes or in a typed error, and nothing leaks.
//!
//! The short version runs with every `cargo test`, the long one with
//! `cargo test -p systole-tests --test soak -- --ignored --nocapture`; `SYSTOLE_SOAK_SEED` takes another seed.

#[path = "soak/process.rs"]
mod process;
#[path = "soak/watched.rs"]
mod watched;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use process::Holdings;
use systole_driver::{Device, RecoveryCounts, RecoveryPolicy};
use systole_isa::config::N8;
use systole_runtime::checkpoint::Encoding;
use systole_runtime::quantize::QuantizedModel;
use systole_runtime::{Error, Integrity, Resilience, RunOptions, Session};
use systole_sim::Simulator;
use systole_sim::faults::{FaultCounts, FaultKind, FaultPlan, Faulty};
use systole_tests::random::{Random, encoding};
use watched::Watched;

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../host-tools/models/small.systole");
/// Requests that are different from each other.
const REQUESTS: usize = 48;
/// Probability that a doorbell meets a fault.
const RATE: f64 = 0.02;
/// Device allocations of a session: rings, four buffers, a program a length, and what was dropped a moment ago.
const LIVE: usize = 32;

/// What is counted is the process's, so the tests of this file take turns.
static TURN: Mutex<()> = Mutex::new(());

const RESILIENCE: Resilience = Resilience {
    resubmissions: 3,
    recovery: Some(RecoveryPolicy {
        tries: 3,
        grace: Duration::from_millis(20),
        self_test: Some(Duration::from_millis(100)),
        link: true,
    }),
    integrity: Integrity::Twice,
};

struct Soak {
    seed: u64,
    resilience: Resilience,
    model: QuantizedModel,
    requests: Vec<Encoding>,
    right: Vec<Vec<i16>>,
    tally: Tally,
}

/// What came of it.
#[derive(Default)]
struct Tally {
    right: u64,
    /// Requests that ended in bytes that are not the simulator's.
    wrong: u64,
    /// Requests that ended in an error that says that the device is to blame.
    typed: u64,
    /// Requests that ended in any other error.
    untyped: Vec<String>,
    faults: BTreeMap<FaultKind, u64>,
    recoveries: RecoveryCounts,
    resubmissions: u64,
    corruptions: u64,
    fallbacks: u64,
    /// Devices that were opened.
    devices: u64,
    most_live: usize,
    left_live: usize,
}

/// A session and what watches its device.
struct Board {
    session: Session,
    faults: Arc<FaultCounts>,
    live: Arc<AtomicUsize>,
}

impl Soak {
    fn new(seed: u64, resilience: Resilience) -> Self {
        let model = QuantizedModel::from_bytes(&std::fs::read(MODEL).unwrap(), Path::new(MODEL)).unwrap();
        let mut random = Random(seed);
        let requests: Vec<Encoding> = (0..REQUESTS).map(|i| encoding(&mut random, 1000, 1 + i % 8)).collect();
        let mut clean = Session::new(model.clone(), Box::new(Simulator::new(&N8))).unwrap();
        let right = clean.hidden_integers(&requests, &RunOptions::default()).unwrap();
        Self { seed, resilience, model, requests, right, tally: Tally::default() }
    }

    /// Every second board has a simulator to fall back on.
    fn board(&mut self) -> Board {
        let delay = Duration::from_millis(15);
        let plan = FaultPlan { seed: self.seed ^ self.tally.devices << 32, rate: RATE, delay, ..FaultPlan::default() };
        let live = Arc::new(AtomicUsize::new(0));
        let device = Faulty::new(Watched { device: Simulator::new(&N8), live: Arc::clone(&live) }, plan);
        let faults = device.counts();
        let mut session = Session::new(self.model.clone(), Box::new(device)).unwrap().with_resilience(self.resilience);
        if self.tally.devices % 2 == 1 {
            session = session.with_fallback(Box::new(|config| -> Result<Box<dyn Device + Send>, _> {
                Ok(Box::new(Simulator::new(config)))
            }));
        }
        self.tally.devices += 1;
        Board { session, faults, live }
    }

    fn run(&mut self, inferences: u64) {
        let options = RunOptions { deadline: Duration::from_millis(20), ..RunOptions::default() };
        let mut random = Random(self.seed.rotate_left(32));
        let mut board = self.board();
        for _ in 0..inferences {
            let index = random.below(self.requests.len());
            let outcome = board.session.hidden_integers(&self.requests[index..=index], &options);
            let unplugged = matches!(outcome, Err(Error::Unrecovered { .. }));
            match outcome {
                Ok(states) if states[0] == self.right[index] => self.tally.right += 1,
                Ok(_) => self.tally.wrong += 1,
                Err(error) if error.is_of_device() => self.tally.typed += 1,
                Err(error) => self.tally.untyped.push(error.to_string()),
            }
            self.tally.most_live = self.tally.most_live.max(board.live.load(Ordering::Relaxed));
            if unplugged || board.session.events().fell_back.is_some() {
                let next = self.board();
                self.close(std::mem::replace(&mut board, next));
            }
        }
        let live = Arc::clone(&board.live);
        self.close(board);
        self.tally.left_live = live.load(Ordering::Relaxed);
    }

    fn close(&mut self, board: Board) {
        let Tally { recoveries, resubmissions, corruptions, fallbacks, faults, .. } = &mut self.tally;
        let events = board.session.events();
        *recoveries += events.recoveries;
        *resubmissions += events.resubmissions;
        *corruptions += events.corruptions;
        *fallbacks += u64::from(events.fell_back.is_some());
        for kind in FaultKind::ALL {
            *faults.entry(*kind).or_default() += board.faults.of(*kind);
        }
    }

    /// # Errors
    /// What should not have happened.
    fn verdict(&self) -> Result<(), String> {
        let t = &self.tally;
        let refuse = |what: String| Err(format!("{what}; SYSTOLE_SOAK_SEED={} repeats it", self.seed));
        if t.wrong > 0 {
            return refuse(format!("{} requests ended in wrong bytes", t.wrong));
        }
        if let Some(error) = t.untyped.first() {
            return refuse(format!("a request ended in an error that blames no device: {error}"));
        }
        // Who is unplugged and has no fallback fails; that a recovery is hit again and again happens too, but rarely.
        let excused = t.devices - t.fallbacks + t.right / 1000;
        if t.typed > excused {
            return refuse(format!("{} requests ended in an error, {excused} would be explained", t.typed));
        }
        if t.most_live > LIVE || t.left_live > 0 {
            return refuse(format!("{} device allocations at once, {} left over", t.most_live, t.left_live));
        }
        Ok(())
    }

    fn print(&self, time: Duration) {
        let t = &self.tally;
        println!("seed {}: {} right, {} wrong, {} typed errors, in {time:.1?}", self.seed, t.right, t.wrong, t.typed);
        println!("  {} boards, {} of them replaced by the simulator in the middle", t.devices, t.fallbacks);
        for (kind, count) in &t.faults {
            println!("  {kind:20} {count:6}   {}", kind.meaning().trim());
        }
        let RecoveryCounts { aborts, soft_resets, link_resets, failed_rungs, exhausted } = t.recoveries;
        println!("  recovered by abort {aborts}, soft reset {soft_resets}, link reset {link_resets}");
        println!("  rungs that did not hold {failed_rungs}, recoveries without success {exhausted}");
        println!("  submitted again {}, results thrown away for changed memory {}", t.resubmissions, t.corruptions);
        println!("  at most {} device allocations at once, {} left over", t.most_live, t.left_live);
    }
}

/// Runs, and compares what the process holds in the end with what it held after a tenth of the way.
fn soak(seed: u64, inferences: u64) {
    let _turn = TURN.lock().unwrap_or_else(|e| e.into_inner());
    println!("SYSTOLE_SOAK_SEED={seed}");
    let started = Instant::now();
    let mut soak = Soak::new(seed, RESILIENCE);
    soak.run(inferences / 10);
    let before = Holdings::now();
    soak.run(inferences - inferences / 10);
    let after = Holdings::now();
    soak.print(started.elapsed());
    println!("  {before:?} after a tenth, {after:?} at the end");
    soak.verdict().unwrap_or_else(|e| panic!("{e}"));
    assert!(soak.tally.faults.values().sum::<u64>() > inferences / 50, "faults must strike");
    assert!(after.descriptors <= before.descriptors, "descriptors leak");
    assert!(after.mappings <= before.mappings + 8, "mappings leak");
    assert!(after.resident_kib <= before.resident_kib + (16 << 10), "memory leaks");
}

#[test]
fn a_thousand_inferences_survive() {
    soak(4, 1000);
}

#[test]
#[ignore = "takes a minute; tests/run and the command above run it"]
fn ten_thousand_inferences_survive() {
    let given = std::env::var("SYSTOLE_SOAK_SEED").ok();
    soak(given.map_or(5, |seed| seed.parse().expect("SYSTOLE_SOAK_SEED is a number")), 12_000);
}

fn fails(resilience: Resilience, inferences: u64) -> String {
    let _turn = TURN.lock().unwrap_or_else(|e| e.into_inner());
    let mut soak = Soak::new(4, resilience);
    soak.run(inferences);
    soak.verdict().unwrap_err()
}

#[test]
fn without_recovery_the_soak_fails() {
    let message = fails(Resilience { recovery: None, resubmissions: 0, ..RESILIENCE }, 1000);
    assert!(message.contains("requests ended in an error, "), "{message}");
}

#[test]
fn believing_memory_the_soak_fails() {
    // One fault in twenty is a flip that does harm here, so that enough of them must come.
    let message = fails(Resilience { integrity: Integrity::AfterRecovery, ..RESILIENCE }, 4000);
    assert!(message.contains("requests ended in wrong bytes"), "{message}");
}
