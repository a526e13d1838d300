//! The simulator and the RTL in lockstep with the scalar reference, operation by operation and program by program.
//!
//! `cargo test -p systole-tests --test lockstep -- --ignored --nocapture` runs the RTL for about a minute.
//! `SYSTOLE_LOCKSTEP_PROGRAMS` sets the number of programs, `SYSTOLE_LOCKSTEP_SEED` other ones. What fails is made small
//! and saved below `tests/reproducers`, from where every later run replays it: commit it together with the cause's
//! correction.

#[path = "lockstep/flawed.rs"]
mod flawed;
#[path = "lockstep/mutants.rs"]
mod mutants;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use systole_bitgen::verilated::{MemoryTiming, Model, Mutation, Options};
use systole_isa::HwConfig;
use systole_isa::config::{N8, N16, N32};
use systole_sim::{Interleaving, Simulator};
use systole_tests::lockstep::{Case, Failure, Machine, Mode, Reproducer, Target, check, generate};
use systole_tests::random::Random;

/// Longest program.
const LENGTH: usize = 40;

fn reproducers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("reproducers")
}

fn number(name: &str, default: u64) -> u64 {
    let text = std::env::var(name).ok();
    text.map_or(default, |t| t.parse().unwrap_or_else(|e| panic!("{name}: {e}")))
}

/// The program's operations by kind.
fn count(counts: &mut BTreeMap<&'static str, usize>, case: &Case) {
    case.code.iter().for_each(|i| *counts.entry(i.op.mnemonic()).or_default() += 1);
}

/// Saves what was found and fails.
fn fail(failure: &Failure, origin: &str) -> ! {
    let saved = Reproducer::save(&reproducers(), failure).expect("a reproducer is written");
    panic!(
        "{origin}: {}\n\nas small as it gets: {}\n\nsaved as {}; the test `saved_reproducers` replays it",
        failure.first.report,
        failure.smallest.report,
        saved.path.display()
    );
}

/// Runs each case on all executors. Whole random programs; before, for each twenty of them, every kind of operation once.
fn agree(targets: &[&Target<'_>], config: &'static HwConfig, programs: u64) {
    let seed = number("SYSTOLE_LOCKSTEP_SEED", 1);
    let programs = number("SYSTOLE_LOCKSTEP_PROGRAMS", programs);
    let (started, mut counts) = (Instant::now(), BTreeMap::new());
    let (mut random, mut tried) = (Random(seed), 0);
    for round in 0..programs.div_ceil(20) {
        for case in generate::every_kind(&mut random, config) {
            let origin = format!("seed {seed}, round {round} of every kind");
            targets.iter().for_each(|target| check(target, &case).unwrap_or_else(|f| fail(&f, &origin)));
            count(&mut counts, &case);
            tried += 1;
        }
    }
    for index in 0..programs {
        // Seeded one by one, so that one can be repeated alone.
        let case = generate::program(&mut Random(seed << 32 | index), config, LENGTH);
        let origin = format!("seed {seed}, program {index}");
        targets.iter().for_each(|target| check(target, &case).unwrap_or_else(|f| fail(&f, &origin)));
        count(&mut counts, &case);
        tried += 1;
    }
    println!(
        "{} = reference: {tried} programs, {} operations ({}), each alone and all together, equal in every bit; {:.0} s",
        targets.iter().map(|t| t.name).collect::<Vec<_>>().join(" = "),
        counts.values().sum::<usize>(),
        counts.iter().map(|(op, n)| format!("{n} {op}")).collect::<Vec<_>>().join(", "),
        started.elapsed().as_secs_f64(),
    );
}

fn on_rtl(config: &'static HwConfig, test: impl FnOnce(&Target<'_>)) {
    on_mutant(config, None, test);
}

/// The RTL, or one with an error, with its assertions on, over a memory that is awkward every second time.
fn on_mutant(config: &'static HwConfig, mutation: Option<Mutation>, test: impl FnOnce(&Target<'_>)) {
    let opened = Cell::new(0u64);
    let options = || {
        let seed = opened.replace(opened.get() + 1);
        let awkward =
            MemoryTiming { latency: 3, outstanding: 2, milli_bytes_per_cycle: Some(5_300), back_pressure: 40 };
        let memory = if seed.is_multiple_of(2) { MemoryTiming::default() } else { awkward };
        Options { checked: true, seed, memory, mutation, ..Options::default() }
    };
    let model = Model::build(config, &options()).unwrap_or_else(|e| panic!("{e}"));
    let open = || -> Box<dyn Machine + Send> { Box::new(model.start(&options()).unwrap_or_else(|e| panic!("{e}"))) };
    test(&Target { name: &format!("rtl:{}", config.name), open: &open });
}

fn on_simulator(config: &'static HwConfig, test: impl FnOnce(&Target<'_>)) {
    let open = || -> Box<dyn Machine + Send> {
        Box::new(Simulator::new(config).with_interleaving(Interleaving::Random { seed: 3 }))
    };
    test(&Target { name: &format!("sim:{}", config.name), open: &open });
}

#[test]
fn the_simulator_of_n8() {
    on_simulator(&N8, |sim| agree(&[sim], &N8, 400));
}

#[test]
fn the_simulator_of_n16() {
    on_simulator(&N16, |sim| agree(&[sim], &N16, 200));
}

#[test]
fn the_simulator_of_n32() {
    on_simulator(&N32, |sim| agree(&[sim], &N32, 60));
}

#[test]
#[ignore = "needs Verilator 5"]
fn the_rtl_of_n8() {
    on_rtl(&N8, |rtl| on_simulator(&N8, |sim| agree(&[sim, rtl], &N8, 1000)));
}

#[test]
#[ignore = "needs Verilator 5"]
fn the_rtl_of_n16() {
    on_rtl(&N16, |rtl| on_simulator(&N16, |sim| agree(&[sim, rtl], &N16, 200)));
}

#[test]
#[ignore = "needs Verilator 5; takes minutes to build"]
fn the_rtl_of_n32() {
    on_rtl(&N32, |rtl| on_simulator(&N32, |sim| agree(&[sim, rtl], &N32, 20)));
}

/// Replays what was found in the past, on the executors of its configuration that `run` makes.
fn replay(run: impl Fn(&'static HwConfig, &dyn Fn(&Target<'_>))) {
    let saved = Reproducer::all(&reproducers());
    assert!(!saved.is_empty(), "{} has no reproducer", reproducers().display());
    for Reproducer { path, case } in saved {
        run(case.config(), &|target| {
            for mode in Mode::ALL {
                if let Err(divergence) = target.compare(&case, mode) {
                    panic!("{}: {}", path.display(), divergence.report);
                }
            }
        });
    }
}

#[test]
fn saved_reproducers_on_the_simulator() {
    replay(|config, test| on_simulator(config, test));
}

#[test]
#[ignore = "needs Verilator 5"]
fn saved_reproducers_on_the_rtl() {
    replay(|config, test| on_rtl(config, test));
}
