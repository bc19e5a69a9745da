//! Extractors for the user, the token, the session and the CSRF token of a request.

use std::{
    any::type_name,
    fmt,
    marker::PhantomData,
    ops::{Deref, DerefMut},
    sync::Arc,
};

use fauth_core::{
    AuthProvider, AuthUser, CsrfToken as SessionsToken, Granted, Pinned, Rejection, SessionHandle,
    TokenPayload, visitor::Visitor as KnownOrGuest,
};
use poem::{FromRequest, Request, RequestBody, Result, http::Extensions};

use crate::{head::Head, respond::Refused};

/// The advice in the log when a route has no provider.
const NO_PROVIDER: &str =
    "call `.data(auth.clone())` on the application, or put a guard in front of the route";

/// The advice in the log when a `Token` is extracted from a request that nothing has checked.
const NO_GUARD: &str = "put a guard in front of the route, `get(handler).with(require_user(&auth))` or a `SecureRoute`; a \
                        `CurrentUser` in the same handler is none";

/// The user of the request. Behind a guard, this is the user whom the guard admitted; elsewhere,
/// any known and active user with a valid credential that is not an API key. All other requests are
/// refused.
///
/// The provider is the `AuthProvider<U>` given to the application with `.data(auth)`; without one,
/// it is that of the guard around the handler. If there is neither, the request is refused with
/// 500, and the cause is logged.
///
/// # Security
/// Do not take an `Option<CurrentUser<U>>` or a `Result<CurrentUser<U>, _>` to make the user
/// optional. poem turns every error into `None` or an `Err`, so a request with an *invalid*
/// credential (forged, expired or revoked) is treated like one without a credential. A library
/// cannot prevent this, because poem implements both for every extractor; if a handler drops such a
/// refusal unread, this is logged once per process. For an optional user, take a [`MaybeUser`].
#[expect(clippy::exhaustive_structs, reason = "taken apart in the parameters of handlers")]
pub struct CurrentUser<U: AuthUser>(pub Arc<U>);

/// The user of the request, or `None` if the request has no credential. An invalid credential is
/// refused, unlike with `Option<CurrentUser<U>>`. Only a dead cookie counts as none;
/// [`visitor`](crate::visitor) around the route deletes it.
#[expect(clippy::exhaustive_structs, reason = "taken apart in the parameters of handlers")]
pub struct MaybeUser<U: AuthUser>(pub Option<Arc<U>>);

/// The visitor of a page, for templates: a known user or a guest. As with [`MaybeUser`], an invalid
/// credential is refused, and only a dead cookie counts as none.
///
/// Behind [`visitor`](crate::visitor), this is the visitor whom that guard admitted. The guard also
/// puts it into the extensions of the request, under this type, so a middleware that fills
/// templates can read it from there.
///
/// # Security
/// Use it for display only. Put a guard in front of routes that must be protected.
#[expect(clippy::exhaustive_structs, reason = "taken apart in the parameters of handlers")]
pub struct Visitor<U: AuthUser>(pub KnownOrGuest<U>);

/// The user and the token of the request, as granted by the check. Pass it to methods that need to
/// know the caller, such as [`create_api_key`](AuthProvider::create_api_key). It is checked like
/// [`CurrentUser`].
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "taken apart in the parameters of handlers")]
pub struct Grant<U: AuthUser>(pub Granted<U>);

/// The session of the request, if there is one: its payload and its expiry. As with [`MaybeUser`],
/// an invalid credential is refused. Behind a guard, this is the session of the user whom the guard
/// admitted.
///
/// Extraction reads the session from the session store. To change the session, take it as `mut`. A
/// new cookie, such as after [`renew`](SessionHandle::renew), is set by the guard around the
/// handler, or by [`visitor`](crate::visitor). Only they extend a session; extractors do not.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "taken apart in the parameters of handlers")]
pub struct CurrentSession<U: AuthUser>(pub SessionHandle<U>);

/// A new CSRF token for the session of the request, for a form or a script of the page. In a
/// template, use `csrf.hidden_field()`. It is empty for guests, who need none. As with
/// [`MaybeUser`], an invalid credential is refused. Behind a guard, the token belongs to the user
/// whom the guard admitted.
///
/// The provider must be built with [`csrf_tokens`](fauth_core::AuthProviderBuilder::csrf_tokens).
/// Otherwise the request is refused with 500, and the cause is logged.
///
/// # Security
/// Take it only behind a guard or [`visitor`](crate::visitor): elsewhere, the response lacks the
/// headers that keep it out of shared caches.
pub struct CsrfToken<U: AuthUser> {
    token: SessionsToken,
    users: PhantomData<fn() -> U>,
}

impl<U: AuthUser> CsrfToken<U> {
    const fn new(token: SessionsToken) -> Self {
        Self { token, users: PhantomData }
    }

    /// Returns the token without the user type.
    #[must_use]
    pub fn into_inner(self) -> SessionsToken {
        self.token
    }
}

/// The verified token of the request, for routes behind a guard. Elsewhere no token has been
/// checked: the request is refused with 500, and the cause is logged. A [`CurrentUser`] before it
/// is no substitute for a guard, because extractors of poem cannot change the request.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "taken apart in the parameters of handlers")]
pub struct Token(pub Arc<TokenPayload>);

impl<U: AuthUser> Deref for CurrentUser<U> {
    type Target = U;

    fn deref(&self) -> &U {
        &self.0
    }
}

impl<U: AuthUser> Clone for CurrentUser<U> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<U: AuthUser> Clone for MaybeUser<U> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// Does not print the user: the record is personal data and may contain a password hash.
impl<U: AuthUser> fmt::Debug for CurrentUser<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CurrentUser(..)")
    }
}

impl<U: AuthUser> fmt::Debug for MaybeUser<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "MaybeUser(..)" } else { "MaybeUser(nobody)" })
    }
}

impl<U: AuthUser> Deref for Visitor<U> {
    type Target = KnownOrGuest<U>;

    fn deref(&self) -> &KnownOrGuest<U> {
        &self.0
    }
}

impl<U: AuthUser> Clone for Visitor<U> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<U: AuthUser> fmt::Debug for Visitor<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<U: AuthUser> Deref for Grant<U> {
    type Target = Granted<U>;

    fn deref(&self) -> &Granted<U> {
        &self.0
    }
}

impl<U: AuthUser> Clone for Grant<U> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<U: AuthUser> Deref for CurrentSession<U> {
    type Target = SessionHandle<U>;

    fn deref(&self) -> &SessionHandle<U> {
        &self.0
    }
}

impl<U: AuthUser> DerefMut for CurrentSession<U> {
    fn deref_mut(&mut self) -> &mut SessionHandle<U> {
        &mut self.0
    }
}

impl<U: AuthUser> Deref for CsrfToken<U> {
    type Target = SessionsToken;

    fn deref(&self) -> &SessionsToken {
        &self.token
    }
}

impl<U: AuthUser> fmt::Debug for CsrfToken<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.token.fmt(f)
    }
}

impl Deref for Token {
    type Target = TokenPayload;

    fn deref(&self) -> &TokenPayload {
        &self.0
    }
}

impl<'a, U: AuthUser> FromRequest<'a> for CurrentUser<U> {
    async fn from_request(request: &'a Request, body: &mut RequestBody) -> Result<Self> {
        let Grant(granted) = Grant::from_request(request, body).await?;
        Ok(Self(Arc::clone(granted.user())))
    }
}

impl<'a, U: AuthUser> FromRequest<'a> for Grant<U> {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> Result<Self> {
        let auth = provider::<U>(request)?;
        let presented = auth.read_again(&Head::from(request), earlier(request.extensions()));
        match auth.check_current(presented).await {
            Ok(granted) => Ok(Self(granted)),
            Err(rejection) => {
                let head = Head::from(request);
                let reply = auth.refuse_extraction(&rejection, &head, earlier(request.extensions()));
                Err(Refused::new(rejection, reply, &head).into())
            }
        }
    }
}

impl<'a, U: AuthUser> FromRequest<'a> for MaybeUser<U> {
    async fn from_request(request: &'a Request, body: &mut RequestBody) -> Result<Self> {
        let Visitor(visitor) = Visitor::from_request(request, body).await?;
        Ok(Self(visitor.into_user()))
    }
}

impl<'a, U: AuthUser> FromRequest<'a> for Visitor<U> {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> Result<Self> {
        let auth = provider::<U>(request)?;
        if let Some(guest) = auth.guest_again(visited(request.extensions())) {
            return Ok(Self(guest));
        }
        let presented = auth.read_again(&Head::from(request), earlier(request.extensions()));
        match auth.check_optional(presented).await {
            Ok(granted) => Ok(Self(auth.visitor(granted.as_ref()))),
            Err(rejection) => {
                let head = Head::from(request);
                let reply = auth.refuse_extraction(&rejection, &head, earlier(request.extensions()));
                Err(Refused::new(rejection, reply, &head).into())
            }
        }
    }
}

impl<'a, U: AuthUser> FromRequest<'a> for CurrentSession<U> {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> Result<Self> {
        let auth = provider::<U>(request)?;
        let presented = auth.read_again(&Head::from(request), earlier(request.extensions()));
        match auth.current_session(presented).await {
            Ok(session) => Ok(Self(session)),
            Err(rejection) => {
                let head = Head::from(request);
                let reply = auth.refuse_extraction(&rejection, &head, earlier(request.extensions()));
                Err(Refused::new(rejection, reply, &head).into())
            }
        }
    }
}

impl<'a, U: AuthUser> FromRequest<'a> for CsrfToken<U> {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> Result<Self> {
        let auth = provider::<U>(request)?;
        let presented = auth.read_again(&Head::from(request), earlier(request.extensions()));
        match auth.csrf_token(presented).await {
            Ok(token) => Ok(Self::new(token)),
            Err(rejection) => {
                let head = Head::from(request);
                let reply = auth.refuse_extraction(&rejection, &head, earlier(request.extensions()));
                Err(Refused::new(rejection, reply, &head).into())
            }
        }
    }
}

impl<'a> FromRequest<'a> for Token {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> Result<Self> {
        match request.data::<Checked>() {
            Some(checked) => Ok(Self(Arc::clone(&checked.payload))),
            None => Err(Refused::miswired(Rejection::without_guard(&Head::from(request), NO_GUARD)).into()),
        }
    }
}

/// Returns the application's provider; without one, that of the guard.
fn provider<U: AuthUser>(request: &Request) -> Result<AuthProvider<U>, Refused> {
    let granting = || request.data::<Stored<U>>().map(|Stored(_, provider)| provider);
    let visiting = || request.data::<Visited<U>>().map(|Visited(_, provider)| provider);
    let found = request.data::<AuthProvider<U>>().or_else(granting).or_else(visiting);
    let found = found.cloned().map(|auth| auth.for_request(|| pinned(request.extensions())));
    found.ok_or_else(|| {
        let guard = request.data::<Checked>().map(|checked| checked.users);
        Refused::miswired(AuthProvider::<U>::missing(&Head::from(request), guard, NO_PROVIDER))
    })
}

/// The grant of a guard, kept with the request beside the guard's provider. The type is private, so
/// nothing else can insert one.
struct Stored<U>(Granted<U>, AuthProvider<U>);

/// The visitor whom a guard for visitors admitted, beside the guard's provider.
struct Visited<U>(KnownOrGuest<U>, AuthProvider<U>);

/// The provider of an `AuthSwitch` with which a guard decides about this request.
struct Begun<U>(Pinned<U>);

/// The token of the innermost guard, independent of the user type.
#[derive(Clone)]
struct Checked {
    payload: Arc<TokenPayload>,
    /// The name of the guard's user type.
    users: &'static str,
}

impl<U> Clone for Stored<U> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), self.1.clone())
    }
}

impl<U> Clone for Visited<U> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), self.1.clone())
    }
}

impl<U> Clone for Begun<U> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// Returns the provider of an `AuthSwitch` with which an outer guard decided.
pub(crate) fn pinned<U: AuthUser>(extensions: &Extensions) -> Option<Pinned<U>> {
    extensions.get::<Begun<U>>().map(|Begun(pinned)| pinned.clone())
}

/// Keeps the provider for guards and extractors further in.
pub(crate) fn pin<U: AuthUser>(extensions: &mut Extensions, pinned: Pinned<U>) {
    extensions.insert(Begun(pinned));
}

/// Returns the grant of an earlier check of this request. The core compares the providers.
pub(crate) fn earlier<U: AuthUser>(extensions: &Extensions) -> Option<&Granted<U>> {
    extensions.get::<Stored<U>>().map(|Stored(granted, _)| granted)
}

/// Returns the visitor whom an outer guard admitted. The core compares the providers.
fn visited<U: AuthUser>(extensions: &Extensions) -> Option<&KnownOrGuest<U>> {
    extensions.get::<Visited<U>>().map(|Visited(visitor, _)| visitor)
}

/// Keeps a visitor for extractors and for the application's templates.
pub(crate) fn remember_visitor<U: AuthUser>(
    extensions: &mut Extensions,
    visitor: KnownOrGuest<U>,
    provider: &AuthProvider<U>,
) {
    extensions.insert(Visitor(visitor.clone()));
    extensions.insert(Visited(visitor, provider.clone()));
}

/// Keeps a grant for later checks of this request.
pub(crate) fn remember<U: AuthUser>(
    extensions: &mut Extensions,
    granted: Granted<U>,
    provider: &AuthProvider<U>,
) {
    extensions.insert(Checked { payload: Arc::clone(granted.payload()), users: type_name::<U>() });
    extensions.insert(Stored(granted, provider.clone()));
}
