//! Batching, observation and pooling on the tiny checkpoint. Agreement with transformers is tested in the tests crate.

use std::collections::BTreeMap;
use std::path::Path;

use super::*;
use crate::checkpoint::CheckpointError;

fn tiny() -> Checkpoint {
    Checkpoint::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/tiny")).unwrap()
}

fn texts(checkpoint: &Checkpoint, count: usize) -> Vec<Encoding> {
    let text = |i: usize| "the cat sat on a mat, ".repeat(i % 4) + if i.is_multiple_of(2) { "cat" } else { "" };
    (0..count).map(|i| checkpoint.encode(&text(i), None).unwrap()).collect()
}

#[test]
fn a_batch_gives_the_bits_of_single_texts() {
    let checkpoint = tiny();
    let reference = Reference::new(&checkpoint);
    let encodings = texts(&checkpoint, 700);
    assert!(batches(&encodings).count() > 1, "the test must span several batches");
    let together = reference.forward(&encodings).unwrap();
    assert_eq!(together.len(), encodings.len());
    for (encoding, states) in encodings.iter().zip(&together).step_by(37) {
        assert_eq!(reference.forward(std::slice::from_ref(encoding)).unwrap()[0], *states);
    }
    assert!(reference.forward(&[]).unwrap().is_empty());
}

/// Shapes of every call, and the values of the last.
#[derive(Default)]
struct Recorder {
    shapes: BTreeMap<(usize, Site), Vec<(usize, usize)>>,
    order: Vec<(usize, Site)>,
    values: BTreeMap<(usize, Site), Vec<f32>>,
}

impl Observer for Recorder {
    fn observe(&mut self, layer: usize, site: Site, rows: usize, cols: usize, values: &[f32]) {
        assert_eq!(values.len(), rows * cols);
        self.shapes.entry((layer, site)).or_default().push((rows, cols));
        self.order.push((layer, site));
        self.values.insert((layer, site), values.to_vec());
    }
}

#[test]
fn every_site_is_observed_once_a_batch_in_order() {
    let checkpoint = tiny();
    let encodings = texts(&checkpoint, 3);
    let lengths: Vec<usize> = encodings.iter().map(|e| e.ids.len()).collect();
    let tokens = lengths.iter().sum();
    let mut recorder = Recorder::default();
    let states = Reference::new(&checkpoint).forward_observed(&encodings, &mut recorder).unwrap();
    let mut order = recorder.order.clone();
    order.dedup();
    let layers = (0..2).flat_map(|layer| Site::ALL[2..].iter().map(move |&site| (layer, site)));
    let expected: Vec<_> = Site::ALL[..2].iter().map(|&site| (0, site)).chain(layers).collect();
    assert_eq!(order, expected);
    for ((_, site), shapes) in &recorder.shapes {
        match site {
            Site::Scores => assert_eq!(*shapes, lengths.iter().map(|&n| (2 * n, n)).collect::<Vec<_>>()),
            Site::FfnPre | Site::FfnAct => assert_eq!(*shapes, [(tokens, 56)]),
            _ => assert_eq!(*shapes, [(tokens, 24)]),
        }
    }
    let last: Vec<f32> = states.into_iter().flat_map(|m| m.values).collect();
    assert_eq!(recorder.values[&(1, Site::LayerOut)], last);
}

/// The first score of the first head, computed by its definition from what was observed before it.
#[test]
fn scores_are_scaled_products() {
    let checkpoint = tiny();
    let mut recorder = Recorder::default();
    Reference::new(&checkpoint).forward_observed(&texts(&checkpoint, 2)[1..], &mut recorder).unwrap();
    let at = |site| &recorder.values[&(1, site)];
    let dot: f32 = at(Site::Query)[..12].iter().zip(&at(Site::Key)[..12]).map(|(q, k)| q * k).sum();
    assert!((at(Site::Scores)[0] - dot / 12f32.sqrt()).abs() < 1e-5);
}

#[test]
fn unusable_encodings_are_errors() {
    let checkpoint = tiny();
    let bad = [Encoding::new(vec![2, 64], vec![0, 0])];
    let result = Reference::new(&checkpoint).forward(&bad);
    assert!(matches!(result, Err(CheckpointError::IdOutOfRange { id: 64, position: 1, .. })));
}
