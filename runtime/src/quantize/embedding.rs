//! The embedding tables in integers. They stay in host memory: a lookup is no work for an array, and a table of 30 000
//! rows no guest for an edge board's DRAM bandwidth.

use systole_isa::numerics::{rshr, saturate};

use super::fixed::quantize_row;
use crate::checkpoint::{CheckpointError, Encoding, Matrix, Weights};

/// Fractional bits of a word row's multiplier.
const WORD_SHIFT: u32 = 8;

/// Tables whose sum is the program's input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Embedding {
    /// Columns of each table.
    pub hidden: usize,
    /// `[vocab, hidden]`.
    pub word: Vec<i8>,
    /// `[vocab]`: multiplier of a row, 8 fractional bits, to the sum's unit.
    pub word_scale: Vec<u16>,
    /// `[max_tokens, hidden]`, in the sum's unit.
    pub position: Vec<i16>,
    /// `[type_vocab, hidden]`, in the sum's unit.
    pub token_type: Vec<i16>,
}

impl Embedding {
    /// Quantizes the tables to sums of unit `scale`.
    pub fn quantize(weights: &Weights, scale: f64) -> Self {
        let hidden = weights.word.cols;
        let mut word = vec![0; weights.word.values.len()];
        let rows = word.chunks_exact_mut(hidden).enumerate();
        let fraction = f64::from(WORD_SHIFT).exp2();
        let word_scale = rows
            .map(|(r, out)| {
                let row_scale = quantize_row(weights.word.row(r).iter().map(|&v| f64::from(v)), out);
                (row_scale / scale * fraction).round().min(f64::from(u16::MAX)) as u16
            })
            .collect();
        let wide =
            |m: &Matrix| m.values.iter().map(|&v| saturate((f64::from(v) / scale).round() as i64, 16) as i16).collect();
        Self { hidden, word, word_scale, position: wide(&weights.position), token_type: wide(&weights.token_type) }
    }

    /// Checks that every id of an encoding is a row of its table.
    ///
    /// # Errors
    /// As [`Encoding::validate`].
    pub fn validate(&self, encoding: &Encoding) -> Result<(), CheckpointError> {
        encoding.check(self.word_scale.len(), self.token_type.len() / self.hidden, self.position.len() / self.hidden)
    }

    /// Writes the sum of each token's three rows, `[tokens, hidden]`, rows `pitch` elements apart.
    pub(crate) fn sums(&self, encoding: &Encoding, pitch: usize, out: &mut [i16]) {
        let row = |i: usize| i * self.hidden..(i + 1) * self.hidden;
        let tokens = encoding.ids.iter().zip(&encoding.type_ids).enumerate();
        for ((at, (&id, &kind)), out) in tokens.zip(out.chunks_mut(pitch)) {
            let scale = i64::from(self.word_scale[id as usize]);
            let word = &self.word[row(id as usize)];
            let rest = self.position[row(at)].iter().zip(&self.token_type[row(kind as usize)]);
            for ((out, &w), (&p, &t)) in out.iter_mut().zip(word).zip(rest) {
                let sum = rshr(i64::from(w) * scale, WORD_SHIFT) + i64::from(p) + i64::from(t);
                *out = saturate(sum, 16) as i16;
            }
        }
    }
}
