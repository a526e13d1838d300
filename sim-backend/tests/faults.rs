//! Each fault looks as its description says to a host that knows nothing of it.

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use support::host::{Host, encoded, end};
use systole_driver::{Device, DeviceError};
use systole_isa::config::N8;
use systole_isa::instruction::{Format, Load, Memory, Store};
use systole_isa::register::{self, MAGIC_VALUE};
use systole_isa::ring::{Completion, SUBMIT_INTERRUPT, Submission};
use systole_isa::{ABI_HASH, Cause};
use systole_sim::Simulator;
use systole_sim::faults::{FaultCounts, FaultKind, FaultPlan, Faulty};

const WAIT: Duration = Duration::from_millis(2);

struct Bench {
    host: Host<Faulty<Simulator>>,
    counts: Arc<FaultCounts>,
    submission: Submission,
    regions: [u64; 2],
}

/// A device with a plan, and a submission that copies region 0 to region 1.
fn bench(plan: &str) -> Bench {
    let device = Faulty::new(Simulator::new(&N8), plan.parse().unwrap());
    let counts = device.counts();
    let mut host = Host::new(device, 8);
    host.write(register::IRQ_ENABLE, 3);
    let regions = [host.region(0, 4096), host.region(1, 4096)];
    host.device.copy_to(regions[0], &[0x11; 4096]).unwrap();
    let (memory, format) = (Memory::Spad, Format::I8);
    let (dst, src, rows, cols, offset, pitch) = (0, 0, 128, 8, 0, 32);
    let code = [
        encoded(Load { memory, format, region: 0, dst, dst_stride: 1, offset, pitch, rows, cols }, 0, 1),
        encoded(Store { memory, format, region: 1, src, src_stride: 1, offset, pitch, rows, cols }, 1, 0),
        end(),
    ];
    let submission = Submission { flags: SUBMIT_INTERRUPT, ..host.submission(7, &code) };
    Bench { host, counts, submission, regions }
}

impl Bench {
    fn submit(&mut self) {
        let submission = self.submission;
        self.host.submit(&submission);
    }

    fn tail(&mut self) -> u32 {
        self.host.read(register::CQ_TAIL)
    }

    /// Whether the interrupt is raised; clears it.
    fn interrupt(&mut self) -> bool {
        let raised = self.host.device.wait_interrupt(WAIT).unwrap();
        self.host.write(register::IRQ_STATUS, 3);
        raised
    }

    /// Waits until CQ_TAIL moves, at most a second.
    fn completes(&mut self) -> Completion {
        let started = Instant::now();
        while self.tail() == self.host.head {
            assert!(started.elapsed() < Duration::from_secs(1), "it does not complete");
        }
        self.host.take()
    }

    fn right(&mut self) {
        let entry = self.completes();
        assert_eq!((entry.id, entry.cause, entry.instruction), (7, 0, 3));
    }

    fn memory(&mut self) -> Vec<Vec<u8>> {
        let read = |address| {
            let mut bytes = vec![0; 4096];
            self.host.device.copy_from(address, &mut bytes).unwrap();
            bytes
        };
        self.regions.map(read).into()
    }
}

#[test]
fn without_a_fault_nothing_changes() {
    let mut bench = bench("reset@9");
    bench.submit();
    assert!(bench.interrupt() && !bench.interrupt());
    bench.right();
    assert_eq!(bench.counts.total(), 0);
}

#[test]
fn ones_pass_a_dead_link_does_not() {
    let mut ones = bench("ones@1");
    ones.submit();
    assert_eq!(ones.tail(), u32::MAX);
    for _ in 0..3 {
        ones.tail();
    }
    ones.right();

    let mut down = bench("link-down@1");
    down.submit();
    assert!((0..20).all(|_| down.tail() == u32::MAX) && !down.interrupt());
    down.host.device.reset_link().unwrap();
    assert_eq!((down.tail(), down.host.read(register::MAGIC)), (0, MAGIC_VALUE));
    assert_eq!((down.host.read(register::CONTROL), down.host.read(register::SQ_SIZE)), (0, 0), "as after power-up");
    assert_eq!(down.memory(), [vec![0xa5; 4096], vec![0xa5; 4096]], "memory is lost");

    let mut gone = bench("unplug@1");
    gone.submit();
    assert!(matches!(gone.host.device.reset_link(), Err(DeviceError::LinkDown { .. })));
    assert_eq!(gone.tail(), u32::MAX);
}

#[test]
fn interrupts_come_never_early_or_twice() {
    let mut lost = bench("lost-interrupt@1,delay=1");
    lost.submit();
    assert!(!lost.interrupt());
    lost.right();
    assert!(!lost.interrupt());
    lost.submit();
    assert!(lost.interrupt(), "the next one comes");

    let mut early = bench("early-interrupt@1,delay=100");
    early.submit();
    assert!(early.interrupt());
    assert_eq!(early.tail(), 0, "nothing has completed");
    early.right();
    assert!(early.interrupt());

    let mut twice = bench("duplicate-interrupt@1,delay=100");
    twice.submit();
    assert!(twice.interrupt());
    twice.right();
    twice.submit();
    assert!(twice.interrupt());
    assert_eq!(twice.tail(), 1, "that was the first submission's");
    twice.right();
}

#[test]
fn a_stuck_device_is_busy_until_a_reset() {
    let mut bench = bench("stuck-busy@1");
    bench.submit();
    assert!(!bench.interrupt());
    assert_eq!((bench.host.read(register::STATUS) & 1, bench.tail()), (1, 0));
    bench.host.write(register::RESET, 1);
    assert_eq!(bench.host.read(register::STATUS), 0);
    bench.host.set_up();
    bench.submit();
    bench.right();
}

#[test]
fn what_is_slow_completes_later_or_when_the_engine_is_disabled() {
    let mut slow = bench("slow-completion@1,delay=200");
    slow.submit();
    assert_eq!((slow.tail(), slow.host.read(register::SQ_TAIL)), (0, 1));
    slow.right();
    let mut stopped = bench("slow-completion@1,delay=100000");
    stopped.submit();
    assert_eq!(stopped.tail(), 0);
    stopped.host.write(register::CONTROL, 0);
    stopped.right();
}

#[test]
fn a_corrupt_completion_is_wrong_in_one_bit() {
    for seed in 0..20 {
        let mut bench = bench(&format!("corrupt-completion@1,seed={seed}"));
        bench.submit();
        let right = Completion { id: 7, phase: 1, instruction: 3, ..Completion::default() };
        let found = bench.completes();
        let bits = |c: &Completion| bytemuck::bytes_of(c).to_vec();
        let wrong: u32 = bits(&right).iter().zip(bits(&found)).map(|(a, b)| (a ^ b).count_ones()).sum();
        assert_eq!((wrong, found.cycles), (1, 0));
    }
}

#[test]
fn a_stale_bitstream_needs_a_reset_of_the_link() {
    let mut bench = bench("stale-abi@1");
    bench.submit();
    assert_eq!((bench.tail(), bench.host.read(register::SQ_TAIL)), (0, 0));
    assert_ne!(bench.host.read(register::ABI_HASH_LO), ABI_HASH as u32);
    bench.host.write(register::RESET, 1);
    assert_ne!(bench.host.read(register::ABI_HASH_LO), ABI_HASH as u32);
    bench.host.device.reset_link().unwrap();
    assert_eq!(bench.host.read(register::ABI_HASH_LO), ABI_HASH as u32);
}

#[test]
fn dma_fails_on_the_host_or_on_the_device() {
    let mut copy = bench("copy-error@1");
    copy.submit();
    let message = copy.host.device.copy_from(copy.regions[0], &mut [0]).unwrap_err().to_string();
    assert!(message.starts_with("copy on device memory: the DMA engine reports an error"), "{message}");
    copy.right();

    let mut bus = bench("bus-error@1");
    bus.submit();
    assert_eq!(bus.completes().cause, Cause::Bus as u8);
}

#[test]
fn bits_flip_in_what_the_device_reads() {
    let mut seen = [false; 2];
    for seed in 0..40 {
        let mut bench = bench(&format!("late-bit-flip@1,seed={seed}"));
        let code = bench.submission.program;
        bench.submit();
        bench.right();
        let regions = bench.memory();
        let wrong = |bytes: &[u8], right: u8| bytes.iter().filter(|b| **b != right).count();
        // The program copies columns 0 to 7 of each row of 32 bytes.
        let output: usize = regions[1].chunks(32).map(|r| wrong(&r[..8], 0x11) + wrong(&r[8..], 0)).sum();
        let input = wrong(&regions[0], 0x11);
        assert!(input + output <= 1);
        seen = [seen[0] | (input == 1), seen[1] | (output == 1)];
        let mut bytes = [0; 32];
        bench.host.device.copy_from(code + 64, &mut bytes).unwrap();
        assert!(input + output == 0 || bytes == end(), "one flip is one flip");
    }
    assert_eq!(seen, [true; 2]);
    let faulted = (0..40).filter(|seed| {
        let mut bench = bench(&format!("bit-flip@1,seed={seed}"));
        bench.submit();
        bench.tail() == 0 || bench.completes().cause != 0
    });
    assert!(faulted.count() > 3, "flips in the program and its description are found by the device");
}

#[test]
fn a_reset_from_elsewhere_loses_the_submission() {
    let mut bench = bench("reset@1");
    bench.submit();
    assert!(!bench.interrupt());
    assert_eq!((bench.tail(), bench.host.read(register::SQ_TAIL)), (0, 0));
}

#[test]
fn a_seed_gives_the_same_faults() {
    let strikes = |seed: u64| {
        let plan = FaultPlan { seed, rate: 0.5, delay: Duration::ZERO, ..FaultPlan::default() };
        let kinds = [FaultKind::Ones, FaultKind::DuplicateInterrupt, FaultKind::SlowCompletion];
        let mut bench = bench("reset@1");
        bench.host = Host::new(Faulty::new(Simulator::new(&N8), FaultPlan { kinds: kinds.to_vec(), ..plan }), 8);
        bench.counts = bench.host.device.counts();
        let trail = (0..60).map(|_| {
            let tail = (bench.host.tail + 1) % 8;
            bench.host.tail = tail;
            bench.host.write(register::SQ_TAIL, tail);
            kinds.map(|kind| bench.counts.of(kind))
        });
        trail.collect::<Vec<_>>()
    };
    assert_eq!(strikes(1), strikes(1));
    assert_ne!(strikes(1), strikes(2));
    assert!(strikes(1)[59].iter().all(|n| *n > 3), "{:?}", strikes(1)[59]);
}
