//! A limit applied to routes: the provider, one or more limits, and the renderer of refusals. Every
//! adapter places it in front of routes.

use std::{
    borrow::Cow,
    fmt,
    panic::Location,
    sync::{Arc, PoisonError, RwLock},
};

#[cfg(feature = "openapi")]
use crate::rejection::RefusalBody;
use crate::{
    audit::Declaration,
    demands::Demands,
    error::ConfigError,
    limit::{IntoLimit, Limit, policy_field, seconds, state_field},
    provider::{AuthProvider, Granted, LimitScopes, Pinned},
    rejection::{Misconfigured, Rejection, Renderer},
    reply::{Reply, ResponseHeader},
    request::RequestHead,
    store::{CounterKey, Taken},
    user::AuthUser,
};

/// Counts requests and refuses those beyond a limit. Adapters wrap it in their framework's
/// middleware and make no decisions of their own.
///
/// ```
/// # use fauth_core::{reply::Reply, request::RequestHead, AuthUser, Limiter};
/// # async fn middleware<U: AuthUser>(
/// #     limiter: Limiter<U>, head: impl RequestHead, next: impl Fn() -> Reply,
/// # ) -> Reply {
/// let asked = limiter.ask(&head, None);         // borrows the request
/// match asked.answer().await {                  // owns everything it needs
///     Ok(demands) => next().amend(&demands),
///     Err(limited) => limiter.refuse(&limited, &head),
/// }
/// # }
/// ```
pub struct Limiter<U> {
    inner: Arc<Inner<U>>,
}

struct Inner<U> {
    provider: AuthProvider<U>,
    limits: Vec<Applied>,
    renderer: Arc<dyn Renderer>,
    fault: Option<ConfigError>,
    /// The entry in audits, for a limit that is not part of a guard or an endpoint.
    declaration: Option<Arc<Declaration>>,
    /// The limiter for the provider that a switch has set: created at the first request, and again
    /// when another provider is set.
    switched: RwLock<Option<Limiter<U>>>,
}

/// A limit at its place in the code.
#[derive(Clone)]
struct Applied {
    limit: Limit,
    /// The line of code that applied it.
    at: &'static Location<'static>,
    scopes: LimitScopes,
    policy: ResponseHeader,
}

impl<U: AuthUser> Limiter<U> {
    /// Creates a limiter from `"5/minute"` or a [`Limit`]. It uses the store, the clock and the
    /// trusted proxies of this provider.
    ///
    /// An invalid limit is reported in the log, and every request is refused with 500.
    #[must_use]
    #[track_caller]
    pub fn new(provider: &AuthProvider<U>, limit: impl IntoLimit) -> Self {
        let at = Location::caller();
        Self { inner: Arc::new(Inner::new(provider, limit, at).declared(at)) }
    }

    /// Like [`new`](Self::new), for a limit that a guard or an endpoint has and declares.
    pub(crate) fn at(
        provider: &AuthProvider<U>,
        limit: impl IntoLimit,
        at: &'static Location<'static>,
    ) -> Self {
        Self { inner: Arc::new(Inner::new(provider, limit, at)) }
    }

    /// Adds a limit. Limits are checked in order, and the first one that refuses decides; those
    /// before it have counted the request.
    #[must_use]
    #[track_caller]
    pub fn and(self, limit: impl IntoLimit) -> Self {
        let mut inner = self.inner.with_renderer(&self.inner.renderer);
        inner.add(limit, Location::caller());
        if let Some(declaration) = &self.inner.declaration {
            inner = inner.declared(declaration.location());
        }
        Self { inner: Arc::new(inner) }
    }

    /// Sets the renderer of refusals.
    #[must_use]
    pub fn renderer(self, renderer: impl Renderer) -> Self {
        let renderer: Arc<dyn Renderer> = Arc::new(renderer);
        Self { inner: Arc::new(self.inner.with_renderer(&renderer)) }
    }

    /// Checks this limit after others.
    pub(crate) fn behind(self, first: Option<Self>) -> Self {
        let Some(first) = first else { return self };
        let mut inner = first.inner.with_renderer(&first.inner.renderer);
        inner.limits.extend(self.inner.limits.iter().cloned());
        inner.fault = inner.fault.or_else(|| self.inner.fault.clone());
        Self { inner: Arc::new(inner) }
    }

    /// Returns the limiter that decides about one request. Usually this is the limiter itself. If
    /// its provider is the placeholder of a [switch](crate::AuthSwitch), it is the limiter for the
    /// provider with which the request began, or else for the provider that is set now. All
    /// providers set in one switch count together.
    pub fn for_request(&self, pinned: impl FnOnce() -> Option<Pinned<U>>) -> Cow<'_, Self> {
        let provider = &self.inner.provider;
        if !provider.is_switched() {
            return Cow::Borrowed(self);
        }
        let current = provider.clone().for_request(pinned);
        if current.is_switched() {
            return Cow::Borrowed(self);
        }
        let made = self.inner.switched.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(made) = made.filter(|made| made.inner.provider.is(&current)) {
            return Cow::Owned(made);
        }
        let made = self.made_for(&current);
        *self.inner.switched.write().unwrap_or_else(PoisonError::into_inner) = Some(made.clone());
        Cow::Owned(made)
    }

    /// The same limiter, counted by another provider.
    pub(crate) fn made_for(&self, provider: &AuthProvider<U>) -> Self {
        let Inner { provider: before, limits, renderer, fault, declaration, .. } = &*self.inner;
        let is_own = !Arc::ptr_eq(renderer, before.renderer());
        let renderer = if is_own { renderer } else { provider.renderer() };
        let applied = |applied: &Applied| {
            let Applied { limit, at, policy, .. } = applied.clone();
            Applied { scopes: provider.limit_scopes(&limit, at), limit, at, policy }
        };
        let limits = limits.iter().map(applied).collect();
        let (provider, renderer, fault) = (provider.clone(), Arc::clone(renderer), fault.clone());
        let (declaration, switched) = (declaration.clone(), RwLock::default());
        Self { inner: Arc::new(Inner { provider, limits, renderer, fault, declaration, switched }) }
    }

    /// Whether a limit counts by user or API key and so belongs behind a guard.
    #[must_use]
    pub fn needs_user(&self) -> bool {
        self.inner.limits.iter().any(|applied| applied.limit.key().needs_user())
    }

    /// Checks the limits for one request and, if that needs no waiting, counts it. `granted` is
    /// what an outer guard has granted to the request; a grant of another provider is ignored.
    pub fn ask(&self, head: &dyn RequestHead, granted: Option<&Granted<U>>) -> Asked<U> {
        let Inner { provider, limits, fault, .. } = &*self.inner;
        if let Some(fault) = fault {
            let mistake = Rejection::Misconfigured(Misconfigured::Limit(fault.clone()));
            return Asked(State::Counted(Err(Limited::new(mistake))));
        }
        let key = |applied: &Applied| {
            provider.counter_key(&applied.scopes, applied.limit.key(), head, granted).into_owned()
        };
        if provider.counts_elsewhere() {
            let keys = limits.iter().map(key).collect();
            return Asked(State::Waiting(self.clone(), keys));
        }
        let mut counting = Counting::new(limits.len());
        for applied in limits {
            let Applied { limit, scopes, .. } = applied;
            let key = provider.counter_key(scopes, limit.key(), head, granted);
            let taken = provider.count_here(&key, limit.windows());
            if let Err(limited) = counting.note(applied, taken) {
                return Asked(State::Counted(Err(limited)));
            }
        }
        Asked(State::Counted(Ok(counting.demands())))
    }

    /// Builds the response to a refused request, and raises the event.
    pub fn refuse(&self, limited: &Limited, head: &dyn RequestHead) -> Reply {
        limited.reply(&self.inner.provider, head, &*self.inner.renderer)
    }

    /// The entry in audits; `None` if the limiter belongs to a ready-made endpoint, which lists it
    /// itself.
    #[must_use]
    pub fn declaration(&self) -> Option<&Arc<Declaration>> {
        self.inner.declaration.as_ref()
    }

    /// The format of the refusals, for documents.
    #[cfg(feature = "openapi")]
    pub(crate) fn describe_refusals(&self) -> Option<RefusalBody> {
        self.inner.renderer.describe()
    }

    /// The provider that counts.
    #[must_use]
    pub fn provider(&self) -> &AuthProvider<U> {
        &self.inner.provider
    }

    /// The limits, for documents and audits.
    pub(crate) fn limits(&self) -> impl Iterator<Item = &Limit> {
        self.inner.limits.iter().map(|applied| &applied.limit)
    }
}

impl<U: AuthUser> Inner<U> {
    fn new(provider: &AuthProvider<U>, limit: impl IntoLimit, at: &'static Location<'static>) -> Self {
        let mut inner = Self {
            provider: provider.clone(),
            limits: Vec::new(),
            renderer: Arc::clone(provider.renderer()),
            fault: None,
            declaration: None,
            switched: RwLock::default(),
        };
        inner.add(limit, at);
        inner
    }

    /// Registers the present limits with the audit.
    fn declared(mut self, at: &'static Location<'static>) -> Self {
        let limits = self.limits.iter().map(|applied| applied.limit.in_words()).collect();
        self.declaration = Some(self.provider.declare(Declaration::of_limits(limits, at)));
        self
    }

    fn with_renderer(&self, renderer: &Arc<dyn Renderer>) -> Self {
        if let Err(fault) = renderer.validate() {
            report(&fault);
        }
        Self {
            provider: self.provider.clone(),
            limits: self.limits.clone(),
            renderer: Arc::clone(renderer),
            fault: self.fault.clone(),
            declaration: self.declaration.clone(),
            switched: RwLock::default(),
        }
    }

    fn add(&mut self, limit: impl IntoLimit, at: &'static Location<'static>) {
        match limit.into_limit() {
            Ok(limit) => {
                let scopes = self.provider.limit_scopes(&limit, at);
                let policy = policy_field(&limit);
                self.limits.push(Applied { limit, at, scopes, policy });
            }
            Err(fault) => {
                report(&fault);
                self.fault = Some(fault);
            }
        }
    }
}

fn report(fault: &ConfigError) {
    tracing::error!(
        target: "fauth",
        event = "impossible_limit",
        error = %fault,
        "an invalid limit refuses every request with 500: correct it",
    );
}

/// The pending check of one request. Owns everything it needs.
#[must_use = "await `answer` to learn whether the request is admitted"]
pub struct Asked<U>(State<U>);

enum State<U> {
    Counted(Result<Demands, Limited>),
    /// A store has to be queried about these keys.
    Waiting(Limiter<U>, Vec<CounterKey<'static>>),
}

impl<U: AuthUser> Asked<U> {
    /// No limit applies.
    pub(crate) const fn nothing() -> Self {
        Self(State::Counted(Ok(Demands::of_nothing())))
    }

    /// Returns the fields that the response must carry, if the request is admitted.
    ///
    /// # Errors
    /// [`Limited`] if it is refused; [`Limiter::refuse`] builds the response.
    pub async fn answer(self) -> Result<Demands, Limited> {
        let (limiter, keys) = match self.0 {
            State::Counted(outcome) => return outcome,
            State::Waiting(limiter, keys) => (limiter, keys),
        };
        let Inner { provider, limits, .. } = &*limiter.inner;
        let mut counting = Counting::new(limits.len());
        for (applied, key) in limits.iter().zip(&keys) {
            let taken = provider.count(key, applied.limit.windows()).await;
            counting.note(applied, taken)?;
        }
        Ok(counting.demands())
    }
}

/// The header fields collected so far.
struct Counting(Vec<ResponseHeader>);

impl Counting {
    fn new(limits: usize) -> Self {
        Self(Vec::with_capacity(limits * 2))
    }

    fn note(&mut self, applied: &Applied, taken: Result<Taken, Rejection>) -> Result<(), Limited> {
        let taken = match taken {
            Ok(taken) => taken,
            Err(rejection) => return Err(Limited::new(rejection).saying(std::mem::take(&mut self.0))),
        };
        self.0.push(applied.policy.clone());
        self.0.push(state_field(&applied.limit, &taken));
        if !taken.is_refused() {
            return Ok(());
        }
        let retry_after = std::time::Duration::from_secs(seconds(taken.retry_after()).max(1));
        let limited = Limited::new(Rejection::TooManyRequests { retry_after });
        Err(limited.saying(std::mem::take(&mut self.0)).first(taken.is_first_refusal()))
    }

    fn demands(self) -> Demands {
        Demands::of_limits(self.0)
    }
}

/// Why a request is refused: a limit is reached, or could not be checked.
#[derive(Debug, Clone)]
pub struct Limited(Box<Refusal>);

#[derive(Debug, Clone)]
struct Refusal {
    rejection: Rejection,
    fields: Vec<ResponseHeader>,
    is_first: bool,
}

impl Limited {
    fn new(rejection: Rejection) -> Self {
        Self(Box::new(Refusal { rejection, fields: Vec::new(), is_first: false }))
    }

    fn saying(mut self, fields: Vec<ResponseHeader>) -> Self {
        self.0.fields = fields;
        self
    }

    fn first(mut self, is_first: bool) -> Self {
        self.0.is_first = is_first;
        self
    }

    /// The rejection to answer with.
    #[must_use]
    pub const fn rejection(&self) -> &Rejection {
        &self.0.rejection
    }

    pub(crate) fn reply<U: AuthUser>(
        &self,
        provider: &AuthProvider<U>,
        head: &dyn RequestHead,
        renderer: &dyn Renderer,
    ) -> Reply {
        let Refusal { rejection, fields, is_first } = &*self.0;
        let reply = match rejection {
            Rejection::TooManyRequests { .. } => {
                provider.refuse_limited(rejection, *is_first, head, renderer)
            }
            // Limits do not look at credentials, so the response deletes no cookie.
            _ => provider.refuse_in_handler_as(rejection, head, renderer),
        };
        reply.amend(&Demands::of_limits(fields.clone()))
    }
}

impl<U> fmt::Debug for Asked<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Asked(..)")
    }
}

impl<U> Clone for Limiter<U> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<U> fmt::Debug for Limiter<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limits: Vec<_> = self.inner.limits.iter().map(|applied| applied.limit.to_string()).collect();
        f.debug_struct("Limiter").field("limits", &limits).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::Limiter;
    use crate::{AuthConfig, AuthProvider, AuthSwitch, AuthUser, token::TokenPayload};

    struct Nobody;

    impl AuthUser for Nobody {
        fn subject(&self) -> impl AsRef<str> {
            "nobody"
        }

        fn is_active(&self) -> bool {
            false
        }
    }

    fn provider() -> AuthProvider<Nobody> {
        let nobody = async |_: Arc<TokenPayload>| Err::<Option<Nobody>, _>(std::io::Error::other("nobody"));
        let secret = "test-only-9f2c4a7be1d80356-4b1e7f90-c2a85d3641f7-e6b09d18a35c72f4";
        let config = AuthConfig::builder().secret(secret).build().unwrap();
        let builder = AuthProvider::builder(config).user_loader(nobody).without_password_login();
        builder.danger_stateless().danger_share_application().build().unwrap()
    }

    /// Before a limit refuses, a request costs nothing that grows with the limits.
    #[test]
    fn a_limiter_of_a_switch_is_made_once_for_each_provider() {
        let switch = AuthSwitch::new().unwrap();
        let limiter = Limiter::new(switch.provider(), "5/minute");
        for _ in 0..2 {
            let current = provider();
            switch.set(current.clone());
            let one = limiter.for_request(|| None).into_owned();
            for _ in 0..3 {
                assert!(Arc::ptr_eq(&one.inner, &limiter.for_request(|| None).inner));
            }
            assert!(one.inner.provider.is(&current), "the one that was set last decides");
        }
    }
}
