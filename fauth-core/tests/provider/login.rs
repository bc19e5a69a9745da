//! Logging in with a password: one answer and one amount of work for every failure, rehashing, and
//! the bounded pool.

#![expect(clippy::disallowed_methods, reason = "what is measured here is real work in real time")]

use std::{
    io,
    pin::pin,
    sync::{Arc, Mutex},
    task::Poll,
    time::{Duration, Instant},
};

use fauth_core::{
    ClientInfo, NewPasswordHash, Rejection,
    event::EventKind,
    password::{PasswordConfig, PasswordError, PasswordHasher, Verification},
    rejection::Misconfigured,
};
use fauth_testing::{TestUser, Users, config, provider_with};

use crate::support::{World, get, header, poll_once, post};

/// No request has caused these calls.
static NOBODY: ClientInfo = ClientInfo::unknown();

/// Slow enough that a hash can be caught running, and told from none.
fn slow() -> PasswordConfig {
    PasswordConfig::danger_weak_bcrypt(9)
}

fn hasher(config: PasswordConfig) -> PasswordHasher {
    PasswordHasher::new(config).unwrap()
}

/// Slow enough that nobody is held up for longer, for tests that have to look while a hash runs.
fn slower() -> PasswordConfig {
    PasswordConfig::danger_weak_bcrypt(11)
}

/// A provider whose users have hashes of its scheme.
async fn world_of(config: PasswordConfig) -> World {
    let world = World::with(|builder| builder.password(config.clone()));
    let hash = hasher(config).hash("right").await.unwrap();
    for name in ["alice", "bob", "carol"] {
        world.users.change(name, |user| user.password_hash = Some(hash.clone()));
    }
    world
}

/// Every way to fail that must cost what a wrong password costs.
fn failures() -> Vec<(&'static str, String, String)> {
    let of = |name: &'static str, identifier: &str, password: &str| {
        (name, identifier.to_owned(), password.to_owned())
    };
    vec![
        of("wrong password", "alice", "wrong"),
        of("unknown identifier", "nobody", "right"),
        of("identifier without characters", "", "right"),
        of("identifier over the limit", &"a".repeat(256), "right"),
        of("inactive user, right password", "carol", "right"),
        of("inactive user, wrong password", "carol", "wrong"),
        of("user without password", "dora", "right"),
        of("stored hash that is none", "frank", "right"),
        // bcrypt reads 72 bytes: found out after the lookup, so it has to be paid for
        // (CVE-2025-22234).
        of("too long for the scheme, known user", "alice", &"x".repeat(73)),
        of("too long for the scheme, unknown user", "nobody", &"x".repeat(1024)),
    ]
}

/// What is refused before any work, for everybody alike.
const UNACCEPTABLE: [&str; 3] = ["", "nul\0", "\0"];

#[tokio::test]
async fn login_answers_equal() {
    let world = world_of(PasswordConfig::danger_weak_bcrypt(4)).await;
    assert!(
        world.auth.authenticate("alice", "right", &NOBODY).await.is_ok(),
        "the positive beside the negative"
    );
    let mut replies = Vec::new();
    let too_long = "x".repeat(1025);
    let unacceptable = UNACCEPTABLE.iter().copied().chain([too_long.as_str()]);
    let unacceptable = unacceptable.flat_map(|password| {
        ["alice", "nobody"].map(|identifier| ("unacceptable", identifier.to_owned(), password.to_owned()))
    });
    for (name, identifier, password) in failures().into_iter().chain(unacceptable) {
        let refused = world.auth.authenticate(&identifier, &password, &NOBODY).await.unwrap_err();
        assert_eq!(refused, Rejection::InvalidCredentials, "{name}");
        replies.push(world.auth.refuse(&refused, &post("/login")));
    }
    assert!(replies.windows(2).all(|pair| pair[0] == pair[1]), "{replies:?}");
}

/// Does a login hash? With one slot and no queue, it then locks the next one out: counting, not
/// timing.
///
/// Tried again if the hash may just have been over before anybody looked; a login that does not
/// hash never locks out.
async fn occupies_the_pool(world: &World, identifier: &str, password: &str) -> bool {
    for _ in 0..20 {
        let mut login = pin!(world.auth.authenticate(identifier, password, &NOBODY));
        let Poll::Pending = poll_once(login.as_mut()) else { continue };
        let meanwhile = poll_once(pin!(world.auth.authenticate("nobody", "right", &NOBODY)));
        assert_eq!(login.await, Err(Rejection::InvalidCredentials), "{identifier}");
        if matches!(meanwhile, Poll::Ready(Err(Rejection::Busy { .. }))) {
            return true;
        }
    }
    false
}

#[tokio::test]
async fn every_failure_occupies_a_hash_and_an_unacceptable_password_none() {
    let world = world_of(slow().concurrency(1).queue_limit(0)).await;
    for (name, identifier, password) in failures() {
        assert!(occupies_the_pool(&world, &identifier, &password).await, "{name}: it does not hash");
    }
    // The control: what does not hash is told apart by the same test.
    for identifier in ["alice", "nobody", "carol", "dora", "frank"] {
        for password in UNACCEPTABLE.iter().copied().chain([&*"x".repeat(1025)]) {
            let login = poll_once(pin!(world.auth.authenticate(identifier, password, &NOBODY)));
            assert_eq!(login, Poll::Ready(Err(Rejection::InvalidCredentials)), "at once");
            assert!(!occupies_the_pool(&world, identifier, password).await, "{identifier}");
        }
    }
}

/// W-09, P-09. The shortest of several runs: what else the machine does only makes runs longer. On
/// a busy machine it takes more of them until each case has had one in peace; what skips the hash,
/// or hashes twice, never gets there.
#[tokio::test]
async fn login_times_equal() {
    let world = world_of(slow()).await;
    let cases = failures();
    // The control: were the dummy hash skipped somewhere, it would look like this.
    let control = ("control", "alice".to_owned(), "nul\0".to_owned());
    let mut shortest = vec![Duration::MAX; cases.len() + 1];
    for round in 1..=40 {
        for ((_, identifier, password), shortest) in cases.iter().chain([&control]).zip(&mut shortest) {
            let began = Instant::now();
            let _ = world.auth.authenticate(identifier, password, &NOBODY).await;
            *shortest = (*shortest).min(began.elapsed());
        }
        let of_a_wrong_password = |time: &Duration| time.as_secs_f64() / shortest[0].as_secs_f64();
        let mut ratios: Vec<_> = shortest.iter().map(of_a_wrong_password).collect();
        let control = ratios.pop().unwrap();
        assert!(control < 0.5, "skipping the hash would not be noticed: {control}");
        let equal = ratios.iter().all(|ratio| (0.5..2.0).contains(ratio));
        if round >= 5 && equal {
            return;
        }
        let names = cases.iter().map(|(name, ..)| *name);
        assert!(round < 40, "times of a wrong password: {:#?}", names.zip(ratios).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn an_unacceptable_password_is_refused_before_any_lookup() {
    let world = World::new();
    for password in UNACCEPTABLE.iter().copied().chain([&*"x".repeat(1025)]) {
        for identifier in ["alice", "nobody"] {
            let refused = world.auth.authenticate(identifier, password, &NOBODY).await;
            assert_eq!(refused, Err(Rejection::InvalidCredentials));
            assert_eq!(world.users.identity_loads(), 0, "{identifier}");
            let event = world.events.only();
            assert_eq!(event.kind, EventKind::AuthenticationFailed);
            assert_eq!(event.reason, Some("unacceptable_password"));
            assert!(event.identifier.is_some());
        }
    }
    let _ = world.auth.authenticate("alice", &"x".repeat(1024), &NOBODY).await;
    assert_eq!(world.users.identity_loads(), 1, "the longest that is looked at");
}

#[tokio::test]
async fn an_identifier_has_255_bytes() {
    let world = World::new();
    for (bytes, asked) in [(0, false), (1, true), (255, true), (256, false), (1_000_000, false)] {
        let before = world.users.identity_loads();
        let refused = world.auth.authenticate(&"a".repeat(bytes), "s3cret", &NOBODY).await;
        assert_eq!(refused, Err(Rejection::InvalidCredentials), "{bytes}");
        assert_eq!(world.users.identity_loads() - before, usize::from(asked), "{bytes}");
    }
    let two_bytes_each = "ä".repeat(128);
    let _ = world.auth.authenticate(&two_bytes_each, "s3cret", &NOBODY).await;
    assert_eq!(world.users.identity_loads(), 2, "bytes, not characters");
}

#[tokio::test]
async fn passwords_need_a_provider_with_password_login() {
    let users = Users::new();
    let builder = fauth_core::AuthProvider::<TestUser>::builder(config()).user_loader(users.user_loader());
    let auth = builder.without_password_login().danger_stateless().build().unwrap();
    let refused = auth.authenticate("alice", "s3cret", &NOBODY).await.unwrap_err();
    assert_eq!(refused, Rejection::Misconfigured(Misconfigured::NoPasswordLogin));
    assert_eq!(auth.hash_password("s3cret").await, Err(PasswordError::Failed));

    let auth = fauth_testing::provider().build().unwrap();
    let hash = auth.hash_password("green ideas sleep").await.unwrap();
    let verified = hasher(fauth_testing::weak_passwords()).verify("green ideas sleep", Some(&hash)).await;
    assert_eq!(verified, Ok(Verification::Match));
}

// ------------------------------------------------------------------------------------------------
// rehashing

/// Name, old hash, new hash.
type Updates = Arc<Mutex<Vec<(String, String, String)>>>;

/// Today's scheme, above that of the fake users.
fn today() -> PasswordConfig {
    PasswordConfig::danger_weak_argon2id(16, 2, 1)
}

/// A provider that keeps what its updater gets.
fn updating(config: PasswordConfig) -> (World, Updates) {
    let updates = Updates::default();
    let kept = Arc::clone(&updates);
    let world = World::with(|builder| {
        builder.password(config).password_updater(move |user: Arc<TestUser>, hash: NewPasswordHash| {
            kept.lock().unwrap().push((user.name.clone(), hash.old, hash.new));
            async { Ok::<(), io::Error>(()) }
        })
    });
    (world, updates)
}

#[tokio::test]
async fn a_login_brings_an_old_hash_up_to_date() {
    let bcrypt = hasher(PasswordConfig::danger_weak_bcrypt(4)).hash("s3cret").await.unwrap();
    let weak = Users::new().find("alice").password_hash.unwrap();
    for old in [bcrypt, weak] {
        let (world, updates) = updating(today());
        world.users.change("alice", |user| user.password_hash = Some(old.clone()));

        assert!(world.auth.authenticate("alice", "s3cret", &NOBODY).await.is_ok());
        let updates: Vec<_> = std::mem::take(&mut *updates.lock().unwrap());
        let [(name, before, after)] = updates.as_slice() else { panic!("{} updates", updates.len()) };
        assert_eq!((name.as_str(), before), ("alice", &old));
        assert_eq!(
            hasher(today()).verify("s3cret", Some(after)).await,
            Ok(Verification::Match),
            "no more to do"
        );
        let kinds: Vec<_> =
            world.events.take().into_iter().map(|event| (event.kind, event.subject)).collect();
        let alice = || Some("alice".to_owned());
        assert_eq!(kinds, [(EventKind::PasswordRehashed, alice()), (EventKind::Authenticated, alice())]);
    }
}

#[tokio::test]
async fn only_a_successful_login_with_an_old_hash_updates_it() {
    let (world, updates) = updating(today());
    let current = hasher(today()).hash("s3cret").await.unwrap();
    world.users.change("bob", |user| user.password_hash = Some(current));
    assert!(world.auth.authenticate("bob", "s3cret", &NOBODY).await.is_ok(), "the hash is of today");
    for (identifier, password) in [
        ("alice", "wrong"),
        ("carol", "pa55word"),
        ("dora", "s3cret"),
        ("frank", "s3cret"),
        ("nobody", "s3cret"),
    ] {
        assert!(world.auth.authenticate(identifier, password, &NOBODY).await.is_err(), "{identifier}");
    }
    assert!(updates.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_password_that_the_new_scheme_cannot_hold_keeps_its_old_hash() {
    let (world, updates) = updating(PasswordConfig::danger_weak_bcrypt(4));
    let long = "x".repeat(72);
    let old = hasher(fauth_testing::weak_passwords()).hash(&long).await.unwrap();
    world.users.change("alice", |user| user.password_hash = Some(old));
    assert!(world.auth.authenticate("alice", &long, &NOBODY).await.is_ok());
    assert!(updates.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_failing_updater_does_not_spoil_the_login() {
    let world = World::with(|builder| {
        builder.password(today()).password_updater(|_: Arc<TestUser>, _: NewPasswordHash| async {
            Err::<(), _>(io::Error::other("read-only replica"))
        })
    });
    assert_eq!(world.auth.authenticate("alice", "s3cret", &NOBODY).await.unwrap().name, "alice");
    let events = world.events.take();
    assert_eq!(events.len(), 2, "{events:?}");
    assert_eq!((events[0].kind, events[0].reason), (EventKind::CallbackFailed, Some("rehash_failed")));
    assert_eq!(events[0].subject.as_deref(), Some("alice"));
    assert_eq!(events[0].error.as_deref(), Some("read-only replica"));
    assert_eq!(events[1].kind, EventKind::Authenticated);
}

#[tokio::test(start_paused = true)]
async fn a_hanging_updater_does_not_spoil_the_login() {
    let limit = Duration::from_secs(7);
    let world = World::with(|builder| {
        builder.loader_timeout(limit).password(today()).password_updater(
            |_: Arc<TestUser>, _: NewPasswordHash| std::future::pending::<Result<(), io::Error>>(),
        )
    });
    let began = tokio::time::Instant::now();
    assert!(world.auth.authenticate("alice", "s3cret", &NOBODY).await.is_ok());
    assert_eq!(began.elapsed(), limit);
    let events = world.events.take();
    assert_eq!((events[0].kind, events[0].reason), (EventKind::CallbackFailed, Some("rehash_timeout")));
    assert_eq!(events[1].kind, EventKind::Authenticated);
}

/// The slot that the check leaves goes to whoever waits, and the queue is full: no room to hash the
/// password again.
#[tokio::test]
async fn a_busy_pool_puts_the_rehash_off() {
    let old = hasher(slower()).hash("s3cret").await.unwrap();
    let (world, updates) = updating(today().concurrency(1).queue_limit(1));
    world.users.change("alice", |user| user.password_hash = Some(old));
    let mut login = pin!(world.auth.authenticate("alice", "s3cret", &NOBODY));
    assert!(poll_once(login.as_mut()).is_pending());
    let mut waiting = pin!(world.auth.authenticate("bob", "wrong", &NOBODY));
    assert!(poll_once(waiting.as_mut()).is_pending());
    assert!(login.await.is_ok());
    assert!(updates.lock().unwrap().is_empty());
    assert!(waiting.await.is_err());
    assert!(world.auth.authenticate("alice", "s3cret", &NOBODY).await.is_ok());
    assert_eq!(updates.lock().unwrap().len(), 1, "the next login makes up for it");
}

// ------------------------------------------------------------------------------------------------
// the pool

#[tokio::test]
async fn a_full_pool_sheds_with_retry_after() {
    for (wait, seconds) in [(1, "1"), (3000, "3"), (3001, "4")] {
        let config = slower().concurrency(1).queue_limit(0).queue_wait(Duration::from_millis(wait));
        let world = world_of(config).await;
        let mut running = pin!(world.auth.authenticate("alice", "right", &NOBODY));
        assert!(poll_once(running.as_mut()).is_pending());
        for identifier in ["alice", "nobody", "carol"] {
            let Poll::Ready(Err(busy)) =
                poll_once(pin!(world.auth.authenticate(identifier, "right", &NOBODY)))
            else {
                panic!("{identifier} waits")
            };
            let reply = world.auth.refuse(&busy, &post("/login"));
            assert_eq!((reply.status(), header(&reply, "retry-after")), (503, vec![seconds]));
        }
        assert!(running.await.is_ok());
    }
}

#[tokio::test]
async fn a_cancelled_login_keeps_its_slot_until_the_hash_ends() {
    let world = world_of(slower().concurrency(1).queue_limit(1)).await;
    {
        let mut gone = pin!(world.auth.authenticate("alice", "right", &NOBODY));
        assert!(poll_once(gone.as_mut()).is_pending());
    }
    let mut next = pin!(world.auth.authenticate("bob", "right", &NOBODY));
    assert!(poll_once(next.as_mut()).is_pending(), "the hash of the client that has gone still runs");
    let third = poll_once(pin!(world.auth.authenticate("alice", "right", &NOBODY)));
    assert!(matches!(third, Poll::Ready(Err(Rejection::Busy { .. }))), "{third:?}");

    assert!(next.await.is_ok(), "the slot came free when the hash ended");
    assert!(world.auth.authenticate("alice", "right", &NOBODY).await.is_ok());
}

/// A login flood may fill the pool; who has a token does not notice.
#[tokio::test]
async fn hash_pool_bounded() {
    let world = world_of(slower().concurrency(1).queue_limit(64)).await;
    let mut flood: Vec<_> =
        (0..16).map(|_| Box::pin(world.auth.authenticate("nobody", "x", &NOBODY))).collect();
    for login in &mut flood {
        assert!(poll_once(login.as_mut()).is_pending());
    }
    let head = get("/").bearer(&world.access("alice"));
    let check = poll_once(pin!(world.auth.check_current(world.auth.read(&head))));
    assert!(matches!(check, Poll::Ready(Ok(_))), "at the first poll");
}

#[tokio::test]
async fn providers_do_not_share_a_pool() {
    let first = world_of(slower().concurrency(1).queue_limit(0)).await;
    let users = Users::new();
    let second = provider_with(config(), &users).build().unwrap();
    let mut running = pin!(first.auth.authenticate("alice", "right", &NOBODY));
    assert!(poll_once(running.as_mut()).is_pending());
    assert!(second.authenticate("alice", "s3cret", &NOBODY).await.is_ok());
    let _ = running.await;
}
