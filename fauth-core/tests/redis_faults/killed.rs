//! Redis is killed, and started again with its data.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use fauth_core::store::{RedisStore, RotationOutcome, SessionStore as _, Verdict};
use servers::Redis;

use super::*;

/// One client: opens sessions and exchanges their tokens, and tries again until it knows.
struct Client {
    store: RedisStore,
    /// Session, and the name of its head, as it was confirmed.
    confirmed: HashMap<u32, u128>,
    failures: usize,
}

impl Client {
    async fn work(mut self, first: u32, stop: Arc<AtomicBool>) -> Self {
        let mut number = first;
        while !stop.load(Ordering::Relaxed) {
            number += 1;
            self.open(number).await;
            self.rotate(number, 1).await;
            self.rotate(number, 2).await;
        }
        self
    }

    /// A failed attempt may have been carried out: then the second says that the id is known, and
    /// a session that nobody confirmed is there.
    async fn open(&mut self, number: u32) {
        for _ in 0..200 {
            if self.store.open(login(number), now()).await.is_ok() {
                self.confirmed.insert(number, 0);
                return;
            }
            self.failures += 1;
            let list = self.store.list(&alice(), now()).await.unwrap_or_default();
            if list.iter().any(|session| session.id == sid(number)) {
                self.confirmed.insert(number, 0);
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("no recovery");
    }

    async fn rotate(&mut self, number: u32, successor: u128) {
        for _ in 0..200 {
            match self.store.rotate(&alice(), &exchange(number, successor - 1, successor), now()).await {
                Ok(RotationOutcome::Rotated(_)) => {}
                Ok(RotationOutcome::InGrace { nonce: made_from, .. }) => {
                    assert_eq!(made_from, nonce(successor));
                }
                Ok(other) => panic!("a confirmed session is lost: {other:?}"),
                Err(_) => {
                    self.failures += 1;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    continue;
                }
            }
            self.confirmed.insert(number, successor);
            return;
        }
        panic!("no recovery");
    }
}

/// Three times in the middle of a run of two clients.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_confirmed_session_is_lost_and_nothing_refused_comes_back() {
    let mut server = Redis::start();
    let stores = [direct(&server.url()).await, mirrored(&server.url()).await];
    let issued_at = now();
    revoke(&stores[0], "revoked").await;
    stores[0].open(login(1), now()).await.unwrap();
    stores[0].end(&alice(), &sid(1), now()).await.unwrap();

    let stop = Arc::new(AtomicBool::new(false));
    let clients = stores.clone().map(|store| Client { store, confirmed: HashMap::new(), failures: 0 });
    let tasks: Vec<_> = (1..)
        .zip(clients)
        .map(|(number, client)| tokio::spawn(client.work(number * 1_000_000, Arc::clone(&stop))))
        .collect();
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(300)).await;
        server.kill();
        assert_eq!(verdict(&stores[0], "good", issued_at).await, None, "nobody is there to ask");
        tokio::time::sleep(Duration::from_millis(100)).await;
        server = tokio::task::spawn_blocking(move || {
            server.restart();
            server
        })
        .await
        .unwrap();
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    stop.store(true, Ordering::Relaxed);

    let (mut confirmed, mut failures) = (HashMap::new(), 0);
    for task in tasks {
        let client = task.await.unwrap();
        confirmed.extend(client.confirmed);
        failures += client.failures;
    }
    println!("{} sessions confirmed, {failures} attempts failed", confirmed.len());
    assert!(confirmed.len() > 20 && failures > 0, "{} {failures}", confirmed.len());
    for (number, head) in confirmed {
        let outcome = stores[0].rotate(&alice(), &exchange(number, head, head + 1), now()).await.unwrap();
        assert!(matches!(outcome, RotationOutcome::Rotated(_)), "{outcome:?}");
    }
    let outcome = stores[0].rotate(&alice(), &exchange(1, 0, 1), now()).await.unwrap();
    assert!(matches!(outcome, RotationOutcome::Ended { .. }), "{outcome:?}");
    for store in &stores {
        eventually("it answers again", async || verdict(store, "good", issued_at).await.is_some()).await;
        assert_eq!(verdict(store, "revoked", issued_at).await, Some(Verdict::Revoked));
        assert_eq!(verdict(store, "good", issued_at).await, Some(Verdict::Good));
    }
}

/// While it is down, everything fails in bounded time, and the mirror answers for as long as it
/// may.
#[tokio::test]
async fn while_it_is_down_every_call_fails_soon() {
    let mut server = Redis::start();
    let (direct, mirrored) = (direct(&server.url()).await, mirrored(&server.url()).await);
    let issued_at = now();
    server.kill();
    assert_eq!(verdict(&mirrored, "a", issued_at).await, Some(Verdict::Good), "not too old yet");
    tokio::time::sleep(Duration::from_millis(700)).await;
    for store in [direct, mirrored] {
        let start = Instant::now();
        assert!(store.list(&alice(), now()).await.is_err());
        assert!(store.open(login(1), now()).await.is_err());
        assert!(store.epoch(&alice(), now()).await.is_err());
        assert!(
            store.revoke(&alice(), &[RevocationTarget::TokenId("a")], None, now(), later(DAY)).await.is_err()
        );
        assert_eq!(verdict(&store, "a", issued_at).await, None);
        // Five calls of half a second at most.
        assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    }
}
