//! Programs: a product against the simulator, the bus at work, and the time that nothing takes.

use std::time::Instant;

use systole_bitgen::bitstream::self_test;
use systole_driver::{
    Bindings, Device, DeviceError, Engine, Program, RegionSpec, RegisterAccess, RunOptions, Verified, verify,
};
use systole_isa::instruction::{End, Format, Load, Memory, Store};
use systole_isa::ring::{SUBMIT_INTERRUPT, Submission};
use systole_isa::{ABI_HASH, DRAM_ALIGN, HwConfig, INSTRUCTION_BYTES, Instruction, Op, REGIONS, Sync, register};
use systole_sim::Simulator;

use super::{Failure, Found, Trial, figures, memory, microseconds, percentile};

/// Rows of one transfer, and transfers of the program that measures the bus.
const ROWS: u16 = 256;
const TRANSFERS: usize = 64;

/// The product of two tiles, requantized, byte for byte.
pub fn product(trial: &Trial<'_>) -> Found {
    let program = self_test::verified(trial.config)?;
    let mut simulator = Engine::open(Box::new(Simulator::new(trial.config)))?;
    let (expected, _) = self_test::run(&mut simulator, &program)?;
    let (found, report) = self_test::run(&mut Engine::open(trial.device()?)?, &program)?;
    memory::compare(&expected, &found)?;
    let (n, bytes) = (trial.config.n, found.len());
    let cycles = report.cycles.map_or("no timing".to_owned(), |cycles| format!("{cycles} cycles"));
    let all = figures(report.cycles.map(|cycles| ("cycles", cycles as f64)));
    Ok((all, format!("{n} x {n} x {n}, {bytes} bytes equal to the simulator's, {cycles}")))
}

fn assemble(config: &'static HwConfig, steps: Vec<(Op, u16, u16)>, size: u32) -> Result<Verified, Failure> {
    let encode = |(op, wait, post)| Instruction { sync: Sync { tag: 0, wait, post }, op }.encode();
    let code = steps.into_iter().map(encode).collect();
    let mut regions: [RegionSpec; REGIONS] = Default::default();
    if size > 0 {
        regions[0] = RegionSpec { name: "input".to_owned(), size, writable: false, initialised: true };
        regions[1] = RegionSpec { name: "output".to_owned(), size, writable: true, initialised: false };
    }
    let program = Program { config, abi_hash: ABI_HASH, tokens: 1, batch: 1, code, regions, tags: Vec::new() };
    Ok(verify(program)?)
}

/// A program that does nothing.
pub fn empty(config: &'static HwConfig) -> Result<Verified, Failure> {
    assemble(config, vec![(End {}.into(), 0, 0)], 0)
}

/// Long transfers in both directions, at once: the units' busy cycles tell the bus's rate. Where nothing is counted,
/// what was stored is all that is checked.
pub fn bandwidth(trial: &Trial<'_>) -> Found {
    // Of the first half of SPAD, which is loaded once and then stored while the second half is loaded again and again.
    let cols = 4 * trial.config.n as u16;
    let pitch = u32::from(cols).next_multiple_of(DRAM_ALIGN);
    let size = u32::from(ROWS) * pitch;
    let half = (trial.config.spad_words / 2) as u16;
    let load = |dst| Load {
        memory: Memory::Spad,
        format: Format::I8,
        region: 0,
        dst,
        dst_stride: 4,
        offset: 0,
        pitch,
        rows: ROWS,
        cols,
    };
    let store = Store {
        memory: Memory::Spad,
        format: Format::I8,
        region: 1,
        src: 0,
        src_stride: 4,
        offset: 0,
        pitch,
        rows: ROWS,
        cols,
    };
    let mut steps: Vec<(Op, u16, u16)> = vec![(load(0).into(), 0, 1)];
    steps.extend((0..TRANSFERS).map(|_| (load(half).into(), 0, 0)));
    steps.extend((0..TRANSFERS).map(|i| (store.into(), u16::from(i == 0), 0)));
    steps.push((End {}.into(), 0, 0));
    let program = assemble(trial.config, steps, size)?;
    let mut engine = Engine::open(trial.device()?)?;
    let loaded = engine.upload(&program)?;
    let (from, to) = (engine.allocate(size.into())?, engine.allocate(size.into())?);
    let input: Vec<u8> = (0..size).map(|i| i.wrapping_mul(0x9e37_79b9).to_le_bytes()[3]).collect();
    engine.write(&from, 0, &input)?;
    let options = RunOptions { deadline: trial.patience, ..RunOptions::default() };
    let report = engine.run(&loaded, &Bindings::new().bind(0, &from).bind(1, &to), options)?;
    let mut output = vec![0; size as usize];
    engine.read(&to, 0, &mut output)?;
    let rows = |bytes: &[u8]| -> Vec<u8> {
        bytes.chunks(pitch as usize).flat_map(|row| &row[..usize::from(cols)]).copied().collect()
    };
    memory::compare(&rows(&input), &rows(&output))?;
    let Some(cycles) = report.cycles else {
        return Ok((figures([]), "stored what was loaded; no timing on this executor".to_owned()));
    };
    let bytes = u64::from(ROWS) * u64::from(cols) * TRANSFERS as u64;
    let counters = engine.counters()?;
    let rate = |busy: u32| (bytes as f64 / f64::from(busy.max(1)) * 100.0).round() / 100.0;
    let (load, store) = (rate(counters[0].busy), rate(counters[3].busy));
    let all = figures([("load_bytes_per_cycle", load), ("store_bytes_per_cycle", store), ("cycles", cycles as f64)]);
    let bus = trial.config.bus_bytes;
    Ok((all, format!("LOAD {load} and STORE {store} bytes a busy cycle, of {bus}; {cycles} cycles together")))
}

/// From the doorbell to the completion, as the engine sees it.
pub fn latency(trial: &Trial<'_>) -> Found {
    let mut engine = Engine::open(trial.device()?)?;
    let loaded = engine.upload(&empty(trial.config)?)?;
    let options = RunOptions { deadline: trial.patience, ..RunOptions::default() };
    let mut times = Vec::with_capacity(trial.runs);
    for _ in 0..trial.runs.max(1) {
        let started = Instant::now();
        engine.run(&loaded, &Bindings::new(), options)?;
        times.push(started.elapsed());
    }
    times.sort();
    let (median, p99) = (microseconds(percentile(&times, 50)), microseconds(percentile(&times, 99)));
    let all = figures([("median_us", median), ("p99_us", p99), ("runs", times.len() as f64)]);
    Ok((all, format!("median {median} µs, 99th percentile {p99} µs, {} runs", times.len())))
}

/// Two rings of two slots with one submission in them, below the engine's level.
pub struct Rings;

impl Rings {
    /// Sets up rings and a submission of the program, without ringing.
    pub fn set_up(device: &mut dyn Device, program: &Verified) -> Result<Self, DeviceError> {
        let (sq, cq, code) = (device.allocate(128)?, device.allocate(64)?, device.allocate(INSTRUCTION_BYTES as u64)?);
        let regions = device.allocate(16 * REGIONS as u64)?;
        device.copy_to(code, program.code.as_flattened())?;
        let flags = SUBMIT_INTERRUPT;
        let submission = Submission {
            id: 1,
            program: code,
            regions,
            abi_hash: ABI_HASH,
            instructions: 1,
            flags,
            ..Default::default()
        };
        device.copy_to(sq, bytemuck::bytes_of(&submission))?;
        device.set_pair(register::SQ_BASE_LO, register::SQ_BASE_HI, sq)?;
        device.set_pair(register::CQ_BASE_LO, register::CQ_BASE_HI, cq)?;
        device.set(register::SQ_SIZE, 2)?;
        device.set(register::CQ_SIZE, 2)?;
        device.set(register::CONTROL, 1)?;
        Ok(Self)
    }

    /// Rings the doorbell.
    pub fn ring(&self, device: &mut dyn Device) -> Result<(), DeviceError> {
        device.set(register::SQ_TAIL, 1)
    }
}
