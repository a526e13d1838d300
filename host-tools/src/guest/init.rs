//! The guest's first process: it mounts what the kernel offers, loads the modules and keeps the console quiet.

use std::ffi::CString;
use std::fs;
use std::path::Path;

use anyhow::{Context, anyhow};
use rustix::fs::OFlags;
use rustix::mount::{MountFlags, mount};

use super::initramfs::MODULE_DIRECTORY;

/// Where, what, options.
const MOUNTS: [(&str, &str, &str); 7] = [
    ("/proc", "proc", ""),
    ("/sys", "sysfs", ""),
    ("/dev", "devtmpfs", ""),
    ("/run", "tmpfs", ""),
    ("/tmp", "tmpfs", ""),
    ("/sys/kernel/debug", "debugfs", ""),
    ("/dev/hugepages", "hugetlbfs", "pagesize=2M"),
];
/// Huge pages of 2 MiB, for DMA without an IOMMU.
const HUGE_PAGES: u32 = 48;
/// `finit_module` shall decompress.
const MODULE_INIT_COMPRESSED_FILE: i32 = 4;

/// Brings the guest up.
pub fn start() -> anyhow::Result<()> {
    for (path, kind, options) in MOUNTS {
        fs::create_dir_all(path).with_context(|| format!("mkdir {path}"))?;
        let options = CString::new(options)?;
        mount("none", path, kind, MountFlags::empty(), Some(options.as_c_str()))
            .map_err(|e| anyhow!("mount {kind} on {path}: {e}"))?;
    }
    // Messages of the kernel would stand in the middle of ours; all but its last are found in /dev/kmsg.
    write("/proc/sys/kernel/printk", "1")?;
    write("/proc/sys/vm/nr_hugepages", &HUGE_PAGES.to_string())?;
    let mut modules: Vec<_> = fs::read_dir(MODULE_DIRECTORY)?.map(|e| e.map(|e| e.path())).collect::<Result<_, _>>()?;
    modules.sort();
    modules.iter().try_for_each(|path| load(path, ""))
}

/// Loads a module with parameters such as `irq=3`.
pub fn load(path: &Path, parameters: &str) -> anyhow::Result<()> {
    let file = fs::File::open(path)?;
    let parameters = CString::new(parameters)?;
    let flags = if path.extension().is_some_and(|e| e == "ko") { 0 } else { MODULE_INIT_COMPRESSED_FILE };
    rustix::system::finit_module(&file, &parameters, flags).map_err(|e| anyhow!("finit_module {}: {e}", path.display()))
}

/// Takes a module away, if it is there.
pub fn unload(name: &str) -> anyhow::Result<()> {
    if !Path::new("/sys/module").join(name).exists() {
        return Ok(());
    }
    let flags = OFlags::NONBLOCK.bits() as i32;
    let name = CString::new(name)?;
    rustix::system::delete_module(&name, flags).map_err(|e| anyhow!("delete_module {}: {e}", name.to_string_lossy()))
}

/// Writes a file below /proc or /sys.
pub fn write(path: impl AsRef<Path>, text: &str) -> anyhow::Result<()> {
    let path = path.as_ref();
    fs::write(path, text).map_err(|e| anyhow!("write {text} to {}: {e}", path.display()))
}
