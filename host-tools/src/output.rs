//! Standard output, and making foreign text harmless in it.

use std::borrow::Cow;
use std::io::{BufWriter, Error, ErrorKind, Result, StdoutLock, Write};
use std::path::Path;

use anyhow::{anyhow, bail};
use serde::Serialize;
use unicode_general_category::{GeneralCategory, get_general_category};

use crate::global;

/// Version of everything that is written as JSON, on standard output and standard error. It changes when a key changes its
/// meaning or goes away; new keys may come at any time.
pub const SCHEMA: u32 = 1;

/// An object as one line of JSON that begins with its version.
pub fn versioned(object: &impl Serialize) -> serde_json::Result<String> {
    #[derive(Serialize)]
    struct Versioned<'a, T> {
        schema: u32,
        #[serde(flatten)]
        object: &'a T,
    }
    serde_json::to_string(&Versioned { schema: SCHEMA, object })
}

use crate::interrupted::{self, Hold};

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

    /// Writes an object as one line of JSON that begins with its version.
    pub fn json(&mut self, object: &impl Serialize) -> anyhow::Result<()> {
        // Serialized apart from writing, so that a closed pipe stays recognisable.
        Ok(self.line(versioned(object)?)?)
    }

    /// Hands everything to the reader.
    pub fn flush(&mut self) -> Result<()> {
        self.0.flush()
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> Result<()> {
        self.0.flush()
    }
}

/// One line on standard error that is no error: what was chosen and why. `--quiet` leaves it out.
pub fn note(message: &str) {
    if global::quiet() {
        return;
    }
    #[derive(Serialize)]
    struct Note<'a> {
        note: &'a str,
    }
    let line = match versioned(&Note { note: message }) {
        Ok(object) if global::json() => object,
        _ => plain(message).into_owned(),
    };
    // Nobody is left to tell when stderr is gone.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// What a check found, as an object on standard error: standard output has one object a text, and no other.
pub fn note_check(check: &impl Serialize) {
    #[derive(Serialize)]
    struct Note<'a, T> {
        check: &'a T,
    }
    if let Ok(line) = versioned(&Note { check }) {
        let _ = writeln!(std::io::stderr(), "{line}");
    }
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
    let _hold = drafting(path);
    systole_runtime::write_whole(path, |out| out.write_all(bytes)).map_err(|e| cannot_write(path, e))
}

/// Keeps a signal from leaving a draft beside a file, until the file is written.
pub fn drafting(path: &Path) -> Hold {
    interrupted::hold(format!("a draft named .systole-*.draft is left beside {}", path.display()))
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

/// The text with invisible characters written as escapes: names and texts of foreign files must not drive the terminal, nor
/// be read in another order than they are stored (Unicode Technical Report 36, section 2.2).
pub fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(is_invisible) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    let mut before = None;
    for c in text.chars() {
        // Emoji and several scripts are spelt with them.
        let joins = ZERO_WIDTH_JOINERS.contains(&c) && before.is_some_and(|b: char| !b.is_ascii() && !is_invisible(b));
        if is_invisible(c) && !joins {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
        before = Some(c);
    }
    Cow::Owned(out)
}

const ZERO_WIDTH_JOINERS: [char; 2] = ['\u{200c}', '\u{200d}'];

/// Control and format characters (bidirectional overrides and isolates, marks, joiners, tags), and the separators of lines
/// and paragraphs.
fn is_invisible(c: char) -> bool {
    use GeneralCategory::{Control, Format, LineSeparator, ParagraphSeparator};
    // Most texts are mostly ASCII, for which the standard library knows enough.
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    matches!(get_general_category(c), Control | Format | LineSeparator | ParagraphSeparator)
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn control_characters_are_escaped_and_others_kept() {
        assert_eq!(plain("naïve 東京"), "naïve 東京");
        assert_eq!(plain("a\u{1b}[31mb\nc\u{7f}"), "a\\u{1b}[31mb\\nc\\u{7f}");
    }

    #[test]
    fn what_changes_the_order_or_is_not_seen_is_escaped() {
        let bidirectional = ('\u{202a}'..='\u{202e}').chain('\u{2066}'..='\u{2069}');
        let marks =
            ['\u{200e}', '\u{200f}', '\u{61c}', '\u{200b}', '\u{2060}', '\u{feff}', '\u{ad}', '\u{2028}', '\u{2029}'];
        for c in bidirectional.chain(marks).chain(['\u{e0041}', '\u{85}']) {
            let shown = plain(&format!("user{c}txt.exe")).into_owned();
            assert_eq!(shown, format!("user\\u{{{:x}}}txt.exe", c as u32));
        }
        assert_eq!(plain("شكرا עברית 👩\u{200d}🚀"), "شكرا עברית 👩\u{200d}🚀", "letters and emoji stay");
        assert_eq!(plain("می\u{200c}خواهم"), "می\u{200c}خواهم");
        assert_eq!(plain("a\u{200d}b"), "a\\u{200d}b");
    }
}
