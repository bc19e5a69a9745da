//! The settings of a test's provider.

use std::fmt;

use fauth_core::{
    AuthConfig, AuthProvider, AuthProviderBuilder, AuthUser,
    transport::{BearerTransport, CookieTransport, Transport},
};

use super::{TestAuth, TestUsers};
use crate::{ManualClock, RecordedEvents, config, memory_store, weak_passwords};

/// Collects the settings of a [`TestAuth`].
///
/// ```
/// # use fauth_core::transport::BearerTransport;
/// # use fauth_testing::{TestAuth, Users};
/// # let users = [Users::new().find("alice")];
/// let auth = TestAuth::builder(users)
///     .identified_by(|user| &user.name)
///     .transport(BearerTransport::new()) // and no cookies
///     .configure(|provider| provider.api_key_scopes(["reports:read"]))
///     .build();
/// ```
#[must_use = "`build` makes the provider"]
pub struct TestAuthBuilder<U> {
    users: TestUsers<U>,
    config: Option<AuthConfig>,
    clock: ManualClock,
    transports: Vec<Step<U>>,
    settings: Vec<Step<U>>,
}

type Step<U> = Box<dyn FnOnce(AuthProviderBuilder<U>) -> AuthProviderBuilder<U>>;

impl<U: AuthUser> TestAuthBuilder<U> {
    pub(super) fn new(users: TestUsers<U>) -> Self {
        let (transports, settings) = (Vec::new(), Vec::new());
        Self { users, config: None, clock: ManualClock::new(), transports, settings }
    }

    /// Sets the identifier with which users log in by password, such as an e-mail address. Default:
    /// the subject.
    pub fn identified_by(self, identify: impl Fn(&U) -> &str + Send + 'static) -> Self {
        self.users.identify_by(identify);
        self
    }

    /// Adds a transport for credentials. The first call replaces the default: bearer tokens, and
    /// cookies with the safe attributes.
    pub fn transport(mut self, transport: impl Transport) -> Self {
        self.transports.push(Box::new(|provider| provider.transport(transport)));
        self
    }

    /// Sets the settings of the application, such as token lifetimes. Default:
    /// [`config`](crate::config).
    pub fn config(mut self, config: AuthConfig) -> Self {
        self.config = Some(config);
        self
    }

    /// Sets an existing clock.
    pub fn clock(mut self, clock: ManualClock) -> Self {
        self.clock = clock;
        self
    }

    /// Changes the provider's builder: claims, a renderer, a store, the scopes of API keys. It runs
    /// last, so it overrides other settings.
    ///
    /// The builder already has the transports of the kit. A function that adds a
    /// [`CookieTransport`] or [`SessionCookie`] itself would add a second one of the same kind, and
    /// [`build`](Self::build) would panic. Use [`TestAuth::with_builder`] for such a function.
    ///
    /// [`CookieTransport`]: fauth_core::transport::CookieTransport
    /// [`SessionCookie`]: fauth_core::transport::SessionCookie
    pub fn configure(
        mut self,
        configure: impl FnOnce(AuthProviderBuilder<U>) -> AuthProviderBuilder<U> + 'static,
    ) -> Self {
        self.settings.push(Box::new(configure));
        self
    }

    /// Builds the provider.
    ///
    /// # Panics
    /// If a setting is invalid. The message is that of the
    /// [`ConfigError`](fauth_core::ConfigError).
    #[track_caller]
    pub fn build(self) -> TestAuth<U> {
        let Self { users, config: own, clock, transports, settings } = self;
        let events = RecordedEvents::new();
        let mut builder = AuthProvider::builder(own.unwrap_or_else(config))
            .danger_share_application()
            .user_loader(users.clone())
            .identity_loader(users.clone())
            .password(weak_passwords())
            .store(memory_store())
            .clock(clock.clone())
            .events(events.clone());
        if transports.is_empty() {
            builder = builder.transport(BearerTransport::new()).transport(CookieTransport::new());
        }
        for step in transports.into_iter().chain(settings) {
            builder = step(builder);
        }
        match builder.build() {
            Ok(provider) => {
                let (users, events, clock) = (Some(users), Some(events), Some(clock));
                TestAuth { provider, users, events, clock }
            }
            Err(error) => panic!("TestAuth cannot be built: {error}"),
        }
    }
}

impl<U> fmt::Debug for TestAuthBuilder<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestAuthBuilder").field("users", &self.users).finish_non_exhaustive()
    }
}
