//! STS-B sentence pairs and the rank correlation they are scored with.

use crate::models;

/// Two sentences and how similar people found them, 0 to 5.
#[derive(Debug, Clone)]
pub struct Pair {
    /// Human score.
    pub score: f64,
    /// First sentence.
    pub first: String,
    /// Second sentence.
    pub second: String,
}

/// Reads a split: `train` (5749 pairs), `dev` (1500) or `test` (1379).
pub fn pairs(split: &str) -> Vec<Pair> {
    let path = models::sts().join(format!("sts-{split}.csv"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let pair = |line: &str| {
        let mut columns = line.split('\t').skip(4);
        let mut next = || columns.next().unwrap_or_else(|| panic!("too few columns: {line}")).to_owned();
        Pair { score: next().parse().unwrap_or_else(|e| panic!("{e}: {line}")), first: next(), second: next() }
    };
    text.lines().filter(|line| !line.is_empty()).map(pair).collect()
}

/// Cosine of the angle between two vectors, in double precision.
pub fn cosine(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len());
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// Spearman's rank correlation, ties at their mean rank.
pub fn spearman(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let (a, b) = (ranks(a), ranks(b));
    let mean = (a.len() as f64 + 1.0) / 2.0;
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - mean) * (b - mean)).sum::<f64>();
    product(&a, &b) / (product(&a, &a) * product(&b, &b)).sqrt()
}

fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&i, &j| values[i].total_cmp(&values[j]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    for tied in order.chunk_by(|&i, &j| values[i] == values[j]) {
        let rank = start as f64 + (tied.len() as f64 + 1.0) / 2.0;
        tied.iter().for_each(|&i| ranks[i] = rank);
        start += tied.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spearman_by_hand() {
        assert_eq!(spearman(&[1.0, 2.0, 3.0], &[10.0, 200.0, 3000.0]), 1.0);
        assert_eq!(spearman(&[1.0, 2.0, 3.0], &[3.0, 2.0, 1.0]), -1.0);
        // Ranks 1, 2.5, 2.5, 4 against 1, 2, 3, 4: 4.5 / sqrt(4.5 * 5).
        assert!((spearman(&[1.0, 5.0, 5.0, 9.0], &[1.0, 2.0, 3.0, 4.0]) - 0.948_683_3).abs() < 1e-7);
    }

    #[test]
    fn cosine_by_hand() {
        assert_eq!(cosine(&[3.0, 4.0], &[6.0, 8.0]), 1.0);
        assert_eq!(cosine(&[1.0, 0.0], &[0.0, 2.0]), 0.0);
    }
}
