//! Bytes to a program; what the verifier accepts, the simulator runs without a fault and alike in two orders.
#![no_main]

use libfuzzer_sys::fuzz_target;
use systole_driver::{Bindings, Buffer, Engine, Program, RunOptions, Verified, verify};
use systole_sim::{Interleaving, Queues, Simulator};

/// Bytes of all regions together that are worth allocating.
const MEMORY: u64 = 1 << 20;

fn run(program: &Verified, simulator: Simulator) -> Vec<Vec<u8>> {
    let mut engine = Engine::open(Box::new(simulator)).expect("the simulator is a device");
    let loaded = engine.upload(program).expect("the configuration is the program's");
    let sizes = program.regions.each_ref().map(|r| u64::from(r.size));
    let buffers: Vec<Buffer> = sizes.iter().map(|s| engine.allocate(*s).expect("room")).collect();
    for (buffer, size) in buffers.iter().zip(sizes) {
        let bytes: Vec<u8> = (0..size).map(|i| (i as u32).wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
        engine.write(buffer, 0, &bytes).expect("inside the buffer");
    }
    let bindings = buffers.iter().enumerate().fold(Bindings::new(), |all, (index, buffer)| all.bind(index, buffer));
    engine.run(&loaded, &bindings, RunOptions::default()).expect("a verified program does not fault");
    let read = |(buffer, size): (&Buffer, u64)| {
        let mut bytes = vec![0; size as usize];
        engine.read(buffer, 0, &mut bytes).expect("inside the buffer");
        bytes
    };
    buffers.iter().zip(sizes).map(read).collect()
}

fuzz_target!(|bytes: &[u8]| {
    // As they are, and with the checksum that nobody guesses.
    let mut sealed = bytes.to_vec();
    let sum = sealed.iter().fold(0xcbf2_9ce4_8422_2325u64, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x100_0000_01b3));
    sealed.extend(sum.to_le_bytes());
    let _ = Program::from_bytes(bytes);
    let Ok(program) = Program::from_bytes(&sealed) else { return };
    assert!(program.to_bytes() == sealed, "a file has one meaning and a program one file");
    let writable: u64 = program.regions.iter().map(|r| u64::from(r.size)).sum();
    let config = program.config;
    let Ok(verified) = verify(program) else { return };
    if writable > MEMORY || verified.code.len() > 64 {
        return;
    }
    let ordered = run(&verified, Simulator::new(config));
    let random = Simulator::new(config).with_interleaving(Interleaving::Random { seed: bytes.len() as u64 });
    assert!(ordered == run(&verified, random.with_queues(Queues::Unbounded)), "the order of units shows");
});
