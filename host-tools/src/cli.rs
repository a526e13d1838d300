//! The command line: its subcommands and the order of events in each run.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::cmd::{
    bitstream, compile, completions, doctor, inspect, metrics, probe, program, quantize, registers, replay, reset, rtl,
    run, top, validate, virtual_board,
};

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
RUST_LOG=debug tells on stderr what happens inside; `run --trace` draws it as a timeline.";

/// BERT embeddings on an INT8 systolic accelerator: quantize, compile, simulate, run.
#[derive(Parser)]
#[command(name = "systole", version, about, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    Run(Box<run::Args>),
    Quantize(quantize::Args),
    Compile(compile::Args),
    Inspect(inspect::Args),
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
}

impl Cli {
    /// Runs the subcommand; without one, `run`, which without texts is the demonstration.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.command {
            Some(Command::Run(args)) => args.run(),
            Some(Command::Quantize(args)) => args.run(),
            Some(Command::Compile(args)) => args.run(),
            Some(Command::Inspect(args)) => args.run(),
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
            None => Self::parse_from(["systole", "run"]).run(),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_declaration_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
