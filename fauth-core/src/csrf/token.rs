//! CSRF token values: how they are made and checked.
//!
//! A value is `hex(HMAC-SHA-256(key, …)) "." hex(r)`: 16 random bytes `r`, and a code over them and
//! the login that they are for, under a key that is derived for this purpose alone. Every value
//! that was made for the login of a request is valid, and no other is.
//!
//! **Why it is not compared with a cookie.** A comparison proves that the sender could read, or
//! write, the cookie. The signature proves more: without the key nobody can make a value, and a
//! value made for another session, such as the attacker's, is refused even if the attacker has
//! planted it as a cookie too. Each tab and each form can therefore have its own value, and a
//! compressed page shows no secret that stays the same.

use std::{borrow::Cow, fmt};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::{rejection::CsrfFault, token::TokenPayload};

/// The length of an HMAC-SHA-256 in hexadecimal.
const CODE_DIGITS: usize = 64;
/// The length of 16 random bytes in hexadecimal.
const RANDOM_DIGITS: usize = 32;
/// The length of every value.
const LENGTH: usize = CODE_DIGITS + 1 + RANDOM_DIGITS;

/// The login that a value is for.
pub(crate) struct Bound<'a> {
    subject: &'a str,
    /// The kind of the id, so that ids of different kinds cannot be confused.
    kind: &'static str,
    id: Cow<'a, str>,
}

impl<'a> Bound<'a> {
    /// The login of a token: its session, or without one its subject and the second of the login,
    /// which a refresh does not change. Two logins of one user in the same second are then the
    /// same, and so are a renewed session and the one before it.
    pub(crate) fn to(payload: &'a TokenPayload) -> Self {
        let subject = payload.subject();
        if let Some(id) = payload.session_id() {
            return Self { subject, kind: "session", id: id.into() };
        }
        let began_at = payload.began_at().unwrap_or(payload.issued_at());
        Self { subject, kind: "login", id: began_at.unix_seconds().to_string().into() }
    }
}

impl Bound<'_> {
    /// A text that is the same for the same login, and for no other.
    pub(crate) fn key(&self) -> String {
        let Self { subject, kind, id } = self;
        format!("{kind}!{}!{subject}!{id}", subject.len())
    }
}

/// The keys of one application, the current one first. The first makes new values; all of them
/// verify, so that pages survive a key rotation.
pub(crate) struct CsrfKeys(Vec<Hmac<Sha256>>);

impl CsrfKeys {
    /// Takes keys derived from those that sign tokens.
    pub(crate) fn new(keys: impl Iterator<Item = Zeroizing<String>>) -> Self {
        Self(keys.filter_map(|key| Hmac::new_from_slice(key.as_bytes()).ok()).collect())
    }

    /// Makes a value for this login; `None` without a key.
    pub(crate) fn make(&self, bound: &Bound<'_>, random: [u8; 16]) -> Option<String> {
        let random = hex(&random);
        let mut value = code(self.0.first()?, bound, random.as_bytes());
        value.push('.');
        value.push_str(&random);
        Some(value)
    }

    /// Refuses every value that was not made for this login. The form is checked first, so that
    /// nothing is computed for a malformed value; codes are compared in constant time.
    pub(crate) fn check(&self, bound: &Bound<'_>, value: &[u8]) -> Result<(), CsrfFault> {
        let (given, random) = split(value).ok_or(CsrfFault::Malformed)?;
        let is_of = |key| bool::from(code(key, bound, random).as_bytes().ct_eq(given));
        if self.0.iter().any(is_of) { Ok(()) } else { Err(CsrfFault::Mismatch) }
    }
}

/// Splits a value into its code and its random part.
fn split(value: &[u8]) -> Option<(&[u8], &[u8])> {
    if value.len() != LENGTH {
        return None;
    }
    let (code, rest) = value.split_at_checked(CODE_DIGITS)?;
    let random = rest.strip_prefix(b".")?;
    let is_hex = |digits: &[u8]| digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    (is_hex(code) && is_hex(random)).then_some((code, random))
}

/// Each part is prefixed with its length, so that no two lists yield the same bytes.
fn code(key: &Hmac<Sha256>, bound: &Bound<'_>, random: &[u8]) -> String {
    let mut mac = key.clone();
    for part in [bound.kind.as_bytes(), bound.subject.as_bytes(), bound.id.as_bytes(), random] {
        mac.update(part.len().to_string().as_bytes());
        mac.update(b"!");
        mac.update(part);
        mac.update(b"!");
    }
    hex(&mac.finalize().into_bytes())
}

fn hex(bytes: &[u8]) -> String {
    let digit = |number: u8| char::from_digit(number.into(), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).collect()
}

impl fmt::Debug for CsrfKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CsrfKeys(..)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keys(texts: &[&str]) -> CsrfKeys {
        CsrfKeys::new(texts.iter().map(|text| Zeroizing::new((*text).to_owned())))
    }

    fn bound(subject: &'static str, kind: &'static str, id: &'static str) -> Bound<'static> {
        Bound { subject, kind, id: id.into() }
    }

    #[test]
    fn a_value_is_good_for_its_login_alone() {
        let keys = keys(&["a key"]);
        let alice = || bound("alice", "session", "7");
        let value = keys.make(&alice(), [7; 16]).unwrap();
        assert_eq!(value.len(), LENGTH);
        assert_eq!(keys.check(&alice(), value.as_bytes()), Ok(()));
        for other in [
            bound("bob", "session", "7"),
            bound("alice", "session", "8"),
            bound("alice", "login", "7"),
            bound("alice!7", "session", ""),
            bound("alic", "session", "e7"),
        ] {
            assert_eq!(keys.check(&other, value.as_bytes()), Err(CsrfFault::Mismatch));
            assert_ne!(other.key(), alice().key());
        }
    }

    #[test]
    fn earlier_keys_check_and_make_nothing() {
        let (before, after) = (keys(&["old"]), keys(&["new", "old"]));
        let login = || bound("alice", "session", "7");
        let old = before.make(&login(), [1; 16]).unwrap();
        assert_eq!(after.check(&login(), old.as_bytes()), Ok(()));
        let new = after.make(&login(), [1; 16]).unwrap();
        assert_eq!(before.check(&login(), new.as_bytes()), Err(CsrfFault::Mismatch));
        assert_eq!(keys(&["other"]).check(&login(), old.as_bytes()), Err(CsrfFault::Mismatch));
        assert!(keys(&[]).make(&login(), [1; 16]).is_none());
        assert!(keys(&[]).check(&login(), old.as_bytes()).is_err());
    }

    #[test]
    fn the_form_is_strict() {
        let keys = keys(&["a key"]);
        let login = || bound("alice", "session", "7");
        let value = keys.make(&login(), [0xab; 16]).unwrap();
        let check = |value: &[u8]| keys.check(&login(), value);
        assert_eq!(check(value.as_bytes()), Ok(()));
        for bad in [
            String::new(),
            value[1..].to_owned(),
            format!("{value}0"),
            format!(" {value}"),
            value.to_uppercase(),
            value.replace('.', "!"),
            value.replace("ab", "g0"),
            value.replace("ab", "ä"),
            "0".repeat(100_000),
        ] {
            assert_eq!(check(bad.as_bytes()), Err(CsrfFault::Malformed), "{bad}");
        }
        for at in (0..value.len()).filter(|at| *at != CODE_DIGITS) {
            let mut changed = value.clone().into_bytes();
            changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
            assert_eq!(check(&changed), Err(CsrfFault::Mismatch), "{at}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(value in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(keys(&["a key"]).check(&bound("alice", "session", "7"), &value).is_err());
        }
    }
}
