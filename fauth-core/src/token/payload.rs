//! The payload of a verified token.

#[cfg(feature = "trusted-issuers")]
use std::sync::Arc;
use std::{borrow::Cow, fmt, ops::Range};

use serde::de::DeserializeOwned;

#[cfg(feature = "mandates")]
use super::mandate::Mandate;
#[cfg(feature = "trusted-issuers")]
use super::texts::Texts;
use super::{
    claims::is_reserved,
    json::{self, Limits, Value},
    profile::Format,
    purpose::Purpose,
};
use crate::clock::Timestamp;

/// A claim that exists but does not have the requested type.
#[derive(Debug, thiserror::Error)]
#[error("the claim `{name}` is not of the expected type")]
pub struct ClaimError {
    name: Box<str>,
    #[source]
    source: serde_json::Error,
}

/// A string inside the claims. Usually a range of their text; a copy only if the text has escapes.
#[derive(Clone)]
pub(super) enum Span {
    Part(Range<usize>),
    Copy(Box<str>),
}

impl Span {
    /// Returns `None` if the value is not a string.
    pub(super) fn of(value: Value, json: &str) -> Option<Self> {
        match value.plain_range() {
            Some(range) => Some(Self::Part(range)),
            None => value.text(json).map(|copy| Self::Copy(copy.into_owned().into_boxed_str())),
        }
    }

    /// The length in bytes.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Part(range) => range.len(),
            Self::Copy(copy) => copy.len(),
        }
    }

    pub(super) fn read<'a>(&'a self, json: &'a str) -> &'a str {
        match self {
            Self::Part(range) => json.get(range.clone()).unwrap_or_default(),
            Self::Copy(copy) => copy,
        }
    }
}

/// The payload of a verified token.
///
/// A value exists only if verification succeeded.
///
/// ```
/// # use fauth_testing::TestUser;
/// # let auth = fauth_testing::provider().build().unwrap();
/// # let request = fauth_core::TokenRequest::for_subject("alice").scope("read").claim("tenant", "acme");
/// # let token = fauth_testing::at_once(auth.issue(fauth_core::Purpose::Access, request)).unwrap();
/// let payload = auth.verify_signature_and_claims(token.expose(), fauth_core::Purpose::Access)?;
/// assert_eq!(payload.subject(), "alice");
/// assert!(payload.has_scope("read"));
/// assert_eq!(payload.claim::<String>("tenant")?.as_deref(), Some("acme"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct TokenPayload {
    pub(super) json: String,
    pub(super) purpose: Purpose,
    pub(super) subject: Span,
    pub(super) token_id: Span,
    /// An array of strings, or one string of scopes separated by spaces, as a range of the text.
    pub(super) scopes: Option<Value>,
    pub(super) session: Option<Span>,
    pub(super) epoch: u64,
    pub(super) user_epoch: u64,
    /// Set for an API key, never for a token.
    pub(super) is_api_key: bool,
    pub(super) issued_at: Timestamp,
    pub(super) expires_at: Timestamp,
    /// The wire format in which the token was written.
    pub(super) format: Format,
    /// Further data of a token from another issuer.
    #[cfg(feature = "trusted-issuers")]
    pub(super) foreign: Option<Box<Foreign>>,
}

/// What is known about a token of another issuer beside its claims.
#[cfg(feature = "trusted-issuers")]
#[derive(Debug, Clone)]
pub(super) struct Foreign {
    /// `iss`, as it was configured.
    pub(super) issuer: Arc<str>,
    pub(super) rights: Rights,
    /// Seconds by which `exp` may have passed.
    pub(super) expiry_leeway: i64,
    /// The mandate that the token carries.
    #[cfg(feature = "mandates")]
    pub(super) mandate: Option<Arc<Mandate>>,
}

/// The roles, permissions and scopes that another issuer granted.
#[cfg(feature = "trusted-issuers")]
#[derive(Debug, Clone, Default)]
pub(crate) struct Rights {
    /// In the order of the claims, without duplicates.
    pub(crate) roles: Texts,
    /// Like `roles`.
    pub(crate) permissions: Texts,
    /// Like `roles`.
    pub(crate) scopes: Texts,
}

/// The claims have been scanned under stricter limits already, so these need only be no stricter.
const SCANNED: Limits = Limits { depth: 64, members: usize::MAX };

impl TokenPayload {
    /// The payload of an API key, from claims that fauth has written itself. A key is not a token
    /// but counts as an access token. `None` if `sub` or `jti` is missing.
    pub(crate) fn of_key_claims(json: String, issued_at: Timestamp, expires_at: Timestamp) -> Option<Self> {
        let (mut subject, mut token_id, mut scopes) = (None, None, None);
        json::scan_object(&json, SCANNED, |name, value| match name {
            "sub" => subject = Span::of(value, &json),
            "jti" => token_id = Span::of(value, &json),
            "scopes" => scopes = Some(value),
            _ => {}
        })
        .ok()?;
        Some(Self {
            purpose: Purpose::Access,
            subject: subject?,
            token_id: token_id?,
            scopes,
            session: None,
            epoch: 0,
            user_epoch: 0,
            is_api_key: true,
            issued_at,
            expires_at,
            format: Format::Standard,
            #[cfg(feature = "trusted-issuers")]
            foreign: None,
            json,
        })
    }

    /// The subject (`sub`), 1 to 255 bytes.
    #[must_use]
    pub fn subject(&self) -> &str {
        self.subject.read(&self.json)
    }

    /// The token id (`jti`), 1 to 128 bytes.
    #[must_use]
    pub fn token_id(&self) -> &str {
        self.token_id.read(&self.json)
    }

    /// The issuer (`iss`), if the token comes from a [trusted
    /// issuer](crate::AuthProviderBuilder::trusted_issuer). `None` for the application's own tokens
    /// and API keys, whether or not they name an issuer.
    ///
    /// # Security
    /// Identify a user by issuer and [subject](Self::subject) together: equal subjects of different
    /// issuers are different people.
    #[cfg(feature = "trusted-issuers")]
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.foreign.as_ref().map(|foreign| &*foreign.issuer)
    }

    #[cfg(not(feature = "trusted-issuers"))]
    #[expect(clippy::unused_self, reason = "there is no other issuer")]
    pub(crate) const fn issuer(&self) -> Option<&str> {
        None
    }

    /// The token's mandate. `None` unless the provider required the token to be a mandate.
    #[cfg(feature = "mandates")]
    #[must_use]
    pub fn mandate(&self) -> Option<&Mandate> {
        self.shared_mandate().map(|mandate| &**mandate)
    }

    #[cfg(feature = "mandates")]
    pub(crate) fn shared_mandate(&self) -> Option<&Arc<Mandate>> {
        self.foreign.as_ref()?.mandate.as_ref()
    }

    /// The roles that another issuer granted, read by the
    /// [mapping](crate::trusted_issuer::TrustedIssuer::claims) of its claims. Empty for an own
    /// token, whose roles are those of the user.
    #[cfg(feature = "trusted-issuers")]
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        self.foreign.iter().flat_map(|foreign| foreign.rights.roles.iter())
    }

    /// The permissions that another issuer granted, like [`roles`](Self::roles).
    #[cfg(feature = "trusted-issuers")]
    pub fn permissions(&self) -> impl Iterator<Item = &str> {
        self.foreign.iter().flat_map(|foreign| foreign.rights.permissions.iter())
    }

    /// The leeway for `exp` in seconds, if another issuer signed the token.
    #[cfg(feature = "trusted-issuers")]
    pub(super) fn expiry_leeway(&self) -> Option<i64> {
        self.foreign.as_ref().map(|foreign| foreign.expiry_leeway)
    }

    #[cfg(not(feature = "trusted-issuers"))]
    #[expect(clippy::unused_self, reason = "there is no other issuer")]
    pub(super) const fn expiry_leeway(&self) -> Option<i64> {
        None
    }

    /// Whether another issuer signed the token.
    #[cfg(feature = "trusted-issuers")]
    pub(crate) const fn is_foreign(&self) -> bool {
        self.foreign.is_some()
    }

    #[cfg(not(feature = "trusted-issuers"))]
    #[expect(clippy::unused_self, reason = "there is no other issuer")]
    pub(crate) const fn is_foreign(&self) -> bool {
        false
    }

    /// The session id (`sid`), 1 to 128 bytes. `None` for a token that was issued without a
    /// session.
    #[must_use]
    pub fn session_id(&self) -> Option<&str> {
        self.session.as_ref().map(|session| session.read(&self.json))
    }

    /// The subject's epoch in the revocation store when the token was issued (`token_epoch`).
    pub(crate) const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The subject's epoch in the user's own record when the token was issued (`user_epoch`).
    pub(crate) const fn user_epoch(&self) -> u64 {
        self.user_epoch
    }

    /// Whether the token has the Python fauth format, so that another service may have issued it.
    pub(crate) const fn is_of_python_fauth(&self) -> bool {
        matches!(self.format, Format::PythonFauth)
    }

    /// The purpose of the token.
    #[must_use]
    pub const fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// When the token was issued (`iat`). A fraction of a second is rounded up.
    #[must_use]
    pub const fn issued_at(&self) -> Timestamp {
        self.issued_at
    }

    /// When the token expires (`exp`). A fraction of a second is dropped.
    #[must_use]
    pub const fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    pub(crate) const fn is_api_key(&self) -> bool {
        self.is_api_key
    }

    /// When the subject last proved its identity (`auth_time`): at the
    /// [`login`](crate::AuthProvider::login) from which this token descends, through any number of
    /// refreshes, or at another issuer, if the token says so ([RFC 9068 section
    /// 2.2.1](https://www.rfc-editor.org/rfc/rfc9068#section-2.2.1)).
    ///
    /// `None` if that is unknown, as for tokens from [`issue`](crate::AuthProvider::issue), and for
    /// API keys.
    #[must_use]
    pub fn authenticated_at(&self) -> Option<Timestamp> {
        let claimed: i64 = self.claim("auth_time").ok()??;
        // A login cannot be later than a token that continues it.
        let at = Timestamp::from_unix_seconds(claimed).min(self.issued_at);
        (claimed >= 0 && !self.is_api_key).then_some(at)
    }

    /// When the login that a refresh token continues began: `auth_time` if the subject proved its
    /// identity then, else `began_at`. For a token with neither, when it was issued.
    pub(crate) fn began_at(&self) -> Result<Timestamp, ClaimError> {
        let claimed = match self.claim("auth_time")? {
            None => self.claim("began_at")?,
            known => known,
        };
        Ok(claimed.map_or(self.issued_at, |at| Timestamp::from_unix_seconds(at).min(self.issued_at)))
    }

    /// The scopes of the token, in its order, from the claim `scopes` or `scope` ([RFC 9068 section
    /// 2.2.3](https://www.rfc-editor.org/rfc/rfc9068#section-2.2.3)).
    #[must_use]
    pub fn scopes(&self) -> Vec<Cow<'_, str>> {
        let mut scopes = Vec::new();
        self.each_scope(|scope| scopes.push(scope));
        scopes
    }

    /// Whether the token has this scope. Scopes compare byte for byte.
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        let mut found = false;
        self.each_scope(|candidate| found |= candidate == scope);
        found
    }

    /// Deserialises a claim, or returns `None` if the token does not have it. Claims are parsed on
    /// demand, so an unread claim costs nothing.
    ///
    /// # Errors
    /// [`ClaimError`] if the claim is not a `T`.
    pub fn claim<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, ClaimError> {
        self.claim_text(name)
            .map(serde_json::from_str)
            .transpose()
            .map_err(|source| ClaimError { name: name.into(), source })
    }

    /// The JSON text of a claim.
    pub(crate) fn claim_text(&self, name: &str) -> Option<&str> {
        let mut found = None;
        // The same scanner has accepted the claims before, so it cannot fail here.
        let _ = json::scan_object(&self.json, SCANNED, |member, value| {
            if member == name {
                found = Some(value);
            }
        });
        found.map(|value| value.raw(&self.json))
    }

    /// When the browser session of the token ends, however often it is extended (`session_end`).
    pub(crate) fn session_end(&self) -> Option<Timestamp> {
        self.claim("session_end").ok()?.map(Timestamp::from_unix_seconds)
    }

    /// The claims that are neither reserved nor loaded for the user, as names and JSON texts, in
    /// the order of the token.
    pub(crate) fn custom_claims(&self) -> Vec<(String, String)> {
        let mut claims = Vec::new();
        // Only session tokens carry loaded claims beside the claims that a refresh carries over.
        let loaded: Vec<String> = match self.purpose {
            Purpose::Session => self.claim("session_loaded").ok().flatten().unwrap_or_default(),
            _ => Vec::new(),
        };
        let _ = json::scan_object(&self.json, SCANNED, |member, value| {
            if !is_reserved(member) && !loaded.iter().any(|name| name == member) {
                claims.push((member.to_owned(), value.raw(&self.json).to_owned()));
            }
        });
        claims
    }

    /// Calls `each` with every claim's name and JSON text, in the order of the token.
    pub(crate) fn each_claim(&self, mut each: impl FnMut(&str, &str)) {
        let _ = json::scan_object(&self.json, SCANNED, |member, value| each(member, value.raw(&self.json)));
    }

    fn each_scope<'a>(&'a self, mut each: impl FnMut(Cow<'a, str>)) {
        #[cfg(feature = "trusted-issuers")]
        if let Some(foreign) = &self.foreign {
            return foreign.rights.scopes.iter().for_each(|scope| each(Cow::Borrowed(scope)));
        }
        let Some(scopes) = self.scopes else { return };
        let is_word = |word: &&str| !word.is_empty();
        match scopes.text(&self.json) {
            Some(Cow::Borrowed(text)) => {
                return text.split(' ').filter(is_word).map(Cow::Borrowed).for_each(each);
            }
            // The text has escapes.
            Some(Cow::Owned(text)) => {
                return text.split(' ').filter(is_word).map(|word| word.to_owned().into()).for_each(each);
            }
            None => {}
        }
        let array = scopes.raw(&self.json);
        let _ = json::scan_array(array, SCANNED, |element| {
            if let Some(scope) = element.text(array) {
                each(scope);
            }
        });
    }
}

/// Shows what kind of token it is, but no custom claims: they may be personal data.
impl fmt::Debug for TokenPayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenPayload")
            .field("purpose", &self.purpose)
            .field("subject", &self.subject())
            .field("issued_at", &self.issued_at)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}
