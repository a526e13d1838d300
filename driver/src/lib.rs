//! The way to the device: everything between a compiled program and the accelerator's registers.
//!
//! Place in the stack: above [`systole_isa`], below the executors and the runtime.
//!
//! 1. [`Program`] is what the compiler makes: instructions, the regions they address, and the tags of their trace.
//! 2. [`verify`] proves it free of out-of-bounds accesses, uninitialised reads, races and deadlock, and
//!    returns a [`Verified`] program. Nothing else can be submitted.
//! 3. [`Device`] is the narrow interface every executor implements: registers, memory, interrupt.
//! 4. [`transport`] opens boards through the kernel's interfaces, as devices.
//! 5. [`Engine`] identifies a device, owns its rings, runs verified programs on it, and recovers it when it failed.
//! 6. [`recorder`] keeps what happened last between host and device, and replays it on another executor.
//! 7. [`Cancellable`] stops a device when its process is to end.
//!
//! Invariants: no reference into device memory exists, only bounded copies; every wait has a deadline; what comes from
//! the device is checked before it is believed.

#![deny(unsafe_code)]

pub mod bus;
mod cancel;
mod cycles;
pub mod device;
pub mod engine;
pub mod memory;
mod power_up;
pub mod program;
mod program_file;
pub mod recorder;
mod registers;
mod ring;
pub mod self_test;
pub mod statistics;
mod sys;
pub mod transport;
pub mod verifier;
mod wire;

pub use bus::{BusMaster, Window};
pub use cancel::{Cancel, Cancellable};
pub use cycles::Pace;
pub use device::{Device, DeviceError};
pub use engine::{Bindings, Buffer, Engine, EngineError, LoadedProgram, RunOptions, RunReport, UnitCounters};
pub use engine::{Closed, Expected, Failed, Identified, Identity, Poisoned};
pub use engine::{Recovery, RecoveryCounts, RecoveryPolicy, Rung};
pub use power_up::power_up;
pub use program::{Program, ProgramError, RegionSpec, Tag};
pub use registers::{RegisterAccess, name as register_name};
pub use statistics::{ProgramStatistics, Statistics};
pub use verifier::{Refused, Verified, verify};
