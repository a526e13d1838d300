//! Conformance, end-to-end, property and fuzz tests across the stack, and what they share.

pub mod lockstep;
pub mod models;
pub mod quality;
pub mod random;
pub mod sts;
pub mod timing;
