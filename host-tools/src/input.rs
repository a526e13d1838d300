//! Texts from `--text`, from a file or from standard input, one a line: plain, or JSON Lines with a `text` each.
//!
//! 1. [`Lines`] makes a text, or a refusal, of every line; none is left out.
//! 2. [`open`] finds the file; [`ahead`] reads it in a thread of its own, a bounded number of lines ahead.
//! 3. [`foreign`] knows files that are no lines of text, and what makes lines of them.

mod foreign;
mod json;

use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

use anyhow::{anyhow, bail};
use clap::ValueEnum;

pub use json::Keys;

/// Most bytes of a line. Far more than any model reads of a text; bounds the memory that a file without line breaks takes.
const LONGEST_LINE: usize = 16 << 20;
/// Most bytes that are read whole from what is no regular file.
const LONGEST_STREAM: u64 = 512 << 20;
/// Lines that are read ahead of the one that is treated.
const AHEAD: usize = 64;

/// How the lines of a file are to be understood.
#[derive(ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// JSON Lines if the first line that is not blank begins with `{`, else plain lines
    #[default]
    Auto,
    /// Each line is a text, whatever it looks like
    Lines,
    /// Each line is a JSON object with a string `text`
    Jsonl,
}

/// Where a text came from; shown, it begins messages about the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The n-th `--text`, from 1.
    Argument(usize),
    /// A line of a file, from 1.
    Line {
        /// The file's name.
        source: Arc<str>,
        /// The line's number.
        number: u64,
    },
}

impl Origin {
    /// The line's number, from 1.
    pub fn line(&self) -> Option<u64> {
        match self {
            Self::Argument(_) => None,
            Self::Line { number, .. } => Some(*number),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Argument(number) => write!(f, "--text {number}"),
            Self::Line { source, number } => write!(f, "{source}, line {number}"),
        }
    }
}

/// A text.
#[derive(Clone, Debug)]
pub struct Text {
    /// Where it came from.
    pub origin: Origin,
    /// The text.
    pub text: String,
    /// What else its JSON object holds.
    pub keys: Keys,
}

/// A line without a text.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// Where it stands.
    pub origin: Origin,
    /// What is wrong with it, and what to do.
    pub reason: String,
}

/// What a line holds.
pub type Line = Result<Text, Refusal>;

/// The lines of a file, in order. An error is one of the whole file, and the last item.
pub struct Lines<R> {
    reader: R,
    source: Arc<str>,
    format: Format,
    /// Lines read so far.
    number: u64,
    /// Blank lines at the start that wait for the format to be known, and the line that decided it.
    blank: std::ops::Range<u64>,
    held: Option<Raw>,
    ended: bool,
}

/// A line's bytes.
enum Raw {
    Whole(Vec<u8>),
    /// Longer than [`LONGEST_LINE`].
    TooLong,
}

impl<R: BufRead> Lines<R> {
    /// The lines of what is called `source`.
    pub fn new(reader: R, source: &str, format: Format) -> Self {
        Self { reader, source: source.into(), format, number: 0, blank: 0..0, held: None, ended: false }
    }

    /// Reads until the format is known.
    ///
    /// # Errors
    /// The file cannot be read, has no line, or is no file of lines.
    fn start(&mut self) -> anyhow::Result<()> {
        let mut blank = 0;
        let decisive = loop {
            match self.raw()? {
                Some(Raw::Whole(line)) if line.trim_ascii().is_empty() => blank += 1,
                decisive => break decisive,
            }
        };
        if blank == 0 && decisive.is_none() {
            bail!("{} has no text; write one a line, plain or as {{\"text\": \"...\"}}", self.source);
        }
        if self.format == Format::Auto {
            let first = match &decisive {
                Some(Raw::Whole(line)) => line.trim_ascii_start(),
                _ => &[],
            };
            if let Some(remedy) = foreign::remedy(&self.source, first) {
                bail!("{remedy}");
            }
            self.format = if first.starts_with(b"{") { Format::Jsonl } else { Format::Lines };
        }
        self.blank = 0..blank;
        self.held = decisive;
        Ok(())
    }

    /// The next line without its end.
    fn raw(&mut self) -> anyhow::Result<Option<Raw>> {
        let cannot_read = |e| anyhow!("cannot read {}: {e}; check that the path is right and readable", self.source);
        let mut line = Vec::new();
        let limited = self.reader.by_ref().take(LONGEST_LINE as u64 + 1).read_until(b'\n', &mut line);
        if limited.map_err(cannot_read)? == 0 {
            return Ok(None);
        }
        self.number += 1;
        if line.last() == Some(&b'\n') {
            line.pop();
        } else if line.len() > LONGEST_LINE {
            self.reader.skip_until(b'\n').map_err(cannot_read)?;
            return Ok(Some(Raw::TooLong));
        }
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        if self.number == 1 && line.starts_with(b"\xef\xbb\xbf") {
            line.drain(..3);
        }
        Ok(Some(Raw::Whole(line)))
    }

    fn parse(&self, raw: Raw, number: u64) -> Line {
        let origin = Origin::Line { source: self.source.clone(), number };
        let refusal = |reason| Refusal { origin: origin.clone(), reason };
        let Raw::Whole(line) = raw else {
            return Err(refusal(format!("the line is longer than {LONGEST_LINE} bytes; cut it")));
        };
        let line = String::from_utf8(line).map_err(|e| {
            let at = e.utf8_error().valid_up_to() + 1;
            refusal(format!("byte {at} is not UTF-8; convert the file, say with iconv"))
        })?;
        let (text, keys) = match self.format {
            Format::Jsonl => json::object(&line).map_err(refusal)?,
            Format::Auto | Format::Lines => (line, Keys::new()),
        };
        Ok(Text { origin, text, keys })
    }

    fn advance(&mut self) -> anyhow::Result<Option<Line>> {
        if self.number == 0 {
            self.start()?;
        }
        if let Some(index) = self.blank.next() {
            return Ok(Some(self.parse(Raw::Whole(Vec::new()), index + 1)));
        }
        let raw = match self.held.take() {
            Some(raw) => Some(raw),
            None => self.raw()?,
        };
        Ok(raw.map(|raw| self.parse(raw, self.number)))
    }
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = anyhow::Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let item = self.advance().transpose();
        self.ended = !matches!(item, Some(Ok(_)));
        item
    }
}

/// The lines of a file, or of standard input for `-`. Whether a regular file can be used is found out now, before anything
/// is computed; other sources may have nothing to say yet.
pub fn open(source: &str, format: Format) -> anyhow::Result<Lines<BufReader<Box<dyn Read + Send>>>> {
    if source == "-" {
        return Ok(Lines::new(BufReader::new(Box::new(std::io::stdin())), "standard input", format));
    }
    let cannot_read = |e| anyhow!("cannot read {source}: {e}; check that the path is right and readable");
    let file = File::open(source).map_err(cannot_read)?;
    let kind = file.metadata().map_err(cannot_read)?;
    let mut lines = Lines::<BufReader<Box<dyn Read + Send>>>::new(BufReader::new(Box::new(file)), source, format);
    if kind.is_file() || kind.is_dir() {
        lines.start()?;
    }
    Ok(lines)
}

/// Reads lines in a thread of its own, so that a slow source does not hold up what is there already. The thread ends with
/// the source, or with the process.
pub fn ahead(
    lines: impl Iterator<Item = anyhow::Result<Line>> + Send + 'static,
) -> anyhow::Result<Receiver<anyhow::Result<Line>>> {
    let (sender, receiver) = sync_channel(AHEAD);
    let read = move || {
        for line in lines {
            // Nobody takes more when the run has ended.
            if sender.send(line).is_err() {
                break;
            }
        }
    };
    std::thread::Builder::new().name("input".into()).spawn(read).map_err(|e| anyhow!("cannot start a thread: {e}"))?;
    Ok(receiver)
}

/// All texts of a file whose lines need no places, such as calibration's: blank lines are left out, and a line without a
/// text is an error.
pub fn read(source: &str) -> anyhow::Result<Vec<String>> {
    let mut texts = Vec::new();
    for line in open(source, Format::Auto)? {
        match line? {
            Ok(text) if text.text.trim().is_empty() => {}
            Ok(text) => texts.push(text.text),
            Err(Refusal { reason, .. }) if reason == json::BLANK => {}
            Err(Refusal { origin, reason }) => bail!("{origin}: {reason}"),
        }
    }
    if texts.is_empty() {
        bail!("{source} has no text; write one a line, plain or as {{\"text\": \"...\"}}");
    }
    Ok(texts)
}

/// Reads a whole file; of what is no regular one, /dev/zero for instance, at most [`LONGEST_STREAM`].
pub fn slurp(path: &Path) -> anyhow::Result<Vec<u8>> {
    let cannot_read = |e| anyhow!("cannot read {}: {e}; check that the path is right and readable", path.display());
    let mut file = File::open(path).map_err(cannot_read)?;
    let mut bytes = Vec::new();
    if file.metadata().map_err(cannot_read)?.is_file() {
        file.read_to_end(&mut bytes).map_err(cannot_read)?;
        return Ok(bytes);
    }
    file.take(LONGEST_STREAM + 1).read_to_end(&mut bytes).map_err(cannot_read)?;
    if bytes.len() as u64 > LONGEST_STREAM {
        bail!("{} has more than {LONGEST_STREAM} bytes; write it to a file and give that", path.display());
    }
    Ok(bytes)
}

#[cfg(test)]
#[path = "input/tests.rs"]
mod tests;
