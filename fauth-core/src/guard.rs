//! A guard: a provider, a requirement, and the form of the refusal. What every adapter puts in front of a route.

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

/// A form without any field.
const NO_FORM: &[u8] = &[];

const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/// Decides for a route or a group of routes who may enter. Adapters wrap it in their framework's middleware and decide nothing themselves.
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
    /// One pointer: adapters clone a guard for each request.
    inner: Arc<Inner<U>>,
}

struct Inner<U> {
    provider: AuthProvider<U>,
    requirement: Requirement,
    renderer: Arc<dyn Renderer>,
    admits: Admits,
    /// Keeps it in the provider's list for audits. No request looks at it.
    declaration: Arc<Declaration>,
    limits: Option<Arc<Stages<U>>>,
    /// What it is with the provider that a switch has set: made at the first request, and again
    /// when another one is set.
    switched: RwLock<Option<Guard<U>>>,
    /// The provider of the switch that this one was made for.
    pin: Option<Pinned<U>>,
    /// It was made for one request that began without a provider, and no provider that is set in
    /// the meantime decides about that request.
    is_final: bool,
    /// Of a request whose path the router reads differently from the rules.
    is_misread: bool,
}

/// The limits of a guard: before anything is read of a request, and after it was let in.
struct Stages<U> {
    before: Option<Limiter<U>>,
    after: Option<Limiter<U>>,
}

/// Whom a guard lets in.
#[derive(Debug, Clone)]
enum Admits {
    /// Users who meet the requirement.
    Users,
    /// Them, and whoever presents nothing.
    Everybody,
    /// Only whoever presents nothing.
    Guests(Home),
    /// Everybody, without a look at what is presented.
    Unseen,
}

/// Where users are sent who come to a page for guests.
#[derive(Debug, Clone)]
struct Home {
    target: LocalTarget,
    fault: Option<ConfigError>,
}

impl<U: AuthUser> Guard<U> {
    /// A guard that lets in whoever meets `requirement`.
    ///
    /// An impossible requirement is reported to the log here, and refuses every request with 500; see [`Requirement::validate`].
    #[must_use]
    #[track_caller]
    pub fn new(provider: &AuthProvider<U>, requirement: Requirement) -> Self {
        report_fault(&requirement);
        let declared = provider.declare(Declaration::of_guard(Access::Required(requirement.clone())));
        Self::with(provider, requirement, Arc::clone(provider.renderer()), Admits::Users, declared)
    }

    /// A guard for a group of routes, that lets in known and active users; [`and`](Self::and) asks
    /// for more. Audits list it as a group.
    ///
    /// `prefix` is the path of the group, if it knows that by itself; otherwise it is empty, and
    /// the group lies where it is mounted.
    #[must_use]
    #[track_caller]
    pub fn group(provider: &AuthProvider<U>, prefix: &str) -> Self {
        let requirement = Requirement::user();
        let access = Access::Required(requirement.clone());
        let declared = provider.declare(Declaration::of_group(access, prefix));
        Self::with(provider, requirement, Arc::clone(provider.renderer()), Admits::Users, declared)
    }

    /// A guard for what everybody may see, users and visitors: it lets in whoever presents nothing,
    /// and an active user. A bad credential is refused; a dead cookie counts as none and is
    /// deleted, as extractors cannot do.
    ///
    /// It takes paths and methods as they come: it keeps nobody out because of them.
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

    /// A guard for what only guests may see: the sign-in page, the registration. It lets in whoever
    /// presents nothing, or nothing but a dead cookie, which is deleted.
    ///
    /// A signed-in user is refused with [`Rejection::GuestsOnly`]:
    /// - a page and a form (see [`RequestKind`]) are answered by 303 to the `next` of the request's
    ///   query, if it is a [`LocalTarget`], else to [`home`](Self::home). The body of a form is not
    ///   read: a sign-in form that was left open in another tab signs nobody else in. To let users
    ///   change accounts, guard the page alone and not what its form is sent to.
    /// - calls of scripts, and everything with an `Authorization` header, are answered by 403.
    ///
    /// Any other bad credential is refused as by any guard.
    #[must_use]
    #[track_caller]
    pub fn guests(provider: &AuthProvider<U>) -> Self {
        let declared = provider.declare(Declaration::of_guard(Access::Guests));
        let home = Home { target: LocalTarget::root(), fault: None };
        let renderer = Arc::clone(provider.renderer());
        Self::with(provider, Requirement::user(), renderer, Admits::Guests(home), declared)
    }

    /// A guard of the rules of an application, which are listed by `declaration` all together.
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

    /// Is it one for [guests](Self::guests)?
    pub(crate) fn is_for_guests(&self) -> bool {
        matches!(self.inner.admits, Admits::Guests(_))
    }

    /// Sends users who come to a page for [guests](Self::guests) to this path, unless the request's
    /// query has a `next`. Default: `/`.
    ///
    /// A path that is no [`LocalTarget`] is reported to the log, and every request is refused with
    /// 500. Guards that let users in send nobody away: there it is reported to the log and has no
    /// effect.
    #[must_use]
    pub fn home(self, path: impl AsRef<str>) -> Self {
        let Admits::Guests(home) = &self.inner.admits else {
            let problem = "`home` is for guards that let in guests only";
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

    /// The same with a change, for whatever provider decides: all that is not changed stays.
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

    /// Puts a limit in front of what is guarded: `"5/minute"`, or a
    /// [`Limit`](crate::limit::Limit). One by address counts before anything is read of a
    /// request, one by user after the user was let in. Several are all asked.
    ///
    /// What is no limit is reported to the log, and every request is refused with 500.
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

    /// Does it limit anything? If not, adapters need not ask.
    #[must_use]
    pub fn is_limited(&self) -> bool {
        self.inner.limits.is_some()
    }

    /// Asks the limits that count before anything is read of the request.
    pub fn ask_before(&self, head: &dyn RequestHead) -> Asked<U> {
        let limiter = self.inner.limits.as_ref().and_then(|limits| limits.before.as_ref());
        limiter.map_or_else(Asked::nothing, |limiter| limiter.ask(head, None))
    }

    /// Asks the limits that count requests which were let in. `granted` is whom
    /// [`enter`](Self::enter) has let in.
    pub fn ask_after(&self, head: &dyn RequestHead, granted: Option<&Granted<U>>) -> Asked<U> {
        let limiter = self.inner.limits.as_ref().and_then(|limits| limits.after.as_ref());
        limiter.map_or_else(Asked::nothing, |limiter| limiter.ask(head, granted))
    }

    /// The answer to a request that a limit has refused, in the form of this guard.
    pub fn refuse_limited(&self, limited: &Limited, head: &dyn RequestHead) -> Reply {
        limited.reply(&self.inner.provider, head, &*self.inner.renderer)
    }

    /// Its limits, for documents.
    #[cfg(feature = "openapi")]
    pub(crate) fn limits(&self) -> impl Iterator<Item = &Limit> {
        let limits = self.inner.limits.iter().flat_map(|limits| [&limits.before, &limits.after]);
        limits.flatten().flat_map(Limiter::limits)
    }

    /// The guard that decides about one request, from its beginning to its end: this one, or, if
    /// its provider stands for that of a [switch](crate::AuthSwitch), the same with the provider
    /// with which the request began, or which is set now.
    ///
    /// ```
    /// # use fauth_core::{AuthUser, Guard, Pinned};
    /// # fn example<U: AuthUser>(
    /// #     guard: Guard<U>, kept_with_the_request: impl Fn() -> Option<Pinned<U>>,
    /// # ) {
    /// let guard = guard.for_request(kept_with_the_request);
    /// // `read`, `enter` and the rest of it; what is further in finds `guard.pin()`
    /// # }
    /// ```
    pub fn for_request(&self, pinned: impl FnOnce() -> Option<Pinned<U>>) -> Cow<'_, Self> {
        let provider = &self.inner.provider;
        if self.inner.is_final || !provider.is_switched() {
            return Cow::Borrowed(self);
        }
        self.with_current(&provider.clone().for_request(pinned))
    }

    /// The same, with the provider that was found to decide about the request.
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
        // What was taken over from the provider is taken from the new one.
        let is_own = !Arc::ptr_eq(renderer, provider.renderer());
        let renderer = if is_own { renderer } else { current.renderer() };
        self.changed(|inner| {
            inner.provider = current.clone();
            inner.renderer = Arc::clone(renderer);
            inner.limits = limits.as_ref().map(|limits| Arc::new(limits.made_for(current)));
            inner.pin = current.pinned(provider);
        })
    }

    /// For everybody, as long as no provider is set. Visitors go on being visitors.
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

    /// The guard of a request that two guards of rules are about: both requirements must be met.
    pub(crate) fn also_asking(&self, requirement: &Requirement) -> Self {
        let both = self.inner.requirement.clone().and_by_itself(requirement.clone());
        self.changed(|inner| {
            inner.requirement = both;
            inner.admits = Admits::Users;
        })
    }

    /// The provider of a switch with which this guard decides, for whatever is further in: adapters
    /// keep it with the request.
    #[must_use]
    pub fn pin(&self) -> Option<Pinned<U>> {
        self.inner.pin.clone()
    }

    /// Gives the refusals of this guard a form of their own.
    #[must_use]
    pub fn renderer(self, renderer: impl Renderer) -> Self {
        if let Err(fault) = renderer.validate() {
            report(&fault);
        }
        self.with_renderer(Arc::new(renderer))
    }

    /// The same, of one that was looked at.
    pub(crate) fn with_renderer(self, renderer: Arc<dyn Renderer>) -> Self {
        self.changed(|inner| inner.renderer = renderer)
    }

    /// Answers browsers with pages: the same as [`renderer`](Self::renderer) with [`Pages`]. A text
    /// is the path of the sign-in page.
    #[must_use]
    pub fn pages(self, pages: impl Into<Pages>) -> Self {
        self.renderer(pages.into())
    }

    /// Asks for more: whoever enters must meet `requirement` too, and be somebody.
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

    /// What this guard asks for, of whoever is somebody.
    #[must_use]
    pub fn requirement(&self) -> &Requirement {
        &self.inner.requirement
    }

    /// Does it let in whoever presents nothing, as [`visitor`](Self::visitor) does?
    #[must_use]
    pub fn is_optional(&self) -> bool {
        matches!(self.inner.admits, Admits::Everybody)
    }

    /// Whom it lets in, as documents and audits show it.
    #[must_use]
    pub fn access(&self) -> Access {
        match self.inner.admits {
            Admits::Users => Access::Required(self.inner.requirement.clone()),
            Admits::Everybody => Access::Optional,
            Admits::Guests(_) => Access::Guests,
            Admits::Unseen => Access::Open,
        }
    }

    /// What audits list of it. Groups tell it their routes.
    #[must_use]
    pub fn declaration(&self) -> &Arc<Declaration> {
        &self.inner.declaration
    }

    /// Whose users it lets in.
    #[must_use]
    pub fn provider(&self) -> &AuthProvider<U> {
        &self.inner.provider
    }

    /// Reads what the request presents, and verifies its token. `earlier` is what a guard further out has granted to the same request; if that was of the same
    /// provider, nothing is verified or loaded again.
    pub fn read(&self, head: &dyn RequestHead, earlier: Option<&Granted<U>>) -> Presented<U> {
        if self.inner.is_misread {
            return self.inner.provider.refused(Rejection::AmbiguousPath);
        }
        if self.is_optional() {
            return self.inner.provider.read_again(head, earlier);
        }
        // TRACE echoes headers, CONNECT asks for a tunnel: no handler behind a guard is meant to answer them.
        // A WebSocket over HTTP/2 comes by CONNECT too, and is a request like its handshake over
        // HTTP/1.1.
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

    /// Lets the request in, or not; where a user is optional, also without one. A [browser
    /// session](crate::transport::SessionCookie) is carried on by it.
    ///
    /// No body is read: a CSRF token that could only be in a form is missing. Adapters call
    /// [`enter_reading`](Self::enter_reading).
    ///
    /// # Errors
    /// The [`Rejection`] to answer with; [`refuse`](Self::refuse) makes the answer.
    pub async fn enter(&self, presented: Presented<U>) -> Result<Entered<U>, Rejection> {
        self.enter_reading(presented, |_| std::future::ready(Ok(NO_FORM))).await
    }

    /// As [`enter`](Self::enter), and looks for the [CSRF
    /// token](crate::AuthProviderBuilder::csrf_tokens) of the request in its form, if it can be
    /// nowhere else and whoever sends it may enter. What adapters call.
    ///
    /// `read` is called in that case only. It reads the body to its end, gives it up with
    /// [`BodyError::TooLarge`](crate::routes::BodyError::TooLarge) if it is longer than the limit
    /// that it is told, in bytes, and puts what it has read in the place of the body, so that the
    /// handler finds it unchanged. It is stopped after the provider's
    /// [`body_timeout`](crate::AuthProviderBuilder::body_timeout).
    ///
    /// # Errors
    /// The [`Rejection`] to answer with; [`refuse`](Self::refuse) makes the answer.
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

    /// Whom a guard for [visitors](Self::visitor) has let in, to be kept with the request for
    /// templates; `None` of every other guard.
    #[must_use]
    pub fn greet(&self, entered: &Entered<U>) -> Option<Visitor<U>> {
        self.is_optional().then(|| self.inner.provider.visitor(entered.granted()))
    }

    /// Lets a user in who meets the requirement, and nobody else. Adapters call
    /// [`enter_reading`](Self::enter_reading), which also lets visitors and guests in, carries
    /// sessions on and finds the CSRF token of a form.
    ///
    /// # Errors
    /// The [`Rejection`] to answer with; [`refuse`](Self::refuse) makes the answer.
    pub async fn check(&self, presented: Presented<U>) -> Result<Granted<U>, Rejection> {
        let granted = self.inner.provider.check(presented, &self.inner.requirement).await?;
        if matches!(self.inner.admits, Admits::Guests(_)) { Err(Rejection::GuestsOnly) } else { Ok(granted) }
    }

    /// Must an adapter keep the headers of a request that it lets in, because a refusal that the
    /// handler may return is written by them? Not for the forms of the core.
    #[must_use]
    pub fn refusals_read_headers(&self) -> bool {
        self.inner.renderer.reads_headers() || self.inner.provider.has_trusted_proxies()
    }

    /// The body of the refusals of this guard, for documents.
    #[cfg(feature = "openapi")]
    pub(crate) fn describe_refusals(&self) -> Option<RefusalBody> {
        self.inner.renderer.describe()
    }

    /// The answer to what a handler behind this guard has returned; see
    /// [`AuthProvider::refuse_in_handler`].
    pub fn refuse_in_handler(&self, rejection: &Rejection, head: &dyn RequestHead) -> Reply {
        self.inner.provider.refuse_in_handler_as(rejection, head, &*self.inner.renderer)
    }

    /// The answer to a refused request.
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
    /// The same, counted by the provider that a switch has set.
    fn made_for(&self, current: &AuthProvider<U>) -> Self {
        let made = |limiter: &Limiter<U>| limiter.made_for(current);
        Self { before: self.before.as_ref().map(made), after: self.after.as_ref().map(made) }
    }
}

/// Sends browsers of users away from a page for guests.
struct ToHome {
    home: LocalTarget,
    calls: Arc<dyn Renderer>,
}

impl ToHome {
    fn target(&self, head: &dyn RequestHead) -> Option<LocalTarget> {
        if !RequestKind::of(head).is_navigation() {
            return None;
        }
        // Never from a page to itself.
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
        "a setting of this guard cannot work: what depends on it is refused",
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
