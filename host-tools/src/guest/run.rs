//! One boot: the cards' servers, QEMU, and the deadline for all of it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{anyhow, bail};
use systole_bitgen::child::Process;

use super::emulator::{self, Card};
use super::fetch::Parts;
use super::tool;
use crate::interrupted;

/// Longest time for a guest, from QEMU's start. It takes a small part of it; a busy computer may take ten times as long.
pub const DEADLINE: Duration = Duration::from_secs(300);
/// Longest time until a card's server listens.
const SERVER_START: Duration = Duration::from_secs(30);

/// The guest's console, in the directory of a boot.
pub const CONSOLE: &str = "console.log";
/// What QEMU says itself.
pub const QEMU_LOG: &str = "qemu.log";

/// How a boot ended.
#[derive(Debug)]
pub struct Ended {
    /// QEMU's exit status; `None` if a signal or the deadline ended it.
    pub status: Option<i32>,
    /// Everything on the guest's console.
    pub console: String,
    /// From QEMU's start to its end.
    pub elapsed: Duration,
}

/// A card to be served: what follows `systole virtual-board --socket PATH`.
#[derive(Clone, Debug)]
pub struct Served {
    /// Device number on bus 0.
    pub slot: u8,
    /// Further arguments.
    pub arguments: Vec<String>,
}

/// What is booted.
#[derive(Debug)]
pub struct Guest<'a> {
    /// Its files.
    pub initramfs: &'a [u8],
    /// What is plugged in.
    pub cards: &'a [Served],
    /// The kernel leaves [`emulator::RESERVED`] alone.
    pub reserved: bool,
    /// Of the first process.
    pub arguments: &'a str,
}

/// Boots a guest in `directory`, where its console and the servers' logs stay.
pub fn boot(parts: &Parts, guest: &Guest<'_>, directory: &Path) -> anyhow::Result<Ended> {
    let denied = |e: std::io::Error| anyhow!("cannot write {}: {e}; set TMPDIR", directory.display());
    let image = directory.join("initramfs");
    fs::write(&image, guest.initramfs).map_err(denied)?;
    let served: Vec<(Card, Process)> =
        guest.cards.iter().map(|card| serve(card, directory)).collect::<Result<_, _>>()?;
    let (cards, servers): (Vec<_>, Vec<_>) = served.into_iter().unzip();
    let console = directory.join(CONSOLE);
    let output = File::create(&console).map_err(denied)?;
    let errors = File::create(directory.join(QEMU_LOG)).map_err(denied)?;
    let mut command = emulator::boot(parts, &image, &cards, guest.reserved, guest.arguments);
    let started = Instant::now();
    let mut qemu = tool::spawn(command.stdin(Stdio::null()).stdout(output).stderr(errors), "QEMU")?;
    let status = tool::wait(&mut qemu, started + DEADLINE)?.and_then(|s| s.code());
    let elapsed = started.elapsed();
    drop(servers);
    // Its largest file tells nothing.
    fs::remove_file(image).map_err(denied)?;
    let console = String::from_utf8_lossy(&fs::read(console)?).into_owned();
    Ok(Ended { status, console, elapsed })
}

/// Starts a server and waits until it listens.
fn serve(card: &Served, directory: &Path) -> anyhow::Result<(Card, Process)> {
    let socket: PathBuf = directory.join(format!("card-{}.socket", card.slot));
    let log = directory.join(format!("card-{}.log", card.slot));
    let output = File::create(&log)?;
    let mut command = Command::new("/proc/self/exe");
    command.args(["virtual-board", "--socket"]).arg(&socket).args(&card.arguments);
    let errors = output.try_clone()?;
    command.stdin(Stdio::null()).stdout(output).stderr(errors);
    let mut server = tool::spawn(&mut command, "the server of the card")?;
    let started = Instant::now();
    while !socket.exists() {
        interrupted::check()?;
        if let Some(status) = server.try_wait()? {
            bail!("the server of the card ended with {status}: {}", tool::last_lines(&log));
        }
        if started.elapsed() > SERVER_START {
            bail!("the server of the card does not listen after {SERVER_START:?}; {}", log.display());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok((Card { socket, slot: card.slot }, server))
}
