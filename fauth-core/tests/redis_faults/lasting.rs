//! How long keys and entries last.

use fauth_core::{
    Purpose,
    store::{OneTimeRecord, OneTimeStore, RotationOutcome, SessionStore},
};
use servers::Redis;

use super::*;

const HOUR: Duration = Duration::from_secs(3600);

async fn keep_one_time(store: &RedisStore, number: u128, span: Duration) {
    let purpose = Purpose::PasswordReset;
    let record = OneTimeRecord { hash: hash(number), owner: alice(), purpose, expires_at: later(span) };
    OneTimeStore::insert(store, record, 9, now()).await.unwrap();
}

async fn open(store: &RedisStore, number: u32, span: Duration) {
    let mut new = login(number);
    new.session.expires_at = later(span);
    store.open(new, now()).await.unwrap();
}

async fn keys_like(server: &Redis, pattern: &str) -> Vec<String> {
    redis::cmd("KEYS").arg(pattern).query_async(&mut raw(&server.url()).await).await.unwrap()
}

/// How long a key lives; `None` for ever.
async fn time_to_live(server: &Redis, key: &str) -> Option<Duration> {
    let left: i64 = redis::cmd("PTTL").arg(key).query_async(&mut raw(&server.url()).await).await.unwrap();
    assert!(left != -2, "no {key}");
    u64::try_from(left).ok().map(Duration::from_millis)
}

/// What an owner has leaves by itself, and all of it has one hash tag. What is revoked has an end
/// in its entries only: a server that evicts would begin with what has an end. It has one tag too.
#[tokio::test]
async fn what_owners_have_has_an_end_and_what_is_revoked_has_none() {
    let server = Redis::start();
    let store = direct(&server.url()).await;
    for number in 1..=2 {
        open(&store, number, DAY * 7).await;
    }
    store.rotate(&alice(), &exchange(1, 0, 1), now()).await.unwrap();
    store.end(&alice(), &sid(2), now()).await.unwrap();
    revoke(&store, "revoked").await;
    store.raise_epoch(&alice(), now(), later(DAY)).await.unwrap();
    keep_one_time(&store, 1, DAY).await;
    keep_api_key(&store, api_key(&alice(), 1)).await;

    let of_alice = keys_like(&server, &format!("{{fauth:{}}}:*", alice().bucket())).await;
    assert_eq!(of_alice.len(), 5, "{of_alice:?}");
    for key in &of_alice {
        let left = time_to_live(&server, key).await.unwrap();
        assert!(left > DAY && left <= DAY * 7 + HOUR, "{key} {left:?}");
    }
    let mut revoked = keys_like(&server, "{fauth:r}:*").await;
    revoked.sort();
    let share = revoked.pop().unwrap();
    assert!(share.starts_with("{fauth:r}:share:"), "{share}");
    let names = ["changes", "epoch-ends", "epochs", "memory", "revoked"];
    assert_eq!(revoked, names.map(|name| format!("{{fauth:r}}:{name}")));
    for key in revoked.iter().chain([&share]) {
        let left = time_to_live(&server, key).await;
        // What may be lost.
        assert_eq!(left.is_some(), key == "{fauth:r}:changes" || *key == share, "{key} {left:?}");
        assert!(left.is_none_or(|left| left <= DAY + HOUR), "{key} {left:?}");
    }
    assert_eq!(keys_like(&server, "*").await.len(), 11);
}

/// Whatever has one key for all that an owner has.
#[tokio::test]
async fn a_longer_entry_prolongs_the_life_of_its_key_and_a_shorter_one_does_not_shorten_it() {
    let server = Redis::start();
    let store = direct(&server.url()).await;
    for (round, span, expected) in [(1, MINUTE, MINUTE), (2, DAY, DAY), (3, MINUTE, DAY)] {
        open(&store, u32::from(round), span).await;
        open(&store, 10 + u32::from(round), span).await;
        store.end(&alice(), &sid(10 + u32::from(round)), now()).await.unwrap();
        keep_one_time(&store, u128::from(round), span).await;
        keep_api_key(&store, ApiKey { expires_at: later(span), ..api_key(&alice(), round) }).await;
        let id = format!("token {round}");
        let targets = [RevocationTarget::TokenId(&id)];
        assert!(store.revoke(&alice(), &targets, Some(9), now(), later(span)).await.unwrap());
        for kind in ["sessions", "tombstones", "one-times", "api-keys", "share"] {
            let keys = keys_like(&server, &format!("*:{kind}:*")).await;
            let [key] = keys.as_slice() else { panic!("{keys:?}") };
            let left = time_to_live(&server, key).await.unwrap();
            let expected = expected + HOUR;
            assert!(left + MINUTE > expected && left <= expected, "{kind} in round {round}: {left:?}");
        }
    }
}

/// Each refresh moves the idle end, and none the absolute one.
#[tokio::test]
async fn a_refreshed_session_has_an_end_of_its_own() {
    let server = Redis::start();
    let store = direct(&server.url()).await;
    let start = now();
    let at = |seconds| start.checked_add(Duration::from_secs(seconds)).unwrap();
    let mut new = login(1);
    (new.session.created_at, new.session.last_seen_at) = (start, start);
    new.session.idle_timeout = Duration::from_secs(50);
    new.session.expires_at = at(120);
    store.open(new, start).await.unwrap();
    let is_live = async |seconds| {
        let listed = SessionStore::list(&store, &alice(), at(seconds)).await.unwrap().len() == 1;
        let outcome = store.rotate(&alice(), &exchange(1, u128::MAX - 1, 0), at(seconds)).await;
        (listed, outcome.unwrap())
    };
    assert_eq!(is_live(50).await, (false, RotationOutcome::Expired));
    for (round, (seconds, last)) in (0..).zip([(40, 89), (80, 119), (110, 119)]) {
        let outcome = store.rotate(&alice(), &exchange(1, round, round + 1), at(seconds)).await.unwrap();
        assert!(matches!(outcome, RotationOutcome::Rotated(_)), "{outcome:?}");
        assert_eq!(SessionStore::list(&store, &alice(), at(last)).await.unwrap().len(), 1, "{last}");
        assert_eq!(is_live(last + 1).await, (false, RotationOutcome::Expired), "{last}");
    }
}
