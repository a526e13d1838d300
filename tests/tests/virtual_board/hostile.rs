//! Whatever a host sends: the server answers with an error or hangs up, and the card reaches nothing that is not mapped.

use std::fs::File;

use rustix::fs::{MemfdFlags, memfd_create};
use systole_isa::config::N8;
use systole_isa::register::{self, MAGIC_VALUE};
use systole_sim::Simulator;
use systole_sim::virtual_board::{Ended, Error};
use systole_tests::random::Random;

use super::host::Board;
use super::raw::{
    DEVICE_GET_IRQ_INFO, DEVICE_GET_REGION_INFO, DEVICE_RESET, DEVICE_SET_IRQS, DMA_MAP, DMA_UNMAP, REGION_READ,
    REGION_WRITE, Raw, VERSION, bytes,
};

const PAGE: u64 = 4096;
const EINVAL: u32 = 22;
const EEXIST: u32 = 17;
const EOPNOTSUPP: u32 = 95;

fn board() -> Board {
    Board::new(Box::new(Simulator::new(&N8)))
}

fn memory(bytes: u64) -> File {
    let file = File::from(memfd_create("hostile", MemfdFlags::CLOEXEC).unwrap());
    file.set_len(bytes).unwrap();
    file
}

/// The server still answers, as the card it was.
fn is_well(raw: &mut Raw) {
    assert_eq!(raw.read(0, 0, 4).unwrap(), MAGIC_VALUE.to_le_bytes());
}

#[test]
fn accesses_outside_a_region_or_of_odd_sizes_are_refused() {
    let board = board();
    let mut raw = Raw::connect(&board.path);
    let sizes = [4096, 0, super::host::MEMORY, 0, 4096, 0, 0, 4096, 0];
    for (region, size) in (0..).zip(sizes) {
        for (offset, count) in [(size, 1), (size.wrapping_sub(2), 4), (u64::MAX, 4), (1 << 40, 4), (0, (1 << 20) + 1)] {
            assert_eq!(raw.read(region, offset, count), Err(EINVAL), "{region} {offset:#x} {count}");
        }
        assert_eq!(raw.write(region, size, &[0; 4]), Err(EINVAL));
        assert_eq!(raw.write(region, u64::MAX - 1, &[0; 4]), Err(EINVAL));
    }
    for region in [9, 1 << 16, u32::MAX] {
        assert_eq!(raw.read(region, 0, 4), Err(EINVAL));
        assert_eq!(raw.write(region, 0, &[0; 4]), Err(EINVAL));
        assert_eq!(raw.ask(DEVICE_GET_REGION_INFO, &bytes!(32u32, 0u32, region, 0u32, 0u64, 0u64)), Err(EINVAL));
        assert_eq!(raw.ask(DEVICE_GET_IRQ_INFO, &bytes!(16u32, 0u32, region, 0u32)), Err(EINVAL));
    }
    for (offset, data) in [(1, 4), (2, 4), (0, 1), (0, 2), (0, 6), (4, 3)] {
        assert_eq!(raw.write(0, offset, &vec![0; data]), Err(EINVAL), "{offset} {data}");
    }
    assert_eq!(raw.read(0, 2, 4), Err(EINVAL));
    assert_eq!(raw.read(0, 2, 2).unwrap(), MAGIC_VALUE.to_le_bytes()[2..]);
    assert_eq!(raw.read(0, 0, 4096).unwrap().len(), 4096);
    is_well(&mut raw);
    drop(raw);
    assert_eq!(board.ended().unwrap(), Ended::Disconnected);
}

#[test]
fn mappings_that_make_no_sense_are_refused() {
    let board = board();
    let mut raw = Raw::connect(&board.path);
    let file = memory(8 * PAGE);
    let map = |offset: u64, address: u64, size: u64| bytes!(32u32, 3u32, offset, address, size);
    for (offset, address, size, error) in [
        (0, 0, 0, EINVAL),
        (0, 0, 1 << 62, EINVAL),
        (0, 0u64.wrapping_sub(PAGE), 2 * PAGE, EINVAL),
        (0, 1, PAGE, EINVAL),
        (0, 0, 9 * PAGE, EINVAL),
        (u64::MAX - PAGE + 1, 0, PAGE, EINVAL),
        (0, 1 << 52, PAGE, EINVAL),
    ] {
        assert_eq!(raw.ask_with(DMA_MAP, &map(offset, address, size), &file), Err(error), "{address:#x} {size:#x}");
    }
    assert_eq!(raw.ask_with(DMA_MAP, &map(0, 0, PAGE), File::open("/dev/zero").unwrap()), Err(EINVAL));
    raw.ask_with(DMA_MAP, &map(0, PAGE, 2 * PAGE), &file).unwrap();
    assert_eq!(raw.ask_with(DMA_MAP, &map(0, 2 * PAGE, 2 * PAGE), &file), Err(EEXIST));
    raw.ask(DMA_MAP, &map(0, 1 << 40, 1 << 30)).unwrap();
    let unmap = |flags: u32, address: u64, size: u64| bytes!(24u32, flags, address, size);
    for (flags, address, size, error) in
        [(0, PAGE, PAGE, EINVAL), (0, u64::MAX, 2, EINVAL), (2, PAGE, 2 * PAGE, EOPNOTSUPP), (8, 0, 0, EOPNOTSUPP)]
    {
        assert_eq!(raw.ask(DMA_UNMAP, &unmap(flags, address, size)), Err(error));
    }
    raw.ask(DMA_UNMAP, &unmap(0, 64 * PAGE, PAGE)).unwrap();
    raw.ask(DMA_UNMAP, &unmap(4, 0, 0)).unwrap();
    raw.ask_with(DMA_MAP, &map(0, 2 * PAGE, 2 * PAGE), &file).unwrap();
    is_well(&mut raw);
}

#[test]
fn what_is_no_message_ends_the_connection_and_not_the_server() {
    for (name, bytes) in [
        ("a size below the header's", bytes!(7u16, VERSION, 15u32, 0u32, 0u32)),
        ("a size of nothing", bytes!(7u16, VERSION, 0u32, 0u32, 0u32)),
        ("a huge size", bytes!(7u16, REGION_WRITE, u32::MAX, 0u32, 0u32)),
        ("another protocol", b"GET / HTTP/1.1\r\n\r\n".to_vec()),
        ("half a header", vec![1; 9]),
    ] {
        let board = board();
        let mut raw = Raw::connect(&board.path);
        raw.send(&bytes);
        if name == "half a header" {
            drop(raw);
        } else {
            assert_eq!(raw.answer(), None, "{name}");
        }
        assert!(matches!(board.ended(), Err(Error::Protocol { .. })), "{name}");
    }
}

#[test]
fn bodies_that_are_too_short_or_long_are_refused() {
    let board = board();
    let mut raw = Raw::connect(&board.path);
    for command in [
        VERSION,
        DMA_MAP,
        DMA_UNMAP,
        DEVICE_GET_REGION_INFO,
        DEVICE_GET_IRQ_INFO,
        DEVICE_SET_IRQS,
        REGION_READ,
        REGION_WRITE,
    ] {
        for len in [0, 1, 3] {
            assert_eq!(raw.ask(command, &vec![0; len]), Err(EINVAL), "{command}");
        }
    }
    assert_eq!(raw.ask(REGION_WRITE, &bytes!(0u64, 0u32, 8u32, 0u32)), Err(EINVAL), "less data than announced");
    assert_eq!(raw.ask(REGION_WRITE, &bytes!(0u64, 0u32, 0u32, 0u32)), Err(EINVAL), "more data than announced");
    assert_eq!(raw.ask(VERSION, &bytes!(1u16, 0u16)), Err(EINVAL), "another major version");
    raw.ask(VERSION, &bytes!(0u16, 9u16)).unwrap();
    raw.ask(VERSION, &[&bytes!(0u16, 0u16)[..], b"{no json"].concat()).unwrap();
    for command in [0, 6, 11, 12, 14, 15, 16, u16::MAX] {
        assert_eq!(raw.ask(command, &[0; 32]), Err(EOPNOTSUPP), "{command}");
    }
    is_well(&mut raw);
}

#[test]
fn a_message_may_come_in_pieces_and_want_no_answer() {
    let board = board();
    let mut raw = Raw::connect(&board.path);
    for byte in Raw::message(REGION_READ, &bytes!(0u64, 0u32, 4u32)) {
        raw.send(&[byte]);
    }
    assert_eq!(raw.answer().unwrap().unwrap()[16..], MAGIC_VALUE.to_le_bytes());
    let offset = u64::from(register::WATCHDOG.offset);
    let mut silent = Raw::message(REGION_WRITE, &bytes!(offset, 0u32, 4u32, 77u32));
    silent[8] = 1 << 4;
    raw.send(&silent);
    assert_eq!(raw.read(0, offset, 4).unwrap(), 77u32.to_le_bytes());
}

#[test]
fn configuration_space_may_be_overwritten() {
    let board = board();
    let mut raw = Raw::connect(&board.path);
    let before = raw.read(7, 0, 4096).unwrap();
    for byte in [0xff, 0x00, 0xa5] {
        raw.write(7, 0, &[byte; 4096]).unwrap();
        raw.write(4, 0, &[byte; 4096]).unwrap();
        assert_eq!(raw.read(7, 0, 4).unwrap(), before[..4], "the identity stays");
    }
    raw.ask(DEVICE_RESET, &[]).unwrap();
    assert_eq!(raw.read(7, 0, 4096).unwrap(), before);
    is_well(&mut raw);
}

/// A number that is more likely than others to be wrong.
fn number(random: &mut Random) -> u64 {
    let edge = [0, 1, 4, 16, PAGE - 4, PAGE, 2 * PAGE, 1 << 20, 1 << 32, 1 << 52, u64::from(u32::MAX), u64::MAX];
    let small = [0, 0, 4, PAGE, 0u64.wrapping_sub(1)][random.below(5)];
    match random.below(4) {
        0 => random.below(4096) as u64,
        1 => random.below(1 << 30) as u64 * 4,
        _ => edge[random.below(edge.len())].wrapping_add(small),
    }
}

fn random_body(random: &mut Random, command: u16) -> Vec<u8> {
    let (a, b, c) = (number(random), number(random), number(random));
    let small = random.below(12) as u32;
    match command {
        DMA_MAP => bytes!(32u32, random.below(4) as u32, a, b, c),
        DMA_UNMAP => bytes!(24u32, [0u32, 0, 0, 4, 2][random.below(5)], a, b),
        DEVICE_SET_IRQS => {
            let (action, data) = ([8u32, 16, 32, 0][random.below(4)], [1u32, 2, 4][random.below(3)]);
            bytes!(20u32, action | data, random.below(6) as u32, random.below(2) as u32, random.below(3) as u32)
        }
        REGION_READ => bytes!(a, small, (b as u32) % (1 << 21)),
        REGION_WRITE => {
            // Registers and configuration space most of all, with the rings on what may be mapped.
            let region = [0u32, 0, 0, 7, 7, 2, small][random.below(7)];
            let count = [4usize, 4, 4, 8, 1, 2, random.below(64)][random.below(7)];
            let data: Vec<u8> = (0..count).flat_map(|_| number(random).to_le_bytes()).take(count).collect();
            let offset = if random.below(4) == 0 { a } else { random.below(1024) as u64 * 4 };
            [bytes!(offset, region, count as u32), data].concat()
        }
        _ => (0..random.below(40)).map(|_| random.below(256) as u8).collect(),
    }
}

/// Sends this many random messages; how many were done, and how many refused.
fn fuzz(seed: u64, messages: usize) -> [usize; 2] {
    let mut random = Random(seed);
    let file = memory(16 * PAGE);
    let mut outcomes = [0; 2];
    let board = board();
    let mut raw = Raw::connect(&board.path);
    for _ in 0..messages {
        let command = random.below(16) as u16;
        let body = random_body(&mut random, command);
        let answer = match (command, random.below(4)) {
            (DMA_MAP | DEVICE_SET_IRQS, 1..) => raw.ask_with(command, &body, &file),
            _ => raw.ask(command, &body),
        };
        outcomes[usize::from(answer.is_err())] += 1;
    }
    // What it has become is a card all the same.
    raw.ask(DEVICE_RESET, &[]).unwrap();
    is_well(&mut raw);
    drop(raw);
    assert_eq!(board.ended().unwrap(), Ended::Disconnected);
    outcomes
}

#[test]
fn random_messages_never_end_the_server() {
    let mut sum = [0; 2];
    for seed in 0..8 {
        let [done, refused] = fuzz(seed, 2500);
        sum = [sum[0] + done, sum[1] + refused];
    }
    println!("20000 random messages: {} done, {} refused", sum[0], sum[1]);
    assert!(sum.iter().all(|count| *count > 2000), "{sum:?}");
}
