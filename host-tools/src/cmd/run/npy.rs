//! Vectors as a NumPy array of 32-bit floats, one row a text.
//!
//! The crates for this format want the number of rows before the first of them, or all at once, and read headers with a
//! parser of Python; here the number comes last, into a header that is 128 bytes long whatever it says
//! (`numpy.lib.format`, version 1.0).

use std::io::{Seek, SeekFrom, Write};

use anyhow::Result;

use super::check::Check;
use super::writer::{Entry, Writer};
use crate::view::embeddings::Summary;

/// Bytes of the header; a multiple of 64, as the format asks for.
const HEADER: usize = 128;

/// The file while it grows. A text that was refused is a row of NaN.
pub struct Npy<W> {
    out: W,
    rows: u64,
    width: usize,
    /// Rows that wait for the first vector to say how wide they are.
    waiting: u64,
}

impl<W: Write + Seek> Npy<W> {
    /// An array without rows.
    pub fn new(mut out: W) -> Result<Self> {
        out.write_all(&[0; HEADER])?;
        Ok(Self { out, rows: 0, width: 0, waiting: 0 })
    }

    fn row(&mut self, vector: &[f32]) -> std::io::Result<()> {
        vector.iter().try_for_each(|value| self.out.write_all(&value.to_le_bytes()))
    }

    fn refused_row(&mut self) -> std::io::Result<()> {
        self.row(&vec![f32::NAN; self.width])
    }
}

impl<W: Write + Seek> Writer for Npy<W> {
    fn put(&mut self, entry: Entry) -> Result<()> {
        self.rows += 1;
        match entry.outcome {
            Ok(answer) => {
                self.width = answer.embedding.len();
                for _ in 0..std::mem::take(&mut self.waiting) {
                    self.refused_row()?;
                }
                self.row(&answer.embedding)?;
            }
            Err(_) if self.width == 0 => self.waiting += 1,
            Err(_) => self.refused_row()?,
        }
        Ok(())
    }

    fn gives_reasons(&self) -> bool {
        false
    }

    fn finish(&mut self, _: &Summary, _: &[Check]) -> Result<()> {
        self.out.seek(SeekFrom::Start(0))?;
        self.out.write_all(&header(self.rows, self.width))?;
        Ok(self.out.flush()?)
    }
}

fn header(rows: u64, width: usize) -> Vec<u8> {
    let shape = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {width}), }}");
    let mut header = b"\x93NUMPY\x01\x00".to_vec();
    header.extend(((HEADER - 10) as u16).to_le_bytes());
    header.extend(shape.bytes());
    // The longest shape there is has 40 digits, and leaves room for the line's end.
    header.resize(HEADER - 1, b' ');
    header.push(b'\n');
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_numpys() {
        for (rows, width) in [(0, 0), (3, 128), (u64::MAX, usize::MAX)] {
            let header = header(rows, width);
            assert_eq!(header.len(), HEADER, "{rows}");
            assert_eq!(&header[..10], b"\x93NUMPY\x01\x00\x76\x00");
            let text = std::str::from_utf8(&header[10..]).unwrap();
            let expected = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {width}), }}");
            assert_eq!(text.trim_end_matches(['\n', ' ']), expected);
            assert!(text.ends_with('\n'));
        }
    }
}
