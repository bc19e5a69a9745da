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

/// A place for a provider that is not known yet, or that is replaced while the application runs: by
/// a plug-in, by a set-up page, by new keys.
///
/// The application is built with [`provider`](Self::provider), which stands for whichever provider
/// is set: guards, groups, rules, extractors and the ready-made endpoints follow it without a
/// restart. A request that is being answered keeps the one it began with.
///
/// ```
/// use fauth_core::{AuthProvider, AuthSwitch, AuthUser, ConfigError, Guard, Requirement};
///
/// # fn example<U: AuthUser>(built_later: AuthProvider<U>) -> Result<(), ConfigError> {
/// let switch = AuthSwitch::new()?;
/// let guard = Guard::new(switch.provider(), Requirement::user()); // refuses everybody with 503
///
/// switch.set(built_later); // from here on it decides
/// # Ok(())
/// # }
/// ```
///
/// # Before a provider is set
/// Everything that is guarded is refused with 503 `unavailable`, and so are extractors and the
/// endpoints. See [`danger_open_until_set`](Self::danger_open_until_set) for the opposite.
///
/// # What follows, and what does not
/// - Settings of single guards (requirement, renderer, pages) stay; what a guard takes from its
///   provider (transports, renderer, trusted proxies, allowed characters) is that of the new one.
/// - All [endpoints](crate::routes::Endpoint) are mounted. One that the provider cannot answer,
///   such as the login of a provider without passwords, answers 500 `misconfigured`.
/// - Handlers that call methods of a provider themselves ask for the one that decides now:
///   [`AuthProvider::current`].
/// - `OpenAPI` documents and audits know nothing of a provider that is set later: make documents
///   from the provider itself.
pub struct AuthSwitch<U> {
    facade: AuthProvider<U>,
    shared: Arc<Shared<U>>,
}

/// The provider with which a request began, for whatever else asks for one in the same request.
/// Adapters keep it with the request.
pub struct Pinned<U> {
    /// That of which switch.
    facade: u64,
    provider: AuthProvider<U>,
}

impl<U: AuthUser> AuthSwitch<U> {
    /// Without a provider: everything that is guarded is refused until one is set.
    ///
    /// # Errors
    /// [`ConfigError`] if there is no randomness.
    pub fn new() -> Result<Self, ConfigError> {
        Self::with(false)
    }

    /// Without a provider, and open until one is set: guards and rules let everybody in, visitors
    /// are anonymous, and what takes a user (`CurrentUser`) still refuses. The log says so now, and
    /// once more at the first request. Paths that can be misread are refused.
    ///
    /// # Security
    /// Whoever reaches the application before a provider is set can do whatever guards and rules
    /// are there to prevent. Once one is set, there is no way back.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn danger_open_until_set() -> Result<Self, ConfigError> {
        let event = "open_until_provider_is_set";
        let problem = "guards let everybody in until a provider is set: `danger_open_until_set`";
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

    /// What stands for the provider: give it to guards, rules, groups, endpoints, and to the state
    /// of the application.
    #[must_use]
    pub const fn provider(&self) -> &AuthProvider<U> {
        &self.facade
    }

    /// Sets the provider, or replaces it. Requests that come from now on are decided by it. Its
    /// predecessor is dropped when the last of its requests is answered and each guard was asked
    /// once more. No [`set_default`](Self::set_default) replaces it.
    ///
    /// What the predecessor has granted and is still open, such as a WebSocket, ends at once with
    /// [`ProviderGone`](crate::ended::EndReason::ProviderGone), also where a handler keeps its
    /// [`Granted`](crate::Granted): clients connect again, and the new provider decides. Requests
    /// that are being answered then open nothing any more, and neither do guards that were given
    /// the predecessor itself in place of [`provider`](Self::provider), until it is set again.
    ///
    /// # Security
    /// What the predecessor keeps in memory, such as logouts in a
    /// [`MemoryStore`](crate::MemoryStore), the new one does not know. Give both the same store, or
    /// another secret. Rate limits that are counted in memory go on, if both are of the same
    /// application; so do failed logins, if both have the same secret.
    pub fn set(&self, provider: AuthProvider<U>) {
        self.replace(provider, true);
    }

    /// Sets the provider of a plug-in, unless one was [set](Self::set) explicitly. It replaces an
    /// earlier default. Returns whether it decides now.
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
        // What clients have used up is used up with the next one too.
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
        // Outside of the lock: whoever waits for an end may do anything when it comes, and the last
        // owner of a store may have much to close.
        if let Some(replaced) = &replaced {
            replaced.inner.open.end_all();
        }
        drop(replaced);
        tracing::info!(target: "fauth", event, explicit = is_explicit, "another provider decides from now on");
        true
    }

    /// Was a provider set?
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

    /// Is everything open until a provider is set? The first one who asks reports it.
    fn is_open(&self) -> bool {
        if self.is_open && !self.has_warned.swap(true, Ordering::Relaxed) {
            let problem = "a request is let through although no provider is set: `danger_open_until_set`";
            tracing::error!(target: "fauth", event = "open_until_provider_is_set", "{problem}");
        }
        self.is_open
    }
}

/// Makes a provider that knows nobody and whose secret nobody knows, so that whatever is asked of
/// it by itself is refused.
fn facade<U: AuthUser>(shared: Arc<Shared<U>>) -> Result<AuthProvider<U>, ConfigError> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|error| {
        ConfigError::new("switch", format!("there is no randomness: {error}"), "try again later")
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
        // Nobody else has it yet.
        None => return Err(ConfigError::new("switch", "the provider is shared", "report it to fauth")),
    }
    Ok(facade)
}

impl<U: AuthUser> AuthProvider<U> {
    /// The provider that decides now: of a [switch](AuthSwitch) the one that is set, or, if there
    /// is none, the one that stands for it and refuses. Any other is itself.
    #[must_use]
    pub fn current(&self) -> Self {
        self.clone().for_request(|| None)
    }

    /// The provider that decides about a request: of a [switch](AuthSwitch) the one with which the
    /// request began, if it is `pinned`, else the one that is set. Any other is itself, and nothing
    /// is looked up.
    #[must_use]
    pub fn for_request(self, pinned: impl FnOnce() -> Option<Pinned<U>>) -> Self {
        let Some(shared) = &self.inner.switch else { return self };
        let begun_with = pinned().filter(|pinned| pinned.facade == self.inner.id);
        begun_with.map(|pinned| pinned.provider).or_else(|| shared.current()).unwrap_or(self)
    }

    /// Does it stand for the provider of a switch?
    pub(crate) fn is_switched(&self) -> bool {
        self.inner.switch.is_some()
    }

    /// Is it the same provider?
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.inner.id == other.inner.id
    }

    /// Is everything open that it guards, because it stands for a provider that is not set?
    pub(crate) fn is_open_until_set(&self) -> bool {
        self.inner.switch.as_ref().is_some_and(|shared| shared.is_open())
    }

    /// For the provider that a switch with this `facade` has given.
    pub(crate) fn pinned(&self, facade: &Self) -> Option<Pinned<U>> {
        let is_pinned = facade.is_switched() && !self.is_switched();
        is_pinned.then(|| Pinned { facade: facade.inner.id, provider: self.clone() })
    }

    /// What is presented where no provider is set: nobody can tell.
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
