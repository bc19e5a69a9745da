//! The rules that need no list: repetitions, rows, and words about the user or the application.

use zeroize::Zeroizing;

use super::keyboard::LAYOUTS;

/// So many characters must be left of a password without the words that everybody thinks of first.
const LEAST_BESIDE_WORDS: usize = 8;
/// Shorter ones occur by chance.
const SHORTEST_WORD: usize = 4;

/// Each character by itself, wherever it stands in a word, so that what is compared is made alike.
/// The room comes at once: while it grows, a text would leave parts of the password behind.
pub(super) fn lower_case(text: &str) -> Zeroizing<String> {
    /// The worst, such as U+0130, grow from two bytes to three.
    const GROWS_BY: usize = 2;
    let mut lower = Zeroizing::new(String::with_capacity(text.len().saturating_mul(GROWS_BY)));
    lower.extend(text.chars().flat_map(char::to_lowercase).map(small_sigma));
    lower
}

/// In lower case; `None` if it is too short to count.
pub(super) fn context_word(word: &str) -> Option<Box<str>> {
    let word = word.trim();
    (word.chars().take(SHORTEST_WORD).count() == SHORTEST_WORD).then(|| lower_case(word).as_str().into())
}

/// That at the end of a word is a letter of its own, and has the same capital.
const fn small_sigma(c: char) -> char {
    if c == '\u{3c2}' { '\u{3c3}' } else { c }
}

/// Is it one short text over and over, or a row of characters or keys that follow each other?
pub(super) fn is_repetitive(lower: &str) -> bool {
    let mut characters = Zeroizing::new(Vec::with_capacity(lower.len()));
    characters.extend(lower.chars());
    is_periodic(&characters) || is_row(&characters)
}

/// A text that repeats with the period d is equal to itself d places on. The least period comes
/// from the longest proper border, which takes one walk (Knuth, Morris and Pratt).
fn is_periodic(characters: &[char]) -> bool {
    let mut borders: Zeroizing<Vec<usize>> = Zeroizing::new(vec![0; characters.len()]);
    let border_of = |borders: &[usize], length: usize| {
        length.checked_sub(1).and_then(|at| borders.get(at)).copied().unwrap_or(0)
    };
    for at in 1..characters.len() {
        let mut border = border_of(&borders, at);
        while border > 0 && characters.get(border) != characters.get(at) {
            border = border_of(&borders, border);
        }
        if characters.get(border) == characters.get(at) {
            border += 1;
        }
        if let Some(slot) = borders.get_mut(at) {
            *slot = border;
        }
    }
    let period = characters.len() - border_of(&borders, characters.len());
    // Twice the same is not more than once.
    characters.len() >= 2 * period && characters.len() > 1
}

/// `abcdefgh`, `87654321`, `11112222`, `123456789012`, `qwertyuiop`: three of four follow from the
/// one before, in the alphabet or on a keyboard.
fn is_row(characters: &[char]) -> bool {
    mostly(characters, follow_each_other)
        || LAYOUTS.iter().any(|layout| mostly(characters, |a, b| layout.touch(a, b)))
}

fn mostly(characters: &[char], follows: impl Fn(char, char) -> bool) -> bool {
    let pairs = characters.iter().zip(characters.iter().skip(1));
    let following = pairs.filter(|(a, b)| follows(**a, **b)).count();
    characters.len() > 1 && following * 4 >= (characters.len() - 1) * 3
}

fn follow_each_other(a: char, b: char) -> bool {
    u32::from(a).abs_diff(u32::from(b)) <= 1 || matches!((a, b), ('9', '0') | ('0', '9'))
}

/// Are fewer than eight characters left without these words? A password that has none of them is
/// left as it is.
pub(super) fn is_little_but<'a>(lower: &str, words: impl Iterator<Item = &'a str>) -> bool {
    let mut in_word = Zeroizing::new(vec![false; lower.len()]);
    let mut found = false;
    for word in words {
        for (at, _) in lower.match_indices(word) {
            found = true;
            in_word.iter_mut().skip(at).take(word.len()).for_each(|byte| *byte = true);
        }
    }
    let left = lower.char_indices().filter(|(at, _)| in_word.get(*at) == Some(&false)).count();
    found && left < LEAST_BESIDE_WORDS
}
