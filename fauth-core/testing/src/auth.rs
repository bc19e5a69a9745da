//! A provider for the tests of an application, with everything that a test turns.

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

/// A provider for the tests of an application. Build the application from it, and send requests
/// as its users.
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
/// [`new`](Self::new) keeps everything in memory and has a [`ManualClock`];
/// [`with`](Self::with) takes a provider that there is already, whatever its database and its
/// clock. Every instance of `new` has users, stores and a clock of its own, so that tests run side
/// by side in one process. The secret is the same in all of them.
///
/// It dereferences to the provider, so that it is passed wherever `&AuthProvider<U>` is asked for.
/// Clones share everything.
///
/// # Security
/// The secret is published in the source of this crate, and passwords are hashed with a weak
/// scheme: for tests only.
pub struct TestAuth<U> {
    provider: AuthProvider<U>,
    users: Option<TestUsers<U>>,
    events: Option<RecordedEvents>,
    clock: Option<ManualClock>,
}

impl<U: AuthUser> TestAuth<U> {
    /// A provider with these users, with everything in memory and a [`ManualClock`]. It takes
    /// bearer tokens and cookies, and users log in by their subject.
    ///
    /// Users are values of the application's own type, or `Arc`s of them. Their passwords are
    /// whatever their hashes are of; [`weak_hash`](crate::weak_hash) makes quick ones.
    ///
    /// # Panics
    /// If two users have the same subject.
    pub fn new(users: impl IntoIterator<Item: SharedUser<U>>) -> Self {
        Self::builder(users).build()
    }

    /// As [`new`](Self::new), with settings of the test's own.
    ///
    /// # Panics
    /// As [`new`](Self::new).
    pub fn builder(users: impl IntoIterator<Item: SharedUser<U>>) -> TestAuthBuilder<U> {
        TestAuthBuilder::new(TestUsers::new(users))
    }

    /// The kit around a provider that there is already, with its own users, stores and clock.
    ///
    /// It needs neither memory nor a clock that stands still: tokens are issued by the provider
    /// itself, expired ones too. Say [`at`](Self::at) and [`recording`](Self::recording) if the
    /// provider was built with a [`ManualClock`] and a [`RecordedEvents`].
    pub const fn with(provider: AuthProvider<U>) -> Self {
        Self { provider, users: None, events: None, clock: None }
    }

    /// As [`with`](Self::with), for the builder of the application's own provider. The provider
    /// records its events, in place of a sink of its own, and shares its application with others of
    /// the process, so that each test can build one.
    ///
    /// # Errors
    /// [`ConfigError`] as from [`AuthProviderBuilder::build`].
    pub fn with_builder(builder: AuthProviderBuilder<U>) -> Result<Self, ConfigError> {
        let events = RecordedEvents::new();
        let provider = builder.events(events.clone()).danger_share_application().build()?;
        Ok(Self::with(provider).recording(events))
    }

    /// Says that the provider was built with this clock.
    ///
    /// A [`MemoryStore`](fauth_core::MemoryStore) has to go by the same clock, or be
    /// [`memory_store`](crate::memory_store).
    #[must_use]
    pub fn at(mut self, clock: ManualClock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Says that the provider was built with these events.
    #[must_use]
    pub fn recording(mut self, events: RecordedEvents) -> Self {
        self.events = Some(events);
        self
    }

    /// The provider, to build the application from.
    pub const fn provider(&self) -> &AuthProvider<U> {
        &self.provider
    }

    /// The clock.
    ///
    /// # Panics
    /// If the provider is one of [`with`](Self::with) and [`at`](Self::at) was not said: it may
    /// run in real time.
    #[track_caller]
    pub fn clock(&self) -> &ManualClock {
        self.clock.as_ref().expect("TestAuth does not know the clock of this provider: say `.at(clock)`")
    }

    /// The users, to deactivate, change or remove one.
    ///
    /// # Panics
    /// If the provider is one of [`with`](Self::with): its users are where they are.
    #[track_caller]
    pub fn users(&self) -> &TestUsers<U> {
        self.users.as_ref().expect("the users of this provider are its own: change them where they are kept")
    }

    /// What the provider has recorded.
    ///
    /// # Panics
    /// If the provider is one of [`with`](Self::with) and [`recording`](Self::recording) was not
    /// said.
    #[track_caller]
    pub fn events(&self) -> &RecordedEvents {
        self.events
            .as_ref()
            .expect("TestAuth does not know the events of this provider: say `.recording(events)`")
    }

    /// The headers of somebody who presents nothing.
    pub const fn as_anonymous(&self) -> RequestHeaders {
        RequestHeaders::none()
    }

    /// Logs a user in, without a password: `.await` gives the [headers](RequestHeaders) of a
    /// request. See [`LoginAs`] for cookies.
    ///
    /// `who` is a user, or a subject as text.
    pub fn login_as(&self, who: &(impl AsSubject<U> + ?Sized)) -> LoginAs<U> {
        LoginAs::new(self.clone(), who.subject_of())
    }

    /// A token about a user, good or bad as [`TokenFor`] says: `.await` gives a [`TestToken`].
    ///
    /// `who` is a user, or a subject as text.
    pub fn token_for(&self, who: &(impl AsSubject<U> + ?Sized)) -> TokenFor<U> {
        TokenFor::new(self.clone(), who.subject_of())
    }

    /// An API key of a user: `.await` gives a [`TestToken`].
    ///
    /// `who` is a user, or a subject as text.
    pub fn api_key_for(&self, who: &(impl AsSubject<U> + ?Sized)) -> ApiKeyFor<U> {
        ApiKeyFor::new(self.clone(), who.subject_of())
    }

    /// The user of this name, for a column of a table; `None` if it is known that there is none.
    pub(crate) fn visitor(&self, name: &str) -> Option<Visitor> {
        let is_missing = self.users.as_ref().is_some_and(|users| users.find(name).is_none());
        if is_missing { None } else { Some(self.login_as(name).into()) }
    }

    /// The subject with the epoch of the user's record as it is now, where that can be known.
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

    /// The user, as the provider's own loader finds it; `None` if the loader was not asked, as for
    /// a subject that is revoked.
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
