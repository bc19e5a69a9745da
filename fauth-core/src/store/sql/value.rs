//! The values bound to the parameters of a statement.

use crate::{
    clock::Timestamp,
    store::{ClientFingerprint, Nonce, Owner, SecretHash},
};

/// The value of one parameter; `None` is `NULL`.
#[derive(Debug, Clone, Copy)]
#[expect(unnameable_types, reason = "it is not part of the public API")]
pub enum Value<'a> {
    /// An integer, a time in seconds since 1970, or a Boolean (1 or 0).
    Number(Option<i64>),
    /// A text.
    Text(Option<&'a str>),
    /// A hash or a nonce.
    Bytes(Option<&'a [u8]>),
}

/// The values of a statement about one owner: the owner as `$1`, `$2` and `$3`, then the others.
pub(super) fn of_owner<'a, const N: usize>(owner: &'a Owner<'_>, others: [Value<'a>; N]) -> Vec<Value<'a>> {
    let mut values = Vec::with_capacity(3 + N);
    values.extend([&*owner.application, &*owner.issuer, &*owner.subject].map(Value::from));
    values.extend(others);
    values
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Number(Some(number))
    }
}

impl From<bool> for Value<'_> {
    fn from(is_true: bool) -> Self {
        i64::from(is_true).into()
    }
}

impl From<Timestamp> for Value<'_> {
    fn from(time: Timestamp) -> Self {
        time.unix_seconds().into()
    }
}

impl From<Option<i64>> for Value<'_> {
    fn from(number: Option<i64>) -> Self {
        Self::Number(number)
    }
}

impl From<Option<Timestamp>> for Value<'_> {
    fn from(time: Option<Timestamp>) -> Self {
        Self::Number(time.map(Timestamp::unix_seconds))
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Some(text))
    }
}

impl<'a> From<Option<&'a str>> for Value<'a> {
    fn from(text: Option<&'a str>) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a SecretHash> for Value<'a> {
    fn from(hash: &'a SecretHash) -> Self {
        Self::Bytes(Some(hash.as_bytes()))
    }
}

impl<'a> From<Option<&'a SecretHash>> for Value<'a> {
    fn from(hash: Option<&'a SecretHash>) -> Self {
        Self::Bytes(hash.map(|hash| hash.as_bytes().as_slice()))
    }
}

impl<'a> From<Option<&'a Nonce>> for Value<'a> {
    fn from(nonce: Option<&'a Nonce>) -> Self {
        Self::Bytes(nonce.map(|nonce| nonce.as_bytes().as_slice()))
    }
}

impl<'a> From<Option<&'a ClientFingerprint>> for Value<'a> {
    fn from(fingerprint: Option<&'a ClientFingerprint>) -> Self {
        Self::Bytes(fingerprint.map(|fingerprint| fingerprint.as_bytes().as_slice()))
    }
}
