//! Where a run's texts come from: the arguments, then the input, which is read ahead.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use crate::input::{Line, Origin, Text};
use crate::interrupted;

/// While it waits for a line, between two looks at whether it should.
const LOOK: Duration = Duration::from_millis(50);

/// Texts in their order.
pub struct Source {
    given: VecDeque<String>,
    taken: usize,
    input: Option<Receiver<anyhow::Result<Line>>>,
}

/// What there is to take.
pub enum Next {
    /// A text, or a line without one.
    Line(Line),
    /// Nothing now, perhaps later.
    NotYet,
    /// Nothing any more.
    End,
}

impl Source {
    /// Texts that are given, then those of an input.
    pub fn new(given: Vec<String>, input: Option<Receiver<anyhow::Result<Line>>>) -> Self {
        Self { given: given.into(), taken: 0, input }
    }

    /// How many texts there are, where that is known beforehand.
    pub fn len(&self) -> Option<usize> {
        self.input.is_none().then_some(self.given.len())
    }

    /// The next text. With `wait`, it is never [`Next::NotYet`].
    ///
    /// # Errors
    /// The input cannot be read, or is of no kind that can be; then nothing follows.
    pub fn next(&mut self, wait: bool) -> anyhow::Result<Next> {
        if let Some(text) = self.given.pop_front() {
            self.taken += 1;
            return Ok(Next::Line(Ok(Text { origin: Origin::Argument(self.taken), text, keys: Vec::new() })));
        }
        let Some(input) = &self.input else { return Ok(Next::End) };
        let line = if wait {
            loop {
                interrupted::check()?;
                match input.recv_timeout(LOOK) {
                    Err(RecvTimeoutError::Timeout) => {}
                    line => break line.ok(),
                }
            }
        } else {
            match input.try_recv() {
                Err(std::sync::mpsc::TryRecvError::Empty) => return Ok(Next::NotYet),
                line => line.ok(),
            }
        };
        match line {
            Some(Ok(line)) => Ok(Next::Line(line)),
            Some(Err(error)) => {
                self.input = None;
                Err(error)
            }
            None => {
                self.input = None;
                Ok(Next::End)
            }
        }
    }
}
