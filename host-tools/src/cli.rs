//! The command line: its subcommands and the order of events in each run.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::cmd::{
    bitstream, cache, compile, completions, doctor, inspect, man, metrics, probe, program, quantize, registers, replay,
    reset, rtl, run, top, validate, virtual_board,
};
use crate::failure::{self, Kind};
use crate::global::Global;
use crate::output::Output;

const EXAMPLES: &str = "\
Examples:
  systole                                         a demonstration with the built-in model
  systole run --text \"Where is the station?\"      embed a text
  systole run -m sentence-transformers/all-MiniLM-L6-v2 -i texts.txt --json > embeddings.jsonl
  systole quantize ./my-checkpoint -o my.systole  quantize once, then `run -m my.systole`
  systole compile --tokens 128 -o bert.prog       the accelerator's program; see it with `inspect`
  systole probe                                   the boards of this machine; `doctor` says what is missing
  systole validate --device auto                  is this board a good one?

Exit codes: 0 done, 1 a check did not pass, 2 it could not be done (one line on stderr says why).
-v tells on stderr what happens inside; `run --trace` draws it as a timeline. With --json, errors are JSON as well.";

/// BERT embeddings on an INT8 systolic accelerator: quantize, compile, simulate, run.
#[derive(Parser)]
#[command(name = "systole", version, about, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    global: Global,
}

#[derive(Subcommand)]
enum Command {
    Run(Box<run::Args>),
    Quantize(quantize::Args),
    Compile(compile::Args),
    Inspect(inspect::Args),
    Cache(cache::Args),
    Probe(probe::Args),
    Doctor(doctor::Args),
    Validate(validate::Args),
    Program(program::Args),
    Reset(reset::Args),
    Peek(registers::Peek),
    Poke(registers::Poke),
    Top(top::Args),
    Metrics(metrics::Args),
    Replay(replay::Args),
    Rtl(rtl::Args),
    Bitstream(bitstream::Args),
    VirtualBoard(virtual_board::Args),
    Completions(completions::Args),
    Man(man::Args),
}

/// The declaration of the command line. A number below zero is a value, which is then refused with the range, and no option
/// that nobody knows.
pub fn command() -> clap::Command {
    fn with_negative_numbers(command: clap::Command) -> clap::Command {
        let takes_value = |a: &clap::Arg| a.get_action().takes_values();
        let command = command.mut_args(|a| if takes_value(&a) { a.allow_negative_numbers(true) } else { a });
        command.mut_subcommands(with_negative_numbers)
    }
    with_negative_numbers(Cli::command())
}

/// Runs what the arguments, the program's name first, ask for.
pub fn run(arguments: Vec<OsString>) -> anyhow::Result<ExitCode> {
    let parsed = command().try_get_matches_from(&arguments);
    let parsed = parsed.and_then(|matches| Ok((asks_for_json(&matches), Cli::from_arg_matches(&matches)?)));
    match parsed {
        Ok((json, cli)) => {
            cli.global.apply(json)?;
            cli.run()
        }
        Err(error) if !error.use_stderr() => {
            // Help, or the version: results, which may meet a full disk.
            let mut out = Output::new();
            let text = error.render();
            let text = if console::colors_enabled() { text.ansi().to_string() } else { text.to_string() };
            out.line(text.trim_end())?;
            out.flush()?;
            Ok(ExitCode::SUCCESS)
        }
        Err(error) if arguments.iter().any(|a| a == "--json") => {
            let text = error.render().to_string();
            // The usage and the hint at --help are for people.
            let message = text.split("\n\n").next().unwrap_or_default();
            Ok(failure::report_as(Kind::Usage, message.trim_start_matches("error: "), true))
        }
        Err(error) => {
            // Nobody is left to tell when stderr is gone.
            let _ = error.print();
            Ok(ExitCode::from(Kind::Usage.code()))
        }
    }
}

/// Whether the command was given `--json`, if it has that.
fn asks_for_json(matches: &ArgMatches) -> bool {
    let here = matches.try_get_one("json").ok().flatten().copied().unwrap_or(false);
    here || matches.subcommand().is_some_and(|(_, matches)| asks_for_json(matches))
}

impl Cli {
    /// Runs the subcommand; without one, `run`, which without texts is the demonstration.
    fn run(self) -> anyhow::Result<ExitCode> {
        match self.command {
            Some(Command::Run(args)) => args.run(),
            Some(Command::Quantize(args)) => args.run(),
            Some(Command::Compile(args)) => args.run(),
            Some(Command::Inspect(args)) => args.run(),
            Some(Command::Cache(args)) => args.run(),
            Some(Command::Probe(args)) => args.run(),
            Some(Command::Doctor(args)) => args.run(),
            Some(Command::Validate(args)) => args.run(),
            Some(Command::Program(args)) => args.run(),
            Some(Command::Reset(args)) => args.run(),
            Some(Command::Peek(args)) => args.run(),
            Some(Command::Poke(args)) => args.run(),
            Some(Command::Top(args)) => args.run(),
            Some(Command::Metrics(args)) => args.run(),
            Some(Command::Replay(args)) => args.run(),
            Some(Command::Rtl(args)) => args.run(),
            Some(Command::Bitstream(args)) => args.run(),
            Some(Command::VirtualBoard(args)) => args.run(),
            Some(Command::Completions(args)) => args.run(),
            Some(Command::Man(args)) => args.run(),
            None => Self::parse_from(["systole", "run"]).run(),
        }
    }
}

#[cfg(test)]
#[path = "page_tests.rs"]
mod page;

#[cfg(test)]
mod tests {
    #[test]
    fn the_declaration_is_consistent() {
        super::command().debug_assert();
    }
}
