//! What is revoked for one owner is counted, and nothing is written twice.

use fauth_core::store::Verdict;
use servers::Redis;

use super::*;

/// How many changes there were, how long the stream is, and what is revoked.
async fn written(server: &Redis) -> (u64, u64, Vec<(String, String)>) {
    let mut all = redis::pipe();
    all.cmd("HGET").arg("{fauth:r}:memory").arg("seq");
    all.cmd("XLEN").arg("{fauth:r}:changes");
    all.cmd("ZRANGE").arg("{fauth:r}:revoked").arg(0).arg(-1).arg("WITHSCORES");
    let (number, length, revoked): (u64, u64, Vec<String>) =
        all.query_async(&mut raw(&server.url()).await).await.unwrap();
    let pairs =
        revoked.chunks_exact(2).map(|pair| (pair.first().unwrap().clone(), pair.last().unwrap().clone()));
    // The one that names the memory follows the number of changes.
    (number, length, pairs.filter(|(name, _)| !name.starts_with("memory:")).collect())
}

async fn revoke_one(store: &RedisStore, whose: &str, id: &str, limit: Option<usize>, span: Duration) -> bool {
    let targets = [RevocationTarget::TokenId(id)];
    store.revoke(&owner(whose), &targets, limit, now(), later(span)).await.unwrap()
}

/// Whoever repeats a logout a thousand times adds nothing, not even to the stream.
#[tokio::test]
async fn what_is_revoked_for_long_enough_is_not_written_again() {
    let server = Redis::start();
    let store = direct(&server.url()).await;
    assert!(revoke_one(&store, "alice", "one", Some(1), DAY).await);
    let before = written(&server).await;
    for span in [DAY.saturating_sub(MINUTE), MINUTE] {
        for limit in [Some(1), Some(0), None] {
            assert!(revoke_one(&store, "alice", "one", limit, span).await);
        }
    }
    assert_eq!(written(&server).await, before);
    // For longer it is, also where the share is full: it takes no further place.
    assert!(revoke_one(&store, "alice", "one", Some(1), DAY * 2).await);
    let after = written(&server).await;
    assert_eq!((after.0, after.1), (before.0 + 1, before.1 + 1));
    assert_ne!(after.2, before.2);
    // Twice in one call is once.
    let twice = [RevocationTarget::TokenId("two"), RevocationTarget::TokenId("two")];
    assert!(store.revoke(&owner("alice"), &twice, Some(2), now(), later(DAY)).await.unwrap());
    assert_eq!(written(&server).await.2.len(), 2);
}

#[tokio::test]
async fn a_full_share_takes_nothing_and_changes_nothing() {
    let server = Redis::start();
    let stores = [("alice", direct(&server.url()).await), ("bob", mirrored(&server.url()).await)];
    for (whose, store) in stores {
        let issued_at = now();
        for number in 0..3 {
            assert!(revoke_one(&store, whose, &format!("token {number}"), Some(3), DAY).await);
        }
        let before = written(&server).await;
        let more = [RevocationTarget::TokenId("token 0"), RevocationTarget::Session("a session")];
        assert!(!store.revoke(&owner(whose), &more, Some(3), now(), later(DAY)).await.unwrap());
        assert_eq!(written(&server).await, before);
        let facts = TokenFacts { owner: owner(whose), targets: more.get(1..).unwrap(), epoch: 0, issued_at };
        assert_eq!(store.check(&facts, now()).await.unwrap(), Verdict::Good, "nor does the mirror");
        // Others have their own; a claim is nobody's; an administrator has no limit.
        assert!(revoke_one(&store, &format!("{whose} too"), "token", Some(1), DAY).await);
        let claim = [RevocationTarget::Claim { name: "device", value: whose }];
        assert!(store.revoke(&owner(whose), &claim, Some(3), now(), later(DAY)).await.unwrap());
        assert!(store.revoke(&owner(whose), &more, None, now(), later(DAY)).await.unwrap());
        assert_eq!(store.check(&facts, now()).await.unwrap(), Verdict::Revoked);
        // What an administrator has revoked is counted too.
        assert!(!revoke_one(&store, whose, "token 9", Some(4), DAY).await);
        assert!(revoke_one(&store, whose, "token 9", Some(5), DAY).await);
    }
}

/// What is over frees its place, and leaves the share an hour later.
#[tokio::test]
async fn what_is_over_is_not_counted() {
    let server = Redis::start();
    let store = direct(&server.url()).await;
    let ago = |minutes: i64| Timestamp::from_unix_seconds(now().unix_seconds() - minutes * 60);
    let targets =
        |ids: &'static [&str]| ids.iter().map(|id| RevocationTarget::TokenId(id)).collect::<Vec<_>>();
    let old = targets(&["a", "b"]);
    assert!(store.revoke(&alice(), &old, Some(2), ago(180), ago(120)).await.unwrap());
    assert!(!store.revoke(&alice(), &targets(&["c"]), Some(2), ago(121), now()).await.unwrap());
    assert!(store.revoke(&alice(), &targets(&["c", "d"]), Some(2), now(), later(DAY)).await.unwrap());
    // One that is over takes its place again.
    assert!(!store.revoke(&alice(), &targets(&["a"]), Some(2), now(), later(DAY)).await.unwrap());
    assert!(store.revoke(&alice(), &targets(&["a"]), Some(3), now(), later(DAY)).await.unwrap());
    let mut connection = raw(&server.url()).await;
    let shares: Vec<String> =
        redis::cmd("KEYS").arg("{fauth:r}:share:*").query_async(&mut connection).await.unwrap();
    let [share] = shares.as_slice() else { panic!("{shares:?}") };
    let mut range = redis::cmd("ZRANGE");
    let left: Vec<String> = range.arg(share).arg(0).arg(-1).query_async(&mut connection).await.unwrap();
    assert_eq!(left.len(), 3, "{left:?}");
}

/// It may be evicted: then the count begins anew, and nothing else is forgotten.
#[tokio::test]
async fn a_share_that_is_lost_forgets_the_count_only() {
    let server = Redis::start();
    let store = direct(&server.url()).await;
    let issued_at = now();
    assert!(revoke_one(&store, "alice", "one", Some(1), DAY).await);
    assert!(!revoke_one(&store, "alice", "two", Some(1), DAY).await);
    let mut connection = raw(&server.url()).await;
    let shares: Vec<String> =
        redis::cmd("KEYS").arg("{fauth:r}:share:*").query_async(&mut connection).await.unwrap();
    redis::cmd("DEL").arg(&shares).exec_async(&mut connection).await.unwrap();
    let before = written(&server).await;
    assert!(revoke_one(&store, "alice", "one", Some(0), DAY.saturating_sub(MINUTE)).await);
    assert_eq!(written(&server).await, before);
    assert!(revoke_one(&store, "alice", "two", Some(1), DAY).await);
    assert!(!revoke_one(&store, "alice", "three", Some(1), DAY).await);
    for id in ["one", "two"] {
        assert_eq!(verdict(&store, id, issued_at).await, Some(Verdict::Revoked));
    }
    assert_eq!(verdict(&store, "three", issued_at).await, Some(Verdict::Good));
}

/// Ids of any length are kept apart.
#[tokio::test]
async fn long_and_short_ids_have_places_of_their_own() {
    let server = Redis::start();
    let store = direct(&server.url()).await;
    let ids = ["x".repeat(64), "x".repeat(65), "x".repeat(66), "x".repeat(500), "x".repeat(501)];
    for (number, id) in ids.iter().enumerate() {
        for target in [RevocationTarget::TokenId(id), RevocationTarget::Session(id)] {
            let limit = Some(2 * number + usize::from(matches!(target, RevocationTarget::Session(_))));
            let revoke = async |limit| store.revoke(&alice(), &[target], limit, now(), later(DAY)).await;
            assert!(!revoke(limit).await.unwrap(), "{target:?}");
            assert!(revoke(limit.map(|limit| limit + 1)).await.unwrap(), "{target:?}");
        }
    }
}
