//! A board that misbehaves: every fault that users of boards report, at the `Device` seam, reproducible by a seed.
//!
//! Place in the stack: around any executor, below the engine, which cannot tell. Tests and the virtual board use it.
//!
//! 1. A [`FaultPlan`] says what strikes at which doorbell: at random from a seed, or by a script. It has a text form.
//! 2. [`Faulty`] wraps a device and plays the plan.
//! 3. [`FaultCounts`], shared with whoever watches, says what has struck.
//!
//! ```
//! use systole_sim::{Simulator, faults::{FaultPlan, Faulty}};
//!
//! let plan: FaultPlan = "seed=7,rate=0.01,kinds=ones+stuck-busy".parse()?;
//! let device = Faulty::new(Simulator::new(&systole_isa::config::N8), plan);
//! let counts = device.counts();
//! assert_eq!(counts.total(), 0);
//! # Ok::<(), systole_sim::faults::FaultPlanError>(())
//! ```

mod device;
mod hung;
mod kind;
mod memory;
mod plan;

pub use device::Faulty;
pub use kind::{FaultCounts, FaultKind};
pub use plan::{FaultPlan, FaultPlanError};
