//! API keys: their format, and the request that creates one.
//!
//! `<prefix>_<32 hex id>_<64 hex secret><8 hex checksum>`: the prefix identifies the application,
//! the id finds the key in the store, and the secret has 256 random bits. The checksum rejects
//! mistyped and invented keys without a store access.

mod payload;

use std::{
    borrow::Cow,
    fmt,
    fmt::Write as _,
    ops::RangeInclusive,
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::{
    clock::Timestamp,
    error::ConfigError,
    rejection::Rejection,
    store::{ApiKey, ApiKeyId, HashKey, Owner, SecretHash, StoredApiKey},
    token::{TokenPayload, is_scope},
};

const DEFAULT_PREFIX: &str = "fauth";
const PREFIX_BYTES: RangeInclusive<usize> = 2..=16;
/// Lengths in bytes; each byte is two hexadecimal digits.
const ID_BYTES: usize = 16;
const SECRET_BYTES: usize = 32;
const CHECKSUM_BYTES: usize = 4;
/// The length after the prefix and its underscore.
const BODY_LENGTH: usize = ID_BYTES * 2 + 1 + SECRET_BYTES * 2 + CHECKSUM_BYTES * 2;

const DAY: u64 = 24 * 60 * 60;
const DEFAULT_LIFETIME: Duration = Duration::from_secs(90 * DAY);
const MAX_LIFETIME: Duration = Duration::from_secs(3653 * DAY);
const MAX_SUBJECT_BYTES: usize = 255;
const MAX_NAME_BYTES: usize = 100;
const MAX_SCOPES: usize = 64;
const MAX_SCOPE_BYTES: usize = 255;
/// The maximum number of unexpired keys per owner.
pub(crate) const MAX_KEYS_PER_OWNER: usize = 100;
/// A use is recorded only if the last recorded use is at least this long ago.
const USE_NOTED_EVERY: Duration = Duration::from_secs(60);
/// How recent the login must be that creates a key.
pub(crate) const MADE_WITHIN: Duration = Duration::from_secs(15 * 60);

/// The format of an application's keys.
#[derive(Debug)]
pub(crate) struct ApiKeyFormat {
    /// The prefix with its underscore.
    lead: Box<str>,
}

impl ApiKeyFormat {
    pub(crate) fn new(prefix: Option<&str>) -> Result<Self, ConfigError> {
        let prefix = prefix.unwrap_or(DEFAULT_PREFIX);
        let fits = |byte: u8| byte.is_ascii_digit() || byte.is_ascii_lowercase();
        if !PREFIX_BYTES.contains(&prefix.len()) || !prefix.bytes().all(fits) {
            return Err(ConfigError::new(
                "api_key_prefix",
                "the prefix is too short or too long, or has a character that is not allowed",
                "use 2 to 16 lower-case letters and digits",
            ));
        }
        Ok(Self { lead: format!("{prefix}_").into_boxed_str() })
    }

    /// The prefix with its underscore.
    pub(crate) fn lead(&self) -> &str {
        &self.lead
    }

    /// Whether the text has this application's prefix. If so, it is treated as an API key and as
    /// nothing else, whether it is valid or not.
    pub(crate) fn names(&self, text: &[u8]) -> bool {
        text.starts_with(self.lead.as_bytes())
    }

    /// Generates a key for this owner: its id and its text.
    pub(crate) fn make(&self, owner: &Owner<'_>) -> Result<(ApiKeyId, Zeroizing<String>), getrandom::Error> {
        let (mut id, mut secret) = ([0; ID_BYTES], Zeroizing::new([0; SECRET_BYTES]));
        getrandom::fill(&mut id)?;
        getrandom::fill(&mut *secret)?;
        // Allocate the full capacity up front: growing the string would leave part of the secret
        // behind in freed memory.
        let mut text = Zeroizing::new(String::with_capacity(self.lead.len() + BODY_LENGTH));
        text.push_str(&self.lead);
        let id = ApiKeyId::new(owner, id);
        text.push_str(id.as_str());
        text.push('_');
        push_hex(&mut text, &*secret);
        let checksum = checksum(text.as_bytes());
        push_hex(&mut text, &checksum);
        Ok((id, text))
    }

    /// Parses a presented key; `None` if no key of this application can have this text.
    pub(crate) fn parse(&self, text: &[u8]) -> Option<PresentedKey> {
        let body = text.strip_prefix(self.lead.as_bytes()).filter(|body| body.len() == BODY_LENGTH)?;
        let (signed, sum) = text.split_at_checked(text.len() - CHECKSUM_BYTES * 2)?;
        let (id, rest) = body.split_at_checked(ID_BYTES * 2)?;
        let secret = rest.strip_prefix(b"_")?;
        let mut expected = String::with_capacity(CHECKSUM_BYTES * 2);
        push_hex(&mut expected, &checksum(signed));
        // Not in constant time: the checksum is not secret, since it follows from the rest of the
        // key.
        if sum != expected.as_bytes() || !secret.iter().all(|byte| is_hex(*byte)) {
            return None;
        }
        let id = ApiKeyId::parse(std::str::from_utf8(id).ok()?)?;
        Some(PresentedKey { id, digest: SecretHash::of(text) })
    }
}

/// The scopes that users may give to the keys that they create; `None` if the application names
/// none.
#[derive(Debug)]
pub(crate) struct OfferedScopes(Option<Vec<Box<str>>>);

impl OfferedScopes {
    pub(crate) fn new(named: Option<Vec<String>>) -> Result<Self, ConfigError> {
        let is_possible = |named: &Vec<String>| !named.is_empty() && named.iter().all(|scope| fits(scope));
        if !named.as_ref().is_none_or(is_possible) {
            return Err(ConfigError::new(
                "api_key_scopes",
                "the list is empty, or a scope is empty, too long or has a character that is not allowed",
                "use scopes of up to 255 bytes as in RFC 6749 section 3.3, or omit the setting if keys have none",
            ));
        }
        Ok(Self(named.map(|named| named.into_iter().map(String::into_boxed_str).collect())))
    }

    /// Checks whether this token may create this key. A token with scopes can only pass on its own
    /// scopes. A token without scopes says nothing about its user's rights, so only the configured
    /// list decides. If logins get their scopes from a claims loader, however, it means that the
    /// user or the client has no scopes.
    pub(crate) fn check(
        &self,
        request: &ApiKeyRequest<'_>,
        token: &TokenPayload,
        scopes_are_loaded: bool,
    ) -> Result<(), ApiKeyError> {
        request.check_scopes()?;
        let mut scopes = request.scopes.iter();
        let is_bound = scopes_are_loaded || !token.scopes().is_empty();
        if is_bound && !scopes.clone().all(|scope| token.has_scope(scope)) {
            return Err(ApiKeyError::ScopeNotHeld);
        }
        match &self.0 {
            Some(named) if !scopes.all(|scope| named.iter().any(|named| **named == **scope)) => {
                Err(ApiKeyError::ScopeNotOffered)
            }
            None if token.scopes().is_empty() && !request.scopes.is_empty() => {
                Err(ApiKeyError::NoScopesOffered)
            }
            _ => Ok(()),
        }
    }
}

/// Decides when uses of keys are recorded.
#[derive(Debug)]
pub(crate) struct UseNotes {
    /// When recording last failed, in seconds since the Unix epoch.
    failed_at: AtomicI64,
}

impl UseNotes {
    /// Whether a use of this key should be recorded now.
    pub(crate) fn is_due(&self, key: &ApiKey, now: Timestamp) -> bool {
        let failed_at = Timestamp::from_unix_seconds(self.failed_at.load(Ordering::Relaxed));
        // If the clock has jumped back, the failure lies in the future and is ignored.
        let has_just_failed = failed_at <= now && now.since(failed_at) < USE_NOTED_EVERY;
        !has_just_failed && key.last_used_at.is_none_or(|last| now.since(last) >= USE_NOTED_EVERY)
    }

    pub(crate) fn failed(&self, now: Timestamp) {
        self.failed_at.store(now.unix_seconds(), Ordering::Relaxed);
    }
}

impl Default for UseNotes {
    fn default() -> Self {
        // The maximum time stands for "never".
        Self { failed_at: AtomicI64::new(i64::MAX) }
    }
}

fn push_hex(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
}

const fn is_hex(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'a'..=b'f')
}

fn checksum(text: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let [first, second, third, fourth, ..]: [u8; 32] = Sha256::digest(text).into();
    [first, second, third, fourth]
}

/// A presented key: enough to find and compare the stored key, but not enough to use it again.
pub(crate) struct PresentedKey {
    pub(crate) id: ApiKeyId,
    digest: SecretHash,
}

impl PresentedKey {
    /// Whether this is the unmodified record of the key. Compares in constant time.
    pub(crate) fn fits(&self, stored: &StoredApiKey, hash_key: &HashKey) -> bool {
        let expected = hash_of(&self.digest, &stored.key, hash_key);
        self.id == stored.key.id && stored.hash.matches(&expected)
    }
}

/// Builds the record of a new key.
pub(crate) fn stored(key: ApiKey, text: &str, hash_key: &HashKey) -> StoredApiKey {
    let hash = hash_of(&SecretHash::of(text.as_bytes()), &key, hash_key);
    StoredApiKey { key, hash, hash_key_id: hash_key.id().to_owned() }
}

/// The hash in the record. Besides the text it covers everything that determines what the key
/// grants: with a key and write access to the store, an attacker can neither give it to another
/// owner, nor add scopes or lifetime, nor make it survive a password change. The id is part of the
/// text.
fn hash_of(digest: &SecretHash, key: &ApiKey, hash_key: &HashKey) -> SecretHash {
    let times = [key.created_at, key.expires_at].map(|time| time.unix_seconds().to_be_bytes());
    let owner = [&key.owner.application, &key.owner.issuer, &key.owner.subject];
    // Whether a password change ends the key, and at which epoch.
    let epoch = key.user_epoch.map(u64::to_be_bytes);
    let mut parts: Vec<&[u8]> = vec![digest.as_bytes(), epoch.as_ref().map_or(&[], <[u8; 8]>::as_slice)];
    parts.extend(times.iter().map(<[u8; 8]>::as_slice));
    parts.extend(owner.iter().map(|part| part.as_bytes()));
    parts.extend(key.scopes.iter().map(String::as_bytes));
    hash_key.hash("API key", &parts)
}

/// A request for a new API key.
///
/// ```
/// use std::time::Duration;
/// use fauth_core::api_key::ApiKeyRequest;
///
/// let request = ApiKeyRequest::new("deploy")
///     .scopes(["read"])
///     .lifetime(Duration::from_secs(30 * 24 * 60 * 60));
/// ```
///
/// The request does not name the owner: [`create_api_key`](crate::AuthProvider::create_api_key)
/// takes the owner from the grant of the request, so that it cannot come from the body.
#[derive(Debug, Clone)]
#[must_use = "pass the request to `create_api_key`"]
pub struct ApiKeyRequest<'a> {
    name: Cow<'a, str>,
    scopes: Vec<Cow<'a, str>>,
    lifetime: Option<Duration>,
    survives_password_change: bool,
}

impl<'a> ApiKeyRequest<'a> {
    /// Creates a request for a key with this name, by which its owner distinguishes it: at most 100
    /// bytes, without control characters. By default the key has no scopes, lasts 90 days, and ends
    /// when its owner's password is changed.
    pub fn new(name: impl Into<Cow<'a, str>>) -> Self {
        Self {
            name: name.into(),
            scopes: Vec::new(),
            lifetime: Some(DEFAULT_LIFETIME),
            survives_password_change: false,
        }
    }

    /// Adds a scope.
    pub fn scope(mut self, scope: impl Into<Cow<'a, str>>) -> Self {
        self.scopes.push(scope.into());
        self
    }

    /// Adds scopes: at most 64, of at most 255 bytes each. Users may give their keys the scopes
    /// that [`api_key_scopes`](crate::AuthProviderBuilder::api_key_scopes) names. A route that
    /// requires scopes admits keys that have them; a key without scopes is admitted only where a
    /// requirement [allows API keys](crate::Requirement::allow_api_keys).
    pub fn scopes(mut self, scopes: impl IntoIterator<Item: Into<Cow<'a, str>>>) -> Self {
        self.scopes.extend(scopes.into_iter().map(Into::into));
        self
    }

    /// Sets the lifetime, in whole seconds. Default: 90 days; at most ten years.
    pub const fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// Lets the key last until it is revoked.
    ///
    /// # Security
    /// A key that leaks unnoticed remains valid for ever.
    pub const fn danger_never_expires(mut self) -> Self {
        self.lifetime = None;
        self
    }

    /// Whether the key survives a change of its owner's password, which ends everything else issued
    /// to the owner. Default: `false`. For unattended programs whose key is stored out of reach of
    /// an attacker who knows the password.
    ///
    /// # Security
    /// An attacker with access to the account for fifteen minutes can leave such a key behind. Show
    /// users their keys, and let only administrators create keys of this kind.
    pub const fn danger_survives_password_change(mut self, survives: bool) -> Self {
        self.survives_password_change = survives;
        self
    }

    fn check_scopes(&self) -> Result<(), ApiKeyError> {
        if self.scopes.len() > MAX_SCOPES || !self.scopes.iter().all(|scope| fits(scope)) {
            return Err(ApiKeyError::InvalidScope);
        }
        Ok(())
    }

    /// Builds the record of the key, if the request is valid. `epoch` is the owner's.
    pub(crate) fn record(
        self,
        owner: Owner<'static>,
        id: ApiKeyId,
        epoch: u64,
        now: Timestamp,
    ) -> Result<ApiKey, ApiKeyError> {
        if owner.subject.is_empty() || owner.subject.len() > MAX_SUBJECT_BYTES {
            return Err(ApiKeyError::InvalidSubject);
        }
        if self.name.len() > MAX_NAME_BYTES || self.name.chars().any(char::is_control) {
            return Err(ApiKeyError::InvalidName);
        }
        self.check_scopes()?;
        Ok(ApiKey {
            id,
            owner,
            name: self.name.into_owned(),
            scopes: self.scopes.into_iter().map(Cow::into_owned).collect(),
            created_at: now,
            expires_at: end_of(self.lifetime, now)?,
            last_used_at: None,
            // Stores hold at most `i64::MAX`. A higher epoch would invalidate the key at once.
            user_epoch: (!self.survives_password_change).then_some(epoch.min(i64::MAX.unsigned_abs())),
        })
    }
}

fn fits(scope: &str) -> bool {
    scope.len() <= MAX_SCOPE_BYTES && is_scope(scope)
}

fn end_of(lifetime: Option<Duration>, now: Timestamp) -> Result<Timestamp, ApiKeyError> {
    let Some(lifetime) = lifetime else { return Ok(Timestamp::MAX) };
    if lifetime.as_secs() == 0 || lifetime > MAX_LIFETIME {
        return Err(ApiKeyError::InvalidLifetime);
    }
    now.checked_add(lifetime).filter(|end| *end < Timestamp::MAX).ok_or(ApiKeyError::InvalidLifetime)
}

/// Why an API key could not be created.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApiKeyError {
    /// The subject is empty or longer than 255 bytes.
    #[error("the subject must have 1 to 255 bytes")]
    InvalidSubject,
    /// The name is too long or has control characters.
    #[error("the name must have at most 100 bytes and no control characters")]
    InvalidName,
    /// A scope is empty, too long, or contains a character that RFC 6749 section 3.3 does not
    /// allow; or there are too many scopes.
    #[error("use at most 64 scopes, each of 1 to 255 ASCII characters without spaces, quotes or backslashes")]
    InvalidScope,
    /// The token of the request has scopes, and the key requests a scope that the token does not
    /// have.
    #[error("a requested scope is not among the scopes of the access token")]
    ScopeNotHeld,
    /// The key requests a scope that is not in
    /// [`api_key_scopes`](crate::AuthProviderBuilder::api_key_scopes).
    #[error("a requested scope is not among those that users may give to their API keys")]
    ScopeNotOffered,
    /// The token of the request has no scopes, and the application has not configured which scopes
    /// users may give to their keys.
    #[error(
        "users may not give scopes to their API keys: name the scopes that they may give with \
         `AuthProviderBuilder::api_key_scopes`"
    )]
    NoScopesOffered,
    /// No user has this subject.
    #[error("no user has this subject")]
    UnknownOwner,
    /// The lifetime is under a second or over ten years.
    #[error("the lifetime must be one second to ten years")]
    InvalidLifetime,
    /// The owner already has 100 keys.
    #[error("the subject already has the maximum number of API keys")]
    LimitReached,
    /// The request may not create a key, the store, the clock or the random number generator
    /// failed, or there is no store. Answer with the rejection.
    #[error(transparent)]
    Refused(#[from] Rejection),
}

/// The answer of a handler: 422 with the error's message, or the rejection.
impl From<ApiKeyError> for Rejection {
    fn from(error: ApiKeyError) -> Self {
        match error {
            ApiKeyError::Refused(rejection) => rejection,
            error => Self::Unprocessable(error.to_string().into()),
        }
    }
}

/// A newly created API key. Its text is available only here: show it to its owner once.
pub struct NewApiKey {
    pub(crate) key: ApiKey,
    pub(crate) text: Zeroizing<String>,
}

impl NewApiKey {
    /// The key's data, without its secret.
    #[must_use]
    pub const fn key(&self) -> &ApiKey {
        &self.key
    }

    /// The text of the key.
    ///
    /// # Security
    /// The text grants everything that the key may do. Never log it; answer with
    /// `Cache-Control: no-store`.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for NewApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewApiKey").field("key", &self.key).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_seconds(1_767_225_600);

    fn format(prefix: &str) -> ApiKeyFormat {
        ApiKeyFormat::new(Some(prefix)).unwrap()
    }

    fn owner() -> Owner<'static> {
        Owner::new("default", "", "alice")
    }

    fn id() -> ApiKeyId {
        ApiKeyId::parse("0123456789abcdef0123456789abcdef").unwrap()
    }

    /// A key computed independently, with `sha256sum`.
    const KNOWN: &str = concat!(
        "fauth_000102030405060708090a0b0c0d0e0f",
        "_202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f",
        "0b1665d9"
    );

    #[test]
    fn a_known_key_is_read() {
        let found = format("fauth").parse(KNOWN.as_bytes()).unwrap();
        assert_eq!(found.id.as_str(), "000102030405060708090a0b0c0d0e0f");
        assert_eq!(found.digest, SecretHash::of(KNOWN.as_bytes()));
    }

    #[test]
    fn what_is_made_is_read() {
        for prefix in ["fauth", "ab", "0123456789abcdef"] {
            let format = format(prefix);
            let (id, text) = format.make(&owner()).unwrap();
            let (other_id, other) = format.make(&owner()).unwrap();
            assert!(id != other_id && *text != *other, "random");
            assert_eq!(text.len(), prefix.len() + 1 + 32 + 1 + 64 + 8);
            let found = format.parse(text.as_bytes()).unwrap();
            assert!(found.id == id && found.digest == SecretHash::of(text.as_bytes()));
        }
    }

    #[test]
    fn one_wrong_character_is_noticed_at_once() {
        let format = format("fauth");
        let (_, text) = format.make(&owner()).unwrap();
        for place in 0..text.len() {
            for wrong in [b'0', b'1', b'A', b'g', b'_', 0xff] {
                let mut bytes = text.as_bytes().to_vec();
                if bytes[place] != wrong {
                    bytes[place] = wrong;
                    assert!(format.parse(&bytes).is_none(), "{place} {wrong}");
                }
            }
        }
        for other in [&text[1..], &text[..text.len() - 1], &format!("{}0", *text), "", "fauth_", "fauth"] {
            assert!(format.parse(other.as_bytes()).is_none(), "{other}");
        }
    }

    /// The checksum is correct, so that only the format is wrong.
    #[test]
    fn a_key_has_one_form() {
        let format = format("fauth");
        let summed = |text: &str| {
            let mut text = text.to_owned();
            let sum = checksum(text.as_bytes());
            push_hex(&mut text, &sum);
            text
        };
        let (id, secret) = ("a".repeat(32), "b".repeat(64));
        assert!(format.parse(summed(&format!("fauth_{id}_{secret}")).as_bytes()).is_some());
        for other in [
            format!("fauth_{}_{secret}", id.to_uppercase()),
            format!("fauth_{id}_{}", secret.to_uppercase()),
            format!("fauth_{id}-{secret}"),
            format!("fauth_{id}b{secret}"),
            format!("other_{id}_{secret}"),
            format!("Fauth_{id}_{secret}"),
            format!("fauth_{id}_{secret}b"),
            format!("fauth_{}_{secret}", &id[1..]),
        ] {
            assert!(format.parse(summed(&other).as_bytes()).is_none(), "{other}");
        }
    }

    #[test]
    fn a_prefix_has_bounds() {
        for good in ["ab", "fauth", "acme2", "0123456789abcdef"] {
            assert_eq!(format(good).lead(), format!("{good}_"));
        }
        for bad in ["", "a", "0123456789abcdef0", "Acme", "ac_me", "ac me", "äb"] {
            assert_eq!(ApiKeyFormat::new(Some(bad)).unwrap_err().field(), "api_key_prefix", "{bad}");
        }
        assert_eq!(ApiKeyFormat::new(None).unwrap().lead(), "fauth_");
    }

    #[test]
    fn a_request_has_bounds() {
        let deploy = || ApiKeyRequest::new("deploy");
        for good in [
            deploy(),
            ApiKeyRequest::new("ä".repeat(50)),
            ApiKeyRequest::new(""),
            deploy().scopes(vec!["read"; 64]),
            deploy().scope("s".repeat(255)),
            deploy().lifetime(Duration::from_secs(1)),
            deploy().lifetime(MAX_LIFETIME),
        ] {
            assert!(good.clone().record(owner(), id(), 0, NOW).is_ok(), "{good:?}");
        }
        let second = Duration::from_secs(1);
        for (bad, error) in [
            (ApiKeyRequest::new("a".repeat(101)), ApiKeyError::InvalidName),
            (ApiKeyRequest::new("a\nb"), ApiKeyError::InvalidName),
            (deploy().scopes(vec!["read"; 65]), ApiKeyError::InvalidScope),
            (deploy().scope("s".repeat(256)), ApiKeyError::InvalidScope),
            (deploy().scope(""), ApiKeyError::InvalidScope),
            (deploy().scope("two words"), ApiKeyError::InvalidScope),
            (deploy().lifetime(Duration::from_millis(999)), ApiKeyError::InvalidLifetime),
            (deploy().lifetime(MAX_LIFETIME + second), ApiKeyError::InvalidLifetime),
            (deploy().lifetime(Duration::MAX), ApiKeyError::InvalidLifetime),
        ] {
            assert_eq!(bad.clone().record(owner(), id(), 0, NOW), Err(error), "{bad:?}");
        }
        for (subject, good) in [(0, false), (1, true), (255, true), (256, false)] {
            let owner = Owner::new("default", "", "a".repeat(subject));
            let record = deploy().record(owner, id(), 0, NOW).map(drop);
            assert_eq!(record, if good { Ok(()) } else { Err(ApiKeyError::InvalidSubject) }, "{subject}");
        }
        let late = Timestamp::from_unix_seconds(Timestamp::MAX.unix_seconds() - 10);
        assert_eq!(deploy().record(owner(), id(), 0, late), Err(ApiKeyError::InvalidLifetime));
    }

    #[test]
    fn a_key_ends_after_ninety_days_unless_asked_otherwise() {
        let end = |request: ApiKeyRequest<'_>| request.record(owner(), id(), 0, NOW).unwrap().expires_at;
        assert_eq!(end(ApiKeyRequest::new("deploy")).since(NOW), Duration::from_secs(90 * DAY));
        assert_eq!(end(ApiKeyRequest::new("deploy").danger_never_expires()), Timestamp::MAX);
    }
}
