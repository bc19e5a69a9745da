//! Who is asked, about whom, how often.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use fauth_core::{
    AuthProvider, ClientInfo, MemoryStore, TokenPayload, TokenRequest, async_trait,
    clock::Timestamp,
    ended::{EndReason, Ended},
    store::{
        ChangeSender, Changes, Owner, RevocationStore, RevocationTarget, StoreError, TokenFacts, Verdict,
    },
};
use fauth_testing::{
    FaultyStore, ManualClock, TestUser, Users, config, memory_store, provider_without_store,
};
use tokio::time::sleep;

use super::{MINUTE, SECOND, open, settle, socket, stays, within};
use crate::support::World;

/// A second instance on the same stores.
fn second(
    world: &World,
    sessions: &MemoryStore,
    revocations: impl RevocationStore,
) -> AuthProvider<TestUser> {
    provider_without_store(config(), &world.users)
        .clock(world.clock.clone())
        .session_store(sessions.clone())
        .revocation_store(revocations)
        .build()
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_store_that_tells_ends_at_once_what_another_instance_revokes() {
    let store = memory_store();
    let kept = store.clone();
    let world = World::without_store(|builder| builder.session_store(kept.clone()).revocation_store(kept));
    let other = second(&world, &store, store.clone());
    let (tokens, mine) = socket(&world, "alice").await;
    let (_, yours) = socket(&world, "bob").await;
    settle().await;
    other.logout(&tokens.access, &ClientInfo::unknown()).await.unwrap();
    assert_eq!(within(&mine, SECOND / 10).await, Some(EndReason::Revoked));
    other.logout_all("bob", &ClientInfo::unknown()).await.unwrap();
    assert_eq!(within(&yours, SECOND / 10).await, Some(EndReason::Revoked));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_does_not_tell_is_asked_every_five_seconds() {
    let (sessions, store) = (memory_store(), FaultyStore::default());
    let (kept, revocations) = (sessions.clone(), store.clone());
    let world = World::without_store(|builder| builder.session_store(kept).revocation_store(revocations));
    let other = second(&world, &sessions, store.clone());
    let (tokens, mine) = socket(&world, "alice").await;
    let (own_tokens, own) = socket(&world, "alice").await;
    let (_, yours) = socket(&world, "bob").await;
    sleep(2 * SECOND).await;
    other.logout(&tokens.access, &ClientInfo::unknown()).await.unwrap();
    assert_eq!(within(&mine, 5 * SECOND).await, Some(EndReason::Revoked));
    // What this instance revokes it need not be told.
    settle().await;
    world.auth.logout(&own_tokens.access, &ClientInfo::unknown()).await.unwrap();
    assert_eq!(within(&own, SECOND / 10).await, Some(EndReason::Revoked));
    store.calls();
    sleep(MINUTE).await;
    assert_eq!(store.calls(), ["check"; 12], "once every five seconds");
    stays(&yours, "nobody has revoked it");
}

/// Tells what it likes, and counts what it is asked.
#[derive(Clone)]
struct Telling {
    store: MemoryStore,
    changes: ChangeSender,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Telling {
    fn new() -> Self {
        Self { store: memory_store(), changes: ChangeSender::new(), asked: Arc::default() }
    }

    fn world(&self) -> World {
        let store = self.clone();
        World::with(|builder| builder.revocation_store(store))
    }

    /// Of whom it was asked since the last time, in their order.
    fn asked(&self) -> Vec<String> {
        let mut asked = std::mem::take(&mut *self.asked.lock().unwrap());
        asked.sort();
        asked
    }
}

#[async_trait]
impl RevocationStore for Telling {
    async fn revoke(
        &self,
        owner: &Owner<'_>,
        targets: &[RevocationTarget<'_>],
        limit: Option<usize>,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        self.store.revoke(owner, targets, limit, now, until).await
    }

    async fn check(&self, token: &TokenFacts<'_>, now: Timestamp) -> Result<Verdict, StoreError> {
        self.asked.lock().unwrap().push(token.owner.subject.to_string());
        self.store.check(token, now).await
    }

    async fn epoch(&self, owner: &Owner<'_>, now: Timestamp) -> Result<u64, StoreError> {
        self.store.epoch(owner, now).await
    }

    async fn raise_epoch(
        &self,
        owner: &Owner<'_>,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<u64, StoreError> {
        self.store.raise_epoch(owner, now, until).await
    }

    fn changes(&self) -> Option<Changes> {
        Some(self.changes.subscribe())
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_is_a_question_about_whom_it_concerns_and_ends_nobody_by_itself() {
    let store = Telling::new();
    let world = store.world();
    let mut sockets = Vec::new();
    for name in ["alice", "alice", "bob", "dora"] {
        sockets.push(socket(&world, name).await.1);
    }
    settle().await;
    store.asked();
    // As two keys with one hash would.
    for key in [RevocationTarget::Subject, RevocationTarget::Session("another")] {
        key.with_key(&world.auth.owner("alice"), |key| store.changes.tell(key));
    }
    store.changes.tell(b"nobody's");
    settle().await;
    assert_eq!(store.asked(), ["alice", "alice"]);
    store.changes.tell_all();
    store.changes.tell_all();
    settle().await;
    assert_eq!(store.asked(), ["alice", "alice", "bob", "dora"], "once, however often it is told");
    for ended in &sockets {
        stays(ended, "nothing was revoked");
    }
    // And if something is true, any cause will do.
    let owner = world.auth.owner("dora");
    let target = [RevocationTarget::Subject];
    store.store.revoke(&owner, &target, None, ManualClock::START, Timestamp::MAX).await.unwrap();
    store.changes.tell_all();
    assert_eq!(within(&sockets[3], SECOND / 10).await, Some(EndReason::Revoked));
    for ended in &sockets[..3] {
        stays(ended, "nothing of these was revoked");
    }
}

/// A mirror that tells nothing because it hears nothing: all are asked about at the interval.
#[tokio::test(start_paused = true)]
async fn a_store_that_tells_is_asked_now_and_again_too() {
    let store = Telling::new();
    let world = store.world();
    let (_, ended) = socket(&world, "alice").await;
    settle().await;
    store.asked();
    sleep(5 * MINUTE).await;
    assert_eq!(store.asked(), ["alice"; 5]);
    let target = [RevocationTarget::Subject];
    let owner = world.auth.owner("alice");
    store.store.revoke(&owner, &target, None, ManualClock::START, Timestamp::MAX).await.unwrap();
    assert_eq!(within(&ended, MINUTE + SECOND).await, Some(EndReason::Revoked));
}

/// Whoever stops telling is asked as one that never did.
#[tokio::test(start_paused = true)]
async fn a_store_that_stops_telling_is_polled() {
    struct Ending(Telling, Mutex<Option<ChangeSender>>);

    #[async_trait]
    impl RevocationStore for Ending {
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

        fn changes(&self) -> Option<Changes> {
            // The only sender goes with it.
            self.1.lock().unwrap().take().map(|sender| sender.subscribe())
        }
    }

    let store = Telling::new();
    let ending = Ending(store.clone(), Mutex::new(Some(ChangeSender::new())));
    let world = World::with(|builder| builder.revocation_store(ending));
    let (_, ended) = socket(&world, "alice").await;
    sleep(5 * SECOND).await;
    store.asked();
    sleep(MINUTE).await;
    assert!((11..=13).contains(&store.asked().len()));
    stays(&ended, "it was asked about, not revoked");
}

/// Counts the loads, and how many go on at a time.
#[derive(Clone, Default)]
struct Loads {
    all: Arc<AtomicUsize>,
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Loads {
    fn provider(&self, takes: Duration) -> AuthProvider<TestUser> {
        let (loads, users, store) = (self.clone(), Users::new(), memory_store());
        let someone = users.find("alice");
        provider_without_store(config(), &users)
            .session_store(store.clone())
            .revocation_store(store)
            .user_loader(move |token: Arc<TokenPayload>| {
                let (loads, someone) = (loads.clone(), someone.clone());
                async move {
                    loads.all.fetch_add(1, SeqCst);
                    let going_on = loads.now.fetch_add(1, SeqCst) + 1;
                    loads.most.fetch_max(going_on, SeqCst);
                    sleep(takes).await;
                    loads.now.fetch_sub(1, SeqCst);
                    let name = token.subject().to_owned();
                    Ok::<_, std::io::Error>(Some(TestUser { name, ..someone }))
                }
            })
            .build()
            .unwrap()
    }

    fn take(&self) -> (usize, usize) {
        (self.all.swap(0, SeqCst), self.most.swap(0, SeqCst))
    }
}

async fn many(auth: &AuthProvider<TestUser>, names: impl Iterator<Item = String>) -> Vec<Ended> {
    let mut sockets = Vec::new();
    for name in names {
        let token = auth.issue(fauth_core::Purpose::Access, &*name).await.unwrap();
        sockets.push(open(auth, token.expose()).await.ended());
    }
    sockets
}

#[tokio::test(start_paused = true)]
async fn each_person_is_one_load_in_each_interval_spread_evenly_and_eight_at_a_time() {
    let loads = Loads::default();
    let auth = loads.provider(Duration::from_millis(30));
    let sockets = many(&auth, (0..3000).map(|number| format!("user-{}", number / 3))).await;
    sleep(SECOND).await;
    loads.take();
    let mut seconds = Vec::new();
    for _ in 0..60 {
        sleep(SECOND).await;
        let (loads, at_a_time) = loads.take();
        assert!(at_a_time <= 8, "{at_a_time}");
        seconds.push(loads);
    }
    let all: usize = seconds.iter().sum();
    assert!((995..=1005).contains(&all), "a thousand people, three sockets each: {all}");
    assert!(seconds.iter().all(|loads| *loads < 45), "{seconds:?}");
    for ended in &sockets {
        stays(ended, "everybody is well");
    }
}

/// Being late is no failure: a slow database ends nobody.
#[tokio::test(start_paused = true)]
async fn more_people_than_can_be_looked_at_in_time_are_looked_at_later() {
    let auth = Loads::default().provider(8 * SECOND);
    let logging_in: Vec<_> = (0..200)
        .map(|number| {
            let (auth, name) = (auth.clone(), format!("user-{number}"));
            tokio::spawn(async move { many(&auth, std::iter::once(name)).await })
        })
        .collect();
    let mut sockets = Vec::new();
    for one in logging_in {
        sockets.extend(one.await.unwrap());
    }
    // A round of all takes 200 seconds, and each is unknown for longer than two minutes.
    sleep(10 * MINUTE).await;
    for ended in &sockets {
        stays(ended, "it is only late");
    }
}

/// The loader may go by a claim: whoever has another one is another person to it.
#[tokio::test(start_paused = true)]
async fn another_claim_is_another_load() {
    let world = World::new();
    let on = async |tenant: &str| {
        let token = world.access(TokenRequest::for_subject("alice").claim("tenant", tenant));
        open(&world.auth, &token).await
    };
    let sockets = [on("acme").await.ended(), on("acme").await.ended(), on("other").await.ended()];
    sleep(SECOND).await;
    let before = world.users.user_loads();
    sleep(MINUTE).await;
    assert_eq!(world.users.user_loads() - before, 2);
    for ended in &sockets {
        stays(ended, "everybody is well");
    }
}

#[tokio::test(start_paused = true)]
async fn the_intervals_can_be_set() {
    let store = FaultyStore::default();
    let revocations = store.clone();
    let world = World::with(|builder| {
        builder
            .revocation_store(revocations)
            .ended_poll_every(SECOND)
            .ended_recheck_every(2 * SECOND)
            .ended_unknown_after(3 * SECOND)
    });
    let (_, ended) = socket(&world, "alice").await;
    sleep(SECOND / 2).await;
    store.calls();
    let before = world.users.user_loads();
    sleep(10 * SECOND).await;
    assert_eq!((store.calls().len(), world.users.user_loads() - before), (10, 5));
    world.users.fail();
    assert_eq!(within(&ended, 4 * SECOND).await, None);
    assert_eq!(within(&ended, 3 * SECOND).await, Some(EndReason::Unknown));
    for (field, build) in [
        ("ended_poll_every", fauth_testing::provider().ended_poll_every(Duration::ZERO)),
        ("ended_recheck_every", fauth_testing::provider().ended_recheck_every(2 * 60 * MINUTE)),
        ("ended_unknown_after", fauth_testing::provider().ended_unknown_after(SECOND / 100)),
    ] {
        assert_eq!(build.build().unwrap_err().field(), field);
    }
}
