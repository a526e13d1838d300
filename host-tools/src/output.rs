//! Standard output, and making foreign text harmless in it.

use std::borrow::Cow;
use std::io::{BufWriter, Error, ErrorKind, Result, StdoutLock, Write};
use std::path::Path;

use anyhow::{anyhow, bail};

/// Buffered standard output; errors, such as a closed pipe, are returned and not panicked over as `println!` does.
pub struct Output(BufWriter<StdoutLock<'static>>);

impl Output {
    /// Takes standard output.
    pub fn new() -> Self {
        Self(BufWriter::with_capacity(1 << 16, std::io::stdout().lock()))
    }

    /// Writes a text and a newline.
    pub fn line(&mut self, text: impl std::fmt::Display) -> Result<()> {
        writeln!(self.0, "{text}")
    }

    /// Writes a value as one line of JSON.
    pub fn json(&mut self, value: &impl serde::Serialize) -> anyhow::Result<()> {
        // Serialized apart from writing, so that a closed pipe stays recognisable.
        Ok(self.line(serde_json::to_string(value)?)?)
    }

    /// Hands everything to the reader.
    pub fn flush(&mut self) -> Result<()> {
        self.0.flush()
    }
}

/// One line on standard error that is no error: what was chosen and why.
pub fn note(message: &str) {
    // Nobody is left to tell when stderr is gone.
    let _ = writeln!(std::io::stderr(), "{}", plain(message));
}

/// Fails if a file at `path` surely cannot be written: better now than after minutes of work.
pub fn check_writable(path: &Path) -> anyhow::Result<()> {
    let directory = match path.parent() {
        Some(directory) if directory.as_os_str().is_empty() => Path::new("."),
        Some(directory) => directory,
        None => bail!("{} is no name for a file; choose another output", path.display()),
    };
    if !directory.is_dir() {
        bail!("cannot write {}: there is no directory {}; make it first", path.display(), directory.display());
    }
    if path.is_dir() {
        bail!("cannot write {}: it is a directory; name a file in it", path.display());
    }
    systole_runtime::check_writable(path).map_err(|e| cannot_write(path, e))
}

/// Writes a file whole, as [`systole_runtime::write_whole`] does.
pub fn write_file(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    systole_runtime::write_whole(path, |out| out.write_all(bytes)).map_err(|e| cannot_write(path, e))
}

/// An error of [`systole_runtime::write_whole`].
pub fn cannot_write(path: &Path, error: Error) -> anyhow::Error {
    let remedy = match error.kind() {
        ErrorKind::InvalidInput => "name a new one",
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => "choose a directory that you may write",
        _ => "check the disk",
    };
    anyhow!("cannot write {}: {error}; {remedy}", path.display())
}

/// The text with control characters written as escapes: names and texts of foreign files must not drive the terminal.
pub fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if c.is_control() {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn control_characters_are_escaped_and_others_kept() {
        assert_eq!(plain("naïve 東京"), "naïve 東京");
        assert_eq!(plain("a\u{1b}[31mb\nc\u{7f}"), "a\\u{1b}[31mb\\nc\\u{7f}");
    }
}
