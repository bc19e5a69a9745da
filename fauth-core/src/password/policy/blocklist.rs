//! [`Blocklist`]: a list of common passwords.

use std::{
    fmt,
    fs::File,
    io::{self, BufRead, BufReader, ErrorKind},
    path::Path,
};

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::rules;

/// A list of common passwords, held as hashes of eight bytes each.
///
/// A password is refused if it is in the list, in upper or lower case, also with digits and signs
/// before or after it: with `summer` in the list, `2026-Summer!!!!` is refused.
///
/// fauth includes no list: good ones are large, differ by language, and have licences of their own.
/// OWASP requires the 3000 most common passwords among those that the policy does not refuse anyway
/// (ASVS 6.2.4). Few entries of lists of short passwords have 15 characters: some thirty of the 19
/// 640 in Django's list (`common-passwords.txt.gz`, BSD-3-Clause). But shorter entries help too:
/// `summer` refuses `summer202620262026`. `SecLists` (MIT) has longer lists.
///
/// ```no_run
/// use fauth_core::password::{Blocklist, PasswordPolicy};
///
/// # fn main() -> std::io::Result<()> {
/// let policy = PasswordPolicy::new().blocklist(Blocklist::from_file("common-passwords.txt")?);
/// # Ok(())
/// # }
/// ```
pub struct Blocklist {
    /// Sorted. With a million entries, one new password in 10^13 is refused by a hash collision.
    hashes: Box<[u64]>,
}

impl Blocklist {
    /// Creates a list from words of the program, such as the lines of an embedded file
    /// (`include_str!`).
    pub fn from_words(words: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let words = words.into_iter().map(|word| rules::lower_case(word.as_ref()));
        Self::new(words.filter(|word| !word.is_empty()).map(|word| hash_of(&word)))
    }

    /// Reads a file with one password per line, as [`from_lines`](Self::from_lines) does. This
    /// blocks: call it at start-up.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, contains no password, or is compressed with gzip. The error
    /// names the file.
    pub fn from_file(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        read(path).map_err(|error| {
            io::Error::new(error.kind(), format!("cannot read the blocklist {}: {error}", path.display()))
        })
    }

    /// Reads a text with one password per line. Lines that are not UTF-8 are skipped.
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

    /// Returns the number of passwords.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.hashes.len()
    }

    /// Returns `true` if the list is empty.
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

    /// Returns `true` if the list has this password, which must be in lower case.
    pub(super) fn has(&self, lower: &str) -> bool {
        let core = lower.trim_matches(|c: char| !c.is_alphabetic());
        let is_listed = |word: &str| self.hashes.binary_search(&hash_of(word)).is_ok();
        is_listed(lower) || (core.len() < lower.len() && !core.is_empty() && is_listed(core))
    }
}

fn read(path: &Path) -> io::Result<Blocklist> {
    /// The first bytes of files compressed with gzip, as Django's lists are.
    const GZIP: [u8; 2] = [0x1f, 0x8b];
    let invalid = |problem| Err(io::Error::new(ErrorKind::InvalidData, problem));
    let mut lines = BufReader::new(File::open(path)?);
    if lines.fill_buf()?.starts_with(&GZIP) {
        return invalid("the file is compressed; unpack it first (`gunzip`)");
    }
    let list = Blocklist::from_lines(lines)?;
    if list.is_empty() {
        return invalid("the file contains no password; put one on each line");
    }
    Ok(list)
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
