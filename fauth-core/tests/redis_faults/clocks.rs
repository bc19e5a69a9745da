//! The clock of one instance jumps.

use fauth_core::store::{SessionStore as _, Verdict};
use fauth_testing::ManualClock;
use servers::Redis;

use super::*;

/// It jumps nine days ahead, where everything seems to be over and others make the store forget,
/// and back again.
#[tokio::test]
async fn what_was_revoked_holds_when_the_clock_comes_back() {
    let server = Redis::start();
    let clock = ManualClock::new();
    clock.set(now());
    let start = later(Duration::from_secs(5));
    let store = async |mirror| {
        let store = RedisStore::builder(server.url()).clock(clock.clone()).mirror(mirror);
        store.connect().await.unwrap()
    };
    let stores = [store(false).await, store(true).await];
    let at = |span| start.checked_add(span).unwrap();
    let issued_at = at(Duration::from_secs(5));
    let [one, two] = &stores;
    clock.set(start);
    one.revoke(&alice(), &[RevocationTarget::TokenId("revoked")], None, start, at(DAY)).await.unwrap();
    let epoch = one.raise_epoch(&owner("bob"), start, at(DAY)).await.unwrap();
    one.open(login(1), start).await.unwrap();

    clock.set(at(DAY * 9));
    for number in 0..200 {
        let id = format!("later {number}");
        two.revoke(&alice(), &[RevocationTarget::TokenId(&id)], None, at(DAY * 9), at(DAY * 10))
            .await
            .unwrap();
    }
    two.raise_epoch(&owner("carol"), at(DAY * 9), at(DAY * 10)).await.unwrap();
    assert_eq!(two.list(&alice(), at(DAY * 9)).await.unwrap(), []);
    two.open(login(2), at(DAY * 9)).await.unwrap();
    // A few beats, in which the mirror may forget.
    tokio::time::sleep(Duration::from_millis(1500)).await;

    clock.set(start);
    // By a clock that went back, nobody knows how old a mirror is, until two answers have come.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    let fresh = store(true).await;
    for store in stores.iter().chain([&fresh]) {
        for seconds in [10, 0] {
            let seen = checked(store, ("revoked", 0), issued_at, at(Duration::from_secs(seconds))).await;
            assert_eq!(seen.unwrap(), Verdict::Revoked);
        }
        assert_eq!(checked(store, ("good", 0), issued_at, start).await.unwrap(), Verdict::Good);
        assert_eq!(store.epoch(&owner("bob"), start).await.unwrap(), epoch);
        assert_eq!(store.list(&alice(), start).await.unwrap().len(), 2);
    }
    let ended = one.end_all(&alice(), None, start).await.unwrap();
    assert!(ended.iter().any(|ended| ended.id == sid(1)), "{ended:?}");
}

/// An instance whose clock is ahead ends sessions that have expired for it alone. It does not
/// tell, but they have ended for all.
#[tokio::test]
async fn an_instance_that_is_ahead_ends_sessions_for_all() {
    let server = Redis::start();
    let store = direct(&server.url()).await;
    store.open(login(1), now()).await.unwrap();
    assert_eq!(store.end_all(&alice(), None, later(DAY * 9)).await.unwrap(), []);
    assert_eq!(store.list(&alice(), now()).await.unwrap(), []);
    let outcome = store.rotate(&alice(), &exchange(1, 0, 1), now()).await.unwrap();
    assert!(matches!(outcome, fauth_core::store::RotationOutcome::Ended { .. }), "{outcome:?}");
}

/// The machine was suspended: only the store's clock has gone on. Redis answers nothing meanwhile,
/// so that no beat comes in between.
#[tokio::test]
async fn a_mirror_is_as_old_as_the_older_clock_says() {
    let server = Redis::start();
    let clock = ManualClock::new();
    clock.set(now());
    let store = RedisStore::builder(server.url())
        .clock(clock.clone())
        .max_staleness(MINUTE)
        .command_timeout(MINUTE)
        .connect()
        .await
        .unwrap();
    let start = later(Duration::from_secs(5));
    clock.set(start);
    let issued_at = start;
    let at = |seconds: i64| Timestamp::from_unix_seconds(start.unix_seconds() + seconds);
    let good = async || verdict(&store, "good", issued_at).await == Some(Verdict::Good);
    // Two beats, so that what was confirmed last was asked for at `start`.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    server.pause();
    for (seconds, is_good) in [
        (0, true),
        (1, true),
        (62, true),
        (63, false),
        (3600, false),
        (-2, true),
        (-3, false),
        (-3600, false),
    ] {
        clock.set(at(seconds));
        assert_eq!(good().await, is_good, "{seconds} s");
    }
    clock.set(at(3600));
    assert!(!good().await);
    server.resume();
    eventually("good again", async || good().await).await;
    clock.break_down();
    assert!(!good().await);
}
