//! A guard: a provider, a requirement, and the form of rejections. Adapters put it in front of
//! routes.

use std::{
    borrow::Cow,
    fmt,
    future::Future,
    panic::Location,
    sync::{Arc, PoisonError, RwLock},
};

#[cfg(feature = "openapi")]
use crate::rejection::RefusalBody;
use crate::{
    access::Access,
    audit::Declaration,
    body::BodyError,
    error::{BoxError, ConfigError},
    limit::{IntoLimit, Limit},
    limiter::{Asked, Limited, Limiter},
    navigation::RequestKind,
    path,
    provider::{AuthProvider, Entered, Granted, Pinned, Presented},
    redirect::LocalTarget,
    rejection::{Misconfigured, NEXT, Pages, Rejection, Renderer, setting},
    reply::Reply,
    request::{RequestHead, is_websocket_connect},
    requirement::Requirement,
    user::AuthUser,
    visitor::Visitor,
};

/// A form without fields.
const NO_FORM: &[u8] = &[];

const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/// Decides which requests may reach a route or a group of routes. Adapters wrap it in their
/// framework's middleware, and decide nothing themselves.
///
/// ```
/// # use fauth_core::{AuthUser, Guard, reply::Reply, request::RequestHead, routes::BodyError};
/// # async fn middleware<U: AuthUser>(
/// #     guard: Guard<U>, head: impl RequestHead, next: impl Fn() -> Reply,
/// #     read_body: impl AsyncFn(usize) -> Result<Vec<u8>, BodyError>,
/// # ) -> Reply {
/// let presented = guard.read(&head, None);      // borrows the request
/// // Owns everything it needs, and reads the body only to find the CSRF token of a form.
/// match guard.enter_reading(presented, |limit| read_body(limit)).await {
///     Ok(entered) => next(),                    // plus the demands of `entered.into_parts()`
///     Err(rejection) => guard.refuse(&rejection, &head),
/// }
/// # }
/// ```
pub struct Guard<U> {
    /// A single pointer, because adapters clone a guard for each request.
    inner: Arc<Inner<U>>,
}

struct Inner<U> {
    provider: AuthProvider<U>,
    requirement: Requirement,
    renderer: Arc<dyn Renderer>,
    admits: Admits,
    /// Keeps the guard in the provider's list for audits. Requests do not use it.
    declaration: Arc<Declaration>,
    limits: Option<Arc<Stages<U>>>,
    /// The same guard with the provider that a switch has set: created at the first request, and
    /// again when another provider is set.
    switched: RwLock<Option<Guard<U>>>,
    /// The provider of the switch that this one was made for.
    pin: Option<Pinned<U>>,
    /// The guard was created for one request that began without a provider. A provider that is set
    /// meanwhile does not decide about that request.
    is_final: bool,
    /// The router reads the path of this request differently from the rules.
    is_misread: bool,
}

/// The limits of a guard: before the request is read, and after it was admitted.
struct Stages<U> {
    before: Option<Limiter<U>>,
    after: Option<Limiter<U>>,
}

/// Which requests a guard admits.
#[derive(Debug, Clone)]
enum Admits {
    /// Users who meet the requirement.
    Users,
    /// Users, and requests without a credential.
    Everybody,
    /// Only requests without a credential.
    Guests(Home),
    /// All requests; credentials are not read.
    Unseen,
}

/// Where users are redirected from pages for guests.
#[derive(Debug, Clone)]
struct Home {
    target: LocalTarget,
    fault: Option<ConfigError>,
}

impl<U: AuthUser> Guard<U> {
    /// Creates a guard that admits requests that meet `requirement`.
    ///
    /// An impossible requirement is logged here, and refuses every request with 500; see
    /// [`Requirement::validate`].
    #[must_use]
    #[track_caller]
    pub fn new(provider: &AuthProvider<U>, requirement: Requirement) -> Self {
        report_fault(&requirement);
        let declared = provider.declare(Declaration::of_guard(Access::Required(requirement.clone())));
        Self::with(provider, requirement, Arc::clone(provider.renderer()), Admits::Users, declared)
    }

    /// Creates a guard for a group of routes. It admits known and active users; [`and`](Self::and)
    /// adds requirements. Audits list it as a group.
    ///
    /// `prefix` is the path of the group if the group knows it; otherwise pass an empty string, and
    /// the group lies where it is mounted.
    #[must_use]
    #[track_caller]
    pub fn group(provider: &AuthProvider<U>, prefix: &str) -> Self {
        let requirement = Requirement::user();
        let access = Access::Required(requirement.clone());
        let declared = provider.declare(Declaration::of_group(access, prefix));
        Self::with(provider, requirement, Arc::clone(provider.renderer()), Admits::Users, declared)
    }

    /// Creates a guard for routes that are open to guests and users. It admits requests without a
    /// credential, and active users. An invalid credential is refused. A dead cookie counts as none
    /// and is deleted, which an extractor cannot do.
    ///
    /// Unlike other guards, it refuses no request for its path or method.
    #[must_use]
    #[track_caller]
    pub fn visitor(provider: &AuthProvider<U>) -> Self {
        let declared = provider.declare(Declaration::of_guard(Access::Optional));
        Self::with(
            provider,
            Requirement::user(),
            Arc::clone(provider.renderer()),
            Admits::Everybody,
            declared,
        )
    }

    /// Creates a guard for routes that are for guests only: the sign-in page, the registration. It
    /// admits requests without a credential, or with nothing but a dead cookie, which is deleted.
    ///
    /// A signed-in user is refused with [`Rejection::GuestsOnly`]:
    /// - A page or a form (see [`RequestKind`]) is answered with 303 to the `next` parameter of the
    ///   request's query if it is a [`LocalTarget`], otherwise to [`home`](Self::home). The body of
    ///   a form is not read, so a sign-in form left open in another tab does not log in another
    ///   user. To let users change accounts, guard the page only, and not the route to which its
    ///   form is sent.
    /// - Calls by scripts, and all requests with an `Authorization` header, are answered with 403.
    ///
    /// Any other invalid credential is refused as by any guard.
    #[must_use]
    #[track_caller]
    pub fn guests(provider: &AuthProvider<U>) -> Self {
        let declared = provider.declare(Declaration::of_guard(Access::Guests));
        let home = Home { target: LocalTarget::root(), fault: None };
        let renderer = Arc::clone(provider.renderer());
        Self::with(provider, Requirement::user(), renderer, Admits::Guests(home), declared)
    }

    /// A guard for path rules; `declaration` lists all rules of the application together.
    pub(crate) fn of_rule(
        provider: &AuthProvider<U>,
        access: &Access,
        declaration: &Arc<Declaration>,
    ) -> Self {
        let admits = match access {
            Access::Open => Admits::Unseen,
            Access::Optional => Admits::Everybody,
            Access::Guests => Admits::Guests(Home { target: LocalTarget::root(), fault: None }),
            Access::Required(_) => Admits::Users,
        };
        let requirement = access.requirement().cloned().unwrap_or_default();
        let renderer = Arc::clone(provider.renderer());
        Self::with(provider, requirement, renderer, admits, Arc::clone(declaration))
    }

    /// Is it a guard for [guests](Self::guests)?
    pub(crate) fn is_for_guests(&self) -> bool {
        matches!(self.inner.admits, Admits::Guests(_))
    }

    /// Sets the path to which users are redirected from routes for [guests](Self::guests), unless
    /// the query of the request has a `next` parameter. Default: `/`.
    ///
    /// A path that is not a [`LocalTarget`] is logged, and every request is refused with 500. On a
    /// guard that admits users this setting has no effect, which is logged too.
    #[must_use]
    pub fn home(self, path: impl AsRef<str>) -> Self {
        let Admits::Guests(home) = &self.inner.admits else {
            let problem = "`home` has no effect on a guard that admits users: use it with `Guard::guests`";
            tracing::error!(target: "fauth", event = "setting_without_effect", "{problem}");
            return self;
        };
        let mut fault = home.fault.clone();
        let target = setting("home", path.as_ref(), &mut fault).unwrap_or_else(|| home.target.clone());
        if let Some(fault) = &fault {
            report(fault);
        }
        self.changed(|inner| inner.admits = Admits::Guests(Home { target, fault }))
    }

    fn with(
        provider: &AuthProvider<U>,
        requirement: Requirement,
        renderer: Arc<dyn Renderer>,
        admits: Admits,
        declaration: Arc<Declaration>,
    ) -> Self {
        let provider = provider.clone();
        let (limits, switched, pin) = (None, RwLock::default(), None);
        let inner = Inner {
            provider,
            requirement,
            renderer,
            admits,
            declaration,
            limits,
            switched,
            pin,
            is_final: false,
            is_misread: false,
        };
        Self { inner: Arc::new(inner) }
    }

    /// A copy with a change, for any provider that decides; everything else stays.
    fn changed(&self, change: impl FnOnce(&mut Inner<U>)) -> Self {
        let Inner { provider, requirement, renderer, admits, declaration, limits, .. } = &*self.inner;
        let mut inner = Inner {
            provider: provider.clone(),
            requirement: requirement.clone(),
            renderer: Arc::clone(renderer),
            admits: admits.clone(),
            declaration: Arc::clone(declaration),
            limits: limits.clone(),
            switched: RwLock::default(),
            pin: None,
            is_final: self.inner.is_final,
            is_misread: self.inner.is_misread,
        };
        change(&mut inner);
        Self { inner: Arc::new(inner) }
    }

    /// Adds a limit: `"5/minute"`, or a [`Limit`](crate::limit::Limit). A limit by address counts
    /// before anything is read of a request, a limit by user after the user was admitted. All
    /// limits of a guard apply.
    ///
    /// An invalid limit is logged, and every request is refused with 500.
    #[must_use]
    #[track_caller]
    pub fn limit(self, limit: impl IntoLimit) -> Self {
        let Inner { provider, declaration, limits, .. } = &*self.inner;
        let added = Limiter::at(provider, limit, Location::caller());
        let (before, after) = match limits.as_deref() {
            Some(Stages { before, after }) => (before.clone(), after.clone()),
            None => (None, None),
        };
        let limits = if added.needs_user() {
            Stages { before, after: Some(added.clone().behind(after)) }
        } else {
            Stages { before: Some(added.clone().behind(before)), after }
        };
        let declared =
            added.limits().map(Limit::in_words).fold(Arc::clone(declaration), |declaration, words| {
                provider.declare(declaration.with_limit(&words))
            });
        self.changed(|inner| {
            inner.declaration = declared;
            inner.limits = Some(Arc::new(limits));
        })
    }

    /// Returns whether the guard has limits. Without limits, adapters can skip them.
    #[must_use]
    pub fn is_limited(&self) -> bool {
        self.inner.limits.is_some()
    }

    /// Checks the limits that count before anything is read of the request.
    pub fn ask_before(&self, head: &dyn RequestHead) -> Asked<U> {
        let limiter = self.inner.limits.as_ref().and_then(|limits| limits.before.as_ref());
        limiter.map_or_else(Asked::nothing, |limiter| limiter.ask(head, None))
    }

    /// Checks the limits that count admitted requests. `granted` is the user whom
    /// [`enter`](Self::enter) has admitted.
    pub fn ask_after(&self, head: &dyn RequestHead, granted: Option<&Granted<U>>) -> Asked<U> {
        let limiter = self.inner.limits.as_ref().and_then(|limits| limits.after.as_ref());
        limiter.map_or_else(Asked::nothing, |limiter| limiter.ask(head, granted))
    }

    /// Turns a refusal by a limit into a response, in the form of this guard.
    pub fn refuse_limited(&self, limited: &Limited, head: &dyn RequestHead) -> Reply {
        limited.reply(&self.inner.provider, head, &*self.inner.renderer)
    }

    /// The limits of this guard, for documents.
    #[cfg(feature = "openapi")]
    pub(crate) fn limits(&self) -> impl Iterator<Item = &Limit> {
        let limits = self.inner.limits.iter().flat_map(|limits| [&limits.before, &limits.after]);
        limits.flatten().flat_map(Limiter::limits)
    }

    /// Returns the guard that decides about one request, from its beginning to its end. If the
    /// provider is that of a [switch](crate::AuthSwitch), it is this guard with the provider with
    /// which the request began, or else with the one that is set now. Otherwise it is this guard
    /// itself.
    ///
    /// ```
    /// # use fauth_core::{AuthUser, Guard, Pinned};
    /// # fn example<U: AuthUser>(
    /// #     guard: Guard<U>, kept_with_the_request: impl Fn() -> Option<Pinned<U>>,
    /// # ) {
    /// let guard = guard.for_request(kept_with_the_request);
    /// // `read`, `enter` and so on; inner guards and extractors find `guard.pin()`
    /// # }
    /// ```
    pub fn for_request(&self, pinned: impl FnOnce() -> Option<Pinned<U>>) -> Cow<'_, Self> {
        let provider = &self.inner.provider;
        if self.inner.is_final || !provider.is_switched() {
            return Cow::Borrowed(self);
        }
        self.with_current(&provider.clone().for_request(pinned))
    }

    /// The guard with the provider that decides about the request.
    pub(crate) fn with_current(&self, current: &AuthProvider<U>) -> Cow<'_, Self> {
        if self.inner.is_final || !self.inner.provider.is_switched() {
            return Cow::Borrowed(self);
        }
        if current.is_switched() {
            return Cow::Owned(if current.is_open_until_set() { self.opened() } else { self.unset() });
        }
        let made = self.inner.switched.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(made) = made.filter(|made| made.inner.provider.is(current)) {
            return Cow::Owned(made);
        }
        let made = self.made_for(current);
        *self.inner.switched.write().unwrap_or_else(PoisonError::into_inner) = Some(made.clone());
        Cow::Owned(made)
    }

    fn made_for(&self, current: &AuthProvider<U>) -> Self {
        let Inner { provider, renderer, limits, .. } = &*self.inner;
        // What the old provider had given to the guard comes from the new one.
        let is_own = !Arc::ptr_eq(renderer, provider.renderer());
        let renderer = if is_own { renderer } else { current.renderer() };
        self.changed(|inner| {
            inner.provider = current.clone();
            inner.renderer = Arc::clone(renderer);
            inner.limits = limits.as_ref().map(|limits| Arc::new(limits.made_for(current)));
            inner.pin = current.pinned(provider);
        })
    }

    /// Admits all requests while no provider is set. Visitors stay visitors.
    fn opened(&self) -> Self {
        self.for_one_request(match self.inner.admits {
            Admits::Everybody => Admits::Everybody,
            Admits::Users | Admits::Guests(_) | Admits::Unseen => Admits::Unseen,
        })
    }

    /// For a request that began when no provider was set.
    fn unset(&self) -> Self {
        self.for_one_request(self.inner.admits.clone())
    }

    fn for_one_request(&self, admits: Admits) -> Self {
        self.changed(|inner| {
            inner.admits = admits;
            inner.is_final = true;
        })
    }

    /// The guard of a request whose path the router reads differently: it refuses.
    pub(crate) fn misread(&self) -> Self {
        self.changed(|inner| {
            inner.is_final = true;
            inner.is_misread = true;
        })
    }

    /// The guard of a request to which two guards of path rules apply: both requirements must be
    /// met.
    pub(crate) fn also_asking(&self, requirement: &Requirement) -> Self {
        let both = self.inner.requirement.clone().and_by_itself(requirement.clone());
        self.changed(|inner| {
            inner.requirement = both;
            inner.admits = Admits::Users;
        })
    }

    /// Returns the provider of a switch with which this guard decides, for inner guards and
    /// extractors. Adapters keep it with the request.
    #[must_use]
    pub fn pin(&self) -> Option<Pinned<U>> {
        self.inner.pin.clone()
    }

    /// Sets the renderer for rejections of this guard.
    #[must_use]
    pub fn renderer(self, renderer: impl Renderer) -> Self {
        if let Err(fault) = renderer.validate() {
            report(&fault);
        }
        self.with_renderer(Arc::new(renderer))
    }

    /// The same, with a renderer that was validated.
    pub(crate) fn with_renderer(self, renderer: Arc<dyn Renderer>) -> Self {
        self.changed(|inner| inner.renderer = renderer)
    }

    /// Answers browsers with pages: the same as [`renderer`](Self::renderer) with [`Pages`]. A
    /// string is the path of the sign-in page.
    #[must_use]
    pub fn pages(self, pages: impl Into<Pages>) -> Self {
        self.renderer(pages.into())
    }

    /// Adds a requirement: requests must meet it too, and must be authenticated.
    #[must_use]
    pub fn and(self, requirement: Requirement) -> Self {
        let joined = self.inner.requirement.clone().and(requirement);
        report_fault(&joined);
        let Inner { provider, declaration, .. } = &*self.inner;
        let declared = provider.declare(declaration.with_access(Access::Required(joined.clone())));
        self.changed(|inner| {
            inner.requirement = joined;
            inner.admits = Admits::Users;
            inner.declaration = declared;
        })
    }

    /// Returns the requirement, which applies to authenticated requests.
    #[must_use]
    pub fn requirement(&self) -> &Requirement {
        &self.inner.requirement
    }

    /// Returns whether requests without a credential are admitted as well as users, as by
    /// [`visitor`](Self::visitor).
    #[must_use]
    pub fn is_optional(&self) -> bool {
        matches!(self.inner.admits, Admits::Everybody)
    }

    /// Returns which requests are admitted, as documents and audits show it.
    #[must_use]
    pub fn access(&self) -> Access {
        match self.inner.admits {
            Admits::Users => Access::Required(self.inner.requirement.clone()),
            Admits::Everybody => Access::Optional,
            Admits::Guests(_) => Access::Guests,
            Admits::Unseen => Access::Open,
        }
    }

    /// Returns the entry for audits. Groups add their routes to it.
    #[must_use]
    pub fn declaration(&self) -> &Arc<Declaration> {
        &self.inner.declaration
    }

    /// Returns the provider of the users whom this guard admits.
    #[must_use]
    pub fn provider(&self) -> &AuthProvider<U> {
        &self.inner.provider
    }

    /// Reads the credential of a request, and verifies its token. `earlier` is what an outer guard
    /// has granted to the same request; if that belongs to the same provider, nothing is verified
    /// or loaded again.
    pub fn read(&self, head: &dyn RequestHead, earlier: Option<&Granted<U>>) -> Presented<U> {
        if self.inner.is_misread {
            return self.inner.provider.refused(Rejection::AmbiguousPath);
        }
        if self.is_optional() {
            return self.inner.provider.read_again(head, earlier);
        }
        // TRACE echoes headers, and CONNECT asks for a tunnel: no handler behind a guard should
        // answer them. A WebSocket over HTTP/2 uses CONNECT too, and is a request like its
        // handshake over HTTP/1.1.
        if matches!(head.method(), "TRACE" | "CONNECT") && !is_websocket_connect(head) {
            return self.inner.provider.refused(Rejection::MethodNotAllowed { allow: METHODS });
        }
        if path::canonical(head.path(), self.inner.provider.allowed_in_path()).is_none() {
            return self.inner.provider.refused(Rejection::AmbiguousPath);
        }
        if matches!(self.inner.admits, Admits::Unseen) {
            return self.inner.provider.read_nothing();
        }
        self.inner.provider.read_again(head, earlier)
    }

    /// Decides whether the request is admitted; where a user is optional, also without one. A
    /// [browser session](crate::transport::SessionCookie) is extended by it.
    ///
    /// The body is not read, so a CSRF token in a form counts as missing. Adapters call
    /// [`enter_reading`](Self::enter_reading).
    ///
    /// # Errors
    /// The [`Rejection`] to answer with; [`refuse`](Self::refuse) turns it into a response.
    pub async fn enter(&self, presented: Presented<U>) -> Result<Entered<U>, Rejection> {
        self.enter_reading(presented, |_| std::future::ready(Ok(NO_FORM))).await
    }

    /// Like [`enter`](Self::enter), but looks for the [CSRF
    /// token](crate::AuthProviderBuilder::csrf_tokens) in the form if it can be nowhere else and
    /// the request meets the requirement. Adapters call this.
    ///
    /// `read` is called in that case only. It must read the whole body, give up with
    /// [`BodyError::TooLarge`](crate::routes::BodyError::TooLarge) if the body is longer than the
    /// limit passed to it, in bytes, and put what it has read back in place of the body, so that
    /// the handler finds it unchanged. It is cancelled after the provider's
    /// [`body_timeout`](crate::AuthProviderBuilder::body_timeout).
    ///
    /// # Errors
    /// The [`Rejection`] to answer with; [`refuse`](Self::refuse) turns it into a response.
    pub async fn enter_reading<F, B>(
        &self,
        presented: Presented<U>,
        read: impl FnOnce(usize) -> F,
    ) -> Result<Entered<U>, Rejection>
    where
        F: Future<Output = Result<B, BodyError>>,
        B: AsRef<[u8]>,
    {
        let Inner { provider, requirement, .. } = &*self.inner;
        match &self.inner.admits {
            Admits::Users => provider.enter_user(presented, requirement, read).await,
            Admits::Everybody => provider.enter_visitor(presented, read).await,
            Admits::Unseen => provider.enter_unseen(presented),
            Admits::Guests(home) => {
                if let Some(fault) = &home.fault {
                    let mistake = Misconfigured::Requirement(fault.clone());
                    return Err(Rejection::Misconfigured(mistake));
                }
                provider.enter_guest(presented).await
            }
        }
    }

    /// Returns the visitor that a guard for [visitors](Self::visitor) has admitted, to be kept with
    /// the request for templates; `None` for every other guard.
    #[must_use]
    pub fn greet(&self, entered: &Entered<U>) -> Option<Visitor<U>> {
        self.is_optional().then(|| self.inner.provider.visitor(entered.granted()))
    }

    /// Admits only users who meet the requirement. Adapters call
    /// [`enter_reading`](Self::enter_reading), which also admits visitors and guests, extends
    /// sessions and finds the CSRF token of a form.
    ///
    /// # Errors
    /// The [`Rejection`] to answer with; [`refuse`](Self::refuse) turns it into a response.
    pub async fn check(&self, presented: Presented<U>) -> Result<Granted<U>, Rejection> {
        let granted = self.inner.provider.check(presented, &self.inner.requirement).await?;
        if matches!(self.inner.admits, Admits::Guests(_)) { Err(Rejection::GuestsOnly) } else { Ok(granted) }
    }

    /// Returns whether an adapter must keep the headers of an admitted request, because a rejection
    /// that the handler may return is rendered from them. The renderers of this crate do not need
    /// them, unless there are trusted proxies.
    #[must_use]
    pub fn refusals_read_headers(&self) -> bool {
        self.inner.renderer.reads_headers() || self.inner.provider.has_trusted_proxies()
    }

    /// The body of this guard's rejections, for documents.
    #[cfg(feature = "openapi")]
    pub(crate) fn describe_refusals(&self) -> Option<RefusalBody> {
        self.inner.renderer.describe()
    }

    /// Turns a rejection returned by a handler behind this guard into a response; see
    /// [`AuthProvider::refuse_in_handler`].
    pub fn refuse_in_handler(&self, rejection: &Rejection, head: &dyn RequestHead) -> Reply {
        self.inner.provider.refuse_in_handler_as(rejection, head, &*self.inner.renderer)
    }

    /// Turns a rejection into a response.
    pub fn refuse(&self, rejection: &Rejection, head: &dyn RequestHead) -> Reply {
        match (&self.inner.admits, rejection) {
            (Admits::Guests(home), Rejection::GuestsOnly) => {
                let to_home = ToHome { home: home.target.clone(), calls: Arc::clone(&self.inner.renderer) };
                self.inner.provider.refuse_as(rejection, head, &to_home)
            }
            _ => self.inner.provider.refuse_as(rejection, head, &*self.inner.renderer),
        }
    }
}

impl<U: AuthUser> Stages<U> {
    /// The same limits, counted by the provider that a switch has set.
    fn made_for(&self, current: &AuthProvider<U>) -> Self {
        let made = |limiter: &Limiter<U>| limiter.made_for(current);
        Self { before: self.before.as_ref().map(made), after: self.after.as_ref().map(made) }
    }
}

/// Redirects browsers of signed-in users away from a page for guests.
struct ToHome {
    home: LocalTarget,
    calls: Arc<dyn Renderer>,
}

impl ToHome {
    fn target(&self, head: &dyn RequestHead) -> Option<LocalTarget> {
        if !RequestKind::of(head).is_navigation() {
            return None;
        }
        // Never redirects a page to itself.
        let leads_away = |target: &LocalTarget| target.path() != head.path();
        let next = LocalTarget::from_query(head.query(), NEXT).filter(leads_away);
        next.or_else(|| Some(self.home.clone()).filter(leads_away))
    }
}

impl Renderer for ToHome {
    fn render(&self, rejection: &Rejection, head: &dyn RequestHead) -> Reply {
        self.target(head).map_or_else(|| self.calls.render(rejection, head), |target| target.see_other())
    }

    fn try_render(&self, rejection: &Rejection, head: &dyn RequestHead) -> Result<Reply, BoxError> {
        match self.target(head) {
            Some(target) => Ok(target.see_other()),
            None => self.calls.try_render(rejection, head),
        }
    }
}

fn report_fault(requirement: &Requirement) {
    if let Some(fault) = requirement.fault() {
        tracing::error!(
            target: "fauth",
            event = "impossible_requirement",
            error = %fault,
            "this guard refuses every request",
        );
    }
}

pub(crate) fn report(fault: &ConfigError) {
    tracing::error!(
        target: "fauth",
        event = "impossible_setting",
        error = %fault,
        "a setting of this guard is invalid: requests that depend on it are refused",
    );
}

impl<U> Clone for Guard<U> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<U> fmt::Debug for Guard<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("requirement", &self.inner.requirement)
            .field("admits", &self.inner.admits)
            .finish_non_exhaustive()
    }
}
