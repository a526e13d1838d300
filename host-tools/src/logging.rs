//! Where the libraries' tracing goes: RUST_LOG or --verbose to stderr, the progress bar, the timeline.

use std::io::IsTerminal;

use tracing_subscriber::filter::{EnvFilter, LevelFilter, Targets};
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::prelude::*;

use crate::global;
use crate::progress::Progress;
use crate::timeline::Timeline;

/// Installs the subscriber. Each listener has a filter of its own, so RUST_LOG does not thin out a timeline. The progress
/// bar steps back when there is a log: both would write over each other.
pub fn install(timeline: Option<Timeline>) -> anyhow::Result<()> {
    let wanted = std::env::var("RUST_LOG").ok().filter(|v| !v.is_empty());
    let wanted = wanted.or_else(|| global::verbosity().map(str::to_owned));
    let filter = EnvFilter::try_new(wanted.as_deref().unwrap_or("error")).map_err(|e| {
        anyhow::anyhow!("RUST_LOG is no filter: {e}; use a level such as info, or target=level,target=level")
    })?;
    let ours = || Targets::new().with_target("systole", LevelFilter::DEBUG);
    let stderr_is_terminal = std::io::stderr().is_terminal();
    // The libraries speak mostly in spans, so these are shown too, when they end and with their duration.
    let log = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(console::colors_enabled_stderr())
        .with_span_events(FmtSpan::CLOSE);
    let progress = (wanted.is_none() && stderr_is_terminal && !global::quiet()).then(Progress::new);
    tracing_subscriber::registry()
        .with(log.with_filter(filter))
        .with(progress.with_filter(ours()))
        .with(timeline.with_filter(ours()))
        .try_init()?;
    Ok(())
}
