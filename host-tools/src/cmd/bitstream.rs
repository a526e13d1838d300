//! `systole bitstream`: bitstreams for FPGA boards, and projects for vendors' tools.

use std::path::PathBuf;
use std::process::ExitCode;

use systole_bitgen::bitstream::{self, Bundle, Target, vivado};
use systole_isa::HwConfig;

use crate::device::parse_config;
use crate::logging;
use crate::output::{Output, plain};

const EXAMPLES: &str = "\
Examples:
  systole bitstream build --config n8 --target ecp5-85k   Yosys, nextpnr, ecppack; many minutes
  systole bitstream list                                  what has been built
  systole bitstream verify n8-ecp5-85k                    may it be loaded? Exit code 2 and the reason if not
  systole bitstream vivado --config n16 --board kv260 -o project
  systole bitstream estimate --config n16 --packed        UltraScale+ resources, by synthesis only

Bundles are kept below SYSTOLE_CACHE or ~/.cache/systole, by the hash of all that decides them.";

/// Build, list, show and verify bitstreams
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Build a bitstream, or take the one built from the same inputs
    Build {
        /// The accelerator's configuration: n8, n16 or n32
        #[arg(long, short, value_name = "NAME", value_parser = parse_config, default_value = "n8")]
        config: &'static HwConfig,
        /// What to build for: ecp5-85k (ULX3S) or ecp5-5g-85k (ECPIX-5 85F)
        #[arg(long, short, value_name = "NAME", default_value = "ecp5-85k")]
        target: String,
        /// One JSON object instead of text
        #[arg(long)]
        json: bool,
    },
    /// List the bundles
    List {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Show a bundle
    Show(Which),
    /// Judge whether a bundle may be loaded
    Verify(Which),
    /// Write a Vivado project for a Zynq board (never run by those who wrote it)
    Vivado {
        /// The accelerator's configuration: n8, n16 or n32
        #[arg(long, short, value_name = "NAME", value_parser = parse_config, default_value = "n16")]
        config: &'static HwConfig,
        /// The board: pynq-z2, zcu104 or kv260
        #[arg(long, short, value_name = "NAME", default_value = "kv260")]
        board: String,
        /// Directory to write to
        #[arg(long, short, value_name = "DIR")]
        output: PathBuf,
    },
    /// Count UltraScale+ resources by synthesis alone
    Estimate {
        /// The accelerator's configuration: n8, n16 or n32
        #[arg(long, short, value_name = "NAME", value_parser = parse_config, default_value = "n16")]
        config: &'static HwConfig,
        /// Two INT8 products on one DSP48E2
        #[arg(long)]
        packed: bool,
        /// Directory for the work
        #[arg(long, short, value_name = "DIR", default_value = "systole-estimate")]
        output: PathBuf,
        /// One JSON object instead of text
        #[arg(long)]
        json: bool,
    },
}

#[derive(clap::Args)]
struct Which {
    /// A bundle's directory, the beginning of its name, or of its key
    #[arg(value_name = "BUNDLE")]
    bundle: String,
    /// One JSON object instead of text
    #[arg(long)]
    json: bool,
}

impl Args {
    /// Runs the command.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        logging::install(None)?;
        let mut out = Output::new();
        match self.action {
            Action::Build { config, target, json } => {
                let bundle = bitstream::build(config, Target::by_name(&target)?)?;
                show(&mut out, &bundle, json)?;
            }
            Action::List { json } => {
                for bundle in bitstream::list()? {
                    if json { out.json(&bundle.manifest)? } else { line(&mut out, &bundle)? }
                }
            }
            Action::Show(which) => show(&mut out, &bitstream::show(&which.bundle)?, which.json)?,
            Action::Verify(which) => {
                let bundle = bitstream::verify(&which.bundle)?;
                if which.json {
                    out.json(&bundle.manifest)?;
                } else {
                    out.line(format_args!("{} may be loaded", plain(&bundle.directory.to_string_lossy())))?;
                }
            }
            Action::Vivado { config, board, output } => {
                let script = vivado::emit(config, vivado::Device::by_name(&board)?, &output)?;
                out.line(format_args!("vivado -mode batch -source {}", plain(&script.to_string_lossy())))?;
            }
            Action::Estimate { config, packed, output, json } => {
                let e = bitstream::estimate(config, packed, &output)?;
                if json {
                    out.json(&e)?;
                } else {
                    let packing = if e.packed { ", two products on a DSP48E2" } else { "" };
                    out.line(format_args!("{} on UltraScale+{packing} ({})", e.config, e.method))?;
                    out.line(format_args!(
                        "LUT {}, FF {}, carry {}, LUTRAM {}, DSP48E2 {}, RAMB18 {}, URAM {}",
                        e.lut, e.ff, e.carry, e.lutram, e.dsp, e.bram18, e.uram
                    ))?;
                }
            }
        }
        out.flush()?;
        Ok(ExitCode::SUCCESS)
    }
}

fn fmax(bundle: &Bundle) -> String {
    bundle.manifest.timing.map_or_else(
        || "no timing".to_owned(),
        |t| format!("{:.1} MHz for {:.0} MHz, slack {:+.2} ns", t.fmax_mhz, t.clock_mhz, t.slack_ns),
    )
}

fn line(out: &mut Output, bundle: &Bundle) -> anyhow::Result<()> {
    let name = bundle.directory.file_name().unwrap_or_default().to_string_lossy();
    let good = Target::by_name(&bundle.manifest.target).and_then(|t| bundle.verify(t));
    let verdict = if good.is_ok() { "" } else { "; not to be loaded, see verify" };
    Ok(out.line(format_args!("{}  {}{verdict}", plain(&name), fmax(bundle)))?)
}

fn show(out: &mut Output, bundle: &Bundle, json: bool) -> anyhow::Result<()> {
    let m = &bundle.manifest;
    if json {
        return out.json(m);
    }
    let u = m.utilisation;
    out.line(format_args!("bundle      {}", plain(&bundle.directory.to_string_lossy())))?;
    out.line(format_args!(
        "device      {} ({} board), configuration {}",
        plain(&m.device),
        plain(&m.board),
        plain(&m.config)
    ))?;
    out.line(format_args!("contract    {}, build {:08x}", plain(&m.abi_hash), m.build_id))?;
    for (name, share) in [("LUT", u.lut), ("FF", u.ff), ("MULT18X18D", u.mult18), ("DP16KD", u.dp16kd)] {
        let percent = 100.0 * share.used as f64 / share.available.max(1) as f64;
        out.line(format_args!("{name:<10}  {} of {} ({percent:.0} %)", share.used, share.available))?;
    }
    out.line(format_args!("clock       {}", fmax(bundle)))?;
    for (tool, version) in &m.tools {
        out.line(format_args!("tool        {}: {}", plain(tool), plain(version)))?;
    }
    out.line(format_args!("bitstream   SHA-256 {}", plain(&m.bitstream)))?;
    out.line(format_args!("self-test   SHA-256 {}", plain(&m.self_test)))?;
    Ok(())
}
