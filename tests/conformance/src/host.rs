//! The least a host needs to run a program: two rings, a doorbell, a completion. Unlike the driver's engine it lets
//! anything be submitted.

use std::time::{Duration, Instant};

use systole_driver::{Device, RegisterAccess};
use systole_isa::instruction::{End, Sync};
use systole_isa::register::{self, Register, kind};
use systole_isa::ring::{Completion, REGION_WRITE, Region, Submission};
use systole_isa::{ABI_HASH, Cause, Fault, HwConfig, Instruction, Op, REGIONS, Unit};

/// Bytes of each of a host's two regions.
pub const REGION_BYTES: u32 = 4096;
/// Region index of the read-only input.
pub const INPUT: u8 = 0;
/// Region index of the writable output.
pub const OUTPUT: u8 = 1;

/// An encoded instruction.
pub type Code = [u8; systole_isa::INSTRUCTION_BYTES];

/// A device with rings of its own.
pub struct Host<D: Device + ?Sized = dyn Device + Send> {
    /// The device.
    pub device: Box<D>,
    /// Its configuration.
    pub config: &'static HwConfig,
    /// Bus address of the submission ring.
    pub sq: u64,
    /// Bus address of the completion ring.
    pub cq: u64,
    /// Slots of each ring.
    pub slots: u32,
    /// Next slot of the submission ring that is written.
    pub tail: u32,
    /// Next slot of the completion ring that is read.
    pub head: u32,
    /// The region table of the submissions made next.
    pub regions: [Region; REGIONS],
    patience: Duration,
}

impl<D: Device + ?Sized> Host<D> {
    /// Allocates rings and regions on a device that is as after power-up, and enables it.
    pub fn new(mut device: Box<D>, slots: u32, patience: Duration) -> Self {
        let id = device.get(register::CONFIG_ID).expect("CONFIG_ID reads");
        let config = HwConfig::by_id(id).unwrap_or_else(|| panic!("CONFIG_ID {id} names no configuration"));
        let sq = device.allocate(64 * u64::from(slots)).expect("room for the submission ring");
        let cq = device.allocate(32 * u64::from(slots)).expect("room for the completion ring");
        let regions = Default::default();
        let mut host = Self { device, config, sq, cq, slots, tail: 0, head: 0, regions, patience };
        host.regions[usize::from(INPUT)] = host.region(REGION_BYTES, 0);
        host.regions[usize::from(OUTPUT)] = host.region(REGION_BYTES, REGION_WRITE);
        host.set_up();
        host
    }

    /// Zeroes the completion ring, writes ring bases and sizes and enables the engine. The device must be reset.
    pub fn set_up(&mut self) {
        (self.tail, self.head) = (0, 0);
        self.copy_to(self.cq, &vec![0; 32 * self.slots as usize]);
        let (sq, cq, slots) = (self.sq, self.cq, self.slots);
        self.device.set_pair(register::SQ_BASE_LO, register::SQ_BASE_HI, sq).expect("SQ_BASE is written");
        self.device.set_pair(register::CQ_BASE_LO, register::CQ_BASE_HI, cq).expect("CQ_BASE is written");
        self.write(register::SQ_SIZE, slots);
        self.write(register::CQ_SIZE, slots);
        self.write(register::CONTROL, 1);
    }

    /// Resets the engine and sets it up again.
    pub fn reset(&mut self) {
        self.write(register::CONTROL, 0);
        self.write(register::RESET, 1);
        self.until("STATUS is 0 after a reset", |h| h.read(register::STATUS) == 0);
        self.until("SQ_HEAD is 0 after a reset", |h| h.read(register::SQ_HEAD) == 0);
        self.until("CQ_TAIL is 0 after a reset", |h| h.read(register::CQ_TAIL) == 0);
        self.set_up();
    }

    /// Reads a register.
    pub fn read<K: kind::Readable>(&mut self, register: Register<K>) -> u32 {
        self.device.get(register).expect("a register reads")
    }

    /// Writes a register.
    pub fn write<K: kind::Writable>(&mut self, register: Register<K>, value: u32) {
        self.device.set(register, value).expect("a register is written");
    }

    /// Copies bytes to device memory.
    pub fn copy_to(&mut self, address: u64, bytes: &[u8]) {
        self.device.copy_to(address, bytes).expect("allocated memory is written");
    }

    /// Copies bytes from device memory.
    pub fn copy_from(&mut self, address: u64, bytes: usize) -> Vec<u8> {
        let mut copy = vec![0; bytes];
        self.device.copy_from(address, &mut copy).expect("allocated memory is read");
        copy
    }

    /// Waits until something holds.
    pub fn until(&mut self, what: &str, mut holds: impl FnMut(&mut Self) -> bool) {
        let start = Instant::now();
        while !holds(self) {
            assert!(start.elapsed() < self.patience, "{what}: not after {:?}", start.elapsed());
            // The RTL's time passes in these accesses only: to yield between them would wait for every other process.
            std::hint::spin_loop();
        }
    }

    /// Waits until the device has nothing to do, be it because a ring is full.
    pub fn settle(&mut self) {
        self.until("no submission runs", |h| {
            let done = h.read(register::SQ_HEAD) == h.read(register::SQ_TAIL);
            let status = h.read(register::STATUS);
            status & 1 == 0 && (done || status & 6 != 0)
        });
    }

    /// Reserves device memory.
    pub fn allocate(&mut self, bytes: u64) -> u64 {
        self.device.allocate(bytes).expect("room in device memory")
    }

    /// Fresh memory as a region.
    pub fn region(&mut self, size: u32, flags: u32) -> Region {
        Region { base: self.allocate(size.into()), size, flags }
    }

    /// Bytes of one of the host's regions.
    pub fn bytes(&mut self, region: u8) -> Vec<u8> {
        let Region { base, size, .. } = self.regions[usize::from(region)];
        self.copy_from(base, size as usize)
    }

    /// Copies a program and the region table to device memory and describes the submission.
    pub fn submission(&mut self, id: u64, code: &[Code]) -> Submission {
        let program = self.allocate(size_of_val(code) as u64);
        self.copy_to(program, code.as_flattened());
        let table = self.regions;
        let regions = self.table(&table);
        let instructions = code.len() as u32;
        Submission { id, program, regions, abi_hash: ABI_HASH, instructions, ..Submission::default() }
    }

    /// Copies a region table to device memory.
    pub fn table(&mut self, table: &[Region; REGIONS]) -> u64 {
        let address = self.allocate(size_of_val(table) as u64);
        self.copy_to(address, bytemuck::cast_slice(table));
        address
    }

    /// Writes a submission and rings the doorbell.
    pub fn submit(&mut self, submission: &Submission) {
        let slot = self.sq + 64 * u64::from(self.tail);
        self.copy_to(slot, bytemuck::bytes_of(submission));
        self.tail = (self.tail + 1) % self.slots;
        let tail = self.tail;
        self.write(register::SQ_TAIL, tail);
    }

    /// The completion in slot `index`.
    pub fn slot(&mut self, index: u32) -> Completion {
        let bytes = self.copy_from(self.cq + 32 * u64::from(index), 32);
        bytemuck::pod_read_unaligned(&bytes)
    }

    /// Waits for the next completion without freeing its slot.
    pub fn peek(&mut self) -> Completion {
        self.until("a completion", |h| h.read(register::CQ_TAIL) != h.head);
        self.slot(self.head)
    }

    /// Waits for the next completion and frees its slot.
    pub fn take(&mut self) -> Completion {
        let completion = self.peek();
        self.head = (self.head + 1) % self.slots;
        let head = self.head;
        self.write(register::CQ_HEAD, head);
        completion
    }

    /// Runs one program to its completion.
    pub fn run(&mut self, code: &[Code]) -> Completion {
        let submission = self.submission(1, code);
        self.submit(&submission);
        self.take()
    }

    /// Runs one program that must succeed.
    pub fn succeed(&mut self, code: &[Code]) -> Completion {
        let completion = self.run(code);
        assert_eq!(fault(&completion), None);
        assert_eq!(completion.instruction, code.len() as u32, "every instruction is executed");
        completion
    }
}

/// What a completion reports.
pub fn fault(completion: &Completion) -> Option<Fault> {
    let cause = Cause::from_code(completion.cause).unwrap_or_else(|| panic!("cause {}", completion.cause));
    let unit = Unit::ALL.iter().copied().find(|u| *u as u8 == completion.unit);
    let unit = unit.unwrap_or_else(|| panic!("unit {}", completion.unit));
    let Completion { instruction, address, .. } = *completion;
    (cause != Cause::None).then_some(Fault { unit, instruction, cause, address })
}

/// An encoded instruction with semaphores.
pub fn encoded(op: impl Into<Op>, wait: u16, post: u16) -> Code {
    tagged(op, 0, wait, post)
}

/// An encoded instruction with trace tag and semaphores.
pub fn tagged(op: impl Into<Op>, tag: u16, wait: u16, post: u16) -> Code {
    Instruction { sync: Sync { tag, wait, post }, op: op.into() }.encode()
}

/// The instruction that ends a program.
pub fn end() -> Code {
    encoded(End {}, 0, 0)
}
