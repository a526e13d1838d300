//! The encoder's parameters in fp32, as owned row-major matrices.

/// A row-major fp32 matrix.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Matrix {
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub cols: usize,
    /// `rows * cols` elements, row by row.
    pub values: Vec<f32>,
}

impl Matrix {
    /// A matrix of zeros.
    pub fn zeros(rows: usize, cols: usize) -> Self {
        Self { rows, cols, values: vec![0.0; rows * cols] }
    }

    /// One row, `cols` elements. Panics when `row >= rows`, as indexing does.
    pub fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.cols..(row + 1) * self.cols]
    }
}

/// A fully connected layer `y = x W^T + b`.
#[derive(Debug, Clone, PartialEq)]
pub struct Linear {
    /// `[out, in]`, one row per output channel, as PyTorch keeps it.
    pub weight: Matrix,
    /// `[out]`.
    pub bias: Vec<f32>,
}

/// Scale and shift of a LayerNorm.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerNorm {
    /// Scale, `[hidden]`.
    pub gamma: Vec<f32>,
    /// Shift, `[hidden]`.
    pub beta: Vec<f32>,
}

/// One encoder layer (post-LN: `LN(x + f(x))`).
#[derive(Debug, Clone, PartialEq)]
pub struct LayerWeights {
    /// `[hidden, hidden]`; head `h` owns output channels `h * dh .. (h + 1) * dh`.
    pub query: Linear,
    /// `[hidden, hidden]`, heads as in `query`.
    pub key: Linear,
    /// `[hidden, hidden]`, heads as in `query`.
    pub value: Linear,
    /// Output projection of the attention, `[hidden, hidden]`.
    pub attention_output: Linear,
    /// LayerNorm after the attention's residual addition.
    pub attention_norm: LayerNorm,
    /// First matrix of the feed-forward block, `[intermediate, hidden]`.
    pub ffn_in: Linear,
    /// Second matrix of the feed-forward block, `[hidden, intermediate]`.
    pub ffn_out: Linear,
    /// LayerNorm after the feed-forward's residual addition.
    pub ffn_norm: LayerNorm,
}

/// All parameters of a BERT encoder.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights {
    /// `[vocab, hidden]`.
    pub word: Matrix,
    /// `[max_positions, hidden]`.
    pub position: Matrix,
    /// `[type_vocab, hidden]`.
    pub token_type: Matrix,
    /// LayerNorm over the sum of the three embeddings.
    pub embedding_norm: LayerNorm,
    /// The encoder layers, first to last.
    pub layers: Vec<LayerWeights>,
}
