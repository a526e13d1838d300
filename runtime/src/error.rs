//! The crate's error: one variant per stage, each stage's own enum inside it.

use crate::checkpoint::CheckpointError;

/// What went wrong between a checkpoint and a result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The checkpoint, its tokenizer or a text given to it cannot be used.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}
