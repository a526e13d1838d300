//! One process owns a device.
//!
//! A lock is an advisory lock on a file that carries the owner's process ID. The kernel releases it when the process
//! ends, however it ends; the file stays.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, OFlags, flock};

use super::Place;
use super::error::{TransportError, opening, system};
use super::kernel::Kernel;
use super::pci::Function;
use super::uio::Uio;

/// Held for as long as it lives.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of the device that [`key`] names; `location` is for the message.
    pub fn take(kernel: &Kernel, key: &str, location: &str) -> Result<Self, TransportError> {
        let (path, mut file) = create(kernel, key)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                return Err(TransportError::Busy { location: location.to_owned(), owner: pid(&mut file) });
            }
            Err(error) => return Err(system("flock", path.display().to_string())(error.into()).into()),
        }
        let write = |file: &File| {
            file.set_len(0).and_then(|()| file.write_all_at(std::process::id().to_string().as_bytes(), 0))
        };
        // Without the number a second process learns less, that is all.
        write(&file).unwrap_or_else(|error| tracing::warn!(path = %path.display(), %error, "owner not noted"));
        Ok(Self { _file: file })
    }

    /// Who holds it: `None` if nobody does, `Some(None)` if somebody does who has not yet said who.
    pub fn owner(kernel: &Kernel, key: &str) -> Option<Option<u32>> {
        let mut file = kernel.locks.iter().find_map(|directory| File::open(path(directory, key)).ok())?;
        match flock(&file, FlockOperation::NonBlockingLockShared) {
            Err(rustix::io::Errno::WOULDBLOCK) => Some(pid(&mut file)),
            // Closing the file gives it back.
            _ => None,
        }
    }
}

/// The name of a device's lock, the same whichever way it is opened: a card's address, or that of the registers.
pub(super) fn key(kernel: &Kernel, place: Place) -> String {
    let window = |base| {
        let card = Function::covering(kernel, base);
        card.map_or_else(|| format!("window-{base:x}"), |card| card.address.to_string())
    };
    match place {
        Place::Pci(address) => address.to_string(),
        Place::Mem(base) => window(base),
        Place::Uio(number) => {
            let uio = Uio::find(kernel, number).ok();
            let card = uio.as_ref().and_then(|uio| uio.function(kernel)).map(|card| card.address.to_string());
            let registers = || uio.as_ref().and_then(Uio::registers).map(window);
            card.or_else(registers).unwrap_or_else(|| format!("uio-{number}"))
        }
    }
}

fn path(directory: &Path, key: &str) -> PathBuf {
    directory.join(key)
}

fn pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

/// The lock's file in the first directory that can be used. Directory and file are open to every user, as the device
/// may be; the sticky bit keeps them from taking away each other's.
fn create(kernel: &Kernel, key: &str) -> Result<(PathBuf, File), TransportError> {
    let mut refused = None;
    for directory in &kernel.locks {
        if fs::create_dir_all(directory).is_ok() {
            // Only its owner may, which is who made it.
            let _ = fs::set_permissions(directory, Permissions::from_mode(0o1777));
        }
        let path = path(directory, key);
        let open = |create| {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(create).truncate(false).mode(0o666);
            options.custom_flags(OFlags::NOFOLLOW.bits() as i32).open(&path)
        };
        // One that another user made may be opened, but not with O_CREAT (fs.protected_regular).
        match open(false).or_else(|error| if error.kind() == io::ErrorKind::NotFound { open(true) } else { Err(error) })
        {
            Ok(file) => {
                let _ = file.set_permissions(Permissions::from_mode(0o666));
                return Ok((path, file));
            }
            Err(error) => refused = Some(opening(&path)(error)),
        }
    }
    Err(refused
        .unwrap_or(TransportError::Missing { location: key.to_owned(), path: "a directory for locks".to_owned() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_owner_learns_who_the_first_is() {
        let root = tempfile::tempdir().unwrap();
        let kernel = Kernel::under(root.path());
        assert_eq!(Lock::owner(&kernel, "0000:00:04.0"), None);
        let lock = Lock::take(&kernel, "0000:00:04.0", "pci:0000:00:04.0").unwrap();
        let error = Lock::take(&kernel, "0000:00:04.0", "uio:0").unwrap_err();
        let id = std::process::id();
        assert_eq!(error.to_string(), format!("uio:0 is in use by process {id}; wait until it ends, or end it"));
        assert_eq!(Lock::owner(&kernel, "0000:00:04.0"), Some(Some(id)));
        let other = Lock::take(&kernel, "0000:00:05.0", "pci:0000:00:05.0").unwrap();
        drop(lock);
        assert_eq!(Lock::owner(&kernel, "0000:00:04.0"), None, "the file alone is no lock");
        let again = Lock::take(&kernel, "0000:00:04.0", "pci:0000:00:04.0").unwrap();
        drop((again, other));
    }

    #[test]
    fn the_death_of_its_owner_releases_it() {
        let root = tempfile::tempdir().unwrap();
        let kernel = Kernel::under(root.path());
        drop(Lock::take(&kernel, "a", "a").unwrap());
        let path = path(&kernel.locks[0], "a");
        let mut child =
            std::process::Command::new("flock").arg("--no-fork").arg(&path).args(["sleep", "60"]).spawn().unwrap();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while Lock::owner(&kernel, "a").is_none() {
            assert!(std::time::Instant::now() < deadline, "the other process took no lock");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        assert!(matches!(Lock::take(&kernel, "a", "a"), Err(TransportError::Busy { .. })));
        child.kill().unwrap();
        child.wait().unwrap();
        while Lock::owner(&kernel, "a").is_some() {
            assert!(std::time::Instant::now() < deadline, "the lock outlived its owner");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        Lock::take(&kernel, "a", "a").unwrap();
    }

    #[test]
    fn the_next_directory_serves_where_the_first_cannot_be_made() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("file"), "").unwrap();
        let locks = vec![root.path().join("file/systole"), root.path().join("second")];
        let kernel = Kernel { locks, ..Kernel::under(root.path()) };
        let _lock = Lock::take(&kernel, "a", "a").unwrap();
        assert!(root.path().join("second/a").exists());
        let nowhere = Kernel { locks: vec![root.path().join("file/systole")], ..kernel };
        assert!(matches!(Lock::take(&nowhere, "a", "a"), Err(TransportError::Device(_))));
    }
}
