//! A list of texts in one allocation.

use smallvec::SmallVec;

/// The number of texts whose ends need no allocation of their own.
const INLINE_TEXTS: usize = 6;

/// A list of distinct texts in insertion order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Texts {
    joined: String,
    ends: SmallVec<[usize; INLINE_TEXTS]>,
}

impl Texts {
    /// Reserves memory for texts of this total length in bytes.
    pub(crate) fn reserve(&mut self, bytes: usize) {
        self.joined.reserve(bytes);
    }

    /// Adds a text unless it is already present.
    pub(crate) fn push_once(&mut self, text: &str) {
        if !self.iter().any(|known| known == text) {
            self.joined.push_str(text);
            self.ends.push(self.joined.len());
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let text = self.joined.get(start..*end).unwrap_or_default();
            start = *end;
            text
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_is_kept_once_and_as_it_is() {
        let mut texts = Texts::default();
        assert_eq!((texts.len(), texts.iter().count()), (0, 0));
        let added = ["a", "ab", "b", "a", "é", "ab", "bé", "", "c", "d", "e"];
        for text in added {
            texts.push_once(text);
        }
        assert!(texts.iter().eq(["a", "ab", "b", "é", "bé", "", "c", "d", "e"]));
        assert_eq!(texts.len(), 9);
    }
}
