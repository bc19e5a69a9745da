//! The loader with a cache that the manual recommends, in use: what it spares, what it forgets, and
//! what it never keeps.

#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

#[expect(
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "an application's code, as the manual shows it; a byte is always an index into 256 elements"
)]
mod cached_users;

use std::{
    io,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use fauth_core::{
    AuthProvider, ClientInfo, Purpose, Rejection, Requirement,
    rejection::{InvalidToken, Unavailable},
};
use fauth_testing::{TestUser, Users, WireRequest, at_once, config, provider_with};
use moka::future::Cache;

use crate::cached_users::CachedUsers;

type User = TestUser;
type DbError = io::Error;

/// The fake users behind a query that can fail and recover.
#[derive(Clone, Default)]
struct Database {
    users: Users,
    is_down: Arc<AtomicBool>,
}

impl Database {
    /// The fake that finds users by name counts as an identity loader; no login happens in these
    /// tests, so that the count is that of the queries.
    async fn user(&self, subject: &str) -> Result<Option<User>, DbError> {
        let found = self.users.identity_loader()(subject.to_owned()).await;
        if self.is_down.load(Ordering::SeqCst) {
            Err(io::Error::other("the database is down"))
        } else {
            found
        }
    }

    fn queries(&self) -> usize {
        self.users.identity_loads()
    }

    fn disable(&self, name: &str) {
        self.users.change(name, |user| user.active = false);
    }
}

/// A provider whose user loader is the cached one.
#[derive(Clone)]
struct World {
    database: Database,
    cached: CachedUsers,
    auth: AuthProvider<User>,
}

impl World {
    fn new() -> Self {
        Self::with_time_to_live(Duration::from_secs(3600))
    }

    fn with_time_to_live(time_to_live: Duration) -> Self {
        let database = Database::default();
        let cached = CachedUsers::new(database.clone(), time_to_live);
        let builder = provider_with(config(), &database.users).user_loader(cached.clone());
        Self { database, cached, auth: builder.build().unwrap() }
    }

    /// Sends a guarded request of this user.
    async fn request(&self, name: &str) -> Result<Arc<User>, Rejection> {
        let token = at_once(self.auth.issue(Purpose::Access, name)).unwrap();
        let head = WireRequest::new("GET", "/").bearer(token.expose());
        let granted = self.auth.check(self.auth.read(&head), &Requirement::user()).await?;
        Ok(Arc::clone(granted.user()))
    }
}

fn is_pending<F: Future>(future: std::pin::Pin<&mut F>) -> bool {
    poll(future).is_pending()
}

fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

const INACTIVE: Rejection = Rejection::InvalidToken(InvalidToken::InactiveUser);
const UNKNOWN: Rejection = Rejection::InvalidToken(InvalidToken::UnknownUser);
const FAILED: Rejection = Rejection::Unavailable(Unavailable::Loader);

#[test]
fn the_manual_shows_this_very_loader() {
    let manual = include_str!("../../src/manual/performance.md");
    let loader = include_str!("cached_users.rs");
    assert!(
        manual.contains(loader),
        "copy tests/cached_loader/cached_users.rs into src/manual/performance.md"
    );
}

// -------------------------------------------------------------------------------------------------
// what it spares

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_requests_at_once_make_one_query() {
    let world = World::new();
    world.database.users.delay(Duration::from_millis(20));
    let mut requests = tokio::task::JoinSet::new();
    for _ in 0..64 {
        let world = world.clone();
        requests.spawn(async move { world.request("alice").await });
    }
    let users = requests.join_all().await;
    assert!(users.iter().all(|user| user.as_ref().is_ok_and(|user| user.name == "alice")));
    assert_eq!(world.database.queries(), 1);
}

#[tokio::test]
async fn a_second_request_makes_no_query_and_is_ready_at_once() {
    let world = World::new();
    let first = world.request("alice").await.unwrap();
    let Poll::Ready(second) = poll(pin!(world.request("alice"))) else { panic!("waited for a cached user") };
    assert!(Arc::ptr_eq(&first, &second.unwrap()), "shared, not copied");
    assert_eq!(world.database.queries(), 1);
}

#[tokio::test]
async fn users_are_kept_apart() {
    let world = World::new();
    for name in ["alice", "bob", "alice", "bob"] {
        assert_eq!(world.request(name).await.unwrap().name, name);
    }
    assert_eq!(world.database.queries(), 2);
}

#[tokio::test]
async fn a_refresh_asks_the_same_cache() {
    let world = World::new();
    let pair = world.auth.login("alice").await.unwrap();
    world.request("alice").await.unwrap();
    assert!(world.auth.refresh(pair.refresh_token().expose(), &ClientInfo::unknown()).await.is_ok());
    assert_eq!(world.database.queries(), 1);

    world.database.disable("alice");
    assert!(
        world.auth.refresh(pair.refresh_token().expose(), &ClientInfo::unknown()).await.is_ok(),
        "within the window"
    );
    world.cached.invalidate("alice");
    assert_eq!(
        world.auth.refresh(pair.refresh_token().expose(), &ClientInfo::unknown()).await.unwrap_err(),
        INACTIVE
    );
}

// ----------------------------------------------------------------------------------------------
// what it forgets

#[tokio::test]
async fn after_the_time_to_live_the_user_is_loaded_again() {
    let world = World::with_time_to_live(Duration::from_millis(1));
    world.request("alice").await.unwrap();
    world.database.disable("alice");
    // moka's clock cannot be turned.
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert_eq!(world.request("alice").await.unwrap_err(), INACTIVE);
    assert_eq!(world.database.queries(), 2);
}

#[tokio::test]
async fn a_change_counts_from_its_invalidation_on() {
    let world = World::new();
    world.request("alice").await.unwrap();

    world.database.disable("alice");
    assert!(
        world.request("alice").await.is_ok(),
        "without the invalidation it would stay like this for the time to live"
    );
    assert_eq!(world.database.queries(), 1);

    world.cached.invalidate("alice");
    assert_eq!(world.request("alice").await.unwrap_err(), INACTIVE);
    assert_eq!(world.request("alice").await.unwrap_err(), INACTIVE);
    assert_eq!(world.database.queries(), 2);
}

#[tokio::test]
async fn nobody_is_kept_too_until_an_invalidation() {
    let world = World::new();
    world.database.users.remove("alice");
    assert_eq!(world.request("alice").await.unwrap_err(), UNKNOWN);
    assert_eq!(world.request("alice").await.unwrap_err(), UNKNOWN);
    assert_eq!(world.database.queries(), 1);

    world.cached.invalidate("alice");
    assert_eq!(world.request("alice").await.unwrap_err(), UNKNOWN);
    assert_eq!(world.database.queries(), 2);
}

// ----------------------------------------------------------------------------------------- changes
// during a load

#[tokio::test(start_paused = true)]
async fn a_load_from_before_the_change_is_not_joined() {
    let world = World::new();
    world.database.users.delay(Duration::from_secs(1));
    let mut before = pin!(world.request("alice"));
    assert!(is_pending(before.as_mut()));

    world.database.disable("alice");
    world.cached.invalidate("alice");
    assert_eq!(world.request("alice").await.unwrap_err(), INACTIVE);
    assert_eq!(world.database.queries(), 2);

    assert!(before.await.is_ok(), "it began before the change");
    assert_eq!(
        world.request("alice").await.unwrap_err(),
        INACTIVE,
        "what it found came last and is not read"
    );
    assert_eq!(world.database.queries(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_load_from_before_the_change_puts_nothing_back() {
    let world = World::new();
    world.database.users.delay(Duration::from_secs(1));
    let mut before = pin!(world.request("alice"));
    assert!(is_pending(before.as_mut()));
    world.database.disable("alice");
    world.cached.invalidate("alice");
    assert!(before.await.is_ok(), "it began before the change");

    assert_eq!(world.request("alice").await.unwrap_err(), INACTIVE);
    assert_eq!(world.database.queries(), 2);
}

/// Why there are generations. Should moka learn to do it by itself, the manual can become shorter.
#[tokio::test(start_paused = true)]
async fn moka_alone_joins_the_old_load_and_keeps_what_it_found() {
    let database = Database::default();
    database.users.delay(Duration::from_secs(1));
    let cache = Cache::new(10);
    let load = || cache.try_get_with("alice", database.user("alice"));
    let is_active = |loaded: Result<Option<User>, Arc<DbError>>| loaded.unwrap().unwrap().active;

    let mut before = pin!(load());
    assert!(is_pending(before.as_mut()));
    database.disable("alice");
    cache.invalidate("alice").await;
    let mut after = pin!(load());
    assert!(is_pending(after.as_mut()));

    assert!(is_active(before.await));
    assert!(is_active(after.await), "joined");
    assert!(is_active(load().await), "kept");
    assert_eq!(database.queries(), 1);
}

// ------------------------------------------------------------------------------------------- what
// it never keeps

#[tokio::test]
async fn an_error_is_not_kept() {
    let world = World::new();
    world.database.is_down.store(true, Ordering::SeqCst);
    assert_eq!(world.request("alice").await.unwrap_err(), FAILED);
    assert_eq!(world.request("alice").await.unwrap_err(), FAILED);
    assert_eq!(world.database.queries(), 2);

    world.database.is_down.store(false, Ordering::SeqCst);
    assert!(world.request("alice").await.is_ok());
    assert_eq!(world.database.queries(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_error_is_shared_by_those_who_wait() {
    let world = World::new();
    world.database.is_down.store(true, Ordering::SeqCst);
    world.database.users.delay(Duration::from_secs(1));
    let (first, second) = tokio::join!(world.request("alice"), world.request("alice"));
    assert_eq!((first.unwrap_err(), second.unwrap_err()), (FAILED, FAILED));
    assert_eq!(world.database.queries(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_goes_away_hands_its_load_on() {
    let world = World::new();
    world.database.users.delay(Duration::from_secs(1));
    let mut waiting = pin!(world.request("alice"));
    {
        let mut gone = pin!(world.request("alice"));
        assert!(is_pending(gone.as_mut()));
        assert!(is_pending(waiting.as_mut()));
        assert_eq!(world.database.queries(), 1);
    }
    assert!(waiting.await.is_ok());
    assert_eq!(world.database.queries(), 2);
}
