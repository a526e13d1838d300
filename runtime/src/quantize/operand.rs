//! How the INT8 input of a matrix product stands for real numbers: `x_j = smooth_j * unit * (q_j - zero_j)`.
//!
//! The division by `smooth` is SmoothQuant's migration (arXiv 2211.10438): it moves the spread of activation columns into
//! the weights, which are multiplied by it. `zero` centres each column's range. Neither costs anything at run time: every
//! input is made by a pass that multiplies and offsets each column anyway, and what a zero contributes to a product is a
//! constant of the output channel.

use systole_isa::numerics::Param;

use super::QuantizeError;
use super::calibrate::Ranges;
use super::fixed::record;
use super::image::Channel;
use super::layout::{Scales, Shape};
use crate::checkpoint::Matrix;
use crate::compile::LEVELS;

/// Calibrated maximum of a dynamic input before its row's scale is known: 4 times headroom in 16 bits.
const DYNAMIC_RANGE: f64 = 8192.0;

/// An input of matrix products.
pub struct Operand {
    /// By column; the weights' columns are multiplied by it.
    pub smooth: Vec<f64>,
    /// By column, in units.
    pub zero: Vec<f64>,
    /// Calibrated mean by column, after migration.
    pub mean: Vec<f64>,
    /// Value of one unit: of the INT8 operand (static), or of what the row's scale turns into INT8 (dynamic).
    pub unit: f64,
    /// What one unit of the accumulator stands for when the channel stage sees it, per unit of weight.
    pub seen: f64,
}

/// Columns that carry next to nothing get no more than this share of the largest one's resolution.
const FLOOR: f64 = 1e-3;

impl Operand {
    /// Chooses migration of strength `alpha` in front of `matrices` (`[out, in]`, the same inputs), and zeros at the
    /// middle of each column's range if `centred`.
    pub fn new(ranges: &Ranges, matrices: &[&Matrix], alpha: f64, centred: bool, scales: Scales) -> Self {
        let middle = |j: usize| if centred { f64::from(ranges.min[j] + ranges.max[j]) / 2.0 } else { 0.0 };
        let columns = ranges.min.len();
        let mut reach: Vec<f64> = (0..columns)
            .map(|j| (f64::from(ranges.max[j]) - middle(j)).max(middle(j) - f64::from(ranges.min[j])))
            .collect();
        raise(&mut reach);
        let mut smooth: Vec<f64> = (0..columns)
            .map(|j| {
                let weights = matrices.iter().flat_map(|m| (0..m.rows).map(move |r| m.row(r)[j].abs()));
                reach[j].powf(alpha) / f64::from(weights.fold(1e-5f32, f32::max)).powf(1.0 - alpha)
            })
            .collect();
        raise(&mut smooth);
        let largest = reach.iter().zip(&smooth).map(|(r, s)| r / s).fold(0.0, f64::max);
        let inner = columns as u32;
        let (unit, factor) = match scales {
            Scales::Static => (largest / f64::from(LEVELS), 1.0),
            Scales::Dynamic => (largest / DYNAMIC_RANGE, f64::from(Shape::row_shift(inner)).exp2() / f64::from(LEVELS)),
        };
        let zero = (0..columns).map(|j| (-middle(j) / (smooth[j] * unit)).round()).collect();
        let mean = ranges.means().iter().zip(&smooth).map(|(m, s)| m / s).collect();
        Self { smooth, zero, mean, unit, seen: unit * factor }
    }

    /// The records of the pass that makes this operand from integers of value `from`.
    pub fn records(&self, what: &'static str, from: f64) -> Result<Vec<Param>, QuantizeError> {
        self.smooth.iter().zip(&self.zero).map(|(s, &zero)| record(what, from / (s * self.unit), zero)).collect()
    }

    /// A row of weights with its columns multiplied.
    pub fn row<'a>(&'a self, weights: &'a [f32]) -> impl Iterator<Item = f64> + Clone + 'a {
        weights.iter().zip(&self.smooth).map(|(&w, s)| f64::from(w) * s)
    }

    /// The record that requantizes an output channel to integers of value `to`: scale, bias, the zeros' share, and the
    /// mean error of the rounded weights.
    pub fn requantize(
        &self,
        what: &'static str,
        channel: &Channel,
        bias: f32,
        to: f64,
    ) -> Result<Param, QuantizeError> {
        let constant = f64::from(bias) - self.unit * channel.scale * channel.zeros + channel.rounding;
        record(what, self.seen * channel.scale / to, constant / to)
    }
}

/// Raises what is below a thousandth of the largest value to that.
fn raise(values: &mut [f64]) {
    let floor = (values.iter().fold(0.0, |a: f64, &b| a.max(b)) * FLOOR).max(1e-9);
    values.iter_mut().for_each(|v| *v = v.max(floor));
}
