//! What the way to a device costs: a register read, and an empty program from the doorbell to its completion.

use std::time::{Duration, Instant};

use systole_driver::{Bindings, Device, Engine, Program, RegisterAccess, RunOptions, verify};
use systole_isa::instruction::{End, Sync};
use systole_isa::{ABI_HASH, Instruction, register};

/// How often each is measured.
const ROUNDS: usize = 300;

/// The medians.
pub fn measure(mut device: Box<dyn Device + Send>) -> anyhow::Result<Vec<(&'static str, Duration)>> {
    let read = median(|| device.get(register::MAGIC).map(drop))?;
    let mut engine = Engine::open(device)?;
    let program = verify(Program {
        config: engine.config(),
        abi_hash: ABI_HASH,
        tokens: 0,
        batch: 0,
        code: vec![Instruction { sync: Sync::default(), op: End {}.into() }.encode()],
        regions: Default::default(),
        tags: Vec::new(),
    })?;
    let program = engine.upload(&program)?;
    let bindings = Bindings::default();
    let run = median(|| engine.run(&program, &bindings, RunOptions::default()).map(drop))?;
    Ok(vec![("register read", read), ("doorbell to completion", run)])
}

fn median<E>(mut once: impl FnMut() -> Result<(), E>) -> Result<Duration, E> {
    let mut times = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let started = Instant::now();
        once()?;
        times.push(started.elapsed());
    }
    times.sort_unstable();
    Ok(times[ROUNDS / 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_simulator_can_be_measured() {
        let figures = measure(Box::new(systole_sim::Simulator::new(&systole_isa::config::N8))).unwrap();
        assert_eq!(figures.iter().map(|f| f.0).collect::<Vec<_>>(), ["register read", "doorbell to completion"]);
        assert!(figures[0].1 <= figures[1].1, "{figures:?}");
    }
}
