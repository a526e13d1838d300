//! The file of a quantized model: a safetensors container, so that its parser is a well-tried one and any safetensors
//! tool can list it. Everything read is checked against the shape before it is believed.

use std::collections::HashMap;
use std::path::Path;

use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensors, serialize_to_file};
use serde::{Deserialize, Serialize};

use super::{Embedding, Encoder, NormEps, QuantizeError, QuantizedModel, Shape};
use crate::checkpoint::{MappedFile, Pooling, SentenceHead, Tokenizer};

/// Key of our description in the container's metadata.
const KEY: &str = "systole";
/// Version of the description and of the arrays' meaning; raised with the recipe's layout.
const VERSION: u32 = 1;
/// Limits of what is believed before anything is allocated.
const MAX: Shape = Shape {
    hidden: 8192,
    layers: 256,
    heads: 256,
    intermediate: 65536,
    max_tokens: 65536,
    relu: true,
    scales: super::Scales::Dynamic,
};

#[derive(Serialize, Deserialize)]
struct Description {
    version: u32,
    shape: Shape,
    norm_eps: NormEps,
    output_scale: f32,
    pooling: Pooling,
    normalize: bool,
}

impl QuantizedModel {
    /// Writes the model to a file.
    ///
    /// # Errors
    /// [`QuantizeError::File`] naming the path and the cause.
    pub fn save(&self, path: &Path) -> Result<(), QuantizeError> {
        let refused = |e: safetensors::SafeTensorError| file_error(path, e.to_string());
        let description = Description {
            version: VERSION,
            shape: self.encoder.shape,
            norm_eps: self.encoder.norm_eps.clone(),
            output_scale: self.output_scale,
            pooling: self.head.pooling,
            normalize: self.head.normalize,
        };
        let json = serde_json::to_string(&description).map_err(|e| file_error(path, e.to_string()))?;
        let e = &self.embedding;
        let table = |rows: usize| vec![rows / e.hidden, e.hidden];
        let tensors: Vec<(&str, Dtype, Vec<usize>, &[u8])> = vec![
            ("constants", Dtype::U8, vec![self.image.len()], &self.image),
            ("embedding.word", Dtype::I8, table(e.word.len()), bytemuck::cast_slice(&e.word)),
            ("embedding.word_scale", Dtype::U16, vec![e.word_scale.len()], bytemuck::cast_slice(&e.word_scale)),
            ("embedding.position", Dtype::I16, table(e.position.len()), bytemuck::cast_slice(&e.position)),
            ("embedding.token_type", Dtype::I16, table(e.token_type.len()), bytemuck::cast_slice(&e.token_type)),
            ("tokenizer", Dtype::U8, vec![self.tokenizer.source().len()], self.tokenizer.source()),
        ];
        let views: Result<Vec<_>, _> = tensors
            .into_iter()
            .map(|(name, dtype, shape, bytes)| Ok((name, TensorView::new(dtype, shape, bytes)?)))
            .collect();
        let metadata = HashMap::from([(KEY.to_owned(), json)]);
        serialize_to_file(views.map_err(refused)?, Some(metadata), path).map_err(refused)
    }

    /// Reads a model from a file written by [`QuantizedModel::save`]. The file must not be changed meanwhile.
    ///
    /// # Errors
    /// [`QuantizeError::Checkpoint`] if it cannot be read, [`QuantizeError::File`] if it is damaged or of another
    /// version.
    pub fn open(path: &Path) -> Result<Self, QuantizeError> {
        Self::from_bytes(&MappedFile::open(path)?, path)
    }

    /// Reads a model from the bytes of such a file; `path` is for messages only.
    ///
    /// # Errors
    /// [`QuantizeError::File`].
    pub fn from_bytes(bytes: &[u8], path: &Path) -> Result<Self, QuantizeError> {
        let _span = tracing::info_span!("load", path = %path.display(), bytes = bytes.len()).entered();
        read(bytes, path).map_err(|reason| file_error(path, reason))
    }

    /// Whether a file begins as a safetensors container with our description.
    pub fn is_quantized(bytes: &[u8]) -> bool {
        matches!(SafeTensors::read_metadata(bytes), Ok((_, m)) if m.metadata().as_ref().is_some_and(|m| m.contains_key(KEY)))
    }
}

fn file_error(path: &Path, reason: String) -> QuantizeError {
    QuantizeError::File { path: path.to_owned(), reason }
}

fn read(bytes: &[u8], path: &Path) -> Result<QuantizedModel, String> {
    let text = |e: safetensors::SafeTensorError| e.to_string();
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(text)?;
    let json = metadata.metadata().as_ref().and_then(|m| m.get(KEY)).ok_or("it has no description of ours")?;
    let d: Description = serde_json::from_str(json).map_err(|e| format!("its description does not parse ({e})"))?;
    if d.version != VERSION {
        return Err(format!("it has format version {}, this build reads {VERSION}", d.version));
    }
    check_shape(&d.shape)?;
    if !(d.output_scale.is_finite() && d.output_scale > 0.0) {
        return Err("its output scale is not a positive number".into());
    }
    let encoder =
        Encoder::new(d.shape, d.norm_eps).ok_or("its epsilons do not match its layers, or it is too large")?;

    let tensors = SafeTensors::deserialize(bytes).map_err(text)?;
    let tensor = |name: &str, dtype: Dtype| match tensors.tensor(name) {
        Ok(t) if t.dtype() == dtype => Ok((t.shape().to_vec(), t.data())),
        Ok(t) => Err(format!("tensor {name} has type {:?} instead of {dtype:?}", t.dtype())),
        Err(e) => Err(e.to_string()),
    };
    let hidden = d.shape.hidden as usize;
    let table = |name: &str, dtype: Dtype, rows: Option<usize>| {
        let (shape, data) = tensor(name, dtype)?;
        match shape[..] {
            [r, c] if c == hidden && r > 0 && rows.is_none_or(|rows| rows == r) => Ok((r, data)),
            _ => Err(format!("tensor {name} has shape {shape:?}, which does not fit the model")),
        }
    };
    let (_, constants) = tensor("constants", Dtype::U8)?;
    if constants.len() != encoder.layout.bytes as usize {
        return Err(format!("its constants have {} bytes instead of {}", constants.len(), encoder.layout.bytes));
    }
    let (vocab, word) = table("embedding.word", Dtype::I8, None)?;
    let (_, word_scale) = tensor("embedding.word_scale", Dtype::U16)?;
    if word_scale.len() != 2 * vocab {
        return Err("it has not one scale for each word".into());
    }
    let (_, position) = table("embedding.position", Dtype::I16, Some(d.shape.max_tokens as usize))?;
    let (_, token_type) = table("embedding.token_type", Dtype::I16, None)?;
    let (_, tokenizer) = tensor("tokenizer", Dtype::U8)?;
    let copy = || {
        let embedding = Embedding {
            hidden,
            word: bytemuck::cast_slice(word).to_vec(),
            word_scale: pairs(word_scale).map(u16::from_le_bytes).collect(),
            position: pairs(position).map(i16::from_le_bytes).collect(),
            token_type: pairs(token_type).map(i16::from_le_bytes).collect(),
        };
        (constants.into(), embedding)
    };
    // Parsing the tokenizer takes longest.
    let (tokenizer, (image, embedding)) = rayon::join(|| Tokenizer::from_bytes(tokenizer.to_vec()), copy);
    let tokenizer = tokenizer.map_err(|e| e.to_string())?;
    tokenizer.check_vocabulary(vocab).map_err(|e| e.to_string())?;
    tracing::debug!(path = %path.display(), ?encoder.shape, vocab, "quantized model");
    Ok(QuantizedModel {
        image,
        embedding,
        output_scale: d.output_scale,
        head: SentenceHead { pooling: d.pooling, normalize: d.normalize },
        tokenizer,
        encoder,
    })
}

fn pairs(bytes: &[u8]) -> impl Iterator<Item = [u8; 2]> + '_ {
    bytes.chunks_exact(2).map(|b| [b[0], b[1]])
}

fn check_shape(s: &Shape) -> Result<(), String> {
    let bounds = [
        ("hidden", s.hidden, MAX.hidden),
        ("layers", s.layers, MAX.layers),
        ("heads", s.heads, MAX.heads),
        ("intermediate", s.intermediate, MAX.intermediate),
        ("max_tokens", s.max_tokens, MAX.max_tokens),
    ];
    for (name, value, max) in bounds {
        if value == 0 || value > max {
            return Err(format!("its {name} is {value}, outside 1 to {max}"));
        }
    }
    if !s.hidden.is_multiple_of(s.heads) {
        return Err(format!("its hidden size {} is no multiple of its {} heads", s.hidden, s.heads));
    }
    Ok(())
}
