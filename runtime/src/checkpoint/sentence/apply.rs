//! From token states to an embedding, in fp32 on the host. Sums are taken in double precision, so that the order of
//! addition does not matter.

use super::{DenseActivation, Pooling, SentenceHead, Step};
use crate::checkpoint::Matrix;

/// PyTorch's `LayerNorm` where nothing else is said, as in sentence-transformers' module.
const LAYER_NORM_EPS: f64 = 1e-5;

impl SentenceHead {
    /// Token states `[tokens, hidden]`, at least one token, to the embedding. The first `skip` tokens are a prompt that
    /// pooling leaves out; the last token of a text always counts.
    ///
    /// Panics when a step does not fit, which [`SentenceHead::width`] excludes.
    pub fn apply(&self, states: &Matrix, skip: usize) -> Vec<f32> {
        let skip = skip.min(states.rows - 1);
        let mut x: Vec<f32> = self.pooling.iter().flat_map(|pooling| pooling.apply(states, skip)).collect();
        for step in &self.steps {
            x = step.apply(x);
        }
        x.truncate(self.dimensions.unwrap_or(x.len()));
        x
    }
}

impl Pooling {
    fn apply(self, states: &Matrix, skip: usize) -> Vec<f32> {
        let count = (states.rows - skip) as f64;
        match self {
            Self::Cls => states.row(skip).to_vec(),
            Self::LastToken => states.row(states.rows - 1).to_vec(),
            Self::Max => {
                let mut max = states.row(skip).to_vec();
                for row in skip + 1..states.rows {
                    max.iter_mut().zip(states.row(row)).for_each(|(m, &v)| *m = m.max(v));
                }
                max
            }
            Self::Mean => weighted(states, skip, |_| 1.0, count),
            Self::MeanSqrtLen => weighted(states, skip, |_| 1.0, count.sqrt()),
            Self::WeightedMean => {
                // Positions are those in the whole text: leaving a prompt out does not move the others.
                let weight = |row: usize| row as f64 + 1.0;
                weighted(states, skip, weight, (skip..states.rows).map(weight).sum())
            }
        }
    }
}

/// The sum of the rows from `skip` on, each times its weight, divided by `divisor`.
fn weighted(states: &Matrix, skip: usize, weight: impl Fn(usize) -> f64, divisor: f64) -> Vec<f32> {
    let mut sums = vec![0f64; states.cols];
    for row in skip..states.rows {
        let weight = weight(row);
        sums.iter_mut().zip(states.row(row)).for_each(|(s, &v)| *s += weight * f64::from(v));
    }
    sums.iter().map(|s| (s / divisor) as f32).collect()
}

impl Step {
    fn apply(&self, mut x: Vec<f32>) -> Vec<f32> {
        match self {
            Self::Dense { weight, bias, activation } => {
                let dot = |row: &[f32]| row.iter().zip(&x).map(|(&w, &v)| f64::from(w) * f64::from(v)).sum::<f64>();
                let outputs = (0..weight.rows).zip(&bias.values);
                outputs.map(|(row, &bias)| activation.apply(dot(weight.row(row)) + f64::from(bias)) as f32).collect()
            }
            Self::LayerNorm { gamma, beta } => {
                let n = x.len() as f64;
                let mean = x.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
                let variance = x.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / n;
                let scale = 1.0 / (variance + LAYER_NORM_EPS).sqrt();
                for ((v, &gamma), &beta) in x.iter_mut().zip(&gamma.values).zip(&beta.values) {
                    *v = ((f64::from(*v) - mean) * scale * f64::from(gamma) + f64::from(beta)) as f32;
                }
                x
            }
            Self::Normalize => {
                // The lower bound is PyTorch's in `functional.normalize`: a zero vector stays zero.
                let norm = x.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>().sqrt().max(1e-12);
                x.iter_mut().for_each(|v| *v = (f64::from(*v) / norm) as f32);
                x
            }
        }
    }
}

impl DenseActivation {
    fn apply(self, x: f64) -> f64 {
        match self {
            Self::Identity => x,
            Self::Tanh => x.tanh(),
            Self::Relu => x.max(0.0),
            Self::Gelu => 0.5 * x * (1.0 + libm::erf(x * std::f64::consts::FRAC_1_SQRT_2)),
        }
    }
}
