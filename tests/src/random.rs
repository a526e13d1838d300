//! Random models and inputs, the same on every machine for one seed.

use safetensors::{Dtype, tensor::TensorView};
use systole_runtime::Digest;
use systole_runtime::checkpoint::{
    Activation, Checkpoint, Encoding, LayerNorm, LayerWeights, Linear, Matrix, ModelConfig, Pooling, SentenceHead,
    Tokenizer, Weights,
};
use systole_runtime::quantize::{QuantizedModel, Scales};

pub use systole_conformance::random::Random;

use crate::models;

/// Roughly normal with variance 1: the sum of twelve uniform numbers.
fn normal(random: &mut Random) -> f32 {
    let sum: f64 = (0..12).map(|_| (random.bits() >> 11) as f64 / (1u64 << 53) as f64).sum();
    (sum - 6.0) as f32
}

fn vector(random: &mut Random, length: usize, mean: f32, deviation: f32) -> Vec<f32> {
    (0..length).map(|_| mean + deviation * normal(random)).collect()
}

fn matrix(random: &mut Random, rows: usize, cols: usize, deviation: f32) -> Matrix {
    Matrix { rows, cols, values: vector(random, rows * cols, 0.0, deviation) }
}

fn linear(random: &mut Random, out: usize, inputs: usize) -> Linear {
    // Wider than BERT's own weights, so that softmax and GELU leave their linear range.
    let weight = matrix(random, out, inputs, 1.5 / (inputs as f32).sqrt());
    Linear { weight, bias: vector(random, out, 0.0, 0.3) }
}

fn norm(random: &mut Random, hidden: usize) -> LayerNorm {
    LayerNorm { gamma: vector(random, hidden, 1.0, 0.3), beta: vector(random, hidden, 0.0, 0.3) }
}

/// Token ids for an input of `tokens` tokens.
pub fn encoding(random: &mut Random, vocab: usize, tokens: usize) -> Encoding {
    let ids = (0..tokens).map(|_| random.below(vocab) as u32).collect();
    Encoding::new(ids, vec![0; tokens])
}

/// Dimensions of a random model.
#[derive(Debug, Clone, Copy)]
pub struct Dimensions {
    /// Width of the residual stream.
    pub hidden: usize,
    /// Encoder layers.
    pub layers: usize,
    /// Heads a layer.
    pub heads: usize,
    /// Width of the feed-forward block.
    pub intermediate: usize,
    /// Longest input.
    pub max_positions: usize,
}

/// A checkpoint with random weights and the tokenizer of [`models::tiny`].
pub fn checkpoint(dimensions: Dimensions, seed: u64) -> Checkpoint {
    let Dimensions { hidden, layers, heads, intermediate, max_positions } = dimensions;
    let config = ModelConfig {
        hidden,
        layers,
        heads,
        intermediate,
        vocab: 64,
        max_positions,
        type_vocab: 2,
        layer_norm_eps: 1e-12,
        activation: Activation::Gelu,
    };
    let random = &mut Random(seed);
    let weights = Weights {
        word: matrix(random, config.vocab, hidden, 1.0),
        position: matrix(random, max_positions, hidden, 0.5),
        token_type: matrix(random, config.type_vocab, hidden, 0.5),
        embedding_norm: norm(random, hidden),
        layers: (0..layers)
            .map(|_| LayerWeights {
                query: linear(random, hidden, hidden),
                key: linear(random, hidden, hidden),
                value: linear(random, hidden, hidden),
                attention_output: linear(random, hidden, hidden),
                attention_norm: norm(random, hidden),
                ffn_in: linear(random, intermediate, hidden),
                ffn_out: linear(random, hidden, intermediate),
                ffn_norm: norm(random, hidden),
            })
            .collect(),
    };
    let tokenizer = Tokenizer::from_file(&models::tiny().join("tokenizer.json")).expect("the repository's tokenizer");
    let head = SentenceHead::of(Pooling::Mean, true);
    Checkpoint { config, weights, tokenizer, head, tensors: Vec::new(), directory: None }
}

/// Calibration texts in the vocabulary of [`models::tiny`].
pub fn texts() -> Vec<String> {
    ["the cat sat on a mat.", "a dog, a cat!", "mat the on sat cat the", "xyz", "quick brown foxes jump over lazy dogs"]
        .map(str::to_owned)
        .into()
}

/// The dimensions of a model that is made for its small file.
pub const MINIATURE: Dimensions = Dimensions { hidden: 4, layers: 1, heads: 1, intermediate: 4, max_positions: 8 };

/// The weights of a checkpoint as the bytes of a `model.safetensors`.
pub fn safetensors(checkpoint: &Checkpoint) -> Vec<u8> {
    let Weights { word, position, token_type, embedding_norm, layers } = &checkpoint.weights;
    let mut tensors = Tensors::default();
    tensors.matrix("embeddings.word_embeddings.weight".into(), word);
    tensors.matrix("embeddings.position_embeddings.weight".into(), position);
    tensors.matrix("embeddings.token_type_embeddings.weight".into(), token_type);
    tensors.norm("embeddings.LayerNorm".into(), embedding_norm);
    for (index, layer) in layers.iter().enumerate() {
        let name = |part: &str| format!("encoder.layer.{index}.{part}");
        tensors.linear(name("attention.self.query"), &layer.query);
        tensors.linear(name("attention.self.key"), &layer.key);
        tensors.linear(name("attention.self.value"), &layer.value);
        tensors.linear(name("attention.output.dense"), &layer.attention_output);
        tensors.norm(name("attention.output.LayerNorm"), &layer.attention_norm);
        tensors.linear(name("intermediate.dense"), &layer.ffn_in);
        tensors.linear(name("output.dense"), &layer.ffn_out);
        tensors.norm(name("output.LayerNorm"), &layer.ffn_norm);
    }
    let views = tensors.0.iter().map(|(name, shape, bytes)| {
        (name, TensorView::new(Dtype::F32, shape.clone(), bytes).expect("the shape is the data's"))
    });
    safetensors::serialize(views, None).expect("names are distinct")
}

/// Name, shape and little-endian data.
#[derive(Default)]
struct Tensors(Vec<(String, Vec<usize>, Vec<u8>)>);

impl Tensors {
    fn add(&mut self, name: String, shape: Vec<usize>, values: &[f32]) {
        self.0.push((name, shape, values.iter().flat_map(|v| v.to_le_bytes()).collect()));
    }

    fn matrix(&mut self, name: String, matrix: &Matrix) {
        self.add(name, vec![matrix.rows, matrix.cols], &matrix.values);
    }

    fn linear(&mut self, name: String, linear: &Linear) {
        self.matrix(format!("{name}.weight"), &linear.weight);
        self.add(format!("{name}.bias"), vec![linear.bias.len()], &linear.bias);
    }

    fn norm(&mut self, name: String, norm: &LayerNorm) {
        self.add(format!("{name}.weight"), vec![norm.gamma.len()], &norm.gamma);
        self.add(format!("{name}.bias"), vec![norm.beta.len()], &norm.beta);
    }
}

/// A checkpoint's quantized model and its file's bytes.
pub fn quantized(checkpoint: &Checkpoint, calibration: &[String], scales: Scales) -> (QuantizedModel, Vec<u8>) {
    let model = QuantizedModel::quantize(checkpoint, calibration, scales).expect("it quantizes");
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("model.systole");
    model.save(&path).expect("it is written");
    let bytes = std::fs::read(&path).expect("it was written");
    (model, bytes)
}

/// The bytes of a quantized model's file with their hash made to fit again: damage is one thing, malice another.
pub fn resealed(file: &[u8]) -> Vec<u8> {
    let content = file.split_last_chunk::<32>().map_or(file, |(content, _)| content);
    [content, &Digest::of(content).0].concat()
}
