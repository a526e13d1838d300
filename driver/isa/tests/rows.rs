//! The error of whole rows: softmax with 8-bit storage and LayerNorm, against the real functions over random rows.
//! `cargo test -p systole-isa --test rows -- --nocapture` prints the figures that docs/numerics.md quotes.

use systole_isa::instruction::{Function, Stat};
use systole_isa::numerics::*;

/// A small generator of known values (SplitMix64), so that the printed figures are the same everywhere.
struct Random(u64);

impl Random {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Standard normal (Box and Muller).
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * libm::log(1.0 - self.uniform())).sqrt();
        radius * libm::cos(std::f64::consts::TAU * self.uniform())
    }
}

/// Maximum and root mean square of a stream of errors.
#[derive(Default)]
struct Errors {
    max: f64,
    square: f64,
    count: f64,
}

impl Errors {
    fn add(&mut self, e: f64) {
        self.max = self.max.max(e.abs());
        self.square += e * e;
        self.count += 1.0;
    }
    fn rms(&self) -> f64 {
        (self.square / self.count).sqrt()
    }
}

/// Binary places of the reciprocal.
const FRAC: f64 = 16.0;

/// Probabilities as the array and the requantization after P*V see them: 8-bit numerators times the row's reciprocal.
fn softmax(logits: &[i32]) -> Vec<f64> {
    let gather = |values: &[i32], stat| {
        values.iter().enumerate().fold(RowEntry::default(), |e, (i, &v)| e.gather(stat, v, i == 0))
    };
    let max = gather(logits, Stat::Max);
    let stored: Vec<i32> = logits
        .iter()
        .map(|&x| saturate(rshr(function(Function::Exp2, row_stage(x, max, true, false)).into(), 8), 8))
        .collect();
    assert_eq!(stored.iter().max(), Some(&127), "the largest element is stored as exactly 127");
    let scale = recip(gather(&stored, Stat::Sum).a, 1, FRAC as i8);
    stored
        .iter()
        .map(|&p| f64::from(p) * f64::from(scale.mant()) / libm::exp2(f64::from(scale.shift()) + FRAC))
        .collect()
}

#[test]
fn softmax_rows_are_close_to_the_real_ones() {
    // Storage drops what is less than 1/254 of the largest element: few large and many small ones are the worst case.
    for (columns, spread, limit) in [(16, 1.0, 8e-3), (128, 1.0, 8e-3), (512, 2.0, 1.2e-1), (128, 4.0, 5e-2)] {
        let (mut random, mut errors, mut distance) = (Random(columns as u64), Errors::default(), Errors::default());
        for _ in 0..500 {
            // Logits in Q12 and base 2, as the scaling before the exponential leaves them.
            let real: Vec<f64> = (0..columns).map(|_| spread * random.normal()).collect();
            let logits: Vec<i32> =
                real.iter().map(|x| libm::round(x * std::f64::consts::LOG2_E * 4096.0) as i32).collect();
            let exps: Vec<f64> = real.iter().map(|&x| libm::exp(x)).collect();
            let sum: f64 = exps.iter().sum();
            let mut variation = 0.0;
            for (got, e) in softmax(&logits).iter().zip(&exps) {
                errors.add(got - e / sum);
                variation += (got - e / sum).abs() / 2.0;
            }
            distance.add(variation);
        }
        println!(
            "softmax of {columns} normal logits (sigma {spread}), 8-bit storage: max {:.1e} rms {:.1e}, total variation \
             rms {:.1e}",
            errors.max,
            errors.rms(),
            distance.rms()
        );
        assert!(errors.max < limit, "max {}", errors.max);
    }
}

#[test]
fn layer_norm_rows_are_close_to_the_real_ones() {
    for (columns, sigma) in [(384, 50.0), (384, 2000.0), (768, 2000.0), (4096, 9000.0)] {
        let (mut random, mut errors) = (Random(columns as u64), Errors::default());
        let eps = 1e-12 * sigma * sigma;
        for _ in 0..100 {
            let offset = sigma * random.normal();
            let row: Vec<i32> =
                (0..columns).map(|_| saturate(libm::round(offset + sigma * random.normal()) as i64, 18)).collect();
            let stat =
                row.iter().enumerate().fold(RowEntry::default(), |e, (i, &v)| e.gather(Stat::Moments, v, i == 0));
            let entry = rstd(stat, columns, 0, 16);
            let mean = row.iter().map(|&x| f64::from(x)).sum::<f64>() / f64::from(columns);
            let variance = row.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / f64::from(columns);
            for &x in &row {
                let got = f64::from(row_stage(x, entry, true, true)) / 65536.0;
                errors.add(got - (f64::from(x) - mean) / (variance + eps).sqrt());
            }
        }
        println!(
            "layer norm of {columns} values (sigma {sigma} steps), before gamma: max {:.1e} rms {:.1e} standard deviations",
            errors.max,
            errors.rms()
        );
        assert!(errors.max < 1e-4, "max {}", errors.max);
    }
}
