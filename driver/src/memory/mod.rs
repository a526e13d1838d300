//! Memory that somebody else reads and writes at the same time: registers, DMA buffers, a guest's RAM.
//!
//! [`SharedMapping`] is the only way to touch it: bounded copies by volatile accesses. No reference to such memory ever
//! exists, since the compiler may assume of a reference that nobody else writes what it points to.

mod shared;

pub use shared::{OutOfRange, SharedMapping};
