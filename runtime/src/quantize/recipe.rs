//! Post-training quantization of the encoder.
//!
//! Weights are INT8 with a scale per output channel. SmoothQuant (arXiv 2211.10438) moves the spread of activation
//! columns into the weights: column j of an input is divided by `max|x_j|^alpha / max|w_j|^(1 - alpha)`. No division is
//! left at run time, since every input is made by a pass that multiplies each column anyway. The residual stream keeps
//! 16 bits. `docs/numerics.md` gives the integer form of each step.

use systole_isa::numerics::Param;

use super::calibrate::{Calibration, Ranges};
use super::fixed::record;
use super::image::{Channel, Image};
use super::layout::{LayerLayout, Layout, Scales, Shape};
use super::{NormEps, QuantizeError};
use crate::checkpoint::{LayerNorm, LayerWeights, Linear, Matrix, ModelConfig, Weights};
use crate::compile::{LEVELS, NORM_FRAC, QKV_SHIFT, SOFTMAX_FRAC};
use crate::reference::Site;

/// Migration strength at the input of Q, K and V.
const ALPHA_QKV: f64 = 0.8;
/// At the input of the output projection.
const ALPHA_OUTPUT: f64 = 0.5;
/// At the input of the feed-forward block.
const ALPHA_UP: f64 = 0.8;
/// At the activation.
const ALPHA_DOWN: f64 = 0.9;
/// The 16-bit residual covers this multiple of the calibrated range.
const RESIDUAL_HEADROOM: f64 = 2.0;
/// Calibrated maximum of a dynamic input in its 18-bit form: 8 times headroom.
const DYNAMIC_INPUT: f64 = 16384.0;
/// Calibrated maximum of a dynamic activation in its 16-bit form: 4 times headroom.
const DYNAMIC_ACTIVATION: f64 = 8192.0;
/// One in the function unit's Q12.
const Q12: f64 = 4096.0;

type Result<T> = std::result::Result<T, QuantizeError>;

/// What quantization yields besides the image.
pub struct Recipe {
    /// The constant region.
    pub image: Image,
    /// Epsilon of each LayerNorm, in its integer unit.
    pub norm_eps: NormEps,
    /// Unit of the embedding sums, the program's input.
    pub input_scale: f64,
    /// Unit of the last hidden states, the program's output.
    pub output_scale: f64,
}

/// The unit of a 16-bit residual, given the range of its values and of the sums formed in that unit under LayerNorm,
/// which have 18 bits.
fn residual_scale(values: &Ranges, sums: Option<&Ranges>) -> f64 {
    let sums = sums.map_or(0.0, Ranges::magnitude) / 131_071.0;
    (RESIDUAL_HEADROOM * (values.magnitude() / 32_767.0).max(sums)).max(1e-9)
}

/// Epsilon times the squared column count, in squared units of the LayerNorm's input.
fn integer_eps(eps: f32, hidden: usize, scale: f64) -> u32 {
    (f64::from(eps) * (hidden as f64 / scale).powi(2)).round() as u32
}

/// Divisors of the columns of an input with these magnitudes, in front of these matrices.
fn migration(alpha: f64, magnitudes: &[f64], matrices: &[&Matrix]) -> Vec<f64> {
    let smooth = |j: usize| {
        let weight = matrices.iter().flat_map(|m| (0..m.rows).map(move |r| m.row(r)[j].abs())).fold(0f32, f32::max);
        magnitudes[j].max(1e-5).powf(alpha) / f64::from(weight.max(1e-5)).powf(1.0 - alpha)
    };
    (0..magnitudes.len()).map(smooth).collect()
}

fn divided(magnitudes: &[f64], by: &[f64]) -> f64 {
    magnitudes.iter().zip(by).map(|(m, s)| m / s).fold(0.0, f64::max).max(1e-9)
}

/// A row of a matrix with its columns multiplied.
fn scaled_row<'a>(matrix: &'a Matrix, row: usize, by: &'a [f64]) -> impl Iterator<Item = f64> + Clone + 'a {
    matrix.row(row).iter().zip(by).map(|(&w, s)| f64::from(w) * s)
}

/// Quantizes all layers into the image that `layout` describes.
pub fn quantize(
    config: &ModelConfig,
    weights: &Weights,
    shape: &Shape,
    layout: &Layout,
    ranges: &Calibration,
) -> Result<Recipe> {
    let mut image = Image(vec![0; layout.bytes as usize]);
    let input_scale = residual_scale(ranges.get(0, Site::EmbeddingSum), None);
    let sums = |l: usize| (l < config.layers).then(|| ranges.get(l, Site::AttentionResidual));
    let mut scale = residual_scale(ranges.get(0, Site::EmbeddingOut), sums(0));
    image.records(layout.embedding_norm, &norm_records(&weights.embedding_norm, scale)?);
    let embedding = integer_eps(config.layer_norm_eps, config.hidden, input_scale);
    let mut norm_eps = NormEps { embedding, layers: Vec::new() };
    for (index, (weights, layout)) in weights.layers.iter().zip(&layout.layers).enumerate() {
        let middle = residual_scale(ranges.get(index, Site::AttentionOut), Some(ranges.get(index, Site::FfnResidual)));
        let out = residual_scale(ranges.get(index, Site::LayerOut), sums(index + 1));
        let input = if index == 0 { ranges.get(0, Site::EmbeddingOut) } else { ranges.get(index - 1, Site::LayerOut) };
        let mut layer = Layer { shape, layout, weights, image: &mut image, ranges, index };
        layer.attention(input, scale)?;
        image.records(layout.attention_norm, &norm_records(&weights.attention_norm, middle)?);
        let mut layer = Layer { shape, layout, weights, image: &mut image, ranges, index };
        layer.feed_forward(middle)?;
        image.records(layout.ffn_norm, &norm_records(&weights.ffn_norm, out)?);
        norm_eps.layers.push([scale, middle].map(|unit| integer_eps(config.layer_norm_eps, config.hidden, unit)));
        scale = out;
    }
    Ok(Recipe { image, norm_eps, input_scale, output_scale: scale })
}

/// Gamma and beta, from normalised values to the unit `scale`.
fn norm_records(norm: &LayerNorm, scale: f64) -> Result<Vec<Param>> {
    let unit = scale * f64::from(NORM_FRAC).exp2();
    let pairs = norm.gamma.iter().zip(&norm.beta);
    pairs.map(|(&g, &b)| record("LayerNorm", f64::from(g) / unit, f64::from(b) / scale)).collect()
}

struct Layer<'a> {
    shape: &'a Shape,
    layout: &'a LayerLayout,
    weights: &'a LayerWeights,
    image: &'a mut Image,
    ranges: &'a Calibration,
    index: usize,
}

impl Layer<'_> {
    /// Writes the records that make an input of products from the residual; returns the value of one unit of the
    /// accumulator per unit of weight, as the requantization sees it.
    fn input(&mut self, place: super::Records, magnitudes: &[f64], smooth: &[f64], residual: f64) -> Result<f64> {
        let largest = divided(magnitudes, smooth);
        let (unit, seen) = match self.shape.scales {
            Scales::Static => (largest / 127.0, largest / 127.0),
            Scales::Dynamic => {
                let unit = largest / DYNAMIC_INPUT;
                (unit, unit / f64::from(LEVELS) * f64::from(Shape::row_shift(self.shape.hidden)).exp2())
            }
        };
        let records: Result<Vec<_>> = smooth.iter().map(|s| record("input", residual / (s * unit), 0.0)).collect();
        self.image.records(place, &records?);
        Ok(seen)
    }

    fn attention(&mut self, input: &Ranges, residual: f64) -> Result<()> {
        let (w, at) = (self.weights, self.layout);
        let matrices = [&w.query, &w.key, &w.value];
        let smooth = migration(ALPHA_QKV, &input.magnitudes(), &matrices.map(|m| &m.weight));
        let unit = self.input(at.qkv_in, &input.magnitudes(), &smooth, residual)?;

        let (pitch, all) = (self.shape.head_pitch() as usize, self.shape.heads_pitch() as usize);
        let dim = (self.shape.hidden / self.shape.heads) as usize;
        // Channel of the checkpoint behind a padded channel, if any.
        let channel = |padded: usize| (padded % pitch < dim).then(|| padded / pitch * dim + padded % pitch);
        let source = |row: usize| channel(row % all).map(|c| (matrices[row / all], c));
        let channels = self.image.weight(at.qkv_weight, |r| source(r).map(|(m, c)| scaled_row(&m.weight, c, &smooth)));

        let [query, key, value] =
            [Site::Query, Site::Key, Site::Value].map(|s| self.ranges.get(self.index, s).magnitudes());
        let head_scale = |m: &[f64], c: usize| {
            let head = c / dim * dim;
            m[head..head + dim].iter().fold(1e-9f64, |a, &b| a.max(b)) / 127.0
        };
        let out_scale = |row: usize, c: usize| match row / all {
            0 => head_scale(&query, c),
            1 => head_scale(&key, c),
            _ => value[c].max(1e-9) / 127.0,
        };
        let extra = f64::from(QKV_SHIFT).exp2();
        let records: Result<Vec<_>> = channels
            .iter()
            .enumerate()
            .map(|(row, channel)| match source(row) {
                None => Ok(Param::default()),
                Some((linear, c)) => {
                    let out = out_scale(row, c) / extra;
                    record("Q, K, V", unit * channel.scale / out, f64::from(linear.bias[c]) / out)
                }
            })
            .collect();
        self.image.records(at.qkv, &records?);

        let to_octaves = std::f64::consts::LOG2_E * Q12 / (dim as f64).sqrt();
        let exponents: Result<Vec<_>> = (0..self.shape.heads as usize)
            .map(|h| record("exponent", head_scale(&query, h * dim) * head_scale(&key, h * dim) * to_octaves, 0.0))
            .collect();
        self.image.aligned_records(at.exponent, &exponents?);

        let context = self.ranges.get(self.index, Site::Context).magnitudes();
        let smooth = migration(ALPHA_OUTPUT, &context, &[&w.attention_output.weight]);
        let unit = divided(&context, &smooth) / 127.0;
        let fraction = f64::from(SOFTMAX_FRAC).exp2();
        let records: Result<Vec<_>> = (0..all)
            .map(|padded| match channel(padded) {
                None => Ok(Param::default()),
                Some(c) => record("context", out_scale(2 * all, c) / (smooth[c] * unit * fraction), 0.0),
            })
            .collect();
        self.image.records(at.context, &records?);
        // Columns of the checkpoint spread to the padded heads, with a zero for each column of padding.
        let matrix = &w.attention_output.weight;
        let channels = self.image.weight(at.output_weight, |r| {
            Some((0..all).map(move |padded| channel(padded)).map({
                let (row, smooth) = (matrix.row(r), &smooth);
                move |c| c.map_or(0.0, |c| f64::from(row[c]) * smooth[c])
            }))
        });
        self.sum_records(at.output, "attention output", &channels, &w.attention_output, unit, 0.0, residual)
    }

    fn feed_forward(&mut self, residual: f64) -> Result<()> {
        let (w, at) = (self.weights, self.layout);
        let input = self.ranges.get(self.index, Site::AttentionOut).magnitudes();
        let smooth = migration(ALPHA_UP, &input, &[&w.ffn_in.weight]);
        let unit = self.input(at.ffn_in, &input, &smooth, residual)?;
        let channels = self.image.weight(at.up_weight, |r| Some(scaled_row(&w.ffn_in.weight, r, &smooth)));
        let records: Result<Vec<_>> = channels
            .iter()
            .zip(&w.ffn_in.bias)
            .map(|(c, &b)| record("first feed-forward matrix", unit * c.scale * Q12, f64::from(b) * Q12))
            .collect();
        self.image.records(at.up, &records?);

        let ranges = self.ranges.get(self.index, Site::FfnAct);
        let magnitudes = ranges.magnitudes();
        let smooth = migration(ALPHA_DOWN, &magnitudes, &[&w.ffn_out.weight]);
        let (unit, zero, seen) = match self.shape.scales {
            Scales::Static => {
                // 255 steps from the most negative to the largest value: GELU is nearly one-sided.
                let low = ranges.min.iter().zip(&smooth).map(|(&v, s)| f64::from(v) / s).fold(0.0, f64::min);
                let high = ranges.max.iter().zip(&smooth).map(|(&v, s)| f64::from(v) / s).fold(1e-9, f64::max);
                let unit = (high - low) / 255.0;
                (unit, (-128.0 - low / unit).round(), unit)
            }
            Scales::Dynamic => {
                let unit = divided(&magnitudes, &smooth) / DYNAMIC_ACTIVATION;
                let shift = Shape::row_shift(self.shape.intermediate);
                (unit, 0.0, unit / f64::from(LEVELS) * f64::from(shift).exp2())
            }
        };
        let records: Result<Vec<_>> =
            smooth.iter().map(|s| record("activation", 1.0 / (Q12 * s * unit), zero)).collect();
        self.image.records(at.activation, &records?);
        let channels = self.image.weight(at.down_weight, |r| Some(scaled_row(&w.ffn_out.weight, r, &smooth)));
        self.sum_records(at.down, "second feed-forward matrix", &channels, &w.ffn_out, seen, zero, residual)
    }

    /// Requantization to the residual's unit, with bias and the cost of the input's zero point.
    #[expect(clippy::too_many_arguments, reason = "one argument for each factor of the formula")]
    fn sum_records(
        &mut self,
        place: super::Records,
        what: &'static str,
        channels: &[Channel],
        linear: &Linear,
        unit: f64,
        zero: f64,
        residual: f64,
    ) -> Result<()> {
        let records: Result<Vec<_>> = channels
            .iter()
            .zip(&linear.bias)
            .map(|(c, &bias)| {
                let scale = unit * c.scale / residual;
                let p = record(what, scale, 0.0)?;
                // With the rounded multiplier, so that the offset cancels exactly.
                let offset = zero * c.sum as f64 * f64::from(p.mult) * (-f64::from(p.shift)).exp2();
                record(what, scale, f64::from(bias) / residual - offset)
            })
            .collect();
        self.image.records(place, &records?);
        Ok(())
    }
}
