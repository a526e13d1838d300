//! Writes the SystemVerilog of a configuration into a directory, and has Verilator check it.

use crate::verilated::{self, Verilator};
use crate::{child, rtl};
use std::io;
use std::path::{Path, PathBuf};
use systole_isa::HwConfig;

/// Name of the list of files, in the order in which tools read them.
pub const FILE_LIST: &str = "systole.f";

/// Why nothing was written or checked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file operation failed.
    #[error("{path}: {source}; check that the directory may be written")]
    Io {
        /// File or directory.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// No Verilator.
    #[error(transparent)]
    Verilator(#[from] verilated::Error),
}

impl Error {
    fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}

/// Writes the files below `directory` and [`FILE_LIST`] beside them; returns their paths relative to it.
///
/// # Errors
/// [`Error::Io`].
pub fn emit(config: &HwConfig, directory: &Path) -> Result<Vec<&'static str>, Error> {
    let mut list = String::new();
    let sources = rtl::sources(config);
    for source in &sources {
        write(directory, source)?;
        list.push_str(source.path);
        list.push('\n');
    }
    let path = directory.join(FILE_LIST);
    std::fs::write(&path, list).map_err(Error::io(path))?;
    Ok(sources.into_iter().map(|s| s.path).collect())
}

fn write(directory: &Path, source: &rtl::Source) -> Result<(), Error> {
    let path = directory.join(source.path);
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(Error::io(parent))?;
    }
    std::fs::write(&path, source.text).map_err(Error::io(path))
}

/// What Verilator says with every warning on: nothing when all is well. The files are written to `directory` first.
///
/// # Errors
/// [`Error::Io`], or [`Error::Verilator`] when there is none.
pub fn lint(config: &HwConfig, directory: &Path) -> Result<Vec<String>, Error> {
    let mut command = Verilator::find()?.command();
    let files = emit(config, directory)?;
    for waiver in rtl::waivers() {
        write(directory, &waiver)?;
    }
    command
        .current_dir(directory)
        .args(["--lint-only", "-Wall", "--top-module", rtl::TOP])
        .args(rtl::waivers().map(|w| w.path))
        .args(files);
    let output = child::output(&mut command).map_err(Error::io("verilator"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let findings: Vec<_> = said.lines().filter(|l| l.starts_with('%')).map(str::to_owned).collect();
    if findings.is_empty() && !output.status.success() {
        return Ok(vec![format!("Verilator ended with {}: {}", output.status, said.trim())]);
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use systole_isa::config::N8;

    #[test]
    fn the_list_names_what_is_there() {
        let directory = std::env::temp_dir().join(format!("systole-emit-{}", std::process::id()));
        let files = emit(&N8, &directory).unwrap();
        let list = std::fs::read_to_string(directory.join(FILE_LIST)).unwrap();
        assert_eq!(list.lines().collect::<Vec<_>>(), files);
        assert!(files.iter().all(|f| directory.join(f).is_file()) && files.len() > 20);
        std::fs::remove_dir_all(directory).unwrap();
    }
}
