//! From the hardware contract to SystemVerilog and to the reference pages.
//!
//! Place in the stack: beside the driver, above [`systole_isa`]. Nothing here decides a width, an opcode or an offset; it
//! writes down what the contract declares, so that RTL, documents and software cannot disagree.
//!
//! 1. [`package`] makes `systole_pkg.sv`, one `systole_cfg_pkg.sv` per named configuration and the register file
//!    `systole_regs.sv`, all under `bitstream-gen/rtl/generated/`.
//! 2. [`reference`](mod@reference) makes `docs/isa.md` and `docs/registers.md` from templates and the declaration.
//! 3. [`generated_files`] lists all of them; `cargo run -p systole-bitgen --bin systole-generate` writes them.
//! 4. [`rtl`] is the SystemVerilog itself, and [`verilated`] runs it as an executor.
//! 5. [`emit`] writes and checks it.
//! 6. [`bitstream`] makes bitstreams of it, and projects for vendors' tools.
//!
//! Invariants: the generated files are committed, and a test compares them with what this crate generates; the output
//! depends on the contract alone.

#![deny(unsafe_code)]

use std::path::PathBuf;

pub mod bitstream;
pub mod child;
pub mod emit;
pub mod naming;
pub mod package;
pub mod reference;
pub mod rtl;
pub mod verilated;

/// The command that brings the generated files up to date.
pub const REGENERATE: &str = "cargo run -p systole-bitgen --bin systole-generate";

/// Every generated file: path relative to the repository, and contents.
pub fn generated_files() -> Vec<(PathBuf, String)> {
    let rtl = PathBuf::from("bitstream-gen/rtl/generated");
    let docs = PathBuf::from("docs");
    let mut files = vec![
        (rtl.join("systole_pkg.sv"), package::contract()),
        (rtl.join("systole_regs.sv"), package::registers::module()),
        (docs.join("isa.md"), reference::isa()),
        (docs.join("registers.md"), reference::registers()),
        (docs.join("floorplan.svg"), bitstream::floorplan::picture::n8()),
    ];
    for config in systole_isa::config::NAMED {
        files.push((rtl.join(config.name).join("systole_cfg_pkg.sv"), package::config::package(config)));
    }
    files
}
