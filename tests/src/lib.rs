//! Conformance, end-to-end, property and fuzz tests across the stack, and what they share.

pub mod models;
pub mod sts;
