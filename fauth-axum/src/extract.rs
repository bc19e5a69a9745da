//! Extractors for the user, the token, the session and the CSRF token of a request.

use std::{
    fmt,
    marker::PhantomData,
    ops::{Deref, DerefMut},
    sync::Arc,
};

use axum::{
    extract::{FromRef, FromRequestParts},
    http::{Extensions, request::Parts},
};
use fauth_core::{
    AuthProvider, AuthUser, CsrfToken as SessionsToken, Granted, Pinned, Rejection, SessionHandle,
    TokenPayload, visitor::Visitor as KnownOrGuest,
};

use crate::{head::Head, respond::Refused};

/// The advice in the log when a `Token` is extracted from a request that nothing has checked.
const NO_GUARD: &str = "put a guard in front of the route, `get(handler).layer(require_user(&auth))` or a `SecureRouter`, \
                        or take a `CurrentUser` before the `Token`";

/// The user of the request. Behind a guard, this is the user whom the guard admitted; elsewhere,
/// any known and active user with a valid credential that is not an API key. All other requests are
/// refused.
///
/// The state of the application must provide the `AuthProvider<U>`: it is the provider itself, or a
/// structure with `#[derive(FromRef)]` (axum's feature `macros`) that contains it. If it does not,
/// the compiler reports that `AuthProvider<U>: FromRef<S>` is not satisfied.
///
/// # Security
/// Do not take a `Result<CurrentUser<U>, _>` to make the user optional. axum passes an `Err` to the
/// handler, so a request with an *invalid* credential may be treated like one without a credential.
/// A library cannot prevent this; if a handler drops such a refusal unread, this is logged once per
/// process. For an optional user, take a [`MaybeUser`]. (`Option<CurrentUser<U>>` does not compile
/// with axum.)
#[expect(clippy::exhaustive_structs, reason = "taken apart in the parameters of handlers")]
pub struct CurrentUser<U: AuthUser>(pub Arc<U>);

/// The user of the request, or `None` if the request has no credential. An invalid credential is
/// refused, unlike with `Result<CurrentUser<U>, _>`. Only a dead cookie counts as none;
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

/// The verified token of the request, for routes behind a guard and for handlers that take a
/// [`CurrentUser`] before it. Elsewhere no token has been checked: the request is refused with 500,
/// and the cause is logged.
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

impl<S, U> FromRequestParts<S> for CurrentUser<U>
where
    AuthProvider<U>: FromRef<S>,
    S: Send + Sync,
    U: AuthUser,
{
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let Grant(granted) = Grant::from_request_parts(parts, state).await?;
        Ok(Self(Arc::clone(granted.user())))
    }
}

impl<S, U> FromRequestParts<S> for Grant<U>
where
    AuthProvider<U>: FromRef<S>,
    S: Send + Sync,
    U: AuthUser,
{
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let auth = provider::<S, U>(state, &parts.extensions);
        let presented = auth.read_again(&Head::from(&*parts), earlier(&parts.extensions));
        match auth.check_current(presented).await {
            Ok(granted) => {
                remember(&mut parts.extensions, granted.clone());
                Ok(Self(granted))
            }
            Err(rejection) => {
                let head = Head::from(&*parts);
                let reply = auth.refuse_extraction(&rejection, &head, earlier(&parts.extensions));
                Err(Refused::new(rejection, reply, &head))
            }
        }
    }
}

impl<S, U> FromRequestParts<S> for MaybeUser<U>
where
    AuthProvider<U>: FromRef<S>,
    S: Send + Sync,
    U: AuthUser,
{
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let Visitor(visitor) = Visitor::from_request_parts(parts, state).await?;
        Ok(Self(visitor.into_user()))
    }
}

impl<S, U> FromRequestParts<S> for Visitor<U>
where
    AuthProvider<U>: FromRef<S>,
    S: Send + Sync,
    U: AuthUser,
{
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let auth = provider::<S, U>(state, &parts.extensions);
        if let Some(guest) = auth.guest_again(visited(&parts.extensions)) {
            return Ok(Self(guest));
        }
        let presented = auth.read_again(&Head::from(&*parts), earlier(&parts.extensions));
        match auth.check_optional(presented).await {
            Ok(granted) => {
                let visitor = auth.visitor(granted.as_ref());
                if let Some(granted) = granted {
                    remember(&mut parts.extensions, granted);
                }
                Ok(Self(visitor))
            }
            Err(rejection) => {
                let head = Head::from(&*parts);
                let reply = auth.refuse_extraction(&rejection, &head, earlier(&parts.extensions));
                Err(Refused::new(rejection, reply, &head))
            }
        }
    }
}

impl<S, U> FromRequestParts<S> for CurrentSession<U>
where
    AuthProvider<U>: FromRef<S>,
    S: Send + Sync,
    U: AuthUser,
{
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let auth = provider::<S, U>(state, &parts.extensions);
        let presented = auth.read_again(&Head::from(&*parts), earlier(&parts.extensions));
        match auth.current_session(presented).await {
            Ok(session) => Ok(Self(session)),
            Err(rejection) => {
                let head = Head::from(&*parts);
                let reply = auth.refuse_extraction(&rejection, &head, earlier(&parts.extensions));
                Err(Refused::new(rejection, reply, &head))
            }
        }
    }
}

impl<S, U> FromRequestParts<S> for CsrfToken<U>
where
    AuthProvider<U>: FromRef<S>,
    S: Send + Sync,
    U: AuthUser,
{
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let auth = provider::<S, U>(state, &parts.extensions);
        let presented = auth.read_again(&Head::from(&*parts), earlier(&parts.extensions));
        match auth.csrf_token(presented).await {
            Ok(token) => Ok(Self::new(token)),
            Err(rejection) => {
                let head = Head::from(&*parts);
                let reply = auth.refuse_extraction(&rejection, &head, earlier(&parts.extensions));
                Err(Refused::new(rejection, reply, &head))
            }
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Token {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        match parts.extensions.get::<Checked>() {
            Some(Checked(payload)) => Ok(Self(Arc::clone(payload))),
            None => Err(Refused::miswired(Rejection::without_guard(&Head::from(&*parts), NO_GUARD))),
        }
    }
}

/// The grant of a check, kept with the request. The type is private, so nothing else can insert
/// one.
struct Stored<U>(Granted<U>);

/// The visitor whom a guard for visitors admitted.
struct Visited<U>(KnownOrGuest<U>);

/// The provider of an `AuthSwitch` with which a guard decides about this request.
struct Begun<U>(Pinned<U>);

/// The token of the innermost guard, independent of the user type.
#[derive(Clone)]
struct Checked(Arc<TokenPayload>);

impl<U> Clone for Stored<U> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<U> Clone for Visited<U> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<U> Clone for Begun<U> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// Returns the application's provider. With an `AuthSwitch`, the one that decides about this
/// request.
fn provider<S, U: AuthUser>(state: &S, extensions: &Extensions) -> AuthProvider<U>
where
    AuthProvider<U>: FromRef<S>,
{
    AuthProvider::<U>::from_ref(state).for_request(|| pinned(extensions))
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
    extensions.get::<Stored<U>>().map(|Stored(granted)| granted)
}

/// Returns the visitor whom an outer guard admitted. The core compares the providers.
fn visited<U: AuthUser>(extensions: &Extensions) -> Option<&KnownOrGuest<U>> {
    extensions.get::<Visited<U>>().map(|Visited(visitor)| visitor)
}

/// Keeps a visitor for extractors and for the application's templates.
pub(crate) fn remember_visitor<U: AuthUser>(extensions: &mut Extensions, visitor: KnownOrGuest<U>) {
    extensions.insert(Visitor(visitor.clone()));
    extensions.insert(Visited(visitor));
}

/// Keeps a grant for later checks of this request.
fn remember<U: AuthUser>(extensions: &mut Extensions, granted: Granted<U>) {
    if earlier::<U>(extensions).is_some_and(|earlier| earlier.is_same(&granted)) {
        return;
    }
    // The first grant is that of the outermost guard, or of an extractor without guards. An
    // extractor of another provider must not replace it.
    if extensions.get::<Checked>().is_none() {
        extensions.insert(Checked(Arc::clone(granted.payload())));
    }
    extensions.insert(Stored(granted));
}

/// Like `remember`, for a guard: its token replaces that of an outer guard.
pub(crate) fn remember_guarded<U: AuthUser>(extensions: &mut Extensions, granted: Granted<U>) {
    extensions.insert(Checked(Arc::clone(granted.payload())));
    extensions.insert(Stored(granted));
}
