//! From a configuration to a bitstream: synthesis, place and route, and a bundle that says what it is.
//!
//! 1. [`tools`] finds Yosys, nextpnr and the rest.

pub mod tools;

mod error;

pub use error::Error;
