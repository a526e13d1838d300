//! How close a quantized model comes to its checkpoint, and where it loses.
//!
//! 1. [`measure`] runs texts that were held out of the calibration through the compiled program, on devices that the
//!    caller opens, and through the fp32 reference, and compares the embeddings by length.
//! 2. `losses` says which layer and which tensor the error comes from.
//!
//! What is measured is what the accelerator computes, to the bit: any executor gives the same figures.

mod lengths;
mod losses;

use rayon::prelude::*;
use systole_driver::{Device, DeviceError};

use crate::checkpoint::{Checkpoint, Encoding};
use crate::quantize::{Accuracy, Diagnostics, LengthAccuracy, QuantizedModel, Split};
use crate::reference::Reference;
use crate::{Error, RunOptions, Session};
use lengths::Bucket;

/// Opens one more device to measure on.
pub type Open<'a> = &'a (dyn Fn() -> Result<Box<dyn Device + Send>, DeviceError> + Sync);

/// Most devices at once: each has a copy of the weights.
const DEVICES: usize = 4;

/// About so many tokens have the texts that are measured.
pub const LENGTHS: [usize; 5] = [8, 32, 128, 256, 512];

/// How much to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effort {
    /// Texts of each of [`LENGTHS`], as far as the model takes such long ones.
    pub texts: [usize; LENGTHS.len()],
    /// Also where accuracy is lost.
    pub losses: bool,
}

impl Effort {
    /// About 800 tokens: enough to notice a ruined model.
    pub const QUICK: Self = Self { texts: [8, 8, 4, 0, 0], losses: false };
    /// About 5,000 tokens, of every length, and where accuracy is lost.
    pub const FULL: Self = Self { texts: [32, 24, 8, 4, 4], losses: true };
}

/// Measures a model against the checkpoint it was made of.
///
/// # Errors
/// [`Error::Checkpoint`] if a text cannot be encoded; what compilation and the devices refuse.
pub fn measure(
    checkpoint: &Checkpoint,
    model: &QuantizedModel,
    diagnostics: &Diagnostics,
    split: &Split,
    effort: Effort,
    open: Open<'_>,
) -> Result<Accuracy, Error> {
    let buckets = lengths::buckets(checkpoint, &split.held_out, effort)?;
    let encodings: Vec<Encoding> = buckets.iter().flat_map(|bucket| bucket.encodings.iter().cloned()).collect();
    // Each text counts twice: once in fp32, once on the device.
    let _span = tracing::info_span!("measure", texts = 2 * encodings.len()).entered();
    let exact = Reference::new(checkpoint).embed(&encodings)?;
    let found = on_devices(model, &encodings, open, |session, mine| session.embed(mine, &RunOptions::default()))?;
    let mut cosines = exact.iter().zip(&found).map(|(exact, found)| cosine(exact, found));
    let by_length = buckets.iter().map(|b| figures(b, cosines.by_ref().take(b.encodings.len()).collect())).collect();
    let losses = match effort.losses {
        true => losses::find(checkpoint, model, diagnostics, &buckets, open)?,
        false => None,
    };
    Ok(Accuracy { by_length, built_in_texts: split.borrowed, losses })
}

fn figures(bucket: &Bucket, mut cosines: Vec<f64>) -> LengthAccuracy {
    // A cosine that is no number sorts to one of the ends; it makes the mean no number in any case.
    cosines.sort_by(f64::total_cmp);
    LengthAccuracy {
        tokens: bucket.tokens,
        texts: cosines.len(),
        joined: bucket.joined,
        mean: cosines.iter().sum::<f64>() / cosines.len() as f64,
        p1: cosines.get(cosines.len() / 100).copied().unwrap_or(f64::NAN),
        min: cosines.first().copied().unwrap_or(f64::NAN),
    }
}

/// Cosine of the angle between two vectors of equal length; not a number if one of them is zero.
fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// Deals encodings out to as many devices as there are threads; the results are in the order given.
fn on_devices<T: Send>(
    model: &QuantizedModel,
    encodings: &[Encoding],
    open: Open<'_>,
    run: impl Fn(&mut Session, &[Encoding]) -> Result<Vec<T>, Error> + Sync,
) -> Result<Vec<T>, Error> {
    let devices = rayon::current_num_threads().clamp(1, DEVICES);
    let share = |device: usize| {
        let mine: Vec<Encoding> = encodings.iter().skip(device).step_by(devices).cloned().collect();
        let mut session = Session::new(model.clone(), open().map_err(systole_driver::EngineError::from)?)?;
        run(&mut session, &mine).map(Vec::into_iter)
    };
    let mut shares = (0..devices).into_par_iter().map(share).collect::<Result<Vec<_>, Error>>()?;
    Ok((0..encodings.len()).filter_map(|i| shares[i % devices].next()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_by_hand() {
        let bucket = Bucket { tokens: 8, encodings: Vec::new(), joined: 1 };
        let figures = |cosines: &[f64]| super::figures(&bucket, cosines.to_vec());
        let f = figures(&[1.0, 0.5, 0.75]);
        assert_eq!((f.texts, f.joined, f.mean, f.p1, f.min), (3, 1, 0.75, 0.5, 0.5));
        let many: Vec<f64> = (0..200).map(|i| f64::from(i) / 200.0).collect();
        assert_eq!((figures(&many).p1, figures(&many).min), (0.01, 0.0));
        assert!(figures(&[1.0, f64::NAN]).mean.is_nan() && figures(&[]).min.is_nan());
        assert_eq!(cosine(&[3.0, 4.0], &[6.0, 8.0]), 1.0);
        assert!(cosine(&[0.0], &[1.0]).is_nan());
    }

    #[test]
    fn what_is_no_number_is_the_worst() {
        let length = |tokens, mean| LengthAccuracy { tokens, texts: 1, joined: 0, mean, p1: mean, min: mean };
        let of = |means: [f64; 3]| {
            let by_length = [8, 32, 128].iter().zip(means).map(|(&tokens, mean)| length(tokens, mean)).collect();
            Accuracy { by_length, built_in_texts: false, losses: None }.worst_length().map(|l| l.tokens)
        };
        assert_eq!(of([0.9, 0.8, 0.99]), Some(32));
        assert_eq!(of([0.9, 0.8, f64::NAN]), Some(128));
    }
}
