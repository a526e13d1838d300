//! Programs that this process starts, none of which outlives it.
//!
//! Each leads a process group of its own, so that what it starts ends with it, and the kernel kills it when this process is
//! gone in whatever way (or the thread that started it, which waits for it here). [`end_all`] is for a process that is about
//! to end without unwinding.
#![allow(unsafe_code, reason = "a call between fork and exec")]

use std::collections::BTreeSet;
use std::io;
use std::ops::{Deref, DerefMut};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::errno::Errno;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// The groups that run.
static RUNNING: Mutex<BTreeSet<Pid>> = Mutex::new(BTreeSet::new());

fn running() -> MutexGuard<'static, BTreeSet<Pid>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A program that runs, or has run. Dropping it kills its group.
#[derive(Debug)]
pub struct Process {
    child: Child,
    group: Pid,
}

/// Starts a program.
///
/// # Errors
/// It cannot be started.
pub fn spawn(command: &mut Command) -> io::Result<Process> {
    let parent = Pid::this();
    let bind = move || {
        set_pdeathsig(Signal::SIGKILL)?;
        // The parent may have ended before the call.
        if Pid::parent() == parent { Ok(()) } else { Err(Errno::ESRCH.into()) }
    };
    // SAFETY: it makes two system calls and touches no memory that another thread may have locked.
    unsafe { command.pre_exec(bind) };
    // Under the lock, so that none begins when `end_all` has looked.
    let mut running = running();
    let child = command.process_group(0).spawn()?;
    let group = Pid::from_raw(child.id().cast_signed());
    running.insert(group);
    Ok(Process { child, group })
}

/// Runs a program to its end; what it prints is returned.
///
/// # Errors
/// It cannot be started.
pub fn output(command: &mut Command) -> io::Result<Output> {
    let mut process = spawn(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()))?;
    let errors = process.stderr.take();
    // Read beside each other, so that no full pipe holds the program up.
    std::thread::scope(|scope| {
        let stderr = scope.spawn(|| read(errors));
        let stdout = read(process.stdout.take())?;
        let stderr = stderr.join().unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))?;
        Ok(Output { status: process.wait()?, stdout, stderr })
    })
}

fn read(pipe: Option<impl io::Read>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        pipe.read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

/// Kills all that run, and lets no other begin: for the last moments of this process.
pub fn end_all() {
    let running = running();
    for group in &*running {
        // It may have ended by itself.
        let _ = killpg(*group, Signal::SIGKILL);
    }
    std::mem::forget(running);
}

impl Deref for Process {
    type Target = Child;

    fn deref(&self) -> &Child {
        &self.child
    }
}

impl DerefMut for Process {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.child
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let mut running = running();
        // Once it was waited for, its number may be another's.
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            let _ = killpg(self.group, Signal::SIGKILL);
            let _ = self.child.wait();
        }
        running.remove(&self.group);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    fn gone(pid: i32) -> bool {
        // A zombie that nobody has waited for yet is gone as well.
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit(')').next().is_none_or(|rest| rest.trim().is_empty() || rest.trim().starts_with('Z'))
    }

    fn soon(what: impl Fn() -> bool) {
        let started = Instant::now();
        while !what() {
            assert!(started.elapsed() < Duration::from_secs(20), "not within 20 s");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn what_a_program_started_ends_with_it() {
        let script = "sleep 600 & echo $!; wait";
        let mut process = spawn(Command::new("sh").args(["-c", script]).stdout(Stdio::piped())).unwrap();
        let mut line = String::new();
        io::BufRead::read_line(&mut io::BufReader::new(process.stdout.take().unwrap()), &mut line).unwrap();
        let (leader, other) = (process.id().cast_signed(), line.trim().parse().unwrap());
        assert!(!gone(leader) && !gone(other));
        drop(process);
        soon(|| gone(leader) && gone(other));
    }

    #[test]
    fn what_a_program_prints_is_kept() {
        let script = "head -c 200000 /dev/zero; head -c 100000 /dev/zero >&2; exit 3";
        let output = output(Command::new("sh").args(["-c", script])).unwrap();
        assert_eq!((output.stdout.len(), output.stderr.len(), output.status.code()), (200_000, 100_000, Some(3)));
        assert!(super::output(&mut Command::new("no-such-program")).is_err());
    }
}
