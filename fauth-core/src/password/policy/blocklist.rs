//! [`Blocklist`]: passwords that everybody tries first.

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
/// A password is refused if it stands in the list, in whatever case, also with digits and signs
/// before or after it: with `summer` in the list, `2026-Summer!!!!` is refused.
///
/// fauth brings none along: the good ones are large, differ by language, and have licences of their
/// own. OWASP asks for the 3000 most common ones among those that the policy does not refuse
/// anyway (ASVS 6.2.4). Of lists of short passwords little is left at 15 characters: of the 19 640
/// that Django has (`common-passwords.txt.gz`, BSD-3-Clause), some thirty; but also `summer` is of
/// use, as it refuses `summer202620262026`. `SecLists` (MIT) has longer ones.
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
    /// Sorted. With a million entries, one new password in 10^13 is refused by chance.
    hashes: Box<[u64]>,
}

impl Blocklist {
    /// From words of the program, such as the lines of a file that is part of it (`include_str!`).
    pub fn from_words(words: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let words = words.into_iter().map(|word| rules::lower_case(word.as_ref()));
        Self::new(words.filter(|word| !word.is_empty()).map(|word| hash_of(&word)))
    }

    /// From a file with one password on each line, as [`from_lines`](Self::from_lines) reads it.
    /// This blocks: call it at start.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, has no password, or is compressed by gzip. The error names it.
    pub fn from_file(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        read(path).map_err(|error| {
            io::Error::new(error.kind(), format!("the blocklist {}: {error}", path.display()))
        })
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

fn read(path: &Path) -> io::Result<Blocklist> {
    /// How files begin that gzip has made, as the lists of Django are.
    const GZIP: [u8; 2] = [0x1f, 0x8b];
    let invalid = |problem| Err(io::Error::new(ErrorKind::InvalidData, problem));
    let mut lines = BufReader::new(File::open(path)?);
    if lines.fill_buf()?.starts_with(&GZIP) {
        return invalid("it is compressed; unpack it first (`gunzip`)");
    }
    let list = Blocklist::from_lines(lines)?;
    if list.is_empty() {
        return invalid("it has no password; put one on each line");
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
