//! Runs the corpora of the fuzz targets, and mutations of them, without a fuzzer.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use super::{TARGETS, argon2_parameters, redirect_targets};

/// Returns the folder of the fuzz crate.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

/// Returns the files of a corpus, sorted by name.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder().join("corpus").join(target)).unwrap();
    let mut files: Vec<_> = entries
        .map(|entry| {
            let path = entry.unwrap().path();
            (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap())
        })
        .collect();
    files.sort();
    assert!(!files.is_empty(), "the corpus of {target} is empty");
    files
}

/// A deterministic random number generator (xorshift64*).
struct Random(u64);

impl Random {
    /// Returns a number below `end`.
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(number).unwrap() % end
    }
}

/// Bytes with a meaning in many formats.
const PIECES: [&[u8]; 24] = [
    b"\0",
    b"\xff",
    b"\n",
    b" ",
    b"\"",
    b"\\",
    b"%",
    b"%2e",
    b"/",
    b"..",
    b";",
    b"=",
    b",",
    b"$",
    b".",
    b"-1",
    b"0",
    b"18446744073709551616",
    b"1e400",
    b"null",
    b"{",
    b"}",
    b"[",
    b"]",
];

/// Returns the bytes with one to three small changes.
fn changed(bytes: &[u8], others: &[(String, Vec<u8>)], random: &mut Random) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=random.below(3) {
        let at = random.below(bytes.len() + 1);
        let end = at + random.below(bytes.len() - at + 1).min(random.below(32));
        match random.below(6) {
            0 => drop(bytes.drain(at..end)),
            1 => drop(bytes.splice(at..end, PIECES[random.below(PIECES.len())].iter().copied())),
            2 => drop(bytes.splice(at..at, PIECES[random.below(PIECES.len())].iter().copied())),
            3 => drop(bytes.splice(at..at, bytes[at..end].to_vec())),
            4 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << random.below(8);
                }
            }
            _ => {
                let other = &others[random.below(others.len())].1;
                let from = random.below(other.len() + 1);
                bytes.splice(at.., other[from..].iter().copied());
            }
        }
    }
    bytes
}

const CHANGES: usize = 200;

/// Runs each file of the corpus and mutations of it. Some files must be accepted and some refused:
/// a target that accepts nothing checks nothing.
fn run(target: &str) {
    let (_, check) = TARGETS.iter().find(|(name, _)| *name == target).unwrap();
    let files = corpus(target);
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut verdicts = BTreeSet::new();
    for (name, bytes) in &files {
        let run = |bytes: &[u8]| {
            let _shown = ShownOnFailure(name, bytes);
            compare_with_others(target, bytes);
            check(bytes)
        };
        verdicts.insert(run(bytes));
        for _ in 0..CHANGES {
            run(&changed(bytes, &files, &mut random));
        }
    }
    assert_eq!(verdicts.len(), 2, "all files of {target} have the same verdict: {verdicts:?}");
}

/// Prints the file name and the input if the test panics.
struct ShownOnFailure<'a>(&'a str, &'a [u8]);

impl Drop for ShownOnFailure<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("with {}, as \"{}\"", self.0, self.1.escape_ascii());
        }
    }
}

/// The comparisons that the fuzz targets make with parsers that this crate does not depend on.
fn compare_with_others(target: &str, bytes: &[u8]) {
    match target {
        "redirects" => redirect_targets(bytes).iter().for_each(|target| stays_on_the_origin(target)),
        "stored_hashes" => std::str::from_utf8(bytes).into_iter().for_each(compare_argon2),
        _ => {}
    }
}

fn stays_on_the_origin(target: &str) {
    for page in ["https://app.example/login", "https://app.example/a/b/login?x=1#y"] {
        let page = url::Url::parse(page).unwrap();
        let there = page.join(target).unwrap();
        assert_eq!(there.origin(), page.origin(), "{target}");
        assert_eq!(page.join(&there[url::Position::BeforePath..]).unwrap(), there, "{target}");
    }
}

fn compare_argon2(text: &str) {
    let Some((variant, memory, passes, lanes)) = argon2_parameters(text) else { return };
    // The crate refuses salts of more than 48 bytes.
    let Ok(theirs) = argon2::PasswordHash::new(text) else { return };
    assert_eq!(theirs.algorithm.as_str(), variant);
    for (name, value) in [("m", memory), ("t", passes), ("p", lanes)] {
        assert_eq!(theirs.params.get_decimal(name), Some(value), "{name} of {text}");
    }
}

macro_rules! corpora {
    ($($(#[$condition:meta])? $target:ident,)*) => {
        $(
            $(#[$condition])?
            #[test]
            fn $target() {
                run(stringify!($target));
            }
        )*

        const RUN: &[&str] = &[$($(#[$condition])? stringify!($target),)*];
    };
}

corpora! {
    authorization,
    base64url,
    cookies,
    forwarded,
    json,
    jwk,
    login_body,
    #[cfg(feature = "mandates")]
    mandate,
    path,
    redirects,
    #[cfg(feature = "redis")]
    redis,
    rules,
    stored_hashes,
    token,
    #[cfg(feature = "mandates")]
    trace_context,
    #[cfg(feature = "user-store")]
    users,
}

/// Checks that no corpus and no program is left out above.
#[test]
#[cfg(all(feature = "mandates", feature = "redis", feature = "user-store"))]
fn every_target_has_a_program_and_a_corpus() {
    let folder = folder();
    let names = |folder: PathBuf| -> BTreeSet<String> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
    };
    let expected: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(RUN.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>(), expected);
    assert_eq!(names(folder.join("fuzz_targets")), expected);
    assert_eq!(names(folder.join("corpus")), expected);
}
