//! Extractors for the user, the token, the session and the CSRF token of a request.

use std::{
    any::type_name,
    fmt,
    future::{Ready, ready},
    marker::PhantomData,
    ops::{Deref, DerefMut},
    pin::Pin,
    sync::Arc,
};

use actix_web::{
    FromRequest, HttpMessage as _, HttpRequest,
    dev::{Extensions, Payload},
    web::Data,
};
use fauth_core::{
    AuthProvider, AuthUser, CsrfToken as SessionsToken, Granted, Pinned, Rejection, SessionHandle,
    TokenPayload, visitor::Visitor as KnownOrGuest,
};

use crate::{head::Head, respond::Refused};

/// The advice in the log when a route has no provider.
const NO_PROVIDER: &str =
    "call `.app_data(web::Data::new(auth.clone()))` on the `App`, or put a guard in front of the route";

/// The same when the application holds a provider where no extractor finds it.
const NO_DATA: &str =
    "the provider was given without `Data`: write `.app_data(web::Data::new(auth.clone()))`";

/// The advice in the log when a `Token` is extracted from a request that nothing has checked.
const NO_GUARD: &str = "put a guard in front of the route, `.wrap(require_user(&auth))` or a `SecureScope`; a `CurrentUser` in \
                        the same handler is none";

/// The user of the request. Behind a guard, this is the user whom the guard admitted; elsewhere,
/// any known and active user with a valid credential that is not an API key. All other requests are
/// refused.
///
/// Without a guard, the application must hold the provider:
/// `App::new().app_data(Data::new(auth.clone()))`. If it is missing, the request is refused with
/// 500, and the cause is logged. If it is present, it decides, also behind a guard of another
/// provider.
///
/// # Security
/// Do not take an `Option<CurrentUser<U>>` or a `Result<CurrentUser<U>, _>` to make the user
/// optional. actix-web passes `None` or an `Err` to the handler, so a request with an *invalid*
/// credential is treated like one without a credential. A library cannot prevent this, because
/// actix-web implements both for every extractor; if a handler drops such a refusal unread, this is
/// logged once per process. For an optional user, take a [`MaybeUser`].
///
/// actix-web runs the extractors of a handler concurrently. Only a guard in front of the route
/// keeps the others from running, and the body from being read, before the user is known.
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
/// checked: the request is refused with 500, and the cause is logged. A [`CurrentUser`] in the same
/// handler is no substitute for a guard, because actix-web runs both concurrently.
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

type Extracting<T> = Pin<Box<dyn Future<Output = Result<T, Refused>>>>;

impl<U: AuthUser> FromRequest for CurrentUser<U> {
    type Error = Refused;
    type Future = Extracting<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let granting = Grant::from_request(request, payload);
        Box::pin(async move { granting.await.map(|Grant(granted)| Self(Arc::clone(granted.user()))) })
    }
}

impl<U: AuthUser> FromRequest for Grant<U> {
    type Error = Refused;
    type Future = Extracting<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let auth = provider(&request)?;
            let presented = auth.read_again(&Head::from(&request), earlier(&request.extensions()));
            match auth.check_current(presented).await {
                Ok(granted) => {
                    remember(&mut request.extensions_mut(), granted.clone(), auth);
                    Ok(Self(granted))
                }
                Err(rejection) => {
                    let head = Head::from(&request);
                    let reply = auth.refuse_extraction(&rejection, &head, earlier(&request.extensions()));
                    Err(Refused::new(rejection, reply, &head))
                }
            }
        })
    }
}

impl<U: AuthUser> FromRequest for MaybeUser<U> {
    type Error = Refused;
    type Future = Extracting<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let visiting = Visitor::from_request(request, payload);
        Box::pin(async move { visiting.await.map(|Visitor(visitor)| Self(visitor.into_user())) })
    }
}

impl<U: AuthUser> FromRequest for Visitor<U> {
    type Error = Refused;
    type Future = Extracting<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let auth = provider(&request)?;
            if let Some(guest) = auth.guest_again(visited(&request.extensions())) {
                return Ok(Self(guest));
            }
            let presented = auth.read_again(&Head::from(&request), earlier(&request.extensions()));
            match auth.check_optional(presented).await {
                Ok(granted) => {
                    let visitor = auth.visitor(granted.as_ref());
                    if let Some(granted) = granted {
                        remember(&mut request.extensions_mut(), granted, auth);
                    }
                    Ok(Self(visitor))
                }
                Err(rejection) => {
                    let head = Head::from(&request);
                    let reply = auth.refuse_extraction(&rejection, &head, earlier(&request.extensions()));
                    Err(Refused::new(rejection, reply, &head))
                }
            }
        })
    }
}

impl<U: AuthUser> FromRequest for CurrentSession<U> {
    type Error = Refused;
    type Future = Extracting<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let auth = provider(&request)?;
            let presented = auth.read_again(&Head::from(&request), earlier(&request.extensions()));
            match auth.current_session(presented).await {
                Ok(session) => Ok(Self(session)),
                Err(rejection) => {
                    let head = Head::from(&request);
                    let reply = auth.refuse_extraction(&rejection, &head, earlier(&request.extensions()));
                    Err(Refused::new(rejection, reply, &head))
                }
            }
        })
    }
}

impl<U: AuthUser> FromRequest for CsrfToken<U> {
    type Error = Refused;
    type Future = Extracting<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let auth = provider::<U>(&request)?;
            let presented = auth.read_again(&Head::from(&request), earlier(&request.extensions()));
            match auth.csrf_token(presented).await {
                Ok(token) => Ok(Self::new(token)),
                Err(rejection) => {
                    let head = Head::from(&request);
                    let reply = auth.refuse_extraction(&rejection, &head, earlier(&request.extensions()));
                    Err(Refused::new(rejection, reply, &head))
                }
            }
        })
    }
}

impl FromRequest for Token {
    type Error = Refused;
    // Ready at once: when polled, it would depend on chance which other extractor of the handler
    // has run before.
    type Future = Ready<Result<Self, Refused>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(match request.extensions().get::<Checked>() {
            Some(checked) => Ok(Self(Arc::clone(&checked.payload))),
            None => Err(Refused::miswired(Rejection::without_guard(&Head::from(request), NO_GUARD))),
        })
    }
}

/// The grant of a check, kept with the request beside the provider that granted it. The type is
/// private, so nothing else can insert one.
struct Stored<U>(Granted<U>, AuthProvider<U>);

/// The visitor whom a guard for visitors admitted, beside the guard's provider.
struct Visited<U>(KnownOrGuest<U>, AuthProvider<U>);

/// The provider of an `AuthSwitch` with which a guard decides about this request.
struct Begun<U>(Pinned<U>);

/// The token of the innermost guard, independent of the user type.
struct Checked {
    payload: Arc<TokenPayload>,
    /// The name of the guard's user type; `None` without a guard.
    guarded_for: Option<&'static str>,
}

/// Returns the provider that decides here: the application's own if it holds one, otherwise that of
/// the guard.
fn provider<U: AuthUser>(request: &HttpRequest) -> Result<AuthProvider<U>, Refused> {
    let held = request.app_data::<Data<AuthProvider<U>>>().map(|auth| AuthProvider::clone(auth));
    let held = held.map(|auth| auth.for_request(|| pinned(&request.extensions())));
    held.or_else(|| guarding(&request.extensions())).ok_or_else(|| {
        let seen = Head::from(request);
        Refused::miswired(if request.app_data::<AuthProvider<U>>().is_some() {
            AuthProvider::<U>::missing(&seen, None, NO_DATA)
        } else {
            let guard = request.extensions().get::<Checked>().and_then(|checked| checked.guarded_for);
            AuthProvider::<U>::missing(&seen, guard, NO_PROVIDER)
        })
    })
}

/// Returns the provider of a guard in front of the handler.
fn guarding<U: AuthUser>(extensions: &Extensions) -> Option<AuthProvider<U>> {
    let granting = extensions.get::<Stored<U>>().map(|Stored(_, auth)| auth);
    granting.or_else(|| extensions.get::<Visited<U>>().map(|Visited(_, auth)| auth)).cloned()
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
    auth: &AuthProvider<U>,
) {
    extensions.insert(Visitor(visitor.clone()));
    extensions.insert(Visited(visitor, auth.clone()));
}

/// Keeps a grant for later checks of this request.
fn remember<U: AuthUser>(extensions: &mut Extensions, granted: Granted<U>, auth: AuthProvider<U>) {
    if earlier::<U>(extensions).is_some_and(|earlier| earlier.is_same(&granted)) {
        return;
    }
    // The first grant is that of the outermost guard, or of an extractor without guards. An
    // extractor of another provider must not replace it.
    if extensions.get::<Checked>().is_none() {
        extensions.insert(Checked { payload: Arc::clone(granted.payload()), guarded_for: None });
    }
    extensions.insert(Stored(granted, auth));
}

/// Like `remember`, for a guard: its token replaces that of an outer guard.
pub(crate) fn remember_guarded<U: AuthUser>(
    extensions: &mut Extensions,
    granted: Granted<U>,
    auth: &AuthProvider<U>,
) {
    let guarded_for = Some(type_name::<U>());
    extensions.insert(Checked { payload: Arc::clone(granted.payload()), guarded_for });
    extensions.insert(Stored(granted, auth.clone()));
}
