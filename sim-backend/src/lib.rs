//! The accelerator in software: the `Device` trait on a bit-exact functional simulator.
//!
//! Place in the stack: an executor, above [`systole_driver`] and below the runtime. It executes *encoded* instructions
//! from device memory behind registers and rings, exactly as the hardware does, so nothing above can tell it from a
//! board but by BUILD_ID and speed.
//!
//! 1. [`Simulator`] is the device. [`Interleaving`] and [`Queues`] choose among the orders the contract leaves open.
//! 2. [`Observer`] sees the [`Chip`] after each instruction, for lockstep against another executor.
//! 3. [`execute()`] runs one instruction with the fast kernels; [`reference::execute`] is the naive scalar oracle that the
//!    kernels, and the hardware's units, are tested against.
//! 4. [`faults`] makes any device misbehave, by a plan.
//! 5. [`virtual_board`] gives a device to a virtual machine, as a PCI card.
//!
//! ```
//! use systole_driver::Device;
//! use systole_isa::{config::N16, register};
//!
//! let mut device = systole_sim::Simulator::new(&N16);
//! assert_eq!(device.read(register::MAGIC.offset)?, register::MAGIC_VALUE);
//! # Ok::<(), systole_driver::DeviceError>(())
//! ```
//!
//! Invariants: nothing panics, whatever program, ring or register value comes; no access leaves a submission's regions;
//! a program gives the same bytes on every run with the same options.

#![forbid(unsafe_code)]

mod chip;
mod device;
mod execute;
pub mod faults;
mod hang;
mod kernels;
pub mod memory;
mod observer;
mod order;
pub mod reference;
mod region;
mod registers;
mod rings;
mod sequencer;
mod trace;
pub mod virtual_board;

pub use chip::{Chip, Difference};
pub use device::Simulator;
pub use execute::execute;
pub use kernels::Scratch;
pub use memory::Memory;
pub use observer::{Observer, Step};
pub use order::{Interleaving, Queues};
pub use region::{Regions, Stop};
