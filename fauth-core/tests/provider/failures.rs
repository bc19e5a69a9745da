//! Whatever cannot answer, the answer is 503: never a pass, never 401, never 403.

use std::{
    error::Error,
    fmt,
    future::Future,
    io,
    pin::{Pin, pin},
    sync::{Arc, Mutex},
    task::Poll,
    time::Duration,
};

use fauth_core::{
    AuthProvider, AuthProviderBuilder, ClientInfo, Purpose, Rejection, Requirement, TokenPayload,
    TokenRequest,
    clock::Timestamp,
    event::EventKind,
    rejection::{Misconfigured, Unavailable},
};
use fauth_testing::{ManualClock, TestUser, Users, config, memory_store, weak_passwords};

use crate::support::{Sink, World, get, poll_once, post};

type Loading = Pin<Box<dyn Future<Output = Result<Option<TestUser>, Broken>> + Send>>;
type Behaviour = Arc<dyn Fn() -> Loading + Send + Sync>;

/// An error with causes.
#[derive(Debug)]
struct Broken(io::Error);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no answer from the replica")
    }
}

impl Error for Broken {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

const CAUSES: &str = "no answer from the replica: connection reset";

/// A provider whose loaders do what a test says, after the tokens were issued.
struct Failing {
    auth: AuthProvider<TestUser>,
    clock: ManualClock,
    events: Sink,
    behaviour: Arc<Mutex<Behaviour>>,
}

const LIMIT: Duration = Duration::from_secs(2);

impl Failing {
    fn new(options: fn(AuthProviderBuilder<TestUser>) -> AuthProviderBuilder<TestUser>) -> Self {
        let alice = Users::new().find("alice");
        let found: Behaviour = Arc::new(move || {
            let alice = alice.clone();
            Box::pin(async { Ok(Some(alice)) })
        });
        let behaviour = Arc::new(Mutex::new(found));
        let (clock, events) = (ManualClock::new(), Sink::default());
        let (by_token, by_name) = (Arc::clone(&behaviour), Arc::clone(&behaviour));
        let builder = AuthProvider::builder(config())
            .danger_share_application()
            .user_loader(move |_: Arc<TokenPayload>| by_token.lock().unwrap()())
            .identity_loader(move |_: String| by_name.lock().unwrap()())
            .password(weak_passwords())
            .store(memory_store())
            .loader_timeout(LIMIT)
            .clock(clock.clone())
            .events(events.clone());
        Self { auth: options(builder).build().unwrap(), clock, events, behaviour }
    }

    fn behave(&self, behaviour: impl Fn() -> Loading + Send + Sync + 'static) {
        *self.behaviour.lock().unwrap() = Arc::new(behaviour);
    }

    /// What each entrance answers, with good tokens and the right password.
    async fn try_every_entrance(
        &self,
        access: &str,
        refresh: &str,
    ) -> Vec<(&'static str, Option<Rejection>)> {
        let auth = &self.auth;
        let read = || auth.read(&get("/").bearer(access));
        let admin = Requirement::user().roles(["admin"]);
        let inactive = Requirement::user().danger_allow_inactive();
        vec![
            ("check", auth.check(read(), &admin).await.err()),
            ("check, inactive too", auth.check(read(), &inactive).await.err()),
            ("check_current", auth.check_current(read()).await.err()),
            ("check_optional", auth.check_optional(read()).await.err()),
            ("refresh", auth.refresh(refresh, &ClientInfo::unknown()).await.err()),
            ("authenticate", auth.authenticate("alice", "s3cret", &ClientInfo::unknown()).await.err()),
        ]
    }

    async fn tokens(&self) -> (String, String) {
        let pair = self.auth.login("alice").await.unwrap();
        self.events.take();
        (pair.access_token().expose().to_owned(), pair.refresh_token().expose().to_owned())
    }
}

#[track_caller]
fn all_are(outcomes: &[(&str, Option<Rejection>)], expected: &Rejection) {
    assert!(!outcomes.is_empty());
    for (entrance, outcome) in outcomes {
        assert_eq!(outcome.as_ref(), Some(expected), "{entrance}");
    }
    assert_eq!(expected.status(), 503);
}

#[tokio::test(start_paused = true)]
async fn fail_closed_everywhere() {
    let world = Failing::new(|builder| builder);
    let (access, refresh) = world.tokens().await;
    let outcomes = world.try_every_entrance(&access, &refresh).await;
    assert!(outcomes.iter().all(|(_, refused)| refused.is_none()), "the positive first: {outcomes:?}");
    world.events.take();

    world.behave(|| Box::pin(async { Err(Broken(io::Error::other("connection reset"))) }));
    all_are(&world.try_every_entrance(&access, &refresh).await, &Rejection::Unavailable(Unavailable::Loader));
    for event in world.events.take() {
        assert_eq!((event.kind, event.reason), (EventKind::CallbackFailed, Some("loader_failed")));
        assert_eq!(event.error.as_deref(), Some(CAUSES));
    }

    world.behave(|| {
        Box::pin(async {
            tokio::task::yield_now().await;
            Err(Broken(io::Error::other("connection reset")))
        })
    });
    all_are(&world.try_every_entrance(&access, &refresh).await, &Rejection::Unavailable(Unavailable::Loader));
    assert_eq!(world.events.take().len(), 6);

    world.behave(|| Box::pin(std::future::pending()));
    let late = Rejection::Unavailable(Unavailable::LoaderTimeout);
    all_are(&world.try_every_entrance(&access, &refresh).await, &late);
    let events = world.events.take();
    assert_eq!(events.len(), 6);
    for event in events {
        assert_eq!((event.kind, event.reason), (EventKind::CallbackFailed, Some("loader_timeout")));
    }
}

#[tokio::test]
async fn a_clock_that_stops_while_the_user_is_loaded_is_503() {
    let world = Failing::new(|builder| builder);
    let (access, refresh) = world.tokens().await;
    let alice = Users::new().find("alice");
    let clock = world.clock.clone();
    world.behave(move || {
        clock.break_down();
        let alice = alice.clone();
        Box::pin(async { Ok(Some(alice)) })
    });
    // Each entrance once, before the broken clock is seen anywhere else.
    let refused = world.auth.check_current(world.auth.read(&get("/").bearer(&access))).await.unwrap_err();
    assert_eq!(refused, Rejection::Unavailable(Unavailable::Clock));
    // From here on it is broken from the beginning.
    let no_clock = Rejection::Unavailable(Unavailable::Clock);
    all_are(&world.try_every_entrance(&access, &refresh).await, &no_clock);
    assert_eq!(world.auth.login("alice").await.unwrap_err(), no_clock);
}

#[tokio::test]
async fn a_refresh_whose_clock_stops_while_loading_is_503() {
    let world = Failing::new(|builder| builder);
    let (_, refresh) = world.tokens().await;
    let (alice, clock) = (Users::new().find("alice"), world.clock.clone());
    world.behave(move || {
        clock.break_down();
        let alice = alice.clone();
        Box::pin(async { Ok(Some(alice)) })
    });
    let refused = world.auth.refresh(&refresh, &ClientInfo::unknown()).await.unwrap_err();
    assert_eq!(refused, Rejection::Unavailable(Unavailable::Clock));
}

#[tokio::test]
async fn a_clock_at_the_end_of_time_issues_nothing() {
    let world = World::new();
    for seconds in [Timestamp::MAX.unix_seconds(), i64::MAX] {
        world.clock.set(Timestamp::from_unix_seconds(seconds));
        let refused = world.auth.login("alice").await.unwrap_err();
        assert_eq!(refused, Rejection::Unavailable(Unavailable::Clock), "{seconds}");
    }
}

/// Outside a runtime there is no blocking pool: the hasher cannot work, and no caller is told that
/// the password is wrong.
#[test]
fn a_hasher_that_cannot_work_is_503() {
    let world = World::new();
    for identifier in ["alice", "nobody", "carol", "dora"] {
        let outcome = poll_once(pin!(world.auth.authenticate(identifier, "s3cret", &ClientInfo::unknown())));
        let expected = Rejection::Unavailable(Unavailable::PasswordHasher);
        assert_eq!(outcome, Poll::Ready(Err(expected)), "{identifier}");
    }
    let expected = Rejection::Unavailable(Unavailable::PasswordHasher);
    assert_eq!((expected.status(), expected.reason()), (503, "password_hasher_failed"));
}

#[tokio::test(start_paused = true)]
async fn the_timeout_is_exact() {
    let world = World::with(|builder| builder.loader_timeout(LIMIT));
    for (delay, passes) in [(Duration::from_millis(1999), true), (Duration::from_millis(2001), false)] {
        world.users.delay(delay);
        let began = tokio::time::Instant::now();
        assert_eq!(world.check("alice", &Requirement::user()).await.is_ok(), passes, "{delay:?}");
        assert_eq!(began.elapsed(), delay.min(LIMIT));
    }
}

#[tokio::test]
async fn an_impossible_token_request_is_500_and_no_pair() {
    let world = World::new();
    for request in [
        TokenRequest::for_subject(""),
        TokenRequest::for_subject("a".repeat(256)),
        TokenRequest::for_subject("alice").scope("two words"),
        TokenRequest::for_subject("alice").claim("sub", "bob"),
        TokenRequest::for_subject("alice").claim("long", "x".repeat(10_000)),
    ] {
        let refused = world.auth.login(request).await.unwrap_err();
        assert_eq!(refused, Rejection::Misconfigured(Misconfigured::TokenRequest));
        let event = world.events.only();
        assert_eq!((event.kind, event.reason), (EventKind::CallbackFailed, Some("issuer_failed")));
        assert!(event.error.is_some());
    }
}

/// A token that is bad anyway is refused without asking anybody, be the loader up or down.
#[tokio::test]
async fn a_bad_token_stays_bad_while_the_loader_is_down() {
    let world = World::new();
    world.users.fail();
    let head = get("/").bearer(&world.token(Purpose::Refresh, "alice"));
    let refused = world.auth.check_current(world.auth.read(&head)).await.unwrap_err();
    assert_eq!((refused.status(), world.users.user_loads()), (401, 0));
    let anonymous = world.auth.check_optional(world.auth.read(&post("/"))).await;
    assert!(matches!(anonymous, Ok(None)));
}
