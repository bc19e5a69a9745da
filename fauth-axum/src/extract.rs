//! Extractors: the user and the token of a request.

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

/// What the log advises where a token is asked for that nobody has checked.
const NO_GUARD: &str = "put a guard in front of the route, `get(handler).layer(require_user(&auth))` or a `SecureRouter`, \
                        or take a `CurrentUser` before the `Token`";

/// The user of the request: inside a guard the one it has let in, elsewhere any known and active
/// user who presents a token and no API key. Without one the request is refused.
///
/// The application's state must hold the `AuthProvider<U>`: be one, or a structure with
/// `#[derive(FromRef)]` (axum's feature `macros`). If the compiler says that
/// `AuthProvider<U>: FromRef<S>` is not satisfied, it is missing there.
///
/// # Security
/// Do not take a `Result<CurrentUser<U>, _>` where a user is optional: axum fills it with `Err` and
/// calls the handler, so that a *bad* credential can pass for none at all. No library can forbid
/// it; the log tells, once in a process, when a refusal is dropped that nobody has looked at.
/// [`MaybeUser`] is the optional user. (`Option<CurrentUser<U>>` does not compile with axum.)
#[expect(clippy::exhaustive_structs, reason = "taken apart in the parameters of handlers")]
pub struct CurrentUser<U: AuthUser>(pub Arc<U>);

/// The user of the request, if it presents anything: the optional user. A bad credential is
/// refused, it does not turn into "nobody", as it would with `Result<CurrentUser<U>, _>`; only a
/// dead cookie counts as none, and [`visitor`](crate::visitor) around the route deletes it.
#[expect(clippy::exhaustive_structs, reason = "taken apart in the parameters of handlers")]
pub struct MaybeUser<U: AuthUser>(pub Option<Arc<U>>);

/// Whoever sees a page, a known user or a guest: for templates. A bad credential is refused as by
/// [`MaybeUser`], and only a dead cookie counts as none.
///
/// Inside [`visitor`](crate::visitor) it is the visitor whom that guard has let in. It also stands
/// in the extensions of the request then, under this type, so that a middleware that fills
/// templates finds it without asking anybody again.
///
/// # Security
/// It is there to be shown. Who may *do* something is decided by a guard.
#[expect(clippy::exhaustive_structs, reason = "taken apart in the parameters of handlers")]
pub struct Visitor<U: AuthUser>(pub KnownOrGuest<U>);

/// All that the check of the request has granted, user and token in one: for
/// [`create_api_key`](AuthProvider::create_api_key), which wants to see who asks. Otherwise as
/// [`CurrentUser`].
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "taken apart in the parameters of handlers")]
pub struct Grant<U: AuthUser>(pub Granted<U>);

/// The session of the request, or that there is none: what the application keeps in it, and until
/// when it lasts. A bad credential is refused, as by [`MaybeUser`]; behind a guard, what that has
/// let in counts.
///
/// It is read from the session store when it is extracted. Handlers that change it take it as
/// `mut`. A new cookie, as after [`renew`](SessionHandle::renew), is set by the guard around the
/// handler, or by [`visitor`](crate::visitor): only they carry a session on, extractors do not.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "taken apart in the parameters of handlers")]
pub struct CurrentSession<U: AuthUser>(pub SessionHandle<U>);

/// A new CSRF token for the session of the request, for a form or a script of the page:
/// `csrf.hidden_field()` is the field, ready for a template. Empty for guests, who need none. A bad
/// credential is refused, as by [`MaybeUser`]; behind a guard, what that has let in counts.
///
/// The provider must have been built with
/// [`csrf_tokens`](fauth_core::AuthProviderBuilder::csrf_tokens); otherwise the request is refused
/// with 500, and the log says so.
///
/// # Security
/// Take it behind a guard or [`visitor`](crate::visitor) only: elsewhere nothing tells caches to
/// keep the page for this one user.
pub struct CsrfToken<U: AuthUser> {
    token: SessionsToken,
    users: PhantomData<fn() -> U>,
}

impl<U: AuthUser> CsrfToken<U> {
    const fn new(token: SessionsToken) -> Self {
        Self { token, users: PhantomData }
    }

    /// The token without the type of the users.
    #[must_use]
    pub fn into_inner(self) -> SessionsToken {
        self.token
    }
}

/// The verified token of the request. For routes behind a guard, or handlers that take a [`CurrentUser`] before it; elsewhere the request is refused with
/// 500 and a line in the log, since nobody has checked a token there.
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

/// A user's record is personal data, and may hold a password hash.
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

/// What a check has granted, kept with the request. The types are private: nobody else can put one there.
struct Stored<U>(Granted<U>);

/// Whom a guard for visitors has let in.
struct Visited<U>(KnownOrGuest<U>);

/// The provider of a switch with which a guard of this request decides.
struct Begun<U>(Pinned<U>);

/// The token of the innermost guard, for whom the user's type does not matter.
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

/// The application's provider; of a switch the one with which the request began.
fn provider<S, U: AuthUser>(state: &S, extensions: &Extensions) -> AuthProvider<U>
where
    AuthProvider<U>: FromRef<S>,
{
    AuthProvider::<U>::from_ref(state).for_request(|| pinned(extensions))
}

/// The provider of a switch with which a guard further out has decided.
pub(crate) fn pinned<U: AuthUser>(extensions: &Extensions) -> Option<Pinned<U>> {
    extensions.get::<Begun<U>>().map(|Begun(pinned)| pinned.clone())
}

/// Keeps it for whatever is further in.
pub(crate) fn pin<U: AuthUser>(extensions: &mut Extensions, pinned: Pinned<U>) {
    extensions.insert(Begun(pinned));
}

/// What an earlier check of this request has granted. The core looks whether it was of the same provider.
pub(crate) fn earlier<U: AuthUser>(extensions: &Extensions) -> Option<&Granted<U>> {
    extensions.get::<Stored<U>>().map(|Stored(granted)| granted)
}

/// The visitor whom a guard further out has let in. The core looks whether it was of the same
/// provider.
fn visited<U: AuthUser>(extensions: &Extensions) -> Option<&KnownOrGuest<U>> {
    extensions.get::<Visited<U>>().map(|Visited(visitor)| visitor)
}

/// Keeps a visitor for extractors, and for the templates of the application.
pub(crate) fn remember_visitor<U: AuthUser>(extensions: &mut Extensions, visitor: KnownOrGuest<U>) {
    extensions.insert(Visitor(visitor.clone()));
    extensions.insert(Visited(visitor));
}

/// Keeps a grant for whatever comes next with this request.
fn remember<U: AuthUser>(extensions: &mut Extensions, granted: Granted<U>) {
    if earlier::<U>(extensions).is_some_and(|earlier| earlier.is_same(&granted)) {
        return;
    }
    // The first check is the outermost guard's, or that of an extractor without guards: no extractor of another provider takes its place.
    if extensions.get::<Checked>().is_none() {
        extensions.insert(Checked(Arc::clone(granted.payload())));
    }
    extensions.insert(Stored(granted));
}

/// The same for a guard, whose token takes the place of one further out.
pub(crate) fn remember_guarded<U: AuthUser>(extensions: &mut Extensions, granted: Granted<U>) {
    extensions.insert(Checked(Arc::clone(granted.payload())));
    extensions.insert(Stored(granted));
}
