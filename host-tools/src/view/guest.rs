//! What a guest came to, as a table.

use std::time::Duration;

use crate::guest::trial::Trial;
use crate::guest::verdict::{Tally, Verdict};
use crate::output::{Output, plain};
use crate::view::table::table;
use crate::view::{alarm, dim};

/// Failures of a trial that are quoted.
const QUOTED: usize = 5;

/// Shows the trials in their order, and what failed.
pub fn show(out: &mut Output, verdict: &Verdict, trials: &[Trial], elapsed: Duration) -> std::io::Result<()> {
    let columns = ["transport", ">passed", ">failed", ">seconds", ">register read", ">doorbell to completion", "way"];
    let mut lines = table(&columns);
    let nothing = Tally::default();
    for trial in trials {
        let tally = verdict.trials.get(trial.name).unwrap_or(&nothing);
        let figure = |name: &str| tally.microseconds.get(name).map_or("-".to_owned(), |us| format!("{us:.0} µs"));
        lines.add_row([
            trial.name.to_owned(),
            tally.passed.to_string(),
            tally.failed.len().to_string(),
            format!("{:.1}", tally.seconds),
            figure("register read"),
            figure("doorbell to completion"),
            plain(tally.way.as_deref().unwrap_or("-")).to_string(),
        ]);
    }
    out.line(lines)?;
    for (trial, tally) in &verdict.trials {
        for (case, error) in tally.failed.iter().take(QUOTED) {
            let error = error.lines().collect::<Vec<_>>().join(" ");
            out.line(format_args!("{} {trial}: {case}: {}", alarm("FAILED"), plain(&error)))?;
        }
        if let Some(more) = tally.failed.len().checked_sub(QUOTED + 1) {
            out.line(format_args!("{} {trial}: and {} more", alarm("FAILED"), more + 1))?;
        }
    }
    let kernel = verdict.kernel.as_deref().unwrap_or("unknown");
    let boot = verdict.boot_seconds.unwrap_or_default();
    let about = format!("Linux {} up after {boot:.1} s, all over after {:.1} s", plain(kernel), elapsed.as_secs_f64());
    out.line(dim(&about))
}
