//! The least a host needs to run a program: two rings, a doorbell, a completion.
#![allow(dead_code, reason = "each test binary uses a part")]

use systole_driver::Device;
use systole_isa::instruction::{End, Sync};
use systole_isa::register::{self, Register, kind};
use systole_isa::ring::{Completion, REGION_WRITE, Region, Submission};
use systole_isa::{ABI_HASH, Instruction, Op, REGIONS};
use systole_sim::Simulator;

/// A device with rings of `slots` slots.
pub struct Host<D = Simulator> {
    pub device: D,
    pub sq: u64,
    pub cq: u64,
    pub slots: u32,
    pub tail: u32,
    pub head: u32,
    pub regions: [Region; REGIONS],
}

impl<D: Device> Host<D> {
    pub fn new(mut device: D, slots: u32) -> Self {
        let sq = device.allocate(64 * u64::from(slots)).unwrap();
        let cq = device.allocate(32 * u64::from(slots)).unwrap();
        let mut host = Self { device, sq, cq, slots, tail: 0, head: 0, regions: Default::default() };
        host.set_up();
        host
    }

    /// Writes ring bases and sizes and enables the engine.
    pub fn set_up(&mut self) {
        (self.tail, self.head) = (0, 0);
        self.device.copy_to(self.cq, &vec![0; 32 * self.slots as usize]).unwrap();
        for (low, high, base) in [
            (register::SQ_BASE_LO, register::SQ_BASE_HI, self.sq),
            (register::CQ_BASE_LO, register::CQ_BASE_HI, self.cq),
        ] {
            self.write(low, base as u32);
            self.write(high, (base >> 32) as u32);
        }
        self.write(register::SQ_SIZE, self.slots);
        self.write(register::CQ_SIZE, self.slots);
        self.write(register::CONTROL, 1);
    }

    pub fn read<K: kind::Readable>(&mut self, register: Register<K>) -> u32 {
        self.device.read(register.offset).unwrap()
    }

    pub fn write<K: kind::Writable>(&mut self, register: Register<K>, value: u32) {
        self.device.write(register.offset, value).unwrap();
    }

    /// Gives region `index` memory of `bytes`, writable.
    pub fn region(&mut self, index: usize, bytes: u32) -> u64 {
        let base = self.device.allocate(bytes.into()).unwrap();
        self.regions[index] = Region { base, size: bytes, flags: REGION_WRITE };
        base
    }

    /// Copies a program and the region table to device memory and describes the submission.
    pub fn submission(&mut self, id: u64, code: &[[u8; 32]]) -> Submission {
        let program = self.device.allocate(32 * code.len() as u64).unwrap();
        self.device.copy_to(program, code.as_flattened()).unwrap();
        let regions = self.device.allocate(16 * REGIONS as u64).unwrap();
        self.device.copy_to(regions, bytemuck::cast_slice(&self.regions)).unwrap();
        Submission {
            id,
            program,
            regions,
            abi_hash: ABI_HASH,
            instructions: code.len() as u32,
            ..Submission::default()
        }
    }

    /// Writes a submission and rings the doorbell.
    pub fn submit(&mut self, submission: &Submission) {
        let slot = self.sq + 64 * u64::from(self.tail);
        self.device.copy_to(slot, bytemuck::bytes_of(submission)).unwrap();
        self.tail = (self.tail + 1) % self.slots;
        let tail = self.tail;
        self.write(register::SQ_TAIL, tail);
    }

    /// The completion in slot `index`.
    pub fn slot(&mut self, index: u32) -> Completion {
        let mut completion = Completion::default();
        let address = self.cq + 32 * u64::from(index);
        self.device.copy_from(address, bytemuck::bytes_of_mut(&mut completion)).unwrap();
        completion
    }

    /// Takes the next completion and frees its slot.
    pub fn take(&mut self) -> Completion {
        let completion = self.slot(self.head);
        self.head = (self.head + 1) % self.slots;
        let head = self.head;
        self.write(register::CQ_HEAD, head);
        completion
    }

    /// Runs one program to its completion.
    pub fn run(&mut self, code: &[[u8; 32]]) -> Completion {
        let submission = self.submission(1, code);
        self.submit(&submission);
        self.take()
    }
}

/// An encoded instruction with semaphores.
pub fn encoded(op: impl Into<Op>, wait: u16, post: u16) -> [u8; 32] {
    Instruction { sync: Sync { tag: 0, wait, post }, op: op.into() }.encode()
}

pub fn end() -> [u8; 32] {
    encoded(End {}, 0, 0)
}
