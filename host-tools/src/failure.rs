//! What goes wrong, as one line on stderr and an exit code.

use std::io::{ErrorKind, Write};
use std::panic::{UnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Mutex;

use serde::Serialize;

use crate::global;
use crate::interrupted;
use crate::output::{plain, versioned};

/// What kind of thing went wrong; decides the exit code. The names are part of the JSON schema.
#[derive(Serialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A check that was asked for did not pass.
    Check,
    /// The command line is not understood.
    Usage,
    /// The command could not do what it was asked for.
    Refused,
    /// It was not done for every text.
    Texts,
    /// The device failed.
    Device,
    /// Standard output cannot be written.
    Output,
    /// A signal ended it.
    Interrupted,
    /// A defect of ours.
    Internal,
}

impl Kind {
    /// The exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Check => 1,
            Self::Usage | Self::Refused | Self::Texts | Self::Device | Self::Output => 2,
            Self::Interrupted => interrupted::exit_code().unwrap_or(130),
            // The code that Rust programs end with.
            Self::Internal => 101,
        }
    }

    fn of(error: &anyhow::Error) -> Self {
        let runtime: Option<&systole_runtime::Error> = error.downcast_ref();
        if runtime.is_some_and(systole_runtime::Error::is_of_device) { Self::Device } else { Self::Refused }
    }
}

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
    let ended = catch_unwind(|| interrupted::watch().and_then(|()| command()));
    let interrupted = interrupted::exit_code().map(ExitCode::from);
    match (ended, interrupted) {
        (Ok(Ok(_)), Some(code)) => code,
        (Ok(Err(error)), Some(code)) => {
            report(Kind::Interrupted, &interrupted_by(&error));
            code
        }
        (ended, _) => report_end(ended),
    }
}

/// What a command says that was asked to end. Most often its error is that it was.
fn interrupted_by(error: &anyhow::Error) -> String {
    match error.to_string().as_str() {
        "cancelled" => "interrupted".to_owned(),
        other if other.starts_with("interrupted") => other.to_owned(),
        other => format!("interrupted: {other}"),
    }
}

fn report_end(ended: std::thread::Result<anyhow::Result<ExitCode>>) -> ExitCode {
    match ended {
        Ok(Ok(code)) => code,
        Ok(Err(error)) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Ok(Err(error)) => match stdout_error(&error) {
            Some(cause) => report(Kind::Output, &format!("cannot write standard output: {cause}; check where it goes")),
            None => report(Kind::of(&error), &error.to_string()),
        },
        Err(_) => {
            let what = PANIC.lock().ok().and_then(|mut last| last.take()).unwrap_or_default();
            report(Kind::Internal, &format!("internal error: {what}; this is a defect of systole, please report it"))
        }
    }
}

/// One line on stderr, whatever a hostile file put into the message: text, or with `--json` an object. Only the outermost
/// error is shown: ours quote their cause themselves. Gives the exit code of such an end.
pub fn report(kind: Kind, message: &str) -> ExitCode {
    report_as(kind, message, global::json())
}

/// As [`report`], before the command line is known to ask for JSON.
pub fn report_as(kind: Kind, message: &str, json: bool) -> ExitCode {
    #[derive(Serialize)]
    struct Line<'a> {
        error: Error<'a>,
    }
    #[derive(Serialize)]
    struct Error<'a> {
        kind: Kind,
        message: &'a str,
        exit_code: u8,
    }
    let message = message.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    let exit_code = kind.code();
    let line = match versioned(&Line { error: Error { kind, message: &message, exit_code } }) {
        Ok(object) if json => object,
        _ => format!("error: {}", plain(&message)),
    };
    // Nobody is left to tell when stderr is gone as well.
    let _ = writeln!(std::io::stderr(), "{line}");
    ExitCode::from(exit_code)
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
