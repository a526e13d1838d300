//! Where each array of a quantized model lies in the device's constant region.
//!
//! The layout follows from the model's shape alone: one image serves every hardware configuration. Matrices keep the
//! checkpoint's `[out, in]` order, since the array reads a transposed operand in place; rows are padded with zeros to the
//! DRAM alignment. Each head is padded to a multiple of 32 columns, so that a head begins at a word of every array.

use systole_isa::{DRAM_ALIGN, PARAM_BYTES};

use crate::checkpoint::{Activation, ModelConfig};

/// Static scales per tensor, or scales found per token at run time for the inputs of the large matrix products.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scales {
    /// From calibration: the fast default.
    Static,
    /// Per token: the accurate mode.
    Dynamic,
}

/// The dimensions a program depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Shape {
    /// Width of the residual stream.
    pub hidden: u32,
    /// Encoder layers.
    pub layers: u32,
    /// Heads a layer.
    pub heads: u32,
    /// Width of the feed-forward block.
    pub intermediate: u32,
    /// Longest sequence in tokens.
    pub max_tokens: u32,
    /// The feed-forward block's activation is ReLU instead of GELU.
    pub relu: bool,
    /// How activations are scaled.
    pub scales: Scales,
}

impl Shape {
    /// The shape of a checkpoint.
    pub fn new(config: &ModelConfig, scales: Scales) -> Self {
        // `ModelConfig` bounds every dimension far below u32.
        Self {
            hidden: config.hidden as u32,
            layers: config.layers as u32,
            heads: config.heads as u32,
            intermediate: config.intermediate as u32,
            max_tokens: config.max_positions as u32,
            relu: config.activation == Activation::Relu,
            scales,
        }
    }

    /// Columns of one head in memory.
    pub const fn head_pitch(&self) -> u32 {
        (self.hidden / self.heads).next_multiple_of(DRAM_ALIGN)
    }

    /// Columns of all heads side by side in memory.
    pub const fn heads_pitch(&self) -> u32 {
        self.heads * self.head_pitch()
    }

    /// Power of two that the row stage takes out of `accumulator * row maximum` in dynamic mode, for an inner dimension
    /// of `k`: the product of a `k`-fold sum of INT8 products and an 18-bit magnitude fits 31 bits after it.
    pub const fn row_shift(k: u32) -> u32 {
        (14 + k.next_power_of_two().ilog2() + 17).saturating_sub(31)
    }
}

/// A matrix of INT8 weights in DRAM, `[rows, cols]` with `pitch` bytes from row to row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weight {
    /// Byte offset in the constant region.
    pub offset: u32,
    /// Output channels.
    pub rows: u32,
    /// Input channels.
    pub cols: u32,
    /// Bytes from row to row.
    pub pitch: u32,
}

/// A row of PARAM records in DRAM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Records {
    /// Byte offset in the constant region.
    pub offset: u32,
    /// Number of records.
    pub count: u32,
}

/// One encoder layer's arrays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LayerLayout {
    /// Residual to the INT8 input of Q, K and V; `[hidden]`.
    pub qkv_in: Records,
    /// Q, K and V weights one below the other, `[3 * heads_pitch, hidden]`.
    pub qkv_weight: Weight,
    /// Their requantization, `[3 * heads_pitch]`.
    pub qkv: Records,
    /// Score to the exponent, one record a head, each at the DRAM alignment.
    pub exponent: Records,
    /// Normalised context to INT8, `[heads_pitch]`.
    pub context: Records,
    /// Output projection, `[hidden, heads_pitch]`.
    pub output_weight: Weight,
    /// Its requantization to the residual's unit, `[hidden]`.
    pub output: Records,
    /// LayerNorm after attention, `[hidden]`.
    pub attention_norm: Records,
    /// Residual to the INT8 input of the feed-forward block, `[hidden]`.
    pub ffn_in: Records,
    /// First feed-forward matrix, `[intermediate, hidden]`.
    pub up_weight: Weight,
    /// Its requantization to Q12, `[intermediate]`.
    pub up: Records,
    /// Activation to INT8 (static) or to the 16-bit range (dynamic), `[intermediate]`.
    pub activation: Records,
    /// Second feed-forward matrix, `[hidden, intermediate]`.
    pub down_weight: Weight,
    /// Its requantization to the residual's unit, `[hidden]`.
    pub down: Records,
    /// LayerNorm after the feed-forward block, `[hidden]`.
    pub ffn_norm: Records,
}

/// The whole constant region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// LayerNorm of the embeddings, `[hidden]`.
    pub embedding_norm: Records,
    /// The encoder layers.
    pub layers: Vec<LayerLayout>,
    /// Size of the region in bytes, a multiple of 64.
    pub bytes: u32,
}

impl Layout {
    /// Lays out a model; `None` if it does not fit the 4 GiB that an instruction can address.
    pub fn new(shape: &Shape) -> Option<Self> {
        let mut at = Cursor(0);
        let embedding_norm = at.records(shape.hidden)?;
        let layers = (0..shape.layers).map(|_| at.layer(shape)).collect::<Option<_>>()?;
        Some(Self { embedding_norm, layers, bytes: u32::try_from(at.0).ok()? })
    }
}

struct Cursor(u64);

impl Cursor {
    fn take(&mut self, bytes: u64) -> Option<u32> {
        let offset = self.0;
        self.0 = (self.0 + bytes).next_multiple_of(64);
        u32::try_from(self.0).ok()?;
        Some(offset as u32)
    }

    fn records(&mut self, count: u32) -> Option<Records> {
        Some(Records { offset: self.take(u64::from(count) * u64::from(PARAM_BYTES))?, count })
    }

    fn weight(&mut self, rows: u32, cols: u32) -> Option<Weight> {
        let pitch = cols.next_multiple_of(DRAM_ALIGN);
        Some(Weight { offset: self.take(u64::from(rows) * u64::from(pitch))?, rows, cols, pitch })
    }

    fn layer(&mut self, s: &Shape) -> Option<LayerLayout> {
        Some(LayerLayout {
            qkv_in: self.records(s.hidden)?,
            qkv_weight: self.weight(3 * s.heads_pitch(), s.hidden)?,
            qkv: self.records(3 * s.heads_pitch())?,
            exponent: Records { offset: self.take(u64::from(s.heads * DRAM_ALIGN))?, count: s.heads },
            context: self.records(s.heads_pitch())?,
            output_weight: self.weight(s.hidden, s.heads_pitch())?,
            output: self.records(s.hidden)?,
            attention_norm: self.records(s.hidden)?,
            ffn_in: self.records(s.hidden)?,
            up_weight: self.weight(s.intermediate, s.hidden)?,
            up: self.records(s.intermediate)?,
            activation: self.records(s.intermediate)?,
            down_weight: self.weight(s.hidden, s.intermediate)?,
            down: self.records(s.hidden)?,
            ffn_norm: self.records(s.hidden)?,
        })
    }
}
