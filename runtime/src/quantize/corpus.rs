//! The calibration texts of whoever gives none.

/// About 320 short texts on everyday subjects, from one word to a paragraph of 150: news, science, instructions,
/// questions, dialogue, reviews, code, numbers and names. They were written for this project.
///
/// Texts like those the model will see give narrower ranges than these.
pub fn default_calibration() -> Vec<String> {
    include_str!("../../data/calibration.txt").lines().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_many_distinct_and_of_every_length() {
        let texts = default_calibration();
        let words = |t: &String| t.split_whitespace().count();
        assert!(texts.len() >= 256);
        assert!(texts.iter().all(|t| !t.trim().is_empty()));
        assert!(texts.iter().filter(|t| words(t) <= 3).count() >= 20, "short ones");
        assert!(texts.iter().filter(|t| words(t) >= 120).count() >= 5, "long ones");
        let distinct: std::collections::HashSet<_> = texts.iter().collect();
        assert_eq!(distinct.len(), texts.len());
    }
}
