//! The hardware contract of Systole, declared once.
//!
//! Place in the stack: the leaf. The driver, the simulator, the compiler and the hardware generator all import this
//! crate; none of them re-derives a width, an opcode, a register offset or a rounding rule.
//!
//! 1. [`config`]: the named hardware configurations (`n8`, `n16`, `n32`).
//! 2. [`instruction`]: the 32-byte instructions with [`Instruction::encode`] and [`Instruction::decode`];
//!    [`rules`] says which operand combinations are legal and [`access`] what each instruction touches.
//! 3. [`numerics`] and [`tables`]: the exact integer semantics, as short scalar functions.
//! 4. [`register`], [`ring`] and [`fault`]: what the host sees of the device.
//! 5. [`pci`]: how a card looks on a PCI bus.
//! 6. [`abi`]: a hash over the contract (1 to 4); it sits in an identity register and in every program.
//!
//! Invariants: no I/O, no unsafe, no dependency but `bytemuck`; a value that decodes re-encodes to the same bytes;
//! decoding never panics, whatever the bytes.

#![forbid(unsafe_code)]

#[macro_use]
mod declare;

pub mod abi;
pub mod access;
pub mod config;
pub mod fault;
pub mod instruction;
pub mod numerics;
pub mod pci;
pub mod register;
pub mod ring;
pub mod rules;
pub mod tables;

pub use abi::ABI_HASH;
pub use config::HwConfig;
pub use fault::{Cause, Fault};
pub use instruction::{DecodeError, INSTRUCTION_BYTES, Instruction, Op, Sync, Unit};

/// Alignment in bytes of every DRAM offset, row pitch, region base and region size. The widest supported bus.
pub const DRAM_ALIGN: u32 = 32;
/// Number of counting semaphores; instruction masks are 16 bits wide.
pub const SEMAPHORES: usize = 16;
/// Largest count a semaphore holds; a post beyond it is a fault.
pub const SEMAPHORE_MAX: u32 = 0xffff;
/// Entries in a submission's region table.
pub const REGIONS: usize = 8;
/// Bytes of one PARAM record (see [`numerics::Param`]).
pub const PARAM_BYTES: u32 = 8;
