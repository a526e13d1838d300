//! The virtual board without a virtual machine: the driver, the conformance suite and the built-in model over vfio-user.

mod host;
mod hostile;
mod raw;

use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use host::{CONFIG, DMA, HOST_BASE, Host, Interrupt, MEMORY, Memory, Uses};
use systole_bitgen::bitstream::self_test;
use systole_bitgen::verilated::{Options, RtlDevice};
use systole_conformance::{Target, suite};
use systole_driver::{Bindings, BusMaster, Device, Engine, EngineError, RegisterAccess, RunOptions};
use systole_isa::config::{N8, N16};
use systole_isa::pci::{CLASS, DEVICE_ID, VENDOR_ID};
use systole_isa::register;
use systole_isa::{Cause, HwConfig};
use systole_runtime::quantize::QuantizedModel;
use systole_runtime::session;
use systole_sim::Simulator;
use systole_sim::faults::Faulty;
use systole_sim::virtual_board::Ended;
use systole_tests::random::{Random, encoding};

const CARD_MAPPED: Uses = Uses { memory: Memory::Mapped, interrupt: Interrupt::Intx };
const CARD_MESSAGES: Uses = Uses { memory: Memory::Messages, interrupt: Interrupt::Intx };

fn simulator(config: &'static HwConfig) -> Box<dyn BusMaster + Send> {
    Box::new(Simulator::new(config))
}

/// A simulator with faults by a plan.
fn faulty(plan: &str) -> Box<dyn BusMaster + Send> {
    Box::new(Faulty::new(Simulator::new(&N8), plan.parse().expect("a plan")))
}

#[test]
fn it_conforms_with_host_memory_and_msix() {
    suite(&Target::new(&|| Box::new(Host::new(simulator(&N16), DMA))));
}

#[test]
fn it_conforms_with_card_memory_and_intx() {
    suite(&Target::new(&|| Box::new(Host::new(simulator(&N8), CARD_MAPPED))));
}

#[test]
fn it_conforms_by_messages_alone() {
    suite(&Target::new(&|| Box::new(Host::new(simulator(&N8), CARD_MESSAGES))));
}

#[test]
#[ignore = "needs Verilator 5"]
fn the_rtl_conforms_behind_pci() {
    for uses in [DMA, CARD_MAPPED] {
        let open = || -> Box<dyn Device + Send> {
            let device = RtlDevice::open(&N8, &Options::default()).unwrap_or_else(|e| panic!("{e}"));
            Box::new(Host::new(Box::new(device), uses))
        };
        suite(&Target::new(&open).with_patience(Duration::from_secs(60)));
    }
}

/// The address at which a device without any memory says that it was refused, when it looks for a submission at `ring`.
fn refused(mut device: Box<dyn BusMaster + Send>, ring: u64) -> Option<u64> {
    assert_eq!(device.take_refused(), None);
    for (register, value) in [
        (register::SQ_BASE_LO.offset, ring as u32),
        (register::SQ_BASE_HI.offset, (ring >> 32) as u32),
        (register::SQ_SIZE.offset, 16),
        (register::CQ_SIZE.offset, 16),
        (register::CONTROL.offset, 1),
        (register::SQ_TAIL.offset, 1),
    ] {
        device.write(register, value).unwrap();
    }
    for _ in 0..100 {
        device.advance().unwrap();
    }
    let address = device.take_refused();
    assert_eq!(device.take_refused(), None, "it is told once");
    address
}

const NOWHERE: u64 = 0x45_6789_a000;

#[test]
fn the_simulator_says_which_access_was_refused() {
    assert_eq!(refused(simulator(&N8), NOWHERE), Some(NOWHERE));
}

/// Beats of a burst are refused one by one.
#[test]
#[ignore = "needs Verilator 5"]
fn the_rtl_says_which_access_was_refused() {
    let device = RtlDevice::open(&N8, &Options::default()).unwrap_or_else(|e| panic!("{e}"));
    let address = refused(Box::new(device), NOWHERE).expect("told");
    assert!((NOWHERE..NOWHERE + 64).contains(&address), "{address:#x}");
}

#[test]
fn the_card_is_what_the_contract_says() {
    let mut host = Host::new(simulator(&N8), DMA);
    let mut bytes = [0; 16];
    host.client.region_read(CONFIG, 0, &mut bytes).unwrap();
    assert_eq!(bytes[..2], VENDOR_ID.to_le_bytes());
    assert_eq!(bytes[2..4], DEVICE_ID.to_le_bytes());
    assert_eq!(bytes[9..12], CLASS.to_le_bytes()[..3]);
    let sizes = [0, 1, 2, 3, 4, 5, 6, 7, 8].map(|index| host.client.region(index).unwrap().size);
    assert_eq!(sizes, [4096, 0, MEMORY, 0, 4096, 0, 0, 4096, 0]);
    let irqs = [0, 1, 2, 3, 4].map(|index| host.client.get_irq_info(index).unwrap().count);
    assert_eq!(irqs, [1, 0, 1, 0, 0]);
}

/// Many jobs by one engine, each compared with what the simulator stores in this process.
fn jobs(uses: Uses, count: u32) {
    let program = self_test::verified(&N8).unwrap();
    let mut here = Engine::open(simulator(&N8)).unwrap();
    let (expected, _) = self_test::run(&mut here, &program).unwrap();
    let mut engine = Engine::open(Box::new(Host::new(simulator(&N8), uses))).unwrap();
    let loaded = engine.upload(&program).unwrap();
    let from = engine.allocate(program.regions[0].size.into()).unwrap();
    let to = engine.allocate(program.regions[1].size.into()).unwrap();
    let mut input = self_test::input(&N8);
    engine.write(&from, 0, &input).unwrap();
    let mut output = vec![0; expected.len()];
    let start = Instant::now();
    for job in 0..count {
        engine.write(&to, 0, &vec![job as u8; output.len()]).unwrap();
        engine.run(&loaded, &Bindings::new().bind(0, &from).bind(1, &to), RunOptions::default()).unwrap();
        engine.read(&to, 0, &mut output).unwrap();
        assert_eq!(stored(&output), stored(&expected), "job {job}");
    }
    println!("{count} jobs with {uses:?} in {:?}", start.elapsed());
    // The comparison can fail.
    input[0] ^= 0x40;
    engine.write(&from, 0, &input).unwrap();
    engine.run(&loaded, &Bindings::new().bind(0, &from).bind(1, &to), RunOptions::default()).unwrap();
    engine.read(&to, 0, &mut output).unwrap();
    assert_ne!(stored(&output), stored(&expected));
}

/// What the self-test's program writes: N bytes of every padded row.
fn stored(output: &[u8]) -> Vec<u8> {
    output.chunks(systole_isa::DRAM_ALIGN as usize).flat_map(|row| &row[..N8.n as usize]).copied().collect()
}

#[test]
fn a_thousand_jobs_by_dma() {
    jobs(DMA, 1000);
}

#[test]
fn a_thousand_jobs_in_card_memory() {
    jobs(CARD_MAPPED, 1000);
}

#[test]
fn the_built_in_model_gives_the_same_bytes() {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../host-tools/models/small.systole"));
    let model = QuantizedModel::from_bytes(&std::fs::read(path).unwrap(), path).unwrap();
    let vocabulary = model.embedding.word_scale.len();
    let mut random = Random(3);
    let encodings: Vec<_> = [1, 7, 32, 33].map(|tokens| encoding(&mut random, vocabulary, tokens)).into();
    let options = session::RunOptions::default();
    let run = |device| {
        let mut session = session::Session::new(model.clone(), device).unwrap();
        session.hidden_integers(&encodings, &options).unwrap()
    };
    let here = run(Box::new(Simulator::new(&N16)));
    for uses in [DMA, CARD_MAPPED] {
        assert_eq!(run(Box::new(Host::new(simulator(&N16), uses))), here, "{uses:?}");
    }
}

/// Rings of two slots on the card, and a submission; the fault and its address.
fn submit_in(host: &mut Host, submissions: u64, completions: u64) -> (u32, u64) {
    host.set_pair(register::SQ_BASE_LO, register::SQ_BASE_HI, submissions).unwrap();
    host.set_pair(register::CQ_BASE_LO, register::CQ_BASE_HI, completions).unwrap();
    host.set(register::SQ_SIZE, 2).unwrap();
    host.set(register::CQ_SIZE, 2).unwrap();
    host.set(register::IRQ_ENABLE, 3).unwrap();
    host.set(register::CONTROL, 1).unwrap();
    host.set(register::SQ_TAIL, 1).unwrap();
    let address = host.get_pair(register::FAULT_ADDRESS_LO, register::FAULT_ADDRESS_HI).unwrap();
    (host.get(register::FAULT).unwrap(), address)
}

#[test]
fn memory_that_is_not_mapped_is_a_bus_error_and_untouched() {
    let mut host = Host::new(simulator(&N8), DMA);
    let canary = [0xc3; 4096];
    host.file().write_all_at(&canary, 4096).unwrap();
    host.client.dma_unmap(HOST_BASE, 1 << 16).unwrap();
    let gone = HOST_BASE + 4096;
    assert_eq!(submit_in(&mut host, HOST_BASE + (1 << 16), gone), (Cause::Bus as u32, gone));
    assert_eq!(host.take_interrupts(), 1, "and the fault is told");
    let mut bytes = [0; 4096];
    host.file().read_exact_at(&mut bytes, 4096).unwrap();
    assert_eq!(bytes, canary);
    // Mapped again, the very bytes would have changed.
    host.client.dma_map(0, HOST_BASE, 1 << 16, host.file().as_raw_fd()).unwrap();
    host.set(register::RESET, 1).unwrap();
    submit_in(&mut host, HOST_BASE + (1 << 16), gone);
    host.file().read_exact_at(&mut bytes, 4096).unwrap();
    assert_ne!(bytes, canary);
}

#[test]
fn without_bus_mastering_nothing_is_reached() {
    let mut host = Host::new(simulator(&N8), DMA);
    host.command(false);
    assert_eq!(submit_in(&mut host, HOST_BASE, HOST_BASE + 4096), (Cause::Bus as u32, HOST_BASE));
    host.command(true);
    let mut engine = Engine::open(Box::new(host)).unwrap();
    self_test::run(&mut engine, &self_test::verified(&N8).unwrap()).unwrap();
}

#[test]
fn both_resets_give_the_card_as_after_power_up() {
    const DEVICE_CONTROL: u64 = 0x58;
    let resets: [fn(&mut Host); 2] = [
        |host| host.client.reset().unwrap(),
        |host| host.client.region_write(CONFIG, DEVICE_CONTROL, &0x8000u16.to_le_bytes()).unwrap(),
    ];
    for reset in resets {
        let mut host = Host::new(simulator(&N8), DMA);
        host.set(register::WATCHDOG, 5).unwrap();
        host.set(register::IRQ_ENABLE, 3).unwrap();
        host.set(register::CONTROL, 1).unwrap();
        // Rings of nothing are malformed: a fault, and an interrupt.
        host.set(register::SQ_TAIL, 1).unwrap();
        assert_eq!(host.take_interrupts(), 1);
        let mut command = [0; 2];
        reset(&mut host);
        host.client.region_read(CONFIG, 4, &mut command).unwrap();
        assert_eq!(command, [0, 0]);
        for declared in register::REGISTERS.iter().filter(|r| !r.name.starts_with("CYCLE")) {
            let value = host.read(declared.offset).unwrap();
            assert!(declared.reset.is_none_or(|reset| reset == value), "{} reads {value:#x}", declared.name);
        }
        host.command(true);
        let mut engine = Engine::open(Box::new(host)).unwrap();
        self_test::run(&mut engine, &self_test::verified(&N8).unwrap()).unwrap();
    }
}

/// The status register's bit and the level of INTx.
#[test]
fn intx_shows_in_the_configuration_space() {
    let mut host = Host::new(simulator(&N8), CARD_MAPPED);
    let asserted = |host: &mut Host| {
        let mut status = [0];
        host.client.region_read(CONFIG, 6, &mut status).unwrap();
        status[0] & 1 << 3 != 0
    };
    assert!(!asserted(&mut host));
    host.set(register::IRQ_ENABLE, 3).unwrap();
    host.set(register::CONTROL, 1).unwrap();
    host.set(register::SQ_TAIL, 1).unwrap();
    assert!(asserted(&mut host));
    assert_eq!(host.take_interrupts(), 1);
    host.set(register::IRQ_STATUS, 3).unwrap();
    assert!(!asserted(&mut host));
    assert_eq!(host.take_interrupts(), 0);
}

#[test]
fn a_card_that_is_pulled_out_leaves_its_host() {
    let mut engine = Engine::open(Box::new(Host::new(faulty("unplug@2"), DMA))).unwrap();
    let program = self_test::verified(&N8).unwrap();
    self_test::run(&mut engine, &program).unwrap();
    let error = self_test::run(&mut engine, &program).unwrap_err();
    assert!(matches!(error, EngineError::Device(_) | EngineError::Poisoned), "{error}");
    let mut host = Host::new(faulty("unplug@1"), DMA);
    // The doorbell's answer may or may not come through.
    let _ = host.write(register::SQ_TAIL.offset, 1);
    assert!(host.read(0).is_err());
    assert_eq!(host.leave().unwrap(), Ended::Unplugged);
}

/// Interrupts with faults in them: how many come by a job.
#[test]
fn interrupts_get_lost_and_come_early_or_twice() {
    for (plan, events) in [("late-bit-flip@9", 1), ("lost-interrupt@1", 0), ("early-interrupt@1", 2)] {
        let mut host =
            systole_conformance::host::Host::new(Box::new(Host::new(faulty(plan), DMA)), 4, Duration::from_secs(5));
        host.write(register::IRQ_ENABLE, 3);
        let quiet = host.submission(1, &[systole_conformance::host::end()]);
        host.submit(&systole_isa::ring::Submission { flags: systole_isa::ring::SUBMIT_INTERRUPT, ..quiet });
        host.take();
        assert_eq!(host.device.take_interrupts(), events, "{plan}");
    }
}
