//! Looks up values in verified claims by name, without building a tree.

use std::borrow::Cow;

use super::json::{self, Limits, Value};
#[cfg(test)]
use super::limits::CLAIMS_LIMITS;

/// The claims were scanned as a whole before, so these limits need only be no stricter.
const SCANNED: Limits = Limits { depth: 64, members: usize::MAX };

/// Why a value cannot be read as a list of texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotTexts {
    /// The value is neither a string nor an array of strings.
    OtherType,
    /// The value holds more texts than allowed.
    TooMany,
}

/// Tokens have about ten claims, Keycloak's about twenty, so one allocation is usually enough.
const USUAL_CLAIMS: usize = 24;

/// The position of every claim of a token, from one scan, so that later reads need no other.
#[derive(Debug)]
pub(super) struct ClaimIndex {
    /// Names and values.
    members: Vec<(Value, Value)>,
}

impl Default for ClaimIndex {
    fn default() -> Self {
        Self { members: Vec::with_capacity(USUAL_CLAIMS) }
    }
}

impl ClaimIndex {
    pub(super) fn add(&mut self, name: Value, value: Value) {
        self.members.push((name, value));
    }
}

/// Claims whose positions are known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IndexedClaims<'a> {
    json: &'a str,
    index: &'a ClaimIndex,
}

impl<'a> IndexedClaims<'a> {
    /// `index` must be that of `json`.
    pub(super) const fn new(json: &'a str, index: &'a ClaimIndex) -> Self {
        Self { json, index }
    }

    pub(super) fn value(self, name: &str) -> Option<Value> {
        let is_it = |(known, _): &&(Value, Value)| known.is_text(self.json, name);
        self.index.members.iter().find(is_it).map(|(_, value)| *value)
    }

    #[cfg(feature = "mandates")]
    pub(super) const fn json(self) -> &'a str {
        self.json
    }

    /// Calls `each` with the name and value of every claim.
    #[cfg(feature = "mandates")]
    pub(super) fn each(self, mut each: impl FnMut(&str, Value)) {
        for (name, value) in &self.index.members {
            each(&name.text(self.json).unwrap_or_default(), *value);
        }
    }

    /// The JSON text of the claim with this name.
    pub(crate) fn find(self, name: &str) -> Option<&'a str> {
        self.value(name).map(|value| value.raw(self.json))
    }
}

/// Indexes claims as the verifier of foreign tokens does.
#[cfg(test)]
pub(crate) fn with_indexed<T>(json: &str, read: impl FnOnce(IndexedClaims<'_>) -> T) -> Option<T> {
    let mut index = ClaimIndex::default();
    json::scan_members(json, CLAIMS_LIMITS, |_, name, value| index.add(name, value)).ok()?;
    Some(read(IndexedClaims::new(json, &index)))
}

/// The JSON text of the member with this name in a claim value.
///
/// # Errors
/// If the value is not an object.
pub(crate) fn member_of<'a>(value: &'a str, name: &str) -> Result<Option<&'a str>, NotTexts> {
    let mut found = None;
    json::scan_object(value, SCANNED, |member, inner| {
        if member == name {
            found = Some(inner.raw(value));
        }
    })
    .map_err(|_| NotTexts::OtherType)?;
    Ok(found)
}

/// Calls `each` with every text of a claim value: the elements of an array of strings, or the words
/// of a string, separated by spaces.
///
/// # Errors
/// [`NotTexts`] if the value has another type, or has more than `most` texts. `each` may have been
/// called for some of them by then.
pub(crate) fn each_text(value: &str, most: usize, mut each: impl FnMut(&str)) -> Result<(), NotTexts> {
    let (mut count, mut are_texts) = (0_usize, true);
    let mut take = |text: &str| {
        count += 1;
        if count <= most {
            each(text);
        }
    };
    if value.starts_with('"') {
        let text = string(value).ok_or(NotTexts::OtherType)?;
        text.split(' ').filter(|word| !word.is_empty()).for_each(take);
    } else {
        let scanned = json::scan_array(value, SCANNED, |element| match element.text(value) {
            Some(text) => take(&text),
            None => are_texts = false,
        });
        if scanned.is_err() || !are_texts {
            return Err(NotTexts::OtherType);
        }
    }
    if count > most { Err(NotTexts::TooMany) } else { Ok(()) }
}

/// Decodes a JSON string.
fn string(value: &str) -> Option<Cow<'_, str>> {
    match value.strip_prefix('"')?.strip_suffix('"') {
        Some(inside) if json::is_plain(inside) => Some(inside.into()),
        _ => serde_json::from_str(value).ok().map(Cow::Owned),
    }
}
