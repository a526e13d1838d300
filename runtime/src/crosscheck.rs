//! Two devices side by side, and the first operation in which they differ.
//!
//! 1. [`CrossCheck`] runs each request on the board and on a reference, usually the simulator, and compares.
//! 2. When outputs differ, `locate` bisects the program: `probe` cuts it after an instruction, in program order, and
//!    stores all that was written on chip until there. Semaphores only order instructions forward, so no such prefix
//!    deadlocks, and it is verified like every program.
//!
//! The operation found is one before which all that can be compared was equal, and after which it is not: scratchpad,
//! accumulators and DRAM. No instruction stores parameters or row statistics, so an error in these shows in the first
//! operation that uses them.

mod locate;
mod probe;

use crate::checkpoint::{Encoding, Matrix};
use crate::quantize::QuantizedModel;
use crate::{Error, RunOptions, Session};

pub use locate::{Difference, Place};

/// A session on the board, and one on the reference.
pub struct CrossCheck {
    board: Session,
    reference: Session,
}

impl CrossCheck {
    /// Both sessions are of the same model. They may have different configurations, but only if these are the same is the
    /// operation found.
    pub fn new(board: Session, reference: Session) -> Self {
        Self { board, reference }
    }

    /// The session on the board.
    pub fn board(&self) -> &Session {
        &self.board
    }

    /// The model.
    pub fn model(&self) -> &QuantizedModel {
        self.board.model()
    }

    /// As [`Session::embed`], of the board.
    ///
    /// # Errors
    /// [`Error::Differs`] for the first request whose results differ; else as [`Session::embed`].
    pub fn embed(&mut self, encodings: &[Encoding], options: &RunOptions) -> Result<Vec<Vec<f32>>, Error> {
        let integers = self.hidden_integers(encodings, options)?;
        Ok(self.board.pooled(encodings, integers))
    }

    /// As [`Session::hidden_states`], of the board.
    ///
    /// # Errors
    /// As [`CrossCheck::embed`].
    pub fn hidden_states(&mut self, encodings: &[Encoding], options: &RunOptions) -> Result<Vec<Matrix>, Error> {
        let integers = self.hidden_integers(encodings, options)?;
        Ok(self.board.dequantized(integers))
    }

    /// As [`Session::hidden_integers`], of the board.
    ///
    /// # Errors
    /// As [`CrossCheck::embed`].
    pub fn hidden_integers(&mut self, encodings: &[Encoding], options: &RunOptions) -> Result<Vec<Vec<i16>>, Error> {
        let found = self.board.hidden_integers(encodings, options)?;
        let expected = self.reference.hidden_integers(encodings, options)?;
        match found.iter().zip(&expected).position(|(a, b)| a != b) {
            None => Ok(found),
            Some(request) => {
                tracing::warn!(request, "the results differ; looking for the first operation that does");
                let at = locate::first(&mut self.board, &mut self.reference, &encodings[request], options)?;
                Err(Error::Differs { request, at: at.map(Box::new) })
            }
        }
    }
}
