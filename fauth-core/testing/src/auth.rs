//! A provider for the tests of an application, with the settings that tests need.

mod api_key;
mod builder;
mod carrying;
mod login;
mod subject;
mod token;
mod users;

use std::{fmt, ops::Deref, sync::Arc};

use fauth_core::{
    AuthProvider, AuthProviderBuilder, AuthUser, ConfigError, Purpose, Rejection, Requirement, TokenRequest,
    rejection::InvalidToken,
};

pub use self::{
    api_key::ApiKeyFor,
    builder::TestAuthBuilder,
    login::LoginAs,
    subject::{AsSubject, SharedUser, Subject},
    token::{TestToken, TokenFor},
    users::TestUsers,
};
use crate::{ManualClock, RecordedEvents, RequestHeaders, access::Visitor};

/// A provider for the tests of an application. Build the application from it, and send requests as
/// its users.
///
/// ```
/// # use fauth_testing::{TestAuth, Users, WireRequest};
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// # let (alice, bob) = (Users::new().find("alice"), Users::new().find("bob"));
/// let auth = TestAuth::new([alice, bob]);
/// // let app = routes(auth.provider());
/// let request = WireRequest::get("/me").with(&auth.login_as("alice").await);
/// # });
/// ```
///
/// [`new`](Self::new) keeps everything in memory and has a [`ManualClock`]; [`with`](Self::with)
/// takes an existing provider, whatever its database and clock. Every instance from `new` has its
/// own users, stores and clock, so tests can run in parallel in one process. All of them have the
/// same secret.
///
/// It dereferences to the provider: pass it wherever `&AuthProvider<U>` is expected. Clones share
/// everything.
///
/// # Security
/// For tests only: the secret is published in the source of this crate, and passwords are hashed
/// with a weak scheme.
pub struct TestAuth<U> {
    provider: AuthProvider<U>,
    users: Option<TestUsers<U>>,
    events: Option<RecordedEvents>,
    clock: Option<ManualClock>,
}

impl<U: AuthUser> TestAuth<U> {
    /// Creates a provider with these users, with everything in memory and a [`ManualClock`]. It
    /// accepts bearer tokens and cookies, and users log in with their subject.
    ///
    /// Users are values of the application's own type, or `Arc`s of them.
    /// [`weak_hash`](crate::weak_hash) makes password hashes that verify quickly.
    ///
    /// # Panics
    /// If two users have the same subject.
    pub fn new(users: impl IntoIterator<Item: SharedUser<U>>) -> Self {
        Self::builder(users).build()
    }

    /// Like [`new`](Self::new), with further settings.
    ///
    /// # Panics
    /// Like [`new`](Self::new).
    pub fn builder(users: impl IntoIterator<Item: SharedUser<U>>) -> TestAuthBuilder<U> {
        TestAuthBuilder::new(TestUsers::new(users))
    }

    /// Wraps an existing provider, with its own users, stores and clock.
    ///
    /// It needs neither memory stores nor a manual clock: the provider itself issues all tokens,
    /// expired ones too. If the provider was built with a [`ManualClock`] or [`RecordedEvents`],
    /// call [`at`](Self::at) or [`recording`](Self::recording).
    pub const fn with(provider: AuthProvider<U>) -> Self {
        Self { provider, users: None, events: None, clock: None }
    }

    /// Like [`with`](Self::with), for the builder of the application's own provider. Events are
    /// recorded instead of being sent to the builder's sink. The provider may share its application
    /// name with others in the process, so that each test can build one.
    ///
    /// # Errors
    /// [`ConfigError`] from [`AuthProviderBuilder::build`].
    pub fn with_builder(builder: AuthProviderBuilder<U>) -> Result<Self, ConfigError> {
        let events = RecordedEvents::new();
        let provider = builder.events(events.clone()).danger_share_application().build()?;
        Ok(Self::with(provider).recording(events))
    }

    /// Sets the clock with which the provider was built.
    ///
    /// A [`MemoryStore`](fauth_core::MemoryStore) must use the same clock, or be a
    /// [`memory_store`](crate::memory_store).
    #[must_use]
    pub fn at(mut self, clock: ManualClock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Sets the events with which the provider was built.
    #[must_use]
    pub fn recording(mut self, events: RecordedEvents) -> Self {
        self.events = Some(events);
        self
    }

    /// Returns the provider, to build the application from.
    pub const fn provider(&self) -> &AuthProvider<U> {
        &self.provider
    }

    /// Returns the clock.
    ///
    /// # Panics
    /// If the provider comes from [`with`](Self::with) and [`at`](Self::at) was not called: it may
    /// run in real time.
    #[track_caller]
    pub fn clock(&self) -> &ManualClock {
        self.clock.as_ref().expect("TestAuth does not know the clock of this provider: call `.at(clock)`")
    }

    /// Returns the users, to deactivate, change or remove them.
    ///
    /// # Panics
    /// If the provider comes from [`with`](Self::with): its users are in its own database.
    #[track_caller]
    pub fn users(&self) -> &TestUsers<U> {
        self.users.as_ref().expect("TestAuth does not hold these users: change them in their database")
    }

    /// Returns the recorded events.
    ///
    /// # Panics
    /// If the provider comes from [`with`](Self::with) and [`recording`](Self::recording) was not
    /// called.
    #[track_caller]
    pub fn events(&self) -> &RecordedEvents {
        self.events
            .as_ref()
            .expect("TestAuth does not know the events of this provider: call `.recording(events)`")
    }

    /// Returns the headers of an anonymous request.
    pub const fn as_anonymous(&self) -> RequestHeaders {
        RequestHeaders::none()
    }

    /// Logs a user in, without a password. `.await` returns the [headers](RequestHeaders) of a
    /// request. See [`LoginAs`] for cookies.
    ///
    /// `who` is a user, or a subject as a string.
    pub fn login_as(&self, who: &(impl AsSubject<U> + ?Sized)) -> LoginAs<U> {
        LoginAs::new(self.clone(), who.subject_of())
    }

    /// Issues a token for a user, valid or invalid; see [`TokenFor`]. `.await` returns a
    /// [`TestToken`].
    ///
    /// `who` is a user, or a subject as a string.
    pub fn token_for(&self, who: &(impl AsSubject<U> + ?Sized)) -> TokenFor<U> {
        TokenFor::new(self.clone(), who.subject_of())
    }

    /// Creates an API key for a user. `.await` returns a [`TestToken`].
    ///
    /// `who` is a user, or a subject as a string.
    pub fn api_key_for(&self, who: &(impl AsSubject<U> + ?Sized)) -> ApiKeyFor<U> {
        ApiKeyFor::new(self.clone(), who.subject_of())
    }

    /// Returns the caller for the column of a table; `None` if no such user exists.
    pub(crate) fn visitor(&self, name: &str) -> Option<Visitor> {
        let is_missing = self.users.as_ref().is_some_and(|users| users.find(name).is_none());
        if is_missing { None } else { Some(self.login_as(name).into()) }
    }

    /// Returns the subject with the current epoch of the user's record, if it is known.
    async fn current(&self, subject: &Subject) -> Subject {
        match &self.users {
            Some(users) => match users.find(subject.id()) {
                Some(user) => Subject::of(&*user),
                None if subject.is_of_record() => subject.clone(),
                None => panic!("TestAuth has no user `{}`: there are {}", subject.id(), users.names()),
            },
            None if subject.is_of_record() => subject.clone(),
            None => self.load(subject).await.map_or_else(|| subject.clone(), |user| Subject::of(&*user)),
        }
    }

    /// Loads the user with the provider's own loader; `None` if the loader was not called, such as
    /// for a revoked subject.
    async fn load(&self, subject: &Subject) -> Option<Arc<U>> {
        let id = subject.id();
        let token = self.issue(Purpose::Access, TokenRequest::for_user(subject)).await;
        let token = token.unwrap_or_else(|error| panic!("no token for `{id}`: {error}"));
        let anybody = Requirement::user().danger_allow_inactive();
        match self.authenticate_token(token.expose(), &anybody).await {
            Ok(granted) => Some(Arc::clone(granted.user())),
            Err(Rejection::InvalidToken(InvalidToken::UnknownUser)) => {
                panic!("the user loader of the provider finds no user `{id}`")
            }
            Err(Rejection::InvalidToken(_)) => None,
            Err(rejection) => panic!("the user `{id}` cannot be loaded: {rejection}"),
        }
    }
}

impl<U> Deref for TestAuth<U> {
    type Target = AuthProvider<U>;

    fn deref(&self) -> &AuthProvider<U> {
        &self.provider
    }
}

impl<U> Clone for TestAuth<U> {
    fn clone(&self) -> Self {
        let Self { provider, users, events, clock } = self;
        Self {
            provider: provider.clone(),
            users: users.clone(),
            events: events.clone(),
            clock: clock.clone(),
        }
    }
}

impl<U> fmt::Debug for TestAuth<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { users, clock, .. } = self;
        f.debug_struct("TestAuth").field("users", users).field("clock", clock).finish_non_exhaustive()
    }
}
