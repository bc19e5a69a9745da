//! What fails ends nobody at once, and nobody goes on for ever.

use std::{io, sync::Arc, time::Duration};

use fauth_core::{
    AuthProvider, ClientInfo, TokenPayload, async_trait,
    clock::Timestamp,
    ended::EndReason,
    store::{Owner, RevocationStore, RevocationTarget, StoreError, TokenFacts, Verdict},
};
use fauth_testing::{Fault, FaultyStore, TestUser, Users, config, memory_store, provider_without_store};
use tokio::time::{Instant, sleep};

use super::{MINUTE, SECOND, open, settle, socket, stays, within};
use crate::support::World;

/// Asked every 5 seconds, and 60 of them without an answer are too many.
fn polled(store: &FaultyStore) -> World {
    let store = store.clone();
    World::with(|builder| builder.revocation_store(store))
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_or_hangs_ends_nobody_at_once_and_everybody_after_the_bound() {
    for fault in [Fault::Fails, Fault::Hangs] {
        let store = FaultyStore::default();
        let world = polled(&store);
        let (_, ended) = socket(&world, "alice").await;
        sleep(MINUTE).await;
        store.fault_at("check", fault);
        assert_eq!(within(&ended, 59 * SECOND).await, None, "{fault:?}");
        assert_eq!(within(&ended, 20 * SECOND).await, Some(EndReason::Unknown), "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_comes_back_in_time_ends_nobody_but_those_who_were_revoked_meanwhile() {
    let store = FaultyStore::default();
    let world = polled(&store);
    let (tokens, mine) = socket(&world, "alice").await;
    let (_, yours) = socket(&world, "bob").await;
    settle().await;
    let id = world.session_of(&tokens);
    for _ in 0..3 {
        store.fault_at("check", Fault::Fails);
        sleep(45 * SECOND).await;
        store.recover();
        sleep(10 * SECOND).await;
    }
    stays(&yours, "it was never down for long enough");
    stays(&mine, "nor was this one revoked");
    store.fault_at("check", Fault::Fails);
    let owner = world.auth.owner("alice");
    let (now, until) = (Timestamp::from_unix_seconds(0), Timestamp::MAX);
    let target = RevocationTarget::Session(id.as_str());
    store.inner().revoke(&owner, &[target], None, now, until).await.unwrap();
    assert_eq!(within(&mine, 30 * SECOND).await, None, "nobody can tell");
    store.recover();
    assert_eq!(within(&mine, 6 * SECOND).await, Some(EndReason::Revoked));
    assert_eq!(within(&yours, MINUTE).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_loader_that_fails_ends_nobody_at_once_and_everybody_after_the_bound() {
    let world = World::new();
    let (_, ended) = socket(&world, "alice").await;
    world.users.fail();
    assert_eq!(within(&ended, 119 * SECOND).await, None);
    world.users.recover();
    sleep(20 * SECOND).await;
    stays(&ended, "it was asked again soon");
    world.users.fail();
    assert_eq!(within(&ended, 99 * SECOND).await, None);
    assert_eq!(within(&ended, 40 * SECOND).await, Some(EndReason::Unknown));
}

#[tokio::test(start_paused = true)]
async fn a_loader_that_hangs_is_one_that_fails_and_delays_no_other_end() {
    let world = World::new();
    let (_, mine) = socket(&world, "alice").await;
    let (tokens, revoked) = socket(&world, "bob").await;
    let (_, expiring) = socket(&world, "dora").await;
    world.users.delay(Duration::from_secs(3600));
    // Somebody is being looked at when this happens.
    sleep(90 * SECOND).await;
    world.auth.logout(&tokens.access, &ClientInfo::unknown()).await.unwrap();
    assert_eq!(within(&revoked, SECOND / 10).await, Some(EndReason::Revoked));
    stays(&mine, "not yet");
    assert_eq!(within(&mine, 50 * SECOND).await, Some(EndReason::Unknown));
    assert_eq!(within(&expiring, MINUTE).await, Some(EndReason::Unknown));
}

#[tokio::test(start_paused = true)]
async fn expiry_waits_for_no_store_and_no_loader() {
    let store = FaultyStore::default();
    let world = polled(&store);
    let (_, ended) = socket(&world, "alice").await;
    sleep(MINUTE / 2).await;
    store.fault(Fault::Hangs);
    world.users.delay(Duration::from_secs(3600));
    sleep(10 * SECOND).await;
    world.clock.advance(15 * MINUTE);
    assert_eq!(within(&ended, 2 * SECOND).await, Some(EndReason::Expired));
}

#[tokio::test(start_paused = true)]
async fn a_loader_that_panics_fails_and_the_others_are_looked_after() {
    let loads = Users::new();
    let load = loads.user_loader();
    let build = provider_without_store(config(), &Users::new());
    let store = memory_store();
    let auth: AuthProvider<TestUser> = build
        .session_store(store.clone())
        .revocation_store(store)
        .user_loader(move |token: Arc<TokenPayload>| {
            let loads = load(Arc::clone(&token));
            async move {
                let user = loads.await?;
                assert!(user.as_ref().is_none_or(|user| user.token_epoch < 7), "a bug of the application");
                Ok::<_, io::Error>(user)
            }
        })
        .build()
        .unwrap();
    let token = async |name: &str| auth.login(name).await.unwrap().access_token().expose().to_owned();
    let panics = open(&auth, &token("alice").await).await.ended();
    let inactive = open(&auth, &token("bob").await).await.ended();
    loads.change("alice", |alice| alice.token_epoch = 7);
    loads.change("bob", |bob| bob.active = false);
    assert_eq!(within(&inactive, 61 * SECOND).await, Some(EndReason::UserInactive));
    assert_eq!(within(&panics, 150 * SECOND).await, Some(EndReason::Unknown));
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_does_not_tell_the_time_ends_everybody_after_the_bound() {
    let world = World::new();
    let granted = open(&world.auth, &world.access("alice")).await;
    let ended = granted.ended();
    settle().await;
    world.clock.break_down();
    assert_eq!(within(&ended, 55 * SECOND).await, None);
    assert_eq!(within(&ended, 10 * SECOND).await, Some(EndReason::Unknown));
    assert_eq!(granted.ended().is_ended(), None, "what is opened now has the same time");
    assert_eq!(within(&granted.ended(), 2 * MINUTE).await, Some(EndReason::Unknown));
}

/// Cannot say anything about `bob`, and is all right for everybody else.
struct NoBob(fauth_core::MemoryStore);

#[async_trait]
impl RevocationStore for NoBob {
    async fn revoke(
        &self,
        owner: &Owner<'_>,
        targets: &[RevocationTarget<'_>],
        limit: Option<usize>,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        self.0.revoke(owner, targets, limit, now, until).await
    }

    async fn check(&self, token: &TokenFacts<'_>, now: Timestamp) -> Result<Verdict, StoreError> {
        if token.owner.subject == "bob" && now > fauth_testing::ManualClock::START {
            return Err(StoreError::new("nobody knows bob"));
        }
        self.0.check(token, now).await
    }

    async fn epoch(&self, owner: &Owner<'_>, now: Timestamp) -> Result<u64, StoreError> {
        self.0.epoch(owner, now).await
    }

    async fn raise_epoch(
        &self,
        owner: &Owner<'_>,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<u64, StoreError> {
        self.0.raise_epoch(owner, now, until).await
    }
}

/// Many are asked about in one question.
#[tokio::test(start_paused = true)]
async fn one_that_cannot_be_judged_stands_for_no_other() {
    let store = memory_store();
    let world = World::with(|builder| builder.revocation_store(NoBob(store)));
    let mut others = Vec::new();
    for _ in 0..20 {
        others.push(socket(&world, "alice").await.1);
    }
    let (_, bob) = socket(&world, "bob").await;
    for _ in 0..20 {
        others.push(socket(&world, "dora").await.1);
    }
    settle().await;
    world.clock.advance(SECOND);
    assert_eq!(within(&bob, 100 * SECOND).await, Some(EndReason::Unknown));
    let start = Instant::now();
    while start.elapsed() < 5 * MINUTE {
        sleep(MINUTE).await;
        for other in &others {
            stays(other, "it was judged");
        }
    }
}

/// What the store has lost was perhaps revoked, and nobody will ever know.
#[tokio::test(start_paused = true)]
async fn a_store_that_has_lost_its_memory_ends_what_was_issued_before() {
    let store = memory_store();
    let revocations = store.clone();
    let world = World::with(|builder| builder.revocation_store(revocations));
    let (_, ended) = socket(&world, "alice").await;
    let owner = world.auth.owner("somebody");
    let (now, at) = (fauth_testing::ManualClock::START, Timestamp::from_unix_seconds);
    settle().await;
    stays(&ended, "all is known");
    // It forgets an entry, and the clock goes back to before its end.
    let target = [RevocationTarget::TokenId("x")];
    store.revoke(&owner, &target, None, now, at(now.unix_seconds() + 60)).await.unwrap();
    for second in [100_000, 200_000] {
        let later = at(now.unix_seconds() + second);
        store.revoke(&owner, &[RevocationTarget::TokenId("y")], None, later, later).await.unwrap();
    }
    for number in 0..1000 {
        let id = number.to_string();
        let later = at(now.unix_seconds() + 300_000);
        let target = [RevocationTarget::TokenId(&id)];
        store.revoke(&owner, &target, None, later, at(now.unix_seconds() + 400_000)).await.unwrap();
    }
    world.clock.advance(SECOND);
    let _ = world.log_in("bob").await;
    assert_eq!(within(&ended, 5 * SECOND).await, Some(EndReason::Unknown));
}
