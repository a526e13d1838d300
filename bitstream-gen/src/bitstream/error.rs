//! What can go wrong between a configuration and a bitstream that may be loaded.

use super::tools::INSTALL;
use std::io;
use std::path::PathBuf;

/// Why there is no bundle, or why it must not be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A tool is not there.
    #[error("{tool} was not found; set {variable}, or install it: {INSTALL}")]
    ToolMissing {
        /// Preferred program.
        tool: &'static str,
        /// Environment variable that names it.
        variable: &'static str,
    },
    /// A tool refused its input.
    #[error("{tool} failed with {status}; its log is {log}, which ends:\n{tail}")]
    Tool {
        /// Program.
        tool: &'static str,
        /// How it ended.
        status: std::process::ExitStatus,
        /// Everything that it printed.
        log: PathBuf,
        /// The last lines.
        tail: String,
    },
    /// The router does not come to an end.
    #[error(
        "the router goes on without end: {twice} wires are used twice, {slow} connections are too slow for {clock_mhz} MHz \
         ({log}); choose another seed in the target, or a slower clock"
    )]
    Router {
        /// Wires that more than one net has.
        twice: u32,
        /// Connections that are too slow.
        slow: u32,
        /// The clock it was built for.
        clock_mhz: u32,
        /// Everything that the router printed.
        log: PathBuf,
    },
    /// Synthesis and the floorplan know different blocks.
    #[error(
        "the floorplan has a place for {cell}, and the synthesized design no such cell ({missing} are missing); adapt \
         bitstream/floorplan.rs to the RTL"
    )]
    Floorplan {
        /// A cell of the floorplan.
        cell: String,
        /// How many of them the design does not have.
        missing: usize,
    },
    /// No such target.
    #[error("there is no target {name}; choose one of {known}")]
    UnknownTarget {
        /// Asked for.
        name: String,
        /// The names.
        known: String,
    },
    /// Place and route said nothing about timing.
    #[error("{path}: no slack is recorded for the clock, so nobody knows whether the bitstream works; build it again")]
    MissingSlack {
        /// Bundle or report.
        path: PathBuf,
    },
    /// Timing is not met.
    #[error(
        "{path}: slack is {slack_ns:.2} ns at {clock_mhz} MHz (the design reaches {fmax_mhz:.1} MHz); build it for a slower clock"
    )]
    NegativeSlack {
        /// Bundle.
        path: PathBuf,
        /// Worst slack.
        slack_ns: f64,
        /// The clock it was built for.
        clock_mhz: f64,
        /// The clock that it reaches.
        fmax_mhz: f64,
    },
    /// For another device.
    #[error("{path}: built for {found}, and this is {expected}; choose the bundle of this part")]
    WrongPart {
        /// Bundle.
        path: PathBuf,
        /// In the bundle.
        found: String,
        /// On the board.
        expected: String,
    },
    /// For another contract.
    #[error(
        "{path}: built for ABI {found:#018x}, and this program speaks {expected:#018x}; build it again: \
         systole bitstream build --config {config} --target {target}"
    )]
    ForeignAbi {
        /// Bundle.
        path: PathBuf,
        /// In the bundle.
        found: u64,
        /// Of this program.
        expected: u64,
        /// Configuration to build.
        config: String,
        /// Target to build for.
        target: String,
    },
    /// The content is not what the manifest says.
    #[error("{path}: the manifest says SHA-256 {expected}, the file has {found}; delete the bundle and build it again")]
    Corrupt {
        /// File.
        path: PathBuf,
        /// In the manifest.
        expected: String,
        /// Of the file.
        found: String,
    },
    /// The manifest is not one.
    #[error("{path}: {source}; delete the bundle and build it again")]
    Manifest {
        /// File.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// A report of place and route is not understood.
    #[error("{path}: {what}; this program understands nextpnr 0.7 and later")]
    Report {
        /// File.
        path: PathBuf,
        /// What is missing.
        what: &'static str,
    },
    /// No such bundle.
    #[error("there is no bundle {name} in {root}; list them with `systole bitstream list`, or build one")]
    NoBundle {
        /// Asked for.
        name: String,
        /// Where it was looked for.
        root: PathBuf,
    },
    /// There is no place for bundles.
    #[error("neither SYSTOLE_CACHE nor XDG_CACHE_HOME nor HOME says where to keep bundles; set SYSTOLE_CACHE")]
    NoCache,
    /// A file operation failed.
    #[error("{path}: {source}; check that it exists and may be read and written")]
    Io {
        /// File, directory or program.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

impl Error {
    /// For `map_err`.
    pub(super) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}
