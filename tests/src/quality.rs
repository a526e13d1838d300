//! How close a quantized model comes to its fp32 checkpoint on sentence pairs.

use std::time::{Duration, Instant};

use systole_isa::HwConfig;
use systole_runtime::checkpoint::{Checkpoint, Encoding};
use systole_runtime::quantize::QuantizedModel;
use systole_runtime::reference::Reference;
use systole_runtime::{RunOptions, Session};
use systole_sim::Simulator;

use crate::sts::{Pair, cosine, spearman};

/// Sentences and their embeddings in fp32.
pub struct Baseline {
    encodings: Vec<Encoding>,
    embeddings: Vec<Vec<f32>>,
    scores: Vec<f64>,
}

/// Figures of one quantized model.
#[derive(Debug, Clone, Copy, serde::Serialize)]
pub struct Quality {
    /// Sentences compared.
    pub sentences: usize,
    /// Mean cosine between the quantized and the fp32 embedding of a sentence.
    pub mean: f64,
    /// Smallest cosine.
    pub min: f64,
    /// First percentile of the cosines.
    pub percentile: f64,
    /// Spearman's correlation of the fp32 embeddings with the human scores, in points.
    pub spearman_fp32: f64,
    /// The same of the quantized embeddings.
    pub spearman: f64,
    /// Wall time of the quantized embeddings, compilation included.
    pub seconds: f64,
}

impl Baseline {
    /// Embeds every sentence of `pairs`, in fp32.
    pub fn new(checkpoint: &Checkpoint, pairs: &[Pair]) -> Self {
        let texts = pairs.iter().flat_map(|pair| [&pair.first, &pair.second]);
        let encodings: Vec<Encoding> =
            texts.map(|text| checkpoint.encode(text, None).expect("sentences of STS-B are short")).collect();
        let embeddings = Reference::new(checkpoint).embed(&encodings).expect("encodings of the checkpoint itself");
        Self { encodings, embeddings, scores: pairs.iter().map(|pair| pair.score).collect() }
    }

    /// Embeds them again on simulators of a configuration, one a thread, and compares.
    pub fn compare(&self, model: &QuantizedModel, config: &'static HwConfig, threads: usize) -> Quality {
        let start = Instant::now();
        let embeddings = self.embed(model, config, threads);
        self.score(&embeddings, start.elapsed())
    }

    fn embed(&self, model: &QuantizedModel, config: &'static HwConfig, threads: usize) -> Vec<Vec<f32>> {
        // Sorted by length, so that equal lengths share submissions; dealt out in turn, so that threads end together.
        let mut order: Vec<usize> = (0..self.encodings.len()).collect();
        order.sort_by_key(|&i| self.encodings[i].ids.len());
        let runs: Vec<&[usize]> =
            order.chunk_by(|&a, &b| self.encodings[a].ids.len() == self.encodings[b].ids.len()).collect();
        let work = |thread: usize| -> Vec<(usize, Vec<f32>)> {
            let device = Box::new(Simulator::new(config));
            let mut session = Session::new(model.clone(), device).expect("the model fits the simulator");
            let mine: Vec<usize> = runs.iter().skip(thread).step_by(threads).copied().flatten().copied().collect();
            let encodings: Vec<Encoding> = mine.iter().map(|&i| self.encodings[i].clone()).collect();
            let embeddings = session.embed(&encodings, &RunOptions::default()).expect("the session runs");
            mine.into_iter().zip(embeddings).collect()
        };
        let mut embeddings = vec![Vec::new(); self.encodings.len()];
        std::thread::scope(|scope| {
            let handles: Vec<_> = (0..threads.max(1)).map(|thread| scope.spawn(move || work(thread))).collect();
            for (index, embedding) in handles.into_iter().flat_map(|h| h.join().expect("a thread embeds")) {
                embeddings[index] = embedding;
            }
        });
        embeddings
    }

    fn score(&self, embeddings: &[Vec<f32>], elapsed: Duration) -> Quality {
        let mut cosines: Vec<f64> = self.embeddings.iter().zip(embeddings).map(|(a, b)| cosine(a, b)).collect();
        let points = |embeddings: &[Vec<f32>]| {
            let pairs: Vec<f64> = embeddings.chunks_exact(2).map(|pair| cosine(&pair[0], &pair[1])).collect();
            100.0 * spearman(&pairs, &self.scores)
        };
        let mean = cosines.iter().sum::<f64>() / cosines.len() as f64;
        cosines.sort_by(f64::total_cmp);
        Quality {
            sentences: cosines.len(),
            mean,
            min: cosines[0],
            percentile: cosines[cosines.len() / 100],
            spearman_fp32: points(&self.embeddings),
            spearman: points(embeddings),
            seconds: elapsed.as_secs_f64(),
        }
    }
}

impl Quality {
    /// What falls short of the given bounds, in words; nothing if all is well.
    pub fn shortfall(&self, mean: f64, min: f64) -> Option<String> {
        // Written so that a NaN falls short.
        let enough = self.mean >= mean && self.min >= min;
        (!enough).then(|| format!("mean {:.5} (at least {mean}), min {:.5} (at least {min})", self.mean, self.min))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_can_be_missed() {
        let baseline = Baseline {
            encodings: Vec::new(),
            embeddings: vec![vec![1.0, 0.0], vec![0.0, 1.0], vec![1.0, 1.0], vec![1.0, 0.5]],
            scores: vec![1.0, 4.0],
        };
        let quality = baseline.score(&baseline.embeddings, Duration::ZERO);
        assert_eq!((quality.mean, quality.min, quality.spearman), (1.0, 1.0, 100.0));
        assert_eq!(quality.shortfall(1.0, 1.0), None);
        let mut worse = baseline.embeddings.clone();
        worse[1] = vec![0.6, 0.8];
        let quality = baseline.score(&worse, Duration::ZERO);
        assert!((quality.min - 0.8).abs() < 1e-6 && (quality.mean - 0.95).abs() < 1e-6);
        assert!(quality.shortfall(0.9, 0.9).is_some() && quality.shortfall(0.96, 0.7).is_some());
        worse[1] = vec![0.0, 0.0];
        assert!(baseline.score(&worse, Duration::ZERO).shortfall(0.0, 0.0).is_some(), "NaN is no success");
    }
}
