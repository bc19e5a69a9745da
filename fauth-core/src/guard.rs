//! A guard: a provider, a requirement, and the form of the refusal. What every adapter puts in front of a route.

use std::{fmt, sync::Arc};

#[cfg(feature = "openapi")]
use crate::rejection::RefusalBody;
use crate::{
    access::Access,
    audit::Declaration,
    path,
    provider::{AuthProvider, Entered, Granted, Presented},
    rejection::{Rejection, Renderer},
    reply::Reply,
    request::{RequestHead, is_websocket_connect},
    requirement::Requirement,
    user::AuthUser,
};

const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/// Decides for a route or a group of routes who may enter. Adapters wrap it in their framework's middleware and decide nothing themselves.
///
/// ```
/// # use fauth_core::{reply::Reply, request::RequestHead, AuthUser, Guard, Requirement};
/// # async fn middleware<U: AuthUser>(guard: Guard<U>, head: impl RequestHead, next: impl Fn() -> Reply) -> Reply {
/// let presented = guard.read(&head, None);      // borrows the request
/// match guard.check(presented).await {          // owns everything it needs
///     Ok(granted) => next(),                    // plus what `granted.demands()`
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
    /// Does it let in whoever presents nothing?
    is_optional: bool,
    /// Keeps it in the provider's list for audits. No request looks at it.
    declaration: Arc<Declaration>,
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
        Self::with(provider, requirement, Arc::clone(provider.renderer()), false, declared)
    }

    /// A guard for a group of routes, that lets in known and active users; [`and`](Self::and) asks
    /// for more. Audits list it as a group.
    ///
    /// `prefix` is the path of the group, if it knows that by itself; otherwise it is empty, and the
    /// group lies where it is mounted.
    #[must_use]
    #[track_caller]
    pub fn group(provider: &AuthProvider<U>, prefix: &str) -> Self {
        let requirement = Requirement::user();
        let access = Access::Required(requirement.clone());
        let declared = provider.declare(Declaration::of_group(access, prefix));
        Self::with(provider, requirement, Arc::clone(provider.renderer()), false, declared)
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
        Self::with(provider, Requirement::user(), Arc::clone(provider.renderer()), true, declared)
    }

    fn with(
        provider: &AuthProvider<U>,
        requirement: Requirement,
        renderer: Arc<dyn Renderer>,
        is_optional: bool,
        declaration: Arc<Declaration>,
    ) -> Self {
        let provider = provider.clone();
        Self { inner: Arc::new(Inner { provider, requirement, renderer, is_optional, declaration }) }
    }

    /// Gives the refusals of this guard a form of their own.
    #[must_use]
    pub fn renderer(self, renderer: impl Renderer) -> Self {
        let Inner { provider, requirement, is_optional, declaration, .. } = &*self.inner;
        let declared = Arc::clone(declaration);
        Self::with(provider, requirement.clone(), Arc::new(renderer), *is_optional, declared)
    }

    /// Asks for more: whoever enters must meet `requirement` too, and be somebody.
    #[must_use]
    pub fn and(self, requirement: Requirement) -> Self {
        let joined = self.inner.requirement.clone().and(requirement);
        report_fault(&joined);
        let Inner { provider, renderer, declaration, .. } = &*self.inner;
        let declared = provider.declare(declaration.with_access(Access::Required(joined.clone())));
        Self::with(provider, joined, Arc::clone(renderer), false, declared)
    }

    /// What this guard asks for, of whoever is somebody.
    #[must_use]
    pub fn requirement(&self) -> &Requirement {
        &self.inner.requirement
    }

    /// Does it let in whoever presents nothing, as [`visitor`](Self::visitor) does?
    #[must_use]
    pub fn is_optional(&self) -> bool {
        self.inner.is_optional
    }

    /// Whom it lets in, as documents and audits show it.
    #[must_use]
    pub fn access(&self) -> Access {
        if self.inner.is_optional {
            return Access::Optional;
        }
        Access::Required(self.inner.requirement.clone())
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
        if self.inner.is_optional {
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
        self.inner.provider.read_again(head, earlier)
    }

    /// Lets the request in, or not; where a user is optional, also without one. What adapters call.
    /// A [browser session](crate::transport::SessionCookie) is carried on by it.
    ///
    /// # Errors
    /// The [`Rejection`] to answer with; [`refuse`](Self::refuse) makes the answer.
    pub async fn enter(&self, presented: Presented<U>) -> Result<Entered<U>, Rejection> {
        if self.inner.is_optional {
            return self.inner.provider.enter_visitor(presented).await;
        }
        let is_first = !presented.is_granted();
        let granted = self.check(presented).await?;
        if is_first && granted.is_browser_session() {
            Box::pin(self.inner.provider.carry_on(&granted)).await?;
        }
        Ok(granted.into())
    }

    /// Lets a user in who meets the requirement, and nobody else.
    ///
    /// # Errors
    /// The [`Rejection`] to answer with; [`refuse`](Self::refuse) makes the answer.
    pub async fn check(&self, presented: Presented<U>) -> Result<Granted<U>, Rejection> {
        self.inner.provider.check(presented, &self.inner.requirement).await
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
        self.inner.provider.refuse_as(rejection, head, &*self.inner.renderer)
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

impl<U> Clone for Guard<U> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<U> fmt::Debug for Guard<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("requirement", &self.inner.requirement).finish_non_exhaustive()
    }
}
