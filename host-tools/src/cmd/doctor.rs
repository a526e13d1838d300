//! `systole doctor`: what is missing on this machine, and the command that mends it.

use std::process::ExitCode;

use serde::Serialize;
use systole_bitgen::bitstream::tools::{self, Tool};
use systole_bitgen::verilated::{INSTALL_VERILATOR, Verilator};
use systole_driver::transport::{self, Check, Kernel, State};

use crate::device::kernel;
use crate::failure::Kind;
use crate::logging;
use crate::output::{Output, plain};
use crate::view::{alarm, dim};

const EXAMPLES: &str = "\
Examples:
  systole doctor
  systole doctor --json | jq -r 'select(.state != \"ok\").mend'     the commands that mend what is wrong

The simulator needs nothing of this. `warning` is what only some boards or builds need; `missing` is what keeps a board
that is there from being used, and makes the exit code 1.
--json writes one object a check: {\"what\", \"state\": \"ok\"|\"warning\"|\"missing\", \"detail\", \"mend\"}.";

/// Say what keeps boards and hardware tools from working, and how to mend it
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// One JSON object a check instead of text
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Line<'a> {
    what: &'a str,
    state: &'static str,
    detail: &'a str,
    mend: Option<&'a str>,
}

impl Args {
    /// Runs the command.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        logging::install(None)?;
        let kernel = kernel();
        let mut checks = transport::doctor(&kernel);
        checks.extend(tools(&kernel));
        let mut out = Output::new();
        for check in &checks {
            let state = name(check.state);
            if self.json {
                let Check { what, detail, mend, .. } = check;
                out.json(&Line { what, state, detail, mend: mend.as_deref() })?;
                continue;
            }
            let state = format!("{state:<8}");
            let state = match check.state {
                State::Ok => dim(&state),
                State::Warning => state,
                State::Missing => alarm(&state),
            };
            out.line(format_args!("{state} {}: {}", plain(&check.what), plain(&check.detail)))?;
            if let Some(mend) = &check.mend {
                out.line(format_args!("         {}", plain(mend)))?;
            }
        }
        out.flush()?;
        let missing = checks.iter().any(|check| check.state == State::Missing);
        Ok(if missing { ExitCode::from(Kind::Check.code()) } else { ExitCode::SUCCESS })
    }
}

const fn name(state: State) -> &'static str {
    match state {
        State::Ok => "ok",
        State::Warning => "warning",
        State::Missing => "missing",
    }
}

/// The programs that build, simulate and load the hardware.
fn tools(kernel: &Kernel) -> Vec<Check> {
    let verilator = Verilator::find().map(|_| "found".to_owned());
    let mut checks = vec![check("Verilator", "--device rtl needs it", verilator.ok(), INSTALL_VERILATOR)];
    for (what, tool) in [("Yosys", Tool::Yosys), ("nextpnr", Tool::Nextpnr), ("ecppack", Tool::Ecppack)] {
        let found = tool.find().ok().map(|path| path.display().to_string());
        checks.push(check(what, "`systole bitstream build` needs it", found, tools::INSTALL));
    }
    let loader = crate::loader::find(kernel).map(|path| path.display().to_string());
    checks.push(check("openFPGALoader", "`systole program` needs it for JTAG boards", loader, crate::loader::INSTALL));
    let managers = crate::loader::managers(kernel).join(", ");
    let managers = Some(managers).filter(|names| !names.is_empty());
    let mend = "on a Zynq, boot a kernel with CONFIG_FPGA and its device tree; other machines have none";
    checks.push(check("fpga_manager", "`systole program` needs it on a Zynq", managers, mend));
    checks
}

fn check(what: &str, why: &str, found: Option<String>, mend: &str) -> Check {
    let what = what.to_owned();
    match found {
        Some(detail) => Check { what, state: State::Ok, detail, mend: None },
        None => {
            let detail = format!("not there: {why}");
            Check { what, state: State::Warning, detail, mend: Some(mend.to_owned()) }
        }
    }
}
