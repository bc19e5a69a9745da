//! Signatures of entries in Caracal's streams: HMAC-SHA256 of a canonical text.
//!
//! The canonical text is the name of the stream, followed by `name=value` for each field, each on a
//! line of its own and sorted by name. It omits `_sig` and fields that are null, and includes empty
//! fields.
//!
//! This text does not mark where a value ends. The field `reason` = "a\nsid=b" has the same text as
//! the fields `reason` = "a" and `sid` = "b". An attacker with write access to the stream, but
//! without the key, could split the fields of a signed entry differently and revoke `b`, or join
//! two fields and so suppress the revocation of a session. The signer and the verifier therefore
//! refuse fields whose text could be read in two ways:
//!
//! - a name with a line feed or with `=`;
//! - a value in which a line after the first contains `=`;
//! - a name that occurs twice, which Redis allows.
//!
//! The remaining texts have one reading: a line with `=` begins a field, and a line without it
//! continues a value. A reason of several lines is thus still allowed. A property test parses the
//! texts back.
//!
//! Caracal's control plane signs without this check. A consumer that receives such an ambiguous
//! revocation carries it out: `verifies_ambiguous` distinguishes it from an unsigned one.

use std::{collections::BTreeMap, fmt};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::error::ConfigError;

/// The field that holds the signature.
pub(crate) const SIGNATURE_FIELD: &str = "_sig";

/// The minimum length of a key, in bytes.
const MIN_KEY_BYTES: usize = 32;

/// The key that signs entries of Caracal's streams, of at least 32 bytes.
///
/// A Caracal deployment has it in hexadecimal digits, in `STREAMS_HMAC_KEY`.
///
/// ```
/// use fauth_core::store::StreamKey;
///
/// # let digits = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
/// let key = StreamKey::from_hex(digits)?;
/// let signature = key.sign("audit:events", [("action", Some("transfer")), ("metadata", None)])?;
/// assert_eq!(signature, "93c82e377fc1ff7f1430549aa20cd20971150173b5996308ab84cb48d6f2683d");
/// assert!(key.verifies("audit:events", [("action", Some("transfer"))], &signature));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Security
/// The signature covers the stream and all fields, but no time: a copied entry is valid again. A
/// repeated revocation revokes nothing else, and lasts longer.
#[derive(Clone)]
pub struct StreamKey(Hmac<Sha256>);

impl StreamKey {
    /// Creates a key from its bytes.
    ///
    /// # Errors
    /// [`ConfigError`] if there are fewer than 32 bytes.
    pub fn new(key: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        let key = key.as_ref();
        let fix = "use at least 32 random bytes, for example from `openssl rand -hex 32`";
        if key.len() < MIN_KEY_BYTES {
            let problem = format!("has {} bytes, fewer than {MIN_KEY_BYTES}", key.len());
            return Err(ConfigError::new("signing_key", problem, fix));
        }
        // HMAC accepts keys of any length.
        let mac = Hmac::new_from_slice(key);
        mac.map(Self).map_err(|_| ConfigError::new("signing_key", "cannot be used", fix))
    }

    /// Creates a key from its hexadecimal digits, the form in which a Caracal deployment keeps it.
    ///
    /// # Errors
    /// [`ConfigError`] for any other character, an odd number of digits, or fewer than 64 digits.
    pub fn from_hex(digits: impl AsRef<str>) -> Result<Self, ConfigError> {
        let bytes = bytes_of(digits.as_ref().trim()).map(Zeroizing::new).ok_or_else(|| {
            let fix = "use at least 64 hexadecimal digits, for example from `openssl rand -hex 32`";
            ConfigError::new("signing_key", "is not an even number of hexadecimal digits", fix)
        })?;
        Self::new(&*bytes)
    }

    /// Signs an entry. Returns 64 lower-case hexadecimal digits for the field `_sig`. A field of
    /// that name and fields without a value are ignored.
    ///
    /// # Errors
    /// [`AmbiguousEntry`] if the signature would also be valid for other fields.
    pub fn sign<'a>(
        &self,
        stream: &str,
        fields: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
    ) -> Result<String, AmbiguousEntry> {
        let mut mac = self.0.clone();
        mac.update(canonical_text(stream, fields)?.as_bytes());
        Ok(digits_of(&mac.finalize().into_bytes()))
    }

    /// Whether this is the signature of the entry. Compares in constant time. Always `false` for an
    /// entry that [`sign`](Self::sign) refuses.
    #[must_use]
    pub fn verifies<'a>(
        &self,
        stream: &str,
        fields: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
        signature: &str,
    ) -> bool {
        self.sign(stream, fields).is_ok_and(|own| own.as_bytes().ct_eq(signature.as_bytes()).into())
    }
}

#[cfg(feature = "redis")]
impl StreamKey {
    /// Whether this is the signature of an entry whose text can be read in two ways. A signer
    /// without the check, such as Caracal's control plane, may have meant other fields.
    pub(crate) fn verifies_ambiguous<'a>(
        &self,
        stream: &str,
        fields: impl IntoIterator<Item = (&'a str, &'a str)>,
        signature: &str,
    ) -> bool {
        let fields = fields.into_iter().filter(|(name, _)| *name != SIGNATURE_FIELD);
        let text = text_of(stream, fields.collect());
        let own = digits_of(&self.0.clone().chain_update(text).finalize().into_bytes());
        own.as_bytes().ct_eq(signature.as_bytes()).into()
    }
}

#[cfg(feature = "caracal-audit")]
impl StreamKey {
    /// Signs a text as it is, as for audit events. Returns 64 lower-case hexadecimal digits.
    pub(crate) fn sign_text(&self, text: &str) -> String {
        digits_of(&self.0.clone().chain_update(text).finalize().into_bytes())
    }
}

impl fmt::Debug for StreamKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StreamKey(***)")
    }
}

/// Fields that cannot be signed, because other fields would have the same signature: a name occurs
/// twice or contains a line feed or `=`, or a value contains `=` in a line after its first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the signature would also be valid for other fields: use distinct names without line feeds and `=`, \
     and no `=` in a value after its first line"
)]
#[non_exhaustive]
pub struct AmbiguousEntry;

/// The text that is signed.
fn canonical_text<'a>(
    stream: &str,
    fields: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
) -> Result<String, AmbiguousEntry> {
    let mut sorted = BTreeMap::new();
    for (name, value) in fields {
        let Some(value) = value else { continue };
        if name != SIGNATURE_FIELD && (is_ambiguous(name, value) || sorted.insert(name, value).is_some()) {
            return Err(AmbiguousEntry);
        }
    }
    if stream.contains('\n') {
        return Err(AmbiguousEntry);
    }
    Ok(text_of(stream, sorted))
}

fn text_of(stream: &str, fields: BTreeMap<&str, &str>) -> String {
    let mut text = format!("{stream}\n");
    for (name, value) in fields {
        for part in [name, "=", value, "\n"] {
            text.push_str(part);
        }
    }
    text
}

fn is_ambiguous(name: &str, value: &str) -> bool {
    name.contains(['\n', '=']) || value.split('\n').skip(1).any(|line| line.contains('='))
}

fn digits_of(bytes: &[u8]) -> String {
    use fmt::Write as _;

    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn bytes_of(digits: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    pairs.iter().map(|&[high, low]| Some(digit(high)? * 16 + digit(low)?)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: &[u8] = b"kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk";

    fn key() -> StreamKey {
        StreamKey::new(KEY).unwrap()
    }

    fn sign(fields: &[(&str, &str)]) -> Result<String, AmbiguousEntry> {
        key().sign("s", fields.iter().map(|&(name, value)| (name, Some(value))))
    }

    #[test]
    fn nothing_but_the_very_signature_is_accepted() {
        let good = sign(&[("a", "1")]).unwrap();
        let check = |signature: &str| key().verifies("s", [("a", Some("1"))], signature);
        assert!(check(&good));
        let last = if good.ends_with('0') { "1" } else { "0" };
        let wrong = format!("{}{last}", &good[..63]);
        for other in [wrong, good.to_uppercase(), good[..63].to_owned(), format!("{good} "), String::new()] {
            assert!(!check(&other), "{other}");
        }
    }

    /// Each of these has the same text as other fields.
    #[test]
    fn what_could_be_read_in_two_ways_is_not_signed() {
        for fields in [
            [("a", "1\nb=2"), ("c", "")],
            [("a=b", "1"), ("c", "")],
            [("a\nb", "1"), ("c", "")],
            [("a", "1"), ("a", "1")],
            [("a", "1"), ("a", "2")],
            [("a", "1\n\n\n=2"), ("c", "")],
        ] {
            assert_eq!(sign(&fields), Err(AmbiguousEntry), "{fields:?}");
            let unsigned = fields.map(|(name, value)| (name, Some(value)));
            assert!(!key().verifies("s", unsigned, &sign(&[("a", "1"), ("b", "2")]).unwrap()));
        }
        assert!(key().sign("s\na=1", []).is_err());
        for fields in [[("a", "1=2"), ("b", "")], [("a", "1\nb"), ("b", "\n\n")], [("", ""), ("=", "")]] {
            let is_good = !fields.iter().any(|(name, _)| *name == "=");
            assert_eq!(sign(&fields).is_ok(), is_good, "{fields:?}");
        }
    }

    #[test]
    fn short_keys_are_refused_and_none_is_shown() {
        assert!(StreamKey::new([1; 31]).is_err() && StreamKey::new([1; 32]).is_ok());
        assert!(StreamKey::from_hex("ab".repeat(32)).is_ok());
        assert!(StreamKey::from_hex(format!("{}\n", "AB".repeat(32))).is_ok(), "as a file ends");
        for digits in ["ab".repeat(31), "abc".to_owned(), "xy".repeat(32), format!("{}a", "ab".repeat(32))] {
            let error = StreamKey::from_hex(&digits).unwrap_err().to_string();
            assert!(error.contains("signing_key") && !error.contains(&digits), "{error}");
        }
        assert_eq!(format!("{:?}", key()), "StreamKey(***)");
    }

    /// Parses a canonical text, which has only one reading.
    fn read(text: &str) -> BTreeMap<String, String> {
        let mut fields = BTreeMap::new();
        let mut last = String::new();
        for line in text.split_terminator('\n').skip(1) {
            if let Some((name, value)) = line.split_once('=') {
                last = name.to_owned();
                fields.insert(last.clone(), value.to_owned());
            } else {
                fields.get_mut(&last).unwrap().extend(["\n", line]);
            }
        }
        fields
    }

    proptest! {
        #[test]
        fn every_text_has_one_reading(
            fields in proptest::collection::btree_map("[ab=\n]{0,3}", "[ab=\n]{0,6}", 0..4)
        ) {
            let given = fields.iter().map(|(name, value)| (&**name, Some(&**value)));
            if let Ok(text) = canonical_text("s", given) {
                prop_assert_eq!(read(&text), fields);
            }
        }
    }
}
