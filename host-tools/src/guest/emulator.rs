//! QEMU: where its files are, and the command line of a machine with an IOMMU and our cards.

use std::ffi::OsString;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::bail;

use super::fetch::Parts;
use super::tool;

/// The guest's memory in MiB. Half a gigabyte is enough for the model, its reference and the huge pages.
const MEMORY_MIB: u32 = 768;
/// What the kernel is told. `no_timer_check`: on a busy computer the emulated timer may lag, and the kernel would give up.
/// `iommu=pt`: devices of no VFIO user have physical addresses, as without an IOMMU.
const KERNEL: &str = "console=ttyS0 panic=-1 quiet no_timer_check intel_iommu=on iommu=pt rdinit=/systole";
/// Milliseconds until QEMU takes a card for dead that does not answer.
const CARD_PATIENCE_MS: u32 = 60_000;
/// Memory of the guest's that the kernel does not use if it is told so, as a device tree reserves it.
pub const RESERVED: Range<u64> = 0x1000_0000..0x1400_0000;
/// Where the guest writes how it ended.
pub const EXIT_PORT: u16 = 0xf4;

/// A program that emulates a computer.
#[derive(Debug)]
pub struct Emulator {
    program: PathBuf,
    /// The tree that holds it with all libraries, if it is not of this system.
    root: Option<PathBuf>,
}

/// A card behind a socket.
#[derive(Debug)]
pub struct Card {
    /// Of a server of `systole virtual-board`.
    pub socket: PathBuf,
    /// Device number on bus 0.
    pub slot: u8,
}

impl Emulator {
    /// One of this system.
    pub fn installed(program: PathBuf) -> Self {
        Self { program, root: None }
    }

    /// One in a tree of unpacked packages, which has another C library than this system.
    pub fn unpacked(root: &Path) -> Self {
        Self { program: root.join("usr/bin/qemu-system-x86_64"), root: Some(root.to_owned()) }
    }

    /// A command that runs it.
    pub fn command(&self) -> Command {
        let Some(root) = &self.root else { return Command::new(&self.program) };
        let libraries = root.join("usr/lib/x86_64-linux-gnu");
        let mut command = Command::new(root.join("usr/lib64/ld-linux-x86-64.so.2"));
        command.arg("--library-path").arg(&libraries).arg(&self.program);
        command.env("QEMU_MODULE_DIR", libraries.join("qemu"));
        for data in ["usr/share/qemu", "usr/share/seabios"] {
            command.arg("-L").arg(root.join(data));
        }
        command
    }

    /// Refuses a QEMU that cannot hold our cards.
    pub fn check(&self) -> anyhow::Result<()> {
        let devices = tool::ask(self.command().args(["-device", "help"]))?;
        if !devices.contains("\"vfio-user-pci\"") {
            bail!("{} has no device vfio-user-pci; set SYSTOLE_QEMU to QEMU 10.1 or later", self.program.display());
        }
        Ok(())
    }
}

/// The command that boots a guest. It prints the guest's console.
///
/// With `reserved`, the kernel leaves [`RESERVED`] alone.
pub fn boot(parts: &Parts, initramfs: &Path, cards: &[Card], reserved: bool, arguments: &str) -> Command {
    let mut command = parts.emulator.command();
    let memory = format!("memory-backend-memfd,id=memory,size={MEMORY_MIB}M,share=on");
    command.args(["-machine", "q35,memory-backend=memory", "-accel", "tcg", "-cpu", "max"]);
    // Cards reach the guest's memory only where it is shared.
    command.arg("-m").arg(MEMORY_MIB.to_string()).args(["-object", &memory]);
    command.args(["-nodefaults", "-no-reboot", "-display", "none", "-monitor", "none", "-serial", "stdio"]);
    // The IOMMU comes before the cards that it guards.
    command.args(["-device", "intel-iommu,intremap=on,caching-mode=on"]);
    for card in cards {
        command.arg("-device").arg(device(card));
    }
    command.arg("-device").arg(format!("isa-debug-exit,iobase={EXIT_PORT:#x},iosize=4"));
    command.arg("-kernel").arg(&parts.kernel).arg("-initrd").arg(initramfs);
    let Range { start, end } = RESERVED;
    let memmap = if reserved { format!(" memmap={:#x}${start:#x}", end - start) } else { String::new() };
    command.arg("-append").arg(format!("{KERNEL}{memmap} -- {arguments}"));
    command
}

/// A card as QEMU wants to hear it. A path with a quote or comma in it does no harm in JSON.
fn device(card: &Card) -> OsString {
    let device = serde_json::json!({
        "driver": "vfio-user-pci",
        "socket": { "type": "unix", "path": card.socket },
        "x-msg-timeout": CARD_PATIENCE_MS,
        "addr": format!("{:x}", card.slot),
    });
    device.to_string().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_iommu_comes_before_the_cards_and_memory_is_shared() {
        let parts = Parts {
            emulator: Emulator::unpacked(Path::new("/q")),
            kernel: "/k/vmlinuz".into(),
            modules: "/k/modules".into(),
        };
        let cards = [Card { socket: "/s/a,b\"c".into(), slot: 4 }];
        let command = boot(&parts, Path::new("/i"), &cards, false, "virtual-board guest");
        assert_eq!(command.get_program(), "/q/usr/lib64/ld-linux-x86-64.so.2");
        let arguments: Vec<String> = command.get_args().map(|a| a.to_string_lossy().into_owned()).collect();
        let at = |what: &str| arguments.iter().position(|a| a.contains(what)).unwrap();
        assert!(at("intel-iommu") < at("vfio-user-pci"));
        assert!(arguments[at("memory-backend-memfd")].ends_with("share=on"));
        assert!(arguments[at("vfio-user-pci")].contains(r#""path":"/s/a,b\"c""#), "{arguments:?}");
        assert!(arguments.last().unwrap().ends_with("rdinit=/systole -- virtual-board guest"));
        let command = boot(&parts, Path::new("/i"), &cards, true, "a");
        let last = command.get_args().last().unwrap().to_string_lossy();
        assert!(last.ends_with(" memmap=0x4000000$0x10000000 -- a"), "{last}");
    }
}
