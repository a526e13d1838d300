//! `systole virtual-board`.

mod guest;
mod test;

use std::process::ExitCode;

/// Serve the accelerator as a PCI card to QEMU
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    Test(test::Args),
    #[command(hide = true)]
    Guest(guest::Args),
}

impl Args {
    /// Runs the command.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.action {
            Action::Test(args) => args.run(),
            Action::Guest(args) => args.run(),
        }
    }
}
