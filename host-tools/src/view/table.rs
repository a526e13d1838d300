//! The house's table: a rule under the header, numbers to the right.

use comfy_table::{CellAlignment, ContentArrangement, Table, TableComponent, presets};

/// A table with these columns; a name that begins with `>` is that of a column of numbers.
pub fn table(columns: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_style(TableComponent::HeaderLines, '─').set_style(TableComponent::MiddleHeaderIntersections, '─');
    table.set_header(columns.iter().map(|c| c.trim_start_matches('>')));
    for (index, name) in columns.iter().enumerate() {
        if let Some(column) = table.column_mut(index) {
            if name.starts_with('>') {
                column.set_cell_alignment(CellAlignment::Right);
            }
            column.set_padding((if index == 0 { 0 } else { 1 }, 1));
        }
    }
    table
}

/// A share as a bar of at most `columns` eighths-of-a-block columns.
pub fn bar(share: f64, columns: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (share.clamp(0.0, 1.0) * columns as f64 * 8.0).round() as usize;
    "█".repeat(eighths / 8) + EIGHTHS[eighths % 8]
}

#[cfg(test)]
mod tests {
    #[test]
    fn bars() {
        assert_eq!(super::bar(0.5, 3), "█▌");
        assert_eq!(super::bar(f64::NAN, 3), "");
        assert_eq!(super::bar(2.0, 2), "██");
    }
}
