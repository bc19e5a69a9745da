//! Concurrency: what a session store guarantees when its methods run at the same time.

use std::sync::Arc;

use fauth_core::store::{Nonce, RotationOutcome, SessionStore};
use tokio::{sync::Barrier, task::JoinSet};

use super::{
    Bench, NOW, StoreHarness,
    samples::{GRACE, exchange, ids, kind, listed, login, nonce_of, open, owner, rotate, seconds, sid},
    store_cases,
};

/// The number of racing calls.
const RUNNERS: usize = 16;

store_cases! { $ __store_races_tests in races for SessionStore;
    async fn sixteen_refreshes_of_one_token_give_one_head(t) {
        open(&*t.store, "alice", 1, 0).await;
        let stores = vec![Arc::clone(&t.store); RUNNERS];
        let winner = one_winner(&stores, "0", "first").await;
        assert_eq!(kind(&rotate(&*t.store, "alice", 1, (&winner, "next"), 0).await), "rotated");
        assert_eq!(listed(&*t.store, "alice", 0).await, [sid(1)]);
    }

    async fn sixteen_refreshes_at_two_instances_give_one_head(t) {
        open(&*t.store, "alice", 1, 0).await;
        let stores = t.instances(RUNNERS).await;
        let winner = one_winner(&stores, "0", "first").await;
        for store in &stores[..2] {
            assert_eq!(kind(&rotate(&**store, "alice", 1, ("0", "x"), 0).await), "in grace");
        }
        assert_eq!(kind(&rotate(&*stores[1], "alice", 1, (&winner, "next"), 0).await), "rotated");
    }

    async fn without_grace_one_wins_and_one_ends_it(t) {
        for number in 1..=10 {
            open(&*t.store, "alice", number, 0).await;
            let outcomes = race_for(&t.instances(RUNNERS).await, number, "0", "first", 0).await;
            let count = |wanted| outcomes.iter().filter(|(_, outcome)| kind(outcome) == wanted).count();
            assert_eq!((count("rotated"), count("reused"), count("ended")), (1, 1, RUNNERS - 2));
            let winner = outcomes.iter().find(|(_, outcome)| kind(outcome) == "rotated").unwrap();
            assert_eq!(kind(&rotate(&*t.store, "alice", number, (&winner.0, "next"), 0).await), "ended");
        }
        assert_eq!(listed(&*t.store, "alice", 0).await, []);
    }

    /// In any order: afterwards, none of it is live.
    async fn a_refresh_never_outlives_an_end(t) {
        let other = t.again().await;
        for number in 1..=50 {
            open(&*t.store, "alice", number, 0).await;
            let (mine, theirs) = (Arc::clone(&t.store), Arc::clone(&other));
            let (outcome, ended) = together(
                async move { rotate(&*mine, "alice", number, ("0", "1"), 0).await },
                async move { theirs.end(&owner("alice"), &sid(number), NOW).await.unwrap() },
            )
            .await;
            assert!(ended.is_some());
            assert!(["rotated", "ended"].contains(&kind(&outcome)), "{outcome:?}");
            for presented in ["1", "0"] {
                let outcome = rotate(&*t.store, "alice", number, (presented, "2"), 0).await;
                assert_eq!(kind(&outcome), "ended");
            }
        }
        assert_eq!(listed(&*other, "alice", 0).await, []);
    }

    async fn a_refresh_never_outlives_the_end_of_all(t) {
        let other = t.again().await;
        for number in 1..=50 {
            open(&*t.store, "alice", number, 0).await;
            let (mine, theirs) = (Arc::clone(&t.store), Arc::clone(&other));
            let (_, ended) = together(
                async move { rotate(&*mine, "alice", number, ("0", "1"), 0).await },
                async move { theirs.end_all(&owner("alice"), None, NOW).await.unwrap() },
            )
            .await;
            assert_eq!(ids(ended), [sid(number)]);
            assert_eq!(kind(&rotate(&*t.store, "alice", number, ("1", "2"), 0).await), "ended");
        }
    }

    /// A concurrent login came either before, and has ended, or after, and is live; both results
    /// agree.
    async fn a_login_beside_the_end_of_all_is_before_or_after(t) {
        let other = t.again().await;
        for number in 1..=50 {
            let (mine, theirs) = (Arc::clone(&t.store), Arc::clone(&other));
            let (opened, ended) = together(
                async move { mine.open(login("alice", number, 0), NOW).await.unwrap() },
                async move { theirs.end_all(&owner("alice"), None, NOW).await.unwrap() },
            )
            .await;
            assert_eq!(opened, []);
            let left = listed(&*t.store, "alice", 0).await;
            if ids(ended) == [sid(number)] {
                assert_eq!(left, []);
                assert_eq!(kind(&rotate(&*t.store, "alice", number, ("0", "1"), 0).await), "ended");
            } else {
                assert_eq!(left, [sid(number)]);
                t.store.end(&owner("alice"), &sid(number), NOW).await.unwrap();
            }
        }
    }

    async fn one_session_is_ended_by_one_call(t) {
        for number in 1..=10 {
            open(&*t.store, "alice", number, 0).await;
            let calls = t.instances(RUNNERS).await.into_iter().map(|store| async move {
                store.end(&owner("alice"), &sid(number), NOW).await.unwrap().is_some()
            });
            assert_eq!(all_at_once(calls).await.into_iter().filter(|ended| *ended).count(), 1);
        }
    }

    async fn sixteen_ends_of_all_share_the_sessions(t) {
        for number in 1..=20 {
            open(&*t.store, "alice", number, 0).await;
        }
        let calls = t.instances(RUNNERS).await.into_iter().map(|store| async move {
            store.end_all(&owner("alice"), None, NOW).await.unwrap()
        });
        assert_eq!(ids(all_at_once(calls).await.concat()), (1..=20).map(sid).collect::<Vec<_>>());
    }

    async fn one_id_is_opened_by_one_call(t) {
        for number in 1..=10 {
            let calls = t.instances(RUNNERS).await.into_iter().map(|store| async move {
                store.open(login("alice", number, 0), NOW).await.is_ok()
            });
            assert_eq!(all_at_once(calls).await.into_iter().filter(|opened| *opened).count(), 1);
        }
        assert_eq!(listed(&*t.store, "alice", 0).await.len(), 10);
    }

    async fn sixteen_owners_open_one_id_together(t) {
        let calls = (0..).zip(t.instances(RUNNERS).await).map(|(runner, store)| async move {
            let subject = format!("user {runner}");
            store.open(login(&*subject, 1, 0), NOW).await.unwrap();
            listed(&*store, &*subject, 0).await
        });
        assert_eq!(all_at_once(calls).await, vec![[sid(1)]; RUNNERS]);
    }

    async fn sixteen_logins_together_keep_the_limit(t) {
        for round in 0..5 {
            let calls = (1..).zip(t.instances(RUNNERS).await).map(|(runner, store)| async move {
                let mut new = login("alice", round * 16 + runner, 0);
                new.limit = 3;
                store.open(new, NOW).await.unwrap().len()
            });
            let ended: usize = all_at_once(calls).await.into_iter().sum();
            assert_eq!(ended, if round == 0 { RUNNERS - 3 } else { RUNNERS });
            assert_eq!(listed(&*t.store, "alice", 0).await.len(), 3);
        }
    }

    /// A theft detected by many at once is one theft.
    async fn one_call_reports_the_reuse(t) {
        for number in 1..=10 {
            open(&*t.store, "alice", number, 0).await;
            rotate(&*t.store, "alice", number, ("0", "1"), 0).await;
            rotate(&*t.store, "alice", number, ("1", "2"), 0).await;
            let outcomes = race_for(&t.instances(RUNNERS).await, number, "0", "x", GRACE).await;
            let reused = outcomes.iter().filter(|(_, outcome)| kind(outcome) == "reused").count();
            let ended = outcomes.iter().filter(|(_, outcome)| kind(outcome) == "ended").count();
            assert_eq!((reused, ended), (1, RUNNERS - 1));
        }
    }

    async fn a_short_race_has_one_winner_in_each_round(t) {
        rounds(&t, 50).await;
    }
}

/// `count` rounds of 16 parallel refreshes of one token at two instances, with exactly one winner
/// each. The next round uses the winner's token.
pub fn race<H: StoreHarness<Store: SessionStore>>(count: usize) {
    // More threads than processors, so that they are often interrupted within a step.
    super::run_on::<H>(8, async |bench: Bench<H>| rounds(&bench, count).await);
}

async fn rounds<H: StoreHarness<Store: SessionStore>>(bench: &Bench<H>, count: usize) {
    open(&*bench.store, "alice", 1, 0).await;
    let stores = bench.instances(RUNNERS).await;
    let mut head = "0".to_owned();
    for round in 1..=count {
        head = one_winner(&stores, &head, &format!("round {round}")).await;
    }
    assert_eq!(listed(&*bench.store, "alice", 0).await, [sid(1)]);
}

/// Exchanges one token of session 1 in all of these calls at once: one gets its own successor, the
/// others get the winner's. Returns the name of the winner's successor.
async fn one_winner<S: SessionStore>(stores: &[Arc<S>], presented: &str, successor: &str) -> String {
    let outcomes = race_for(stores, 1, presented, successor, GRACE).await;
    let mut winners = Vec::new();
    let mut nonces: Vec<Nonce> = Vec::new();
    for (name, outcome) in outcomes {
        match outcome {
            RotationOutcome::Rotated(_) => winners.push(name),
            RotationOutcome::InGrace { nonce, rotated_at: NOW, .. } => nonces.push(nonce),
            other => panic!("{other:?}"),
        }
    }
    let [winner] = &winners[..] else { panic!("winners: {winners:?}") };
    assert_eq!(nonces, vec![nonce_of(winner); stores.len() - 1]);
    winner.clone()
}

/// Exchanges one token of a session in all of these calls at once, each for its own successor.
/// Returns the names of the successors with the outcomes.
async fn race_for<S: SessionStore>(
    stores: &[Arc<S>],
    number: u8,
    presented: &str,
    successor: &str,
    grace: i64,
) -> Vec<(String, RotationOutcome)> {
    let calls = stores.iter().enumerate().map(|(runner, store)| {
        let name = format!("{successor} of runner {runner}");
        let mut rotation = exchange(number, presented, &name);
        rotation.grace = seconds(grace);
        let store = Arc::clone(store);
        async move { (name, store.rotate(&owner("alice"), &rotation, NOW).await.unwrap()) }
    });
    all_at_once(calls).await
}

/// Starts all calls at the same moment, each in its own task.
pub(super) async fn all_at_once<T, F>(calls: impl IntoIterator<Item = F>) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let calls: Vec<_> = calls.into_iter().collect();
    let start = Arc::new(Barrier::new(calls.len()));
    let mut tasks = JoinSet::new();
    for call in calls {
        let start = Arc::clone(&start);
        tasks.spawn(async move {
            start.wait().await;
            call.await
        });
    }
    tasks.join_all().await
}

/// Starts two calls at the same moment.
async fn together<A, B>(
    one: impl Future<Output = A> + Send + 'static,
    other: impl Future<Output = B> + Send + 'static,
) -> (A, B)
where
    A: Send + 'static,
    B: Send + 'static,
{
    let start = Arc::new(Barrier::new(2));
    let line = Arc::clone(&start);
    let one = tokio::spawn(async move {
        line.wait().await;
        one.await
    });
    start.wait().await;
    let other = other.await;
    (one.await.unwrap(), other)
}
