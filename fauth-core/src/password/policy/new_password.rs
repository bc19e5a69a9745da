//! [`NewPassword`]: a password to be set, with words that it must not consist of.

use std::fmt;

use super::rules;

/// The number of words that are kept, including the parts of an identifier.
const MOST_WORDS: usize = 32;
/// In bytes. No identifier that can log in is longer.
const LONGEST_IDENTIFIER: usize = 255;

/// A password to be set, with words about its user.
///
/// ```
/// use fauth_core::password::NewPassword;
///
/// let password = NewPassword::new("green ideas sleep")
///     .identifier("anna.schmidt@example.com")
///     .word("Anna-Maria");
/// assert_eq!(format!("{password:?}"), "NewPassword(..)");
/// ```
#[derive(Clone)]
#[must_use]
pub struct NewPassword<'a> {
    text: &'a str,
    /// In lower case.
    words: Vec<Box<str>>,
}

impl<'a> NewPassword<'a> {
    /// Creates a password without any words about its user.
    pub const fn new(password: &'a str) -> Self {
        Self { text: password, words: Vec::new() }
    }

    /// Adds what the user types to log in: the user name or the e-mail address.
    ///
    /// The password must contain more than this or its parts. The parts are the texts between
    /// signs, without the last label of a domain.
    pub fn identifier(mut self, identifier: &str) -> Self {
        if identifier.len() <= LONGEST_IDENTIFIER {
            self.add(identifier);
            let (local, domain) = identifier.rsplit_once('@').unwrap_or((identifier, ""));
            self.add(local);
            let names = domain.rsplit_once('.').map_or("", |(names, _)| names);
            for part in [local, names].iter().flat_map(|text| text.split(|c: char| !c.is_alphanumeric())) {
                self.add(part);
            }
        }
        self
    }

    /// Adds another word about the user, such as the name.
    pub fn word(mut self, word: &str) -> Self {
        if word.len() <= LONGEST_IDENTIFIER {
            self.add(word);
        }
        self
    }

    fn add(&mut self, word: &str) {
        if self.words.len() < MOST_WORDS
            && let Some(word) = rules::context_word(word)
        {
            self.words.push(word);
        }
    }

    pub(crate) const fn text(&self) -> &'a str {
        self.text
    }

    pub(super) fn words(&self) -> impl Iterator<Item = &str> {
        self.words.iter().map(|word| &**word)
    }
}

impl<'a> From<&'a str> for NewPassword<'a> {
    fn from(password: &'a str) -> Self {
        Self::new(password)
    }
}

impl fmt::Debug for NewPassword<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewPassword(..)")
    }
}
