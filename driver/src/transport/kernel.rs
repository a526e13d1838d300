//! Where the kernel shows its devices: the roots of `/sys`, `/dev` and `/proc`, and small readers.
//!
//! The roots are parameters, so that tests lay out the tree of a machine in a directory of their own.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::sys::{Calls, Linux};

/// The kernel as seen from here.
#[derive(Clone, Debug)]
pub struct Kernel {
    /// `/sys`.
    pub sys: PathBuf,
    /// `/dev`.
    pub dev: PathBuf,
    /// `/proc`.
    pub proc: PathBuf,
    /// Where locks may be, the best place first.
    pub locks: Vec<PathBuf>,
    /// Directories of programs, in order: `$PATH`.
    pub programs: Vec<PathBuf>,
    pub(crate) calls: Arc<dyn Calls>,
}

impl Kernel {
    /// The kernel of this machine.
    pub fn host() -> Self {
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute());
        let locks = [Some(PathBuf::from("/run/lock")), runtime, Some(std::env::temp_dir())];
        let path = std::env::var_os("PATH").unwrap_or_default();
        Self {
            locks: locks.into_iter().flatten().map(|path| path.join("systole")).collect(),
            programs: std::env::split_paths(&path).collect(),
            ..Self::under(Path::new("/"))
        }
    }

    /// A tree laid out under another root. System calls are still made, and fail on its files.
    pub fn under(root: &Path) -> Self {
        Self {
            sys: root.join("sys"),
            dev: root.join("dev"),
            proc: root.join("proc"),
            locks: vec![root.join("run/lock/systole")],
            programs: vec![root.join("usr/bin")],
            calls: Arc::new(Linux),
        }
    }
}

/// Bytes of this machine's pages.
pub(crate) fn page_size() -> u64 {
    rustix::param::page_size() as u64
}

/// Opens a file of a device, to be read and written.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open(path)
}

/// An attribute's text, without the newline.
pub(crate) fn text(path: &Path) -> io::Result<String> {
    Ok(fs::read_to_string(path)?.trim().to_owned())
}

/// An attribute's number, decimal or with 0x.
pub(crate) fn number(path: &Path) -> io::Result<u64> {
    let text = text(path)?;
    let number = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    number.map_err(|_| io::Error::new(io::ErrorKind::InvalidData, format!("`{text}` is no number")))
}

/// The last part of where a link points, such as the name of a device's driver; `None` if there is no link.
pub(crate) fn link_name(path: &Path) -> Option<String> {
    Some(fs::read_link(path).ok()?.file_name()?.to_string_lossy().into_owned())
}

/// The names in a directory, sorted; empty if there is none.
pub(crate) fn entries(directory: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let mut names: Vec<String> = entries.flatten().map(|e| e.file_name().to_string_lossy().into_owned()).collect();
    names.sort_unstable();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_decimal_or_hexadecimal() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("attribute");
        for (text, number) in [("4096\n", Some(4096)), ("0x1f\n", Some(31)), ("", None), ("0x", None), ("12 34", None)]
        {
            fs::write(&path, text).unwrap();
            assert_eq!(super::number(&path).ok(), number, "{text:?}");
        }
    }

    #[test]
    fn what_is_not_there_has_no_names() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(entries(&directory.path().join("class")), [""; 0]);
        assert_eq!(link_name(&directory.path().join("driver")), None);
        std::os::unix::fs::symlink("../../bus/pci/drivers/vfio-pci", directory.path().join("driver")).unwrap();
        assert_eq!(link_name(&directory.path().join("driver")).as_deref(), Some("vfio-pci"));
        assert_eq!(entries(directory.path()), ["driver"]);
    }
}
