//! The rules that need no list: repetitions, sequences, and words about the user or the
//! application.

use zeroize::Zeroizing;

use super::keyboard::LAYOUTS;

/// The number of characters that must remain without words about the user or the application.
const LEAST_BESIDE_WORDS: usize = 8;
/// In characters. Shorter words occur by chance.
const SHORTEST_WORD: usize = 4;

/// Converts each character by itself, wherever it is in a word, so that equal texts compare as
/// equal. All memory is allocated at once, because a growing string would leave copies of the
/// password behind.
pub(super) fn lower_case(text: &str) -> Zeroizing<String> {
    /// The worst case, such as U+0130, grows from two bytes to three.
    const GROWS_BY: usize = 2;
    let mut lower = Zeroizing::new(String::with_capacity(text.len().saturating_mul(GROWS_BY)));
    lower.extend(text.chars().flat_map(char::to_lowercase).map(small_sigma));
    lower
}

/// Returns the word in lower case, or `None` if it is too short to count.
pub(super) fn context_word(word: &str) -> Option<Box<str>> {
    let word = word.trim();
    (word.chars().take(SHORTEST_WORD).count() == SHORTEST_WORD).then(|| lower_case(word).as_str().into())
}

/// Maps final sigma to sigma: it is a letter of its own at the end of words, with the same capital.
const fn small_sigma(c: char) -> char {
    if c == '\u{3c2}' { '\u{3c3}' } else { c }
}

/// Returns `true` if the password repeats a short text, or is a sequence of characters or keys.
pub(super) fn is_repetitive(lower: &str) -> bool {
    let mut characters = Zeroizing::new(Vec::with_capacity(lower.len()));
    characters.extend(lower.chars());
    is_periodic(&characters) || is_row(&characters)
}

/// Returns `true` if the text repeats. A text with the period d equals itself shifted by d. The
/// smallest period follows from the longest proper border, found in one pass (Knuth, Morris and
/// Pratt).
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
    // Two repetitions are enough.
    characters.len() >= 2 * period && characters.len() > 1
}

/// Returns `true` for texts such as `abcdefgh`, `87654321`, `11112222`, `123456789012` and
/// `qwertyuiop`: three of four characters follow the one before, in the alphabet or on a keyboard.
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

/// Returns `true` if fewer than eight characters remain without these words. A password without any
/// of them is never refused.
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
