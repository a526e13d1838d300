//! Post-training quantization of the encoder.
//!
//! Weights are INT8 with a scale per output channel; how inputs are scaled, and what becomes of their zeros, is
//! [`Operand`]'s. The residual stream keeps 16 bits. `docs/numerics.md` gives the integer form of each step,
//! `docs/accuracy.md` what each choice is worth.

use systole_isa::numerics::Param;

use super::calibrate::{Calibration, Ranges};
use super::edges::{Diagnostics, Edge, weight_error};
use super::fixed::record;
use super::image::{Channel, Image};
use super::layout::{LayerLayout, Layout, Records, Scales, Shape};
use super::operand::Operand;
use super::{NormEps, QuantizeError};
use crate::checkpoint::{LayerNorm, LayerWeights, Linear, ModelConfig, Weights};
use crate::compile::{NORM_FRAC, QKV_SHIFT, SOFTMAX_FRAC};
use crate::reference::Site;

/// Migration strength at the inputs that come from the residual, and at the context. Flat from 0.7 to 0.9.
const ALPHA_INPUT: f64 = 0.8;
/// At the activation, with static scales.
const ALPHA_ACTIVATION_STATIC: f64 = 0.85;
/// At the activation, with a scale per row.
const ALPHA_ACTIVATION_DYNAMIC: f64 = 0.6;
/// The 16-bit residual covers this multiple of the calibrated range.
const RESIDUAL_HEADROOM: f64 = 2.0;
/// Largest INT8 magnitude of Q, K and V.
const LEVELS: f64 = 127.0;
/// Largest residual.
const INT16: f64 = 32_767.0;
/// Largest sum under LayerNorm.
const INT18: f64 = 131_071.0;
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
    /// What was quantized where; the last of its layer scales is the unit of the program's output.
    pub diagnostics: Diagnostics,
}

/// The unit of a 16-bit residual, given the range of its values and of the sums formed in that unit under LayerNorm,
/// which have 18 bits.
fn residual_scale(values: &Ranges, sums: Option<&Ranges>) -> f64 {
    let sums = sums.map_or(0.0, Ranges::magnitude) / INT18;
    (RESIDUAL_HEADROOM * (values.magnitude() / INT16).max(sums)).max(1e-9)
}

/// Epsilon times the squared column count, in squared units of the LayerNorm's input.
fn integer_eps(eps: f32, hidden: usize, scale: f64) -> u32 {
    (f64::from(eps) * (hidden as f64 / scale).powi(2)).round() as u32
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
    let mut diagnostics = Diagnostics::default();
    let residual = |layer, name, seen, scale, limit| Edge::new(layer, name, seen, vec![scale; config.hidden], limit);
    diagnostics.edges.push(residual(None, "embedding sum", (0, Site::EmbeddingSum), input_scale, INT16));
    diagnostics.edges.push(residual(None, "embedding output", (0, Site::EmbeddingOut), scale, INT16));
    for (index, (weights, layout)) in weights.layers.iter().zip(&layout.layers).enumerate() {
        let middle = residual_scale(ranges.get(index, Site::AttentionOut), Some(ranges.get(index, Site::FfnResidual)));
        let out = residual_scale(ranges.get(index, Site::LayerOut), sums(index + 1));
        let input = if index == 0 { (0, Site::EmbeddingOut) } else { (index - 1, Site::LayerOut) };
        for (name, site, unit, limit) in [
            ("sum after attention", Site::AttentionResidual, scale, INT18),
            ("attention output", Site::AttentionOut, middle, INT16),
            ("sum after the feed-forward block", Site::FfnResidual, middle, INT18),
            ("layer output", Site::LayerOut, out, INT16),
        ] {
            diagnostics.edges.push(residual(Some(index), name, (index, site), unit, limit));
        }
        let diagnostics = &mut diagnostics;
        let mut layer = Layer { shape, layout, weights, image: &mut image, ranges, index, diagnostics };
        layer.attention(input, scale)?;
        image.records(layout.attention_norm, &norm_records(&weights.attention_norm, middle)?);
        let mut layer = Layer { shape, layout, weights, image: &mut image, ranges, index, diagnostics };
        layer.feed_forward(middle)?;
        image.records(layout.ffn_norm, &norm_records(&weights.ffn_norm, out)?);
        norm_eps.layers.push([scale, middle].map(|unit| integer_eps(config.layer_norm_eps, config.hidden, unit)));
        diagnostics.layer_scales.push(out);
        scale = out;
    }
    Ok(Recipe { image, norm_eps, input_scale, diagnostics })
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
    diagnostics: &'a mut Diagnostics,
}

impl Layer<'_> {
    fn operand(&mut self, name: &'static str, seen: (usize, Site), operand: &Operand, scales: Scales) {
        let by_row = scales == Scales::Dynamic;
        self.diagnostics.edges.push(Edge::operand(self.index, name, seen, operand, by_row));
    }

    fn weights(&mut self, name: &'static str, channels: &[Channel]) {
        self.diagnostics.weights.push(weight_error(self.index, name, channels));
    }

    fn ranges(&self, site: Site) -> &Ranges {
        self.ranges.get(self.index, site)
    }

    fn attention(&mut self, input: (usize, Site), residual: f64) -> Result<()> {
        let (w, at, shape) = (self.weights, self.layout, self.shape);
        let heads = Heads::new(shape);
        let linears = [&w.query, &w.key, &w.value];
        let range = self.ranges.get(input.0, input.1);
        let operand = Operand::new(range, &linears.map(|l| &l.weight), ALPHA_INPUT, true, shape.scales);
        self.operand("input of Q, K and V", input, &operand, shape.scales);
        self.image.records(at.qkv_in, &operand.records("input of Q, K and V", residual)?);
        let source = |row: usize| heads.channel(row % heads.all).map(|c| (row / heads.all, c));
        let channels = self.image.weight(at.qkv_weight, &operand.zero, &operand.mean, |r| {
            source(r).map(|(which, c)| operand.row(linears[which].weight.row(c)))
        });

        let [query, key, value] = [Site::Query, Site::Key, Site::Value].map(|s| self.ranges(s).magnitudes());
        let per_head = |m: &[f64], c: usize| {
            let head = c / heads.dim * heads.dim;
            m[head..head + heads.dim].iter().fold(1e-9f64, |a, &b| a.max(b)) / LEVELS
        };
        let value_scale = |c: usize| value[c].max(1e-9) / LEVELS;
        let records: Result<Vec<_>> = (0..channels.len())
            .map(|row| {
                let Some((which, c)) = source(row) else { return Ok(Param::default()) };
                let scale = [per_head(&query, c), per_head(&key, c), value_scale(c)][which];
                let to = scale / f64::from(QKV_SHIFT).exp2();
                operand.requantize("Q, K, V", &channels[row], linears[which].bias[c], to)
            })
            .collect();
        self.image.records(at.qkv, &records?);
        self.weights("weights of Q, K and V", &channels);
        let columns = 0..query.len();
        let query_steps = columns.clone().map(|c| per_head(&query, c)).collect();
        let key_steps = columns.clone().map(|c| per_head(&key, c)).collect();
        let value_steps = columns.map(value_scale).collect();
        for (name, site, steps) in
            [("Q", Site::Query, query_steps), ("K", Site::Key, key_steps), ("V", Site::Value, value_steps)]
        {
            self.diagnostics.edges.push(Edge::new(Some(self.index), name, (self.index, site), steps, LEVELS));
        }

        let to_octaves = std::f64::consts::LOG2_E * Q12 / (heads.dim as f64).sqrt();
        let first_channels = (0..shape.heads as usize).map(|h| h * heads.dim);
        let exponents: Result<Vec<_>> = first_channels
            .map(|c| record("exponent", per_head(&query, c) * per_head(&key, c) * to_octaves, 0.0))
            .collect();
        self.image.aligned_records(at.exponent, &exponents?);
        self.attention_output(&heads, value_scale, residual)
    }

    /// The context's scale per channel, and the output projection. Context keeps a static scale in both modes.
    fn attention_output(&mut self, heads: &Heads, value_scale: impl Fn(usize) -> f64, residual: f64) -> Result<()> {
        let (linear, at) = (&self.weights.attention_output, self.layout);
        let context = self.ranges(Site::Context);
        let operand = Operand::new(context, &[&linear.weight], ALPHA_INPUT, false, Scales::Static);
        self.operand("context", (self.index, Site::Context), &operand, Scales::Static);
        let fraction = f64::from(SOFTMAX_FRAC).exp2();
        let records: Result<Vec<_>> = (0..heads.all)
            .map(|padded| {
                let Some(c) = heads.channel(padded) else { return Ok(Param::default()) };
                record("context", value_scale(c) / (operand.smooth[c] * operand.unit * fraction), 0.0)
            })
            .collect();
        self.image.records(at.context, &records?);
        // The checkpoint's columns spread to the padded heads, a zero for each column of padding.
        let spread = |values: &[f64]| heads.spread(values).collect::<Vec<f64>>();
        let rows: Vec<Vec<f64>> =
            (0..linear.weight.rows).map(|r| spread(&operand.row(linear.weight.row(r)).collect::<Vec<_>>())).collect();
        let (zero, mean) = (spread(&operand.zero), spread(&operand.mean));
        let channels = self.image.weight(at.output_weight, &zero, &mean, |r| Some(rows[r].iter().copied()));
        self.weights("weights of the attention output", &channels);
        self.sums(at.output, "attention output", &operand, &channels, linear, residual)
    }

    fn feed_forward(&mut self, residual: f64) -> Result<()> {
        let (w, at, scales) = (self.weights, self.layout, self.shape.scales);
        let operand = Operand::new(self.ranges(Site::AttentionOut), &[&w.ffn_in.weight], ALPHA_INPUT, true, scales);
        self.operand("input of the feed-forward block", (self.index, Site::AttentionOut), &operand, scales);
        self.image.records(at.ffn_in, &operand.records("input of the feed-forward block", residual)?);
        let row = |r: usize| Some(operand.row(w.ffn_in.weight.row(r)));
        let channels = self.image.weight(at.up_weight, &operand.zero, &operand.mean, row);
        self.weights("first feed-forward weights", &channels);
        let pairs = channels.iter().zip(&w.ffn_in.bias);
        let records: Result<Vec<_>> =
            pairs.map(|(c, &b)| operand.requantize("first feed-forward matrix", c, b, 1.0 / Q12)).collect();
        self.image.records(at.up, &records?);

        // A row's own scale adapts to its maximum, and a zero would have to adapt with it.
        let (alpha, centred) = match scales {
            Scales::Static => (ALPHA_ACTIVATION_STATIC, true),
            Scales::Dynamic => (ALPHA_ACTIVATION_DYNAMIC, false),
        };
        let operand = Operand::new(self.ranges(Site::FfnAct), &[&w.ffn_out.weight], alpha, centred, scales);
        self.operand("activation", (self.index, Site::FfnAct), &operand, scales);
        self.image.records(at.activation, &operand.records("activation", 1.0 / Q12)?);
        let row = |r: usize| Some(operand.row(w.ffn_out.weight.row(r)));
        let channels = self.image.weight(at.down_weight, &operand.zero, &operand.mean, row);
        self.weights("second feed-forward weights", &channels);
        self.sums(at.down, "second feed-forward matrix", &operand, &channels, &w.ffn_out, residual)
    }

    /// Requantization to the residual's unit.
    fn sums(
        &mut self,
        place: Records,
        what: &'static str,
        operand: &Operand,
        channels: &[Channel],
        linear: &Linear,
        residual: f64,
    ) -> Result<()> {
        let pairs = channels.iter().zip(&linear.bias);
        let records: Result<Vec<_>> = pairs.map(|(c, &b)| operand.requantize(what, c, b, residual)).collect();
        self.image.records(place, &records?);
        Ok(())
    }
}

/// Where the checkpoint's channels lie when each head is padded.
struct Heads {
    /// Channels of a head.
    dim: usize,
    /// Columns of a padded head.
    pitch: usize,
    /// Columns of all padded heads.
    all: usize,
}

impl Heads {
    fn new(shape: &Shape) -> Self {
        let (pitch, all) = (shape.head_pitch() as usize, shape.heads_pitch() as usize);
        Self { dim: (shape.hidden / shape.heads) as usize, pitch, all }
    }

    /// The checkpoint's channel behind a padded column, if any.
    fn channel(&self, padded: usize) -> Option<usize> {
        let (head, column) = (padded / self.pitch, padded % self.pitch);
        (column < self.dim).then_some(head * self.dim + column)
    }

    fn spread<'a>(&'a self, values: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
        (0..self.all).map(|padded| self.channel(padded).map_or(0.0, |c| values[c]))
    }
}
