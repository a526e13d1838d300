//! What goes wrong, as one line on stderr and an exit code.

use std::io::{ErrorKind, Write};
use std::panic::{UnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Mutex;

use crate::output::plain;

/// A check that was asked for did not pass.
pub const CHECK_FAILED: u8 = 1;
/// The command could not do what it was asked for, or not for every text.
pub const REFUSED: u8 = 2;
/// A defect of ours; the code that Rust programs end with.
const PANICKED: u8 = 101;

/// The last panic, including those that a library below us catches: some of the crates that parse foreign files panic,
/// and the runtime makes errors of that. The hook is silent so that only the error reaches the user.
static PANIC: Mutex<Option<String>> = Mutex::new(None);

/// Runs the command and reports how it ended. A closed pipe (`| head`) is a quiet success: the reader has enough.
pub fn guard(command: impl FnOnce() -> anyhow::Result<ExitCode> + UnwindSafe) -> ExitCode {
    std::panic::set_hook(Box::new(|info| {
        if let Ok(mut last) = PANIC.lock() {
            *last = Some(info.to_string());
        }
    }));
    match catch_unwind(command) {
        Ok(Ok(code)) => code,
        Ok(Err(error)) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Ok(Err(error)) => {
            match stdout_error(&error) {
                Some(cause) => complain(&format!("cannot write standard output: {cause}; check where it goes")),
                None => complain(&error.to_string()),
            }
            ExitCode::from(REFUSED)
        }
        Err(_) => {
            let what = PANIC.lock().ok().and_then(|mut last| last.take()).unwrap_or_default();
            complain(&format!("internal error: {what}; this is a defect of systole, please report it"));
            ExitCode::from(PANICKED)
        }
    }
}

/// One line on stderr, whatever a hostile file put into the message. Only the outermost error is shown: ours quote
/// their cause themselves.
pub fn complain(message: &str) {
    let message = message.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    // Nobody is left to tell when stderr is gone as well.
    let _ = writeln!(std::io::stderr(), "error: {}", plain(&message));
}

/// What came of something, and of the writing that followed it whatever came: when both failed, one message says both.
pub fn after<T>(ended: anyhow::Result<T>, written: anyhow::Result<()>) -> anyhow::Result<T> {
    match (ended, written) {
        (Ok(_), Err(unwritten)) => Err(unwritten),
        (Err(error), Err(unwritten)) => {
            let both = format!("{error}; {unwritten}");
            Err(error.context(both))
        }
        (ended, Ok(())) => ended,
    }
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    stdout_error(error).is_some_and(|e| e.kind() == ErrorKind::BrokenPipe)
}

/// Every other I/O error is wrapped into a message where it happens, so a bare one is that of stdout.
fn stdout_error(error: &anyhow::Error) -> Option<&std::io::Error> {
    error.downcast_ref()
}
