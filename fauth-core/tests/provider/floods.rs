//! One account that does the same again and again: what it adds to the revocations is bounded, and
//! nobody else notices.

use std::{
    pin::{Pin, pin},
    task::Poll,
    time::Duration,
};

use fauth_core::{
    AuthProvider, ClientInfo, MemoryStore, Purpose, Rejection, SessionConfig, TokenPair,
    clock::{Clock as _, Timestamp},
    event::EventKind,
    rejection::Unavailable,
    routes::Endpoint,
    store::{Owner, RevocationStore as _, RevocationTarget, SessionId, TokenFacts, Verdict},
};
use fauth_testing::{Fault, FaultyStore, ManualClock, TestUser, memory_store};

use crate::support::{Tokens, World, login_request, poll_once};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

/// What the acts of one subject may have revoked at a time.
const SHARE: usize = 1000;

/// A memory store with room for so many revocations, of which a sixteenth is kept for epochs and
/// administrators.
fn store_for(revocations: usize) -> MemoryStore {
    let since = Timestamp::from_unix_seconds(0);
    MemoryStore::builder().revocations(revocations).remembers_since(since).build()
}

fn world_on(store: &MemoryStore) -> World {
    World::with(|builder| builder.store(store.clone()))
}

async fn log_out(world: &World, token: &str) -> Result<(), Rejection> {
    world.auth.logout(token, &ClientInfo::unknown()).await
}

/// Fills so many places of a subject, as logouts do.
async fn fill(store: &MemoryStore, auth: &AuthProvider<TestUser>, subject: &str, places: usize) {
    let ids: Vec<_> = (0..places).map(|number| format!("{subject} {number}")).collect();
    let targets: Vec<_> = ids.iter().map(|id| RevocationTarget::Session(id)).collect();
    let until = ManualClock::START.checked_add(100 * HOUR).unwrap();
    let owner: Owner<'_> = auth.owner(subject);
    assert!(store.revoke(&owner, &targets, None, ManualClock::START, until).await.unwrap());
}

#[tokio::test]
async fn logging_out_with_every_token_of_a_session_adds_one_revocation() {
    let store = store_for(64);
    let world = world_on(&store);
    let [alice, bob, carol] =
        [world.log_in("alice").await, world.log_in("bob").await, world.log_in("carol").await];
    world.refresh(&alice).await.unwrap();
    // Within the grace window each repetition gives another access token, and writes nothing.
    let mut tokens = Vec::new();
    for _ in 0..500 {
        tokens.push(world.refresh(&alice).await.unwrap().access);
    }
    tokens.extend([alice.access.clone(), alice.refresh.clone()]);
    for token in &tokens {
        log_out(&world, token).await.unwrap();
    }
    assert_eq!(store.sizes().revocations, 1);
    for token in &tokens[..500] {
        let tokens = Tokens { access: token.clone(), refresh: alice.refresh.clone() };
        world.is_over(&tokens, "logged out").await;
    }
    // Nobody else notices.
    log_out(&world, &bob.access).await.unwrap();
    world.is_over(&bob, "logged out").await;
    world.auth.revoke("carol", &[RevocationTarget::Subject]).await.unwrap();
    world.is_over(&carol, "revoked").await;
}

/// Whatever the clock shows: the time that is asked for does not move with it.
#[tokio::test]
async fn a_logout_that_comes_again_later_asks_for_nothing_new() {
    let store = FaultyStore::default();
    let world =
        World::without_store(|builder| builder.session_store(store.clone()).revocation_store(store.clone()));
    let stateless =
        World::without_store(|builder| builder.danger_stateless().revocation_store(store.clone()));
    for world in [&world, &stateless] {
        for by_refresh_token in [false, true] {
            let tokens = world.log_in("alice").await;
            let token = if by_refresh_token { &tokens.refresh } else { &tokens.access };
            store.revocation_ends();
            log_out(world, token).await.unwrap();
            let [("sid", first)] = store.revocation_ends()[..] else { panic!("the session, once") };
            for _ in 0..5 {
                world.clock.advance(SECOND);
                log_out(world, token).await.unwrap();
                log_out(world, &tokens.access).await.unwrap();
                assert!(store.revocation_ends().iter().all(|(_, until)| *until <= first));
            }
            world.is_over(&tokens, "logged out").await;
            world.clock.set(ManualClock::START);
        }
    }
}

/// A token that belongs to no login stands for itself.
#[tokio::test]
async fn a_token_without_a_session_is_revoked_by_its_id_until_it_ends() {
    let store = FaultyStore::default();
    let world =
        World::without_store(|builder| builder.session_store(store.clone()).revocation_store(store.clone()));
    let lone = world.access("alice");
    let end = world.auth.verify_signature_and_claims(&lone, Purpose::Access).unwrap().expires_at();
    for _ in 0..2 {
        log_out(&world, &lone).await.unwrap();
        let [("jti", until)] = store.revocation_ends()[..] else { panic!("the token alone") };
        assert!(until >= end, "{until} {end}");
        world.clock.advance(MINUTE);
    }
    assert_eq!(store.inner().sizes().revocations, 1);
    let tokens = Tokens { access: lone, refresh: String::new() };
    world.is_over(&tokens, "logged out").await;
}

#[tokio::test]
async fn the_last_place_is_taken_and_one_more_logout_ends_everything_of_the_subject() {
    for (limit, share) in [(50, SHARE), (501, 1002)] {
        let store = memory_store();
        let world =
            World::with(|builder| builder.store(store.clone()).sessions(SessionConfig::new().limit(limit)));
        fill(&store, &world.auth, "alice", share - 1).await;
        let [last, one_more, kept] =
            [world.log_in("alice").await, world.log_in("alice").await, world.log_in("alice").await];
        let bob = world.log_in("bob").await;
        log_out(&world, &last.access).await.unwrap();
        world.is_over(&last, "logged out").await;
        world.events.take();
        let kept = world.works(&kept).await;
        log_out(&world, &last.refresh).await.unwrap();
        let kept = world.works(&kept).await;
        world.events.take();

        log_out(&world, &one_more.access).await.unwrap();
        let raised: Vec<_> =
            world.events.take().into_iter().map(|event| (event.kind, event.reason)).collect();
        assert_eq!(
            raised,
            [(EventKind::LoggedOutEverywhere, Some("too_many_revocations")), (EventKind::LoggedOut, None)]
        );
        for tokens in [&one_more, &kept] {
            world.is_over(tokens, "everything has ended").await;
        }
        assert_eq!(world.auth.sessions("alice").await.unwrap(), []);
        assert_eq!(store.sizes().revocations, share + 1, "the epoch");

        // Who was flooded can log in, and what has ended cannot end that.
        let next = world.log_in("alice").await;
        for old in [&one_more.access, &one_more.refresh, &kept.access, &kept.refresh, &last.access] {
            log_out(&world, old).await.unwrap();
        }
        let next = world.works(&next).await;
        log_out(&world, &next.access).await.unwrap();
        world.is_over(&next, "logged out").await;
        world.works(&bob).await;
    }
}

/// Every act by which an account ends something of its own.
#[tokio::test]
async fn at_a_full_share_every_act_ends_what_it_should() {
    for act in ["logout", "revoke_session", "logout_others", "replay"] {
        let store = memory_store();
        let world = world_on(&store);
        fill(&store, &world.auth, "alice", SHARE).await;
        let [tokens, current] = [world.log_in("alice").await, world.log_in("alice").await];
        let payload = world.auth.verify_signature_and_claims(&current.access, Purpose::Access).unwrap();
        let (client, id) = (ClientInfo::unknown(), world.session_of(&tokens));
        match act {
            "logout" => world.auth.logout(&tokens.access, &client).await.unwrap(),
            "revoke_session" => assert!(world.auth.revoke_session("alice", &id, &client).await.unwrap()),
            "logout_others" => drop(world.auth.logout_others(&payload, &client).await.unwrap()),
            _ => {
                world.refresh(&tokens).await.unwrap();
                world.clock.advance(MINUTE);
                world.refresh(&tokens).await.unwrap_err();
            }
        }
        world.is_over(&tokens, act).await;
        let next = world.log_in("alice").await;
        world.works(&next).await;
    }
}

#[tokio::test]
async fn what_ran_out_makes_room_for_further_logouts() {
    let store = memory_store();
    let world = world_on(&store);
    fill(&store, &world.auth, "alice", SHARE).await;
    world.clock.advance(100 * HOUR);
    let [tokens, kept] = [world.log_in("alice").await, world.log_in("alice").await];
    log_out(&world, &tokens.access).await.unwrap();
    world.is_over(&tokens, "logged out").await;
    world.works(&kept).await;
}

/// Accounts may fill fifteen in sixteen places. After that, each logout costs its account one place
/// for all times, and the other places are for administrators.
#[tokio::test]
async fn when_accounts_have_filled_the_store_all_can_still_log_out_and_be_revoked() {
    let store = store_for(160);
    let world = world_on(&store);
    let accounts: Vec<_> = (0..12).map(|number| format!("account {number}")).collect();
    for account in &accounts {
        for _ in 0..20 {
            let tokens = world.log_in(&**account).await;
            log_out(&world, &tokens.access).await.unwrap();
        }
    }
    // Of the first seven accounts every logout, of the eighth ten, and of five the epochs.
    let filled = store.sizes().revocations;
    assert_eq!(filled, 150 + 5);
    let [bob, carol, kept] =
        [world.log_in("bob").await, world.log_in("carol").await, world.log_in("alice").await];
    log_out(&world, &bob.access).await.unwrap();
    world.is_over(&bob, "logged out").await;
    world.auth.revoke("carol", &[RevocationTarget::Subject]).await.unwrap();
    world.is_over(&carol, "revoked").await;
    let kept = world.works(&kept).await;
    let next = world.log_in("bob").await;
    world.works(&next).await;
    assert_eq!(store.sizes().revocations, filled + 2);
    // Only when there is no place at all an administrator is told so.
    let mut outcomes = Vec::new();
    for number in 0..11 {
        let id = format!("token {number}");
        outcomes.push(world.auth.revoke("dave", &[RevocationTarget::TokenId(&id)]).await);
    }
    assert_eq!(store.sizes().revocations, 160);
    assert_eq!(outcomes.last(), Some(&Err(Rejection::Unavailable(Unavailable::Store))));
    world.works(&kept).await;
}

// ------------------------------------------------------------------------------------------------
// logins that evict

#[tokio::test]
async fn a_login_that_evicts_at_a_full_share_gets_tokens_that_work() {
    let store = memory_store();
    let world = World::with(|builder| builder.store(store.clone()).sessions(SessionConfig::new().limit(2)));
    fill(&store, &world.auth, "alice", SHARE - 1).await;
    let first = world.log_in("alice").await;
    world.clock.advance(SECOND);
    let [second, third] = [world.log_in("alice").await, world.log_in("alice").await];
    world.is_over(&first, "evicted, and revoked in the last place").await;
    let second = world.works(&second).await;
    let third = world.works(&third).await;
    for _ in 0..3 {
        let fourth = world.log_in("alice").await;
        world.is_over(&second, "ended with everything").await;
        world.is_over(&third, "ended with everything").await;
        let fourth = world.works(&fourth).await;
        assert_eq!(world.auth.sessions("alice").await.unwrap().len(), 1);
        let fifth = world.log_in("alice").await;
        world.works(&fifth).await;
        let fourth = world.works(&fourth).await;
        let sixth = world.log_in("alice").await;
        world.is_over(&fourth, "evicted").await;
        let sixth = world.works(&sixth).await;
        log_out(&world, &sixth.refresh).await.unwrap();
        world.is_over(&sixth, "logged out").await;
    }
}

/// A health check that logs in every few minutes and never out.
#[tokio::test]
async fn what_is_evicted_without_a_live_token_needs_no_revocation() {
    let store = memory_store();
    let world = World::with(|builder| builder.store(store.clone()).sessions(SessionConfig::new().limit(1)));
    let first = world.log_in("alice").await;
    // As long as an access token lasts, and as long as an instance may go on to accept it.
    world.clock.advance((20 * MINUTE).saturating_sub(SECOND));
    let second = world.log_in("alice").await;
    assert_eq!(store.sizes().revocations, 1);
    world.clock.advance(20 * MINUTE);
    let third = world.log_in("alice").await;
    assert_eq!(store.sizes().revocations, 1);
    for tokens in [&first, &second] {
        assert_eq!(world.refresh(tokens).await.unwrap_err().status(), 401);
    }
    world.works(&third).await;
}

/// Everything of the subject was ended while the password was checked, and then the login meets a
/// full share: it does not come back to life.
#[tokio::test]
async fn a_login_that_is_over_is_not_issued_again() {
    let store = memory_store();
    let world = World::with(|builder| builder.store(store.clone()).sessions(SessionConfig::new().limit(1)));
    fill(&store, &world.auth, "alice", SHARE).await;
    let paused = FaultyStore::new(store.clone());
    let slow = World::with(|builder| {
        builder
            .session_store(paused.clone())
            .revocation_store(paused.clone())
            .sessions(SessionConfig::new().limit(1))
    });
    paused.pause();
    let request = login_request("alice", "s3cret");
    let mut login = pin!(slow.call(Endpoint::Login, &request));
    // The epoch is read before the password is checked.
    while !paused.calls().contains(&"epoch") {
        assert!(poll_once(login.as_mut()).is_pending());
        tokio::task::yield_now().await;
    }
    for _ in 0..3 {
        assert!(poll_once(login.as_mut()).is_pending());
    }
    world.auth.logout_all("alice", &ClientInfo::unknown()).await.unwrap();
    let meanwhile = world.log_in("alice").await;
    world.events.take();
    let reply = login.await;
    let body: serde_json::Value = serde_json::from_slice(reply.body_bytes()).unwrap();
    let token = |name: &str| body[name].as_str().unwrap().to_owned();
    let tokens = Tokens { access: token("access_token"), refresh: token("refresh_token") };
    world.is_over(&tokens, "it began before everything ended").await;
    world.is_over(&meanwhile, "ended with everything").await;
    let ended = slow.events.take().into_iter().filter(|event| event.kind == EventKind::LoggedOutEverywhere);
    assert_eq!(ended.count(), 1, "it has met the full share");
    let next = world.log_in("alice").await;
    world.works(&next).await;
}

/// A login at a full share that has found its epoch unchanged, and is about to raise it. Everything
/// of the subject ends at the same time.
struct Race {
    store: MemoryStore,
    world: World,
    /// Its store lets others go first at every call.
    slow: World,
    calls: FaultyStore,
}

impl Race {
    async fn new() -> Self {
        let store = memory_store();
        let calls = FaultyStore::new(store.clone());
        let limit = || SessionConfig::new().limit(1);
        let world = World::with(|builder| builder.store(store.clone()).sessions(limit()));
        let slow = World::without_store(|builder| {
            builder.session_store(calls.clone()).revocation_store(calls.clone()).sessions(limit())
        });
        fill(&store, &world.auth, "alice", SHARE).await;
        world.log_in("alice").await;
        calls.pause();
        Self { store, world, slow, calls }
    }

    /// Polls a future until it has begun this call, and waits for its answer.
    async fn run_up_to(&self, mut future: Pin<&mut impl Future>, call: &str) {
        self.calls.calls();
        while self.calls.calls().last() != Some(&call) {
            assert!(poll_once(future.as_mut()).is_pending(), "before {call}");
            tokio::task::yield_now().await;
        }
    }

    /// What the login was given is worth nothing, and whoever logs in now is in.
    async fn is_over(&self, pair: &TokenPair, what: &str) {
        self.world.is_over(&Tokens::of(pair), what).await;
        assert_eq!(self.world.auth.sessions("alice").await.unwrap(), [], "{what}");
        let next = self.world.log_in("alice").await;
        self.world.works(&next).await;
        assert!(self.store.sizes().revocations <= SHARE + 1);
    }
}

#[derive(Debug, Clone, Copy)]
enum End {
    LogoutAll,
    PasswordChanged,
}

impl End {
    const ALL: [Self; 2] = [Self::LogoutAll, Self::PasswordChanged];

    async fn run(self, auth: &AuthProvider<TestUser>) -> Result<(), Rejection> {
        match self {
            Self::LogoutAll => auth.logout_all("alice", &ClientInfo::unknown()).await,
            Self::PasswordChanged => auth.password_changed("alice", &ClientInfo::unknown()).await,
        }
    }
}

/// The other has ended everything before the login raises the epoch over its head.
#[tokio::test]
async fn a_login_that_is_ended_while_it_meets_a_full_share_does_not_outlive_that() {
    for end in End::ALL {
        let race = Race::new().await;
        let mut login = pin!(race.slow.auth.login("alice"));
        race.run_up_to(login.as_mut(), "raise_epoch").await;
        end.run(&race.world.auth).await.unwrap();
        let pair = login.await.unwrap();
        race.is_over(&pair, &format!("{end:?}")).await;
    }
}

/// The other has raised the epoch, then the login raises it again, and only then the sessions end.
#[tokio::test]
async fn a_login_that_raises_the_epoch_in_the_middle_of_an_end_does_not_outlive_that() {
    for end in End::ALL {
        for call in ["end_all", "epoch"] {
            let race = Race::new().await;
            let mut login = pin!(race.slow.auth.login("alice"));
            race.run_up_to(login.as_mut(), "raise_epoch").await;
            let mut ending = pin!(end.run(&race.slow.auth));
            race.run_up_to(ending.as_mut(), call).await;
            let pair = login.await.unwrap();
            ending.await.unwrap();
            race.is_over(&pair, &format!("{end:?} before {call}")).await;
        }
    }
}

/// Without anybody else it is as before: each step is taken once.
#[tokio::test(start_paused = true)]
async fn a_login_at_a_full_share_whose_store_fails_leaves_nothing_that_works() {
    let calls = ["check", "epoch", "open", "revoke", "epoch", "raise_epoch", "end_all", "find_session"];
    for fault in Fault::ALL {
        for (number, call) in calls.iter().enumerate().skip(3) {
            let race = Race::new().await;
            race.calls.recover();
            race.calls.calls();
            race.calls.fault_after(number, fault);
            let refused = race.slow.auth.login("alice").await.unwrap_err();
            assert_eq!(refused.status(), 503, "{fault:?} at {call}");
            assert_eq!(race.calls.calls().get(number), Some(call));
            assert_eq!(race.world.auth.sessions("alice").await.unwrap(), [], "{fault:?} at {call}");
        }
    }
    let race = Race::new().await;
    race.calls.recover();
    race.calls.calls();
    let pair = race.slow.auth.login("alice").await.unwrap();
    assert_eq!(race.calls.calls(), calls);
    race.world.works(&Tokens::of(&pair)).await;
}

/// A store that fails between the two steps leaves nothing that works.
#[tokio::test]
async fn a_logout_at_a_full_share_whose_store_fails_can_be_tried_again() {
    for (call, fails) in ["revoke", "raise_epoch", "end_all", "epoch", "end"].into_iter().enumerate() {
        let memory = memory_store();
        let store = FaultyStore::new(memory.clone());
        let world = World::without_store(|builder| {
            builder.session_store(store.clone()).revocation_store(store.clone())
        });
        fill(&memory, &world.auth, "alice", SHARE).await;
        let tokens = world.log_in("alice").await;
        store.calls();
        store.fault_after(call + 1, Fault::Fails);
        assert_eq!(
            log_out(&world, &tokens.access).await,
            Err(Rejection::Unavailable(Unavailable::Store)),
            "{fails}"
        );
        assert_eq!(store.calls().get(call + 1), Some(&fails));
        log_out(&world, &tokens.access).await.unwrap();
        world.is_over(&tokens, fails).await;
        let next = world.log_in("alice").await;
        world.works(&next).await;
    }
}

/// The future of a logout is dropped as soon as it waits: its client hung up.
#[tokio::test]
async fn a_logout_at_a_full_share_is_done_though_its_client_hangs_up() {
    let memory = memory_store();
    let store = FaultyStore::new(memory.clone());
    let world =
        World::without_store(|builder| builder.session_store(store.clone()).revocation_store(store.clone()));
    fill(&memory, &world.auth, "alice", SHARE).await;
    let tokens = world.log_in("alice").await;
    store.pause();
    {
        let client = ClientInfo::unknown();
        let mut logout = pin!(world.auth.logout(&tokens.access, &client));
        assert!(matches!(poll_once(logout.as_mut()), Poll::Pending));
    }
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
    store.recover();
    world.is_over(&tokens, "logged out").await;
}

/// Whether this session is revoked for a token that is issued now.
async fn is_revoked(world: &World, store: &MemoryStore, session: &SessionId) -> bool {
    let now = world.clock.now().unwrap();
    let targets = [RevocationTarget::Session(session.as_str()), RevocationTarget::Subject];
    let owner = world.auth.owner("alice");
    let token = TokenFacts { owner, targets: &targets, epoch: u64::MAX, issued_at: now };
    store.check(&token, now).await.unwrap() == Verdict::Revoked
}

/// The session store says that it is over, and so are its refresh tokens: an entry for as long as
/// a login would be one for a month, for each login that anybody makes.
#[tokio::test]
async fn a_refresh_long_after_the_logout_is_remembered_no_longer_than_an_access_token() {
    let store = memory_store();
    let world = world_on(&store);
    let tokens = world.log_in("alice").await;
    let session = world.session_of(&tokens);
    log_out(&world, &tokens.access).await.unwrap();
    world.clock.advance(2 * HOUR);
    assert!(!is_revoked(&world, &store, &session).await, "its access tokens are over");
    assert!(world.refresh(&tokens).await.is_err());
    world.clock.advance(2 * HOUR);
    assert!(!is_revoked(&world, &store, &session).await);
}

/// A logout may have revoked the session and not ended it. While the session store is down nobody
/// knows, and its refresh tokens live on.
#[tokio::test]
async fn a_logout_that_finds_no_session_store_revokes_for_as_long_as_a_login() {
    let (sessions, revocations) = (FaultyStore::default(), memory_store());
    let world =
        World::with(|builder| builder.session_store(sessions.clone()).revocation_store(revocations.clone()));
    let tokens = world.log_in("alice").await;
    let session = world.session_of(&tokens);
    let targets = [RevocationTarget::Session(session.as_str())];
    let until = ManualClock::START.checked_add(HOUR).unwrap();
    let owner = world.auth.owner("alice");
    assert!(revocations.revoke(&owner, &targets, None, ManualClock::START, until).await.unwrap());
    sessions.fault_at("find_session", Fault::Fails);
    for token in [&tokens.access, &tokens.refresh] {
        let refused = log_out(&world, token).await;
        assert_eq!(refused, Err(Rejection::Unavailable(Unavailable::Store)));
    }
    world.clock.advance(3 * HOUR);
    assert!(is_revoked(&world, &revocations, &session).await);
}
