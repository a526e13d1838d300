//! Serving a card on a socket.

use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

use clap::ValueEnum;
use systole_bitgen::verilated;
use systole_driver::BusMaster;
use systole_isa::{HwConfig, config};
use systole_sim::Simulator;
use systole_sim::faults::{FaultKind, FaultPlan, Faulty};
use systole_sim::virtual_board::{Card, Ended, Socket, serve};

use crate::interrupted;
use crate::logging;
use crate::output::{Output, plain};

/// Options of a card that is served.
#[derive(clap::Args)]
#[group(id = "serve")]
pub struct Args {
    /// The Unix socket to serve on; nothing may be there yet
    #[arg(long, value_name = "PATH")]
    socket: PathBuf,

    /// What computes: sim or sim:n16, the simulator, or rtl:n8, the SystemVerilog
    #[arg(long, value_name = "NAME", default_value = "sim")]
    backend: Backend,

    /// The card's own memory, in MiB: 0 or a power of two
    #[arg(long, value_name = "MIB", default_value_t = 64, value_parser = clap::value_parser!(u32).range(0..=65_536))]
    memory: u32,

    /// How the card interrupts: msi-x, which has a pin as well, or pin, which has nothing else
    #[arg(long, value_enum, default_value_t = Interrupt::MsiX)]
    interrupt: Interrupt,

    /// Tell the host of every access outside of what it mapped: QEMU passes it on to the guest as a fault of the IOMMU
    #[arg(long)]
    report_faults: bool,

    /// Have the card misbehave, such as seed=7,rate=0.01,kinds=all or stuck-busy@3
    #[arg(long, value_name = "SPEC")]
    faults: Option<FaultPlan>,

    /// Serve one virtual machine after the other, until interrupted
    #[arg(long)]
    keep: bool,
}

/// How a card interrupts.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Interrupt {
    MsiX,
    Pin,
}

impl Args {
    /// Serves until the virtual machine goes away.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        logging::install(None)?;
        // What takes long, and what may be refused, comes before anybody can connect.
        let device = self.backend.open()?;
        let (device, faults): (Box<dyn BusMaster + Send>, _) = match &self.faults {
            None => (device, None),
            Some(plan) => {
                let faulty = Faulty::new(device, plan.clone());
                let counts = faulty.counts();
                (Box::new(faulty), Some((plan, counts)))
            }
        };
        let mut card = Card::new(device, u64::from(self.memory) << 20)?;
        if self.interrupt == Interrupt::Pin {
            card = card.without_vectors();
        }
        if self.report_faults {
            card = card.with_fault_reports();
        }
        let socket = Socket::bind(&self.socket)?;
        let path = self.socket.clone();
        let _cleanup = interrupted::cleanup(move || {
            // Nothing else is worth saving. Gone already is as good.
            let _ = std::fs::remove_file(&path);
        });
        let path = std::path::absolute(&self.socket).unwrap_or(self.socket);
        let mut out = Output::new();
        out.line(format_args!("serving {} as a PCI card on {}", self.backend, plain(&path.to_string_lossy())))?;
        let device = serde_json::json!({ "driver": "vfio-user-pci", "socket": { "path": path, "type": "unix" } });
        out.line(format_args!("attach QEMU: -device '{device}'"))?;
        if let Some((plan, _)) = &faults {
            out.line(format_args!("faults: {plan}"))?;
        }
        out.flush()?;
        loop {
            let stream = socket.accept()?;
            out.line("a virtual machine is attached")?;
            out.flush()?;
            let ended = serve(&mut card, &stream);
            match &ended {
                Ok(Ended::Disconnected) => out.line("the virtual machine is gone")?,
                Ok(_) => out.line("the card was pulled out")?,
                Err(error) if self.keep => out.line(format_args!("the virtual machine is gone: {error}"))?,
                Err(_) => {}
            }
            if let Some((_, counts)) = &faults {
                let struck = FaultKind::ALL.iter().filter(|kind| counts.of(**kind) > 0);
                let list: Vec<String> = struck.map(|kind| format!("{kind} {}", counts.of(*kind))).collect();
                let colon = if list.is_empty() { "" } else { ": " };
                out.line(format_args!("faults so far: {}{colon}{}", counts.total(), list.join(", ")))?;
            }
            out.flush()?;
            if !self.keep || matches!(ended, Ok(Ended::Unplugged)) {
                return Ok(ended.map(|_| ExitCode::SUCCESS)?);
            }
        }
    }
}

/// What computes behind the card's registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Backend {
    Sim(&'static HwConfig),
    Rtl(&'static HwConfig),
}

impl Backend {
    fn all() -> impl Iterator<Item = Self> {
        config::NAMED.map(Self::Sim).into_iter().chain(config::NAMED.map(Self::Rtl))
    }

    /// Makes the device; that of the RTL is translated and compiled first, unless it was before.
    pub(super) fn open(self) -> anyhow::Result<Box<dyn BusMaster + Send>> {
        match self {
            Self::Sim(config) => Ok(Box::new(Simulator::new(config))),
            Self::Rtl(config) => Ok(Box::new(verilated::RtlDevice::open(config, &verilated::Options::default())?)),
        }
    }
}

impl FromStr for Backend {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = if text == "sim" { "sim:n16" } else { text };
        Self::all().find(|backend| backend.to_string() == text).ok_or_else(|| {
            let names: Vec<String> = Self::all().map(|b| b.to_string()).collect();
            format!("no such backend; choose sim (that is sim:n16) or one of {}", names.join(", "))
        })
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sim(config) => write!(f, "sim:{}", config.name),
            Self::Rtl(config) => write!(f, "rtl:{}", config.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backends_are_named_as_devices_are() {
        assert_eq!("sim".parse(), Ok(Backend::Sim(&config::N16)));
        for backend in Backend::all() {
            assert_eq!(backend.to_string().parse(), Ok(backend));
        }
        for wrong in ["", "sim:n7", "rtl", "pci:0000:00:04.0"] {
            let error = wrong.parse::<Backend>().unwrap_err();
            assert!(error.contains("sim:n16") && error.contains("rtl:n8"), "{error}");
        }
    }
}
