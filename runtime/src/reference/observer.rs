//! Watching the activations of a forward pass, for calibration.

/// A place in the encoder where an activation can be observed. Rows are tokens, all sequences of a batch one after the
/// other, unless said otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Site {
    /// Sum of the three embeddings, before LayerNorm; `[tokens, hidden]`, layer 0.
    EmbeddingSum,
    /// After the embedding LayerNorm, the input of the first layer; `[tokens, hidden]`, layer 0.
    EmbeddingOut,
    /// Queries after bias, not yet scaled; `[tokens, hidden]`.
    Query,
    /// Keys after bias; `[tokens, hidden]`.
    Key,
    /// Values after bias; `[tokens, hidden]`.
    Value,
    /// `Q K^T / sqrt(head_dim)` before softmax; one call a sequence of `T` tokens, `[heads * T, T]`.
    Scores,
    /// `P V`, heads side by side; `[tokens, hidden]`.
    Context,
    /// `x + attention(x)` before LayerNorm; `[tokens, hidden]`.
    AttentionResidual,
    /// After the attention's LayerNorm, the input of the feed-forward block; `[tokens, hidden]`.
    AttentionOut,
    /// First feed-forward matrix after bias, before the activation; `[tokens, intermediate]`.
    FfnPre,
    /// After the activation; `[tokens, intermediate]`.
    FfnAct,
    /// `x + ffn(x)` before LayerNorm; `[tokens, hidden]`.
    FfnResidual,
    /// After the feed-forward's LayerNorm, the layer's result; `[tokens, hidden]`.
    LayerOut,
}

impl Site {
    /// All sites, in the order of the computation.
    pub const ALL: [Site; 13] = [
        Site::EmbeddingSum,
        Site::EmbeddingOut,
        Site::Query,
        Site::Key,
        Site::Value,
        Site::Scores,
        Site::Context,
        Site::AttentionResidual,
        Site::AttentionOut,
        Site::FfnPre,
        Site::FfnAct,
        Site::FfnResidual,
        Site::LayerOut,
    ];
}

/// Receives activations during [`super::Reference::forward_observed`].
///
/// Calls come from one thread, in the order of the computation. A large input is computed in several batches of whole
/// sequences, each of which calls every site once.
pub trait Observer {
    /// Whether the site is of interest; `observe` is called only if so. Scores cost memory that is saved otherwise.
    fn wants(&self, layer: usize, site: Site) -> bool {
        let _ = (layer, site);
        true
    }

    /// Takes a row-major `[rows, cols]` block.
    fn observe(&mut self, layer: usize, site: Site, rows: usize, cols: usize, values: &[f32]);
}

/// The observer of a plain forward pass.
pub(super) struct Nobody;

impl Observer for Nobody {
    fn wants(&self, _layer: usize, _site: Site) -> bool {
        false
    }

    fn observe(&mut self, _layer: usize, _site: Site, _rows: usize, _cols: usize, _values: &[f32]) {}
}
