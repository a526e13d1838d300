//! The `rtl` executor: the SystemVerilog, translated by Verilator, behind the [`Device`] trait.
//!
//! 1. [`Model::build`] translates and compiles the design of a configuration, or finds it built: models are kept below
//!    [`cache_directory`] by a hash of everything that went in.
//! 2. [`open`] starts one as a device: register accesses are AXI4-Lite transfers, memory is an AXI4 subordinate with a
//!    latency, a bandwidth and back-pressure ([`MemoryTiming`]), and time passes in cycles.
//! 3. [`Waveform`] records a window of cycles.
//!
//! ```no_run
//! use systole_bitgen::verilated::{self, Options};
//! use systole_isa::config::N8;
//!
//! let engine = systole_driver::Engine::open(verilated::open(&N8, &Options::default())?)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Invariants: nothing but `ffi` is unsafe; a failed assertion of the design is an error of the call in which it
//! failed, never the end of the process; equal options and calls give equal cycles.

mod compile;
mod device;
mod error;
mod ffi;
mod memory;
mod options;
mod tools;

use std::path::{Path, PathBuf};
use systole_driver::Device;
use systole_isa::HwConfig;

pub use device::RtlDevice;
pub use error::{Error, INSTALL_VERILATOR};
pub use options::{MemoryTiming, Mutation, Options, Waveform, WaveformFormat};
pub use tools::{Verilator, cache_directory};

/// A built design.
#[derive(Clone, Debug)]
pub struct Model {
    config: &'static HwConfig,
    library: PathBuf,
}

impl Model {
    /// Builds the design of a configuration with what the options ask for, unless it is built already. Takes half a
    /// minute for `n8` and minutes for `n32` on two cores.
    ///
    /// # Errors
    /// Tools are missing or fail, or nothing can be written.
    pub fn build(config: &'static HwConfig, options: &Options) -> Result<Self, Error> {
        let library = compile::library(config, options.build())?;
        Ok(Self { config, library })
    }

    /// The shared library.
    pub fn library(&self) -> &Path {
        &self.library
    }

    /// Starts it.
    ///
    /// # Errors
    /// It cannot be loaded, or does not start.
    pub fn start(&self, options: &Options) -> Result<RtlDevice, Error> {
        Ok(RtlDevice::new(ffi::Handle::open(&self.library, options)?, self.config, options))
    }
}

/// Opens the RTL of a configuration as a device, after building it if need be.
///
/// # Errors
/// As [`Model::build`] and [`Model::start`].
pub fn open(config: &'static HwConfig, options: &Options) -> Result<Box<dyn Device + Send>, Error> {
    Ok(Box::new(RtlDevice::open(config, options)?))
}
