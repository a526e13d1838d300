//! `systole peek` and `systole poke`: registers by name.

use std::process::ExitCode;

use anyhow::bail;
use systole_driver::Device;
use systole_driver::transport::Watched;
use systole_isa::register::{Access, REGISTERS, RegisterDecl, by_name};

use crate::device::{DeviceArg, DeviceSpec, kernel};
use crate::logging;
use crate::output::Output;
use crate::verilated_args::VerilatedArgs;
use crate::view::table::table;

const PEEK_EXAMPLES: &str = "\
Examples:
  systole peek --device pci:0000:00:04.0          every register with its value and meaning
  systole peek STATUS --device uio:0              one; also while another process runs the board
  systole peek --json | jq -r 'select(.name == \"CONFIG_ID\").value'

A board is only looked at: nothing is reset, no lock is taken. sim and rtl are made anew for each command, so their
registers are as after power-up.
--json writes one object a register: {\"name\", \"offset\", \"access\", \"value\", \"reset\", \"doc\"}; value is null for
registers that cannot be read.";

const POKE_EXAMPLES: &str = "\
Examples:
  systole poke WATCHDOG 1000000 --device uio:0    limit each submission to a million cycles
  systole poke IRQ_STATUS 0x3 --device uio:0      clear both interrupts

A board that another process runs is refused. Giving it back switches its engine and interrupts off, so CONTROL and
IRQ_ENABLE do not keep what is written here; the others do until the next reset of the link.
--json writes {\"name\", \"offset\", \"written\", \"value\"}: value is what the register reads afterwards.";

/// Read registers by name; without a name, all of them with their meaning
#[derive(clap::Args)]
#[command(after_help = PEEK_EXAMPLES)]
pub struct Peek {
    /// The register, such as STATUS
    #[arg(value_name = "REGISTER", value_parser = parse_register)]
    register: Option<&'static RegisterDecl>,
    #[command(flatten)]
    device: DeviceArg,
    /// One JSON object a register instead of text
    #[arg(long)]
    json: bool,
}

/// Write a register by name
#[derive(clap::Args)]
#[command(after_help = POKE_EXAMPLES)]
pub struct Poke {
    /// The register, such as WATCHDOG
    #[arg(value_name = "REGISTER", value_parser = parse_register)]
    register: &'static RegisterDecl,
    /// What to write: decimal, or hexadecimal with 0x
    #[arg(value_name = "VALUE", value_parser = parse_value)]
    value: u32,
    #[command(flatten)]
    device: DeviceArg,
    /// One JSON object instead of a line
    #[arg(long)]
    json: bool,
}

impl Peek {
    /// Runs the command.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        logging::install(None)?;
        if let Some(register) = self.register.filter(|r| r.access == Access::Command) {
            bail!("{} cannot be read, it is a command; write it with `systole poke {0} 1`", register.name);
        }
        let mut device: Box<dyn Device> = match &self.device.device {
            DeviceSpec::Board(location) => Box::new(Watched::open(&kernel(), location)?),
            spec => {
                let opened = spec.open(&VerilatedArgs::default())?;
                opened.tell();
                opened.device
            }
        };
        let mut out = Output::new();
        let mut rows = table(&["register", ">offset", "access", ">value", "meaning"]);
        for register in REGISTERS.iter().filter(|r| self.register.is_none_or(|one| one.offset == r.offset)) {
            let readable = register.access != Access::Command;
            let value = readable.then(|| device.read(register.offset)).transpose()?;
            if self.json {
                out.json(&serde_json::json!({
                    "name": register.name, "offset": register.offset, "access": register.access.name(),
                    "value": value, "reset": register.reset, "doc": register.doc.trim(),
                }))?;
            } else if self.register.is_some() {
                out.line(format_args!("{:#010x}", value.unwrap_or_default()))?;
            } else {
                let value = value.map_or_else(String::new, |v| format!("{v:#010x}"));
                let offset = format!("{:#05x}", register.offset);
                rows.add_row([register.name, &offset, register.access.name(), &value, register.doc.trim()]);
            }
        }
        if !self.json && self.register.is_none() {
            out.line(rows)?;
        }
        out.flush()?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Poke {
    /// Runs the command.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        logging::install(None)?;
        let Self { register, value, .. } = self;
        if register.access == Access::ReadOnly {
            bail!(
                "{} is read-only: the device alone writes it; `systole peek` lists which can be written",
                register.name
            );
        }
        let opened = self.device.device.open(&VerilatedArgs::default())?;
        opened.tell();
        let mut device = opened.device;
        device.write(register.offset, value)?;
        let now = (register.access != Access::Command).then(|| device.read(register.offset)).transpose()?;
        let mut out = Output::new();
        if self.json {
            out.json(&serde_json::json!({
                "name": register.name, "offset": register.offset, "written": value, "value": now,
            }))?;
        } else {
            let now = now.map_or("written".to_owned(), |now| format!("reads {now:#010x}"));
            out.line(format_args!("{} := {value:#010x}, {now}", register.name))?;
        }
        out.flush()?;
        Ok(ExitCode::SUCCESS)
    }
}

fn parse_register(name: &str) -> Result<&'static RegisterDecl, String> {
    by_name(&name.to_uppercase()).ok_or_else(|| "there is no such register; `systole peek` lists them".to_owned())
}

fn parse_value(text: &str) -> Result<u32, String> {
    let parsed = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => text.parse(),
    };
    parsed.map_err(|_| "give a number of 32 bits, decimal or with 0x".to_owned())
}
