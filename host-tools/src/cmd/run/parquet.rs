//! Results as an Apache Parquet file: a row a text, refused ones included, in row groups of bounded size.
//!
//! The columns are written one by one, without Arrow: that leaves six small crates of the thirty that come with it.

use std::io::{self, Write};
use std::sync::Arc;

use anyhow::{Result, anyhow};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, FloatType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use serde::Serializer;

use super::check::Check;
use super::writer::{Answer, Entry, Writer};
use crate::input::Keys;
use crate::output::SCHEMA;
use crate::view::embeddings::Summary;

/// The columns, in the order in which [`Parquet::group`] writes them.
const COLUMNS: &str = "message results {
    optional binary text (STRING);
    optional int64 line;
    optional int32 tokens;
    optional group embedding (LIST) { repeated group list { required float element; } }
    optional double cosine_fp32;
    optional binary error (STRING);
    optional binary keys (JSON);
}";

/// Rows of a group.
const ROWS: usize = 4096;
/// Bytes of text from which on a group is complete.
const BYTES: usize = 32 << 20;

/// The file while it grows.
pub struct Parquet<W: Write + Send> {
    file: SerializedFileWriter<W>,
    rows: Vec<Entry>,
    bytes: usize,
}

impl<W: Write + Send> Parquet<W> {
    /// A file without rows.
    pub fn new(out: W) -> Result<Self> {
        let version = KeyValue::new("systole.schema".to_owned(), SCHEMA.to_string());
        // Neither do texts repeat themselves, nor is the range of a vector's elements of use.
        let properties = WriterProperties::builder()
            .set_created_by(format!("systole version {}", env!("CARGO_PKG_VERSION")))
            .set_key_value_metadata(Some(vec![version]))
            .set_dictionary_enabled(false)
            .set_statistics_enabled(EnabledStatistics::None)
            .build();
        let columns = Arc::new(parse_message_type(COLUMNS).map_err(failed)?);
        let file = SerializedFileWriter::new(out, columns, Arc::new(properties)).map_err(failed)?;
        Ok(Self { file, rows: Vec::new(), bytes: 0 })
    }

    fn group(&mut self) -> Result<(), ParquetError> {
        self.bytes = 0;
        let rows = std::mem::take(&mut self.rows);
        if rows.is_empty() {
            return Ok(());
        }
        let answer = |row: &Entry| row.outcome.as_ref().ok().map(|Answer { tokens, cosine, .. }| (*tokens, *cosine));
        let mut group = self.file.next_row_group()?;
        column::<ByteArrayType, W>(&mut group, rows.iter().map(|r| r.text.as_deref().map(ByteArray::from)))?;
        column::<Int64Type, W>(&mut group, rows.iter().map(|r| r.origin.line().map(|n| n as i64)))?;
        column::<Int32Type, W>(&mut group, rows.iter().map(|r| answer(r).map(|(tokens, _)| tokens as i32)))?;
        embeddings(&mut group, &rows)?;
        column::<DoubleType, W>(&mut group, rows.iter().map(|r| answer(r).and_then(|(_, cosine)| cosine)))?;
        column::<ByteArrayType, W>(
            &mut group,
            rows.iter().map(|r| r.outcome.as_ref().err().map(|e| e.as_str().into())),
        )?;
        column::<ByteArrayType, W>(&mut group, rows.iter().map(|r| object(&r.keys)))?;
        group.close().map(|_| ())
    }
}

impl<W: Write + Send> Writer for Parquet<W> {
    fn put(&mut self, entry: Entry) -> Result<()> {
        self.bytes += entry.text.as_ref().map_or(0, String::len);
        self.rows.push(entry);
        if self.rows.len() == ROWS || self.bytes >= BYTES {
            self.group().map_err(failed)?;
        }
        Ok(())
    }

    fn finish(&mut self, _: &Summary, _: &[Check]) -> Result<()> {
        self.group().map_err(failed)?;
        self.file.finish().map(|_| ()).map_err(failed)
    }
}

/// Writes the next column, of values that may be absent.
fn column<T: DataType, W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    values: impl Iterator<Item = Option<T::T>>,
) -> Result<(), ParquetError> {
    let (mut levels, mut present) = (Vec::new(), Vec::new());
    for value in values {
        levels.push(i16::from(value.is_some()));
        present.extend(value);
    }
    let mut column = next(group)?;
    column.typed::<T>().write_batch(&present, Some(&levels), None)?;
    column.close()
}

/// Writes the lists: definition 0 is a list that is absent, 1 one without elements, 2 an element; repetition 0 begins a row.
fn embeddings<W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    rows: &[Entry],
) -> Result<(), ParquetError> {
    let (mut values, mut definitions, mut repetitions) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        let embedding = row.outcome.as_ref().map_or(&[][..], |answer| &answer.embedding);
        values.extend_from_slice(embedding);
        definitions.extend(embedding.iter().map(|_| 2));
        repetitions.extend((0..embedding.len()).map(|index| i16::from(index > 0)));
        if embedding.is_empty() {
            definitions.push(i16::from(row.outcome.is_ok()));
            repetitions.push(0);
        }
    }
    let mut column = next(group)?;
    column.typed::<FloatType>().write_batch(&values, Some(&definitions), Some(&repetitions))?;
    column.close()
}

fn next<'a, W: Write + Send>(
    group: &'a mut SerializedRowGroupWriter<'_, W>,
) -> Result<SerializedColumnWriter<'a>, ParquetError> {
    group.next_column()?.ok_or_else(|| ParquetError::General("there is no such column".to_owned()))
}

/// The other keys of a JSON line, as the object that they were; absent if there were none.
fn object(keys: &Keys) -> Option<ByteArray> {
    let mut object = Vec::new();
    let written = serde_json::Serializer::new(&mut object).collect_map(keys.iter().map(|(key, value)| (key, value)));
    (!keys.is_empty() && written.is_ok()).then(|| object.into())
}

/// An I/O error stays one, so that it is told as one of the file.
fn failed(error: ParquetError) -> anyhow::Error {
    match error {
        ParquetError::External(cause) => match cause.downcast::<io::Error>() {
            Ok(error) => (*error).into(),
            Err(cause) => anyhow!("{cause}"),
        },
        error => error.into(),
    }
}
