//! Path rules in front of an application: which guard a request must pass.

use std::{borrow::Cow, fmt, sync::Arc};

use crate::{
    access::{Access, strictness::Stricter},
    audit::Declaration,
    guard::{Guard, report},
    path,
    provider::{AuthProvider, Pinned},
    rejection::{Pages, Renderer},
    request::{RequestHead, is_websocket_connect},
    rules::{Decided, Explanation, RouteRules},
    user::AuthUser,
};

/// A provider and its [`RouteRules`]: selects the guard that a request must pass. Adapters wrap it
/// in their framework's middleware, which uses that guard like any other.
///
/// ```
/// # use fauth_core::{reply::Reply, request::RequestHead, AuthUser, Protection};
/// # async fn middleware<U: AuthUser>(
/// #     rules: Protection<U>, head: impl RequestHead, next: impl Fn() -> Reply,
/// # ) -> Reply {
/// let guard = rules.guard(&head, || None);
/// let presented = guard.read(&head, None);
/// match guard.enter(presented).await {
///     Ok(entered) => next(), // plus the demands of `entered.into_parts()`
///     Err(rejection) => guard.refuse(&rejection, &head),
/// }
/// # }
/// ```
pub struct Protection<U> {
    /// A single pointer, because frameworks clone middlewares.
    inner: Arc<Inner<U>>,
}

struct Inner<U> {
    provider: AuthProvider<U>,
    rules: RouteRules,
    /// One for each decision of the rules, in their order.
    guards: Box<[Guard<U>]>,
    /// The guard of requests that no rule matches.
    default: Guard<U>,
}

impl<U: AuthUser> Protection<U> {
    /// Applies rules to an application whose users belong to this provider.
    #[must_use]
    #[track_caller]
    pub fn new(provider: &AuthProvider<U>, rules: RouteRules) -> Self {
        let declaration = provider.declare(Declaration::of_rules(&rules));
        let guards: Box<[_]> =
            rules.accesses().map(|access| Guard::of_rule(provider, access, &declaration)).collect();
        Self::with(provider, rules, guards, &declaration)
    }

    fn with(
        provider: &AuthProvider<U>,
        rules: RouteRules,
        guards: Box<[Guard<U>]>,
        declaration: &Arc<Declaration>,
    ) -> Self {
        let by_default = rules.decided_by_default();
        let default = guards.get(by_default.index()).cloned();
        let default =
            default.unwrap_or_else(|| Guard::of_rule(provider, rules.access_of(by_default), declaration));
        Self { inner: Arc::new(Inner { provider: provider.clone(), rules, guards, default }) }
    }

    fn map(self, change: impl Fn(Guard<U>) -> Guard<U>) -> Self {
        let Inner { provider, rules, guards, .. } = &*self.inner;
        let guards = guards.iter().cloned().map(change).collect();
        Self::with(provider, rules.clone(), guards, self.declaration())
    }

    /// Sets the renderer for rejections by all rules.
    #[must_use]
    pub fn renderer(self, renderer: impl Renderer) -> Self {
        if let Err(fault) = renderer.validate() {
            report(&fault);
        }
        let renderer: Arc<dyn Renderer> = Arc::new(renderer);
        self.map(|guard| guard.with_renderer(Arc::clone(&renderer)))
    }

    /// Answers browsers with pages: the same as [`renderer`](Self::renderer) with [`Pages`]. A
    /// string is the path of the sign-in page. The rules must leave that page open, for example to
    /// [`guests`](crate::rules::RouteRulesBuilder::guests).
    #[must_use]
    pub fn pages(self, pages: impl Into<Pages>) -> Self {
        self.renderer(pages.into())
    }

    /// Sets the path to which users are redirected from pages for
    /// [guests](crate::rules::RouteRulesBuilder::guests); see [`Guard::home`].
    #[must_use]
    pub fn home(self, path: impl AsRef<str>) -> Self {
        let path = path.as_ref();
        if !self.inner.guards.iter().any(Guard::is_for_guests) {
            let problem = "`home` has no effect, because no rule is for guests only";
            tracing::error!(target: "fauth", event = "setting_without_effect", "{problem}");
        }
        self.map(|guard| if guard.is_for_guests() { guard.home(path) } else { guard })
    }

    /// Returns the guard that this request must pass. A request with the method TRACE or CONNECT,
    /// or whose path can be misread, gets a guard that refuses it. If the provider is that of a
    /// switch, the guard decides with the provider that is `pinned` for the request, or else with
    /// the one that is set; see [`Guard::for_request`].
    #[must_use]
    pub fn guard(
        &self,
        head: &dyn RequestHead,
        pinned: impl FnOnce() -> Option<Pinned<U>>,
    ) -> Cow<'_, Guard<U>> {
        let provider = &self.inner.provider;
        if !provider.is_switched() {
            return self.guard_of(head, provider);
        }
        let current = provider.clone().for_request(pinned);
        match self.guard_of(head, &current) {
            Cow::Borrowed(guard) => guard.with_current(&current),
            Cow::Owned(guard) => Cow::Owned(guard.with_current(&current).into_owned()),
        }
    }

    fn guard_of(&self, head: &dyn RequestHead, current: &AuthProvider<U>) -> Cow<'_, Guard<U>> {
        let Inner { rules, default, .. } = &*self.inner;
        // Over HTTP/1.1 the same handshake is a GET.
        let method = if is_websocket_connect(head) { "GET" } else { head.method() };
        if matches!(method, "TRACE" | "CONNECT") {
            return Cow::Borrowed(default);
        }
        if !path::is_rest(head.routed_path(), head.path()) {
            return Cow::Owned(default.misread());
        }
        match path::canonical(head.path(), current.allowed_in_path()) {
            Some(Cow::Borrowed(path)) => Cow::Borrowed(self.guard_for(rules.decide(method, path))),
            Some(Cow::Owned(path)) => {
                let decided = rules.decide(method, &path);
                let others = path::other_readings(head.path(), current.allowed_in_path());
                self.stricter(decided, others.map(|reading| rules.decide(method, &reading)))
            }
            None => Cow::Borrowed(default),
        }
    }

    /// The guard for a path that routers read differently, because they decode more or less of it:
    /// the strictest, so that no reading reaches a route that the rules have closed.
    fn stricter(&self, mut decided: Decided, others: impl Iterator<Item = Decided>) -> Cow<'_, Guard<U>> {
        let rules = &self.inner.rules;
        let mut joined: Option<Guard<U>> = None;
        for other in others {
            let more = rules.access_of(other);
            match Stricter::of(rules.access_of(decided), more) {
                Stricter::First => {}
                Stricter::Second if joined.is_none() => decided = other,
                Stricter::Second | Stricter::Both => {
                    if let Access::Required(more) = more {
                        let asked = joined.as_ref().unwrap_or_else(|| self.guard_for(decided));
                        joined = Some(asked.also_asking(more));
                    }
                }
            }
        }
        joined.map_or_else(|| Cow::Borrowed(self.guard_for(decided)), Cow::Owned)
    }

    fn guard_for(&self, decided: Decided) -> &Guard<U> {
        self.inner.guards.get(decided.index()).unwrap_or(&self.inner.default)
    }

    /// The guard of a route whose path has parameters in braces, for documents.
    #[cfg(feature = "openapi")]
    pub(crate) fn guard_of_route(&self, method: &str, route: &str) -> &Guard<U> {
        let Inner { rules, guards, default, .. } = &*self.inner;
        guards.get(rules.decide_route(method, route).index()).unwrap_or(default)
    }

    /// Explains which rule decides about requests for this path, as a client writes it, and why.
    /// Like [`RouteRules::explain`], with the characters that the provider
    /// [allows](crate::AuthProviderBuilder::danger_allow_in_path).
    #[must_use]
    pub fn explain(&self, method: &str, path: &str) -> Explanation {
        let Inner { provider, rules, .. } = &*self.inner;
        rules.explain_allowing(method, path, provider.current().allowed_in_path())
    }

    /// Returns the rules.
    #[must_use]
    pub fn rules(&self) -> &RouteRules {
        &self.inner.rules
    }

    /// Returns the provider of the users to whom the rules apply.
    #[must_use]
    pub fn provider(&self) -> &AuthProvider<U> {
        &self.inner.provider
    }

    /// Returns the entry of the rules for audits.
    #[must_use]
    pub fn declaration(&self) -> &Arc<Declaration> {
        self.inner.default.declaration()
    }
}

impl<U> Clone for Protection<U> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<U> fmt::Debug for Protection<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Protection").field("rules", &self.inner.rules).finish_non_exhaustive()
    }
}
