//! `systole man`: the manual pages, made of what the command line is declared by.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{anyhow, bail};
use clap::Command;
use clap_mangen::Man;

use crate::output::{Output, write_file};

const EXAMPLES: &str = "\
Examples:
  systole man run | man -l -
  systole man virtual-board test | man -l -
  systole man --out ~/.local/share/man/man1      all pages; then: man systole-run";

/// Print a command's manual page, or write those of all
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The command, such as run or virtual-board test; without one, systole itself
    #[arg(value_name = "COMMAND", conflicts_with = "out")]
    command: Vec<String>,

    /// Write a page for every command into this directory
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Args {
    /// Runs the command.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let mut root = crate::cli::command().disable_help_subcommand(true);
        root.build();
        let mut out = Output::new();
        if let Some(directory) = &self.out {
            std::fs::create_dir_all(directory)
                .map_err(|e| anyhow!("cannot make {}: {e}; choose another directory", directory.display()))?;
            write(&root, directory, &mut out)?;
        } else {
            let page = self.command.iter().try_fold(&root, |command, name| {
                command.find_subcommand(name).filter(|c| !c.is_hide_set()).ok_or_else(|| {
                    anyhow!(
                        "there is no command {name} of {}; `systole --help` lists what there is",
                        command.get_name()
                    )
                })
            });
            out.line(String::from_utf8_lossy(&render(page?)?).trim_end())?;
        }
        out.flush()?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Writes the pages of a command and of all below it, and lists them.
fn write(command: &Command, directory: &Path, out: &mut Output) -> anyhow::Result<()> {
    let path = directory.join(Man::new(command.clone()).get_filename());
    write_file(&path, &render(command)?)?;
    out.line(path.display())?;
    command.get_subcommands().filter(|c| !c.is_hide_set()).try_for_each(|c| write(c, directory, out))
}

fn render(command: &Command) -> anyhow::Result<Vec<u8>> {
    let mut page = Vec::new();
    match Man::new(command.clone()).render(&mut page) {
        Ok(()) => Ok(page),
        Err(error) => bail!("the manual page of {} cannot be made: {error}", command.get_name()),
    }
}
