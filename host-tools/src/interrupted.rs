//! SIGINT, SIGTERM and SIGHUP: the first asks the command to end in order, a second one ends it at once.
//!
//! The signals are blocked in every thread but for one that waits for them, so nothing runs inside a signal handler. While
//! somebody [holds](hold) something that must be brought in order, such as a board, the first signal only sets
//! [`cancel`], which devices and loops look at; else it ends the process.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use anyhow::anyhow;
use nix::sys::signal::{SigSet, Signal};
use systole_bitgen::child;
use systole_driver::Cancel;

use crate::failure::{self, Kind};

static CANCEL: LazyLock<Cancel> = LazyLock::new(Cancel::default);
/// The first signal; 0 before.
static SIGNAL: AtomicI32 = AtomicI32::new(0);
static HELD: Mutex<Held> = Mutex::new(Held { next: 0, duties: BTreeMap::new() });

struct Held {
    next: u64,
    duties: BTreeMap<u64, Duty>,
}

enum Duty {
    /// The command brings it in order when it is asked to; the sentence says what is left if it cannot.
    Command(String),
    /// This module does it.
    Cleanup(Box<dyn FnOnce() + Send>),
}

/// Something that must be brought in order before the process ends; until this is dropped.
#[must_use]
pub struct Hold(u64);

impl Drop for Hold {
    fn drop(&mut self) {
        held().duties.remove(&self.0);
    }
}

/// The command was asked to end.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
pub struct Interrupted;

fn held() -> MutexGuard<'static, Held> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

fn add(duty: Duty) -> Hold {
    let mut held = held();
    let key = held.next;
    held.next += 1;
    held.duties.insert(key, duty);
    Hold(key)
}

/// Keeps the first signal from ending the process: the holder looks at [`cancel`] or [`check`] and comes to an end soon.
/// `left` is a sentence for whoever sends a second one.
pub fn hold(left: String) -> Hold {
    add(Duty::Command(left))
}

/// Has something done when a signal ends the process.
pub fn cleanup(action: impl FnOnce() + Send + 'static) -> Hold {
    add(Duty::Cleanup(Box::new(action)))
}

/// Set by the first signal.
pub fn cancel() -> Cancel {
    CANCEL.clone()
}

/// Fails once a signal has come.
pub fn check() -> Result<(), Interrupted> {
    if CANCEL.is_cancelled() { Err(Interrupted) } else { Ok(()) }
}

/// The exit code after a signal, as a shell reports it; none if none has come.
pub fn exit_code() -> Option<u8> {
    let signal = SIGNAL.load(Ordering::SeqCst);
    (signal != 0).then(|| 128 + signal as u8)
}

/// Begins to watch. Before any other thread is there, since each takes over what is blocked.
pub fn watch() -> anyhow::Result<()> {
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGINT);
    signals.add(Signal::SIGTERM);
    // `nohup` wants it ignored.
    if !is_ignored(Signal::SIGHUP) {
        signals.add(Signal::SIGHUP);
    }
    let failed = |error: std::io::Error| anyhow!("cannot watch for signals: {error}; please report this");
    signals.thread_block().map_err(|e| failed(e.into()))?;
    let watcher = move || {
        while let Ok(signal) = signals.wait() {
            came(signal);
        }
    };
    std::thread::Builder::new().name("signals".into()).spawn(watcher).map_err(failed)?;
    Ok(())
}

fn is_ignored(signal: Signal) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal as u32 - 1) & 1 == 1)
}

fn came(signal: Signal) {
    // Until the end of the process, if it comes: nobody begins to hold anything meanwhile.
    let mut held = held();
    let first = SIGNAL.compare_exchange(0, signal as i32, Ordering::SeqCst, Ordering::SeqCst).is_ok();
    CANCEL.cancel();
    let asked = held.duties.values().any(|duty| matches!(duty, Duty::Command(_)));
    if first && asked {
        return;
    }
    child::end_all();
    for duty in std::mem::take(&mut held.duties).into_values() {
        match duty {
            Duty::Command(left) => {
                failure::report(Kind::Interrupted, &format!("ended at once: {left}"));
            }
            Duty::Cleanup(action) => action(),
        }
    }
    std::process::exit(128 + signal as i32);
}
