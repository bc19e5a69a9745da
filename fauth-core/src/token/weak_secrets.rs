//! Refuses secrets that can be guessed. Secrets from a random generator are accepted: random bytes,
//! hexadecimal digits and base64 always; random letters, with or without digits, except for about
//! one in ten million that resembles a language by chance.
//!
//! Whether a text is a phrase is judged by which letters follow each other, not by missing
//! character classes: random base64 often has no digit, and a digit does not make a phrase better.

use base64::{
    Engine as _, alphabet,
    engine::{
        DecodePaddingMode,
        general_purpose::{GeneralPurpose, GeneralPurposeConfig},
    },
};
use zeroize::Zeroizing;

use super::key_error::KeyError;

/// Refuses secrets that cannot be intended, whatever else is allowed.
pub(super) fn refuse_unusable(secret: &[u8]) -> Result<(), KeyError> {
    let text = secret.trim_ascii();
    if text.is_empty() {
        return Err(KeyError::Empty);
    }
    if is_key_file(text) {
        return Err(KeyError::LooksLikeKeyFile);
    }
    if WELL_KNOWN.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(text)) {
        return Err(KeyError::WellKnown);
    }
    Ok(())
}

/// Refuses forms that show that the secret is not what it seems, before its length is checked.
pub(super) fn refuse_form(secret: &[u8]) -> Result<(), KeyError> {
    let Some(text) = text_of(secret) else { return Ok(()) };
    // A byte order mark is invisible white space.
    if text != text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}') {
        return Err(KeyError::Whitespace);
    }
    if is_uuid(text) {
        return Err(KeyError::Uuid);
    }
    Ok(())
}

/// Refuses secrets that are long enough but can be guessed.
pub(super) fn refuse_guessable(secret: &[u8]) -> Result<(), KeyError> {
    if is_uniform(secret) {
        return Err(KeyError::TooUniform);
    }
    let Some(text) = text_of(secret) else { return Ok(()) };
    let is_encoded_phrase = || decoded(text).is_some_and(|inner| text_of(&inner).is_some_and(is_phrase));
    if is_phrase(text) || is_encoded_phrase() {
        return Err(KeyError::Phrase);
    }
    Ok(())
}

/// The secret as a text that a person or a program may have written. Random bytes are not one: all
/// but one in more than 10^12 sequences of 32 bytes have a control character or are not UTF-8.
fn text_of(secret: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(secret).ok()?;
    text.chars().all(|c| !c.is_control() || c.is_whitespace()).then_some(text)
}

/// A public key used as an HMAC secret is a secret that everybody knows.
fn is_key_file(text: &[u8]) -> bool {
    // With a space where base64url could continue.
    const STARTS: [&[u8]; 8] = [
        b"-----BEGIN",
        b"---- BEGIN",
        b"ssh-rsa ",
        b"ssh-dss ",
        b"ssh-ed25519 ",
        b"ecdsa-sha2-",
        b"sk-ssh-",
        b"sk-ecdsa-",
    ];
    STARTS.iter().any(|start| text.starts_with(start))
        || (text.starts_with(b"{") && text.windows(5).any(|window| window == b"\"kty\""))
        || text.windows(10).any(|window| window == b"-----BEGIN")
}

/// Whether the text is a UUID in an unmistakable form: with hyphens, in braces, or as a URN. A UUID
/// is made to be unique, usually from the time and the machine; the best kind has 122 random bits.
///
/// 32 hexadecimal digits alone are accepted. One in 64 random texts looks like a UUID of version 4,
/// and as many like each other version, so `openssl rand -hex 16` would sometimes fail; and a real
/// UUID of version 4 has nearly as many random bits.
fn is_uuid(text: &str) -> bool {
    let bytes = text.as_bytes();
    let inner = match bytes {
        [b'{', inner @ .., b'}'] | [b'(', inner @ .., b')'] => inner,
        _ => bytes,
    };
    let (name, digits) = inner.split_at_checked(9).unwrap_or_default();
    let inner = if name.eq_ignore_ascii_case(b"urn:uuid:") { digits } else { inner };
    let is_plain = inner.len() == 32 && inner.len() < bytes.len() && inner.iter().all(u8::is_ascii_hexdigit);
    let is_hyphenated = inner.len() == 36
        && inner.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
    is_plain || is_hyphenated
}

fn is_uniform(secret: &[u8]) -> bool {
    const LEAST_DIFFERENT: usize = 8;
    let mut seen = [false; 256];
    for byte in secret {
        if let Some(slot) = seen.get_mut(usize::from(*byte)) {
            *slot = true;
        }
    }
    let different = seen.iter().filter(|seen| **seen).count();
    let repeats = |period: usize| secret.iter().zip(secret.iter().skip(period)).all(|(a, b)| a == b);
    different < LEAST_DIFFERENT || (1..=secret.len() / 2).any(repeats)
}

/// Decodes a text of base64, base64url or hexadecimal digits.
fn decoded(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent);
    if text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let digits: Option<Vec<_>> = text.chars().map(|digit| digit.to_digit(16)).collect();
        let digits = Zeroizing::new(digits?);
        let pairs = digits.chunks_exact(2);
        let bytes = pairs.map(|pair| pair.iter().fold(0_u32, |byte, digit| (byte << 4) | digit));
        return Some(Zeroizing::new(bytes.filter_map(|byte| u8::try_from(byte).ok()).collect()));
    }
    [alphabet::STANDARD, alphabet::URL_SAFE]
        .iter()
        .find_map(|alphabet| GeneralPurpose::new(alphabet, LENIENT).decode(text).ok())
        .map(Zeroizing::new)
}

/// Whether a person made up the text: it reads like a language, or little remains of it without the
/// words that are typical of such secrets.
fn is_phrase(text: &str) -> bool {
    let spots = spots(text.as_bytes());
    if has_random_digits(&spots) {
        return false;
    }
    reads_like_a_language(&spots) || is_little_but_typical_words(&spots)
}

/// One byte of a text, and whether it is predictable from its neighbours.
struct Spot {
    /// In lower case.
    byte: u8,
    is_upper: bool,
    /// Whether it is inside one of the [`TYPICAL_WORDS`].
    in_word: bool,
    /// Whether it is the third or a later byte of a run such as `aaaa`, `5678` or `9876`.
    follows: bool,
}

impl Spot {
    /// Generators of secrets make no letters outside ASCII; languages have them.
    const fn is_foreign(&self) -> bool {
        !self.byte.is_ascii()
    }

    const fn is_letter(&self) -> bool {
        self.byte.is_ascii_lowercase() || self.is_foreign()
    }

    const fn is_separator(&self) -> bool {
        matches!(self.byte, b' ' | b'-' | b'_' | b'.')
    }

    /// Whether a word continues from `self` to `next`: `HolaSoyUnaClave` has four words.
    const fn goes_on(&self, next: &Self) -> bool {
        self.is_letter() && next.is_letter() && (self.is_upper || !next.is_upper)
    }
}

fn spots(text: &[u8]) -> Zeroizing<Spots> {
    let lower = Zeroizing::new(text.to_ascii_lowercase());
    let mut run = Run::default();
    let mut spots: Vec<_> = lower
        .iter()
        .zip(text)
        .map(|(byte, original)| Spot {
            byte: *byte,
            is_upper: original.is_ascii_uppercase(),
            in_word: false,
            follows: run.goes_on_with(*byte),
        })
        .collect();
    for word in TYPICAL_WORDS {
        for (at, window) in lower.windows(word.len()).enumerate() {
            if window == word.as_bytes() {
                spots.iter_mut().skip(at).take(word.len()).for_each(|spot| spot.in_word = true);
            }
        }
    }
    Zeroizing::new(Spots(spots))
}

struct Spots(Vec<Spot>);

impl zeroize::Zeroize for Spots {
    fn zeroize(&mut self) {
        self.0.iter_mut().for_each(|spot| spot.byte.zeroize());
    }
}

/// The length of the current run of bytes that follow from the one before.
#[derive(Default)]
struct Run {
    last: Option<u8>,
    length: usize,
}

impl Run {
    /// Two bytes may follow each other by chance; three seldom do.
    fn goes_on_with(&mut self, byte: u8) -> bool {
        let goes_on = self.last.replace(byte).is_some_and(|last| follows(last, byte));
        self.length = if goes_on { self.length + 1 } else { 0 };
        self.length >= 2
    }
}

/// `0` follows `9`, as in `1234567890123`.
fn follows(before: u8, byte: u8) -> bool {
    let are_digits = before.is_ascii_digit() && byte.is_ascii_digit();
    byte == before || (are_digits && matches!(byte.abs_diff(before), 1 | 9))
}

/// Whether the text has 128 bits of hexadecimal digits, whatever surrounds them. No word of `a` to
/// `f` is that long, but these letters follow each other as in a language more often than others.
fn has_random_digits(spots: &Spots) -> bool {
    const LEAST: usize = 32;
    let is_digit = |spot: &Spot| spot.byte.is_ascii_hexdigit();
    let mut runs = spots.0.chunk_by(|spot, next| is_digit(spot) && is_digit(next));
    runs.any(|run| run.iter().filter(|spot| is_digit(spot) && !spot.follows).count() >= LEAST * 3 / 4)
}

/// Whether words make up most of the text, and far more of its letters follow each other as in a
/// language than by chance.
fn reads_like_a_language(spots: &Spots) -> bool {
    /// Without typical words, a rest of this length may be a random text, of which the words before
    /// it say nothing.
    const MAY_BE_RANDOM: usize = 30;
    let (mut in_words, mut found) = (0, Pairs::default());
    let words_count = left_over(spots) < MAY_BE_RANDOM;
    for word in spots.0.chunk_by(Spot::goes_on).filter(|word| word.first().is_some_and(Spot::is_letter)) {
        in_words += if word.len() >= 3 { word.len() } else { 0 };
        for pair in word.windows(2) {
            match pair.iter().all(|spot| spot.in_word) {
                true if words_count => found.note(true),
                true => {}
                false => found.note(is_common(pair)),
            }
        }
    }
    let counted = |spot: &&Spot| spot.is_letter() || (spot.byte.is_ascii_digit() && !spot.follows);
    let all = spots.0.iter().filter(counted).count();
    10 * in_words >= 6 * all && found.are_of_a_language(has_separated_words(spots))
}

/// Whether a separator stands between two letters outside typical words: people separate words,
/// generators do not. `jwt_key_` before a random text is no sign of a phrase.
fn has_separated_words(spots: &Spots) -> bool {
    let is_of_a_word = |spot: &Spot| spot.is_letter() && !spot.in_word;
    spots.0.windows(3).any(|window| {
        matches!(window, [before, between, after]
            if is_of_a_word(before) && between.is_separator() && is_of_a_word(after))
    })
}

/// Counts pairs of letters, and those among the [`COMMON_PAIRS`].
#[derive(Default)]
struct Pairs {
    all: usize,
    common: usize,
}

impl Pairs {
    const fn note(&mut self, is_common: bool) {
        self.all += 1;
        self.common += if is_common { 1 } else { 0 };
    }

    const fn are_of_a_language(&self, words_are_separated: bool) -> bool {
        /// How many of 100 pairs of random letters are common: 120 of 676.
        const BY_CHANCE: usize = 18;
        /// How far above that a text must be, in hundredths of the square root of the number of
        /// pairs. Measured on 4,000,000 random texts of 32 to 64 letters each: one in a million is
        /// above 270, one in ten million above 310; letters with digits are as far away or further.
        const MARGIN: usize = 310;
        const MARGIN_OF_SEPARATED_WORDS: usize = 270;
        let margin = if words_are_separated { MARGIN_OF_SEPARATED_WORDS } else { MARGIN };
        let above = (100 * self.common).saturating_sub(BY_CHANCE * self.all);
        self.all > 0 && above * above >= margin * margin * self.all
    }
}

fn is_common(pair: &[Spot]) -> bool {
    let [first, second] = pair else { return false };
    if first.is_foreign() || second.is_foreign() {
        return true;
    }
    let followers = first.byte.checked_sub(b'a').and_then(|at| COMMON_PAIRS.get(usize::from(at)));
    followers.is_some_and(|followers| followers.as_bytes().contains(&second.byte))
}

/// Whether too little remains for a secret without typical words. A prefix such as `jwt_key_`
/// before a random text does no harm.
fn is_little_but_typical_words(spots: &Spots) -> bool {
    const LEAST_LEFT: usize = 20;
    spots.0.iter().any(|spot| spot.in_word) && left_over(spots) < LEAST_LEFT
}

/// The number of bytes without typical words, runs and separators.
fn left_over(spots: &Spots) -> usize {
    spots.0.iter().filter(|spot| !(spot.in_word || spot.follows || spot.is_separator())).count()
}

/// For each letter from `a`, those that follow it in the 120 most common pairs of English text:
/// four of five pairs in English, most pairs in the languages of Europe, 18 of 100 random pairs.
const COMMON_PAIRS: [&str; 26] = [
    "bcdilmnrst",
    "lu",
    "aehklot",
    "aei",
    "acdeflmnprstx",
    "io",
    "e",
    "aeio",
    "cglmnost",
    "",
    "e",
    "aefilosu",
    "aeop",
    "acdegost",
    "cdmnprstu",
    "aelort",
    "",
    "aeginorst",
    "eiostu",
    "aehiorsuy",
    "elnrst",
    "ae",
    "ai",
    "",
    "",
    "",
];

/// Words from which people make secrets. Few are short, because short words occur in random texts
/// too, and none consists of hexadecimal digits alone.
const TYPICAL_WORDS: [&str; 78] = [
    "access",
    "admin",
    "and",
    "api",
    "app",
    "application",
    "auth",
    "authentication",
    "bits",
    "bytes",
    "change",
    "character",
    "code",
    "crypt",
    "default",
    "demo",
    "dev",
    "django",
    "encrypt",
    "encryption",
    "env",
    "environment",
    "example",
    "for",
    "generate",
    "hash",
    "here",
    "insecure",
    "json",
    "jwt",
    "key",
    "least",
    "local",
    "login",
    "long",
    "minimum",
    "must",
    "not",
    "only",
    "pass",
    "password",
    "phrase",
    "please",
    "private",
    "prod",
    "production",
    "public",
    "random",
    "refresh",
    "replace",
    "safe",
    "salt",
    "sample",
    "secret",
    "secure",
    "security",
    "server",
    "service",
    "session",
    "set",
    "should",
    "sign",
    "signature",
    "some",
    "string",
    "strong",
    "super",
    "test",
    "that",
    "the",
    "this",
    "token",
    "ultra",
    "use",
    "value",
    "very",
    "with",
    "your",
];

/// Secrets from documentation, tutorials and password lists, compared without regard to case.
const WELL_KNOWN: [&str; 34] = [
    "secret",
    "secretkey",
    "secret_key",
    "secret-key",
    "secret key",
    "changeme",
    "change-me",
    "change_me",
    "changeit",
    "password",
    "default",
    "admin",
    "test",
    "jwt_secret",
    "jwt-secret",
    "jwtsecret",
    "my_secret",
    "my-secret",
    "mysecret",
    "mysecretkey",
    "my_secret_key",
    "supersecret",
    "super-secret",
    "super_secret_key",
    "your-256-bit-secret",
    "your-384-bit-secret",
    "your-512-bit-secret",
    "a-string-secret-at-least-256-bits-long",
    "a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long",
    "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
    "abcdefghijklmnopqrstuvwxyz123456",
    "abcdefghijklmnopqrstuvwxyz012345",
    "0123456789abcdef0123456789abcdef",
    "12345678901234567890123456789012",
];

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    use proptest::prelude::*;

    use super::super::{Algorithm, Key};
    use super::*;

    fn check(secret: impl AsRef<[u8]>) -> Result<(), KeyError> {
        Key::hmac(Algorithm::HS256, secret.as_ref()).map(drop)
    }

    #[track_caller]
    fn refused(secret: impl AsRef<[u8]>, error: KeyError) {
        let secret = secret.as_ref();
        assert_eq!(check(secret), Err(error), "{}", secret.escape_ascii());
    }

    /// Converts each byte into a digit of base 64, 36 or 32.
    fn spelled(bytes: &[u8], alphabet: &[u8]) -> String {
        bytes.iter().map(|byte| char::from(alphabet[usize::from(*byte) % alphabet.len()])).collect()
    }

    fn hex(bytes: &[u8]) -> String {
        let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap();
        bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).collect()
    }

    proptest! {
        // The same texts in each run, because one in some million random ones is refused.
        #![proptest_config(ProptestConfig {
            rng_seed: proptest::test_runner::RngSeed::Fixed(10),
            ..ProptestConfig::with_cases(2000)
        })]

        #[test]
        fn what_is_random_is_never_refused(bytes in any::<[u8; 64]>().no_shrink(), length in 32_usize..=64) {
            let bytes = &bytes[..length];
            prop_assert_eq!(check(bytes), Ok(()), "raw");
            let lower = b"abcdefghijklmnopqrstuvwxyz0123456789";
            let texts = [
                hex(bytes),
                hex(bytes).to_uppercase(),
                hex(&bytes[..16]),
                STANDARD.encode(bytes),
                URL_SAFE_NO_PAD.encode(bytes),
                spelled(bytes, lower),
                spelled(bytes, &lower[..26]),
                spelled(bytes, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"),
                spelled(bytes, b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"),
                spelled(bytes, &(b'!'..=b'~').collect::<Vec<_>>()),
            ];
            for text in texts {
                prop_assert_eq!(check(&text), Ok(()), "{}", text);
                let named = format!("jwt_secret_key_{text}");
                prop_assert_eq!(check(&named), Ok(()), "{}", named);
            }
        }
    }

    #[test]
    fn uniform_secrets_are_refused() {
        for secret in [&[b'a'; 32][..], &b"abcdefgh".repeat(4), &b"abcdefg".repeat(6), &b"abc".repeat(11)] {
            refused(secret, KeyError::TooUniform);
        }
        refused(b"abcdefghijklmnop".repeat(2), KeyError::TooUniform);
        assert_eq!(check(b"abcdefghijklmnopabcdefghijklmnoq"), Ok(()));
    }

    #[test]
    fn phrases_are_refused_whatever_is_hung_on_to_them() {
        for phrase in [
            "this is my very secret jwt signing key",
            "this-is-my-very-secret-signing-key",
            "thisismyverysecretjwtsigningkeyforprod",
            "THIS_IS_MY_VERY_SECRET_SIGNING_KEY",
            "ThisIsMyVerySecretSigningKeyOfTheShop",
            "my-super-secret-key-for-production",
            "your-very-long-and-secure-jwt-secret-key",
            "django-insecure-please-change-me-now!",
            "changeme-changeme-please-changeme!!",
            "penguins live in the desert and eat cactus",
            "das-ist-der-geheime-schluessel-unserer-anwendung",
            "una-clave-secreta-para-firmar-los-mensajes",
            "\u{43c}\u{43e}\u{439}-\u{43e}\u{447}\u{435}\u{43d}\u{44c}-\u{441}\u{435}\u{43a}\u{440}\u{435}\u{442}-\u{441}\u{435}\u{43a}\u{440}\u{435}\u{442}\u{44b}",
        ] {
            for secret in [
                phrase.to_owned(),
                format!("{phrase}1"),
                format!("{phrase}-2026"),
                format!("1234567890-{phrase}-0987654321"),
                format!("{phrase}\u{e4}"),
                format!("{phrase}!!!!!!!!"),
                STANDARD.encode(phrase),
                URL_SAFE_NO_PAD.encode(format!("{phrase}1")),
                hex(phrase.as_bytes()),
            ] {
                refused(&secret, KeyError::Phrase);
                assert!(Key::danger_short_hmac(Algorithm::HS256, secret.as_bytes()).is_ok());
            }
        }
    }

    #[test]
    fn typical_words_with_little_else_are_refused() {
        for secret in [
            "jwt_secret_key_1234567890_1234567890",
            "my-super-secret-key-0123456789abcdef-test",
            "Secret_Password_Token_k3y_d7x9q2w",
            "API-TOKEN-SECRET-xx-yy-zz-2026-11-27",
            "SecretTokenSecretToken7Secret8Secret",
            "CorrectHorseBatteryStaplePassword!",
        ] {
            refused(secret, KeyError::Phrase);
        }
        let random = "q9Zk2vX7bT4mR8wL1sD6";
        assert_eq!(check(format!("jwt_secret_key_{random}")), Ok(()), "20 random characters");
        refused(format!("jwt_secret_key_{}", &random[1..]), KeyError::Phrase);
    }

    #[test]
    fn a_uuid_is_refused_in_every_form_that_says_so() {
        let uuid = "9b2e1c04-7d3a-4f58-8e61-0a5c9d7f2b13";
        let plain = uuid.replace('-', "");
        for secret in [
            uuid.to_owned(),
            uuid.to_uppercase(),
            format!("{{{uuid}}}"),
            format!("({uuid})"),
            format!("urn:uuid:{uuid}"),
            format!("URN:UUID:{uuid}"),
            format!("{{{plain}}}"),
            format!("urn:uuid:{plain}"),
            "c232ab00-9414-11ec-b3c8-9f6bdeced846".to_owned(),
        ] {
            refused(&secret, KeyError::Uuid);
        }
        assert_eq!(
            Key::hmac(Algorithm::HS512, uuid.as_bytes()).unwrap_err(),
            KeyError::Uuid,
            "rather than that it is too short"
        );
        for other in [
            plain,
            format!("{uuid}{}", uuid.replace('9', "1")),
            uuid.replace('9', "g"),
            uuid.replace('-', "_"),
        ] {
            assert_eq!(check(&other), Ok(()), "{other}");
        }
    }

    #[test]
    fn white_space_at_the_ends_does_not_count() {
        let good = "q9Zk2vX7bT4mR8wL1sD6q9Zk2vX7bT4m";
        for secret in [
            format!("{good}\n"),
            format!("{good}\r\n"),
            format!(" {good}"),
            format!("\t{good}"),
            format!("{good}\u{a0}"),
            format!("\u{feff}{good}"),
            format!("q9Zk2vX7{}", " ".repeat(30)),
        ] {
            refused(&secret, KeyError::Whitespace);
        }
        assert_eq!(check(good), Ok(()));
        let mut raw: Vec<u8> = (200..=240).collect();
        raw.push(b'\n');
        assert_eq!(check(raw), Ok(()), "random bytes may end with any");
    }
}
