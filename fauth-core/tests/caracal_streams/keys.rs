//! The keys and values are those of a Caracal deployment, whoever writes them.

use super::*;

const PREFIX: &str = "caracal:revoked:sessions:";

async fn left(connection: &mut MultiplexedConnection, key: &str) -> i64 {
    ask(connection, &["PTTL", key]).await
}

#[tokio::test]
async fn a_revoked_anchor_is_a_key_that_caracal_reads() {
    let server = Redis::start();
    let (store, mut redis) = (store(&server.url()).await, raw(&server.url()).await);
    assert!(!is_revoked(&store, "sid_1").await);
    store.revoke(&["sid_1", "", "root_1"], HOUR).await.unwrap();
    for anchor in ["sid_1", "root_1"] {
        let key = format!("{PREFIX}{anchor}");
        assert_eq!(ask::<String>(&mut redis, &["GET", &key]).await, "1");
        assert!((3_590_000..=3_600_000).contains(&left(&mut redis, &key).await));
        assert!(is_revoked(&store, anchor).await);
    }
    let mut keys: Vec<String> = ask(&mut redis, &["KEYS", "*"]).await;
    keys.sort();
    assert_eq!(keys, [format!("{PREFIX}root_1"), format!("{PREFIX}sid_1")], "and nothing else");
    let state = store.check("zone_prod", &["", "other", "root_1"]).await.unwrap();
    assert!(state.is_revoked);
    assert!(!store.check("zone_prod", &["", "other"]).await.unwrap().is_revoked);
    assert!(!store.check("zone_prod", &[""]).await.unwrap().is_revoked);
}

#[tokio::test]
async fn what_caracal_writes_revokes() {
    let server = Redis::start();
    let (store, mut redis) = (store(&server.url()).await, raw(&server.url()).await);
    let key = |anchor: &str| format!("{PREFIX}{anchor}");
    ask::<()>(&mut redis, &["SET", &key("sid_1"), "1", "PX", "86400000"]).await;
    ask::<()>(&mut redis, &["SET", &key("delegation-epoch:zone_prod"), "41", "PX", "86400000"]).await;
    assert!(is_revoked(&store, "sid_1").await);
    assert_eq!(epoch(&store, "zone_prod").await, 41);
    assert_eq!(epoch(&store, "zone_other").await, 0);
    // Whatever else stands there revokes too.
    ask::<()>(&mut redis, &["SET", &key("empty"), ""]).await;
    ask::<usize>(&mut redis, &["RPUSH", &key("list"), "0"]).await;
    assert!(is_revoked(&store, "empty").await && is_revoked(&store, "list").await);
}

#[tokio::test]
async fn an_epoch_only_rises() {
    let server = Redis::start();
    let (store, mut redis) = (store(&server.url()).await, raw(&server.url()).await);
    let key = format!("{PREFIX}delegation-epoch:zone_prod");
    for (raised, holds) in [(0, 0), (7, 7), (6, 7), (7, 7), (10, 10), (9, 10), (u64::MAX, u64::MAX)] {
        assert_eq!(store.raise_epoch("zone_prod", raised, HOUR).await.unwrap(), holds, "{raised}");
        assert_eq!(epoch(&store, "zone_prod").await, holds);
    }
    assert_eq!(ask::<String>(&mut redis, &["GET", &key]).await, u64::MAX.to_string());
    // Beyond what numbers of Lua hold exactly.
    for digits in ["9007199254740992", "0009007199254740992"] {
        ask::<()>(&mut redis, &["SET", &key, digits, "PX", "1000"]).await;
        assert_eq!(store.raise_epoch("zone_prod", 9_007_199_254_740_991, HOUR).await.unwrap(), 1 << 53);
        let (next, holds) = ((1 << 53) + 1, (1 << 53) + 1);
        assert_eq!(store.raise_epoch("zone_prod", next, HOUR).await.unwrap(), holds, "{digits}");
    }
    // Higher than any mandate can name: it refuses all of them, and stays.
    ask::<()>(&mut redis, &["SET", &key, "99999999999999999999999"]).await;
    assert_eq!(epoch(&store, "zone_prod").await, u64::MAX);
    assert_eq!(store.raise_epoch("zone_prod", 5, HOUR).await.unwrap(), u64::MAX);
    assert_eq!(ask::<String>(&mut redis, &["GET", &key]).await, "99999999999999999999999");
}

/// Caracal takes it for 0 when it is read, which lets mandates pass.
#[tokio::test]
async fn an_epoch_that_is_no_number_refuses_until_it_is_raised() {
    let server = Redis::start();
    let (store, mut redis) = (store(&server.url()).await, raw(&server.url()).await);
    let key = format!("{PREFIX}delegation-epoch:zone_prod");
    for broken in ["", "nan", "-1", "1.5", " 7", "0x10"] {
        ask::<()>(&mut redis, &["SET", &key, broken, "PX", "60000"]).await;
        let error = store.check("zone_prod", &["sid_1"]).await.unwrap_err().to_string();
        assert!(error.contains(&key), "{error}");
        assert!(store.check("zone_other", &["sid_1"]).await.is_ok(), "the others go on");
        assert_eq!(store.raise_epoch("zone_prod", 3, HOUR).await.unwrap(), 3, "{broken}");
        assert_eq!(epoch(&store, "zone_prod").await, 3);
        ask::<usize>(&mut redis, &["DEL", &key]).await;
    }
    ask::<usize>(&mut redis, &["RPUSH", &key, "7"]).await;
    assert!(store.check("zone_prod", &["sid_1"]).await.is_err());
    assert_eq!(store.raise_epoch("zone_prod", 3, HOUR).await.unwrap(), 3);
    assert_eq!(epoch(&store, "zone_prod").await, 3);
}

#[tokio::test]
async fn no_call_shortens_another() {
    let server = Redis::start();
    let (store, mut redis) = (store(&server.url()).await, raw(&server.url()).await);
    let (anchor, zone) = (format!("{PREFIX}sid_1"), format!("{PREFIX}delegation-epoch:z"));
    store.revoke(&["sid_1"], HOUR).await.unwrap();
    store.raise_epoch("z", 5, HOUR).await.unwrap();
    store.revoke(&["sid_1"], ms(1)).await.unwrap();
    store.raise_epoch("z", 6, ms(1)).await.unwrap();
    for key in [&anchor, &zone] {
        assert!(left(&mut redis, key).await > 3_000_000, "{key}");
    }
    store.revoke(&["sid_1"], HOUR * 2).await.unwrap();
    store.raise_epoch("z", 6, HOUR * 2).await.unwrap();
    for key in [&anchor, &zone] {
        assert!(left(&mut redis, key).await > 7_000_000, "{key}");
    }
    // A higher epoch stands in for a lower one.
    store.raise_epoch("z", 1, HOUR * 3).await.unwrap();
    assert!(left(&mut redis, &zone).await > 10_000_000);
    // What has no end keeps none.
    for key in [&anchor, &zone] {
        ask::<usize>(&mut redis, &["PERSIST", key]).await;
    }
    store.revoke(&["sid_1"], HOUR).await.unwrap();
    store.raise_epoch("z", 7, HOUR).await.unwrap();
    for key in [&anchor, &zone] {
        assert_eq!(left(&mut redis, key).await, -1, "{key}");
    }
    assert_eq!(epoch(&store, "z").await, 7);
}

/// Its key would be the epoch of a zone, which revoking it would lower to 1.
#[tokio::test]
async fn an_anchor_cannot_be_the_epoch_of_a_zone() {
    let server = Redis::start();
    let store = store(&server.url()).await;
    store.raise_epoch("zone_prod", 41, HOUR).await.unwrap();
    let error = store.revoke(&["sid_1", "delegation-epoch:zone_prod"], HOUR).await.unwrap_err();
    assert!(error.to_string().contains("delegation-epoch:"), "{error}");
    assert_eq!(epoch(&store, "zone_prod").await, 41);
    assert!(!is_revoked(&store, "sid_1").await, "all or nothing");
    assert!(is_revoked(&store, "delegation-epoch:zone_prod").await);
    assert!(is_revoked(&store, "delegation-epoch:zone_other").await, "whether there is one or not");
}

#[tokio::test]
async fn a_mandate_is_spent_once_under_a_key_of_our_own() {
    let server = Redis::start();
    let (one, mut redis) = (store(&server.url()).await, raw(&server.url()).await);
    let other = store(&server.url()).await;
    let calls = (0..16).map(|number| {
        let store = if number % 2 == 0 { one.clone() } else { other.clone() };
        tokio::spawn(async move { store.spend("jti_1", HOUR).await.unwrap() })
    });
    let mut first = 0;
    for call in calls.collect::<Vec<_>>() {
        first += usize::from(call.await.unwrap());
    }
    assert_eq!(first, 1);
    assert!(!is_revoked(&one, "jti_1").await, "it is used, and not revoked");
    let keys: Vec<String> = ask(&mut redis, &["KEYS", "*"]).await;
    assert_eq!(keys, ["fauth:caracal:revoked:sessions:spent:jti_1"]);
    assert!(left(&mut redis, &keys[0]).await > 3_500_000);
    assert!(one.spend("jti_2", ms(1)).await.unwrap());
    tokio::time::sleep(ms(20)).await;
    assert!(one.spend("jti_2", HOUR).await.unwrap(), "it has ended");
}

#[tokio::test]
async fn many_anchors_are_revoked_in_parts() {
    let server = Redis::start();
    let store = store(&server.url()).await;
    let names: Vec<_> = (0..1234).map(|number| format!("sid_{number}")).collect();
    let anchors: Vec<_> = names.iter().map(String::as_str).collect();
    store.revoke(&anchors, HOUR).await.unwrap();
    for anchor in [anchors[0], anchors[499], anchors[500], anchors[1233]] {
        assert!(is_revoked(&store, anchor).await, "{anchor}");
    }
    store.revoke(&[], HOUR).await.unwrap();
}

/// A check is one command: what counts is the time of one way there and back.
#[tokio::test]
async fn a_check_is_one_round_trip() {
    let server = Redis::start();
    let (store, mut redis) = (store(&server.url()).await, raw(&server.url()).await);
    is_revoked(&store, "sid_1").await;
    let calls = async |redis: &mut MultiplexedConnection| {
        let info: String = ask(redis, &["INFO", "stats"]).await;
        let line = info.lines().find_map(|line| line.strip_prefix("total_commands_processed:"));
        line.unwrap().trim().parse::<usize>().unwrap()
    };
    let before = calls(&mut redis).await;
    for _ in 0..10 {
        store.check("zone_prod", &["a", "b", "c", "d", "e", "f", "g"]).await.unwrap();
    }
    let commands = calls(&mut redis).await - before;
    // A script and the three commands in it, and the question itself.
    assert!(commands <= 41, "{commands}");
}
