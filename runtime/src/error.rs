//! The crate's error: one variant per stage, each stage's own enum inside it.

use crate::checkpoint::CheckpointError;
use crate::compile::CompileError;
use crate::quantize::QuantizeError;

/// What went wrong between a checkpoint and a result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The checkpoint, its tokenizer or a text given to it cannot be used.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The checkpoint cannot be quantized, or a quantized file not be read.
    #[error(transparent)]
    Quantize(#[from] QuantizeError),
    /// No program can be made.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// The compiled program was not accepted: a defect of the compiler.
    #[error("the compiled program was refused: {0}; please report this with the model's config.json")]
    Refused(#[from] Box<systole_driver::Refused>),
    /// A program file is damaged or foreign.
    #[error(transparent)]
    Program(#[from] systole_driver::ProgramError),
    /// The device refused, failed or did not answer.
    #[error(transparent)]
    Engine(#[from] systole_driver::EngineError),
}

impl From<systole_driver::Refused> for Error {
    fn from(refused: systole_driver::Refused) -> Self {
        Self::Refused(Box::new(refused))
    }
}
