//! Reading texts: from `--text`, from a file or standard input, as plain lines or JSON Lines.

use std::io::Read;
use std::path::Path;

use anyhow::{anyhow, bail};
use serde::Deserialize;

/// A text and where it came from, for messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// The text.
    pub text: String,
    /// `--text 2`, or `texts.jsonl, line 7`.
    pub origin: String,
}

#[derive(Deserialize)]
struct JsonLine {
    text: String,
}

/// Reads a file, or standard input for `-`.
///
/// If the first line that is not blank begins with `{`, every such line is a JSON object with a string `text`; else every
/// such line is a text. A byte order mark and carriage returns are left out.
pub fn read(source: &str) -> anyhow::Result<Vec<Text>> {
    let (name, bytes) = if source == "-" {
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes).map_err(|e| anyhow!("cannot read standard input: {e}"))?;
        ("standard input".to_owned(), bytes)
    } else {
        (source.to_owned(), slurp(Path::new(source))?)
    };
    parse(&name, &bytes)
}

/// Reads a whole file.
pub fn slurp(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path)
        .map_err(|e| anyhow!("cannot read {}: {e}; check that the path is right and readable", path.display()))
}

fn parse(name: &str, bytes: &[u8]) -> anyhow::Result<Vec<Text>> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut texts = Vec::new();
    let mut json = None;
    for (index, line) in bytes.split(|&b| b == b'\n').enumerate() {
        let number = index + 1;
        let line = std::str::from_utf8(line.strip_suffix(b"\r").unwrap_or(line)).map_err(|e| {
            anyhow!(
                "{name}, line {number}: byte {} is not UTF-8; convert the file, say with iconv",
                e.valid_up_to() + 1
            )
        })?;
        if line.trim().is_empty() {
            continue;
        }
        let text = if *json.get_or_insert_with(|| line.trim_start().starts_with('{')) {
            let parsed: Result<JsonLine, _> = serde_json::from_str(line);
            parsed.map_err(|e| not_json(name, number, &e))?.text
        } else {
            line.to_owned()
        };
        texts.push(Text { text, origin: format!("{name}, line {number}") });
    }
    if texts.is_empty() {
        bail!("{name} has no text; write one a line, plain or as {{\"text\": \"...\"}}");
    }
    Ok(texts)
}

fn not_json(name: &str, line: usize, error: &serde_json::Error) -> anyhow::Error {
    // serde_json counts lines from the start of what it was given, which is always this one line.
    let reason = error.to_string();
    let reason = reason.split(" at line ").next().unwrap_or_default();
    let column = error.column();
    anyhow!("{name}, line {line}, column {column}: {reason}; each line must be an object such as {{\"text\": \"...\"}}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(bytes: &[u8]) -> Result<Vec<String>, String> {
        let texts = parse("in", bytes).map_err(|e| e.to_string())?;
        Ok(texts.into_iter().map(|t| t.text).collect())
    }

    #[test]
    fn plain_lines() {
        assert_eq!(texts(b"\xef\xbb\xbfone\r\n\n  two \nthree").unwrap(), ["one", "  two ", "three"]);
        assert_eq!(texts(b"one\n{\"text\": \"two\"}\n").unwrap(), ["one", "{\"text\": \"two\"}"]);
    }

    #[test]
    fn json_lines() {
        let two = b"\n{\"text\": \"one\", \"id\": 7}\n  {\"id\": 8, \"text\": \"t\\nwo\"}\n";
        assert_eq!(texts(two).unwrap(), ["one", "t\nwo"]);
        assert_eq!(parse("in", two).unwrap()[1].origin, "in, line 3");
    }

    #[test]
    fn what_is_wrong_is_said_with_the_line() {
        let example = "each line must be an object such as {\"text\": \"...\"}";
        for (bytes, expected) in [
            (&b"{\"text\": \"one\"}\n{\"text\": \n"[..], "line 2, column 9: EOF while parsing a value"),
            (b"{\"text\": \"one\"}\ntwo\n", "line 2, column 2: expected ident"),
            (b"{\"txt\": \"one\"}", "line 1, column 14: missing field `text`"),
            (b"{\"text\": 3}", "line 1, column 10: invalid type: integer `3`, expected a string"),
        ] {
            assert_eq!(texts(bytes).unwrap_err(), format!("in, {expected}; {example}"));
        }
        assert_eq!(
            texts(b"one\nt\xffo\n").unwrap_err(),
            "in, line 2: byte 2 is not UTF-8; convert the file, say with iconv"
        );
        assert_eq!(texts(b" \n\n").unwrap_err(), "in has no text; write one a line, plain or as {\"text\": \"...\"}");
    }
}
