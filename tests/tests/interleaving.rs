//! Random programs that the verifier accepts, on the simulator under random interleavings: none may fault, and all must
//! leave the same bytes, whatever earlier programs left on the chip.

#[path = "../../driver/tests/build/mod.rs"]
mod build;
// The generator is the one that the verifier's own oracle uses.
#[path = "../../driver/tests/generator/mod.rs"]
mod generator;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::time::Duration;

use build::{load, program, store, sync};
use generator::{choices, generate};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use systole_driver::{
    Bindings, Buffer, Device, DeviceError, Engine, EngineError, Program, Refused, RunOptions, Verified, verify,
};
use systole_isa::config::N8;
use systole_isa::instruction::Load;
use systole_sim::{Interleaving, Queues, Simulator};

const BYTES: usize = 4096;

/// An engine with the two buffers of [`build::program`].
struct Executor {
    engine: Engine,
    input: Buffer,
    output: Buffer,
}

impl Executor {
    fn new(interleaving: Interleaving, queues: Queues) -> Result<Self, EngineError> {
        Self::open(Box::new(Simulator::new(&N8).with_interleaving(interleaving).with_queues(queues)))
    }

    fn open(device: Box<dyn Device + Send>) -> Result<Self, EngineError> {
        let mut engine = Engine::open(device)?;
        let (input, output) = (engine.allocate(BYTES as u64)?, engine.allocate(BYTES as u64)?);
        // Bytes without a pattern that tiling could hide.
        let bytes: Vec<u8> = (0..BYTES as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        engine.write(&input, 0, &bytes)?;
        Ok(Self { engine, input, output })
    }

    fn run(&mut self, program: &Verified) -> Result<Vec<u8>, EngineError> {
        let loaded = self.engine.upload(program)?;
        let mut bytes = vec![0x5a; BYTES];
        self.engine.write(&self.output, 0, &bytes)?;
        let bindings = Bindings::new().bind(0, &self.input).bind(1, &self.output);
        self.engine.run(&loaded, &bindings, RunOptions::default())?;
        self.engine.read(&self.output, 0, &mut bytes)?;
        Ok(bytes)
    }
}

fn executors() -> Vec<Executor> {
    let random = (0..6).map(|seed| {
        let queues = if seed % 2 == 0 { Queues::Hardware } else { Queues::Unbounded };
        (Interleaving::Random { seed }, queues)
    });
    let all = random.chain([(Interleaving::FetchOrder, Queues::Hardware)]);
    all.map(|(interleaving, queues)| Executor::new(interleaving, queues).unwrap()).collect()
}

#[test]
fn verified_programs_give_the_same_bytes_in_every_order() {
    // Programs follow each other on the same devices, so that a read of something unwritten finds something else.
    let executors = RefCell::new(executors());
    let (accepted, stored) = (Cell::new(0), Cell::new(0));
    let mut runner = TestRunner::new(ProptestConfig { cases: 600, ..ProptestConfig::default() });
    let result = runner.run(&(choices(64), any::<bool>()), |(choices, sloppy)| {
        let Ok(program) = verify(program(&generate(&choices, sloppy))) else { return Ok(()) };
        accepted.set(accepted.get() + 1);
        let mut first: Option<Vec<u8>> = None;
        for executor in executors.borrow_mut().iter_mut() {
            let bytes = executor.run(&program).map_err(|e| TestCaseError::fail(e.to_string()))?;
            match &first {
                Some(first) => prop_assert_eq!(first, &bytes),
                None => {
                    stored.set(stored.get() + usize::from(bytes.iter().any(|b| *b != 0x5a)));
                    first = Some(bytes);
                }
            }
        }
        Ok(())
    });
    result.unwrap();
    assert!(accepted.get() > 300 && stored.get() > 200, "{} accepted, {} stored", accepted.get(), stored.get());
}

/// Exchanges the code on its way to the device: nothing but a verified program can be submitted, yet the property is
/// worth something only if a racy program breaks it.
struct Exchange {
    simulator: Simulator,
    from: Vec<u8>,
    to: Vec<u8>,
}

impl Device for Exchange {
    fn read(&mut self, offset: u32) -> Result<u32, DeviceError> {
        self.simulator.read(offset)
    }
    fn write(&mut self, offset: u32, value: u32) -> Result<(), DeviceError> {
        self.simulator.write(offset, value)
    }
    fn allocate(&mut self, bytes: u64) -> Result<u64, DeviceError> {
        self.simulator.allocate(bytes)
    }
    fn release(&mut self, address: u64) -> Result<(), DeviceError> {
        self.simulator.release(address)
    }
    fn copy_to(&mut self, address: u64, bytes: &[u8]) -> Result<(), DeviceError> {
        let bytes = if bytes == self.from { &self.to } else { bytes };
        self.simulator.copy_to(address, bytes)
    }
    fn copy_from(&mut self, address: u64, bytes: &mut [u8]) -> Result<(), DeviceError> {
        self.simulator.copy_from(address, bytes)
    }
    fn wait_interrupt(&mut self, timeout: Duration) -> Result<bool, DeviceError> {
        self.simulator.wait_interrupt(timeout)
    }
}

#[test]
fn a_racy_program_gives_different_bytes() {
    let ordered =
        program(&[sync(load(0, 1), 0, 1), sync(store(0, 1, 0), 1, 2), sync(Load { offset: 64, ..load(0, 1) }, 2, 0)]);
    let mut racy = ordered.clone();
    racy.code[1] = sync(store(0, 1, 0), 1, 0).encode();
    racy.code[2] = sync(Load { offset: 64, ..load(0, 1) }, 0, 0).encode();
    assert!(matches!(verify(racy.clone()), Err(Refused::Instruction { .. })));

    let verified = verify(ordered.clone()).unwrap();
    let outcomes = |to: &Program| -> BTreeSet<Vec<u8>> {
        (0..32)
            .map(|seed| {
                let simulator = Simulator::new(&N8).with_interleaving(Interleaving::Random { seed });
                let (from, to) = (ordered.code.as_flattened().to_vec(), to.code.as_flattened().to_vec());
                let mut executor = Executor::open(Box::new(Exchange { simulator, from, to })).unwrap();
                executor.run(&verified).unwrap()
            })
            .collect()
    };
    assert_eq!(outcomes(&ordered).len(), 1);
    assert_eq!(outcomes(&racy).len(), 2);
}
