//! `systole metrics`: the same counters for Prometheus.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::anyhow;

use super::top::source;
use crate::device::DeviceArg;
use crate::interrupted;
use crate::live::Source;
use crate::live::prometheus::exposition;
use crate::logging;
use crate::output::{Output, check_writable, write_file};

const EXAMPLES: &str = "\
Examples:
  systole metrics --device uio:0                                         once, to stdout
  systole metrics --device uio:0 -o /var/lib/node_exporter/systole.prom  for the textfile collector, from cron
  systole metrics --device uio:0 --listen 127.0.0.1:9477                 until it is ended; scrape /metrics

Names: systole_info, systole_running, systole_fault, systole_queue_depth, systole_completions_total (since this command
began), systole_cycles_total, systole_unit_cycles{unit,state}; each with the label device. See `systole top --help` for what
is counted. Listening is without encryption or password: keep it on the loopback address, or behind something that has both.";

/// Longest time for a scraper to send its request and take the answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Time in which completions are counted for one sample.
const DURING: Duration = Duration::from_millis(100);
/// Between two looks at whether somebody asks.
const LOOK: Duration = Duration::from_millis(20);

/// Export a device's counters as text for Prometheus
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    device: DeviceArg,
    /// Write a file, which appears whole, instead of stdout
    #[arg(long, short, value_name = "FILE", conflicts_with = "listen")]
    output: Option<PathBuf>,
    /// Answer HTTP requests at this address, such as 127.0.0.1:9477
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    listen: Option<SocketAddr>,
}

impl Args {
    /// Runs the command.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        logging::install(None)?;
        self.output.as_deref().map(check_writable).transpose()?;
        let (name, mut source) = source(&self.device.device)?;
        if let Some(address) = self.listen {
            return serve(address, &name, &mut *source);
        }
        let text = exposition(&name, &source.sample(DURING)?);
        match &self.output {
            // The collector must not read half a file.
            Some(path) => write_file(path, text.as_bytes())?,
            None => {
                let mut out = Output::new();
                out.line(text.trim_end())?;
                out.flush()?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn parse_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "give an IP address and a port up to 65535, such as 127.0.0.1:9477".to_owned())
}

/// Answers one request after the other.
fn serve(address: SocketAddr, name: &str, source: &mut dyn Source) -> anyhow::Result<ExitCode> {
    let listener =
        TcpListener::bind(address).map_err(|e| anyhow!("cannot listen at {address}: {e}; choose another"))?;
    let mut out = Output::new();
    out.line(format_args!("http://{}/metrics", listener.local_addr().unwrap_or(address)))?;
    out.flush()?;
    // Looked at now and then: whoever interrupts this must not have to wait for a scraper.
    listener.set_nonblocking(true).map_err(|e| anyhow!("cannot listen at {address}: {e}; choose another"))?;
    loop {
        let stream = match listener.accept() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                interrupted::check()?;
                std::thread::sleep(LOOK);
                continue;
            }
            accepted => accepted.and_then(|(stream, _)| stream.set_nonblocking(false).map(|()| stream)),
        };
        let text = exposition(name, &source.sample(DURING)?);
        // Who hangs up early loses nothing but the answer.
        if let Err(error) = stream.and_then(|stream| answer(stream, &text)) {
            tracing::debug!(%error, "a scraper went away");
        }
    }
}

/// Reads the beginning of a request and sends the text, whatever was asked for.
fn answer(mut stream: TcpStream, text: &str) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut request = [0; 1024];
    let _ = stream.read(&mut request)?;
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nConnection: close\r\nContent-Length: ";
    write!(stream, "{head}{}\r\n\r\n{text}", text.len())
}
