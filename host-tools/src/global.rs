//! What every command takes: how much is said, in which colours, on how many threads.

use std::sync::OnceLock;

use anyhow::anyhow;
use clap::ValueEnum;

/// Options that may stand before or behind a subcommand.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Options of every command")]
pub struct Global {
    /// Say nothing on standard error but errors: no notes, no progress bar
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    quiet: bool,

    /// Tell on standard error what happens inside; -vv tells more, -vvv everything. RUST_LOG chooses by module
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    verbose: u8,

    /// Colours: auto (on a terminal; NO_COLOR and CLICOLOR_FORCE are heeded), always or never
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN", hide_possible_values = true)]
    color: Color,

    /// Threads for quantizing and for the fp32 reference [default: one a core]
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Color {
    Auto,
    Always,
    Never,
}

/// What is decided once, by the command line.
#[derive(Clone, Copy, Debug, Default)]
struct Settings {
    quiet: bool,
    verbose: u8,
    json: bool,
}

static SETTINGS: OnceLock<Settings> = OnceLock::new();

impl Global {
    /// Puts the options into effect; `json`, whether the command speaks JSON. To be called once.
    ///
    /// # Errors
    /// The threads cannot be started.
    pub fn apply(&self, json: bool) -> anyhow::Result<()> {
        let colours = match self.color {
            Color::Auto => None,
            Color::Always => Some(true),
            Color::Never => Some(false),
        };
        if let Some(colours) = colours {
            console::set_colors_enabled(colours);
            console::set_colors_enabled_stderr(colours);
        }
        if let Some(threads) = self.threads {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.into());
            pool.build_global().map_err(|e| anyhow!("cannot start {threads} threads: {e}; choose fewer"))?;
        }
        let settings = Settings { quiet: self.quiet, verbose: self.verbose, json };
        // Nobody else sets it.
        let _ = SETTINGS.set(settings);
        Ok(())
    }
}

fn settings() -> Settings {
    SETTINGS.get().copied().unwrap_or_default()
}

/// Whether notes and progress are unwanted.
pub fn quiet() -> bool {
    settings().quiet
}

/// Whether standard error is for programs, too: one JSON object a line.
pub fn json() -> bool {
    settings().json
}

/// The filter that `--verbose` stands for, if it was given.
pub fn verbosity() -> Option<&'static str> {
    match settings().verbose {
        0 => None,
        1 => Some("info"),
        2 => Some("debug"),
        _ => Some("trace"),
    }
}
