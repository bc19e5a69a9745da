//! The form in which a password is hashed: as received, or in Unicode's Normalization Form C.

use std::ops::Deref;

use zeroize::Zeroizing;

/// A password in the form in which it is hashed. A normalized copy is zeroed on drop.
pub(super) enum Normal<'a> {
    AsItCame(&'a str),
    Changed(Zeroizing<String>),
}

impl<'a> Normal<'a> {
    /// The length of the password must have been checked.
    pub(super) fn of(password: &'a str, nfc: bool) -> Self {
        if !nfc || password.is_ascii() {
            return Self::AsItCame(password);
        }
        match changed(password) {
            Some(changed) => Self::Changed(changed),
            None => Self::AsItCame(password),
        }
    }
}

#[cfg(feature = "nfc")]
fn changed(password: &str) -> Option<Zeroizing<String>> {
    use unicode_normalization::UnicodeNormalization as _;

    /// The factor by which a text can grow in UTF-8 (Unicode Standard Annex 15, section 12.1).
    const GROWS_BY: usize = 3;

    if unicode_normalization::is_nfc(password) {
        return None;
    }
    // Allocated at once, because a growing string would leave copies of the password behind.
    let mut text = Zeroizing::new(String::with_capacity(password.len() * GROWS_BY));
    text.extend(password.nfc());
    Some(text)
}

#[cfg(not(feature = "nfc"))]
const fn changed(_: &str) -> Option<Zeroizing<String>> {
    None
}

impl Deref for Normal<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::AsItCame(password) => password,
            Self::Changed(password) => password,
        }
    }
}

#[cfg(test)]
#[cfg(feature = "nfc")]
mod tests {
    use super::*;

    #[test]
    fn only_the_form_is_changed() {
        for (password, expected) in [
            ("plain", "plain"),
            ("caf\u{e9}", "caf\u{e9}"),
            ("cafe\u{301}", "caf\u{e9}"),
            ("\u{212b}", "\u{c5}"),
            // What looks alike, and differs by more than its form.
            ("\u{fb01} \u{ff21}\u{a0}", "\u{fb01} \u{ff21}\u{a0}"),
            ("e\u{301}\u{323}", "\u{1eb9}\u{301}"),
            ("\u{1100}\u{1161}", "\u{ac00}"),
        ] {
            assert_eq!(&*Normal::of(password, true), expected);
            assert_eq!(&*Normal::of(password, false), password);
        }
    }

    /// The character that grows most.
    #[test]
    fn there_is_room_for_the_longest_form() {
        let password = "\u{1d160}".repeat(256);
        let Normal::Changed(text) = Normal::of(&password, true) else { panic!("not changed") };
        assert_eq!(text.len(), 3 * password.len());
        assert_eq!(text.capacity(), 3 * password.len());
    }
}
