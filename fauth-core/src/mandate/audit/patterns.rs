//! Recognises credentials by their form, anywhere in a text.

use std::borrow::Cow;

/// Replaces a secret.
pub(super) const HIDDEN: &str = "***";
/// Shorter texts contain no credential.
const SHORTEST: usize = 16;

/// The length of a credential in bytes, and its replacement.
type Match = (usize, &'static str);

/// Replaces the credentials in a text with `***`. Stops as soon as the result is longer than
/// `longest` bytes, so the caller can tell that it has to be truncated.
///
/// # Security
/// Takes linear time for every text: the text may come from an attacker.
pub(super) fn without_credentials(text: &str, longest: usize) -> Cow<'_, str> {
    if text.len() < SHORTEST {
        return text.into();
    }
    let (mut result, mut done) = (String::new(), 0);
    let (mut at, mut tokens) = (0, TokensFrom(0));
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        match credential(rest, at, &mut tokens) {
            Some((length, instead)) => {
                result.push_str(text.get(done..at).unwrap_or_default());
                result.push_str(instead);
                at += length;
                done = at;
            }
            None => at += rest.chars().next().map_or(1, char::len_utf8),
        }
        if result.len() + (at - done) > longest {
            break;
        }
    }
    let rest = text.get(done..at).unwrap_or_default();
    if done == 0 {
        return rest.into();
    }
    result.push_str(rest);
    result.into()
}

/// No JSON Web Token begins before this position, as far as is known.
struct TokensFrom(usize);

/// Returns the credential at the start of the text, which is the rest from this position.
fn credential(text: &str, at: usize, tokens: &mut TokensFrom) -> Option<Match> {
    // Every credential begins with one of a few characters, so most positions are decided here.
    match text.as_bytes().first()? {
        b'-' => private_key(text),
        b'b' | b'B' => bearer(text),
        b'e' if at < tokens.0 => None,
        b'e' => json_web_token(text).inspect_err(|barren| tokens.0 = at + barren).ok(),
        b'A' => amazon(text).or_else(|| google(text)),
        b'g' => github(text),
        b'x' => slack(text),
        _ => None,
    }
}

/// A PEM block with a private key. A block without an end is hidden to the end of the text.
fn private_key(text: &str) -> Option<Match> {
    let label = text.strip_prefix("-----BEGIN ")?;
    let (label, _) = label.split_once("-----")?;
    let is_label =
        label.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b' ');
    if !is_label || !label.ends_with("PRIVATE KEY") {
        return None;
    }
    let end = format!("-----END {label}-----");
    let length = text.find(&end).map_or(text.len(), |at| at + end.len());
    Some((length, HIDDEN))
}

/// The scheme, white space, and at least eight characters of a token.
fn bearer(text: &str) -> Option<Match> {
    let (scheme, rest) = text.split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case("bearer") || !rest.starts_with(char::is_whitespace) {
        return None;
    }
    let token = rest.trim_start();
    let length = run(token, |byte| byte.is_ascii_alphanumeric() || b"._-+/=~".contains(&byte));
    (length >= 8).then(|| (text.len() - token.len() + length, "Bearer ***"))
}

/// Three parts of at least eight characters, the first of which is a JSON object.
///
/// The error is a number of bytes in which no token begins. If a part is missing or too short, that
/// holds for every other beginning within the same first part too; and if the first part is too
/// short, later beginnings make it even shorter.
fn json_web_token(text: &str) -> Result<Match, usize> {
    let part = |text| run(text, |byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    if !text.starts_with("eyJ") {
        return Err(0);
    }
    let first = part(text);
    let mut length = first;
    for _ in 0..2 {
        let rest = text.get(length..).and_then(|rest| rest.strip_prefix('.')).ok_or(first)?;
        let own = part(rest);
        if own < 8 {
            return Err(first);
        }
        length += 1 + own;
    }
    if first < 11 { Err(first) } else { Ok((length, HIDDEN)) }
}

fn amazon(text: &str) -> Option<Match> {
    let rest = text.strip_prefix("AKIA").or_else(|| text.strip_prefix("ASIA"))?;
    exactly(text, rest, 16, |byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
}

fn google(text: &str) -> Option<Match> {
    let rest = text.strip_prefix("AIza")?;
    exactly(text, rest, 35, |byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

fn github(text: &str) -> Option<Match> {
    let rest = text.strip_prefix("gh")?.strip_prefix(['p', 'o', 'u', 's', 'r'])?.strip_prefix('_')?;
    at_least(text, rest, 36, |byte| byte.is_ascii_alphanumeric())
}

fn slack(text: &str) -> Option<Match> {
    let rest = text.strip_prefix("xox")?.strip_prefix(['a', 'b', 'p', 'r', 's'])?.strip_prefix('-')?;
    at_least(text, rest, 10, |byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Matches exactly `count` characters; more may follow.
fn exactly(text: &str, rest: &str, count: usize, is_part: impl Fn(u8) -> bool) -> Option<Match> {
    let is_one = rest.len() >= count && rest.bytes().take(count).all(is_part);
    is_one.then(|| (text.len() - rest.len() + count, HIDDEN))
}

fn at_least(text: &str, rest: &str, count: usize, is_part: impl Fn(u8) -> bool) -> Option<Match> {
    let length = run(rest, is_part);
    (length >= count).then(|| (text.len() - rest.len() + length, HIDDEN))
}

/// Returns the number of leading bytes that satisfy the predicate.
fn run(text: &str, is_part: impl Fn(u8) -> bool) -> usize {
    text.bytes().take_while(|&byte| is_part(byte)).count()
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, thread, time::Duration};

    use super::*;

    fn without_credentials(text: &str) -> Cow<'_, str> {
        super::without_credentials(text, usize::MAX)
    }

    /// Each kind at the end, in the middle and twice.
    fn is_hidden(secret: &str, instead: &str) {
        for (text, expected) in [
            (format!("it is: {secret}"), format!("it is: {instead}")),
            (format!("{secret}, it is said"), format!("{instead}, it is said")),
            (format!("ä {secret} ö {secret} ü"), format!("ä {instead} ö {instead} ü")),
        ] {
            assert_eq!(without_credentials(&text), expected);
        }
    }

    fn is_left(text: &str) {
        let text = format!("it is: {text} (at least sixteen)");
        assert_eq!(without_credentials(&text), text);
    }

    #[test]
    fn bearer_tokens() {
        is_hidden("Bearer abcdefgh", "Bearer ***");
        is_hidden("bEARER \t a.b_c-d+e/f=", "Bearer ***");
        is_hidden("Authorization: Bearer abcdefgh12345678", "Authorization: Bearer ***");
        is_left("Bearer abcdefg");
        is_left("Bearerabcdefgh");
        is_left("the bearer of ring");
    }

    #[test]
    fn json_web_tokens() {
        is_hidden("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0xx.c2lnbmF0dXJl", "***");
        is_hidden("?t=eyJ12345678.12345678.12345678&x", "?t=***&x");
        is_left("eyJ1234567.12345678.12345678");
        is_left("eyJ12345678.1234567.12345678");
        is_left("eyJ12345678.12345678.1234567");
        is_left("eyJ12345678.12345678");
        is_hidden("eyJ.eyJ12345678.12345678.12345678", "eyJ.***");
        is_hidden("eyJ12345678.eyJ.eyJ12345678.12345678.12345678", "eyJ12345678.eyJ.***");
        is_hidden("eyJ12345678.1.eyJ12345678.12345678.12345678", "eyJ12345678.1.***");
    }

    #[test]
    fn keys_of_amazon() {
        is_hidden("AKIAIOSFODNN7EXAMPLE", "***");
        is_hidden("ASIAIOSFODNN7EXAMPLE", "***");
        is_left("AKIAIOSFODNN7EXAMPL");
        is_left("AKIAiosfodnn7example");
    }

    #[test]
    fn keys_of_google() {
        let rest = "a-_".repeat(12);
        is_hidden(&format!("AIza{}", &rest[..35]), "***");
        is_left(&format!("AIza{}", &rest[..34]));
    }

    #[test]
    fn tokens_of_github() {
        for kind in ["ghp", "gho", "ghu", "ghs", "ghr"] {
            is_hidden(&format!("{kind}_{}", "a1B".repeat(12)), "***");
        }
        is_left(&format!("ghp_{}", "a".repeat(35)));
        is_left(&format!("ghx_{}", "a".repeat(36)));
    }

    #[test]
    fn tokens_of_slack() {
        for kind in ["xoxa", "xoxb", "xoxp", "xoxr", "xoxs"] {
            is_hidden(&format!("{kind}-1234-abcde"), "***");
        }
        is_left("xoxb-123456789");
        is_left("xoxz-1234567890");
    }

    #[test]
    fn private_keys() {
        for label in ["PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY"] {
            is_hidden(&format!("-----BEGIN {label}-----\nMIG\nabc=\n-----END {label}-----"), "***");
            // What was cut off is no less secret.
            let open = format!("key: -----BEGIN {label}-----\nMIG\nabc=\n");
            assert_eq!(without_credentials(&open), "key: ***");
        }
        is_left("-----BEGIN PUBLIC KEY-----\nMIG\n-----END PUBLIC KEY-----");
        is_left("-----BEGIN private key-----");
        is_left("-----------------");
    }

    #[test]
    fn a_text_without_credentials_is_not_copied() {
        let text = "nothing of interest, and 16 bytes at least";
        assert!(matches!(without_credentials(text), Cow::Borrowed(_)));
        assert!(matches!(without_credentials("Bearer abcdefgh"), Cow::Borrowed(_)), "too short to be one");
    }

    #[test]
    fn no_more_is_read_than_is_needed() {
        let read = |longest| super::without_credentials("a Bearer abcdefgh, Bearer abcdefgh!", longest);
        assert_eq!(read(usize::MAX), "a Bearer ***, Bearer ***!");
        assert_eq!(read(13), "a Bearer ***, ");
        assert_eq!(read(14), "a Bearer ***, Bearer ***");
        assert_eq!(read(0), "a");
    }

    /// With quadratic time each of them takes minutes at least.
    #[test]
    fn a_long_text_takes_no_longer_than_it_is() {
        const LENGTH: usize = 4 << 20;
        let repeated = |text: &str| text.repeat(LENGTH / text.len());
        let (many, run) = (repeated("eyJ"), repeated("a"));
        let texts = [
            repeated("b"),
            repeated("Bearer "),
            repeated("bearerB"),
            repeated("abcdefghBEeyJXyz0123456789+/"),
            many.clone(),
            format!("{many}.{run}"),
            format!("{many}.{run}.aaaa"),
            repeated("eyJ12345678."),
            repeated("eyJ12345678.1."),
            repeated("AKIA"),
            repeated("AIza"),
            repeated("ghp_"),
            repeated("xoxb-"),
            repeated("-----BEGIN "),
            repeated("-----BEGIN PRIVATE KEY"),
            repeated("-"),
        ];
        let (done, is_done) = mpsc::channel();
        thread::spawn(move || {
            for text in texts {
                without_credentials(&text);
            }
            done.send(()).unwrap();
        });
        assert!(is_done.recv_timeout(Duration::from_secs(60)).is_ok(), "it takes too long");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read(text in "\\PC{0,200}") {
            let once = without_credentials(&text).into_owned();
            proptest::prop_assert_eq!(without_credentials(&once), once.as_str());
        }
    }
}
