//! Logins that are kept, below HTTP: what is told of them, what ends which of them, and what many
//! requests at once make of one.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::Poll,
    time::Duration,
};

use fauth_core::{
    AuthConfig, ClientInfo, LoginRequest, MemoryStore, OneTimePurpose, Purpose, Rejection, SessionConfig,
    TokenRequest,
    api_key::ApiKeyRequest,
    clock::Timestamp,
    event::EventKind,
    rejection::InvalidToken,
    routes::Endpoint,
    store::{RevocationStore as _, RevocationTarget, SessionId},
    token::{Algorithm, Key},
};
use fauth_testing::{Log, ManualClock, SECRET, TestUser, Users, config, memory_store, provider_with};
use tokio::{sync::Barrier, task::JoinSet};
use tracing::Level;

use crate::support::{Raised, Sink, Tokens, World, login_request, poll_once};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

fn invalid(reason: InvalidToken) -> Rejection {
    Rejection::InvalidToken(reason)
}

/// Kind and reason of everything that was raised.
fn told(world: &World) -> Vec<(EventKind, Option<&'static str>)> {
    world.events.take().into_iter().map(|event| (event.kind, event.reason)).collect()
}

// ------------------------------------------------------------------------------------------------
// what happens while a password is checked

/// A provider whose identity loader does something at its second look, which comes after the
/// password was checked.
fn meanwhile(store: &MemoryStore, second_look: impl Fn(&Users) + Send + Sync + 'static) -> World {
    let looks = Arc::new(AtomicUsize::new(0));
    let users = Users::new();
    let load = users.identity_loader();
    let (clock, events) = (ManualClock::new(), Sink::default());
    let seen = users.clone();
    let builder = provider_with(config(), &users)
        .store(store.clone())
        .identity_loader(move |name: String| {
            if looks.fetch_add(1, Ordering::SeqCst) == 1 {
                second_look(&seen);
            }
            load(name)
        })
        .clock(clock.clone())
        .events(events.clone());
    World { auth: builder.build().unwrap(), users, clock, events }
}

#[tokio::test]
async fn a_password_that_is_changed_while_it_is_checked_is_wrong() {
    let changes: [fn(&mut TestUser); 3] = [
        |alice| alice.password_hash = Some("$argon2id$another".into()),
        |alice| alice.token_epoch += 1,
        |alice| alice.active = false,
    ];
    for change in changes {
        let world = meanwhile(&memory_store(), move |users| users.change("alice", change));
        let refused = world.auth.authenticate("alice", "s3cret", &ClientInfo::unknown()).await.unwrap_err();
        assert_eq!(refused, Rejection::InvalidCredentials);
        assert_eq!(told(&world), [(EventKind::AuthenticationFailed, Some("changed_meanwhile"))]);
    }
    let world = meanwhile(&memory_store(), |_| {});
    world.auth.authenticate("alice", "s3cret", &ClientInfo::unknown()).await.unwrap();
}

/// The application has not changed the password, but somebody has logged out everywhere.
#[tokio::test]
async fn a_login_that_began_before_everything_ended_ends_with_it() {
    let store = memory_store();
    let elsewhere = provider_with(config(), &Users::new()).store(store.clone()).build().unwrap();
    let world = meanwhile(&store, move |_| {
        let ending = poll_once(std::pin::pin!(elsewhere.logout_all("alice", &ClientInfo::unknown())));
        assert!(matches!(ending, Poll::Ready(Ok(()))), "{ending:?}");
    });
    let reply = world.call(Endpoint::Login, &login_request("alice", "s3cret")).await;
    let body: serde_json::Value = serde_json::from_slice(reply.body_bytes()).unwrap();
    let token = |name: &str| body[name].as_str().unwrap().to_owned();
    let tokens = Tokens { access: token("access_token"), refresh: token("refresh_token") };
    world.is_over(&tokens, "it began before").await;
    let again = world.log_in("alice").await;
    world.works(&again).await;
}

/// As after a crash between the two steps of a logout.
#[tokio::test]
async fn a_session_that_was_revoked_but_not_ended_is_ended_by_the_next_refresh() {
    let store = memory_store();
    let world = World::with(|builder| builder.store(store.clone()));
    let tokens = world.log_in("alice").await;
    let id = world.session_of(&tokens);
    let soon = ManualClock::START.checked_add(MINUTE).unwrap();
    let target = RevocationTarget::Session(id.as_str());
    store.revoke(&world.auth.owner("alice"), &[target], None, ManualClock::START, soon).await.unwrap();
    assert_eq!(world.auth.sessions("alice").await.unwrap().len(), 1);
    assert_eq!(world.refresh(&tokens).await.unwrap_err(), invalid(InvalidToken::Revoked));
    assert_eq!(world.auth.sessions("alice").await.unwrap(), []);
    world.clock.advance(MINUTE * 2);
    world.refresh(&tokens).await.unwrap_err();
}

#[tokio::test]
async fn a_revoked_subject_has_no_api_keys_left() {
    let world = World::with(|builder| builder.store(memory_store()));
    let mut keys = Vec::new();
    for owner in ["alice", "alice", "bob"] {
        keys.push(world.auth.danger_create_api_key_for(owner, ApiKeyRequest::new("x")).await.unwrap());
    }
    world.auth.revoke("alice", &[RevocationTarget::TokenId(keys[1].key().id.as_str())]).await.unwrap();
    assert_eq!(world.auth.api_keys("alice").await.unwrap().len(), 1);
    world.auth.revoke("alice", &[RevocationTarget::Subject]).await.unwrap();
    assert_eq!(world.auth.api_keys("alice").await.unwrap(), []);
    assert_eq!(world.auth.api_keys("bob").await.unwrap().len(), 1);
    world.auth.danger_create_api_key_for("alice", ApiKeyRequest::new("x")).await.unwrap_err();
}

// ------------------------------------------------------------------------------------------------
// events

/// Runs each flow and gives the events of each, in their order.
async fn every_flow(world: &World) -> (Tokens, Vec<Raised>) {
    let auth = &world.auth;
    let tokens = Tokens::of(&auth.login("alice").await.unwrap());
    let mut raised = vec![world.events.only()];
    let next = world.refresh(&tokens).await.unwrap();
    raised.push(world.events.only());
    world.refresh(&tokens).await.unwrap();
    raised.push(world.events.only());
    auth.logout(&next.access, &ClientInfo::unknown()).await.unwrap();
    raised.push(world.events.only());
    (tokens, raised)
}

#[tokio::test]
async fn every_step_of_a_session_is_told_with_its_hash() {
    let world = World::new();
    let (tokens, raised) = every_flow(&world).await;
    let kinds: Vec<_> = raised.iter().map(|event| (event.kind, event.reason)).collect();
    assert_eq!(
        kinds,
        [
            (EventKind::LoggedIn, None),
            (EventKind::Refreshed, None),
            (EventKind::Refreshed, Some("in_grace")),
            (EventKind::LoggedOut, None)
        ]
    );
    let hash = raised[0].session.clone().unwrap();
    assert!(hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit()), "{hash}");
    for event in &raised {
        assert_eq!((event.session.as_ref(), event.subject.as_deref()), (Some(&hash), Some("alice")));
    }
    let sid = world.session_of(&tokens);
    assert!(!sid.as_str().contains(&hash) && !hash.contains(sid.as_str()));
    let (_, other) = every_flow(&world).await;
    assert_ne!(other[0].session, Some(hash), "another session");
}

/// All instances of an application tell of a session in the same way, and nobody else can.
#[tokio::test]
async fn the_hash_of_a_session_is_keyed() {
    let world = World::new();
    let tokens = world.log_in("alice").await;
    world.auth.logout(&tokens.access, &ClientInfo::unknown()).await.unwrap();
    let here = world.events.only().session;
    let twin = Sink::default();
    let auth = provider_with(config(), &world.users).events(twin.clone()).build().unwrap();
    auth.logout(&tokens.access, &ClientInfo::unknown()).await.unwrap();
    assert_eq!(twin.only().session, here);
    // It verifies what the others sign, but signs with another key.
    let theirs = Key::hmac(Algorithm::HS256, SECRET.as_bytes()).unwrap();
    let settings = AuthConfig::builder().secret("another-9f2c4a7be1d80356-4b1e7f90").secret_id("new");
    let settings = settings.verification_key(theirs).build().unwrap();
    let stranger = Sink::default();
    let auth = provider_with(settings, &world.users).events(stranger.clone()).build().unwrap();
    auth.logout(&tokens.access, &ClientInfo::unknown()).await.unwrap();
    assert_ne!(stranger.only().session, here);
}

#[tokio::test]
async fn whoever_ends_a_session_from_outside_is_told_of() {
    let world = World::new();
    let tokens = [(); 4].map(|()| "alice");
    let mut logins = Vec::new();
    for name in tokens {
        logins.push((world.auth.login(name).await.unwrap(), world.events.only().session.unwrap()));
    }
    let payload = |at: usize| {
        world.auth.verify_signature_and_claims(logins[at].0.access_token().expose(), Purpose::Access).unwrap()
    };
    let id = |at: usize| SessionId::parse(payload(at).session_id().unwrap()).unwrap();

    assert_eq!(world.auth.revoke_session("alice", &id(0), &ClientInfo::unknown()).await, Ok(true));
    let event = world.events.only();
    assert_eq!((event.kind, event.subject.as_deref()), (EventKind::SessionEnded, Some("alice")));
    assert_eq!(event.session.as_ref(), Some(&logins[0].1));

    assert_eq!(world.auth.revoke_session("alice", &id(1), &ClientInfo::unknown()).await, Ok(true));
    let event = world.events.only();
    assert_eq!((event.kind, event.session.as_ref()), (EventKind::SessionEnded, Some(&logins[1].1)));

    assert_eq!(world.auth.logout_others(&payload(2), &ClientInfo::unknown()).await, Ok(1));
    let event = world.events.only();
    assert_eq!((event.kind, event.session.as_ref()), (EventKind::SessionEnded, Some(&logins[3].1)));

    world.auth.logout_all("alice", &ClientInfo::unknown()).await.unwrap();
    let event = world.events.only();
    assert_eq!((event.kind, event.subject.as_deref()), (EventKind::LoggedOutEverywhere, Some("alice")));
    assert_eq!(event.session, None);
}

#[tokio::test]
async fn a_theft_is_told_once_and_aloud() {
    let log = Log::of_process();
    let world = World::new();
    let tokens = Tokens::of(&world.auth.login("alice").await.unwrap());
    let session = world.events.only().session.unwrap();
    let next = world.refresh(&tokens).await.unwrap();
    world.clock.advance(10 * SECOND);
    world.events.take();
    assert_eq!(world.refresh(&tokens).await, Err(invalid(InvalidToken::Reused)));
    let event = world.events.only();
    assert_eq!((event.kind, event.reason), (EventKind::TokenTheft, None));
    assert_eq!((event.subject.as_deref(), event.session.as_ref()), (Some("alice"), Some(&session)));
    for stolen in [&tokens, &next, &tokens] {
        assert_eq!(world.refresh(stolen).await, Err(invalid(InvalidToken::Revoked)));
        assert_eq!(world.enter(stolen).await, Err(invalid(InvalidToken::Revoked)));
    }
    assert_eq!(world.events.take(), [], "once");
    let records: Vec<_> = log
        .with(&session)
        .into_iter()
        .filter(|record| record.field("event") == Some("token_theft"))
        .collect();
    let [record] = records.as_slice() else { panic!("{records:?}") };
    assert_eq!((record.level, record.target.as_str()), (Level::WARN, "fauth"));
    assert_eq!((record.field("session"), record.field("subject")), (Some(&*session), Some("alice")));
}

/// Of many who present a stolen token at once, one is told of.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_theft_by_many_at_once_is_told_once() {
    let world = Arc::new(World::new());
    let tokens = world.log_in("alice").await;
    world.refresh(&tokens).await.unwrap();
    world.clock.advance(MINUTE);
    world.events.take();
    for outcome in at_once(&world, &tokens).await {
        assert_eq!(outcome.unwrap_err().status(), 401);
    }
    let thefts = told(&world).iter().filter(|(kind, _)| *kind == EventKind::TokenTheft).count();
    assert_eq!(thefts, 1);
}

// ------------------------------------------------------------------------------------------------
// ending

#[tokio::test]
async fn a_logout_takes_either_token_and_may_come_twice() {
    let world = World::new();
    for by_refresh_token in [false, true] {
        let [tokens, other] = [world.log_in("alice").await, world.log_in("alice").await];
        let next = world.works(&tokens).await;
        let token = if by_refresh_token { &tokens.refresh } else { &tokens.access };
        world.auth.logout(token, &ClientInfo::unknown()).await.unwrap();
        for tokens in [&tokens, &next] {
            world.is_over(tokens, "logged out").await;
        }
        world.auth.logout(token, &ClientInfo::unknown()).await.unwrap();
        world.auth.logout(&next.refresh, &ClientInfo::unknown()).await.unwrap();
        world.works(&other).await;
    }
}

#[tokio::test]
async fn what_is_no_token_of_a_login_ends_nothing() {
    let world = World::new();
    let tokens = world.log_in("alice").await;
    let bent = format!("{}A", &tokens.access[..tokens.access.len() - 2]);
    let reset = world.one_time_token(OneTimePurpose::PasswordReset, "alice");
    for garbage in ["", "garbage", "a.b.c", &bent, &reset, &"x".repeat(100_000)] {
        let refused = world.auth.logout(garbage, &ClientInfo::unknown()).await.unwrap_err();
        assert_eq!(refused.status(), 401, "{refused:?}");
    }
    assert_eq!(told(&world), []);
    world.works(&tokens).await;
    // One that has run out belongs to nobody any more; the refresh token ends the login.
    world.clock.advance(15 * MINUTE);
    assert_eq!(
        world.auth.logout(&tokens.access, &ClientInfo::unknown()).await.unwrap_err().reason(),
        "token_expired"
    );
    world.auth.logout(&tokens.refresh, &ClientInfo::unknown()).await.unwrap();
    world.is_over(&tokens, "logged out by the refresh token").await;
}

#[tokio::test]
async fn a_logout_everywhere_ends_all_of_one_subject_and_nothing_else() {
    let world = World::new();
    let [first, second, bob] =
        [world.log_in("alice").await, world.log_in("alice").await, world.log_in("bob").await];
    let lone = Tokens { access: world.access("alice"), refresh: String::new() };
    world.auth.logout_all("alice", &ClientInfo::unknown()).await.unwrap();
    for tokens in [&first, &second, &lone] {
        world.is_over(tokens, "everything of alice").await;
    }
    assert_eq!(world.auth.sessions("alice").await, Ok(Vec::new()));
    world.works(&bob).await;
    // At the same second: what is issued from now on is of the new epoch.
    let later = world.log_in("alice").await;
    let later = world.works(&later).await;
    world.auth.logout_all("nobody", &ClientInfo::unknown()).await.unwrap();
    let later = world.works(&later).await;
    // Twice within one second counts twice.
    world.auth.logout_all("alice", &ClientInfo::unknown()).await.unwrap();
    world.is_over(&later, "everything of alice, once more").await;
    let last = world.log_in("alice").await;
    world.works(&last).await;
}

#[tokio::test]
async fn a_logout_of_the_others_keeps_the_current_session() {
    let world = World::new();
    let [current, first, second, bob] = [
        world.log_in("alice").await,
        world.log_in("alice").await,
        world.log_in("alice").await,
        world.log_in("bob").await,
    ];
    let payload = world.auth.verify_signature_and_claims(&current.access, Purpose::Access).unwrap();
    assert_eq!(world.auth.logout_others(&payload, &ClientInfo::unknown()).await, Ok(2));
    for tokens in [&first, &second] {
        world.is_over(tokens, "one of the others").await;
    }
    world.works(&bob).await;
    let current = world.works(&current).await;
    assert_eq!(world.auth.logout_others(&payload, &ClientInfo::unknown()).await, Ok(0));
    // A token outside any session keeps none.
    let lone = world.auth.verify_signature_and_claims(&world.access("alice"), Purpose::Access).unwrap();
    assert_eq!(world.auth.logout_others(&lone, &ClientInfo::unknown()).await, Ok(1));
    world.is_over(&current, "nobody's current session").await;
}

#[tokio::test]
async fn sessions_are_listed_for_their_owner_the_last_seen_first() {
    let world = World::new();
    let mut logins = Vec::new();
    for client in ["first", "second", "third"] {
        logins.push(
            world
                .log_in(
                    LoginRequest::for_subject("alice").client(ClientInfo::unknown().with_user_agent(client)),
                )
                .await,
        );
        world.clock.advance(MINUTE);
    }
    world.log_in("bob").await;
    let clients = async || -> Vec<_> {
        let listed = world.auth.sessions("alice").await.unwrap();
        listed.into_iter().map(|session| session.client.unwrap()).collect()
    };
    assert_eq!(clients().await, ["third", "second", "first"]);
    world.refresh(&logins[0]).await.unwrap();
    assert_eq!(clients().await, ["first", "third", "second"]);
    world.auth.logout(&logins[2].access, &ClientInfo::unknown()).await.unwrap();
    assert_eq!(clients().await, ["first", "second"]);
    assert_eq!(world.auth.sessions("nobody").await, Ok(Vec::new()));
    // Idle for seven days.
    world.clock.set(Timestamp::from_unix_seconds(ManualClock::START.unix_seconds() + 7 * 86_400 + 60));
    assert_eq!(clients().await, ["first"]);
}

#[tokio::test]
async fn a_session_is_ended_by_its_subject_and_its_id() {
    let world = World::new();
    let [alice, bob, other] =
        [world.log_in("alice").await, world.log_in("bob").await, world.log_in("bob").await];
    let [alices, bobs] = [&alice, &bob].map(|tokens| world.session_of(tokens));
    let unknown = SessionId::parse(&"A".repeat(22)).unwrap();

    for (subject, id) in
        [("alice", &bobs), ("bob", &alices), ("alice", &unknown), ("nobody", &alices), ("", &alices)]
    {
        assert_eq!(
            world.auth.revoke_session(subject, id, &ClientInfo::unknown()).await,
            Ok(false),
            "{subject}"
        );
    }
    assert_eq!(told(&world), []);
    // Nothing was revoked either: both tokens of everybody still do what they are for.
    let alice = world.works(&alice).await;
    let bob = world.works(&bob).await;
    world.events.take();

    assert_eq!(world.auth.revoke_session("alice", &alices, &ClientInfo::unknown()).await, Ok(true));
    world.is_over(&alice, "ended under its subject").await;
    assert_eq!(
        world.auth.revoke_session("alice", &alices, &ClientInfo::unknown()).await,
        Ok(false),
        "it has ended already"
    );
    assert_eq!(world.auth.revoke_session("bob", &bobs, &ClientInfo::unknown()).await, Ok(true));
    world.is_over(&bob, "ended by an administrator").await;
    for (subject, gone) in [("bob", &bobs), ("alice", &alices), ("alice", &unknown)] {
        assert_eq!(world.auth.revoke_session(subject, gone, &ClientInfo::unknown()).await, Ok(false));
    }
    world.works(&other).await;
}

/// The store of revocations is not even asked to remember anything for somebody else's session.
#[tokio::test]
async fn whoever_names_a_session_that_is_not_his_leaves_no_trace() {
    let revocations = memory_store();
    let world = World::with(|builder| builder.revocation_store(revocations.clone()));
    let bob = world.log_in("bob").await;
    let id = world.session_of(&bob);
    assert_eq!(world.auth.revoke_session("alice", &id, &ClientInfo::unknown()).await, Ok(false));
    assert_eq!(revocations.sizes().revocations, 0);
    assert_eq!(world.auth.revoke_session("bob", &id, &ClientInfo::unknown()).await, Ok(true));
    assert_eq!(revocations.sizes().revocations, 1);
}

/// The account is closed and opened again: whoever was logged in before is not any more.
#[tokio::test]
async fn a_refresh_for_an_inactive_user_ends_his_session() {
    let world = World::new();
    let [tokens, other] = [world.log_in("alice").await, world.log_in("alice").await];
    world.users.change("alice", |alice| alice.active = false);
    assert_eq!(world.refresh(&tokens).await, Err(invalid(InvalidToken::InactiveUser)));
    world.users.change("alice", |alice| alice.active = true);
    world.is_over(&tokens, "its session has ended").await;
    world.works(&other).await;
}

#[tokio::test]
async fn one_login_too_many_ends_the_session_that_was_seen_longest_ago() {
    let world = World::with(|builder| builder.sessions(SessionConfig::new().limit(2)));
    let [first, second] = [world.log_in("alice").await, world.log_in("alice").await];
    world.clock.advance(SECOND);
    let first = world.works(&first).await;
    let third = world.log_in("alice").await;
    world.is_over(&second, "crowded out").await;
    world.works(&first).await;
    world.works(&third).await;
    let bob = world.log_in("bob").await;
    world.works(&bob).await;
}

// ------------------------------------------------------------------------------------------------
// time

#[tokio::test]
async fn a_clock_that_jumps_back_brings_no_login_back() {
    let world = World::new();
    let [ended, everywhere] = [world.log_in("alice").await, world.log_in("bob").await];
    let stays = world.log_in("alice").await;
    world.clock.advance(10 * MINUTE);
    world.auth.logout(&ended.access, &ClientInfo::unknown()).await.unwrap();
    world.auth.logout_all("bob", &ClientInfo::unknown()).await.unwrap();
    world.clock.set(ManualClock::START);
    world.is_over(&ended, "logged out before the clock jumped back").await;
    world.is_over(&everywhere, "logged out everywhere").await;
    world.works(&stays).await;
    world.clock.advance(10 * MINUTE);
    world.is_over(&ended, "and when it has caught up").await;
    world.is_over(&everywhere, "and when it has caught up").await;
}

/// A jump must not open the grace window again, in whichever direction.
#[tokio::test]
async fn a_clock_that_jumps_closes_the_grace_window() {
    for (span, is_good) in
        [(0, true), (9, true), (-9, true), (10, false), (-10, false), (600, false), (-600, false)]
    {
        let world = World::new();
        let tokens = world.log_in("alice").await;
        world.clock.advance(15 * MINUTE);
        let next = world.refresh(&tokens).await.unwrap();
        let now = ManualClock::START.unix_seconds() + 15 * 60 + span;
        world.clock.set(Timestamp::from_unix_seconds(now));
        match world.refresh(&tokens).await {
            Ok(again) => assert_eq!((is_good, again.refresh), (true, next.refresh), "{span}"),
            Err(refused) => assert_eq!((is_good, refused), (false, invalid(InvalidToken::Reused)), "{span}"),
        }
    }
}

// ------------------------------------------------------------------------------------------------
// many at once

const MANY: usize = 16;

/// Sixteen refreshes of one token, on all threads at once.
async fn at_once(world: &Arc<World>, tokens: &Tokens) -> Vec<Result<Tokens, Rejection>> {
    let start = Arc::new(Barrier::new(MANY));
    let mut tasks = JoinSet::new();
    for _ in 0..MANY {
        let (world, tokens, start) = (Arc::clone(world), tokens.clone(), Arc::clone(&start));
        tasks.spawn(async move {
            start.wait().await;
            world.refresh(&tokens).await
        });
    }
    tasks.join_all().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_refreshes_give_one_and_the_same_successor() {
    let world = Arc::new(World::new());
    for _ in 0..50 {
        let tokens = Tokens::of(&world.auth.login("alice").await.unwrap());
        let outcomes = at_once(&world, &tokens).await;
        let pairs: Vec<_> = outcomes.into_iter().map(Result::unwrap).collect();
        let successors: HashSet<_> = pairs.iter().map(|pair| &pair.refresh).collect();
        assert_eq!(successors.len(), 1, "one new head");
        assert_ne!(pairs[0].refresh, tokens.refresh);
        let mut raised = told(&world);
        raised.sort_by_key(|(kind, reason)| (*kind != EventKind::LoggedIn, reason.is_some()));
        assert_eq!(raised[..2], [(EventKind::LoggedIn, None), (EventKind::Refreshed, None)]);
        assert_eq!(raised[2..], [(EventKind::Refreshed, Some("in_grace")); MANY - 1]);
        for pair in &pairs {
            assert_eq!(world.enter(pair).await, Ok(()));
        }
        world.works(&pairs[0]).await;
        world.events.take();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn without_a_grace_window_one_of_parallel_refreshes_wins_and_the_session_ends() {
    let world = World::with(|builder| builder.sessions(SessionConfig::new().grace(Duration::ZERO)));
    let world = Arc::new(world);
    for _ in 0..50 {
        let tokens = world.log_in("alice").await;
        let (won, lost): (Vec<_>, Vec<_>) =
            at_once(&world, &tokens).await.into_iter().partition(Result::is_ok);
        assert_eq!((won.len(), lost.len()), (1, MANY - 1));
        assert!(lost.iter().all(|refused| refused.as_ref().unwrap_err().status() == 401));
        let thefts = told(&world).iter().filter(|(kind, _)| *kind == EventKind::TokenTheft).count();
        assert_eq!(thefts, 1);
        world.is_over(won[0].as_ref().unwrap(), "somebody has a copy").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn refreshes_that_race_a_logout_leave_nothing_that_works() {
    let world = Arc::new(World::new());
    for round in 0..50 {
        let tokens = world.log_in("alice").await;
        let ending = {
            let (world, tokens) = (Arc::clone(&world), tokens.clone());
            tokio::spawn(async move {
                let token = if round % 2 == 0 { &tokens.access } else { &tokens.refresh };
                world.auth.logout(token, &ClientInfo::unknown()).await
            })
        };
        let outcomes = at_once(&world, &tokens).await;
        ending.await.unwrap().unwrap();
        for pair in outcomes.into_iter().flatten() {
            world.is_over(&pair, "what the race gave").await;
        }
        world.is_over(&tokens, "what was there before").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn logins_that_race_a_logout_everywhere_are_good_or_not_by_halves_never() {
    let world = Arc::new(World::new());
    for _ in 0..50 {
        let before = world.log_in("alice").await;
        let start = Arc::new(Barrier::new(5));
        let mut tasks = JoinSet::new();
        for number in 0..5 {
            let (world, start) = (Arc::clone(&world), Arc::clone(&start));
            tasks.spawn(async move {
                start.wait().await;
                if number == 2 {
                    world.auth.logout_all("alice", &ClientInfo::unknown()).await.unwrap();
                    return None;
                }
                Some(world.log_in(TokenRequest::for_subject("alice")).await)
            });
        }
        for tokens in tasks.join_all().await.into_iter().flatten() {
            // Of the new epoch, its session may still have been ended; of the old one, nothing is
            // good.
            if world.enter(&tokens).await.is_err() {
                world.is_over(&tokens, "of the old epoch").await;
            }
        }
        world.is_over(&before, "issued before").await;
    }
}
