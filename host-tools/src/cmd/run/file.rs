//! `-o`: results in a file, in the format that its name ends with.

use std::io::{Seek, Write};
use std::path::Path;

use anyhow::{Result, bail};
use systole_runtime::write_whole;

use super::npy::Npy;
use super::parquet::Parquet;
use super::writer::{JsonLines, Writer};
use crate::output::cannot_write;

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

/// Has `run` put results into a file, which appears when all of them are there; after an error the older file stays.
pub fn write<T>(path: &Path, run: impl FnOnce(&mut dyn Writer) -> Result<T>) -> Result<T> {
    let format = Format::of(path)?;
    let mut done = None;
    let written: Result<()> = write_whole(path, |out| {
        done = Some(run(&mut *format.writer(out)?)?);
        Ok(())
    });
    match (written.map_err(|error| error.downcast()), done) {
        (Ok(()), Some(done)) => Ok(done),
        (Ok(()), None) => bail!("{} was not written", path.display()),
        (Err(Ok(error)), _) => Err(cannot_write(path, error)),
        (Err(Err(error)), _) => Err(error),
    }
}
