//! Ways to load a bitstream: the kernel's fpga_manager, and openFPGALoader for boards behind JTAG.

use std::fmt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{anyhow, bail};
use clap::ValueEnum;
use systole_bitgen::bitstream::Bundle;
use systole_bitgen::child;
use systole_driver::transport::Kernel;

/// The command that installs openFPGALoader.
pub const INSTALL: &str = "sudo apt-get install openfpgaloader";
/// Name of the bitstream below the kernel's firmware directory.
const FIRMWARE: &str = "systole.bin";
/// What the kernel calls the manager of a Zynq's own fabric (`drivers/fpga/zynq-fpga.c`, `zynqmp-fpga.c`).
const ZYNQ: &str = "Xilinx Zynq";
/// Longest time for loading; a large part over a slow cable takes a minute.
const PATIENCE: Duration = Duration::from_secs(300);

/// How a bitstream is loaded.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// The kernel's FPGA manager, on a Zynq
    FpgaManager,
    /// openFPGALoader, for boards behind JTAG
    Openfpgaloader,
}

/// What loading consists of, ready to be done or shown.
pub struct Plan {
    /// The kernel's manager, by name, or the program.
    step: Step,
}

enum Step {
    /// Copies the bitstream to `firmware` and writes its name to `manager`/firmware.
    Manager { manager: PathBuf, firmware: PathBuf, bitstream: PathBuf },
    /// Runs the program.
    Loader { program: PathBuf, board: String, bitstream: PathBuf },
}

/// What openFPGALoader may call a board: letters, digits, `-` and `_`, and no option of its own.
pub fn parse_board(name: &str) -> Result<String, String> {
    let good = name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    good.then(|| name.to_owned()).ok_or_else(|| "a board's name has letters, digits, - and _".to_owned())
}

/// openFPGALoader, where the search path has it.
pub fn find(kernel: &Kernel) -> Option<PathBuf> {
    kernel.programs.iter().map(|directory| directory.join("openFPGALoader")).find(|path| path.is_file())
}

/// The kernel's FPGA managers, by name.
pub fn managers(kernel: &Kernel) -> Vec<String> {
    let entries = std::fs::read_dir(kernel.sys.join("class/fpga_manager")).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

impl Plan {
    /// Finds the way to load a bundle, and what it takes.
    /// `board` is what openFPGALoader calls it, if that is not what the bundle does.
    pub fn new(kernel: &Kernel, bundle: &Bundle, via: Option<Via>, board: Option<&str>) -> anyhow::Result<Self> {
        // Others configure parts of somebody else, such as an accelerator card of another maker.
        let is_zynq = |name: &String| {
            let path = kernel.sys.join("class/fpga_manager").join(name).join("name");
            std::fs::read_to_string(path).is_ok_and(|name| name.starts_with(ZYNQ))
        };
        let manager = managers(kernel).into_iter().find(is_zynq);
        // An ECP5 is configured over JTAG; what the kernel manages is the part it runs on.
        let jtag = bundle.manifest.device.starts_with("LFE5");
        let bitstream = bundle.bitstream();
        let step = match via.unwrap_or(if jtag { Via::Openfpgaloader } else { Via::FpgaManager }) {
            Via::FpgaManager => {
                if board.is_some() {
                    bail!("--board is for openFPGALoader, and this bundle goes through the kernel's fpga_manager");
                }
                if jtag {
                    bail!(
                        "{} is for {}, which is no part that a kernel's fpga_manager configures; use --via openfpgaloader",
                        bundle.directory.display(),
                        bundle.manifest.device
                    );
                }
                let Some(name) = manager else {
                    bail!(
                        "this kernel has no fpga_manager for a Zynq; run this on the Zynq itself, with CONFIG_FPGA, or use --via \
                         openfpgaloader"
                    );
                };
                let root = kernel.sys.parent().unwrap_or(&kernel.sys);
                let firmware = root.join("lib/firmware").join(FIRMWARE);
                Step::Manager { manager: kernel.sys.join("class/fpga_manager").join(name), firmware, bitstream }
            }
            Via::Openfpgaloader => {
                let Some(program) = find(kernel) else {
                    bail!("openFPGALoader was not found on the search path; install it: {INSTALL}");
                };
                let own = bundle.manifest.board.to_lowercase();
                let board = parse_board(board.unwrap_or(&own))
                    .map_err(|_| anyhow!("{} names no board; build it again", bundle.directory.display()))?;
                Step::Loader { program, board, bitstream }
            }
        };
        Ok(Self { step })
    }

    /// Loads it, and returns when the part says that it runs.
    pub fn execute(&self) -> anyhow::Result<()> {
        match &self.step {
            Step::Manager { manager, firmware, bitstream } => {
                let failed = |what: &PathBuf| {
                    let what = what.display().to_string();
                    move |e| anyhow!("cannot write {what}: {e}; run this as root, or give your group access")
                };
                if let Some(directory) = firmware.parent() {
                    std::fs::create_dir_all(directory).map_err(failed(firmware))?;
                }
                std::fs::copy(bitstream, firmware).map_err(failed(firmware))?;
                let control = manager.join("firmware");
                std::fs::write(&control, FIRMWARE).map_err(failed(&control))?;
                // The write returns when the part is configured or has failed; the state says which.
                let state = std::fs::read_to_string(manager.join("state")).unwrap_or_default();
                match state.trim() {
                    "operating" => Ok(()),
                    state => bail!("the FPGA manager is in state `{state}` and not operating; see `dmesg`"),
                }
            }
            Step::Loader { program, board, bitstream } => run(program, board, bitstream),
        }
    }
}

fn run(program: &PathBuf, board: &str, bitstream: &PathBuf) -> anyhow::Result<()> {
    let failed = |e| anyhow!("{}: {e}; check that it can be run", program.display());
    let mut command = Command::new(program);
    command.args(["--board", board]).arg(bitstream).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = child::spawn(&mut command).map_err(failed)?;
    // Read beside the waiting, so that a full pipe does not hold it up.
    let stderr = child.stderr.take();
    let reader =
        std::thread::spawn(move || stderr.and_then(|pipe| std::io::read_to_string(pipe).ok()).unwrap_or_default());
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().map_err(failed)? {
            break status;
        }
        if started.elapsed() >= PATIENCE {
            // It may have ended meanwhile; then there is nothing to kill.
            let _ = child.kill();
            child.wait().map_err(failed)?;
            bail!("openFPGALoader did not end within {PATIENCE:?}; check the cable and power, then try again");
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let words = reader.join().unwrap_or_default();
    if status.success() {
        return Ok(());
    }
    let last = words.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("no message");
    bail!("openFPGALoader failed ({status}): {last}; check the cable, power and permission (udev rules)")
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.step {
            Step::Manager { manager, firmware, bitstream } => write!(
                f,
                "cp {} {} && echo {FIRMWARE} > {}",
                bitstream.display(),
                firmware.display(),
                manager.join("firmware").display()
            ),
            Step::Loader { program, board, bitstream } => {
                write!(f, "{} --board {board} {}", program.display(), bitstream.display())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use systole_bitgen::bitstream::{Manifest, Share, Utilisation};

    /// A bundle for a part that a kernel configures; none of this project's targets is one yet.
    fn zynq(directory: &std::path::Path) -> Bundle {
        std::fs::write(directory.join("systole.bit"), "bits").unwrap();
        let share = Share { used: 1, available: 2 };
        let manifest = Manifest {
            key: "00".into(),
            config: "n16".into(),
            target: "kv260".into(),
            board: "KV260".into(),
            device: "xck26-sfvc784-2LV-c".into(),
            abi_hash: format!("{:016x}", systole_isa::ABI_HASH),
            build_id: 0,
            tools: Default::default(),
            utilisation: Utilisation { lut: share, ff: share, mult18: share, dp16kd: share },
            timing: None,
            bitstream: String::new(),
            self_test: String::new(),
        };
        Bundle { directory: directory.to_owned(), manifest }
    }

    #[test]
    fn the_kernels_manager_gets_the_name_of_a_copy() {
        let root = tempfile::tempdir().unwrap();
        let (kernel, bundle) = (Kernel::under(root.path()), zynq(root.path()));
        let refused = Plan::new(&kernel, &bundle, None, None).err().unwrap().to_string();
        assert!(refused.starts_with("this kernel has no fpga_manager for a Zynq; "), "{refused}");

        let manager = root.path().join("sys/class/fpga_manager/fpga0");
        std::fs::create_dir_all(&manager).unwrap();
        std::fs::write(manager.join("name"), "Intel FPGA DFL manager\n").unwrap();
        assert!(Plan::new(&kernel, &bundle, None, None).is_err(), "it configures a part of somebody else");
        std::fs::write(manager.join("name"), "Xilinx ZynqMP FPGA Manager\n").unwrap();
        std::fs::write(manager.join("state"), "write init error\n").unwrap();
        let plan = Plan::new(&kernel, &bundle, None, None).unwrap();
        let failed = plan.execute().unwrap_err().to_string();
        assert_eq!(failed, "the FPGA manager is in state `write init error` and not operating; see `dmesg`");
        std::fs::write(manager.join("state"), "operating\n").unwrap();
        plan.execute().unwrap();
        assert_eq!(std::fs::read_to_string(manager.join("firmware")).unwrap(), "systole.bin");
        assert_eq!(std::fs::read_to_string(root.path().join("lib/firmware/systole.bin")).unwrap(), "bits");
    }
}
