//! The `systole` command: from a BERT checkpoint to embeddings on the accelerator or its simulator.
//!
//! Place in the stack: the top. Everything that is not about arguments, files, terminals or words is in the libraries.
//!
//! 1. [`cli`] declares the subcommands, one file each in [`cmd`].
//! 2. [`failure`] turns whatever goes wrong into one line on stderr and an exit code; [`global`] has what every command takes.
//! 3. [`model`], [`device`], [`input`] and [`sentence_args`] turn arguments into what a session takes.
//! 4. [`interrupted`] brings a command to its end when a signal asks for it.
//! 5. [`live`] looks at boards, [`validate`] tests devices, [`loader`] loads bitstreams,
//!    [`flight`] keeps what the flight recorder has.
//! 6. [`view`] draws for people; [`timeline`] and [`progress`] listen to the libraries' tracing spans.
//!
//! Invariants: stdout carries results only, so that it can be piped; no input makes the command panic.
#![deny(unsafe_code)]

mod accuracy;
mod cli;
mod cmd;
mod device;
mod failure;
mod flight;
mod global;
mod guest;
mod identity;
mod input;
mod interrupted;
mod live;
mod loader;
mod logging;
mod model;
mod output;
mod progress;
mod sentence_args;
mod timeline;
mod validate;
mod verilated_args;
mod view;

fn main() -> std::process::ExitCode {
    failure::guard(|| cli::run(std::env::args_os().collect()))
}
