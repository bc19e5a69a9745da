//! Entries that can never be carried out.

use super::*;

fn letter<'a>(letters: &'a [DeadLetter], id: &str) -> &'a DeadLetter {
    letters.iter().find(|letter| letter["source_id"] == id).unwrap()
}

#[tokio::test]
async fn unsigned_and_wrongly_signed_entries_are_buried_and_block_nothing() {
    let server = Redis::start();
    let (store, mut redis) = (store(&server.url()).await, raw(&server.url()).await);
    let message = [("zone_id", "zone_prod"), ("session_id", "forged")];
    let sign = |key: StreamKey, stream: &str| {
        key.sign(stream, message.map(|(name, value)| (name, Some(value)))).unwrap()
    };
    let with = |signature: &str| {
        [message.to_vec(), vec![("_sig", signature)]]
            .concat()
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect::<Vec<_>>()
    };
    let good = sign(key(), REVOKE);
    let bad = [
        with(""),
        with(&sign(StreamKey::new([8; 32]).unwrap(), REVOKE)),
        with(&sign(key(), INVALIDATE)),
        with(&good.to_uppercase()),
        with(&good[..63]),
        // A signed entry with one field more.
        [with(&good), vec![("sid".to_owned(), "victim".to_owned())]].concat(),
    ];
    let mut ids = vec![add(&mut redis, REVOKE, &message).await];
    for fields in &bad {
        let fields: Vec<_> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
        ids.push(add(&mut redis, REVOKE, &fields).await);
        add_revocation(&mut redis, "sid_1").await;
    }
    assert_eq!(drain(&mut revoker(&store).build().unwrap()).await, 13);
    assert!(is_revoked(&store, "sid_1").await);
    for anchor in ["forged", "victim"] {
        assert!(!is_revoked(&store, anchor).await, "{anchor}");
    }
    let letters = dead_letters(&mut redis, REVOKE).await;
    assert_eq!(letters.len(), 7);
    for id in &ids {
        assert_eq!(letter(&letters, id)["reason"], "invalid_signature");
    }
    assert_eq!(letter(&letters, &ids[0])["payload"], r#"{"session_id":"forged","zone_id":"zone_prod"}"#);
    assert_eq!(letters[0].len(), 3, "as Caracal writes them: {letters:?}");
    assert_eq!(pending(&mut redis, REVOKE, REVOKERS).await, 0);
    // The very entry, with its signature, is good.
    let fields = with(&good);
    let fields: Vec<_> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
    add(&mut redis, REVOKE, &fields).await;
    assert_eq!(drain(&mut revoker(&store).build().unwrap()).await, 1);
    assert!(is_revoked(&store, "forged").await);
}

/// A reason is free text, and the control plane signs it as it is: the text of this one is also
/// that of three fields.
#[tokio::test]
async fn a_revocation_that_can_be_read_in_two_ways_revokes_what_it_names() {
    let server = Redis::start();
    let (store, mut redis) = (store(&server.url()).await, raw(&server.url()).await);
    let sign = |key: StreamKey| {
        let fields = [("reason", "x"), ("s", "1"), ("session_id", "sid_1")];
        key.sign(REVOKE, fields.map(|(name, value)| (name, Some(value)))).unwrap()
    };
    let (good, forged) = (sign(key()), sign(StreamKey::new([8; 32]).unwrap()));
    let reason = ("reason", "x\ns=1");
    add(&mut redis, REVOKE, &[reason, ("session_id", "sid_1"), ("_sig", &good)]).await;
    // By another key, for another session, or with one field more, it is no better than others.
    for fields in [
        [reason, ("session_id", "sid_2"), ("_sig", &forged)].to_vec(),
        [reason, ("session_id", "sid_2"), ("_sig", &good)].to_vec(),
        [reason, ("session_id", "sid_1"), ("sid", "sid_2"), ("_sig", &good)].to_vec(),
    ] {
        add(&mut redis, REVOKE, &fields).await;
    }
    assert_eq!(drain(&mut revoker(&store).build().unwrap()).await, 4);
    assert!(is_revoked(&store, "sid_1").await && !is_revoked(&store, "sid_2").await);
    let letters = dead_letters(&mut redis, REVOKE).await;
    assert_eq!(letters.len(), 3);
    assert!(letters.iter().all(|letter| letter["reason"] == "invalid_signature"), "{letters:?}");
    // Somebody has joined all fields into one: nobody knows what is to be revoked.
    let joined = [("reason", "x\ns=1\nsession_id=sid_1"), ("_sig", &*good)];
    let id = add(&mut redis, REVOKE, &joined).await;
    assert_eq!(drain(&mut revoker(&store).build().unwrap()).await, 1);
    assert_eq!(letter(&dead_letters(&mut redis, REVOKE).await, &id)["reason"], "ambiguous_entry");
}

/// Too high an epoch refuses every delegation of the zone, and none can be lowered.
#[tokio::test]
async fn an_epoch_that_can_be_read_in_two_ways_is_not_raised() {
    let server = Redis::start();
    let (store, mut redis) = (store(&server.url()).await, raw(&server.url()).await);
    let fields = [("epoch", "5"), ("note", "x"), ("yes", "1"), ("zone_id", "zone_prod")];
    let good = key().sign(INVALIDATE, fields.map(|(name, value)| (name, Some(value)))).unwrap();
    let joined = [("epoch", "5"), ("note", "x\nyes=1"), ("zone_id", "zone_prod"), ("_sig", &*good)];
    let id = add(&mut redis, INVALIDATE, &joined).await;
    let mut consumer = hurried(store.delegation_consumer()).signing_key(key()).build().unwrap();
    assert_eq!(drain(&mut consumer).await, 1);
    assert_eq!(epoch(&store, "zone_prod").await, 0);
    assert_eq!(letter(&dead_letters(&mut redis, INVALIDATE).await, &id)["reason"], "ambiguous_entry");
}

/// As the documentation says: the group is set back to before the first that was lost.
#[tokio::test]
async fn entries_that_a_wrong_key_has_buried_can_be_replayed() {
    let server = Redis::start();
    let (store, mut redis) = (store(&server.url()).await, raw(&server.url()).await);
    add_revocation(&mut redis, "sid_1").await;
    add_revocation(&mut redis, "sid_2").await;
    let old = StreamKey::new([8; 32]).unwrap();
    let mut consumer = hurried(store.revocation_consumer()).signing_key(old).build().unwrap();
    assert_eq!(drain(&mut consumer).await, 2);
    assert!(!is_revoked(&store, "sid_1").await);
    let letters = dead_letters(&mut redis, REVOKE).await;
    let first: u64 = letters[0]["source_id"].split('-').next().unwrap().parse().unwrap();
    let before = (first - 1).to_string();
    ask::<()>(&mut redis, &["XGROUP", "SETID", REVOKE, REVOKERS, &before]).await;
    assert_eq!(drain(&mut revoker(&store).build().unwrap()).await, 2);
    assert!(is_revoked(&store, "sid_1").await && is_revoked(&store, "sid_2").await);
    // Where the stream was trimmed, a payload is added as it is, with its signature.
    ask::<usize>(&mut redis, &["DEL", REVOKE, "caracal:revoked:sessions:sid_1"]).await;
    let fields: BTreeMap<String, String> = serde_json::from_str(&letters[0]["payload"]).unwrap();
    let fields: Vec<_> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
    add(&mut redis, REVOKE, &fields).await;
    assert_eq!(drain(&mut revoker(&store).build().unwrap()).await, 1);
    assert!(is_revoked(&store, "sid_1").await);
}

#[tokio::test]
async fn each_poison_has_its_reason() {
    let server = Redis::start();
    let (store, mut redis) = (store(&server.url()).await, raw(&server.url()).await);
    let huge = "x".repeat(70_000);
    let mut ids = Vec::new();
    for (fields, reason) in [
        (&[("zone_id", "z"), ("session_id", "")][..], "missing_revocation_anchor"),
        (&[("zone_id", "z")], "missing_revocation_anchor"),
        (&[("session_id", "delegation-epoch:z")], "missing_revocation_anchor"),
        (&[("session_id", "s"), ("session_id", "t")], "malformed_entry"),
        (&[("session_id", "s"), ("reason", &huge)], "entry_too_large"),
    ] {
        ids.push((add(&mut redis, REVOKE, fields).await, reason));
    }
    let mut binary = redis::cmd("XADD");
    binary.arg(REVOKE).arg("*").arg("session_id").arg(&[0xff_u8, 0xfe]);
    ids.push((binary.query_async(&mut redis).await.unwrap(), "malformed_entry"));
    add(&mut redis, REVOKE, &[("session_id", "sid_1")]).await;
    let mut consumer = hurried(store.revocation_consumer()).danger_unsigned().build().unwrap();
    assert_eq!(drain(&mut consumer).await, 7);
    let letters = dead_letters(&mut redis, REVOKE).await;
    assert_eq!(letters.len(), ids.len());
    for (id, reason) in &ids {
        assert_eq!(letter(&letters, id)["reason"], *reason);
    }
    let large = letter(&letters, &ids[4].0);
    assert_eq!(large["payload"], r#"{"_bytes":"70017","_fields":"2"}"#, "it is not copied");
    assert!(is_revoked(&store, "sid_1").await && !is_revoked(&store, "s").await);

    let mut ids = Vec::new();
    for (zone, epoch) in [("z", ""), ("z", "-1"), ("z", "nan"), ("z", "1.5"), ("", "1")] {
        ids.push(add_signed(&mut redis, INVALIDATE, &[("zone_id", zone), ("epoch", epoch)]).await);
    }
    add_signed(&mut redis, INVALIDATE, &[("zone_id", "zone_prod"), ("epoch", "3")]).await;
    let mut consumer = hurried(store.delegation_consumer()).signing_key(key()).build().unwrap();
    assert_eq!(drain(&mut consumer).await, 6);
    let letters = dead_letters(&mut redis, INVALIDATE).await;
    assert_eq!(letters.len(), ids.len());
    assert!(ids.iter().all(|id| letter(&letters, id)["reason"] == "invalid_delegation_epoch"));
    assert_eq!(epoch(&store, "zone_prod").await, 3);
}

#[tokio::test]
async fn an_unsigned_consumer_looks_at_no_signature() {
    let server = Redis::start();
    let (store, mut redis) = (store(&server.url()).await, raw(&server.url()).await);
    add(&mut redis, REVOKE, &[("session_id", "a")]).await;
    add(&mut redis, REVOKE, &[("session_id", "b"), ("_sig", "deadbeef")]).await;
    let mut consumer = hurried(store.revocation_consumer()).danger_unsigned().build().unwrap();
    assert_eq!(drain(&mut consumer).await, 2);
    assert!(is_revoked(&store, "a").await && is_revoked(&store, "b").await);
}

#[tokio::test]
async fn keys_can_be_exchanged() {
    let server = Redis::start();
    let (store, mut redis) = (store(&server.url()).await, raw(&server.url()).await);
    add_revocation(&mut redis, "sid_1").await;
    let next = StreamKey::new([9; 32]).unwrap();
    let mut consumer =
        hurried(store.revocation_consumer()).signing_key(next).signing_key(key()).build().unwrap();
    assert_eq!(drain(&mut consumer).await, 1);
    assert!(is_revoked(&store, "sid_1").await);
}

/// Whoever can write to the stream, and has no key, fills no memory with dead letters.
#[tokio::test]
async fn dead_letters_are_bounded() {
    let server = Redis::start();
    let (store, mut redis) = (store(&server.url()).await, raw(&server.url()).await);
    let mut flood = redis::pipe();
    for number in 0..1500 {
        flood.cmd("XADD").arg(REVOKE).arg("*").arg("session_id").arg(number).ignore();
    }
    flood.exec_async(&mut redis).await.unwrap();
    add_revocation(&mut redis, "sid_1").await;
    let mut consumer = revoker(&store).dead_letters(100).batch_size(500).build().unwrap();
    assert_eq!(drain(&mut consumer).await, 1501);
    assert!(is_revoked(&store, "sid_1").await);
    let dead = length(&mut redis, &format!("{REVOKE}.dead")).await;
    // Redis trims by whole nodes of 100 entries.
    assert!((100..=200).contains(&dead), "{dead}");
    assert_eq!(dead_letters(&mut redis, REVOKE).await.last().unwrap()["payload"], r#"{"session_id":"1499"}"#);
}

#[tokio::test]
async fn without_a_dead_letter_there_is_no_acknowledgement() {
    let server = Redis::start();
    let (store, mut redis) = (store(&server.url()).await, raw(&server.url()).await);
    let dead = format!("{REVOKE}.dead");
    // Nothing can be added to that.
    ask::<()>(&mut redis, &["SET", &dead, "no stream"]).await;
    let id = add(&mut redis, REVOKE, &[("session_id", "forged")]).await;
    for number in 0..10 {
        add_revocation(&mut redis, &format!("sid_{number}")).await;
    }
    let consumer = revoker(&store).build().unwrap().spawn();
    eventually("the others are not blocked", async || is_revoked(&store, "sid_9").await).await;
    eventually("it alone is left", async || pending(&mut redis, REVOKE, REVOKERS).await == 1).await;
    tokio::time::sleep(ms(1000)).await;
    assert_eq!(pending(&mut redis, REVOKE, REVOKERS).await, 1, "it is tried, and never acknowledged");
    add_revocation(&mut redis, "later").await;
    eventually("new ones are not blocked", async || is_revoked(&store, "later").await).await;
    ask::<usize>(&mut redis, &["DEL", &dead]).await;
    eventually("it is buried", async || pending(&mut redis, REVOKE, REVOKERS).await == 0).await;
    let letters = dead_letters(&mut redis, REVOKE).await;
    assert_eq!(letters.len(), 1);
    assert_eq!(letter(&letters, &id)["reason"], "invalid_signature");
    consumer.shutdown().await;
}
