//! Issues tokens, and only tokens that the verifier accepts.

use std::{borrow::Cow, fmt, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Serialize, ser::SerializeStruct as _};
use smallvec::SmallVec;
use zeroize::Zeroizing;

use super::{
    application_keys::Keys,
    claims::is_scope,
    custom_claims::CustomClaims,
    header::header_segment,
    ids::{RefreshId, SessionId},
    issue_error::IssueError,
    json_object::JsonObject,
    keys::Key,
    limits::{MAX_SUBJECT_BYTES, are_acceptable},
    mac::Signature,
    origin::Origin,
    profile::{Format, ScopeClaim},
    purpose::{PerPurpose, Purpose},
    token_claims::TokenClaims,
};
use crate::{
    clock::{ClockError, Timestamp},
    user::{AuthUser, UserRef},
};

/// A request to issue a token: its subject and, optionally, scopes and custom claims.
///
/// ```
/// use fauth_core::TokenRequest;
///
/// let request = TokenRequest::for_subject("alice").scopes(["read", "write"]).claim("tenant", "acme");
/// # let auth = fauth_testing::provider().build().unwrap();
/// # fauth_testing::at_once(auth.issue(fauth_core::Purpose::Access, request)).unwrap();
/// ```
///
/// It borrows where possible: `'a` is the lifetime of the texts it was created from, `'static` if
/// it owns them.
pub struct TokenRequest<'a> {
    subject: Cow<'a, str>,
    scopes: SmallVec<[Cow<'a, str>; SCOPES_INLINE]>,
    claims: CustomClaims<'a>,
    /// The claims that a [`ClaimsLoader`](crate::ClaimsLoader) adds to access tokens. Refresh
    /// tokens do not carry them, because they are loaded again at each refresh.
    loaded: CustomClaims<'static>,
    /// The login that the token starts or continues, if any.
    login: Option<Login>,
    pub(crate) bound: Binding,
}

/// When a login began.
#[derive(Debug, Clone, Copy)]
struct Login {
    began_at: Timestamp,
    /// Whether the subject proved its identity then.
    is_authenticated: bool,
}

/// What ends a token besides its own expiry.
#[derive(Default)]
pub(crate) struct Binding {
    pub(crate) session: Option<SessionId>,
    /// The subject's epoch in the revocation store.
    pub(crate) epoch: u64,
    /// The epoch in the user's own record.
    pub(crate) user_epoch: u64,
    /// When the session ends, however often it is refreshed.
    pub(crate) ends_at: Option<Timestamp>,
    pub(crate) refresh: Option<RefreshBinding>,
    pub(crate) browser: Option<BrowserBinding>,
    /// Whether the login was remembered. Only session tokens record it; for the others the
    /// transport needs it.
    pub(crate) remembered: bool,
}

/// Further data of a session token.
pub(crate) struct BrowserBinding {
    /// When it expires if no request extends it.
    pub(crate) idle_end: Timestamp,
    /// The session payload as JSON, if no store keeps it.
    pub(crate) payload: Option<Box<str>>,
}

/// Further data of the refresh token of a session, from which the same token can be made again.
pub(crate) struct RefreshBinding {
    pub(crate) id: RefreshId,
    pub(crate) idle_timeout: Duration,
}

/// The number of scopes that need no allocation.
const SCOPES_INLINE: usize = 4;

impl<'a> TokenRequest<'a> {
    /// Requests a token for `subject`, the id by which the user loader finds the user. The token
    /// carries epoch 0: if the user's own record has a [`token_epoch`](AuthUser::token_epoch), use
    /// [`for_user`](Self::for_user).
    #[must_use]
    pub fn for_subject(subject: impl Into<Cow<'a, str>>) -> Self {
        Self {
            subject: subject.into(),
            scopes: SmallVec::new(),
            claims: CustomClaims::default(),
            loaded: CustomClaims::default(),
            login: None,
            bound: Binding::default(),
        }
    }

    /// Requests a token for this user, which is revoked when the user's
    /// [`token_epoch`](AuthUser::token_epoch) is raised.
    #[must_use]
    pub fn for_user(user: &impl UserRef) -> Self {
        let user = user.user_ref();
        let mut request = Self::for_subject(user.subject().as_ref().to_owned());
        request.bound.user_epoch = user.token_epoch();
        request
    }

    /// Adds a scope.
    #[must_use]
    pub fn scope(mut self, scope: impl Into<Cow<'a, str>>) -> Self {
        self.scopes.push(scope.into());
        self
    }

    /// Adds scopes.
    #[must_use]
    pub fn scopes(mut self, scopes: impl IntoIterator<Item: Into<Cow<'a, str>>>) -> Self {
        self.scopes.extend(scopes.into_iter().map(Into::into));
        self
    }

    /// Adds a custom claim, or replaces the claim of the same name.
    ///
    /// A reserved name, or a value that cannot be serialised as JSON, is an error when the token is
    /// issued.
    ///
    /// # Security
    /// A token is signed, not encrypted: anyone who holds it can read its claims.
    #[must_use]
    pub fn claim(mut self, name: impl Into<Cow<'a, str>>, value: impl Serialize) -> Self {
        self.claims.add(name.into(), &value);
        self
    }

    /// Adds a claim whose value is already JSON text.
    pub(crate) fn raw_claim(mut self, name: impl Into<Cow<'a, str>>, json: String) -> Self {
        self.claims.add_json(name.into(), json);
        self
    }

    /// Adds the claims that were loaded for the user. Scopes of the request that were not loaded
    /// are dropped; a request without scopes gets all loaded ones. A claim of the request takes
    /// precedence over a loaded one of the same name.
    pub(crate) fn with_loaded(mut self, claims: TokenClaims) -> Self {
        if self.scopes.is_empty() {
            self.scopes.extend(claims.scope_list().map(|scope| Cow::Owned(scope.to_owned())));
        } else {
            self.scopes.retain(|scope| claims.grants(scope));
        }
        self.loaded = claims.into_custom();
        self
    }

    /// Like [`with_loaded`](Self::with_loaded), for tokens that continue others: no scope is added.
    pub(crate) fn with_reloaded(mut self, claims: TokenClaims) -> Self {
        self.scopes.retain(|scope| claims.grants(scope));
        self.loaded = claims.into_custom();
        self
    }

    /// Drops all other scopes.
    pub(crate) fn narrow_scopes(&mut self, wanted: &[impl AsRef<str>]) {
        self.scopes.retain(|scope| wanted.iter().any(|wanted| wanted.as_ref() == &**scope));
    }

    /// Marks the token as one of a login at which the subject proved its identity.
    pub(crate) const fn authenticated_at(mut self, at: Timestamp) -> Self {
        self.login = Some(Login { began_at: at, is_authenticated: true });
        self
    }

    /// Marks the token as the continuation of a login of which only the beginning is known.
    pub(crate) const fn began_at(mut self, at: Timestamp) -> Self {
        self.login = Some(Login { began_at: at, is_authenticated: false });
        self
    }

    pub(crate) fn subject(&self) -> &str {
        &self.subject
    }

    /// The scopes as one text (RFC 6749 section 3.3).
    pub(crate) fn scope_text(&self) -> String {
        self.scopes.join(" ")
    }

    fn check(&mut self) -> Result<(), IssueError> {
        if let Some(fault) = self.claims.take_fault().or_else(|| self.loaded.take_fault()) {
            return Err(fault);
        }
        if self.subject.is_empty() || self.subject.len() > MAX_SUBJECT_BYTES {
            return Err(IssueError::InvalidSubject);
        }
        if self.scopes.iter().all(|scope| is_scope(scope)) { Ok(()) } else { Err(IssueError::InvalidScope) }
    }
}

/// Shows the subject but no claims: they may be personal data.
impl fmt::Debug for TokenRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenRequest").field("subject", &self.subject).finish_non_exhaustive()
    }
}

impl<'a> From<&'a str> for TokenRequest<'a> {
    fn from(subject: &'a str) -> Self {
        Self::for_subject(subject)
    }
}

impl From<String> for TokenRequest<'_> {
    fn from(subject: String) -> Self {
        Self::for_subject(subject)
    }
}

impl<'a> From<&'a String> for TokenRequest<'a> {
    fn from(subject: &'a String) -> Self {
        Self::for_subject(subject.as_str())
    }
}

/// A newly issued token. Zeroed on drop and hidden in `Debug`; read it with
/// [`expose`](Self::expose).
#[derive(Clone)]
pub struct IssuedToken(Zeroizing<Box<str>>);

impl IssuedToken {
    /// Returns the token's text.
    ///
    /// # Security
    /// Anyone who has the token can act as the user. Send it to its owner only, and never log it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for IssuedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IssuedToken(..)")
    }
}

/// The CSRF token of a login, to be set as a cookie beside its tokens.
#[derive(Clone)]
pub(crate) struct CsrfValue(pub(crate) Box<str>);

impl fmt::Debug for CsrfValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CsrfValue(..)")
    }
}

/// The result of a login or a refresh: an access token, and a refresh token for the next pair.
///
/// Serialises to the response of [RFC 6749 section
/// 5.1](https://www.rfc-editor.org/rfc/rfc6749#section-5.1):
/// `{"access_token","refresh_token","token_type":"bearer","expires_in"}`, and `scope`, the scopes
/// separated by spaces, if there are any or the client requested some.
///
/// # Security
/// Serialising exposes both tokens. Send the response with `Cache-Control: no-store`, as the
/// built-in endpoints do.
#[derive(Debug, Clone)]
pub struct TokenPair {
    pub(crate) access: IssuedToken,
    pub(crate) refresh: IssuedToken,
    pub(crate) access_lifetime: Duration,
    pub(crate) refresh_lifetime: Duration,
    pub(crate) remembered: bool,
    /// The member `scope` of the response, if it has one.
    pub(crate) scope: Option<String>,
    /// Present only if CSRF tokens are enabled.
    pub(crate) csrf: Option<CsrfValue>,
}

impl TokenPair {
    /// The access token, for guarded routes.
    #[must_use]
    pub const fn access_token(&self) -> &IssuedToken {
        &self.access
    }

    /// The refresh token, which is exchanged for the next pair.
    #[must_use]
    pub const fn refresh_token(&self) -> &IssuedToken {
        &self.refresh
    }

    /// The lifetime of the access token.
    #[must_use]
    pub const fn access_lifetime(&self) -> Duration {
        self.access_lifetime
    }

    /// Whether the login was [remembered](crate::LoginRequest::remember). Never true without a
    /// session store, because a refresh could not know it.
    #[must_use]
    pub const fn is_remembered(&self) -> bool {
        self.remembered
    }

    /// The lifetime of the refresh token, for which the login can be continued.
    #[must_use]
    pub const fn refresh_lifetime(&self) -> Duration {
        self.refresh_lifetime
    }

    /// The scopes of the access token.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        self.scope.iter().flat_map(|scope| scope.split_ascii_whitespace())
    }
}

impl Serialize for TokenPair {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = 4 + usize::from(self.scope.is_some());
        let mut pair = serializer.serialize_struct("TokenPair", fields)?;
        pair.serialize_field("access_token", self.access.expose())?;
        pair.serialize_field("refresh_token", self.refresh.expose())?;
        pair.serialize_field("token_type", "bearer")?;
        pair.serialize_field("expires_in", &self.access_lifetime.as_secs())?;
        if let Some(scope) = &self.scope {
            pair.serialize_field("scope", scope)?;
        }
        pair.end()
    }
}

/// Issues the tokens of one application.
#[derive(Debug)]
pub(crate) struct Issuer {
    signing: Signing,
    format: Format,
    scope_claim: ScopeClaim,
    origin: Origin,
    lifetimes: PerPurpose<Duration>,
    /// How long a login lasts, however often it is refreshed.
    max_session: Duration,
    max_token_bytes: usize,
}

#[derive(Debug)]
#[cfg_attr(
    feature = "trusted-issuers",
    expect(clippy::large_enum_variant, reason = "a provider has only one")
)]
enum Signing {
    Fixed {
        key: Key,
        /// `base64url(header)` for each purpose.
        headers: PerPurpose<Box<str>>,
    },
    #[cfg(feature = "trusted-issuers")]
    Ring(super::ring::KeyRing),
}

impl Issuer {
    /// Returns `None` if there is no key, which never happens.
    pub(crate) fn new(
        keys: &Keys,
        (format, scope_claim): (Format, ScopeClaim),
        origin: Origin,
        lifetimes: PerPurpose<Duration>,
        max_session: Duration,
        max_token_bytes: usize,
    ) -> Option<Self> {
        let signing = match keys {
            Keys::Fixed(keys) => {
                let key = keys.signing()?.clone();
                let headers =
                    PerPurpose::from_fn(|purpose| header_segment(&key, format, purpose).into_boxed_str());
                Signing::Fixed { key, headers }
            }
            #[cfg(feature = "trusted-issuers")]
            Keys::Ring(ring) => Signing::Ring(ring.clone()),
        };
        Some(Self { signing, format, scope_claim, origin, lifetimes, max_session, max_token_bytes })
    }

    /// The maximum lifetime of a token of this purpose.
    pub(crate) fn longest(&self, purpose: Purpose) -> Duration {
        *self.lifetimes.of(purpose)
    }

    /// The lifetime of a token that is issued now: it does not exceed the login that the token
    /// continues.
    pub(crate) fn lifetime(&self, purpose: Purpose, request: &TokenRequest<'_>, now: Timestamp) -> Duration {
        let lifetime = match (purpose, &request.bound) {
            (Purpose::Refresh, Binding { refresh: Some(refresh), .. }) => refresh.idle_timeout,
            // An instance whose clock is ahead may have set this end. It can then exceed the idle
            // timeout, and the maximum that the verifier accepts, which is that of refresh tokens.
            (Purpose::Session, Binding { browser: Some(browser), .. }) => {
                browser.idle_end.since(now).min(self.max_session)
            }
            _ => *self.lifetimes.of(purpose),
        };
        match (request.bound.ends_at, request.login) {
            (Some(end), _) => lifetime.min(end.since(now)),
            (None, Some(login)) => {
                let end = login.began_at.checked_add(self.max_session).unwrap_or(Timestamp::MAX);
                lifetime.min(end.since(now))
            }
            (None, None) => lifetime,
        }
    }

    /// Issues a token. Asynchronous because a key may sign elsewhere, such as in a key management
    /// service; a local key neither waits nor allocates for it.
    pub(crate) async fn issue(
        &self,
        purpose: Purpose,
        request: &mut TokenRequest<'_>,
        now: Timestamp,
    ) -> Result<IssuedToken, IssueError> {
        request.check()?;
        let claims = self.claims(purpose, request, now)?;
        match &self.signing {
            Signing::Fixed { key, headers } if !key.signs_elsewhere() => {
                self.sign(key, headers.of(purpose), &claims)
            }
            // Boxed, so that the future of a local key stays small.
            Signing::Fixed { key, headers } => {
                Box::pin(self.sign_elsewhere(key, headers.of(purpose), &claims)).await
            }
            #[cfg(feature = "trusted-issuers")]
            Signing::Ring(ring) => {
                // Not `now`, which may be in the past: the key of that time may no longer verify.
                let at = ring.now()?;
                let snapshot = ring.owned_snapshot();
                let entry = snapshot.signing(at).ok_or(ClockError)?;
                let header = entry.header(purpose, self.format);
                if entry.key.signs_elsewhere() {
                    return Box::pin(self.sign_elsewhere(&entry.key, header, &claims)).await;
                }
                self.sign(&entry.key, header, &claims)
            }
        }
    }

    fn sign(&self, key: &Key, header: &str, claims: &str) -> Result<IssuedToken, IssueError> {
        let token = self.unsigned(key, header, claims)?;
        let signature = key.sign(token.as_bytes()).ok_or(IssueError::NoRandomness)?;
        Ok(finished(token, &signature))
    }

    async fn sign_elsewhere(&self, key: &Key, header: &str, claims: &str) -> Result<IssuedToken, IssueError> {
        let token = self.unsigned(key, header, claims)?;
        let signature = key.sign_elsewhere(token.as_bytes()).await?;
        Ok(finished(token, &signature))
    }

    /// The signing input, in a string with room for the signature.
    fn unsigned(&self, key: &Key, header: &str, claims: &str) -> Result<String, IssueError> {
        // Exactly the required capacity, so that the token is never moved.
        let parts = [claims.len(), key.signature_bytes()].map(encoded_length);
        let length = header.len() + parts.iter().sum::<usize>() + 2;
        if length > self.max_token_bytes {
            return Err(IssueError::TooLong);
        }
        let mut token = String::with_capacity(length);
        token.push_str(header);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(claims.as_bytes(), &mut token);
        Ok(token)
    }

    fn claims(
        &self,
        purpose: Purpose,
        request: &TokenRequest<'_>,
        now: Timestamp,
    ) -> Result<String, IssueError> {
        let lifetime = self.lifetime(purpose, request, now);
        let expires = now.checked_add(lifetime).filter(|at| *at <= Timestamp::MAX).ok_or(ClockError)?;
        // The verifier refuses times before 1970.
        if now < Timestamp::from_unix_seconds(0) {
            return Err(ClockError.into());
        }
        let mut json = JsonObject::with_capacity(CLAIMS_ROOM + request.subject.len());
        json.text("sub", &request.subject);
        json.number("exp", expires.unix_seconds());
        json.number("iat", now.unix_seconds());
        match &request.bound.refresh {
            Some(refresh) if purpose == Purpose::Refresh => json.base64url("jti", refresh.id.as_bytes()),
            _ => json.base64url("jti", &random_bytes()?),
        }
        json.text("token_type", purpose.as_str());
        match self.scope_claim {
            ScopeClaim::Scopes => json.texts("scopes", &request.scopes),
            ScopeClaim::Scope if request.scopes.is_empty() => {}
            // `check` has ensured that no scope has a space or needs an escape.
            ScopeClaim::Scope => json.words("scope", &request.scopes),
        }
        if self.format == Format::Standard {
            self.origin.write(&mut json);
        }
        write_binding(&mut json, &request.bound);
        match request.login {
            Some(login) if login.is_authenticated => json.number("auth_time", login.began_at.unix_seconds()),
            // The limit for refreshing is counted from here, and it must not be mistaken for a
            // login.
            login if purpose == Purpose::Refresh => {
                json.number("began_at", login.map_or(now, |login| login.began_at).unix_seconds());
            }
            _ => {}
        }
        let loaded = request
            .loaded
            .iter()
            .filter(|(name, _)| purpose != Purpose::Refresh && !request.claims.contains(name));
        if purpose == Purpose::Session {
            write_browser(&mut json, &request.bound, loaded.clone().map(|(name, _)| name));
        }
        let custom = request.claims.iter().chain(loaded);
        custom.clone().for_each(|(name, value)| json.raw(name, value));
        let payload = request.bound.browser.as_ref().and_then(|browser| browser.payload.as_deref());
        let values = custom.map(|(_, value)| value).chain(payload.filter(|_| purpose == Purpose::Session));
        if !are_acceptable(json.members(), values) {
            return Err(IssueError::ClaimsTooComplex);
        }
        Ok(json.finish())
    }
}

/// Writes what continues a browser session, including the names of the loaded claims: they are
/// loaded again, and no old value may remain.
fn write_browser<'a>(json: &mut JsonObject, bound: &Binding, loaded: impl Iterator<Item = &'a str>) {
    if let Some(end) = bound.ends_at {
        json.number("session_end", end.unix_seconds());
    }
    if bound.remembered {
        json.number("session_remembered", true);
    }
    let loaded: Vec<&str> = loaded.collect();
    if !loaded.is_empty() {
        json.texts("session_loaded", &loaded);
    }
    if let Some(payload) = bound.browser.as_ref().and_then(|browser| browser.payload.as_deref()) {
        json.raw("session_payload", payload);
    }
}

/// The usual maximum of claims without custom ones, so that their text needs one allocation.
const CLAIMS_ROOM: usize = 512;

fn finished(mut token: String, signature: &Signature) -> IssuedToken {
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature.as_bytes(), &mut token);
    IssuedToken(Zeroizing::new(token.into_boxed_str()))
}

/// The length in base64url without padding.
const fn encoded_length(bytes: usize) -> usize {
    (bytes * 4).div_ceil(3)
}

/// 128 random bits.
pub(crate) fn random_bytes() -> Result<[u8; 16], IssueError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| IssueError::NoRandomness)?;
    Ok(bytes)
}

/// Writes what ends the token. Absent values are left out, so that tokens that nothing ends early
/// do not change.
fn write_binding(json: &mut JsonObject, bound: &Binding) {
    if let Some(session) = &bound.session {
        json.text("sid", session.as_str());
    }
    if bound.epoch > 0 {
        json.number("token_epoch", bound.epoch);
    }
    if bound.user_epoch > 0 {
        json.number("user_epoch", bound.user_epoch);
    }
}
