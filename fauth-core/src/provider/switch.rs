//! A provider that is set, or replaced, while the application runs.

use std::{
    fmt::{self, Write as _},
    io,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{
    AuthProvider, Found, Presented,
    counters::SharedCounters,
    inner::{Set, Shared},
};
use crate::{
    config::AuthConfig,
    error::ConfigError,
    rejection::{Rejection, Unavailable},
    store::MemoryThrottles,
    token::TokenPayload,
    user::AuthUser,
};

/// A provider that is set later, or replaced while the application runs: by a plug-in, by a set-up
/// page, or when keys change.
///
/// Build the application with [`provider`](Self::provider), which stands in for the provider that
/// is set. Guards, groups, rules, extractors and the ready-made endpoints follow it without a
/// restart. A request that is being answered keeps the provider with which it began.
///
/// ```
/// use fauth_core::{AuthProvider, AuthSwitch, AuthUser, ConfigError, Guard, Requirement};
///
/// # fn example<U: AuthUser>(built_later: AuthProvider<U>) -> Result<(), ConfigError> {
/// let switch = AuthSwitch::new()?;
/// // Refuses every request with 503.
/// let guard = Guard::new(switch.provider(), Requirement::user());
///
/// switch.set(built_later); // decides from now on
/// # Ok(())
/// # }
/// ```
///
/// # Before a provider is set
/// Guarded routes, extractors and the endpoints answer 503 `unavailable`. See
/// [`danger_open_until_set`](Self::danger_open_until_set) for the opposite.
///
/// # What follows, and what does not
/// - Settings of single guards (requirement, renderer, pages) stay. What a guard takes from its
///   provider (transports, renderer, trusted proxies, allowed characters) is taken from the new
///   one.
/// - All [endpoints](crate::routes::Endpoint) are mounted. One that the provider cannot answer,
///   such as the login of a provider without passwords, answers 500 `misconfigured`.
/// - Handlers that call methods of a provider directly must call [`AuthProvider::current`] first.
/// - `OpenAPI` documents and audits do not know a provider that is set later. Create documents from
///   the provider itself.
pub struct AuthSwitch<U> {
    facade: AuthProvider<U>,
    shared: Arc<Shared<U>>,
}

/// The provider with which a request began, for inner guards and extractors of the same request.
/// Adapters keep it with the request.
pub struct Pinned<U> {
    /// The id of the switch.
    facade: u64,
    provider: AuthProvider<U>,
}

impl<U: AuthUser> AuthSwitch<U> {
    /// Creates a switch without a provider. Guarded routes refuse all requests until one is set.
    ///
    /// # Errors
    /// [`ConfigError`] if the random generator fails.
    pub fn new() -> Result<Self, ConfigError> {
        Self::with(false)
    }

    /// Creates a switch without a provider that is open until one is set: guards and rules admit
    /// all requests, visitors are anonymous, and extractors that need a user (`CurrentUser`) still
    /// refuse. This is logged now, and again at the first request. Paths that can be misread are
    /// refused.
    ///
    /// # Security
    /// Until a provider is set, every client can do what guards and rules are meant to prevent.
    /// Once one is set, the switch cannot be opened again.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn danger_open_until_set() -> Result<Self, ConfigError> {
        let event = "open_until_provider_is_set";
        let problem = "guards admit all requests until a provider is set: `danger_open_until_set`";
        tracing::warn!(target: "fauth", event, "{problem}");
        Self::with(true)
    }

    fn with(is_open: bool) -> Result<Self, ConfigError> {
        let set = RwLock::new(Set { provider: None, is_explicit: false });
        let shared = Arc::new(Shared {
            set,
            is_open,
            has_warned: AtomicBool::new(false),
            counters: SharedCounters::default(),
            throttles: MemoryThrottles::new(),
        });
        let facade = facade(Arc::clone(&shared))?;
        Ok(Self { facade, shared })
    }

    /// Returns the stand-in for the provider that is set. Pass it to guards, rules, groups and
    /// endpoints, and put it into the state of the application.
    #[must_use]
    pub const fn provider(&self) -> &AuthProvider<U> {
        &self.facade
    }

    /// Sets the provider, or replaces it. It decides about all requests that begin from now on. The
    /// previous provider is dropped once its last request is answered and each guard has been
    /// called once more. A later [`set_default`](Self::set_default) does not replace it.
    ///
    /// Connections that the previous provider has admitted and that are still open, such as a
    /// WebSocket, end at once with [`ProviderGone`](crate::ended::EndReason::ProviderGone), even
    /// if a handler keeps its [`Granted`](crate::Granted). Clients connect again, and the new
    /// provider decides. Requests still being answered by the previous provider can open no more
    /// such connections, and neither can guards that were given the previous provider itself
    /// instead of [`provider`](Self::provider), until it is set again. A provider that is set in
    /// two switches is closed for both as soon as one of them replaces it.
    ///
    /// # Security
    /// The new provider does not know what the previous one keeps in memory, such as logouts in a
    /// [`MemoryStore`](crate::MemoryStore). Give both the same store, or different secrets. Rate
    /// limits counted in memory carry over if both belong to the same application; so do failed
    /// logins, if both have the same secret.
    pub fn set(&self, provider: AuthProvider<U>) {
        self.replace(provider, true);
    }

    /// Sets the provider of a plug-in, unless one was [set](Self::set) explicitly. It replaces an
    /// earlier default. Returns whether the provider was set.
    #[expect(clippy::must_use_candidate, reason = "a plug-in need not care")]
    pub fn set_default(&self, provider: AuthProvider<U>) -> bool {
        self.replace(provider, false)
    }

    fn replace(&self, provider: AuthProvider<U>, is_explicit: bool) -> bool {
        if provider.is_switched() {
            let problem = "the provider of a switch cannot be set as a provider: nothing was changed";
            tracing::error!(target: "fauth", event = "provider_not_set", "{problem}");
            return false;
        }
        let mut set = self.shared.set.write().unwrap_or_else(PoisonError::into_inner);
        if set.is_explicit && !is_explicit {
            let problem = "a provider was set explicitly, and the default of a plug-in does not replace it";
            tracing::info!(target: "fauth", event = "provider_not_set", "{problem}");
            return false;
        }
        // Rate limits carry over to the next provider.
        provider.inner.counters.count_with(&self.shared.counters);
        if let Some(throttle) = &provider.inner.throttle {
            throttle.count_with(&self.shared.throttles);
        }
        let event = if set.provider.is_some() { "provider_replaced" } else { "provider_set" };
        // It may have been replaced before.
        provider.inner.open.set_closed(false);
        let replaced = set.provider.take().filter(|replaced| !replaced.is(&provider));
        if let Some(replaced) = &replaced {
            replaced.inner.open.set_closed(true);
        }
        set.provider = Some(provider);
        set.is_explicit = is_explicit;
        drop(set);
        // Without the lock: wakers of open connections may do anything, and the last owner of a
        // store may have much to close.
        if let Some(replaced) = &replaced {
            replaced.inner.open.end_all();
        }
        drop(replaced);
        tracing::info!(target: "fauth", event, explicit = is_explicit, "another provider decides from now on");
        true
    }

    /// Returns whether a provider is set.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.shared.current().is_some()
    }
}

impl<U> Shared<U> {
    /// The provider that is set.
    fn current(&self) -> Option<AuthProvider<U>> {
        self.set.read().unwrap_or_else(PoisonError::into_inner).provider.clone()
    }

    /// Is everything open until a provider is set? The first request for which this is so is
    /// logged.
    fn is_open(&self) -> bool {
        if self.is_open && !self.has_warned.swap(true, Ordering::Relaxed) {
            let problem = "a request was admitted although no provider is set: `danger_open_until_set`";
            tracing::error!(target: "fauth", event = "open_until_provider_is_set", "{problem}");
        }
        self.is_open
    }
}

/// The stand-in for the provider that is set. It knows no users, and its secret is random, so that
/// it refuses everything that is asked of it directly.
fn facade<U: AuthUser>(shared: Arc<Shared<U>>) -> Result<AuthProvider<U>, ConfigError> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|error| {
        ConfigError::new("switch", format!("the random generator failed: {error}"), "try again later")
    })?;
    let secret = secret.iter().fold(String::new(), |mut secret, byte| {
        // Writing to a string cannot fail.
        let _ = write!(secret, "{byte:02x}");
        secret
    });
    let nobody = async |_: Arc<TokenPayload>| Err::<Option<U>, _>(io::Error::other("no provider is set"));
    let mut facade = AuthProvider::builder(AuthConfig::builder().secret(secret).build()?)
        .user_loader(nobody)
        .without_password_login()
        .danger_stateless()
        .build()?;
    match Arc::get_mut(&mut facade.inner) {
        Some(inner) => {
            inner.counters.count_with(&shared.counters);
            inner.switch = Some(shared);
        }
        // It has no other owner yet.
        None => return Err(ConfigError::new("switch", "the provider is shared", "report it to fauth")),
    }
    Ok(facade)
}

impl<U: AuthUser> AuthProvider<U> {
    /// Returns the provider that decides now: for a [switch](AuthSwitch) the one that is set, or,
    /// if none is set, the stand-in, which refuses. Any other provider returns itself.
    #[must_use]
    pub fn current(&self) -> Self {
        self.clone().for_request(|| None)
    }

    /// Returns the provider that decides about a request: for a [switch](AuthSwitch) the one with
    /// which the request began, if it is `pinned`, otherwise the one that is set. Any other
    /// provider returns itself without a lookup.
    #[must_use]
    pub fn for_request(self, pinned: impl FnOnce() -> Option<Pinned<U>>) -> Self {
        let Some(shared) = &self.inner.switch else { return self };
        let begun_with = pinned().filter(|pinned| pinned.facade == self.inner.id);
        begun_with.map(|pinned| pinned.provider).or_else(|| shared.current()).unwrap_or(self)
    }

    /// Is it the stand-in of a switch?
    pub(crate) fn is_switched(&self) -> bool {
        self.inner.switch.is_some()
    }

    /// Is it the same provider?
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.inner.id == other.inner.id
    }

    /// Is it the stand-in of a switch that is open until a provider is set?
    pub(crate) fn is_open_until_set(&self) -> bool {
        self.inner.switch.as_ref().is_some_and(|shared| shared.is_open())
    }

    /// To pin the provider that the switch with this `facade` has returned.
    pub(crate) fn pinned(&self, facade: &Self) -> Option<Pinned<U>> {
        let is_pinned = facade.is_switched() && !self.is_switched();
        is_pinned.then(|| Pinned { facade: facade.inner.id, provider: self.clone() })
    }

    /// The outcome of reading a request while no provider is set.
    pub(super) fn read_unset(&self, shared: &Shared<U>) -> Presented<U> {
        let nothing = if shared.is_open() {
            Ok(Found::Nothing)
        } else {
            Err(Rejection::Unavailable(Unavailable::NoProvider))
        };
        self.presented(nothing)
    }
}

impl<U> Clone for AuthSwitch<U> {
    fn clone(&self) -> Self {
        Self { facade: self.facade.clone(), shared: Arc::clone(&self.shared) }
    }
}

impl<U> Clone for Pinned<U> {
    fn clone(&self) -> Self {
        Self { facade: self.facade, provider: self.provider.clone() }
    }
}

impl<U> fmt::Debug for AuthSwitch<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_set = self.shared.current().is_some();
        f.debug_struct("AuthSwitch").field("is_set", &is_set).finish_non_exhaustive()
    }
}

impl<U> fmt::Debug for Pinned<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pinned").finish_non_exhaustive()
    }
}
