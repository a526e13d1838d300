//! What the driver costs: the way from the doorbell to the completion around an empty program, and the host's share of an
//! inference. Figures are in docs/performance.md.
//!
//! The simulator works inside the calls of its `Device` and on the caller's thread, so what is left is the host's.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use criterion::Criterion;
use systole_driver::{Bindings, Device, DeviceError, Engine, Program, RunOptions, verify};
use systole_isa::config::N8;
use systole_isa::instruction::End;
use systole_isa::{ABI_HASH, Instruction};
use systole_runtime::Session;
use systole_runtime::quantize::{QuantizedModel, Scales};
use systole_sim::Simulator;
use systole_tests::random::{Dimensions, Random, checkpoint, encoding, quantized, texts};

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../host-tools/models/small.systole");

/// A device that measures the time spent in it.
struct Timed<D> {
    device: D,
    nanoseconds: Arc<AtomicU64>,
}

impl<D> Timed<D> {
    fn time<T>(&mut self, call: impl FnOnce(&mut D) -> T) -> T {
        let started = Instant::now();
        let result = call(&mut self.device);
        self.nanoseconds.fetch_add(started.elapsed().as_nanos() as u64, Ordering::Relaxed);
        result
    }
}

impl<D: Device> Device for Timed<D> {
    fn read(&mut self, offset: u32) -> Result<u32, DeviceError> {
        self.time(|d| d.read(offset))
    }
    fn write(&mut self, offset: u32, value: u32) -> Result<(), DeviceError> {
        self.time(|d| d.write(offset, value))
    }
    fn allocate(&mut self, bytes: u64) -> Result<u64, DeviceError> {
        self.time(|d| d.allocate(bytes))
    }
    fn release(&mut self, address: u64) -> Result<(), DeviceError> {
        self.time(|d| d.release(address))
    }
    fn copy_to(&mut self, address: u64, bytes: &[u8]) -> Result<(), DeviceError> {
        self.time(|d| d.copy_to(address, bytes))
    }
    fn copy_from(&mut self, address: u64, bytes: &mut [u8]) -> Result<(), DeviceError> {
        self.time(|d| d.copy_from(address, bytes))
    }
    fn wait_interrupt(&mut self, timeout: Duration) -> Result<bool, DeviceError> {
        self.time(|d| d.wait_interrupt(timeout))
    }
}

fn empty(criterion: &mut Criterion) {
    let code = vec![Instruction::new(End {}).encode()];
    let regions = Default::default();
    let program = Program { config: &N8, abi_hash: ABI_HASH, tokens: 1, batch: 1, code, regions, tags: Vec::new() };
    let program = verify(program).expect("END is a program");
    let nanoseconds = Arc::default();
    let timed = Timed { device: Simulator::new(&N8), nanoseconds: Arc::clone(&nanoseconds) };
    for (name, device) in [
        ("empty program", Box::new(Simulator::new(&N8)) as Box<dyn Device + Send>),
        ("empty program, each call to the device timed", Box::new(timed)),
    ] {
        let mut engine = Engine::open(device).expect("it is ours");
        let loaded = engine.upload(&program).expect("there is room");
        let mut runs = 0;
        nanoseconds.store(0, Ordering::Relaxed);
        criterion.bench_function(name, |b| {
            b.iter(|| {
                runs += 1;
                engine.run(&loaded, &Bindings::new(), RunOptions::default()).expect("it ends")
            })
        });
        let inside = nanoseconds.load(Ordering::Relaxed) as f64 / f64::from(runs);
        if inside > 0.0 {
            println!("  of these {inside:.0} ns inside the device, the clock's own time included");
        }
    }
}

/// The host's part of an inference, outside the device.
fn share(name: &str, model: &QuantizedModel, vocab: usize, tokens: usize, runs: u32) {
    let nanoseconds = Arc::default();
    let device = Timed { device: Simulator::new(&N8), nanoseconds: Arc::clone(&nanoseconds) };
    let mut session = Session::new(model.clone(), Box::new(device)).expect("it fits");
    let encodings = [encoding(&mut Random(1), vocab, tokens)];
    let options = systole_runtime::RunOptions::default();
    session.embed(&encodings, &options).expect("it runs");
    nanoseconds.store(0, Ordering::Relaxed);
    let started = Instant::now();
    for _ in 0..runs {
        session.embed(&encodings, &options).expect("it runs");
    }
    let (whole, runs) = (started.elapsed().as_nanos() as f64, f64::from(runs));
    let host = whole - nanoseconds.load(Ordering::Relaxed) as f64;
    println!(
        "| {name} | {tokens} | {:.1} us | {:.1} us | {:.2} % |",
        whole / runs / 1e3,
        host / runs / 1e3,
        100.0 * host / whole
    );
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    empty(&mut criterion);
    criterion.final_summary();
    println!("\n| model on the simulator as n8 | tokens | inference | of it outside the device | share |");
    println!("|---|---|---|---|---|");
    let bytes = std::fs::read(MODEL).expect("it is in the repository");
    let small = QuantizedModel::from_bytes(&bytes, Path::new(MODEL)).expect("it opens");
    for (tokens, runs) in [(8, 500), (32, 200), (128, 40)] {
        share("built-in model", &small, 1000, tokens, runs);
    }
    let minilm = Dimensions { hidden: 384, layers: 6, heads: 12, intermediate: 1536, max_positions: 512 };
    let (minilm, _) = quantized(&checkpoint(minilm, 1), &texts(), Scales::Static);
    for (tokens, runs) in [(32, 10), (128, 3)] {
        share("MiniLM's dimensions, random weights", &minilm, 64, tokens, runs);
    }
}
