//! Which texts calibrate a model, and which show afterwards how well it came out.

use std::collections::HashSet;

use super::corpus;

/// Of so many distinct texts one is held out.
const ONE_IN: usize = 5;
/// Fewer distinct texts cannot spare any.
const FEWEST: usize = 10;

/// Calibration texts, divided: no model is judged by the texts that gave its ranges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// What the model is calibrated with, each text once.
    pub calibration: Vec<String>,
    /// What it is measured with.
    pub held_out: Vec<String>,
    /// The texts were too few to hold any out, so that `held_out` are the built-in ones.
    pub borrowed: bool,
}

impl Split {
    /// Fewer distinct texts than this are a weak calibration: MiniLM calibrated with 20 loses four times what it loses
    /// with 250.
    pub const ADVISED: usize = 50;

    /// Divides texts, always in the same way: every fifth distinct text is held out.
    pub fn of(texts: &[String]) -> Self {
        let mut seen = HashSet::new();
        let distinct: Vec<&String> = texts.iter().filter(|text| seen.insert(text.trim())).collect();
        if distinct.len() < FEWEST {
            let calibration = distinct.into_iter().cloned().collect();
            return Self { calibration, held_out: Self::built_in().held_out, borrowed: true };
        }
        let chosen = |held_out: bool| {
            let texts = distinct.iter().enumerate().filter(|(i, _)| (i % ONE_IN == ONE_IN - 1) == held_out);
            texts.map(|(_, text)| (*text).clone()).collect()
        };
        Self { calibration: chosen(false), held_out: chosen(true), borrowed: false }
    }

    /// The texts of whoever gives none, divided.
    pub fn built_in() -> Self {
        Self::of(&corpus::texts())
    }

    /// Distinct texts that were given.
    pub fn distinct(&self) -> usize {
        self.calibration.len() + if self.borrowed { 0 } else { self.held_out.len() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(count: usize) -> Vec<String> {
        (0..count).map(|i| format!("text {i}")).collect()
    }

    #[test]
    fn nothing_is_on_both_sides_whatever_repeats() {
        let mut texts = numbered(100);
        texts.extend(numbered(100).iter().map(|text| format!(" {text} ")));
        let split = Split::of(&texts);
        assert_eq!((split.calibration.len(), split.held_out.len(), split.distinct()), (80, 20, 100));
        assert!(!split.borrowed && split.held_out.iter().all(|text| !split.calibration.contains(text)));
        assert_eq!(split, Split::of(&texts));
    }

    #[test]
    fn a_handful_is_measured_with_the_built_in_texts() {
        let split = Split::of(&vec!["x".to_owned(); 100]);
        assert_eq!((split.calibration.len(), split.distinct(), split.borrowed), (1, 1, true));
        assert_eq!(split.held_out, Split::built_in().held_out);
        assert!(!Split::built_in().borrowed && Split::built_in().held_out.len() >= 50);
    }
}
