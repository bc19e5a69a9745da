//! Edits of a source text by byte ranges, one inside the other, which leave the rest of it as it
//! is.

use std::ops::Range;

/// A part of what an edit puts in place of its range.
#[derive(Clone, Debug)]
pub(crate) enum Piece {
    Text(String),
    /// A part of the source, with the edits that lie within it.
    Source(Range<usize>),
}

#[derive(Clone, Debug)]
pub(crate) struct Edit {
    pub(crate) range: Range<usize>,
    pub(crate) pieces: Vec<Piece>,
    /// Which mutant it makes.
    pub(crate) id: usize,
}

/// The source with all `edits`. They may lie within each other; of two with one range the first is
/// the outer one.
pub(crate) fn apply(source: &str, mut edits: Vec<Edit>) -> String {
    edits.sort_by_key(|edit| (edit.range.start, usize::MAX - edit.range.end));
    let mut out = String::with_capacity(source.len() * 3);
    emit(source, &edits, 0..source.len(), &mut out);
    out
}

/// `edits` are those that may lie within `range`: the ones that are further out have been taken off
/// the front.
fn emit(source: &str, edits: &[Edit], range: Range<usize>, out: &mut String) {
    let mut at = range.start;
    let mut rest = edits;
    while let Some((edit, inner)) = rest.split_first() {
        rest = inner;
        if edit.range.start < at {
            continue;
        }
        if edit.range.start > range.end {
            break;
        }
        if edit.range.end > range.end {
            continue;
        }
        out.push_str(source.get(at..edit.range.start).unwrap_or_default());
        for piece in &edit.pieces {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Source(part) => emit(source, inner, part.clone(), out),
            }
        }
        at = edit.range.end;
    }
    out.push_str(source.get(at..range.end).unwrap_or_default());
}
