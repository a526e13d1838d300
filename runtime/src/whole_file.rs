//! Files that are written whole or not at all.

use std::fs::{self, File, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Symbolic links that are followed before they count as a loop, as in the kernel.
const MAX_LINKS: usize = 40;
/// What a new file may be used for before the umask takes its part.
const NEW_FILE: u32 = 0o666;

/// Writes a file as a draft beside it, which takes its place only when `write` has succeeded and everything is on the
/// disk. After an error, such as a full disk, the older file is as it was.
///
/// A new file's permissions follow the umask, those of an older one stay. A symbolic link is followed, and what it names
/// is replaced.
///
/// # Errors
/// Those of `write`; the directory cannot be written, or there is something at `path` that is no regular file.
pub fn write_whole<E: From<io::Error>>(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<&File>) -> Result<(), E>,
) -> Result<(), E> {
    write_whole_or_part(path, |out| write(out).map(|()| Extent::Whole)).map(drop)
}

/// How much there was to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All of it.
    Whole,
    /// What was there when the work was stopped.
    Part,
}

/// As [`write_whole`], for work that may be stopped: a part is kept beside the file, `results.npy` as `results.part.npy`,
/// and the older file stays. Returns where it was written.
///
/// # Errors
/// As [`write_whole`].
pub fn write_whole_or_part<E: From<io::Error>>(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<&File>) -> Result<Extent, E>,
) -> Result<PathBuf, E> {
    let mut draft = Draft::beside(path)?;
    let mut out = BufWriter::new(draft.file.as_file());
    let extent = write(&mut out)?;
    out.flush()?;
    drop(out);
    if extent == Extent::Part {
        draft.target = follow(&part(path))?;
    }
    Ok(draft.finish()?)
}

/// The name of a part.
fn part(path: &Path) -> PathBuf {
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(".part");
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

/// Fails if [`write_whole`] surely would: better now than after minutes of work.
///
/// # Errors
/// As [`write_whole`].
pub fn check_writable(path: &Path) -> io::Result<()> {
    Draft::beside(path).map(drop)
}

/// The unfinished file; it goes away when it is dropped.
struct Draft {
    file: tempfile::NamedTempFile,
    target: PathBuf,
}

impl Draft {
    fn beside(path: &Path) -> io::Result<Self> {
        let target = follow(path)?;
        let older = match fs::metadata(&target) {
            Ok(found) if found.is_file() => Some(found.permissions()),
            Ok(found) if found.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
            Ok(_) => return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let mut builder = tempfile::Builder::new();
        builder.prefix(".systole-").suffix(".draft").permissions(Permissions::from_mode(NEW_FILE));
        let file = builder.tempfile_in(directory(&target))?;
        if let Some(permissions) = older {
            file.as_file().set_permissions(permissions)?;
        }
        Ok(Self { file, target })
    }

    fn finish(self) -> io::Result<PathBuf> {
        // A disk may say only now that it is full.
        self.file.as_file().sync_all()?;
        self.file.persist(&self.target).map_err(|e| e.error)?;
        Ok(self.target)
    }
}

/// What a path names in the end, whether it exists or not.
fn follow(path: &Path) -> io::Result<PathBuf> {
    let mut target = path.to_owned();
    for _ in 0..MAX_LINKS {
        // The kernel's names for open files: a file that took the place of one would not be the open one.
        if fs::canonicalize(directory(&target)).is_ok_and(|directory| directory.starts_with("/proc")) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
        }
        match fs::read_link(&target) {
            Ok(next) => target = directory(&target).join(next),
            // No link, or nothing there.
            Err(_) => return Ok(target),
        }
    }
    Err(io::Error::other("too many symbolic links"))
}

fn directory(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn put(path: &Path, text: &str) -> io::Result<()> {
        write_whole(path, |out| out.write_all(text.as_bytes()))
    }

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = entries.collect();
        names.sort();
        names
    }

    #[test]
    fn after_an_error_the_older_file_is_as_it_was_and_no_draft_is_left() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        let half = |out: &mut BufWriter<&File>| {
            out.write_all(&[7; 100_000])?;
            Err(io::Error::from(io::ErrorKind::StorageFull))
        };
        assert_eq!(write_whole(&path, half).unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(names(directory.path()), [""; 0]);
        put(&path, "older").unwrap();
        assert_eq!(write_whole(&path, half).unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(fs::read(&path).unwrap(), b"older");
        assert_eq!(names(directory.path()), ["a"]);
    }

    #[test]
    fn a_link_is_followed_and_stays() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::create_dir(at("below")).unwrap();
        symlink("below/target", at("link")).unwrap();
        symlink(at("link"), at("far")).unwrap();
        for text in ["a target that is not there yet", "one that is"] {
            put(&at("far"), text).unwrap();
            assert_eq!(fs::read_to_string(at("below/target")).unwrap(), text);
        }
        assert!(at("far").is_symlink() && at("link").is_symlink() && !at("below/target").is_symlink());
        assert_eq!(names(directory.path()), ["below", "far", "link"]);
        symlink("loop", at("loop")).unwrap();
        assert!(put(&at("loop"), "").unwrap_err().to_string().contains("symbolic links"));
    }

    #[test]
    fn permissions_are_those_of_an_ordinary_new_file_and_an_older_file_keeps_its_own() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let mode = |name: &str| fs::metadata(at(name)).unwrap().permissions().mode();
        File::create(at("ordinary")).unwrap();
        put(&at("new"), "").unwrap();
        assert_eq!(mode("new"), mode("ordinary"));
        fs::set_permissions(at("new"), Permissions::from_mode(0o640)).unwrap();
        put(&at("new"), "again").unwrap();
        assert_eq!(mode("new") & 0o777, 0o640);
    }

    #[test]
    fn what_is_no_regular_file_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        for (path, reason) in [
            ("/dev/null", "it is no regular file"),
            ("/dev/stdout", "it is no regular file"),
            (directory.path().to_str().unwrap(), "is a directory"),
        ] {
            let error = check_writable(Path::new(path)).unwrap_err().to_string();
            assert_eq!(put(Path::new(path), "").unwrap_err().to_string(), error);
            assert!(error.contains(reason), "{path}: {error}");
        }
        check_writable(&directory.path().join("a")).unwrap();
        assert_eq!(names(directory.path()), [""; 0], "asking leaves nothing");
    }
}
