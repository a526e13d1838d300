//! Where a virtual board waits for its host.

use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use super::Error;
use super::wire::connection;

/// Bytes of a path in `sockaddr_un`, without the closing zero.
const LONGEST_PATH: usize = 107;

/// A Unix socket; its file is removed when this is dropped.
#[derive(Debug)]
pub struct Socket {
    listener: UnixListener,
    path: PathBuf,
}

impl Socket {
    /// Listens on a path where nothing is.
    ///
    /// # Errors
    /// [`Error::PathTooLong`], [`Error::PathExists`], [`Error::Listen`].
    pub fn bind(path: &Path) -> Result<Self, Error> {
        let bytes = path.as_os_str().as_bytes().len();
        let path = path.to_owned();
        if bytes > LONGEST_PATH {
            return Err(Error::PathTooLong { path, bytes, limit: LONGEST_PATH });
        }
        match UnixListener::bind(&path) {
            Ok(listener) => Ok(Self { listener, path }),
            Err(error) if error.kind() == ErrorKind::AddrInUse => Err(Error::PathExists { path }),
            Err(source) => Err(Error::Listen { path, source }),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Waits for a host, for ever.
    ///
    /// # Errors
    /// The system refuses.
    pub fn accept(&self) -> Result<UnixStream, Error> {
        self.listener.accept().map(|(stream, _)| stream).map_err(connection("accept"))
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "the socket's file could not be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_taken_once_and_given_back() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("board");
        let socket = Socket::bind(&path).unwrap();
        assert!(matches!(Socket::bind(&path), Err(Error::PathExists { .. })));
        drop(socket);
        assert!(!path.exists());
        std::fs::write(&path, "something else").unwrap();
        assert!(matches!(Socket::bind(&path), Err(Error::PathExists { .. })));
        assert!(matches!(Socket::bind(&directory.path().join("no/such")), Err(Error::Listen { .. })));
        let long = directory.path().join("x".repeat(108));
        assert!(matches!(Socket::bind(&long), Err(Error::PathTooLong { .. })));
    }
}
