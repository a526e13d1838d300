//! A run on a card that is interrupted: it must give the card back, as no IOMMU keeps the card from memory afterwards.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{anyhow, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use systole_bitgen::child;
use systole_driver::transport::Location;

use super::bind::Card;

/// More than are done when the first result is there.
const TEXTS: usize = 256;
/// What a shell would report.
const INTERRUPTED: i32 = 130;

/// Runs the built-in model as a process of its own, interrupts it after the first result, and looks at the card.
pub fn provoke(card: &Card, location: &Location, patience: Duration) -> anyhow::Result<()> {
    let mut command = Command::new("/proc/self/exe");
    command.args(["run", "--json", "--batch", "1", "--deadline", &patience.as_secs().to_string()]);
    command.args(["--input", "-", "--device", &location.to_string()]);
    let mut run = child::spawn(command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()))?;
    let (Some(mut input), Some(output)) = (run.stdin.take(), run.stdout.take()) else { bail!("it has no pipes") };
    input.write_all("The cat took a nap on the couch.\n".repeat(TEXTS).as_bytes())?;
    let mut lines = BufReader::new(output).lines();
    lines.next().ok_or_else(|| anyhow!("it ended without a result"))??;
    if !card.is_bus_master()? {
        bail!("the card is no bus master while it runs");
    }
    kill(Pid::from_raw(run.id().cast_signed()), Signal::SIGINT)?;
    let signalled = Instant::now();
    let later = lines.filter(Result::is_ok).count();
    let status = loop {
        match run.try_wait()? {
            Some(status) => break status,
            None if signalled.elapsed() > patience => bail!("it does not end within {patience:?}"),
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    };
    if status.code() != Some(INTERRUPTED) || later + 1 >= TEXTS {
        let mut said = String::new();
        run.stderr.take().map(|mut errors| errors.read_to_string(&mut said)).transpose()?;
        bail!("it ended with {status} after {} of {TEXTS} results: {}", later + 1, said.trim());
    }
    if card.is_bus_master()? { Err(anyhow!("the card is still a bus master")) } else { Ok(()) }
}
