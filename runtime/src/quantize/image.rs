//! The device's constant region under construction.

use systole_isa::numerics::Param;
use systole_isa::{DRAM_ALIGN, PARAM_BYTES};

use super::fixed::quantize_row;
use super::layout::{Records, Weight};

/// Bytes of the constant region.
pub struct Image(pub Vec<u8>);

impl Image {
    /// Writes records one behind the other.
    pub fn records(&mut self, place: Records, records: &[Param]) {
        self.strided(place, PARAM_BYTES, records);
    }

    /// Writes records each at the DRAM alignment.
    pub fn aligned_records(&mut self, place: Records, records: &[Param]) {
        self.strided(place, DRAM_ALIGN, records);
    }

    fn strided(&mut self, place: Records, pitch: u32, records: &[Param]) {
        assert_eq!(records.len(), place.count as usize, "a record for each column");
        for (i, record) in records.iter().enumerate() {
            let at = place.offset as usize + i * pitch as usize;
            self.0[at..at + PARAM_BYTES as usize].copy_from_slice(&record.to_bytes());
        }
    }

    /// Quantizes and writes a matrix given by its rows, `None` for a row of padding; returns what the requantization
    /// needs of each row.
    pub fn weight<R>(&mut self, place: Weight, row: impl Fn(usize) -> Option<R>) -> Vec<Channel>
    where
        R: Iterator<Item = f64> + Clone,
    {
        let mut quantized = vec![0i8; place.cols as usize];
        (0..place.rows as usize)
            .map(|r| {
                quantized.fill(0);
                let scale = row(r).map_or(0.0, |values| quantize_row(values, &mut quantized));
                let at = place.offset as usize + r * place.pitch as usize;
                self.0[at..at + quantized.len()].copy_from_slice(bytemuck::cast_slice(&quantized));
                Channel { scale, sum: quantized.iter().map(|&q| i64::from(q)).sum() }
            })
            .collect()
    }
}

/// An output channel of a quantized matrix.
#[derive(Clone, Copy, Debug)]
pub struct Channel {
    /// `weight = scale * integer`; 0 for a row of padding.
    pub scale: f64,
    /// Sum of the integers: what a zero point of the input costs.
    pub sum: i64,
}
