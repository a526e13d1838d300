//! The weights' files: mapped, sorted out by name, checked against the configuration, converted to fp32.

use std::collections::BTreeMap;
use std::path::Path;

use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use super::config::ModelConfig;
use super::error::{CheckpointError, Result};
use super::kind::FileKind;
use super::mapping::MappedFile;
use super::names::{Fate, PREFIXES, WORD, fate, parameters};
use super::shards::{self, Index};
use super::weights::{LayerNorm, LayerWeights, Linear, Matrix, Weights};

/// One tensor of the file and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorReport {
    /// Name in the file.
    pub name: String,
    /// Element type, as safetensors names it.
    pub dtype: String,
    /// Shape in the file.
    pub shape: Vec<usize>,
    /// Mapped, ignored or refused.
    pub fate: Fate,
}

/// Reads all parameters of the encoder from the files of its directory.
///
/// Nothing is allocated but for tensors whose shape agrees with `config` and whose bytes are in the file.
///
/// # Errors
/// [`CheckpointError::Io`], [`CheckpointError::FileMissing`], those of [`Weights::from_bytes`], and for shards
/// [`CheckpointError::ShardName`] and [`CheckpointError::TensorMisplaced`].
pub(super) fn load(directory: &Path, config: &ModelConfig) -> Result<(Weights, Vec<TensorReport>)> {
    let (paths, index) = shards::find(directory)?;
    let maps = paths.iter().map(|path| MappedFile::open(path)).collect::<Result<Vec<_>>>()?;
    let parts: Vec<(&Path, &[u8])> = paths.iter().zip(&maps).map(|(path, map)| (path.as_path(), &map[..])).collect();
    File::parse(&parts, index.as_ref(), config)?.read(config)
}

impl Weights {
    /// Reads all parameters of the encoder from the bytes of a safetensors file; `path` is for messages only.
    ///
    /// # Errors
    /// [`CheckpointError::Container`], [`CheckpointError::TensorRefused`] for a tensor that would change the result;
    /// missing, duplicate, wrongly shaped, wrongly typed or non-finite tensors by name.
    pub fn from_bytes(bytes: &[u8], path: &Path, config: &ModelConfig) -> Result<(Self, Vec<TensorReport>)> {
        File::parse(&[(path, bytes)], None, config)?.read(config)
    }
}

/// The tensors of one file or of several, found by the name of the parameter.
struct File<'a> {
    prefix: &'static str,
    shapes: BTreeMap<String, Vec<usize>>,
    found: BTreeMap<String, (String, TensorView<'a>)>,
    report: Vec<TensorReport>,
}

impl<'a> File<'a> {
    fn parse(parts: &[(&Path, &'a [u8])], index: Option<&Index>, config: &ModelConfig) -> Result<Self> {
        let containers = parts.iter().map(|(path, bytes)| container(path, bytes)).collect::<Result<Vec<_>>>()?;
        if let Some(index) = index {
            for ((path, _), tensors) in parts.iter().zip(&containers) {
                index.check(path, &tensors.names())?;
            }
        }
        // No name occurs twice: a container has each once, and the index has each in one of them.
        let mut views: Vec<(&str, TensorView<'a>)> = containers.iter().flat_map(SafeTensors::iter).collect();
        views.sort_by_key(|(name, _)| *name);
        let prefix = find_prefix(&views)?;
        let shapes = parameters(config);
        let mut file = Self { prefix, shapes, found: BTreeMap::new(), report: Vec::with_capacity(views.len()) };
        for (name, view) in views {
            let (dtype, shape) = (format!("{:?}", view.dtype()), view.shape().to_vec());
            let fate = fate(name, prefix, &file.shapes);
            file.report.push(TensorReport { name: name.to_owned(), dtype, shape, fate: fate.clone() });
            if let Fate::Mapped(parameter) = fate
                && let Some((first, _)) = file.found.insert(parameter, (name.to_owned(), view))
            {
                return Err(CheckpointError::TensorDuplicate { first, second: name.to_owned() });
            }
        }
        Ok(file)
    }

    fn read(self, config: &ModelConfig) -> Result<(Weights, Vec<TensorReport>)> {
        for tensor in &self.report {
            if let Fate::Refused(reason) = tensor.fate {
                return Err(CheckpointError::TensorRefused { name: tensor.name.clone(), reason });
            }
        }
        Ok((self.weights(config)?, self.report))
    }

    fn weights(&self, config: &ModelConfig) -> Result<Weights> {
        let layers = (0..config.layers).map(|layer| self.layer(&format!("encoder.layer.{layer}")));
        Ok(Weights {
            word: self.matrix(WORD)?,
            position: self.matrix("embeddings.position_embeddings.weight")?,
            token_type: self.matrix("embeddings.token_type_embeddings.weight")?,
            embedding_norm: self.norm("embeddings.LayerNorm")?,
            layers: layers.collect::<Result<_>>()?,
        })
    }

    fn layer(&self, base: &str) -> Result<LayerWeights> {
        Ok(LayerWeights {
            query: self.linear(&format!("{base}.attention.self.query"))?,
            key: self.linear(&format!("{base}.attention.self.key"))?,
            value: self.linear(&format!("{base}.attention.self.value"))?,
            attention_output: self.linear(&format!("{base}.attention.output.dense"))?,
            attention_norm: self.norm(&format!("{base}.attention.output.LayerNorm"))?,
            ffn_in: self.linear(&format!("{base}.intermediate.dense"))?,
            ffn_out: self.linear(&format!("{base}.output.dense"))?,
            ffn_norm: self.norm(&format!("{base}.output.LayerNorm"))?,
        })
    }

    fn linear(&self, base: &str) -> Result<Linear> {
        Ok(Linear { weight: self.matrix(&format!("{base}.weight"))?, bias: self.vector(&format!("{base}.bias"))? })
    }

    fn norm(&self, base: &str) -> Result<LayerNorm> {
        Ok(LayerNorm { gamma: self.vector(&format!("{base}.weight"))?, beta: self.vector(&format!("{base}.bias"))? })
    }

    fn matrix(&self, parameter: &str) -> Result<Matrix> {
        let (shape, values) = self.values(parameter)?;
        let &[rows, cols] = shape else { return Err(self.missing(parameter)) };
        Ok(Matrix { rows, cols, values })
    }

    fn vector(&self, parameter: &str) -> Result<Vec<f32>> {
        Ok(self.values(parameter)?.1)
    }

    fn values(&self, parameter: &str) -> Result<(&[usize], Vec<f32>)> {
        let shape = self.shapes.get(parameter).ok_or_else(|| self.missing(parameter))?;
        let (name, view) = self.found.get(parameter).ok_or_else(|| self.missing(parameter))?;
        Ok((shape, checked_values(name, view, shape)?))
    }

    fn missing(&self, parameter: &str) -> CheckpointError {
        CheckpointError::TensorMissing { name: format!("{}{parameter}", self.prefix) }
    }
}

/// Parses a file, or says what it is instead.
fn container<'a>(path: &Path, bytes: &'a [u8]) -> Result<SafeTensors<'a>> {
    SafeTensors::deserialize(bytes).map_err(|source| match FileKind::of(bytes) {
        kind if kind.is_another() => CheckpointError::wrong_kind(path, kind, "a safetensors file"),
        _ => CheckpointError::Container { path: path.to_owned(), source },
    })
}

/// Reads the tensors of a module's file: these, of these shapes, and no others. A vector becomes a matrix of one row.
pub(super) fn read_module<const N: usize>(path: &Path, wanted: [(&str, &[usize]); N]) -> Result<[Matrix; N]> {
    let map = MappedFile::open(path)?;
    let tensors = container(path, &map)?;
    if let Some(name) = tensors.names().into_iter().find(|name| !wanted.iter().any(|(wanted, _)| wanted == name)) {
        return Err(CheckpointError::TensorRefused {
            name: name.to_owned(),
            reason: "its module has no such parameter",
        });
    }
    let mut read = std::array::from_fn(|_| Matrix::default());
    for (matrix, (name, shape)) in read.iter_mut().zip(wanted) {
        let view = tensors.tensor(name).map_err(|_| CheckpointError::TensorMissing { name: name.to_owned() })?;
        let values = checked_values(name, &view, shape)?;
        let cols = shape.last().copied().unwrap_or_default();
        *matrix = Matrix { rows: values.len() / cols.max(1), cols, values };
    }
    Ok(read)
}

/// A tensor's elements, if it has this shape, a type that is read, and only finite elements.
fn checked_values(name: &str, view: &TensorView<'_>, shape: &[usize]) -> Result<Vec<f32>> {
    if view.shape() != shape {
        let (name, found, expected) = (name.to_owned(), view.shape().to_vec(), shape.to_vec());
        return Err(CheckpointError::TensorShape { name, found, expected });
    }
    let values = to_f32(view)
        .ok_or_else(|| CheckpointError::TensorType { name: name.to_owned(), found: format!("{:?}", view.dtype()) })?;
    match values.iter().position(|v| !v.is_finite()) {
        Some(index) => Err(CheckpointError::TensorNotFinite { name: name.to_owned(), index, value: values[index] }),
        None => Ok(values),
    }
}

/// The prefix under which the file's one encoder stands.
fn find_prefix(views: &[(&str, TensorView<'_>)]) -> Result<&'static str> {
    let full = |prefix: &str| format!("{prefix}{WORD}");
    let present = |prefix: &&&'static str| views.iter().any(|(name, _)| *name == full(prefix));
    match PREFIXES.iter().filter(present).collect::<Vec<_>>()[..] {
        [prefix] => Ok(prefix),
        [first, second, ..] => Err(CheckpointError::TensorDuplicate { first: full(first), second: full(second) }),
        [] => Err(CheckpointError::TensorMissing { name: WORD.to_owned() }),
    }
}

/// Converts little-endian F32, F16 or BF16 data to fp32 (all three conversions are exact); `None` for other types.
fn to_f32(view: &TensorView<'_>) -> Option<Vec<f32>> {
    let data = view.data();
    let halves = || data.as_chunks::<2>().0.iter();
    match view.dtype() {
        Dtype::F32 => Some(data.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect()),
        Dtype::F16 => Some(halves().map(|b| half::f16::from_le_bytes(*b).to_f32()).collect()),
        Dtype::BF16 => Some(halves().map(|b| half::bf16::from_le_bytes(*b).to_f32()).collect()),
        _ => None,
    }
}

#[cfg(test)]
#[path = "tensors_tests.rs"]
mod tests;
