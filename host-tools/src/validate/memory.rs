//! Memory that both sides reach: does it hold what is written, and how fast is it copied?

use std::time::Instant;

use super::{Failure, Found, Trial, figures};

/// Walking ones over the data lines, then each word's own address, so that two that are one show.
pub fn patterns(trial: &Trial<'_>) -> Found {
    let mut device = trial.device()?;
    let bytes = trial.bytes.min(1 << 20);
    let address = device.allocate(bytes)?;
    let words = bytes as usize / 8;
    let walking: Vec<u8> = (0..words).flat_map(|word| (1u64 << (word % 64)).to_le_bytes()).collect();
    let inverted: Vec<u8> = walking.iter().map(|byte| !byte).collect();
    let addresses: Vec<u8> = (0..words as u64).flat_map(|word| (address + 8 * word).to_le_bytes()).collect();
    for pattern in [walking, inverted, addresses, vec![0; bytes as usize]] {
        device.copy_to(address, &pattern)?;
        let mut found = vec![0x5a; pattern.len()];
        device.copy_from(address, &mut found)?;
        compare(&pattern, &found)?;
    }
    device.release(address)?;
    Ok((figures([("bytes", bytes as f64)]), format!("4 patterns over {bytes} bytes")))
}

/// Compares bytes.
pub fn compare(expected: &[u8], found: &[u8]) -> Result<(), Failure> {
    let different = || expected.iter().zip(found).enumerate().filter(|(_, (a, b))| a != b);
    let bytes = different().count();
    match different().next() {
        None => Ok(()),
        Some((offset, (&expected, &found))) => Err(Failure::Memory { offset, expected, found, bytes }),
    }
}

/// The host's copies in both directions.
pub fn copies(trial: &Trial<'_>) -> Found {
    let mut device = trial.device()?;
    let address = device.allocate(trial.bytes)?;
    let pattern: Vec<u8> = (0..trial.bytes).map(|i| (i as u32).wrapping_mul(0x9e37_79b9).to_le_bytes()[3]).collect();
    // Once for the pages, then by the clock.
    device.copy_to(address, &pattern)?;
    let started = Instant::now();
    device.copy_to(address, &pattern)?;
    let to = rate(trial.bytes, started);
    let mut found = vec![0; pattern.len()];
    let started = Instant::now();
    device.copy_from(address, &mut found)?;
    let from = rate(trial.bytes, started);
    compare(&pattern, &found)?;
    let all = figures([("to_device_mb_s", to), ("from_device_mb_s", from)]);
    Ok((all, format!("{to} MB/s to the device, {from} MB/s from it")))
}

fn rate(bytes: u64, started: Instant) -> f64 {
    (bytes as f64 / started.elapsed().as_secs_f64().max(1e-9) / 1e5).round() / 10.0
}
