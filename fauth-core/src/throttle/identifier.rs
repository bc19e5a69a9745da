//! In which form of a name failures are counted.

/// A name in the form in which failures are counted: however it is written, it is one.
///
/// It is for that only. Whose name it is says the application, which may tell `Bob` from `bob`:
/// they are counted together then.
pub(crate) fn normal(identifier: &str) -> String {
    // The form may bring letters that have a small one, and a small one may have another form.
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
