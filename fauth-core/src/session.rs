//! Session settings, the login, refresh and logout requests, the derivation of refresh tokens, and
//! the client fingerprint.
//!
//! This module only computes: it validates [`SessionConfig`] and derives refresh-token ids. The
//! provider opens, refreshes and ends sessions, and the session store keeps them.

mod payload;
mod validity;

use std::{any::Any, borrow::Cow, fmt, sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

pub use payload::MAX_PAYLOAD_BYTES;
pub(crate) use payload::payload_text;
pub use validity::Validity;

use crate::{
    client::ClientInfo,
    error::ConfigError,
    escape::Concealed,
    redirect::LocalTarget,
    rejection::{CsrfFault, Misconfigured},
    store::{ClientFingerprint, Nonce, SecretHash},
    token::{RefreshId, TokenRequest},
    user::{AuthUser, UserRef},
};

const DEFAULT_GRACE: Duration = Duration::from_secs(10);
const MAX_GRACE: Duration = Duration::from_secs(60);
const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 10_000;
/// Browsers keep a cookie for at most 400 days; a session needs no more.
const MAX_LIFETIME: Duration = Duration::from_secs(400 * 24 * 60 * 60);
/// The default lifetime of a remembered session, as a multiple of its idle timeout.
const REMEMBERED_FACTOR: u32 = 3;

/// Session settings: lifetimes, refresh-token rotation, and the number of sessions per subject.
///
/// | setting | default |
/// |---|---|
/// | idle timeout | the lifetime of refresh tokens: 7 days |
/// | lifetime, however often the session is refreshed | the maximum lifetime of refresh tokens: 30 days |
/// | idle timeout and lifetime of remembered sessions | 30 days, 90 days |
/// | grace window | 10 seconds, for any client |
/// | requests extend browser sessions | yes |
/// | concurrent sessions of a subject | 50 |
///
/// Durations are in whole seconds; fractions are dropped.
///
/// ```
/// use std::time::Duration;
/// use fauth_core::SessionConfig;
///
/// const HOUR: Duration = Duration::from_secs(60 * 60);
///
/// // The limits of NIST SP 800-63B for authenticator assurance level 2.
/// let sessions = SessionConfig::new().idle_timeout(HOUR).lifetime(24 * HOUR);
/// ```
#[derive(Debug, Clone)]
#[must_use = "settings have no effect until they are passed to a provider"]
pub struct SessionConfig {
    idle_timeout: Option<Duration>,
    lifetime: Option<Duration>,
    remembered_idle_timeout: Option<Duration>,
    remembered_lifetime: Option<Duration>,
    grace: Duration,
    bound_to_client: bool,
    limit: usize,
    sliding: bool,
}

impl SessionConfig {
    /// The default settings, as in the table above.
    pub const fn new() -> Self {
        Self {
            idle_timeout: None,
            lifetime: None,
            remembered_idle_timeout: None,
            remembered_lifetime: None,
            grace: DEFAULT_GRACE,
            bound_to_client: false,
            limit: DEFAULT_LIMIT,
            sliding: true,
        }
    }

    /// Ends a session that has not been refreshed for this long or, for a [browser
    /// session](crate::transport::SessionCookie), not been extended by a request. At most the
    /// maximum lifetime of refresh tokens.
    pub const fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = Some(timeout);
        self
    }

    /// Ends a session this long after the login, however often it is refreshed. At most 400 days.
    pub const fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// Sets the [idle timeout](Self::idle_timeout) of [remembered](LoginRequest::remember)
    /// sessions.
    pub const fn remembered_idle_timeout(mut self, timeout: Duration) -> Self {
        self.remembered_idle_timeout = Some(timeout);
        self
    }

    /// Sets the [lifetime](Self::lifetime) of [remembered](LoginRequest::remember) sessions.
    pub const fn remembered_lifetime(mut self, lifetime: Duration) -> Self {
        self.remembered_lifetime = Some(lifetime);
        self
    }

    /// Sets the grace window: for this long after a refresh, the old refresh token still yields the
    /// same successor. Only the direct predecessor of the newest refresh token is covered. Up to 60
    /// seconds; zero disables the window.
    ///
    /// The window covers lost responses and two browser tabs that refresh at the same time. Without
    /// it, both would look like a replay and end the session. A token that is two or more refreshes
    /// old ends the session even within the window.
    ///
    /// # Security
    /// A thief who presents a copied refresh token within this window shares the session. If the
    /// copy is presented from another network or with another user agent, an
    /// [`EventKind::SuspiciousRefresh`](crate::event::EventKind::SuspiciousRefresh) event is
    /// raised, and [`bind_grace_to_client`](Self::bind_grace_to_client) ends the session. After the
    /// window, any reuse of the old token ends the session.
    pub const fn grace(mut self, window: Duration) -> Self {
        self.grace = window;
        self
    }

    /// Whether a refresh token that another client repeats within the grace window counts as a
    /// replay and ends the session. Clients differ by the network of their address (an IPv4
    /// address, the first 64 bits of an IPv6 address) or by their user agent. Default: `false`, so
    /// that only an event is raised.
    ///
    /// With `true`, a device that changes its network between a refresh with a lost response and
    /// the next attempt has to log in again. Behind a reverse proxy, the provider must know the
    /// client's address.
    pub const fn bind_grace_to_client(mut self, bind: bool) -> Self {
        self.bound_to_client = bind;
        self
    }

    /// Sets the maximum number of concurrent sessions of a subject, 1 to 10 000. A further login
    /// ends the session that was used least recently.
    pub const fn limit(mut self, sessions: usize) -> Self {
        self.limit = sessions;
        self
    }

    /// Whether requests extend a [browser session](crate::transport::SessionCookie), up to its
    /// [lifetime](Self::lifetime). Otherwise the session ends its idle timeout (or its
    /// [validity](LoginRequest::validity)) after the login, however much it is used. Default:
    /// `true`.
    pub const fn sliding(mut self, slides: bool) -> Self {
        self.sliding = slides;
        self
    }

    /// Checks the settings and fills in defaults. `refresh_lifetime` and `refresh_max` are the
    /// configured and the maximum lifetime of refresh tokens.
    pub(crate) fn build(
        self,
        refresh_lifetime: Duration,
        refresh_max: Duration,
    ) -> Result<SessionPolicy, ConfigError> {
        let ordinary = Span {
            idle_timeout: self.idle_timeout.unwrap_or(refresh_lifetime),
            lifetime: self.lifetime.unwrap_or(refresh_max.min(MAX_LIFETIME)),
        };
        let idle_timeout = self.remembered_idle_timeout.unwrap_or(refresh_max);
        let longest = idle_timeout.saturating_mul(REMEMBERED_FACTOR).min(MAX_LIFETIME);
        let remembered = Span { idle_timeout, lifetime: self.remembered_lifetime.unwrap_or(longest) };
        ordinary.check(["idle_timeout", "lifetime"], refresh_max)?;
        remembered.check(["remembered_idle_timeout", "remembered_lifetime"], refresh_max)?;
        if self.grace > MAX_GRACE {
            return Err(ConfigError::new("grace", "the window is out of bounds", "use up to 60 seconds"));
        }
        if self.limit == 0 || self.limit > MAX_LIMIT {
            return Err(ConfigError::new("limit", "the number is out of bounds", "use 1 to 10000"));
        }
        let [ordinary, remembered] = [ordinary, remembered].map(Span::whole);
        Ok(SessionPolicy {
            ordinary,
            remembered,
            grace: whole(self.grace),
            bound_to_client: self.bound_to_client,
            limit: self.limit,
            sliding: self.sliding,
            longest_idle: whole(refresh_max),
        })
    }
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self::new()
    }
}

/// [`SessionConfig`] with validated bounds and defaults filled in.
#[derive(Debug, Clone)]
pub(crate) struct SessionPolicy {
    ordinary: Span,
    remembered: Span,
    pub(crate) grace: Duration,
    pub(crate) bound_to_client: bool,
    pub(crate) limit: usize,
    pub(crate) sliding: bool,
    /// The longest idle timeout that any login may have.
    longest_idle: Duration,
}

impl SessionPolicy {
    /// How long a login without its own validity may stay unused, remembered or not.
    pub(crate) fn usual_idle(&self) -> Duration {
        self.ordinary.idle_timeout.max(self.remembered.idle_timeout)
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(crate) idle_timeout: Duration,
    pub(crate) lifetime: Duration,
}

/// Drops the fraction: stores and token claims hold whole seconds.
const fn whole(span: Duration) -> Duration {
    Duration::from_secs(span.as_secs())
}

impl Span {
    const fn whole(self) -> Self {
        Self { idle_timeout: whole(self.idle_timeout), lifetime: whole(self.lifetime) }
    }

    fn check(self, fields: [&'static str; 2], refresh_max: Duration) -> Result<(), ConfigError> {
        let [idle_timeout, lifetime] = fields;
        let second = Duration::from_secs(1);
        if self.idle_timeout < second || self.idle_timeout > refresh_max {
            return Err(ConfigError::new(
                idle_timeout,
                "the timeout is out of bounds",
                format!("use 1 to {} seconds, the longest lifetime of refresh tokens", refresh_max.as_secs()),
            ));
        }
        if self.lifetime < second || self.lifetime > MAX_LIFETIME {
            return Err(ConfigError::new(
                lifetime,
                "the lifetime is out of bounds",
                "use 1 second to 400 days",
            ));
        }
        Ok(())
    }
}

impl SessionPolicy {
    pub(crate) const fn span(&self, remembered: bool) -> Span {
        if remembered { self.remembered } else { self.ordinary }
    }

    /// Like [`span`](Self::span), for a login with its own validity.
    pub(crate) fn span_of(&self, remembered: bool, validity: Option<&Validity>) -> Result<Span, ConfigError> {
        let span = self.span(remembered);
        match validity {
            None => Ok(span),
            Some(validity) => {
                let idle_timeout = validity.within(span.lifetime.min(self.longest_idle))?;
                Ok(Span { idle_timeout, ..span })
            }
        }
    }

    /// The longest lifetime of any session; revocations are retained at least as long.
    pub(crate) fn longest(&self) -> Duration {
        self.ordinary.lifetime.max(self.remembered.lifetime)
    }
}

/// A login for [`AuthProvider::login`](crate::AuthProvider::login) and
/// [`AuthProvider::login_reply`](crate::AuthProvider::login_reply): user, session kind and client.
///
/// ```
/// use fauth_core::{ClientInfo, LoginRequest, TokenRequest};
///
/// # let auth = fauth_testing::provider().build().unwrap();
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// // In a request handler, use `auth.client(&head)`.
/// let client = ClientInfo::unknown().with_user_agent("Firefox on Linux");
/// let token = TokenRequest::for_subject("alice").scope("read");
/// let request = LoginRequest::from(token).remember(true).client(client);
/// let pair = auth.login(request).await?;
/// # Ok::<(), fauth_core::Rejection>(())
/// # }).unwrap();
/// ```
#[must_use = "pass the request to `AuthProvider::login`"]
pub struct LoginRequest<'a> {
    pub(crate) token: TokenRequest<'a>,
    pub(crate) remember: bool,
    pub(crate) client: Option<ClientInfo>,
    /// The scopes to which the client narrows the login, if it names any.
    pub(crate) narrowed_to: Option<Vec<String>>,
    pub(crate) body_proves_user: bool,
    /// The subject's epoch as read before the password check, so that ending all logins of the
    /// subject during the check ends this one too. `None` without a password check: the login
    /// reads the epoch itself.
    pub(crate) epoch: Option<u64>,
    /// The user, if the request was made from one that was loaded.
    pub(crate) user: Option<Arc<dyn Any + Send + Sync>>,
    /// The provider that has found out who the user is. Another has other users and other epochs.
    pub(crate) provider: Option<u64>,
    /// The application's data as JSON, or the reason why it cannot be stored.
    pub(crate) payload: Option<Result<Box<str>, Misconfigured>>,
    pub(crate) validity: Option<Validity>,
    /// Where the browser is redirected afterwards.
    pub(crate) next: Option<LocalTarget>,
}

impl<'a> LoginRequest<'a> {
    /// Creates a login of this user. Raising the user's [`token_epoch`](AuthUser::token_epoch)
    /// invalidates its tokens.
    ///
    /// # Security
    /// Prefer `LoginRequest::from(&…)` with the result of
    /// [`authenticate`](crate::AuthProvider::authenticate) or
    /// [`redeem`](crate::AuthProvider::redeem): if [`logout_all`](crate::AuthProvider::logout_all)
    /// is called in between, such a login ends with everything issued before it.
    pub fn for_user(user: &impl UserRef) -> Self {
        Self::with(TokenRequest::for_user(user))
    }

    /// Creates a login of `subject`. Its tokens carry no [`token_epoch`](AuthUser::token_epoch); if
    /// the user's record has one, use [`for_user`](Self::for_user).
    pub fn for_subject(subject: impl Into<Cow<'a, str>>) -> Self {
        Self::with(TokenRequest::for_subject(subject))
    }

    /// A login of a user that this provider loaded at this epoch.
    pub(crate) fn for_loaded<U: AuthUser>(user: &Arc<U>, epoch: u64, provider: u64) -> Self {
        let mut request = Self::for_user(&**user);
        request.epoch = Some(epoch);
        request.user = Some(Arc::clone(user) as _);
        request.provider = Some(provider);
        request
    }

    fn with(token: TokenRequest<'a>) -> Self {
        Self {
            token,
            remember: false,
            client: None,
            narrowed_to: None,
            body_proves_user: false,
            epoch: None,
            user: None,
            provider: None,
            payload: None,
            validity: None,
            next: None,
        }
    }

    /// Stores data of the application with the session until it ends, such as preferences, a cart
    /// or the step of a form. Handlers read and change it with a
    /// [`SessionHandle`](crate::SessionHandle), which the adapters extract as `CurrentSession`.
    ///
    /// The data is stored in the session's row as JSON of at most [16
    /// KiB](crate::MAX_PAYLOAD_BYTES). Without a session store, it is signed into the
    /// [`SessionCookie`], which has room for about 2 500 bytes.
    ///
    /// A login whose payload cannot be stored fails with [`Misconfigured`](crate::Rejection): the
    /// payload is too long or is not JSON, or there is neither a session store nor a session
    /// cookie.
    ///
    /// # Security
    /// In a cookie, the payload is signed but not encrypted: the user can read it, and can restore
    /// an older cookie of the session together with its payload. Do not store the user's identity
    /// or permissions here; the user loader provides them anew for every request.
    ///
    /// [`SessionCookie`]: crate::transport::SessionCookie
    pub fn payload(mut self, payload: &impl Serialize) -> Self {
        self.payload = Some(payload_text(payload));
        self
    }

    /// Sets how long this login stays valid without use, instead of the [idle
    /// timeout](SessionConfig::idle_timeout): a [`Duration`], or a text such as `45s`, `30m`, `1h`
    /// or `7d`. At most the [lifetime](SessionConfig::lifetime) of sessions, which it does not
    /// change.
    ///
    /// The session's cookie has the same lifetime. An invalid text or a span that is out of bounds
    /// makes the login fail with
    /// [`Misconfigured::Validity`](crate::rejection::Misconfigured::Validity). So does a validity
    /// for a token pair without a session store, because the refresh would not know of it.
    ///
    /// ```
    /// use fauth_core::LoginRequest;
    ///
    /// let request = LoginRequest::for_subject("alice").validity("7d");
    /// ```
    pub fn validity(mut self, validity: impl Into<Validity>) -> Self {
        self.validity = Some(validity.into());
        self
    }

    /// Whether the user asked to be remembered. A remembered session lasts longer; see
    /// [`SessionConfig`]. Default: `false`.
    pub const fn remember(mut self, remember: bool) -> Self {
        self.remember = remember;
        self
    }

    /// Sets the client that logs in, which is shown in session lists and events. Default: in
    /// [`login_reply`](crate::AuthProvider::login_reply) the sender of the request, in
    /// [`login`](crate::AuthProvider::login) unknown.
    pub fn client(mut self, client: ClientInfo) -> Self {
        self.client = Some(client);
        self
    }

    /// Narrows the login to these scopes, as requested by the client: drops the others that the
    /// login would have, and adds none.
    pub fn narrow_scopes(mut self, scopes: impl IntoIterator<Item: Into<String>>) -> Self {
        self.narrowed_to = Some(scopes.into_iter().map(Into::into).collect());
        self
    }

    /// Declares that the body of this request alone proves the user's identity, by a password or
    /// the token of a mailed link. A page that adds `?deliver=body` to the URL then receives the
    /// tokens in the body of the response, to store them itself, even if the provider uses cookies.
    /// Default: `false`.
    ///
    /// # Security
    /// Do not set this where a cookie or a redirect is part of the proof, as in a second step that
    /// finds the user by a cookie of the first. A script injected into a page could then fetch
    /// tokens that cookies hide from it.
    pub const fn body_proves_user(mut self, proves: bool) -> Self {
        self.body_proves_user = proves;
        self
    }
}

impl LoginRequest<'_> {
    /// Redirects the browser to this page afterwards: the reply is a 303 with the cookies of the
    /// login. A client that receives its tokens in the body of the reply is not redirected.
    ///
    /// ```
    /// use fauth_core::{LoginRequest, redirect::LocalTarget};
    ///
    /// // From the query of the sign-in page; `None` unless it is a page of this site.
    /// let next = LocalTarget::from_query(Some("next=%2Forders"), "next");
    /// let next = next.unwrap_or(LocalTarget::root());
    /// let request = LoginRequest::for_subject("alice").redirect_to(next);
    /// ```
    pub fn redirect_to(mut self, next: LocalTarget) -> Self {
        self.next = Some(next);
        self
    }
}

/// Shows the length of the payload but not its content, which may be personal data.
impl fmt::Debug for LoginRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let payload = self.payload.as_ref().map(|payload| payload.as_deref().map(Concealed));
        f.debug_struct("LoginRequest")
            .field("token", &self.token)
            .field("remember", &self.remember)
            .field("client", &self.client)
            .field("narrowed_to", &self.narrowed_to)
            .field("body_proves_user", &self.body_proves_user)
            .field("payload", &payload)
            .field("validity", &self.validity)
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

impl<'a, T: Into<TokenRequest<'a>>> From<T> for LoginRequest<'a> {
    fn from(token: T) -> Self {
        Self::with(token.into())
    }
}

/// A refresh for [`AuthProvider::refresh_reply`](crate::AuthProvider::refresh_reply).
///
/// ```
/// use fauth_core::RefreshRequest;
///
/// let from_cookie = RefreshRequest::new();
/// let from_body = RefreshRequest::new().token("the field `refresh_token` of the body");
/// ```
#[derive(Default)]
#[must_use = "pass the request to `AuthProvider::refresh_reply`"]
pub struct RefreshRequest {
    pub(crate) token: Option<Zeroizing<String>>,
    /// The CSRF token from the body, or what is wrong with it.
    pub(crate) csrf: Option<Result<Box<str>, CsrfFault>>,
}

impl RefreshRequest {
    /// A refresh with the token in the head of the request: its cookie.
    pub fn new() -> Self {
        Self::default()
    }

    /// A refresh with this token from the body of the request.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(Zeroizing::new(token.into()));
        self
    }

    /// The [CSRF token](crate::AuthProviderBuilder::csrf_tokens) from the body of the request, for
    /// a refresh by cookie. A CSRF token in the header of the request takes precedence.
    pub fn csrf_token(mut self, token: impl Into<String>) -> Self {
        self.csrf = Some(Ok(token.into().into()));
        self
    }
}

impl fmt::Debug for RefreshRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RefreshRequest(..)")
    }
}

/// A logout for [`AuthProvider::logout_reply`](crate::AuthProvider::logout_reply).
///
/// ```
/// use fauth_core::LogoutRequest;
///
/// let from_head = LogoutRequest::new();
/// let from_body = LogoutRequest::new().token("the field `refresh_token` of the body");
/// ```
#[derive(Default)]
#[must_use = "pass the request to `AuthProvider::logout_reply`"]
pub struct LogoutRequest {
    pub(crate) token: Option<Zeroizing<String>>,
    /// Where the browser is redirected afterwards.
    pub(crate) next: Option<LocalTarget>,
    /// The CSRF token from the body, or what is wrong with it.
    pub(crate) csrf: Option<Result<Box<str>, CsrfFault>>,
}

impl LogoutRequest {
    /// A logout with the access or refresh token in the head of the request: in a header or a
    /// cookie.
    pub fn new() -> Self {
        Self::default()
    }

    /// A logout with this refresh or access token from the body of the request. An expired token in
    /// the head is then ignored; a valid one of another login is refused.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(Zeroizing::new(token.into()));
        self
    }
}

impl LogoutRequest {
    /// Redirects the browser to this page afterwards: the reply is a 303 that clears the cookies.
    /// If the reply clears no cookies, as for a client without a browser, it does not redirect.
    pub fn redirect_to(mut self, next: LocalTarget) -> Self {
        self.next = Some(next);
        self
    }

    /// The [CSRF token](crate::AuthProviderBuilder::csrf_tokens) from the body of the request, for
    /// a logout by cookie. A CSRF token in the header of the request takes precedence.
    ///
    /// Behind a guard that has admitted a *user*, no token is needed here: the guard has checked
    /// it. Otherwise pass the form field on, also behind [`visitor`](crate::Guard::visitor): if the
    /// access cookie has expired and the refresh cookie has not, `visitor` finds no user and reads
    /// no form.
    pub fn csrf_token(mut self, token: impl Into<String>) -> Self {
        self.csrf = Some(Ok(token.into().into()));
        self
    }
}

impl fmt::Debug for LogoutRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LogoutRequest(..)")
    }
}

/// What [`AuthProvider::logout_all`](crate::AuthProvider::logout_all) ends: everything issued to a
/// subject, and optionally its API keys.
///
/// ```
/// use fauth_core::{ClientInfo, LogoutAll};
///
/// # let store = fauth_core::MemoryStore::new();
/// # let auth = fauth_testing::provider().api_key_store(store).build().unwrap();
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let client = ClientInfo::unknown(); // in a request handler, `auth.client(&head)`
/// auth.logout_all("alice", &client).await?;
/// auth.logout_all(LogoutAll::for_subject("alice").api_keys(true), &client).await?;
/// # Ok::<(), fauth_core::Rejection>(())
/// # }).unwrap();
/// ```
#[derive(Debug, Clone)]
#[must_use = "pass the request to `AuthProvider::logout_all`"]
pub struct LogoutAll<'a> {
    pub(crate) subject: Cow<'a, str>,
    /// The issuer of the subject; empty for the application's own subjects.
    pub(crate) issuer: Cow<'a, str>,
    pub(crate) api_keys: bool,
}

impl<'a> LogoutAll<'a> {
    /// All logins of `subject`. Its API keys stay valid.
    pub fn for_subject(subject: impl Into<Cow<'a, str>>) -> Self {
        Self { subject: subject.into(), issuer: Cow::Borrowed(""), api_keys: false }
    }

    /// Everything that a [trusted issuer](crate::AuthProviderBuilder::trusted_issuer) has issued to
    /// this subject so far.
    ///
    /// The issuer's clock may be ahead by the
    /// [leeway](crate::trusted_issuer::TrustedIssuer::leeway), 30 seconds by default, so a token
    /// issued before the call may carry a later time. Tokens that the issuer issues within the
    /// leeway after the call are therefore refused too; later ones are valid.
    #[cfg(feature = "trusted-issuers")]
    pub fn for_subject_of(issuer: impl Into<Cow<'a, str>>, subject: impl Into<Cow<'a, str>>) -> Self {
        Self { subject: subject.into(), issuer: issuer.into(), api_keys: false }
    }

    /// Whether API keys end too, including those that survive a password change. Default: `false`.
    pub const fn api_keys(mut self, end: bool) -> Self {
        self.api_keys = end;
        self
    }
}

impl<'a, T: Into<Cow<'a, str>>> From<T> for LogoutAll<'a> {
    fn from(subject: T) -> Self {
        Self::for_subject(subject)
    }
}

impl RefreshId {
    /// Derives the next refresh-token id from the presented one and the nonce of the rotation.
    ///
    /// The store keeps the nonce and hashes of ids, never an id. Within the grace window, the
    /// presented token and the stored nonce therefore yield the same successor again, while read
    /// access to the store is not enough to compute one.
    ///
    /// Never `None` in practice: HMAC accepts keys of any length.
    pub(crate) fn successor(presented: &str, nonce: Nonce) -> Option<Self> {
        let mut mac = Hmac::<Sha256>::new_from_slice(presented.as_bytes()).ok()?;
        mac.update(b"fauth: refresh successor");
        mac.update(nonce.as_bytes());
        let mac = Zeroizing::new(<[u8; 32]>::from(mac.finalize().into_bytes()));
        mac.first_chunk().map(|bytes| Self::from_bytes(*bytes))
    }

    /// The hash of the id as it appears in the token; the store keeps this hash instead of the id.
    pub(crate) fn hash(&self) -> SecretHash {
        SecretHash::of(Zeroizing::new(URL_SAFE_NO_PAD.encode(self.as_bytes())).as_bytes())
    }
}

impl ClientFingerprint {
    /// Hashes the network and the user agent; `None` if neither is known.
    pub(crate) fn of(client: &ClientInfo) -> Option<Self> {
        let user_agent = client.user_agent();
        if client.address().is_none() && user_agent.is_none() {
            return None;
        }
        let mut hash = Sha256::new_with_prefix(b"fauth: client");
        match client.address_block() {
            None => hash.update(b"-"),
            Some(block) => {
                hash.update(b"+");
                hash.update(block.to_bytes());
            }
        }
        // No client sends an empty user agent, so an unknown one hashes differently.
        hash.update(user_agent.unwrap_or_default());
        <[u8; 32]>::from(hash.finalize()).first_chunk().copied().map(Self::from_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn policy(config: SessionConfig) -> Result<SessionPolicy, ConfigError> {
        config.build(7 * DAY, 30 * DAY)
    }

    #[test]
    fn the_defaults_follow_the_refresh_tokens() {
        let policy = policy(SessionConfig::new()).unwrap();
        let spans = [policy.span(false), policy.span(true)].map(|span| (span.idle_timeout, span.lifetime));
        assert_eq!(spans, [(7 * DAY, 30 * DAY), (30 * DAY, 90 * DAY)]);
        assert_eq!((policy.grace, policy.limit), (Duration::from_secs(10), 50));
        assert_eq!(policy.longest(), 90 * DAY);
    }

    #[test]
    fn every_setting_has_bounds() {
        let second = Duration::from_secs(1);
        let with = SessionConfig::new;
        let good = [
            with().idle_timeout(second).lifetime(second),
            with().idle_timeout(30 * DAY).lifetime(400 * DAY),
            with().remembered_idle_timeout(second).remembered_lifetime(400 * DAY),
            with().grace(Duration::ZERO),
            with().grace(60 * second),
            with().limit(1),
            with().limit(10_000),
        ];
        for config in good {
            assert!(policy(config).is_ok());
        }
        let bad = [
            (with().idle_timeout(Duration::ZERO), "idle_timeout"),
            (with().idle_timeout(30 * DAY + second), "idle_timeout"),
            (with().lifetime(Duration::ZERO), "lifetime"),
            (with().lifetime(400 * DAY + second), "lifetime"),
            (with().remembered_idle_timeout(31 * DAY), "remembered_idle_timeout"),
            (with().remembered_lifetime(Duration::ZERO), "remembered_lifetime"),
            (with().remembered_lifetime(400 * DAY + second), "remembered_lifetime"),
            (with().grace(61 * second), "grace"),
            (with().limit(0), "limit"),
            (with().limit(10_001), "limit"),
        ];
        for (config, field) in bad {
            assert_eq!(policy(config).unwrap_err().field(), field);
        }
    }

    /// Backends keep whole seconds, so that all of them agree on when a session expires.
    #[test]
    fn fractions_of_seconds_are_dropped() {
        let span = Duration::from_millis(1_999);
        let config = SessionConfig::new().idle_timeout(span).lifetime(span).grace(span);
        let policy = policy(config.remembered_idle_timeout(span).remembered_lifetime(span)).unwrap();
        let second = Duration::from_secs(1);
        for span in [policy.span(false), policy.span(true)] {
            assert_eq!((span.idle_timeout, span.lifetime), (second, second));
        }
        assert_eq!(policy.grace, second);
    }

    /// A refresh lifetime of years needs no session setting: the default is cut to 400 days.
    #[test]
    fn the_default_lifetime_is_never_too_long() {
        let policy = SessionConfig::new().build(7 * DAY, 1000 * DAY).unwrap();
        assert_eq!((policy.span(false).lifetime, policy.span(true).lifetime), (400 * DAY, 400 * DAY));
        assert!(SessionConfig::new().lifetime(401 * DAY).build(7 * DAY, 1000 * DAY).is_err());
    }

    #[test]
    fn a_fingerprint_tells_networks_and_user_agents_apart() {
        let of = |address: &str, user_agent: &str| {
            let client = ClientInfo::unknown().with_user_agent(user_agent);
            ClientFingerprint::of(&match address {
                "" => client,
                address => client.with_address(address.parse().unwrap()),
            })
        };
        assert_eq!(of("", ""), None, "nothing is known");
        let same = [
            ("192.0.2.7", "::ffff:192.0.2.7"),
            ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2"),
            ("2001:db8:0:1::", "2001:db8:0:1:ffff:ffff:ffff:ffff"),
        ];
        for (one, other) in same {
            assert_eq!(of(one, "x"), of(other, "x"), "{one} {other}");
        }
        let different = [
            of("", "x"),
            of("", "y"),
            of("192.0.2.7", "x"),
            of("192.0.2.7", "y"),
            of("192.0.2.7", ""),
            of("192.0.2.8", "x"),
            of("2001:db8:0:1::", "x"),
            of("2001:db8:0:2::", "x"),
            of("c000:207::", "x"),
        ];
        for (number, one) in different.iter().enumerate() {
            assert!(one.is_some() && !different[..number].contains(one), "{number}");
        }
    }

    #[test]
    fn a_successor_follows_from_the_token_and_the_nonce() {
        let nonces = [Nonce::from_bytes([1; 16]), Nonce::from_bytes([2; 16])];
        let successor = |presented, nonce| *RefreshId::successor(presented, nonce).unwrap().as_bytes();
        let [first, second] = nonces;
        assert_eq!(successor("a", first), successor("a", first));
        assert_ne!(successor("a", first), successor("a", second));
        assert_ne!(successor("a", first), successor("b", first));
    }
}
