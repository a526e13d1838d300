//! What the guest says on its console: lines of JSON behind a marker, among the kernel's messages.

use serde::{Deserialize, Serialize};

/// Before each of our lines.
const MARKER: &str = "@systole ";

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Line {
    /// The trials begin.
    Ready {
        /// The kernel's release.
        kernel: String,
        /// Seconds since it started.
        seconds: f64,
    },
    /// The driver found its way to a card.
    Way {
        /// Name of the trial.
        trial: String,
        /// It, as `systole probe` tells it.
        way: String,
    },
    /// A check ended.
    Case {
        /// Name of the trial.
        trial: String,
        /// What holds if it passed.
        name: String,
        /// How long it took.
        seconds: f64,
        /// What was found instead.
        error: Option<String>,
    },
    /// Something was measured.
    Figure {
        /// Name of the trial.
        trial: String,
        /// What.
        name: String,
        /// How much, in microseconds.
        microseconds: f64,
    },
    /// The last one.
    Closing {
        /// How many cases there were.
        cases: usize,
        /// How many of them failed.
        failed: usize,
    },
}

impl Line {
    /// As it stands on the console.
    pub fn print(&self) -> serde_json::Result<String> {
        Ok(format!("{MARKER}{}", serde_json::to_string(self)?))
    }

    /// Reads a console's line; `None` if it is not one of ours.
    pub fn parse(line: &str) -> Option<serde_json::Result<Self>> {
        let at = line.find(MARKER)? + MARKER.len();
        Some(serde_json::from_str(line[at..].trim_end()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_they_were_printed() {
        let error = Some("left: 1\nright: \"2\"".to_owned());
        let line = Line::Case { trial: "vfio".into(), name: "a".into(), seconds: 0.5, error };
        let printed = line.print().unwrap();
        assert!(!printed.contains('\n'));
        assert_eq!(Line::parse(&format!("[ 1.2] kernel: {printed}\r")).unwrap().unwrap(), line);
        assert!(Line::parse(&printed[..printed.len() - 3]).unwrap().is_err());
        assert!(Line::parse("[    0.000000] Linux version 6.12").is_none());
    }
}
