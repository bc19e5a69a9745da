//! Extractors: the user and the token of a request.

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

/// What the log advises where a route knows no provider.
const NO_PROVIDER: &str =
    "call `.app_data(web::Data::new(auth.clone()))` on the `App`, or put a guard in front of the route";

/// The same where the application holds one that no extractor finds.
const NO_DATA: &str =
    "the provider was given without `Data`: write `.app_data(web::Data::new(auth.clone()))`";

/// What the log advises where a token is asked for that nobody has checked.
const NO_GUARD: &str = "put a guard in front of the route, `.wrap(require_user(&auth))` or a `SecureScope`; a `CurrentUser` in \
                        the same handler is none";

/// The user of the request: inside a guard the one it has let in, elsewhere any known and active
/// user who presents a token and no API key. Without one the request is refused.
///
/// Outside guards the application must hold the provider: `App::new().app_data(Data::new(auth.clone()))`. Where it is missing the
/// request is refused with 500 and a line in the log. Where there is one, it decides, also inside a guard of another provider.
///
/// # Security
/// Do not write `Option<CurrentUser<U>>` or `Result<CurrentUser<U>, _>`: actix-web fills them with
/// `None` and `Err` and calls the handler, so that a *bad* credential passes for none at all. No
/// library can forbid it, because actix-web implements both for every extractor; the log tells,
/// once in a process, when a refusal is dropped that nobody has looked at. [`MaybeUser`] is the
/// optional user.
///
/// actix-web runs the extractors of a handler side by side. Only a guard in front of the route keeps the others from running, and the body from being read,
/// before it is known who asks.
#[expect(clippy::exhaustive_structs, reason = "taken apart in the parameters of handlers")]
pub struct CurrentUser<U: AuthUser>(pub Arc<U>);

/// The user of the request, if it presents anything: the optional user. A bad credential is
/// refused, it does not turn into "nobody", as it would with `Option<CurrentUser<U>>`; only a
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

/// The verified token of the request. For routes behind a guard; elsewhere the request is refused with 500 and a line in the log, since nobody has checked a
/// token there. A [`CurrentUser`] beside it in the same handler is no guard: actix-web runs the two side by side.
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
    // At once and not when polled: what another extractor of the same handler leaves behind meanwhile is left to chance.
    type Future = Ready<Result<Self, Refused>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(match request.extensions().get::<Checked>() {
            Some(checked) => Ok(Self(Arc::clone(&checked.payload))),
            None => Err(Refused::miswired(Rejection::without_guard(&Head::from(request), NO_GUARD))),
        })
    }
}

/// What a check has granted, kept with the request beside the provider that did. The types are private: nobody else can put one there.
struct Stored<U>(Granted<U>, AuthProvider<U>);

/// Whom a guard for visitors has let in, beside its provider.
struct Visited<U>(KnownOrGuest<U>, AuthProvider<U>);

/// The provider of a switch with which a guard of this request decides.
struct Begun<U>(Pinned<U>);

/// The token of the innermost guard, for whom the user's type does not matter.
struct Checked {
    payload: Arc<TokenPayload>,
    /// What to call the type of the guard's users; `None` if it was no guard.
    guarded_for: Option<&'static str>,
}

/// Who decides here: the application's own provider if it holds one, otherwise that of the guard.
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

/// The provider of a guard in front of the handler.
fn guarding<U: AuthUser>(extensions: &Extensions) -> Option<AuthProvider<U>> {
    let granting = extensions.get::<Stored<U>>().map(|Stored(_, auth)| auth);
    granting.or_else(|| extensions.get::<Visited<U>>().map(|Visited(_, auth)| auth)).cloned()
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
    extensions.get::<Stored<U>>().map(|Stored(granted, _)| granted)
}

/// The visitor whom a guard further out has let in. The core looks whether it was of the same
/// provider.
fn visited<U: AuthUser>(extensions: &Extensions) -> Option<&KnownOrGuest<U>> {
    extensions.get::<Visited<U>>().map(|Visited(visitor, _)| visitor)
}

/// Keeps a visitor for extractors, and for the templates of the application.
pub(crate) fn remember_visitor<U: AuthUser>(
    extensions: &mut Extensions,
    visitor: KnownOrGuest<U>,
    auth: &AuthProvider<U>,
) {
    extensions.insert(Visitor(visitor.clone()));
    extensions.insert(Visited(visitor, auth.clone()));
}

/// Keeps a grant for whatever comes next with this request.
fn remember<U: AuthUser>(extensions: &mut Extensions, granted: Granted<U>, auth: AuthProvider<U>) {
    if earlier::<U>(extensions).is_some_and(|earlier| earlier.is_same(&granted)) {
        return;
    }
    // The first check is the outermost guard's, or that of an extractor without guards: no extractor of another provider takes its place.
    if extensions.get::<Checked>().is_none() {
        extensions.insert(Checked { payload: Arc::clone(granted.payload()), guarded_for: None });
    }
    extensions.insert(Stored(granted, auth));
}

/// The same for a guard, whose token takes the place of one further out.
pub(crate) fn remember_guarded<U: AuthUser>(
    extensions: &mut Extensions,
    granted: Granted<U>,
    auth: &AuthProvider<U>,
) {
    let guarded_for = Some(type_name::<U>());
    extensions.insert(Checked { payload: Arc::clone(granted.payload()), guarded_for });
    extensions.insert(Stored(granted, auth.clone()));
}
