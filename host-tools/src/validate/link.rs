//! The link: are registers read and written right, how long does it take, does the interrupt come?

use std::time::Instant;

use systole_driver::{Engine, RegisterAccess, RunOptions, register_name};
use systole_isa::register::{self, MAGIC_VALUE};

use super::{Failure, Found, Trial, compute, figures, microseconds};

/// Reads of MAGIC; a marginal link fails now and then.
const READS: usize = 1000;
/// Bits alone, in turns and all together.
const PATTERNS: [u32; 8] = [0, 1, 0x8000_0000, 0x5555_5555, 0xaaaa_aaaa, 0x0f0f_0f0f, 0xfffe_fffe, 0x1234_5678];
/// Both causes of the interrupt.
const CAUSES: u32 = 3;

/// MAGIC again and again; every bit of WATCHDOG, which nothing else uses while no submission runs.
pub fn registers(trial: &Trial<'_>) -> Found {
    let mut device = trial.device()?;
    let started = Instant::now();
    for access in 0..READS {
        expect(register::MAGIC.offset, MAGIC_VALUE, device.get(register::MAGIC)?, access)?;
    }
    let read = started.elapsed() / READS as u32;
    let walking = (0..32).map(|bit| 1 << bit);
    for (access, pattern) in PATTERNS.into_iter().chain(walking).enumerate() {
        device.set(register::WATCHDOG, pattern)?;
        expect(register::WATCHDOG.offset, pattern, device.get(register::WATCHDOG)?, access)?;
    }
    device.set(register::WATCHDOG, 0)?;
    let read = microseconds(read);
    Ok((figures([("register_read_us", read)]), format!("{READS} reads of MAGIC, {read} µs each; 40 patterns")))
}

fn expect(offset: u32, expected: u32, found: u32, access: usize) -> Result<(), Failure> {
    let register = register_name(offset);
    if found == expected { Ok(()) } else { Err(Failure::Register { register, expected, found, access }) }
}

/// A completion raises the line while it is enabled, and clearing lowers it.
pub fn interrupt(trial: &Trial<'_>) -> Found {
    let (mut device, program) = (trial.device()?, compute::empty(trial.config)?);
    let rings = compute::Rings::set_up(&mut *device, &program)?;
    device.set(register::IRQ_STATUS, CAUSES)?;
    device.set(register::IRQ_ENABLE, CAUSES)?;
    let started = Instant::now();
    rings.ring(&mut *device)?;
    let raised = device.wait_interrupt(trial.patience)?;
    let took = microseconds(started.elapsed());
    if !raised {
        let found = device.get(register::IRQ_STATUS)?;
        return Err(Failure::Register { register: "IRQ_STATUS", expected: 1, found, access: 0 });
    }
    device.set(register::IRQ_STATUS, CAUSES)?;
    expect(register::IRQ_STATUS.offset, 0, device.get(register::IRQ_STATUS)?, 1)?;
    // The engine's way of waiting takes it from here.
    drop(device);
    let mut engine = Engine::open(trial.device()?)?;
    let loaded = engine.upload(&program)?;
    let options = RunOptions { deadline: trial.patience, ..RunOptions::default() };
    engine.run(&loaded, &systole_driver::Bindings::new(), options)?;
    Ok((figures([("interrupt_us", took)]), format!("{took} µs after the doorbell")))
}
