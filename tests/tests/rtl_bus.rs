//! Aborts in the middle of write bursts, with a memory that lets beats wait: the harness's rules of AXI hold on the design,
//! and on one that forgets the beat that waits they are broken.
//!
//! `cargo test -p systole-tests --test rtl_bus -- --ignored`

use std::time::Duration;

use systole_bitgen::verilated::{MemoryTiming, Model, Mutation, Options, RtlDevice};
use systole_conformance::host::{Code, Host, INPUT, OUTPUT, encoded, end};
use systole_driver::{DeviceError, RegisterAccess};
use systole_isa::config::N8;
use systole_isa::instruction::{Format, Load, Memory, Store};
use systole_isa::register;
use systole_isa::ring::{REGION_WRITE, Submission};

/// Bytes of a row in memory, and rows: bursts for more cycles than any abort here waits.
const ROW: u16 = 1024;
const ROWS: u16 = 16;

/// What ends the program, so many cycles (RESET, watchdog) or instructions (fault) after its start.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Abort {
    Reset(u64),
    Watchdog(u32),
    Fault(usize),
}

/// Every kind, at places all over the bursts.
fn aborts() -> impl Iterator<Item = Abort> {
    let resets = (0..40).map(|i| Abort::Reset(250 + 23 * i));
    let watchdogs = (0..8).map(|i| Abort::Watchdog(150 + 113 * i));
    resets.chain(watchdogs).chain((3..11).map(Abort::Fault))
}

fn options(mutation: Option<Mutation>) -> Options {
    let memory = MemoryTiming { latency: 5, back_pressure: 60, ..MemoryTiming::default() };
    Options { memory, mutation, ..Options::default() }
}

/// A long STORE beside short LOADs, of which one goes wrong.
fn program(loads: usize) -> Vec<Code> {
    let (memory, format, pitch) = (Memory::Spad, Format::I8, ROW.into());
    let stride = ROW / N8.n as u16;
    let store =
        Store { memory, format, region: OUTPUT, src: 0, src_stride: stride, offset: 0, pitch, rows: ROWS, cols: ROW };
    let load = Load { memory, format, region: INPUT, dst: 4096, dst_stride: 1, offset: 0, pitch: 32, rows: 8, cols: 8 };
    let outside = Load { offset: 1 << 20, ..load };
    let mut code = vec![encoded(store, 0, 0)];
    code.resize(loads, encoded(load, 0, 0));
    code.extend([encoded(outside, 0, 0), end()]);
    code
}

/// Runs until no submission is under way, one that was just submitted included.
fn settle(host: &mut Host<RtlDevice>) -> Result<(), DeviceError> {
    host.device.run(32)?;
    for _ in 0..10_000 {
        if host.device.get(register::STATUS)? & 1 == 0 {
            return Ok(());
        }
        host.device.run(8)?;
    }
    panic!("the engine never stops");
}

/// A device that is stopped in the middle of a burst, and works afterwards.
fn stopped_and_used_again(device: RtlDevice, abort: Abort) -> Result<(), DeviceError> {
    let mut host = Host::new(Box::new(device), 4, Duration::from_secs(60));
    host.regions[usize::from(OUTPUT)] = host.region(u32::from(ROW) * u32::from(ROWS), REGION_WRITE);
    // Without a fault of its own, LOAD is done long before STORE.
    let code = match abort {
        Abort::Fault(loads) => program(loads),
        _ => [program(2).remove(0), end()].to_vec(),
    };
    let watchdog = if let Abort::Watchdog(cycles) = abort { cycles } else { 0 };
    let submission = Submission { watchdog, ..host.submission(1, &code) };
    host.submit(&submission);
    if let Abort::Reset(cycles) = abort {
        host.device.run(cycles)?;
        host.device.set(register::CONTROL, 0)?;
        host.device.set(register::RESET, 1)?;
    }
    settle(&mut host)?;
    assert_ne!(host.slot(0).cause, 0, "{abort:?} came too late");
    host.device.set(register::RESET, 1)?;
    settle(&mut host)?;
    host.set_up();
    host.succeed(&[program(2).remove(1), end()]);
    Ok(())
}

#[test]
#[ignore = "needs Verilator 5"]
fn aborts_in_mid_burst_keep_to_the_rules_of_the_bus() {
    let model = Model::build(&N8, &options(None)).unwrap_or_else(|e| panic!("{e}"));
    for (seed, abort) in aborts().enumerate() {
        let device = model.start(&Options { seed: seed as u64, ..options(None) }).unwrap();
        stopped_and_used_again(device, abort).unwrap_or_else(|e| panic!("{abort:?}: {e}"));
    }
}

#[test]
#[ignore = "needs Verilator 5"]
fn a_beat_that_changes_while_it_waits_is_found() {
    let mutation = Mutation {
        path: "core/systole_axi_write.sv",
        from: "      wlast_o <= last;\n    end\n",
        to: "      wlast_o <= last;\n    end\n    if (fill_q) {wdata_o, wstrb_o} <= {wdata_i[client_q], BusBytes'(0)};\n",
    };
    let flawed = options(Some(mutation));
    let model = Model::build(&N8, &flawed).unwrap_or_else(|e| panic!("{e}"));
    let mut found = Vec::new();
    for (seed, abort) in aborts().enumerate() {
        let device = model.start(&Options { seed: seed as u64, ..flawed.clone() }).unwrap();
        match stopped_and_used_again(device, abort) {
            Ok(()) => {}
            Err(DeviceError::Stopped { reason }) => {
                assert!(
                    reason.contains("AXI W: the payload changes while VALID waits for READY"),
                    "{abort:?}: {reason}"
                );
                found.push(abort);
            }
            Err(other) => panic!("{abort:?}: {other}"),
        }
    }
    // A beat waits in most cycles, not in all.
    println!("found at {} of {} aborts: {found:?}", found.len(), aborts().count());
    let found = |kind: fn(&Abort) -> bool| found.iter().filter(|abort| kind(abort)).count();
    assert!(found(|a| matches!(a, Abort::Reset(_))) >= 15);
    assert!(found(|a| matches!(a, Abort::Watchdog(_))) > 0 && found(|a| matches!(a, Abort::Fault(_))) > 0);
}
