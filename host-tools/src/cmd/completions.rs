//! `systole completions`.

use std::process::ExitCode;

use clap_complete::Shell;

use crate::output::Output;

const EXAMPLES: &str = "\
Examples:
  systole completions bash > ~/.local/share/bash-completion/completions/systole
  systole completions zsh  > ~/.zfunc/_systole
  systole completions fish > ~/.config/fish/completions/systole.fish";

/// Print a shell's completion script
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The shell
    shell: Shell,
}

impl Args {
    /// Runs the command.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut crate::cli::command(), "systole", &mut script);
        let mut out = Output::new();
        out.line(String::from_utf8_lossy(&script).trim_end())?;
        out.flush()?;
        Ok(ExitCode::SUCCESS)
    }
}
