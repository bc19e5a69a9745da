//! [`Blocklist`]: passwords that everybody tries first.

use std::{
    fmt,
    io::{self, BufRead},
};

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::rules;

/// A list of common passwords, held as hashes of eight bytes each.
///
/// A password is refused if it stands in the list, in whatever case, also with digits and signs
/// before or after it: with `summer` in the list, `2026-Summer!!!!` is refused.
///
/// fauth brings none along: the good ones are large, differ by language, and have licences of their
/// own. OWASP asks for the 3000 most common ones at least (ASVS 6.2.4). Django has
/// a list of 19 640 (`common-passwords.txt.gz`, BSD-3-Clause), `SecLists` several (MIT).
///
/// ```no_run
/// use std::{fs::File, io::BufReader};
/// use fauth_core::password::{Blocklist, PasswordPolicy};
///
/// # fn main() -> std::io::Result<()> {
/// let list = Blocklist::from_lines(BufReader::new(File::open("common-passwords.txt")?))?;
/// let policy = PasswordPolicy::new().blocklist(list);
/// # Ok(())
/// # }
/// ```
pub struct Blocklist {
    /// Sorted. With a million entries, one new password in 10^13 is refused by chance.
    hashes: Box<[u64]>,
}

impl Blocklist {
    /// From words of the program, such as the lines of a file that is part of it (`include_str!`).
    pub fn from_words(words: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let words = words.into_iter().map(|word| rules::lower_case(word.as_ref()));
        Self::new(words.filter(|word| !word.is_empty()).map(|word| hash_of(&word)))
    }

    /// From a text with one password on each line. Lines that are no UTF-8 are left out.
    ///
    /// # Errors
    ///
    /// If reading fails.
    pub fn from_lines(mut lines: impl BufRead) -> io::Result<Self> {
        let (mut hashes, mut line) = (Vec::new(), Vec::new());
        loop {
            line.clear();
            if lines.read_until(b'\n', &mut line)? == 0 {
                return Ok(Self::new(hashes.into_iter()));
            }
            let line = line.strip_suffix(b"\n").unwrap_or(&line);
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if let Ok(word) = std::str::from_utf8(line)
                && !word.is_empty()
            {
                hashes.push(hash_of(&rules::lower_case(word)));
            }
        }
    }

    /// How many passwords it has.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.hashes.len()
    }

    /// Whether it has none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    fn new(hashes: impl Iterator<Item = u64>) -> Self {
        let mut hashes: Vec<_> = hashes.collect();
        hashes.sort_unstable();
        hashes.dedup();
        Self { hashes: hashes.into() }
    }

    /// The password in lower case.
    pub(super) fn has(&self, lower: &str) -> bool {
        let core = lower.trim_matches(|c: char| !c.is_alphabetic());
        let is_listed = |word: &str| self.hashes.binary_search(&hash_of(word)).is_ok();
        is_listed(lower) || (core.len() < lower.len() && !core.is_empty() && is_listed(core))
    }
}

fn hash_of(word: &str) -> u64 {
    let hash = Zeroizing::new(<[u8; 32]>::from(Sha256::digest(word)));
    hash.first_chunk().copied().map_or(0, u64::from_be_bytes)
}

impl fmt::Debug for Blocklist {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blocklist").field("len", &self.len()).finish_non_exhaustive()
    }
}
