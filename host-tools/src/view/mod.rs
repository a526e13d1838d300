//! Drawing for people. Colours appear only on a terminal that shows them (NO_COLOR and CLICOLOR_FORCE are heeded), and
//! nothing is said by colour alone.

pub mod card;
pub mod embeddings;
pub mod guest;
pub mod program;
pub mod similarity;
pub mod table;
pub mod units;

use console::{Style, Term};

use crate::output::plain;

/// Widest line where no terminal says how wide it is.
const WIDTH: usize = 100;

/// Columns of the terminal, within reason.
pub fn width() -> usize {
    Term::stdout().size_checked().map_or(WIDTH, |(_, columns)| usize::from(columns).clamp(60, 160))
}

/// A heading.
pub fn heading(text: &str) -> String {
    Style::new().bold().apply_to(text).to_string()
}

/// Something that matters less.
pub fn dim(text: &str) -> String {
    Style::new().dim().apply_to(text).to_string()
}

/// Something wrong.
pub fn alarm(text: &str) -> String {
    Style::new().red().bold().apply_to(text).to_string()
}

/// A foreign text on at most `columns` columns.
pub fn excerpt(text: &str, columns: usize) -> String {
    console::truncate_str(&plain(text), columns, "…").into_owned()
}
