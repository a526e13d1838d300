//! `-o`: results in a file, in the format that its name ends with.

use std::io::{Seek, Write};
use std::path::Path;

use anyhow::{Result, bail};
use systole_runtime::{Extent, write_whole_or_part};

use super::npy::Npy;
use super::parquet::Parquet;
use super::writer::{JsonLines, Writer};
use crate::interrupted;
use crate::output::{cannot_write, note};

/// What a file of results can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// NumPy's array: the vectors alone.
    Npy,
    /// Apache Parquet: texts, vectors and what came with them.
    Parquet,
    /// As `--json` on standard output.
    JsonLines,
}

impl Format {
    /// By the end of the name.
    pub fn of(path: &Path) -> Result<Self> {
        let extension = path.extension().map(|e| e.to_string_lossy().to_lowercase());
        match extension.as_deref() {
            Some("npy") => Ok(Self::Npy),
            Some("parquet") => Ok(Self::Parquet),
            Some("jsonl" | "ndjson") => Ok(Self::JsonLines),
            _ => bail!("{}: no format is known by this name; let it end in .npy, .parquet or .jsonl", path.display()),
        }
    }

    fn writer<'a>(self, out: impl Write + Seek + Send + 'a) -> Result<Box<dyn Writer + 'a>> {
        Ok(match self {
            Self::Npy => Box::new(Npy::new(out)?),
            Self::Parquet => Box::new(Parquet::new(out)?),
            Self::JsonLines => Box::new(JsonLines::new(out)),
        })
    }
}

/// Has `run` put results into a file, which appears when all of them are there; after an error the older file stays. Results
/// of a run that is interrupted go into a file beside it.
pub fn write<T>(path: &Path, run: impl FnOnce(&mut dyn Writer) -> Result<T>) -> Result<T> {
    let format = Format::of(path)?;
    let mut done = None;
    let written: Result<_> = write_whole_or_part(path, |out| {
        let result = run(&mut *format.writer(out)?);
        let extent = match &result {
            Ok(_) => Extent::Whole,
            // The pipeline has finished what it had.
            Err(_) if interrupted::check().is_err() => Extent::Part,
            Err(_) => return result.map(|_| Extent::Part),
        };
        done = Some((result, extent));
        Ok(extent)
    });
    match (written.map_err(|error| error.downcast()), done) {
        (Ok(_), Some((result, Extent::Whole))) => result,
        (Ok(part), Some((result, Extent::Part))) => {
            note(&format!("{} has the results that were there", part.display()));
            result
        }
        (Ok(_), None) => bail!("{} was not written", path.display()),
        (Err(Ok(error)), _) => Err(cannot_write(path, error)),
        (Err(Err(error)), _) => Err(error),
    }
}
