//! The way to the device: everything between a compiled program and the accelerator's registers.
//!
//! Place in the stack: above [`systole_isa`], below the executors and the runtime.
//!
//! 1. [`Program`] is what the compiler makes: instructions, the regions they address, and the tags of their trace.
//! 2. [`verify`] proves it free of out-of-bounds accesses, uninitialised reads, races and deadlock, and
//!    returns a [`Verified`] program. Nothing else can be submitted.
//! 3. [`Device`] is the narrow interface every executor implements: registers, memory, interrupt.
//! 4. [`transport`] opens boards through the kernel's interfaces, as devices.
//! 5. [`Engine`] identifies a device, owns its rings, and runs verified programs on it.
//!
//! Invariants: no reference into device memory exists, only bounded copies; every wait has a deadline; what comes from
//! the device is checked before it is believed.

#![deny(unsafe_code)]

pub mod bus;
pub mod device;
pub mod engine;
pub mod memory;
pub mod program;
mod program_file;
mod registers;
mod ring;
pub mod statistics;
mod sys;
pub mod transport;
pub mod verifier;

pub use bus::{BusMaster, Window};
pub use device::{Device, DeviceError};
pub use engine::{Bindings, Buffer, Engine, EngineError, LoadedProgram, RunOptions, RunReport, UnitCounters};
pub use program::{Program, ProgramError, RegionSpec, Tag};
pub use registers::{RegisterAccess, name as register_name};
pub use statistics::{ProgramStatistics, Statistics};
pub use verifier::{Refused, Verified, verify};
