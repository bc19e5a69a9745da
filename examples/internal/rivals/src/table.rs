//! Plain tables.

/// Columns as wide as they have to be: the first to the left, the others to the right.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    aligned(rows, |column| column > 0)
}

/// As [`table`], with every column to the left.
pub(crate) fn table_of_words(rows: &[Vec<String>]) -> String {
    aligned(rows, |_| false)
}

fn aligned(rows: &[Vec<String>], to_the_right: impl Fn(usize) -> bool) -> String {
    let mut widths: Vec<usize> = Vec::new();
    for row in rows {
        widths.resize(widths.len().max(row.len()), 0);
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
            if to_the_right(column) { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        });
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// A row of words.
pub(crate) fn head<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).into()
}

/// A count that is a mean: without a fraction where there is none.
pub(crate) fn count(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

/// A number that may not be there.
pub(crate) fn optional(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.0}"))
}
