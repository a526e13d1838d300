//! The proof that an IOMMU stands between card and memory: a program that reads where nothing is mapped comes back with an
//! error, and the kernel has seen the IOMMU refuse it. And that a closed device leaves no memory to the card.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::time::{Duration, Instant};

use anyhow::{anyhow, bail};
use rustix::fs::OFlags;
use systole_conformance::host::{Host, INPUT, encoded, end, fault};
use systole_driver::Device;
use systole_isa::Cause;
use systole_isa::instruction::{Format, Load, Memory};

/// An address that every IOMMU can translate, and where the driver maps nothing: it begins at the lowest addresses.
const NOWHERE: u64 = 0x45_6789_a000;

/// The kernel reports ten faults in five seconds, and of more of them none until these have passed (`dmar_fault` in
/// drivers/iommu/intel/dmar.c): the cases before this one may have used them up.
const QUIET: Duration = Duration::from_secs(6);
/// How often the card reads there before the report is missed.
const READS: usize = 3;

/// Has the card read there. `address` is that of the card on PCI.
pub fn provoke(device: Box<dyn Device + Send>, address: &str, patience: Duration) -> anyhow::Result<()> {
    let mut log = KernelLog::from_now()?;
    let mut host = Host::new(device, 4, patience);
    let cols = host.config.n as u16;
    host.regions[usize::from(INPUT)].base = NOWHERE;
    let load = Load {
        memory: Memory::Spad,
        format: Format::I8,
        region: INPUT,
        dst: 0,
        dst_stride: 1,
        offset: 0,
        pitch: 64,
        rows: 1,
        cols,
    };
    // `0000:00:04.0` without the domain.
    let card = address.split_once(':').map_or(address, |(_, rest)| rest);
    let wanted = [format!("[{card}]"), format!("{NOWHERE:#x}")];
    for _ in 0..READS {
        let completion = host.run(&[encoded(load, 0, 0), end()]);
        match fault(&completion) {
            Some(fault) if fault.cause == Cause::Bus => {}
            other => bail!("the card read where nothing is mapped, and its completion says {other:?}"),
        }
        let found = log
            .wait(patience.min(QUIET), |line| line.contains("DMAR") && wanted.iter().all(|part| line.contains(part)))?;
        if found {
            return Ok(());
        }
    }
    Err(anyhow!("the kernel reports no fault of the IOMMU at {NOWHERE:#x}"))
}

/// How many pages the kernel has pinned and released since it booted.
pub struct Pins {
    acquired: u64,
    released: u64,
}

impl Pins {
    /// Reads the kernel's counters.
    pub fn now() -> anyhow::Result<Self> {
        // Reading it has each processor add what it has counted.
        fs::read("/proc/sys/vm/stat_refresh")?;
        let counters = fs::read_to_string("/proc/vmstat")?;
        let counter = |name: &str| -> anyhow::Result<u64> {
            let value = counters.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            Ok(value.ok_or_else(|| anyhow!("/proc/vmstat has no {name}"))?.parse()?)
        };
        Ok(Self { acquired: counter("nr_foll_pin_acquired")?, released: counter("nr_foll_pin_released")? })
    }

    /// Of the pages pinned since, none still is: closed devices leave nothing mapped.
    pub fn all_released(self) -> anyhow::Result<()> {
        let now = Self::now()?;
        match (now.acquired - self.acquired, now.released - self.released) {
            (0, _) => bail!("no page was pinned, which proves nothing"),
            (acquired, released) if acquired == released => Ok(()),
            (acquired, released) => bail!("{acquired} pages were pinned, and {released} released"),
        }
    }
}

/// The kernel's messages.
struct KernelLog {
    file: File,
}

impl KernelLog {
    /// Those that come from now on.
    fn from_now() -> anyhow::Result<Self> {
        let flags = OFlags::NONBLOCK.bits() as i32;
        let mut file = OpenOptions::new().read(true).custom_flags(flags).open("/dev/kmsg")?;
        file.seek(SeekFrom::End(0))?;
        Ok(Self { file })
    }

    /// Waits for a message.
    fn wait(&mut self, patience: Duration, wanted: impl Fn(&str) -> bool) -> anyhow::Result<bool> {
        let started = Instant::now();
        let mut record = [0; 8192];
        loop {
            match self.file.read(&mut record) {
                Ok(length) if wanted(&String::from_utf8_lossy(&record[..length])) => return Ok(true),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if started.elapsed() > patience {
                        return Ok(false);
                    }
                    std::thread::sleep(Duration::from_millis(5));
                }
                // Records were overwritten before they were read.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
                Err(error) => return Err(anyhow!("read /dev/kmsg: {error}")),
            }
        }
    }
}
