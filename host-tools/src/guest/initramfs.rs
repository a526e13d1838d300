//! What the guest's files are: this program as its first process, the libraries that it is linked with, and modules.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};

use super::archive::Archive;
use super::elf;

/// Modules below the kernel's directory, each after those that it needs. A kernel may have some of them built in.
pub const MODULES: [&str; 10] = [
    "kernel/virt/lib/irqbypass.ko",
    // Linux 6.13 and 6.14 have this part of iommufd apart.
    "kernel/drivers/iommu/iommufd/iommufd_driver.ko",
    "kernel/drivers/iommu/iommufd/iommufd.ko",
    "kernel/drivers/vfio/vfio.ko",
    "kernel/drivers/vfio/vfio_iommu_type1.ko",
    "kernel/drivers/vfio/pci/vfio-pci-core.ko",
    "kernel/drivers/vfio/pci/vfio-pci.ko",
    "kernel/drivers/uio/uio.ko",
    "kernel/drivers/uio/uio_pci_generic.ko",
    "kernel/drivers/uio/uio_cif.ko",
];
/// Where they are in the guest, numbered in their order.
pub const MODULE_DIRECTORY: &str = "/modules";
/// Where a module of the test fixture is in the guest.
pub const FIXTURE: &str = "/fixture.ko";
/// How a distribution may have compressed them; the guest's kernel undoes it.
const COMPRESSIONS: [&str; 4] = ["", ".xz", ".zst", ".gz"];
/// Directories that something is mounted on.
pub const MOUNT_POINTS: [&str; 5] = ["/proc", "/sys", "/dev", "/run", "/tmp"];

/// Makes the initramfs with the modules of `kernel_modules`, and one that is loaded later.
pub fn build(kernel_modules: &Path, fixture: Option<&Path>) -> anyhow::Result<Vec<u8>> {
    let mut archive = Archive::default();
    for path in MOUNT_POINTS {
        archive.directory(path);
    }
    // The kernel opens it before anything is mounted.
    archive.character_device("/dev/console", 5, 1);
    let executable = Path::new("/proc/self/exe");
    let program = elf::loaded(&read(executable)?).ok_or_else(|| anyhow!("this program is no executable of 64 bits"))?;
    archive.file("/systole", &program.bytes);
    let maps = fs::read_to_string("/proc/self/maps").map_err(|e| anyhow!("/proc/self/maps: {e}; mount /proc"))?;
    for library in libraries(&maps) {
        archive.file(library, &read(Path::new(library))?);
    }
    if let Some(interpreter) = &program.interpreter {
        archive.file(interpreter, &read(Path::new(interpreter))?);
    }
    let modules: Vec<PathBuf> = MODULES.iter().filter_map(|name| compressed(kernel_modules, name)).collect();
    if modules.is_empty() {
        bail!("{} holds none of the modules for VFIO and UIO; set SYSTOLE_MODULES", kernel_modules.display());
    }
    for (index, module) in modules.iter().enumerate() {
        let name = module.file_name().unwrap_or_default().to_string_lossy();
        archive.file(&format!("{MODULE_DIRECTORY}/{index:02}-{name}"), &read(module)?);
    }
    if let Some(fixture) = fixture {
        archive.file(FIXTURE, &read(fixture)?);
    }
    Ok(archive.finish())
}

/// The shared libraries in a map of this process' memory.
fn libraries(maps: &str) -> BTreeSet<&str> {
    let paths = maps.lines().filter_map(|line| line.find('/').map(|at| &line[at..]));
    let is_library = |path: &&str| {
        let name = path.rsplit('/').next().unwrap_or_default();
        name.ends_with(".so") || name.contains(".so.")
    };
    paths.filter(is_library).collect()
}

/// The module's file, with whatever ending it has.
fn compressed(directory: &Path, name: &str) -> Option<PathBuf> {
    COMPRESSIONS.iter().map(|ending| directory.join(format!("{name}{ending}"))).find(|path| path.is_file())
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(path).map_err(|e| anyhow!("cannot read {}: {e}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_told_from_other_mappings() {
        let maps = "\
55d0-55d1 r--p 00000000 08:01 12 /usr/bin/systole
7f00-7f01 r--p 00000000 08:01 13 /usr/lib/x86_64-linux-gnu/libc.so.6
7f01-7f02 r-xp 00001000 08:01 13 /usr/lib/x86_64-linux-gnu/libc.so.6
7f02-7f03 r--p 00000000 08:01 14 /usr/lib/locale/C.utf8/LC_CTYPE
7f03-7f04 rw-p 00000000 00:00 0
7f04-7f05 r--p 00000000 08:01 15 /usr/lib64/ld-linux-x86-64.so.2
7ffc-7ffd rw-p 00000000 00:00 0 [stack]
";
        let expected = ["/usr/lib/x86_64-linux-gnu/libc.so.6", "/usr/lib64/ld-linux-x86-64.so.2"];
        assert_eq!(libraries(maps), BTreeSet::from(expected));
    }

    #[test]
    fn modules_are_found_with_any_ending() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("a.ko.xz"), "").unwrap();
        assert_eq!(compressed(directory.path(), "a.ko"), Some(directory.path().join("a.ko.xz")));
        assert_eq!(compressed(directory.path(), "b.ko"), None);
        assert!(build(directory.path(), None).unwrap_err().to_string().contains("SYSTOLE_MODULES"));
    }
}
