//! The boards' wrappers in Verilator, reached as a host reaches a board: over its serial line. The driver's engine runs the
//! self-test there, on the models of the part's multipliers.
//!
//! `cargo test -p systole-bitgen --test board -- --ignored --nocapture`

mod verilator;

use std::collections::BTreeMap;
use std::time::Duration;
use systole_bitgen::bitstream::self_test;
use systole_driver::{Device, DeviceError, Engine};
use systole_isa::config::N8;
use systole_isa::register;
use verilator::{BUILD_ID, Blocks, Pipe};

/// Bytes of a word of the board's memory.
const WORD: u64 = N8.bus_bytes as u64;
/// All of its memory.
const MEMORY: u64 = 16384;

/// A board at the other end of a serial line.
struct Board {
    line: Pipe,
    allocated: BTreeMap<u64, u64>,
}

impl Board {
    fn start(top: &str) -> Self {
        let bench = verilator::build_with(top, "board", &N8, Blocks::Board);
        // As the part's flip-flops begin when it is configured, but for those that begin with one.
        Self { line: Pipe::start(&bench, &["+verilator+rand+reset+0"]), allocated: BTreeMap::new() }
    }

    fn exchange(&mut self, sent: &[u8], answer: &mut [u8]) {
        let counts = [sent.len() as u16, answer.len() as u16].map(u16::to_le_bytes);
        self.line.send(counts.as_flattened());
        self.line.send(sent);
        answer.copy_from_slice(&self.line.receive(answer.len()));
    }

    fn command(&mut self, letter: u8, address: u32, data: &[u8], answer: &mut [u8]) {
        let sent = [&[letter], &address.to_le_bytes()[..], data].concat();
        self.exchange(&sent, answer);
    }

    fn confirmed(&mut self, letter: u8, address: u32, data: &[u8]) {
        let mut answer = [0];
        self.command(letter, address, data, &mut answer);
        assert_eq!(answer, *b"k");
    }

    fn word(&mut self, address: u64) -> [u8; WORD as usize] {
        let mut word = [0; WORD as usize];
        self.command(b'g', address as u32, &[], &mut word);
        word
    }

    fn inside(&self, address: u64, bytes: usize) -> Result<(), DeviceError> {
        let end = address + bytes as u64;
        let block = self.allocated.range(..=address).next_back();
        block
            .filter(|(at, size)| end <= *at + *size)
            .map(|_| ())
            .ok_or(DeviceError::MemoryRange { address, bytes: bytes as u64 })
    }
}

impl Device for Board {
    fn read(&mut self, offset: u32) -> Result<u32, DeviceError> {
        let mut data = [0; 4];
        self.command(b'r', offset, &[], &mut data);
        Ok(u32::from_le_bytes(data))
    }

    fn write(&mut self, offset: u32, value: u32) -> Result<(), DeviceError> {
        self.confirmed(b'w', offset, &value.to_le_bytes());
        Ok(())
    }

    fn allocate(&mut self, bytes: u64) -> Result<u64, DeviceError> {
        let size = bytes.next_multiple_of(64);
        let mut at = 0;
        for (begin, length) in &self.allocated {
            if at + size <= *begin {
                break;
            }
            at = begin + length;
        }
        if at + size > MEMORY {
            let used: u64 = self.allocated.values().sum();
            return Err(DeviceError::OutOfMemory { requested: bytes, available: MEMORY - used });
        }
        self.allocated.insert(at, size);
        self.copy_to(at, &vec![0; size as usize])?;
        Ok(at)
    }

    fn release(&mut self, address: u64) -> Result<(), DeviceError> {
        self.allocated.remove(&address).map(|_| ()).ok_or(DeviceError::MemoryRange { address, bytes: 0 })
    }

    fn copy_to(&mut self, address: u64, bytes: &[u8]) -> Result<(), DeviceError> {
        self.inside(address, bytes.len())?;
        let mut done = 0;
        while done < bytes.len() {
            let at = address + done as u64;
            let (word, begin) = (at / WORD * WORD, (at % WORD) as usize);
            let count = (WORD as usize - begin).min(bytes.len() - done);
            let mut data = if count < WORD as usize { self.word(word) } else { [0; WORD as usize] };
            data[begin..begin + count].copy_from_slice(&bytes[done..done + count]);
            self.confirmed(b'm', word as u32, &data);
            done += count;
        }
        Ok(())
    }

    fn copy_from(&mut self, address: u64, bytes: &mut [u8]) -> Result<(), DeviceError> {
        self.inside(address, bytes.len())?;
        for (i, byte) in bytes.iter_mut().enumerate() {
            let at = address + i as u64;
            *byte = self.word(at / WORD * WORD)[(at % WORD) as usize];
        }
        Ok(())
    }

    /// The line goes to an LED; the register says the same.
    fn wait_interrupt(&mut self, _timeout: Duration) -> Result<bool, DeviceError> {
        Ok(self.read(register::IRQ_STATUS.offset)? != 0)
    }
}

#[test]
#[ignore = "needs Verilator 5"]
fn the_self_test_runs_over_the_serial_line_of_an_ulx3s() {
    self_test_over_the_line("ulx3s_top");
}

#[test]
#[ignore = "needs Verilator 5"]
fn the_self_test_runs_over_the_serial_line_of_an_ecpix5() {
    self_test_over_the_line("ecpix5_top");
}

fn self_test_over_the_line(top: &str) {
    let mut board = Board::start(top);
    assert_eq!(board.read(register::CONFIG_ID.offset).unwrap(), N8.id);
    assert_eq!(board.read(register::BUILD_ID.offset).unwrap(), BUILD_ID);
    // What is no command is passed over.
    board.exchange(b"\0\0\xff?", &mut []);

    // Memory keeps words apart, and its addresses fold.
    let at = board.allocate(MEMORY).unwrap();
    let image: Vec<u8> = (0..64u32).flat_map(|i| (i.wrapping_mul(0x9e37_79b9)).to_le_bytes()).collect();
    board.copy_to(at + 4096 + 3, &image[3..]).unwrap();
    let mut back = vec![0; image.len() - 3];
    board.copy_from(at + 4096 + 3, &mut back).unwrap();
    assert_eq!(back, image[3..]);
    assert_eq!(board.word(4096 + 8 + MEMORY), image[8..16]);
    board.release(at).unwrap();

    let program = self_test::verified(&N8).unwrap();
    let mut engine = Engine::open(Box::new(board)).unwrap_or_else(|e| panic!("{e}"));
    let (output, report) = self_test::run(&mut engine, &program).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(output, systole_driver::self_test::expected(&N8));
    println!("self-test on {top}: {} cycles, as expected in every byte", report.cycles.expect("hardware counts"));
}
