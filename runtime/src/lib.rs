//! From a BERT checkpoint to results: loading, the fp32 reference, quantization, compilation, sessions.
//!
//! Place in the stack: above the driver and its executors, below the `systole` command.
//!
//! 1. [`checkpoint`] reads a Hugging Face checkpoint.
//! 2. [`reference`](mod@reference) runs it in fp32, to measure against and to calibrate with.
//! 3. [`quantize`] turns it into the accelerator's integers.
//! 4. [`accuracy`] measures what that cost.
//! 5. [`compile`](mod@compile) makes a program for a configuration, a sequence length and a batch.
//! 6. [`Session`] runs texts through a model on a device, and goes on when the device fails.
//! 7. [`crosscheck`] runs two devices side by side and finds the first operation in which they differ.
//! 8. [`write_whole`] writes files that are never seen half.
//!
//! Invariants: no input, whether file, text or network, panics; libraries never print.
#![deny(unsafe_code)] // but for the memory mapping of the checkpoint, `checkpoint::mapping`

pub mod accuracy;
pub mod cache;
pub mod checkpoint;
pub mod compile;
pub mod crosscheck;
pub mod quantize;
pub mod reference;
pub mod session;

mod digest;
mod error;
mod whole_file;

pub use digest::{Digest, NoDigest};
pub use error::Error;
pub use session::{Events, Fallback, FellBack, Integrity, Resilience};
pub use session::{Report, RunOptions, Session};
pub use whole_file::{Extent, check_writable, write_whole, write_whole_or_part};
