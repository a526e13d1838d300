//! The file of a quantized model: a safetensors container, so that its parser is a well-tried one and any safetensors
//! tool can list it. The metadata has a description in JSON under the key `systole`; the last tensor is the SHA-256 of
//! every byte before it, so that no damage goes unnoticed, not even in the padding of the header. The hash is no
//! signature: whoever can forge a file can hash it too. Everything read is checked against the shape before it is
//! believed.

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::Path;

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde::{Deserialize, Serialize};

use super::{Accuracy, Embedding, Encoder, NormEps, Origin, QuantizeError, QuantizedModel, Shape};
use crate::checkpoint::{MappedFile, Matrix, SentenceHead, Tokenizer};
use crate::digest::Digest;

/// Key of our description in the container's metadata.
const KEY: &str = "systole";
/// Version of the description and of the arrays' meaning; raised with the recipe's layout.
const VERSION: u32 = 2;
/// The tensor with the hash. It must be the file's last, and the container sorts bytes behind all wider types, and
/// then by name.
const HASH: &str = "whole.sha256";
/// Its size.
const HASH_BYTES: usize = 32;
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
    head: SentenceHead,
    origin: Origin,
    accuracy: Option<Accuracy>,
}

/// What every version of the description has.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

impl QuantizedModel {
    /// Writes the model to a file.
    ///
    /// # Errors
    /// [`QuantizeError::Write`].
    pub fn save(&self, path: &Path) -> Result<(), QuantizeError> {
        let written = self.to_bytes().and_then(|bytes| crate::write_whole(path, |out| out.write_all(&bytes)));
        written.map_err(|source| QuantizeError::Write { path: path.to_owned(), source })
    }

    /// The bytes of the model's file; the same for the same model.
    pub(crate) fn to_bytes(&self) -> io::Result<Vec<u8>> {
        let description = Description {
            version: VERSION,
            shape: self.encoder.shape,
            norm_eps: self.encoder.norm_eps.clone(),
            output_scale: self.output_scale,
            head: self.head.clone(),
            origin: self.origin.clone(),
            accuracy: self.accuracy.clone(),
        };
        let json = serde_json::to_string(&description)?;
        let e = &self.embedding;
        let table = |rows: usize| vec![rows / e.hidden, e.hidden];
        let head = self.head.tensors();
        let mut tensors: Vec<(&str, Dtype, Vec<usize>, &[u8])> = vec![
            ("constants", Dtype::U8, vec![self.image.len()], &self.image),
            ("embedding.word", Dtype::I8, table(e.word.len()), bytemuck::cast_slice(&e.word)),
            ("embedding.word_scale", Dtype::U16, vec![e.word_scale.len()], bytemuck::cast_slice(&e.word_scale)),
            ("embedding.position", Dtype::I16, table(e.position.len()), bytemuck::cast_slice(&e.position)),
            ("embedding.token_type", Dtype::I16, table(e.token_type.len()), bytemuck::cast_slice(&e.token_type)),
            ("tokenizer", Dtype::U8, vec![self.tokenizer.source().len()], self.tokenizer.source()),
            (HASH, Dtype::U8, vec![HASH_BYTES], &[0; HASH_BYTES]),
        ];
        for (name, m) in &head {
            tensors.push((name, Dtype::F32, vec![m.rows, m.cols], bytemuck::cast_slice(&m.values)));
        }
        let views =
            tensors.into_iter().map(|(name, dtype, shape, bytes)| Ok((name, TensorView::new(dtype, shape, bytes)?)));
        let metadata = HashMap::from([(KEY.to_owned(), json)]);
        let bytes = views.collect::<Result<Vec<_>, _>>().and_then(|v| safetensors::serialize(v, Some(metadata)));
        let mut bytes = bytes.map_err(io::Error::other)?;
        if let Some((content, hash)) = bytes.split_last_chunk_mut() {
            *hash = Digest::of(content).0;
        }
        Ok(bytes)
    }

    /// Reads a model from a file written by [`QuantizedModel::save`]. The file must not be changed meanwhile.
    ///
    /// # Errors
    /// [`QuantizeError::Checkpoint`] if it cannot be read, and those of [`QuantizedModel::from_bytes`].
    pub fn open(path: &Path) -> Result<Self, QuantizeError> {
        Self::from_bytes(&MappedFile::open(path)?, path)
    }

    /// Reads a model from the bytes of such a file; `path` is for messages only.
    ///
    /// # Errors
    /// [`QuantizeError::File`] if it is no such file, [`QuantizeError::Version`] if another version wrote it,
    /// [`QuantizeError::Damaged`] if a bit is not as it was written.
    pub fn from_bytes(bytes: &[u8], path: &Path) -> Result<Self, QuantizeError> {
        let _span = tracing::info_span!("load", path = %path.display(), bytes = bytes.len()).entered();
        let json = description(bytes).map_err(|reason| file_error(path, reason))?;
        match serde_json::from_str(&json) {
            Ok(Versioned { version: VERSION }) => {}
            Ok(Versioned { version: found }) => {
                return Err(QuantizeError::Version { path: path.to_owned(), found, reads: VERSION });
            }
            Err(e) => return Err(file_error(path, format!("its description does not parse ({e})"))),
        }
        // Hashing needs a third of the time that parsing does: beside it, it costs a start nothing on two cores.
        let (model, whole) = rayon::join(|| read(bytes, &json), || is_whole(bytes));
        if !whole {
            return Err(QuantizeError::Damaged { path: path.to_owned() });
        }
        let model = model.map_err(|reason| file_error(path, reason))?;
        tracing::debug!(path = %path.display(), shape = ?model.encoder.shape, "quantized model");
        Ok(model)
    }

    /// Whether a file begins as a safetensors container with our description.
    pub fn is_quantized(bytes: &[u8]) -> bool {
        description(bytes).is_ok()
    }
}

fn file_error(path: &Path, reason: String) -> QuantizeError {
    QuantizeError::File { path: path.to_owned(), reason }
}

/// Whether the file ends with the hash of all that is before it.
fn is_whole(bytes: &[u8]) -> bool {
    bytes.split_last_chunk().is_some_and(|(content, hash)| Digest::of(content).0 == *hash)
}

/// The description's JSON.
fn description(bytes: &[u8]) -> Result<String, String> {
    let (_, container) = SafeTensors::read_metadata(bytes).map_err(|e| e.to_string())?;
    let json = container.metadata().as_ref().and_then(|m| m.get(KEY));
    Ok(json.ok_or("it has no description of ours")?.clone())
}

fn read(bytes: &[u8], json: &str) -> Result<QuantizedModel, String> {
    let text = |e: safetensors::SafeTensorError| e.to_string();
    let d: Description = serde_json::from_str(json).map_err(|e| format!("its description does not parse ({e})"))?;
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
    let mut head = d.head;
    for (name, matrix) in head.tensors_mut() {
        let (shape, data) = tensor(&name, Dtype::F32)?;
        let [rows, cols] = shape[..] else { return Err(format!("tensor {name} has shape {shape:?}, not a matrix's")) };
        let values: Vec<f32> = data.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
        if values.iter().any(|v| !v.is_finite()) {
            return Err(format!("tensor {name} holds what is no number"));
        }
        *matrix = Matrix { rows, cols, values };
    }
    head.check(hidden).map_err(|e| e.to_string())?;
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
    Ok(QuantizedModel {
        image,
        embedding,
        output_scale: d.output_scale,
        head,
        tokenizer,
        encoder,
        origin: d.origin,
        accuracy: d.accuracy,
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
