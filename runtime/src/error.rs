//! The crate's error: one variant per stage, each stage's own enum inside it.

use crate::checkpoint::CheckpointError;
use crate::compile::CompileError;
use crate::crosscheck::Difference;
use crate::quantize::QuantizeError;
use systole_driver::EngineError;

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
    Engine(#[from] EngineError),
    /// The device failed in flight and did not come back.
    #[error("the device failed: {first}; it could not be recovered: {last}")]
    Unrecovered {
        /// What failed.
        first: EngineError,
        /// What stopped the recovery.
        last: EngineError,
    },
    /// Device memory changed without anybody writing it, again and again.
    #[error(
        "device memory does not keep {what}: bits flip, or something else writes there; check the board's memory with \
         `systole validate`"
    )]
    Corrupted {
        /// What changed.
        what: &'static str,
    },
    /// Board and reference gave different results.
    #[error(
        "request {request}: the board's result differs; {}",
        at.as_ref().map_or("not again when looked for, so its memory or timing is unreliable".into(), |d| d.to_string())
    )]
    Differs {
        /// Index of the request.
        request: usize,
        /// The first operation that differs, if it did so again.
        at: Option<Box<Difference>>,
    },
}

impl Error {
    /// Whether the device was stopped because the process is to end.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Engine(error) if error.is_cancelled())
    }

    /// Whether the device did not finish in time.
    pub fn is_hang(&self) -> bool {
        matches!(self, Self::Engine(error) if error.is_hang())
    }

    /// Whether the device is to blame, so that the same request may succeed on another one, or later.
    pub fn is_of_device(&self) -> bool {
        match self {
            Self::Engine(error) => error.is_of_device(),
            Self::Unrecovered { .. } | Self::Corrupted { .. } => true,
            Self::Differs { .. } => false,
            Self::Checkpoint(_) | Self::Quantize(_) | Self::Compile(_) | Self::Refused(_) | Self::Program(_) => false,
        }
    }
}

impl From<systole_driver::Refused> for Error {
    fn from(refused: systole_driver::Refused) -> Self {
        Self::Refused(Box::new(refused))
    }
}
