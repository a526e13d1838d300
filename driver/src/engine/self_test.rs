//! Whether a device computes: a small program, and what it must give.

use std::time::Duration;

use super::{Engine, EngineError, RunOptions};
use crate::self_test;

pub(super) fn run(engine: &mut Engine, deadline: Duration) -> Result<(), EngineError> {
    let program = self_test::verified(engine.config()).map_err(|refused| EngineError::Refused(Box::new(refused)))?;
    let (output, _) = self_test::run(engine, &program, RunOptions { trace: false, deadline })?;
    let right = self_test::expected(engine.config());
    match output.iter().zip(&right).position(|(found, expected)| found != expected) {
        None => Ok(()),
        Some(index) => Err(EngineError::SelfTest { index, expected: right[index], found: output[index] }),
    }
}
