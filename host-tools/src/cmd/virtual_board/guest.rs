//! `systole virtual-board guest`: the first process of the guest that `virtual-board test` boots.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{anyhow, bail};
use rustix::time::{ClockId, clock_gettime};

use crate::failure::{self, Kind};
use crate::guest::attempt::{self, Reporter};
use crate::guest::console::Line;
use crate::guest::trial::Trial;
use crate::guest::{exit, init, initramfs};
use crate::logging;

/// The first process of a guest that `virtual-board test` boots
#[derive(clap::Args)]
pub struct Args {
    /// What to try, in this order
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', required = true)]
    transports: Vec<Trial>,
}

impl Args {
    /// Runs the trials and ends the machine.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        if std::process::id() != 1 {
            bail!("this is for the guest of `systole virtual-board test`, where it is the first process");
        }
        logging::install(None)?;
        let passed = self.trials();
        if let Err(error) = &passed {
            failure::report(Kind::Refused, &error.to_string());
        }
        let error = exit::exit(passed.unwrap_or(false));
        Err(anyhow!("the guest cannot end: {error}"))
    }

    /// True if all passed.
    fn trials(&self) -> anyhow::Result<bool> {
        init::start()?;
        let mut reporter = Reporter::default();
        let kernel = rustix::system::uname().release().to_string_lossy().into_owned();
        let up = Duration::try_from(clock_gettime(ClockId::Boottime))?;
        reporter.print(&Line::Ready { kernel, seconds: up.as_secs_f64() })?;
        let fixture = Some(Path::new(initramfs::FIXTURE)).filter(|path| path.exists());
        self.transports.iter().try_for_each(|trial| attempt::run(trial, fixture, &mut reporter))?;
        reporter.close()
    }
}
