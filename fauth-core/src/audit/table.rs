//! An audit as a table, for terminals and for Markdown.

use std::fmt::{self, Write as _};

use super::{entry::Entry, finding::Finding};

const TITLES: [&str; 5] = ["METHOD", "PATH", "ACCESS", "KIND", "DECLARED AT"];

type Row = [String; 5];

fn row(entry: &Entry) -> Row {
    [
        entry.shown_method().to_owned(),
        entry.shown_path(),
        entry.shown_access(),
        entry.kind().name().to_owned(),
        entry.shown_location(),
    ]
}

/// Columns of equal width, then the findings.
pub(super) fn write_table(
    f: &mut fmt::Formatter<'_>,
    entries: &[Entry],
    findings: &[Finding],
) -> fmt::Result {
    let rows: Vec<Row> = entries.iter().map(row).collect();
    let mut widths = TITLES.map(str::len);
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    write_line(f, &TITLES, widths)?;
    rows.iter().try_for_each(|row| write_line(f, row, widths))?;
    if findings.is_empty() {
        return Ok(());
    }
    writeln!(f, "\n{}:", counted(findings.len(), "finding"))?;
    findings.iter().try_for_each(|finding| writeln!(f, "- {finding}"))
}

fn write_line(f: &mut fmt::Formatter<'_>, cells: &[impl AsRef<str>], widths: [usize; 5]) -> fmt::Result {
    let mut line = String::new();
    for (cell, width) in cells.iter().zip(widths) {
        write!(line, "{:width$}  ", cell.as_ref())?;
    }
    writeln!(f, "{}", line.trim_end())
}

pub(super) fn markdown(entries: &[Entry], findings: &[Finding]) -> String {
    let mut text = String::from("| method | path | access | kind | declared at |\n|---|---|---|---|---|\n");
    for entry in entries {
        let [method, path, access, kind, location] = row(entry).map(|cell| escaped(&cell));
        let cells =
            ["| ", &*method, " | `", &*path, "` | ", &*access, " | ", &*kind, " | ", &*location, " |\n"];
        text.extend(cells);
    }
    if !findings.is_empty() {
        text.push('\n');
    }
    for finding in findings {
        text.extend(["- ", &*escaped(&finding.to_string()), "\n"]);
    }
    text
}

fn escaped(cell: &str) -> String {
    cell.replace('|', "\\|").replace(['\n', '\r'], " ")
}

/// `1 route`, `2 routes`.
pub(super) fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
