//! Bytes to a recording; what is one is replayed on the simulator, within bounds.
#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use systole_driver::recorder::replay::Options;
use systole_driver::recorder::{Recording, replay};
use systole_isa::config::N8;
use systole_sim::Simulator;

fuzz_target!(|bytes: &[u8]| {
    // As they are, and with the checksum that nobody guesses.
    let mut sealed = bytes.to_vec();
    let sum = sealed.iter().fold(0xcbf2_9ce4_8422_2325u64, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x100_0000_01b3));
    sealed.extend(sum.to_le_bytes());
    let _ = Recording::from_bytes(bytes);
    let Ok(recording) = Recording::from_bytes(&sealed) else { return };
    assert!(recording.to_bytes() == sealed, "a file has one meaning and a recording one file");
    let options = Options { deadline: Duration::from_millis(1), memory: 1 << 20 };
    let _ = replay(&recording, &mut Simulator::new(recording.config().unwrap_or(&N8)), &options);
});
