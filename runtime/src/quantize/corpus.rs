//! The calibration texts of whoever gives none.

use super::Split;

/// About 250 short texts on everyday subjects, from one word to a paragraph of 150: news, science, instructions,
/// questions, dialogue, reviews, code, numbers and names. They were written for this project. Those held out to measure
/// with are not among them; [`Split::built_in`] has both.
///
/// Texts like those the model will see give narrower ranges than these.
pub fn default_calibration() -> Vec<String> {
    Split::built_in().calibration
}

/// All of them, those held out too.
pub(super) fn texts() -> Vec<String> {
    include_str!("../../data/calibration.txt").lines().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_many_distinct_and_of_every_length() {
        let Split { calibration, held_out, .. } = Split::built_in();
        assert_eq!(calibration.len() + held_out.len(), texts().len(), "each is distinct");
        let words = |t: &String| t.split_whitespace().count();
        assert!(calibration.len() >= 250);
        assert!(texts().iter().all(|t| !t.trim().is_empty()));
        for texts in [&calibration, &held_out] {
            assert!(texts.iter().filter(|t| words(t) <= 3).count() >= 5, "short ones");
            assert!(texts.iter().filter(|t| words(t) >= 50).count() >= 1, "long ones");
        }
    }
}
