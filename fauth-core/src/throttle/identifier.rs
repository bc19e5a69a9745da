//! The normalised form of names, by which failures are counted.

/// Normalises a name, so that its spellings are counted together.
///
/// Used for counting only. Which user a name refers to is decided by the application, which may
/// distinguish `Bob` from `bob`; their failures are then counted together.
pub(crate) fn normal(identifier: &str) -> String {
    // Normalise twice: NFKC may produce letters that have a lower case, and a lower-case letter may
    // have another NFKC form.
    compatible(compatible(identifier.trim().to_owned()).to_lowercase()).trim().to_owned()
}

#[cfg(feature = "nfc")]
fn compatible(text: String) -> String {
    use unicode_normalization::UnicodeNormalization as _;

    if text.is_ascii() { text } else { text.nfkc().collect() }
}

#[cfg(not(feature = "nfc"))]
const fn compatible(text: String) -> String {
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_written_differently_are_one() {
        for name in ["alice", " Alice\t", "ALICE", "\u{a0}alice"] {
            assert_eq!(normal(name), "alice", "{name:?}");
        }
        assert_eq!(normal("JÖRG"), "jörg");
        assert_ne!(normal("alice"), normal("al ice"));
    }

    #[cfg(feature = "nfc")]
    #[test]
    fn and_so_are_forms_of_unicode() {
        for name in ["jo\u{308}rg", "J\u{d6}RG", "\u{ff2a}\u{d6}rg", "\u{ff4a}\u{f6}\u{ff52}\u{ff47}"] {
            assert_eq!(normal(name), "j\u{f6}rg", "{name:?}");
        }
        assert_eq!(normal("\u{212a}ate"), "kate");
    }
}
