//! Sequences of neighbouring keys: `qwertyuiop`, `1qaz2wsx3edc`.

/// The rows of a keyboard from top to bottom, aligned at the left. The second row has the signs on
/// the keys of the first.
pub(super) struct Layout([&'static str; 5]);

/// The layouts of most languages in Latin script.
pub(super) const LAYOUTS: [Layout; 3] = [
    Layout(["1234567890", "!@#$%^&*()", "qwertyuiop", "asdfghjkl", "zxcvbnm"]),
    Layout(["1234567890", "!\"§$%&/()=", "qwertzuiop", "asdfghjkl", "yxcvbnm"]),
    Layout(["1234567890", "&é\"'(-è_çà", "azertyuiop", "qsdfghjklm", "wxcvbn"]),
];

impl Layout {
    /// Returns `true` if these are the same key or two that touch.
    pub(super) fn touch(&self, a: char, b: char) -> bool {
        let places = self.place(a).zip(self.place(b));
        places.is_some_and(|((row, column), (other_row, other_column))| {
            row.abs_diff(other_row) <= 1 && column.abs_diff(other_column) <= 1
        })
    }

    /// Returns row and column.
    fn place(&self, character: char) -> Option<(usize, usize)> {
        self.0.iter().enumerate().find_map(|(line, keys)| {
            let column = keys.chars().position(|key| key == character)?;
            Some((line.saturating_sub(1), column))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::LAYOUTS;

    #[test]
    fn keys_touch_in_a_row_and_between_rows() {
        let [us, german, french] = LAYOUTS;
        for (a, b) in [('q', 'w'), ('q', 'a'), ('1', 'q'), ('q', '2'), ('q', 'q'), ('1', '!'), ('9', '0')] {
            assert!(us.touch(a, b) && us.touch(b, a), "{a} {b}");
        }
        for (a, b) in [('q', 'e'), ('q', 'z'), ('1', 'a'), ('p', 'q'), ('0', '1'), ('q', 'é'), ('ß', 'ß')]
        {
            assert!(!us.touch(a, b) && !us.touch(b, a), "{a} {b}");
        }
        assert!(german.touch('t', 'z') && !us.touch('t', 'z'));
        assert!(french.touch('a', 'z') && french.touch('é', 'a'));
    }
}
