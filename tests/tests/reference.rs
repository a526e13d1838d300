//! The fp32 reference against transformers (`tests/golden/make.py`) and against the published quality on STS-B.

use std::path::Path;

use serde_json::Value;
use systole_runtime::checkpoint::{Checkpoint, Encoding, Fate, Limit, Pooling, SentenceHead};
use systole_runtime::reference::Reference;
use systole_tests::{models, sts};

fn floats(value: &Value) -> Vec<f32> {
    value.as_array().expect("a list").iter().map(|v| v.as_f64().expect("a number") as f32).collect()
}

fn ids(value: &Value) -> Vec<u32> {
    value.as_array().expect("a list").iter().map(|v| v.as_u64().expect("an id") as u32).collect()
}

/// Largest absolute difference; both must be equally long and finite.
fn difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let worst = a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(a.iter().all(|v| v.is_finite()));
    worst
}

fn encode(checkpoint: &Checkpoint, text: &Value) -> Encoding {
    match text {
        Value::Array(pair) => {
            let [first, second] = &pair[..] else { panic!("a pair has two texts") };
            let limit = Limit::refuse(checkpoint.config.max_positions);
            checkpoint.tokenizer.encode_pair(first.as_str().unwrap(), second.as_str().unwrap(), limit).unwrap()
        }
        text => checkpoint.encode(text.as_str().unwrap(), Some(checkpoint.config.max_positions)).unwrap(),
    }
}

/// Compares every golden text of a model; `states` and `embedding` are the tolerances.
fn agree(directory: &Path, model: &str, states: f32, embedding: f32) {
    let checkpoint = Checkpoint::open(directory).unwrap();
    let reference = Reference::new(&checkpoint);
    let file = models::golden("reference.json");
    let golden = file[model].as_object().unwrap();
    let encodings: Vec<Encoding> = golden.values().map(|row| encode(&checkpoint, &row["text"])).collect();
    let hidden = reference.forward(&encodings).unwrap();
    let embeddings = reference.embed(&encodings).unwrap();
    let (mut worst_states, mut worst_embedding) = (0f32, 0f32);
    for (index, (label, row)) in golden.iter().enumerate() {
        assert_eq!(encodings[index].ids, ids(&row["ids"]), "{model} {label}");
        assert_eq!(encodings[index].type_ids, ids(&row["type_ids"]), "{model} {label}");
        let tokens = hidden[index].rows;
        let expected = floats(&row["states"]);
        let actual: Vec<f32> = if expected.len() == tokens * hidden[index].cols {
            hidden[index].values.clone()
        } else {
            [0, tokens / 2, tokens - 1].iter().flat_map(|&token| hidden[index].row(token)[..8].to_vec()).collect()
        };
        worst_states = worst_states.max(difference(&actual, &expected));
        worst_embedding = worst_embedding.max(difference(&embeddings[index], &floats(&row["embedding"])));
    }
    println!("{model}: states differ by at most {worst_states:e}, embeddings by {worst_embedding:e}");
    assert!(worst_states <= states, "{model}: hidden states differ by {worst_states}");
    assert!(worst_embedding <= embedding, "{model}: embeddings differ by {worst_embedding}");
}

#[test]
fn tiny_agrees_with_transformers() {
    agree(&models::tiny(), "tiny", 2e-5, 1e-5);
}

/// The comparison must be able to fail: one weight of 576 changed by a tenth is seen.
#[test]
fn a_wrong_weight_is_seen() {
    let mut checkpoint = Checkpoint::open(&models::tiny()).unwrap();
    let encoding = [checkpoint.encode("the cat sat", None).unwrap()];
    let right = Reference::new(&checkpoint).forward(&encoding).unwrap();
    checkpoint.weights.layers[0].attention_output.weight.values[100] += 0.1;
    let wrong = Reference::new(&checkpoint).forward(&encoding).unwrap();
    assert!(difference(&right[0].values, &wrong[0].values) > 1e-3);
}

#[test]
fn minilm_agrees_with_transformers() {
    agree(&models::minilm(), "minilm", 2e-5, 2e-6);
}

#[test]
fn small_agrees_with_transformers() {
    agree(&models::small(), "small", 5e-5, 2e-5);
}

#[test]
fn tensors_of_the_real_checkpoints_are_accounted_for() {
    let minilm = Checkpoint::open(&models::minilm()).unwrap();
    let expected = SentenceHead { max_tokens: Some(256), ..SentenceHead::of(Pooling::Mean, true) };
    assert_eq!(minilm.head, expected);
    let ignored = |c: &Checkpoint| -> Vec<String> {
        c.tensors.iter().filter(|t| matches!(t.fate, Fate::Ignored(_))).map(|t| t.name.clone()).collect()
    };
    assert_eq!(ignored(&minilm), ["embeddings.position_ids", "pooler.dense.bias", "pooler.dense.weight"]);
    let small = Checkpoint::open(&models::small()).unwrap();
    assert_eq!(small.head, SentenceHead { max_tokens: Some(512), ..SentenceHead::default() });
    assert_eq!(ignored(&small).len(), 5);
    assert!(ignored(&small).iter().all(|name| name.starts_with("cls.predictions.")));
}

/// Spearman's correlation in points on the STS-B test split, all 2758 sentences.
fn sts_points(directory: &Path) -> f64 {
    let checkpoint = Checkpoint::open(directory).unwrap();
    let pairs = sts::pairs("test");
    assert_eq!(pairs.len(), 1379);
    let texts = pairs.iter().flat_map(|pair| [&pair.first, &pair.second]);
    let encodings: Vec<Encoding> = texts.map(|text| checkpoint.encode(text, None).unwrap()).collect();
    let start = std::time::Instant::now();
    let embeddings = Reference::new(&checkpoint).embed(&encodings).unwrap();
    let tokens: usize = encodings.iter().map(|e| e.ids.len()).sum();
    let cosines: Vec<f64> = embeddings.chunks_exact(2).map(|pair| sts::cosine(&pair[0], &pair[1])).collect();
    let scores: Vec<f64> = pairs.iter().map(|pair| pair.score).collect();
    let points = 100.0 * sts::spearman(&cosines, &scores);
    println!("{}: {points:.3} points, {tokens} tokens in {:.1?}", directory.display(), start.elapsed());
    points
}

/// Figures of the same checkpoints under PyTorch.
#[test]
fn sts_quality_is_that_of_pytorch() {
    let minilm = sts_points(&models::minilm());
    assert!((minilm - 82.03).abs() < 0.01, "{minilm}");
    let small = sts_points(&models::small());
    assert!((small - 61.98).abs() < 0.01, "{small}");
}
