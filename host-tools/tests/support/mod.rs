//! Running the built command, and files for it.
#![allow(dead_code, reason = "each test binary uses a part")]

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// How the command ended.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    /// Standard output of a success, which says nothing on standard error.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!((self.code, &*self.stderr), (Some(0), ""), "{}", self.stdout);
        self.stdout
    }

    /// The message of a refusal: exit code 2, one line on standard error (an object with `--json`), nothing on standard output.
    #[track_caller]
    pub fn refused(self) -> String {
        assert_eq!((self.code, &*self.stdout), (Some(2), ""), "{}", self.stderr);
        if self.stderr.starts_with('{') {
            let lines = json_lines(&self.stderr);
            assert_eq!(lines.len(), 1, "{}", self.stderr);
            return lines[0]["error"]["message"].as_str().expect("a message").to_owned();
        }
        let line = self.stderr.strip_prefix("error: ").and_then(|e| e.strip_suffix('\n'));
        let line = line.unwrap_or_else(|| panic!("{:?}", self.stderr));
        assert!(!line.contains('\n') && !line.contains("panicked"), "{line}");
        line.to_owned()
    }

    /// As [`Ended::refused`], with a directory's name replaced.
    #[track_caller]
    pub fn refused_in(self, directory: &Path) -> String {
        self.refused().replace(&directory.display().to_string(), "DIR")
    }
}

/// The command in a defined environment: no colours, no log, a hub that refuses connections.
pub fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_systole"));
    let hub = ["HF_TOKEN", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"];
    for name in ["RUST_LOG", "CLICOLOR_FORCE"].into_iter().chain(hub) {
        command.env_remove(name);
    }
    command.env("NO_COLOR", "1").env("HF_ENDPOINT", "http://127.0.0.1:9");
    command.env("HF_HOME", env!("CARGO_TARGET_TMPDIR"));
    command
}

/// Runs the command.
pub fn systole(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Ended {
    with_input(arguments, b"")
}

/// Runs the command with this on standard input.
pub fn with_input(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>, input: &[u8]) -> Ended {
    let mut child = command()
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    // The command may end without reading.
    let _ = child.stdin.take().expect("piped").write_all(input);
    let output = child.wait_with_output().expect("the command ends");
    let text = |bytes| String::from_utf8(bytes).expect("output is UTF-8");
    Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// The tiny random BERT of the repository: 2 layers, hidden 24, vocabulary 64, 40 positions.
pub fn tiny() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/tiny").canonicalize().expect("it is in the repository")
}

/// A directory with a copy of [`tiny`] in `model/`.
pub fn copy_of_tiny() -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    copy(&tiny(), &directory.path().join("model"));
    directory
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a directory");
    for entry in std::fs::read_dir(from).expect("readable").map(|e| e.expect("readable")) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("copied");
        }
    }
}

/// Lines of JSON.
pub fn json_lines(text: &str) -> Vec<serde_json::Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
}
