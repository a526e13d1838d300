//! Which kernel driver holds a card, and the card's configuration, changed through sysfs.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use anyhow::{anyhow, bail};

use super::init::write;

/// Offset of the command register in the configuration space (PCI Local Bus Specification 3.0, 6.2.2).
const COMMAND: u64 = 4;
/// It answers in memory.
const MEMORY: u16 = 1 << 1;
/// It may use memory.
const MASTER: u16 = 1 << 2;
/// It does not assert its interrupt pin.
const INTX_DISABLE: u16 = 1 << 10;

/// A card in sysfs.
#[derive(Clone, Debug)]
pub struct Card {
    address: String,
    path: PathBuf,
}

impl Card {
    /// The card at an address such as `0000:00:04.0`.
    pub fn find(address: String) -> anyhow::Result<Self> {
        let path = PathBuf::from("/sys/bus/pci/devices").join(&address);
        if path.is_dir() { Ok(Self { address, path }) } else { bail!("there is no PCI device {address}") }
    }

    /// Gives it to a driver, or to none.
    pub fn bind(&self, driver: Option<&str>) -> anyhow::Result<()> {
        if self.driver().is_some() {
            write(self.path.join("driver/unbind"), &self.address)?;
        }
        // A lone newline means: by the IDs, as usual.
        write(self.path.join("driver_override"), driver.unwrap_or("\n"))?;
        if driver.is_some() {
            write("/sys/bus/pci/drivers_probe", &self.address)?;
        }
        match self.driver() {
            found if found.as_deref() == driver => Ok(()),
            found => bail!("{} is bound to {found:?} instead of {driver:?}", self.address),
        }
    }

    fn driver(&self) -> Option<String> {
        let target = fs::read_link(self.path.join("driver")).ok()?;
        target.file_name().map(|name| name.to_string_lossy().into_owned())
    }

    /// Resets the function.
    pub fn reset(&self) -> anyhow::Result<()> {
        write(self.path.join("reset"), "1")
    }

    /// Switches it on for somebody who sees it as a part of the chip: powered, answering, with access to memory.
    pub fn switch_on(&self) -> anyhow::Result<()> {
        if self.attribute("enable")? == "0" {
            write(self.path.join("enable"), "1")?;
        }
        self.command(MEMORY | MASTER, INTX_DISABLE)
    }

    /// Keeps it from asserting its interrupt pin, for a driver that does not know how to silence it.
    pub fn silence(&self) -> anyhow::Result<()> {
        self.command(INTX_DISABLE, 0)
    }

    /// It may read and write memory.
    pub fn is_bus_master(&self) -> anyhow::Result<bool> {
        let config = File::open(self.path.join("config"))?;
        Ok(command(&config)? & MASTER != 0)
    }

    fn command(&self, set: u16, clear: u16) -> anyhow::Result<()> {
        let config = OpenOptions::new().read(true).write(true).open(self.path.join("config"))?;
        let command = command(&config)? & !clear | set;
        Ok(config.write_all_at(&command.to_le_bytes(), COMMAND)?)
    }

    /// The physical address of its registers.
    pub fn registers(&self) -> anyhow::Result<u64> {
        let resources = self.attribute("resource")?;
        let first = resources.split_whitespace().next().and_then(|start| start.strip_prefix("0x"));
        let address = first.and_then(|start| u64::from_str_radix(start, 16).ok()).filter(|start| *start != 0);
        address.ok_or_else(|| anyhow!("{} has no address for its registers", self.address))
    }

    /// The number of its interrupt.
    pub fn interrupt(&self) -> anyhow::Result<u32> {
        let text = self.attribute("irq")?;
        text.parse().map_err(|_| anyhow!("{} has interrupt {text}", self.address))
    }

    fn attribute(&self, name: &str) -> anyhow::Result<String> {
        let path = self.path.join(name);
        Ok(fs::read_to_string(&path).map_err(|e| anyhow!("read {}: {e}", path.display()))?.trim().to_owned())
    }
}

/// The command register in a configuration space.
fn command(config: &File) -> anyhow::Result<u16> {
    let mut bytes = [0; 2];
    config.read_exact_at(&mut bytes, COMMAND)?;
    Ok(u16::from_le_bytes(bytes))
}

/// The number of the newest UIO device.
pub fn newest_uio() -> anyhow::Result<u32> {
    let mut newest = None;
    for entry in fs::read_dir("/sys/class/uio")? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        newest = newest.max(name.strip_prefix("uio").and_then(|number| number.parse().ok()));
    }
    newest.ok_or_else(|| anyhow!("there is no UIO device"))
}
