//! Where a quantized model loses accuracy.
//!
//! Layer by layer: the program of a model's first layers gives the output of the last of them as the device computes it.
//! Tensor by tensor: the activations of the fp32 reference are rounded as the device would round them, one at a time,
//! and weights as they were.

use super::lengths::Bucket;
use super::{Open, on_devices};
use crate::checkpoint::{Checkpoint, Encoding, Matrix};
use crate::quantize::{Diagnostics, EdgeErrors, Losses, QuantizedModel, TensorError, relative};
use crate::reference::{Observer, Reference, Site};
use crate::{Error, RunOptions};

/// Tokens that are looked at; the cost grows with the square of the layers.
const TOKENS: usize = 384;

/// Finds the losses on some of the texts.
pub fn find(
    checkpoint: &Checkpoint,
    model: &QuantizedModel,
    diagnostics: &Diagnostics,
    buckets: &[Bucket],
    open: Open<'_>,
) -> Result<Option<Losses>, Error> {
    let encodings = some(buckets);
    let mut seen = Seen { errors: EdgeErrors::new(&diagnostics.edges), outputs: Vec::new() };
    Reference::new(checkpoint).forward_observed(&encodings, &mut seen)?;
    let mut layers = Vec::new();
    for (index, (&scale, exact)) in diagnostics.layer_scales.iter().zip(&seen.outputs).enumerate() {
        let Some(first) = model.first_layers(index + 1, scale) else { return Ok(None) };
        let run = |session: &mut crate::Session, mine: &[Encoding]| session.hidden_states(mine, &RunOptions::default());
        layers.push(difference(exact, &on_devices(&first, &encodings, open, run)?));
    }
    let tensors = seen.errors.errors().chain(diagnostics.weights.iter().cloned());
    let worst = tensors.max_by(|a: &TensorError, b| a.error.total_cmp(&b.error));
    Ok(worst.map(|tensor| Losses { layers, tensor }))
}

/// Texts of every length until there are enough tokens, from the shortest length on and one of each at a time.
fn some(buckets: &[Bucket]) -> Vec<Encoding> {
    let most = buckets.iter().map(|b| b.encodings.len()).max().unwrap_or(0);
    let in_turn = (0..most).flat_map(|i| buckets.iter().filter_map(move |b| b.encodings.get(i)));
    let mut tokens = 0;
    let enough = |e: &&Encoding| {
        let more = tokens < TOKENS;
        tokens += e.ids.len();
        more
    };
    in_turn.take_while(enough).cloned().collect()
}

/// Relative root mean square of the difference of states, of which `exact` has all rows one after the other.
fn difference(exact: &[f32], found: &[Matrix]) -> f64 {
    let pairs = exact.iter().zip(found.iter().flat_map(|m| &m.values));
    relative(pairs.fold([0.0; 2], |[errors, values], (&exact, &found)| {
        let (exact, found) = (f64::from(exact), f64::from(found));
        [errors + (exact - found).powi(2), values + exact.powi(2)]
    }))
}

/// Keeps the layers' outputs, and sums up the errors of edges.
struct Seen<'a> {
    errors: EdgeErrors<'a>,
    outputs: Vec<Vec<f32>>,
}

impl Observer for Seen<'_> {
    fn wants(&self, layer: usize, site: Site) -> bool {
        site == Site::LayerOut || self.errors.wants(layer, site)
    }

    fn observe(&mut self, layer: usize, site: Site, rows: usize, cols: usize, values: &[f32]) {
        if site == Site::LayerOut {
            self.outputs.resize_with(self.outputs.len().max(layer + 1), Vec::new);
            self.outputs[layer].extend_from_slice(values);
        }
        self.errors.observe(layer, site, rows, cols, values);
    }
}
