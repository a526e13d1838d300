//! From a configuration to a bitstream: synthesis, place and route, and a bundle that says what it is.
//!
//! 1. [`build`] runs Yosys, nextpnr-ecp5 and ecppack for a [`Target`], or takes what was built from the same inputs.
//! 2. [`list`] and [`show`] find bundles; [`Bundle::verify`] judges whether one may be loaded, and [`verify`] does so by name.
//! 3. [`estimate()`] counts resources on UltraScale+ by synthesis alone, [`vivado`] writes a project for Zynq boards.
//! 4. [`tools`] finds the programs.
//!
//! Invariants: a bundle's directory is named by the hash of everything that decides its content (sources, pins, script,
//! arguments, tool versions), and appears whole; a bundle without slack, for another part or of another contract is never
//! accepted.

mod bundle;
mod error;
mod estimate;
pub mod floorplan;
mod flow;
mod hash;
mod inputs;
mod report;
pub mod self_test;
mod target;
pub mod tools;
pub mod vivado;

pub use bundle::{BITSTREAM, Bundle, MANIFEST, Manifest, list, show};
pub use error::Error;
pub use estimate::{Estimate, estimate};
pub use flow::{build, build_in};
pub use inputs::Inputs;
pub use report::{Share, Timing, Utilisation};
pub use target::{ECP5_5G_85K, ECP5_85K, TARGETS, Target};

/// Finds a bundle as [`show`] does, and judges it for the target it names.
///
/// # Errors
/// [`Error::NoBundle`], or the reason why it must not be loaded.
pub fn verify(name: &str) -> Result<Bundle, Error> {
    let bundle = show(name)?;
    bundle.verify(Target::by_name(&bundle.manifest.target)?)?;
    Ok(bundle)
}
