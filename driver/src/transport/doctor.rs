//! What keeps boards from being used on this machine, and the command that mends it.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::error::bind_command;
use super::kernel::{self, Kernel};
use super::physical::free_sizes;
use super::{Place, Way, probe};
use crate::memory::udmabuf;

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// All is well.
    Ok,
    /// It works, but not as it should.
    Warning,
    /// It is needed and not there.
    Missing,
}

/// A thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What: `IOMMU`, `driver of 0000:00:04.0`.
    pub what: String,
    /// How it is.
    pub state: State,
    /// What was found.
    pub detail: String,
    /// The command that mends it, to be copied into a shell.
    pub mend: Option<String>,
}

impl Check {
    fn new(what: impl Into<String>, state: State, detail: impl Into<String>, mend: Option<String>) -> Self {
        Self { what: what.into(), state, detail: detail.into(), mend }
    }

    fn ok(what: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(what, State::Ok, detail, None)
    }
}

/// Looks at everything that boards need. What only some ways need and others do not is a warning at most.
pub fn doctor(kernel: &Kernel) -> Vec<Check> {
    let mut checks = vec![iommu(kernel), module(kernel)];
    checks.extend(boards(kernel));
    checks.extend([huge_pages(kernel), dma_buffers(kernel), contiguous(kernel), locked(), virtual_board(kernel)]);
    checks
}

fn iommu(kernel: &Kernel) -> Check {
    let groups = kernel::entries(&kernel.sys.join("kernel/iommu_groups")).len();
    if groups > 0 {
        return Check::ok("IOMMU", format!("on, {groups} groups"));
    }
    let mend = "switch on VT-d or AMD-Vi in the firmware, and add `intel_iommu=on` or `amd_iommu=on` to the kernel's command line";
    Check::new("IOMMU", State::Warning, "off: nothing bounds what a card does to memory", Some(mend.to_owned()))
}

fn module(kernel: &Kernel) -> Check {
    if kernel.sys.join("bus/pci/drivers/vfio-pci").exists() {
        return Check::ok("vfio-pci", "loaded");
    }
    Check::new("vfio-pci", State::Warning, "not loaded", Some("sudo modprobe vfio-pci".to_owned()))
}

/// For each board: its driver, and whether this user may open the files of its way.
fn boards(kernel: &Kernel) -> Vec<Check> {
    let mut checks = Vec::new();
    for candidate in probe(kernel) {
        let what = format!("way to {}", candidate.location);
        let way = match candidate.way {
            Ok(way) => way,
            Err(error) => {
                let mend = match candidate.location.place {
                    Place::Pci(address) => Some(bind_command(address).trim_matches('`').to_owned()),
                    Place::Uio(_) | Place::Mem(_) => None,
                };
                checks.push(Check::new(what, State::Missing, error.to_string(), mend));
                continue;
            }
        };
        checks.push(match candidate.owner {
            Some(owner) => {
                let owner = owner.map_or("a process".to_owned(), |pid| format!("process {pid}"));
                Check::ok(what, format!("{way}, in use by {owner}"))
            }
            None => match way.files(kernel, candidate.location.place) {
                files if files.is_empty() => {
                    Check::new(what, State::Missing, format!("{way}, but its files are not there"), None)
                }
                files => permission(what, way, &files),
            },
        });
    }
    if checks.is_empty() {
        let mend = "systole virtual-board";
        checks.push(Check::new(
            "boards",
            State::Warning,
            "none found; a virtual one does without",
            Some(mend.to_owned()),
        ));
    }
    checks
}

fn permission(what: String, way: Way, files: &[PathBuf]) -> Check {
    for file in files {
        if let Err(error) = kernel::open(file) {
            let detail = format!("{way}, but {}: {error}", file.display());
            return Check::new(what, State::Missing, detail, Some(format!("sudo chown $USER {}", file.display())));
        }
    }
    Check::ok(what, way.to_string())
}

fn huge_pages(kernel: &Kernel) -> Check {
    let sizes = free_sizes(kernel);
    if sizes.is_empty() {
        let mend = "echo 64 | sudo tee /proc/sys/vm/nr_hugepages";
        let detail = "none free: UIO and sysfs need them for cards without memory of their own";
        return Check::new("huge pages", State::Warning, detail, Some(mend.to_owned()));
    }
    let sizes: Vec<String> = sizes.iter().map(|bits| format!("{} KiB", (1u64 << bits) >> 10)).collect();
    Check::ok("huge pages", format!("some are free, of {}", sizes.join(" and ")))
}

fn dma_buffers(kernel: &Kernel) -> Check {
    let names = udmabuf::names(kernel);
    if names.is_empty() {
        let mend = "sudo modprobe u-dma-buf udmabuf0=67108864";
        return Check::new("u-dma-buf", State::Warning, "none: devices of the chip need one", Some(mend.to_owned()));
    }
    Check::ok("u-dma-buf", names.join(", "))
}

/// What u-dma-buf takes its memory from.
fn contiguous(kernel: &Kernel) -> Check {
    let text = kernel::text(&kernel.proc.join("meminfo")).unwrap_or_default();
    let kib = |name: &str| -> Option<u64> {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.trim().trim_end_matches("kB").trim().parse().ok()
    };
    match (kib("CmaTotal"), kib("CmaFree")) {
        (Some(total), Some(free)) if total > 0 => {
            Check::ok("CMA", format!("{} of {} MiB free", free >> 10, total >> 10))
        }
        _ => {
            let mend = "add `cma=256M` to the kernel's command line";
            Check::new("CMA", State::Warning, "none reserved: a u-dma-buf may find no room", Some(mend.to_owned()))
        }
    }
}

/// Memory that VFIO maps counts against the limit of locked memory.
fn locked() -> Check {
    const ENOUGH: u64 = 256 << 20;
    match rustix::process::getrlimit(rustix::process::Resource::Memlock).current {
        Some(limit) if limit < ENOUGH => {
            let detail = format!("{} KiB: VFIO maps no more than that for a user who is not root", limit >> 10);
            Check::new("locked memory", State::Warning, detail, Some("ulimit -l unlimited".to_owned()))
        }
        Some(limit) => Check::ok("locked memory", format!("{} MiB", limit >> 20)),
        None => Check::ok("locked memory", "unlimited"),
    }
}

fn virtual_board(kernel: &Kernel) -> Check {
    const PROGRAM: &str = "qemu-system-x86_64";
    let executable = |path: &Path| path.metadata().is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0);
    match kernel.programs.iter().map(|directory| directory.join(PROGRAM)).find(|path| executable(path)) {
        Some(path) => Check::ok("QEMU", path.display().to_string()),
        None => {
            let detail = "not installed: `systole virtual-board test` fetches its own";
            Check::new("QEMU", State::Warning, detail, Some("sudo apt-get install qemu-system-x86".to_owned()))
        }
    }
}
