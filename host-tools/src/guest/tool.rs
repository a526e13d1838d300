//! Other programs: run to their end, but not longer than a deadline, with what they print in a log file.

use std::fs::File;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{anyhow, bail};
use systole_bitgen::child::{self, Process};

use crate::interrupted;

/// Between two looks at a program that runs.
const LOOK: Duration = Duration::from_millis(20);

/// Runs a program that must succeed. What it prints is added to `log`, which an error names and quotes.
pub fn run(command: &mut Command, log: &Path, deadline: Duration) -> anyhow::Result<()> {
    let name = name(command);
    let output = File::options().create(true).append(true).open(log);
    let output = output.map_err(|e| anyhow!("cannot write {}: {e}; check the cache directory", log.display()))?;
    let errors = output.try_clone()?;
    let mut child = spawn(command.stdin(Stdio::null()).stdout(output).stderr(errors), &name)?;
    match wait(&mut child, Instant::now() + deadline)? {
        Some(status) if status.success() => Ok(()),
        Some(status) => bail!("{name} failed with {status}; {} ends: {}", log.display(), last_lines(log)),
        None => bail!("{name} did not end within {deadline:?}; {} ends: {}", log.display(), last_lines(log)),
    }
}

/// What a program prints to standard output. For programs that answer at once.
pub fn ask(command: &mut Command) -> anyhow::Result<String> {
    let name = name(command);
    let output = command.stdin(Stdio::null()).stderr(Stdio::piped()).output();
    let output = output.map_err(|e| anyhow!("{name} cannot be run: {e}; install it"))?;
    if !output.status.success() {
        bail!("{name} failed with {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Starts a program, which ends with the value returned.
pub fn spawn(command: &mut Command, name: &str) -> anyhow::Result<Process> {
    child::spawn(command).map_err(|e| anyhow!("{name} cannot be run: {e}; install it"))
}

/// How a program ended; `None` if it did not until the deadline, and was killed.
pub fn wait(child: &mut Process, deadline: Instant) -> anyhow::Result<Option<ExitStatus>> {
    loop {
        interrupted::check()?;
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(LOOK);
    }
}

fn name(command: &Command) -> String {
    Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The end of a log, for a message.
pub fn last_lines(log: &Path) -> String {
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
    lines[lines.len().saturating_sub(5)..].join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(100);

    #[test]
    fn failures_are_quoted_and_hangs_are_ended() {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("log");
        let shell = |script: &str, deadline| run(Command::new("sh").args(["-c", script]), &log, deadline);
        shell("echo fine", 100 * SOON).unwrap();
        let error = shell("echo first; echo the reason >&2; exit 3", 100 * SOON).unwrap_err().to_string();
        assert!(error.contains("sh failed with exit status: 3") && error.ends_with("first; the reason"), "{error}");
        let error = shell("exec sleep 60", SOON).unwrap_err().to_string();
        assert!(error.starts_with("sh did not end within 100ms"), "{error}");
        let error = run(&mut Command::new("no-such-program"), &log, SOON).unwrap_err().to_string();
        assert!(error.starts_with("no-such-program cannot be run"), "{error}");
    }
}
