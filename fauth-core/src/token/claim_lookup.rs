//! Looking up values in claims that were verified, by name and without a tree.

use super::{
    json::{self, Limits},
    limits::CLAIMS_LIMITS,
};

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

/// The JSON texts of the members of the outermost object that have these names, found in one pass.
///
/// `None` if `claims` is not what the verifier accepts as claims.
pub(crate) fn members_named<'a>(claims: &'a str, names: &[&str]) -> Option<Vec<Option<&'a str>>> {
    let mut found = vec![None; names.len()];
    json::scan_object(claims, CLAIMS_LIMITS, |member, value| {
        for (slot, name) in found.iter_mut().zip(names) {
            if *name == member {
                *slot = Some(value.raw(claims));
            }
        }
    })
    .ok()?;
    Some(found)
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
        let text: String = serde_json::from_str(value).map_err(|_| NotTexts::OtherType)?;
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
