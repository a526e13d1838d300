//! The tensor loader against damaged, hostile and differently named files.

use std::path::PathBuf;

use safetensors::serialize;

use super::*;

/// A tensor to be written: name, type, shape, little-endian bytes.
type Raw = (String, Dtype, Vec<usize>, Vec<u8>);

fn tiny() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/tiny")
}

fn config() -> ModelConfig {
    ModelConfig::from_file(&tiny().join("config.json")).unwrap()
}

fn tiny_tensors() -> Vec<Raw> {
    let bytes = std::fs::read(tiny().join("model.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let raw = |(n, v): (&str, TensorView<'_>)| (n.to_owned(), v.dtype(), v.shape().to_vec(), v.data().to_vec());
    file.iter().map(raw).collect()
}

fn pack(tensors: &[Raw]) -> Vec<u8> {
    let views = tensors.iter().map(|(n, t, s, d)| (n, TensorView::new(*t, s.clone(), d).unwrap()));
    serialize(views, None).unwrap()
}

fn load_bytes(bytes: &[u8], config: &ModelConfig) -> Result<(Weights, Vec<TensorReport>)> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model.safetensors");
    std::fs::write(&path, bytes).unwrap();
    load(dir.path(), config)
}

/// The message for the tiny checkpoint after `edit`.
fn error_after(edit: impl FnOnce(&mut Vec<Raw>)) -> String {
    let mut tensors = tiny_tensors();
    edit(&mut tensors);
    load_bytes(&pack(&tensors), &config()).unwrap_err().to_string()
}

fn find<'a>(tensors: &'a mut [Raw], name: &str) -> &'a mut Raw {
    tensors.iter_mut().find(|t| t.0 == name).unwrap()
}

const QUERY: &str = "encoder.layer.1.attention.self.query.weight";

#[test]
fn loads_under_every_known_name() {
    let (expected, report) = load_bytes(&pack(&tiny_tensors()), &config()).unwrap();
    assert!(report.iter().all(|t| matches!(t.fate, Fate::Mapped(_))), "{report:?}");
    let mut renamed = tiny_tensors();
    for tensor in &mut renamed {
        let old = tensor.0.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta");
        tensor.0 = format!("bert.{old}");
    }
    for head in
        ["cls.predictions.bias", "bert.pooler.dense.weight", "bert.embeddings.position_ids", "projection.weight"]
    {
        renamed.push((head.to_owned(), Dtype::I64, vec![1], vec![0; 8]));
    }
    let (weights, report) = load_bytes(&pack(&renamed), &config()).unwrap();
    assert_eq!(weights, expected);
    let ignored: Vec<_> = report.iter().filter(|t| matches!(t.fate, Fate::Ignored(_))).map(|t| &t.name[..]).collect();
    assert_eq!(
        ignored,
        ["bert.embeddings.position_ids", "bert.pooler.dense.weight", "cls.predictions.bias", "projection.weight"]
    );
}

/// Two shards with every other tensor each, and an index that `edit` may change.
fn load_shards(edit: impl FnOnce(&mut serde_json::Value)) -> Result<Weights> {
    let dir = tempfile::tempdir().unwrap();
    let (even, odd): (Vec<_>, Vec<_>) = tiny_tensors().into_iter().enumerate().partition(|(i, _)| i % 2 == 0);
    let mut index = serde_json::json!({"metadata": {"total_size": 1}, "weight_map": {}});
    for (file, tensors) in [("a.safetensors", even), ("b.safetensors", odd)] {
        let tensors: Vec<Raw> = tensors.into_iter().map(|(_, tensor)| tensor).collect();
        tensors.iter().for_each(|t| index["weight_map"][&t.0] = file.into());
        std::fs::write(dir.path().join(file), pack(&tensors)).unwrap();
    }
    edit(&mut index);
    std::fs::write(dir.path().join(shards::INDEX), index.to_string()).unwrap();
    load(dir.path(), &config()).map(|(weights, _)| weights)
}

#[test]
fn shards_give_the_weights_of_the_whole() {
    assert_eq!(load_shards(|_| {}).unwrap(), load_bytes(&pack(&tiny_tensors()), &config()).unwrap().0);
}

#[test]
fn hostile_indices_are_refused() {
    let with = |tensor: &str, file: &str| {
        load_shards(|index| index["weight_map"][tensor] = file.into()).unwrap_err().to_string()
    };
    for file in ["../a.safetensors", "/etc/passwd", "x/a.safetensors", "a.bin", "", ".."] {
        assert_eq!(
            with(QUERY, file),
            format!(
                "model.safetensors.index.json names {file:?}, which is no safetensors file beside it; download it again"
            )
        );
    }
    assert!(
        with(QUERY, "c.safetensors").ends_with("has no c.safetensors; its index lists this shard: download it as well")
    );
    let here = |index: &serde_json::Value| index["weight_map"][QUERY].as_str().unwrap().to_owned();
    let (mut from, mut to) = (String::new(), "");
    let moved = load_shards(|index| {
        from = here(index);
        to = if from == "a.safetensors" { "b.safetensors" } else { "a.safetensors" };
        index["weight_map"][QUERY] = to.into();
    });
    assert_eq!(
        moved.unwrap_err().to_string(),
        if to < from.as_str() {
            format!(
                "tensor {QUERY} is missing; this is not a complete BERT checkpoint, or config.json belongs to another model"
            )
        } else {
            format!(
                "tensor {QUERY} is in {from}, model.safetensors.index.json has it in {to}; download the index and its shards together"
            )
        }
    );
    let unlisted = load_shards(|index| drop(index["weight_map"].as_object_mut().unwrap().remove(QUERY)));
    assert!(unlisted.unwrap_err().to_string().contains("has it nowhere"));
    assert!(with("invented", "a.safetensors").starts_with("tensor invented is missing"));
    let empty = load_shards(|index| index["weight_map"] = serde_json::json!({}));
    assert!(empty.unwrap_err().to_string().starts_with("tensor embeddings.word_embeddings.weight is missing"));
    assert!(load_shards(|index| *index = serde_json::json!({"weight_map": {"x": 1}})).is_err());
}

#[test]
fn other_files_are_named_as_what_they_are() {
    let lfs = b"version https://git-lfs.github.com/spec/v1\noid sha256:53aa\nsize 90868376\n";
    for (bytes, what) in [
        (&lfs[..], "a Git LFS pointer, not a safetensors file; run `git lfs pull`"),
        (b"\x08\x07\x12\x07pytorch", "an ONNX model, not a safetensors file; give the checkpoint"),
        (b"PK\x03\x04\0\0archive/data.pkl", "a PyTorch pickle, not a safetensors file; a pickle can run code"),
        (b"Once upon a time there was a cat.", "a text, not a safetensors file; give a checkpoint directory"),
    ] {
        let message = load_bytes(bytes, &config()).unwrap_err().to_string();
        assert!(message.contains(&format!("model.safetensors is {what}")), "{message}");
    }
}

#[test]
fn half_precision_is_exact() {
    let values = [1.0f32, -0.333_251_95, 65504.0, 5.960_464_5e-8];
    let bf16 = [1.0f32, -0.333_984_38, 3.389_531_4e38, 9.183_55e-41];
    for (dtype, shorts, expected) in [
        (Dtype::F16, [0x3c00u16, 0xb555, 0x7bff, 0x0001], values),
        (Dtype::BF16, [0x3f80, 0xbeab, 0x7f7f, 0x0001], bf16),
    ] {
        let data: Vec<u8> = shorts.iter().flat_map(|s| s.to_le_bytes()).collect();
        assert_eq!(to_f32(&TensorView::new(dtype, vec![4], &data).unwrap()).unwrap(), expected);
    }
}

#[test]
fn faults_are_named() {
    assert_eq!(
        error_after(|t| t.retain(|t| t.0 != QUERY)),
        "tensor encoder.layer.1.attention.self.query.weight is missing; \
         this is not a complete BERT checkpoint, or config.json belongs to another model"
    );
    assert_eq!(
        error_after(|t| find(t, QUERY).2 = vec![48, 12]),
        "tensor encoder.layer.1.attention.self.query.weight has shape [48, 12], config.json asks for [24, 24]; \
         the two files belong to different models"
    );
    assert_eq!(
        error_after(|t| find(t, QUERY).1 = Dtype::I32),
        "tensor encoder.layer.1.attention.self.query.weight has type I32; save the checkpoint as F32, F16 or BF16"
    );
    assert_eq!(
        error_after(|t| find(t, QUERY).3[40..44].copy_from_slice(&f32::NEG_INFINITY.to_le_bytes())),
        "tensor encoder.layer.1.attention.self.query.weight holds -inf at element 10; \
         the checkpoint is damaged or diverged in training"
    );
    assert_eq!(
        error_after(|t| {
            let mut copy = find(t, "encoder.layer.0.output.LayerNorm.bias").clone();
            copy.0 = "encoder.layer.0.output.LayerNorm.beta".to_owned();
            t.push(copy);
        }),
        "tensors encoder.layer.0.output.LayerNorm.beta and encoder.layer.0.output.LayerNorm.bias are the same \
         parameter; remove one of them from the file"
    );
    assert_eq!(
        error_after(|t| find(t, "embeddings.word_embeddings.weight").0 = "x".to_owned()),
        "tensor embeddings.word_embeddings.weight is missing; \
         this is not a complete BERT checkpoint, or config.json belongs to another model"
    );
}

#[test]
fn what_would_change_the_result_is_refused() {
    let with = |name: &str| error_after(|t| t.push((name.to_owned(), Dtype::F32, vec![1], vec![0; 4])));
    assert_eq!(
        with("encoder.layer.2.output.dense.bias"),
        "tensor encoder.layer.2.output.dense.bias cannot be used: config.json's layers and transformers' BERT have \
         no such parameter; use a checkpoint without it"
    );
    assert!(with("encoder.layer.0.attention.self.distance_embedding.weight").contains("relative positions"));
    assert!(with("encoder.layer.0.crossattention.self.key.bias").contains("cross attention"));
    assert!(with("adapter.weight").contains("no parameter of a BERT encoder and no known head"));
    assert!(with("bert.embeddings.word_embeddings.weight").contains("are the same parameter"));
}

#[test]
fn damaged_files_never_panic() {
    let good = pack(&tiny_tensors());
    for length in (0..good.len()).step_by(211).chain(0..64) {
        let error = load_bytes(&good[..length], &config()).unwrap_err().to_string();
        assert!(error.contains("is not a whole safetensors file"), "{length}: {error}");
    }
    let header = u64::from_le_bytes(good[..8].try_into().unwrap()) as usize;
    for at in (0..8 + header).step_by(13) {
        for flip in [0x01, 0x80, 0x10] {
            let mut bad = good.clone();
            bad[at] ^= flip;
            let _ = load_bytes(&bad, &config());
        }
    }
}

#[test]
fn sizes_that_the_file_does_not_hold_allocate_nothing() {
    let huge = ModelConfig { vocab: 1 << 21, hidden: 8192, layers: 128, ..config() };
    assert!(load_bytes(&pack(&tiny_tensors()), &huge).unwrap_err().to_string().contains("has shape [64, 24]"));
}
