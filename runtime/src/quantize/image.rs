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

    /// Quantizes and writes a matrix given by its rows, `None` for a row of padding. `zero` and `mean` are the operand's,
    /// by column; returns what the requantization needs of each row.
    pub fn weight<R>(
        &mut self,
        place: Weight,
        zero: &[f64],
        mean: &[f64],
        row: impl Fn(usize) -> Option<R>,
    ) -> Vec<Channel>
    where
        R: Iterator<Item = f64> + Clone,
    {
        let mut quantized = vec![0i8; place.cols as usize];
        (0..place.rows as usize)
            .map(|r| {
                let Some(values) = row(r) else { return Channel::default() };
                let scale = quantize_row(values.clone(), &mut quantized);
                let at = place.offset as usize + r * place.pitch as usize;
                self.0[at..at + quantized.len()].copy_from_slice(bytemuck::cast_slice(&quantized));
                let integers = || quantized.iter().map(|&q| f64::from(q));
                let zeros = integers().zip(zero).map(|(q, z)| q * z).sum();
                let pairs = || values.clone().zip(integers());
                let rounding = pairs().zip(mean).map(|((w, q), m)| (w - scale * q) * m).sum();
                let squares = pairs().fold([0.0; 2], |[errors, all], (w, q)| {
                    let (w, error) = (w / scale, w / scale - q);
                    [errors + error * error, all + w * w]
                });
                Channel { scale, zeros, rounding, squares }
            })
            .collect()
    }
}

/// An output channel of a quantized matrix.
#[derive(Clone, Copy, Debug, Default)]
pub struct Channel {
    /// `weight = scale * integer`; 0 for a row of padding.
    pub scale: f64,
    /// Sum of the integers times the operand's zeros.
    pub zeros: f64,
    /// What rounding the weights takes from the channel's calibrated mean.
    pub rounding: f64,
    /// Squares of the rounding errors, and of the weights, both in integers.
    pub squares: [f64; 2],
}
