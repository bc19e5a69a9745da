//! Looking up values in claims that were verified, by name and without a tree.

use std::borrow::Cow;

use super::json::{self, Limits, Value};
#[cfg(test)]
use super::limits::CLAIMS_LIMITS;

/// A value of claims that were scanned as a whole before: its limits only have to be no stricter.
const SCANNED: Limits = Limits { depth: 64, members: usize::MAX };

/// Why a value cannot be read as texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotTexts {
    /// It is neither a string nor an array of strings.
    OtherType,
    /// It holds more texts than were allowed.
    TooMany,
}

/// Tokens have about ten claims, those of Keycloak some twenty: one allocation is enough for them.
const USUAL_CLAIMS: usize = 24;

/// Where every claim of a token stands, by one scan: what is read later needs no other.
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

/// Claims whose places are known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IndexedClaims<'a> {
    json: &'a str,
    index: &'a ClaimIndex,
}

impl<'a> IndexedClaims<'a> {
    /// The index has to be that of this text.
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

    /// Hands each claim to `each`, name and value.
    #[cfg(feature = "mandates")]
    pub(super) fn each(self, mut each: impl FnMut(&str, Value)) {
        for (name, value) in &self.index.members {
            each(&name.text(self.json).unwrap_or_default(), *value);
        }
    }

    /// The JSON text of the claim of this name.
    pub(crate) fn find(self, name: &str) -> Option<&'a str> {
        self.value(name).map(|value| value.raw(self.json))
    }
}

/// Claims as the verifier of foreign tokens has scanned them.
#[cfg(test)]
pub(crate) fn with_indexed<T>(json: &str, read: impl FnOnce(IndexedClaims<'_>) -> T) -> Option<T> {
    let mut index = ClaimIndex::default();
    json::scan_members(json, CLAIMS_LIMITS, |_, name, value| index.add(name, value)).ok()?;
    Some(read(IndexedClaims::new(json, &index)))
}

/// The JSON text of the member of this name in a value of the claims.
///
/// # Errors
/// `Err` if the value is no object.
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

/// Hands each text of a value of the claims to `each`: the elements of an array of strings, or the
/// words of a string that are separated by blanks.
///
/// # Errors
/// [`NotTexts`] if the value is of another type, or has more than `most` texts. `each` may have
/// seen some of them by then.
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

/// What a JSON string says.
fn string(value: &str) -> Option<Cow<'_, str>> {
    match value.strip_prefix('"')?.strip_suffix('"') {
        Some(inside) if json::is_plain(inside) => Some(inside.into()),
        _ => serde_json::from_str(value).ok().map(Cow::Owned),
    }
}
