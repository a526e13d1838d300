//! Where results go.

use std::io::Write;

use anyhow::Result;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::check::Check;
use crate::input::{Keys, Origin};
use crate::output::{Output, versioned};
use crate::view::embeddings::{Report, Summary};

/// A text and its result, or a line without one and the reason.
pub struct Entry {
    /// Where the text came from.
    pub origin: Origin,
    /// The text; absent if the line has none.
    pub text: Option<String>,
    /// What else came with it.
    pub keys: Keys,
    /// The result, or why there is none.
    pub outcome: std::result::Result<Answer, String>,
}

/// The result of a text.
pub struct Answer {
    /// Length in tokens.
    pub tokens: usize,
    /// The vector.
    pub embedding: Vec<f32>,
    /// Cosine to the reference, if that was asked for.
    pub cosine: Option<f64>,
}

/// Takes results one after the other.
pub trait Writer {
    /// The next result, in the order of the texts.
    fn put(&mut self, entry: Entry) -> Result<()>;

    /// Hands over what was put so far: more may be long in coming.
    fn flush(&mut self) -> Result<()> {
        Ok(())
    }

    /// Whether the reason why a text is refused can be found among the results.
    fn gives_reasons(&self) -> bool {
        true
    }

    /// There are no more.
    fn finish(&mut self, summary: &Summary, checks: &[Check]) -> Result<()>;
}

/// One JSON object a text.
pub struct JsonLines<W>(W);

impl<W: Write> JsonLines<W> {
    /// No line yet.
    pub fn new(out: W) -> Self {
        Self(out)
    }
}

impl<W: Write> Writer for JsonLines<W> {
    fn put(&mut self, entry: Entry) -> Result<()> {
        Ok(writeln!(self.0, "{}", versioned(&entry)?)?)
    }

    fn flush(&mut self) -> Result<()> {
        Ok(self.0.flush()?)
    }

    fn finish(&mut self, _: &Summary, _: &[Check]) -> Result<()> {
        self.flush()
    }
}

impl Serialize for Entry {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Error<'a> {
            message: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            line: Option<u64>,
        }
        let mut map = serializer.serialize_map(None)?;
        if let Some(text) = &self.text {
            map.serialize_entry("text", text)?;
        }
        for (key, value) in &self.keys {
            map.serialize_entry(key, value)?;
        }
        match &self.outcome {
            Ok(answer) => {
                map.serialize_entry("tokens", &answer.tokens)?;
                map.serialize_entry("embedding", &answer.embedding)?;
                if let Some(cosine) = answer.cosine {
                    map.serialize_entry("cosine_fp32", &cosine)?;
                }
            }
            Err(message) => map.serialize_entry("error", &Error { message, line: self.origin.line() })?,
        }
        map.end()
    }
}

/// Tables on standard output, at the end.
pub struct Tables {
    report: Report,
    demo: bool,
}

impl Tables {
    /// With a hint at the end if it is the demonstration.
    pub fn new(demo: bool) -> Self {
        Self { report: Report::default(), demo }
    }
}

impl Writer for Tables {
    fn put(&mut self, entry: Entry) -> Result<()> {
        self.report.add(entry);
        Ok(())
    }

    fn gives_reasons(&self) -> bool {
        false
    }

    fn finish(&mut self, summary: &Summary, checks: &[Check]) -> Result<()> {
        let mut out = Output::new();
        self.report.show(&mut out, summary, checks, self.demo)?;
        Ok(out.flush()?)
    }
}
